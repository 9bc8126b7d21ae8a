package jinja

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"
)

type filterFunc func(r *run, in value, a args) value

// filters are the filters by name: those of texts in this file, the others in
// filternumber.go and filterseq.go. init fills the map, because filters such as map use it.
var filters map[string]filterFunc

func init() {
	filters = map[string]filterFunc{
		"abs":            absolute,
		"attr":           func(r *run, in value, a args) value { return r.attrFilter(in, r.bind("attr", a, "name").v[0]) },
		"batch":          batch,
		"capitalize":     onText("capitalize", (*run).capitalize),
		"center":         func(r *run, in value, a args) value { return center(r, in, a) },
		"d":              orDefault,
		"default":        orDefault,
		"dictsort":       dictSort,
		"e":              escapeFilter,
		"escape":         escapeFilter,
		"filesizeformat": fileSize,
		"first":          first,
		"float":          toFloatFilter,
		"forceescape":    func(r *run, in value, a args) value { return safe(r.made(r.str(in).escaped())) },
		"format":         formatFilter,
		"groupby":        groupBy,
		"indent":         indent,
		"int":            toIntFilter,
		"items":          itemsFilter,
		"join":           joinFilter,
		"last":           last,
		"length":         length,
		"count":          length,
		"list":           func(r *run, in value, a args) value { r.bind("list", a); return &list{r.items(in)} },
		"lower":          onText("lower", (*run).lower),
		"map":            mapFilter,
		"max":            func(r *run, in value, a args) value { return r.extreme("max", in, a) },
		"min":            func(r *run, in value, a args) value { return r.extreme("min", in, a) },
		"reject":         func(r *run, in value, a args) value { return r.choose("reject", in, a, false, false) },
		"rejectattr":     func(r *run, in value, a args) value { return r.choose("rejectattr", in, a, true, false) },
		"replace":        replaceFilter,
		"reverse":        reverse,
		"round":          round,
		"safe":           func(r *run, in value, a args) value { r.bind("safe", a); return safe(r.made(r.str(in))) },
		"select":         func(r *run, in value, a args) value { return r.choose("select", in, a, false, true) },
		"selectattr":     func(r *run, in value, a args) value { return r.choose("selectattr", in, a, true, true) },
		"slice":          sliceFilter,
		"sort":           sortFilter,
		"string":         func(r *run, in value, a args) value { r.bind("string", a); return r.soft(in) },
		"sum":            sum,
		"title":          onText("title", (*run).titleFilter),
		"tojson":         toJSON,
		"trim":           func(r *run, in value, a args) value { return r.like(in, r.strip("trim", r.str(in), a)) },
		"truncate":       truncate,
		"unique":         unique,
		"upper":          onText("upper", (*run).upper),
		"urlencode":      urlEncode,
		"wordcount":      wordCount,
	}
}

// soft is Jinja's soft_str(v): the text of v, marked safe if v is.
func (r *run) soft(v value) value {
	if isSafe(v) {
		return v
	}
	return r.str(v)
}

// safe returns t marked safe.
func safe(t str) str {
	t.safe = true
	return t
}

func onText(name string, f func(r *run, t str) str) filterFunc {
	return func(r *run, in value, a args) value {
		r.bind(name, a)
		return r.like(in, f(r, r.str(in)))
	}
}

func orDefault(r *run, in value, a args) value {
	p := r.bind("default", a, "default_value?", "boolean?")
	if _, ok := in.(*undef); ok || p.truth(1, false) && !r.truth(in) {
		return p.or(0, literal(""))
	}
	return in
}

func escapeFilter(r *run, in value, a args) value {
	r.bind("escape", a)
	if isSafe(in) {
		return r.made(in.(str))
	}
	return safe(r.made(r.str(in).escaped()))
}

func absolute(r *run, in value, a args) value {
	r.bind("abs", a)
	r.defined(in)
	switch numeric(in) {
	case 1:
		if n := toInt(in); n >= 0 {
			return n
		}
		return r.sub(0, toInt(in))
	case 2:
		return math.Abs(in.(float64))
	}
	r.fail("bad operand type for abs(): '%s'", typeName(in))
	return nil
}

func (r *run) attrFilter(in, name value) value {
	t, ok := text(name)
	if !ok {
		r.fail("attribute name must be string, not '%s'", typeName(name))
	}
	r.defined(in)
	if v, ok := r.attribute(in, t); ok {
		return v
	}
	return noAttribute(in, t)
}

func center(r *run, in value, a args) value {
	width := r.bind("center", a, "width?").int(0, 80)
	return r.like(in, r.pad("center", r.str(in), args{pos: []value{width}}))
}

// titleFilter is not str.title: only white space and -({[< come before a word.
func (r *run) titleFilter(t str) str {
	r.made(t)
	var b builder
	for t.s != "" {
		n := strings.IndexFunc(t.s, isWordBreak)
		if n < 0 {
			n = len(t.s)
		}
		if n > 0 {
			b.write(r.titleWord(t.slice(0, n)))
		}
		t = t.from(n)
		n = len(t.s) - len(strings.TrimLeftFunc(t.s, isWordBreak))
		b.write(t.slice(0, n))
		t = t.from(n)
	}
	return b.str()
}

func isWordBreak(c rune) bool { return isSpace(c) || strings.ContainsRune("-({[<", c) }

func (r *run) titleWord(w str) str {
	for i := range w.s {
		if i > 0 {
			return join(r.upper(w.slice(0, i)), r.lower(w.from(i)))
		}
	}
	return r.upper(w)
}

func replaceFilter(r *run, in value, a args) value {
	p := r.bind("replace", a, "old", "new", "count?")
	n := int64(-1)
	if p.given(2) {
		n = p.int(2, -1)
	}
	return r.replace(r.str(in), r.str(p.v[0]).s, r.str(p.v[1]), n)
}

func indent(r *run, in value, a args) value {
	p := r.bind("indent", a, "width?", "first?", "blank?")
	pad, ok := p.or(0, int64(4)).(str)
	if !ok {
		pad = r.times(literal(" "), p.int(0, 4))
	}
	t, ok := in.(str)
	if !ok {
		r.defined(in)
		r.fail("indent: unsupported operand type(s) for +=: '%s' and 'str'", typeName(in))
	}
	var b builder
	if p.truth(1, false) {
		b.write(r.made(pad))
	}
	at := 0
	for i, item := range r.splitLines(join(t, literal("\n")), true).items {
		line := item.(str)
		body := line.slice(0, len(line.s)-trailingBreak(line.s))
		if i > 0 {
			// The line break before this line becomes a newline.
			b.write(t.in(at-1, "\n"))
			if body.s != "" || p.truth(2, false) {
				b.write(r.made(pad))
			}
		}
		b.write(r.made(body))
		at += len(line.s)
	}
	return r.like(in, b.str())
}

// trailingBreak is the length of the line break at the end of line.
func trailingBreak(line string) int {
	if strings.HasSuffix(line, "\r\n") {
		return 2
	}
	_, n := utf8.DecodeLastRuneInString(line)
	return n
}

func truncate(r *run, in value, a args) value {
	p := r.bind("truncate", a, "length?", "killwords?", "end?", "leeway?")
	end, leeway := p.str(2, "..."), int64(5)
	if p.given(3) {
		leeway = p.int(3, 5)
	}
	size := p.int(0, 255)
	t, ok := in.(str)
	if !ok {
		r.fail("truncate: object of type '%s' is not a text", typeName(in))
	}
	ends, _ := r.size(end)
	if size < int64(ends) || leeway < 0 {
		r.fail("truncate: expected length >= %d and leeway >= 0", ends)
	}
	if n, _ := r.size(t); int64(n)-leeway <= size {
		return in
	}
	t = t.cut(0, int(size)-ends)
	if i := strings.LastIndexByte(t.s, ' '); i >= 0 && !p.truth(1, false) {
		t = t.slice(0, i)
	}
	return r.made(join(t, end))
}

func wordCount(r *run, in value, a args) value {
	r.bind("wordcount", a)
	t := r.str(in).s
	r.scan(t)
	r.alloc(4 * len(t))
	return int64(len(strings.FieldsFunc(t, func(c rune) bool {
		return c != '_' && !unicode.IsLetter(c) && !unicode.IsNumber(c)
	})))
}

// formatFilter is "text"|format(…), which is "text" % (…).
func formatFilter(r *run, in value, a args) value {
	if len(a.pos) > 0 && len(a.names) > 0 {
		r.fail("format: can't handle positional and keyword arguments at the same time")
	}
	var with value = &tuple{items: a.pos}
	if len(a.names) > 0 {
		with = a.rest(r)
	}
	return r.like(in, r.percent(r.like(in, r.str(in)), with))
}

const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"

func (r *run) quoteURL(v value, query bool) str {
	t := r.str(v)
	r.alloc(3 * len(t.s))
	return t.perRun(func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			switch c := s[i]; {
			case strings.IndexByte(unreserved, c) >= 0 || c == '/' && !query:
				b.WriteByte(c)
			case c == ' ' && query:
				b.WriteByte('+')
			default:
				b.WriteString("%" + strings.ToUpper(hex(rune(c), 2)))
			}
		}
		return b.String()
	})
}

func urlEncode(r *run, in value, a args) value {
	r.bind("urlencode", a)
	if d, ok := in.(*dict); ok {
		in = &view{"items", d}
	}
	if _, ok := text(in); ok || r.tryIter(in) == nil {
		return r.quoteURL(in, false)
	}
	var b builder
	next := r.iter(in)
	for item, ok := next(); ok; item, ok = next() {
		pair := r.items(item)
		if len(pair) != 2 {
			r.fail("urlencode: expected pairs")
		}
		if b.len() > 0 {
			b.writeLiteral("&")
		}
		b.write(r.quoteURL(pair[0], true))
		b.writeLiteral("=")
		b.write(r.quoteURL(pair[1], true))
	}
	return r.made(b.str())
}
