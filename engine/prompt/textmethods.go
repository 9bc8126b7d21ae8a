package prompt

import (
	"strings"
	"unicode/utf8"
)

// The longer methods of str, which filters use, too.

// strip is strip, lstrip and rstrip; chars None means white space.
func (r *run) strip(name, t string, a args) value {
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
	r.scan(t)
	if name != "rstrip" {
		t = strings.TrimLeftFunc(t, cut)
	}
	if name != "lstrip" {
		t = strings.TrimRightFunc(t, cut)
	}
	return t
}

// replace replaces the first n, or all where n is negative.
func (r *run) replace(t, old, with string, n int64) string {
	r.step(int64(len(t) / 16))
	count := int64(strings.Count(t, old))
	if n >= 0 {
		count = min(count, n)
	}
	if count == 0 {
		return t
	}
	if grow := len(with) - len(old); grow > 0 && count > r.limits.Memory/int64(grow) {
		r.fail("the template makes too much text (more than %d bytes in all)", r.limits.Memory)
	}
	r.alloc(len(t) + int(count)*(len(with)-len(old)))
	return strings.Replace(t, old, with, int(count))
}

// texts makes a list of texts.
func (r *run) texts(parts []string) *list {
	r.alloc(32 * len(parts))
	l := &list{items: make([]value, len(parts))}
	for i, p := range parts {
		l.items[i] = p
	}
	return l
}

// split is split and rsplit.
func (r *run) split(name, t string, a args) value {
	p := r.bind(name, a, "sep?", "maxsplit?")
	limit := p.int(1, -1)
	if limit < 0 || limit > int64(len(t)) {
		limit = int64(len(t)) + 1
	}
	r.scan(t)
	if !p.given(0) {
		return r.splitSpace(t, int(limit), name == "rsplit")
	}
	sep := p.text(0, "")
	if sep == "" {
		r.fail("empty separator")
	}
	if name == "split" {
		r.alloc(16 * min(strings.Count(t, sep), int(limit)))
		return r.texts(strings.SplitN(t, sep, int(limit)+1))
	}
	var parts []string
	for ; limit > 0; limit-- {
		i := strings.LastIndex(t, sep)
		if i < 0 {
			break
		}
		r.alloc(16)
		parts = append(parts, t[i+len(sep):])
		t = t[:i]
	}
	return r.texts(reversed(append(parts, t)))
}

func reversed[T any](items []T) []T {
	for i, j := 0, len(items)-1; i < j; i, j = i+1, j-1 {
		items[i], items[j] = items[j], items[i]
	}
	return items
}

// splitSpace splits at runs of white space, at most limit times, from the left or the right.
func (r *run) splitSpace(t string, limit int, right bool) value {
	var parts []string
	if right {
		t = strings.TrimRightFunc(t, isSpace)
	} else {
		t = strings.TrimLeftFunc(t, isSpace)
	}
	for ; t != "" && limit > 0; limit-- {
		r.alloc(16)
		if right {
			i := strings.LastIndexFunc(t, isSpace)
			if i < 0 {
				break
			}
			_, n := utf8.DecodeRuneInString(t[i:])
			parts = append(parts, t[i+n:])
			t = strings.TrimRightFunc(t[:i], isSpace)
			continue
		}
		i := strings.IndexFunc(t, isSpace)
		if i < 0 {
			break
		}
		parts = append(parts, t[:i])
		t = strings.TrimLeftFunc(t[i:], isSpace)
	}
	if t != "" {
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

func (r *run) splitLines(t string, keep bool) *list {
	r.scan(t)
	var parts []string
	begin := 0
	for i := 0; i < len(t); {
		n := lineEnd(t[i:])
		if n == 0 {
			_, w := utf8.DecodeRuneInString(t[i:])
			i += w
			continue
		}
		end := i
		if i += n; keep {
			end = i
		}
		r.alloc(16)
		parts = append(parts, t[begin:end])
		begin = i
	}
	if begin < len(t) {
		parts = append(parts, t[begin:])
	}
	return r.texts(parts)
}

func (r *run) partition(name, t string, a args) value {
	sep := r.bind(name, a, "sep").text(0, "")
	if sep == "" {
		r.fail("empty separator")
	}
	r.step(int64(len(t) / 64))
	i := strings.Index(t, sep)
	if name == "rpartition" {
		i = strings.LastIndex(t, sep)
	}
	switch {
	case i >= 0:
		return &tuple{items: []value{t[:i], sep, t[i+len(sep):]}}
	case name == "rpartition":
		return &tuple{items: []value{"", "", t}}
	}
	return &tuple{items: []value{t, "", ""}}
}

// window cuts t to the characters [start:end] of a method's arguments i and i+1, and gives
// the index of its first one. Not ok: start lies behind the end of t.
func (r *run) window(t string, p params, i int) (cutText string, first int64, ok bool) {
	if !p.given(i) && !p.given(i+1) {
		return t, 0, true
	}
	n, _ := r.size(t)
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
	return cut(t, int(first), int(first+count)), first, true
}

// affix is startswith and endswith.
func (r *run) affix(name, t string, a args, has func(t, affix string) bool) value {
	p := r.bind(name, a, "affix", "start?", "end?")
	t, _, ok := r.window(t, p, 1)
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

// find is find and rfind: the index in characters, or -1.
func (r *run) find(name, t string, a args, index func(t, sub string) int) value {
	p := r.bind(name, a, "sub", "start?", "end?")
	sub := p.text(0, "")
	t, first, ok := r.window(t, p, 1)
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

func (r *run) found(name, t string, a args, index func(t, sub string) int) value {
	i := r.find(name, t, a, index)
	if i == int64(-1) {
		r.fail("substring not found")
	}
	return i
}

func countText(r *run, t string, a args) value {
	p := r.bind("count", a, "sub", "start?", "end?")
	sub := p.text(0, "")
	t, _, ok := r.window(t, p, 1)
	if !ok {
		return int64(0)
	}
	r.step(int64(len(t) / 16))
	return int64(strings.Count(t, sub))
}

func joinText(r *run, t string, a args) value {
	next := r.iter(r.bind("join", a, "iterable").v[0])
	var b strings.Builder
	i := 0
	for item, ok := next(); ok; item, ok = next() {
		s, isText := text(item)
		if !isText {
			r.fail("sequence item %d: expected str instance, %s found", i, typeName(item))
		}
		if i > 0 {
			b.WriteString(r.made(t))
		}
		b.WriteString(r.made(s))
		i++
	}
	return b.String()
}

// pad is center, ljust and rjust.
func (r *run) pad(name, t string, a args) value {
	p := r.bind(name, a, "width", "fillchar?")
	fill := p.text(1, " ")
	if n, _ := r.size(fill); n != 1 {
		r.fail("the fill character must be exactly one character long")
	}
	align := map[string]byte{"center": '^', "ljust": '<', "rjust": '>'}[name]
	n, _ := r.size(t)
	width := p.int(0, 0)
	if name == "center" && width > int64(n) {
		// Python puts the odd one to the left where the width is odd.
		m := width - int64(n)
		left := m/2 + m&width&1
		return r.times(fill, left) + t + r.times(fill, m-left)
	}
	return r.align(t, fill, align, width)
}

// align fills t to width characters.
func (r *run) align(t, fill string, align byte, width int64) string {
	n, _ := r.size(t)
	m := width - int64(n)
	if m <= 0 {
		return t
	}
	left := map[byte]int64{'<': 0, '>': m, '^': m / 2}[align]
	return r.made(r.times(fill, left) + t + r.times(fill, m-left))
}

func zfill(r *run, t string, a args) value {
	n, _ := r.size(t)
	zeros := r.times("0", r.bind("zfill", a, "width").int(0, 0)-int64(n))
	s := sign(t)
	return r.made(s + zeros + t[len(s):])
}

func expandTabs(r *run, t string, a args) value {
	size := r.bind("expandtabs", a, "tabsize?").int(0, 8)
	r.scan(t)
	var b strings.Builder
	column := int64(0)
	for _, c := range t {
		switch {
		case c == '\t' && size > 0:
			n := size - column%size
			b.WriteString(r.times(" ", n))
			column += n
			continue
		case c == '\t':
			continue
		case c == '\n' || c == '\r':
			column = -1
		}
		r.alloc(utf8.RuneLen(c))
		b.WriteRune(c)
		column++
	}
	return b.String()
}
