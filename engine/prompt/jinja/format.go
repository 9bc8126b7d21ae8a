package jinja

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// percent is t % v, Python's older way of formatting: the items of a tuple one after the other, those
// of a dict by name. formatspec.go has the newer one.
func (r *run) percent(t str, v value) str {
	f := &percentFormat{r: r, from: v, safe: t.safe}
	f.tuple, _ = v.(*tuple)
	var b builder
	for t.s != "" {
		i := strings.IndexByte(t.s, '%')
		if i < 0 {
			b.write(r.made(t))
			break
		}
		b.write(r.made(t.slice(0, i)))
		var out str
		out, t = f.directive(t.from(i))
		b.write(r.made(out))
	}
	_, mapping := v.(*dict)
	if f.tuple != nil && f.used < len(f.tuple.items) || f.tuple == nil && f.used == 0 && !mapping && !isIndexable(v) {
		r.fail("not all arguments converted during string formatting")
	}
	return b.str()
}

// isIndexable tells whether Python takes v for a mapping, whose items may stay unused.
func isIndexable(v value) bool {
	switch v.(type) {
	case *list, *span, *undef:
		return true
	}
	return false
}

type percentFormat struct {
	r     *run
	from  value
	tuple *tuple
	used  int
	safe  bool
}

func (f *percentFormat) next() value {
	f.used++
	switch {
	case f.tuple != nil && f.used <= len(f.tuple.items):
		return f.tuple.items[f.used-1]
	case f.tuple == nil && f.used == 1:
		return f.from
	}
	f.r.fail("not enough arguments for format string")
	return nil
}

// directive formats the directive at the beginning of in, and returns the rest of in.
func (f *percentFormat) directive(in str) (out, rest str) {
	r, t := f.r, in.s[1:]
	spec := formatSpec{align: '>', precision: -1}
	var arg func() value = f.next
	if strings.HasPrefix(t, "(") {
		end := strings.IndexByte(t, ')')
		d, ok := f.from.(*dict)
		if end < 0 || !ok {
			r.fail("format requires a mapping")
		}
		v, ok := d.get(t[1:end])
		if !ok {
			r.fail("format: key %q is missing", t[1:end])
		}
		arg = func() value { return v }
		t = t[end+1:]
	}
	t = spec.flags(t)
	t = f.number(t, &spec.width)
	if spec.width < 0 {
		spec.width, spec.align = -spec.width, '<'
	}
	if strings.HasPrefix(t, ".") {
		spec.precision = 0
		t = f.number(t[1:], &spec.precision)
		spec.precision = max(spec.precision, 0)
	}
	t = strings.TrimLeft(t, "hlL")
	if t == "" {
		r.fail("incomplete format")
	}
	spec.check(r)
	if t[0] == '%' {
		return in.slice(0, 1), in.last(len(t) - 1)
	}
	return f.convert(spec, t[0], arg()), in.last(len(t) - 1)
}

// flags reads -, +, space, 0 and #.
func (spec *formatSpec) flags(t string) string {
	for ; t != ""; t = t[1:] {
		switch t[0] {
		case '-':
			spec.align = '<'
		case '+':
			spec.sign = '+'
		case ' ':
			if spec.sign == 0 {
				spec.sign = ' '
			}
		case '0':
			spec.zero = true
		case '#':
			spec.alternate = true
		default:
			return t
		}
	}
	return t
}

// number reads digits, or * for an argument.
func (f *percentFormat) number(t string, n *int64) string {
	if strings.HasPrefix(t, "*") {
		v := f.next()
		if _, ok := v.(int64); !ok {
			f.r.fail("* wants int")
		}
		*n = v.(int64)
		return t[1:]
	}
	return readNumber(f.r, t, n)
}

func readNumber(r *run, t string, n *int64) string {
	i := digits(t, decimal)
	if i > 9 {
		r.fail("format: the number %q is too large", t[:i])
	}
	if i > 0 {
		*n, _ = strconv.ParseInt(t[:i], 10, 64)
	}
	return t[i:]
}

// convert formats v by the directive of letter c.
func (f *percentFormat) convert(spec formatSpec, c byte, v value) str {
	r := f.r
	switch c {
	case 's', 'r', 'a':
		s := r.str(v)
		if c != 's' {
			s = r.repr(v)
		}
		if f.safe && !isSafe(v) {
			s = s.escaped()
		}
		spec.zero = false
		return spec.text(r, s)
	case 'c':
		if n, ok := v.(int64); ok && n >= 0 && n <= unicode.MaxRune {
			return spec.text(r, character(n))
		}
		s, ok := v.(str)
		if !ok || utf8.RuneCountInString(s.s) != 1 {
			r.fail("%%c requires int or char")
		}
		return spec.text(r, s)
	case 'd', 'i', 'u', 'x', 'X', 'o':
		return f.integer(spec, c, v)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		x, ok := r.parseFloat(v)
		if _, isText := text(v); !ok || isText {
			r.fail("must be real number, not %s", typeName(v))
		}
		return spec.float(r, c, x)
	}
	r.fail("unsupported format character %q", c)
	return str{}
}

// character is the character of a number. It is data, since the number's origin is not known.
func character(n int64) str { return str{s: string(rune(n))} }

func (f *percentFormat) integer(spec formatSpec, c byte, v value) str {
	r := f.r
	r.defined(v)
	if x, ok := v.(float64); ok && strings.IndexByte("diu", c) >= 0 {
		if math.IsNaN(x) || math.Abs(x) >= 1<<63 {
			r.overflow()
		}
		v = int64(x)
	}
	if numeric(v) != 1 {
		r.fail("%%%c format: a number is required, not %s", c, typeName(v))
	}
	if spec.precision >= 0 { // at least so many digits
		s := strconv.FormatUint(magnitude(toInt(v)), intBase(c))
		if c == 'X' {
			s = strings.ToUpper(s)
		}
		s = r.times(literal("0"), spec.precision-int64(len(s))).s + s
		return spec.number(r, toInt(v) < 0, spec.prefix(c), s)
	}
	return spec.integer(r, c, toInt(v))
}
