package jinja

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// strip is the methods strip, lstrip and rstrip; chars None means white space.
func (r *run) strip(name string, t str, a args) str {
	p := r.bind(name, a, "chars?")
	cut := isSpace
	if p.given(0) {
		chars := p.text(0, "")
		r.step(int64(len(chars)))
		set := map[rune]bool{}
		for _, c := range chars {
			set[c] = true
		}
		cut = func(c rune) bool { return set[c] }
	}
	r.scan(t.s)
	if name != "rstrip" {
		t = t.last(len(strings.TrimLeftFunc(t.s, cut)))
	}
	if name != "lstrip" {
		t = t.slice(0, len(strings.TrimRightFunc(t.s, cut)))
	}
	return t
}

// replace replaces the first n places of old, or all where n is negative.
func (r *run) replace(t str, old string, with str, n int64) str {
	r.step(int64(len(t.s) / 16))
	count := int64(strings.Count(t.s, old))
	if n >= 0 {
		count = min(count, n)
	}
	if count == 0 {
		return t.from(0)
	}
	if grow := len(with.s) - len(old); grow > 0 && count > r.limits.Memory/int64(grow) {
		r.fail("the template makes too much text (more than %d bytes in all)", r.limits.Memory)
	}
	r.alloc(len(t.s) + int(count)*(len(with.s)-len(old)))
	var b builder
	done := 0
	for i := range count {
		at := done
		switch {
		case old != "":
			at += strings.Index(t.s[done:], old)
		case i > 0: // empty text is found before each character and at the end
			_, n := utf8.DecodeRuneInString(t.s[done:])
			at += n
		}
		b.write(t.slice(done, at))
		b.write(with)
		done = at + len(old)
	}
	b.write(t.from(done))
	return b.str()
}

// texts makes a list of texts.
func (r *run) texts(parts []str) *list {
	r.alloc(32 * len(parts))
	l := &list{items: make([]value, len(parts))}
	for i, p := range parts {
		l.items[i] = p
	}
	return l
}

// split is the methods split and rsplit.
func (r *run) split(name string, t str, a args) value {
	p := r.bind(name, a, "sep?", "maxsplit?")
	limit := p.int(1, -1)
	if limit < 0 || limit > int64(len(t.s)) {
		limit = int64(len(t.s)) + 1
	}
	r.scan(t.s)
	if !p.given(0) {
		return r.splitSpace(t, int(limit), name == "rsplit")
	}
	sep := p.text(0, "")
	if sep == "" {
		r.fail("empty separator")
	}
	var parts []str
	if name == "split" {
		r.alloc(16 * min(strings.Count(t.s, sep), int(limit)))
		at := 0
		for _, part := range strings.SplitN(t.s, sep, int(limit)+1) {
			parts = append(parts, t.slice(at, at+len(part)))
			at += len(part) + len(sep)
		}
		return r.texts(parts)
	}
	for ; limit > 0; limit-- {
		i := strings.LastIndex(t.s, sep)
		if i < 0 {
			break
		}
		r.alloc(16)
		parts = append(parts, t.from(i+len(sep)))
		t = t.slice(0, i)
	}
	return r.texts(reversed(append(parts, t)))
}

// reversed reverses items in place.
func reversed[T any](items []T) []T {
	slices.Reverse(items)
	return items
}

// splitSpace splits at white space, at most limit times, from the left or the right.
func (r *run) splitSpace(t str, limit int, right bool) value {
	var parts []str
	if right {
		t = t.slice(0, len(strings.TrimRightFunc(t.s, isSpace)))
	} else {
		t = t.last(len(strings.TrimLeftFunc(t.s, isSpace)))
	}
	for ; t.s != "" && limit > 0; limit-- {
		r.alloc(16)
		if right {
			i := strings.LastIndexFunc(t.s, isSpace)
			if i < 0 {
				break
			}
			_, n := utf8.DecodeRuneInString(t.s[i:])
			parts = append(parts, t.from(i+n))
			t = t.slice(0, len(strings.TrimRightFunc(t.s[:i], isSpace)))
			continue
		}
		i := strings.IndexFunc(t.s, isSpace)
		if i < 0 {
			break
		}
		parts = append(parts, t.slice(0, i))
		t = t.last(len(strings.TrimLeftFunc(t.s[i:], isSpace)))
	}
	if t.s != "" {
		parts = append(parts, t)
	}
	if right {
		parts = reversed(parts)
	}
	return r.texts(parts)
}

// lineEnd is the length of the line break at the beginning of t, or 0.
func lineEnd(t string) int {
	if strings.HasPrefix(t, "\r\n") {
		return 2
	}
	switch c, n := utf8.DecodeRuneInString(t); c {
	case '\n', '\r', '\v', '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029:
		return n
	}
	return 0
}

// splitLines splits at line breaks, which stay at the ends of the lines if keep is set.
func (r *run) splitLines(t str, keep bool) *list {
	r.scan(t.s)
	var parts []str
	begin := 0
	for i := 0; i < len(t.s); {
		n := lineEnd(t.s[i:])
		if n == 0 {
			_, w := utf8.DecodeRuneInString(t.s[i:])
			i += w
			continue
		}
		end := i
		if i += n; keep {
			end = i
		}
		r.alloc(16)
		parts = append(parts, t.slice(begin, end))
		begin = i
	}
	if begin < len(t.s) {
		parts = append(parts, t.from(begin))
	}
	return r.texts(parts)
}

func (r *run) partition(name string, t str, a args) value {
	sep := r.bind(name, a, "sep").str(0, "").from(0)
	if sep.s == "" {
		r.fail("empty separator")
	}
	r.step(int64(len(t.s) / 64))
	i := strings.Index(t.s, sep.s)
	if name == "rpartition" {
		i = strings.LastIndex(t.s, sep.s)
	}
	switch {
	case i >= 0:
		return &tuple{items: []value{t.slice(0, i), sep, t.from(i + len(sep.s))}}
	case name == "rpartition":
		return &tuple{items: []value{literal(""), literal(""), t.from(0)}}
	}
	return &tuple{items: []value{t.from(0), literal(""), literal("")}}
}

// window returns the characters [start:end] of t, which are arguments i and i+1 of a method, and the
// index of the first. It is not ok if start lies behind the end of t.
func (r *run) window(t string, p params, i int) (part string, first int64, ok bool) {
	if !p.given(i) && !p.given(i+1) {
		return t, 0, true
	}
	n, _ := r.size(literal(t))
	var start, stop value
	if p.given(i) {
		start = p.int(i, 0)
	}
	if p.given(i + 1) {
		stop = p.int(i+1, 0)
	}
	if start != nil && toInt(start) > int64(n) {
		return "", 0, false
	}
	first, count, _ := r.indices(n, start, stop, nil)
	return literal(t).cut(int(first), int(first+count)).s, first, true
}

// affix is the methods startswith and endswith.
func (r *run) affix(name string, in str, a args, has func(t, affix string) bool) value {
	p := r.bind(name, a, "affix", "start?", "end?")
	t, _, ok := r.window(in.s, p, 1)
	if tp, isTuple := p.v[0].(*tuple); isTuple {
		for _, item := range tp.items {
			affix, isText := text(item)
			if !isText {
				r.fail("tuple for %s must only contain str, not %s", name, typeName(item))
			}
			r.step(int64(1 + len(affix)/64))
			if ok && has(t, affix) {
				return true
			}
		}
		return false
	}
	affix := p.text(0, "")
	r.step(int64(len(affix) / 64))
	return ok && has(t, affix)
}

// find is the methods find and rfind: the index in characters, or -1.
func (r *run) find(name string, in str, a args, index func(t, sub string) int) value {
	p := r.bind(name, a, "sub", "start?", "end?")
	sub := p.text(0, "")
	t, first, ok := r.window(in.s, p, 1)
	if !ok {
		return int64(-1)
	}
	r.step(int64(len(t) / 16))
	i := index(t, sub)
	if i < 0 {
		return int64(-1)
	}
	return first + int64(utf8.RuneCountInString(t[:i]))
}

// found is the methods index and rindex, which fail where find gives -1.
func (r *run) found(name string, t str, a args, index func(t, sub string) int) value {
	i := r.find(name, t, a, index)
	if i == int64(-1) {
		r.fail("substring not found")
	}
	return i
}

func countText(r *run, in str, a args) value {
	p := r.bind("count", a, "sub", "start?", "end?")
	sub := p.text(0, "")
	t, _, ok := r.window(in.s, p, 1)
	if !ok {
		return int64(0)
	}
	r.step(int64(len(t) / 16))
	return int64(strings.Count(t, sub))
}

func joinText(r *run, t str, a args) value {
	next := r.iter(r.bind("join", a, "iterable").v[0])
	var b builder
	i := 0
	for item, ok := next(); ok; item, ok = next() {
		part, isText := item.(str)
		if !isText {
			r.fail("sequence item %d: expected str instance, %s found", i, typeName(item))
		}
		if i > 0 {
			b.write(r.made(t))
		}
		b.write(r.made(part))
		i++
	}
	return b.str()
}

// pad is the methods center, ljust and rjust.
func (r *run) pad(name string, t str, a args) str {
	p := r.bind(name, a, "width", "fillchar?")
	fill := p.str(1, " ")
	if n, _ := r.size(fill); n != 1 {
		r.fail("the fill character must be exactly one character long")
	}
	align := map[string]byte{"center": '^', "ljust": '<', "rjust": '>'}[name]
	n, _ := r.size(t)
	width := p.int(0, 0)
	if name == "center" && width > int64(n) {
		// Python adds the extra one on the left where the width is odd.
		m := width - int64(n)
		left := m/2 + m&width&1
		return join(r.times(fill, left), t, r.times(fill, m-left))
	}
	return r.align(t, fill, align, width)
}

// align fills t to width characters.
func (r *run) align(t, fill str, align byte, width int64) str {
	n, _ := r.size(t)
	m := width - int64(n)
	if m <= 0 {
		return t
	}
	left := map[byte]int64{'<': 0, '>': m, '^': m / 2}[align]
	return r.made(join(r.times(fill, left), t, r.times(fill, m-left)))
}

func zfill(r *run, t str, a args) value {
	n, _ := r.size(t)
	zeros := r.times(literal("0"), r.bind("zfill", a, "width").int(0, 0)-int64(n))
	head := len(sign(t.s))
	return r.made(join(t.slice(0, head), zeros, t.from(head)))
}

func expandTabs(r *run, t str, a args) value {
	size := r.bind("expandtabs", a, "tabsize?").int(0, 8)
	r.scan(t.s)
	var b builder
	column := int64(0)
	for i, c := range t.s {
		switch {
		case c == '\t' && size > 0:
			n := size - column%size
			b.write(r.times(t.in(i, " "), n))
			column += n
			continue
		case c == '\t':
			continue
		case c == '\n' || c == '\r':
			column = -1
		}
		r.alloc(utf8.RuneLen(c))
		b.write(t.in(i, string(c)))
		column++
	}
	return b.str()
}
