package jinja

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type filterFunc func(r *run, in value, a args) value

// filters are the filters by name: those of texts and numbers in this file, those of sequences in
// filterseq.go. init fills the map, because filters such as map use it.
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

func fileSize(r *run, in value, a args) value {
	p := r.bind("filesizeformat", a, "binary?")
	n, ok := r.parseFloat(in)
	if !ok {
		r.fail("filesizeformat: could not convert to float")
	}
	unit, suffix := 1000.0, "B"
	if p.truth(0, false) {
		unit, suffix = 1024, "iB"
	}
	switch {
	case n == 1:
		return literal("1 Byte")
	case n < unit:
		return literal(strconv.FormatInt(int64(n), 10) + " Bytes")
	}
	names := "kMGTPEZY"
	if unit == 1024 {
		names = "KMGTPEZY"
	}
	i := 0
	for n /= unit; n >= unit && i+1 < len(names); n /= unit {
		i++
	}
	return literal(strconv.FormatFloat(n, 'f', 1, 64) + " " + names[i:i+1] + suffix)
}

// parseFloat is Python's float(v), false where that is a ValueError or TypeError.
func (r *run) parseFloat(v value) (float64, bool) {
	r.defined(v)
	if numeric(v) > 0 {
		return toFloat(v), true
	}
	t, ok := text(v)
	if !ok {
		return 0, false
	}
	r.made(v.(str))
	r.scan(t)
	t = strings.ToLower(strings.TrimFunc(t, isSpace))
	if t == "" || strings.ContainsAny(t, "xp") || !underscored(&t) {
		return 0, false
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil && !math.IsInf(f, 0) {
		return 0, false
	}
	return f, true
}

// underscored removes single underscores between digits, which Python allows, and is false where
// there are others.
func underscored(t *string) bool {
	s := *t
	for i := range len(s) {
		if s[i] == '_' && (i == 0 || i+1 == len(s) || !alnum(s[i-1]) || !alnum(s[i+1])) {
			return false
		}
	}
	*t = strings.ReplaceAll(s, "_", "")
	return true
}

func alnum(c byte) bool { return decimal(c) || c|32 >= 'a' && c|32 <= 'z' }

func toFloatFilter(r *run, in value, a args) value {
	p := r.bind("float", a, "default?")
	if f, ok := r.parseFloat(in); ok {
		return f
	}
	return p.or(0, 0.0)
}

func toIntFilter(r *run, in value, a args) value {
	p := r.bind("int", a, "default?", "base?")
	r.defined(in)
	if numeric(in) == 1 {
		return toInt(in)
	}
	if t, ok := text(in); ok {
		if n, ok := r.parseInt(t, p.int(1, 10)); ok {
			return n
		}
	}
	f, ok := r.parseFloat(in)
	switch {
	case !ok || math.IsNaN(f):
		return p.or(0, int64(0))
	case math.IsInf(f, 0) && numeric(in) == 0:
		return p.or(0, int64(0))
	case math.Abs(f) >= 1<<63:
		r.overflow()
	}
	return int64(f)
}

// parseInt is Python's int(t, base).
func (r *run) parseInt(t string, base int64) (int64, bool) {
	r.alloc(len(t))
	r.scan(t)
	t = strings.TrimFunc(t, isSpace)
	if base < 0 || base > 36 || base == 1 || !underscored(&t) {
		return 0, false
	}
	s := sign(t)
	body := strings.ToLower(t[len(s):])
	if prefix, ok := map[int64]string{2: "0b", 8: "0o", 16: "0x"}[base]; ok {
		body = strings.TrimPrefix(body, prefix)
	}
	if sign(body) != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s+body, int(base), 64)
	if err != nil && strings.Contains(err.Error(), "range") {
		r.overflow()
	}
	return n, err == nil
}

func round(r *run, in value, a args) value {
	p := r.bind("round", a, "precision?", "method?")
	r.defined(in)
	if numeric(in) == 0 {
		r.fail("type %s can't be rounded", typeName(in))
	}
	digits := p.int(0, 0)
	if digits < -400 || digits > 400 {
		digits = max(min(digits, 400), -400)
	}
	switch method := p.text(1, "common"); method {
	case "common":
		if numeric(in) == 1 {
			return r.roundInt(toInt(in), int(digits))
		}
		return roundFloat(in.(float64), int(digits))
	case "ceil":
		return r.roundWith(in, int(digits), math.Ceil)
	case "floor":
		return r.roundWith(in, int(digits), math.Floor)
	}
	r.fail("method must be common, ceil or floor")
	return nil
}

// roundInt rounds to tens, hundreds and so on, a half to the even one.
func (r *run) roundInt(n int64, digits int) value {
	if digits >= 0 {
		return n
	}
	if digits < -18 {
		return int64(0)
	}
	unit := int64(1)
	for range -digits {
		unit *= 10
	}
	rest := ((n % unit) + unit) % unit
	down := n - rest
	if rest*2 > unit || rest*2 == unit && (down/unit)%2 != 0 {
		return r.add(down, unit)
	}
	return down
}

// roundFloat rounds the exact decimal value of f, a half to the even one.
func roundFloat(f float64, digits int) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return f
	}
	if digits >= 0 {
		n, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'f', digits, 64), 64)
		return n
	}
	if digits < -308 {
		return math.Copysign(0, f)
	}
	unit := math.Pow(10, float64(-digits))
	return math.RoundToEven(f/unit) * unit
}

// roundWith rounds to digits by ceil or floor.
func (r *run) roundWith(in value, digits int, whole func(float64) float64) value {
	unit := math.Pow(10, float64(digits))
	f := toFloat(in) * unit
	if math.IsInf(f, 0) || math.IsNaN(f) {
		r.fail("cannot convert float infinity to integer")
	}
	if n, _ := big.NewFloat(whole(f)).Int64(); float64(n) != whole(f) {
		r.overflow()
	}
	return whole(f) / unit
}
