package jinja

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// formatSpec says how str.format and % print a value. In str.format it is written
//
//	[[fill]align][sign][#][0][width][,][.precision][type]
type formatSpec struct {
	fill      str  // "": a space
	align     byte // < > ^ =, 0 for that of the type
	sign      byte // + or space
	alternate bool
	zero      bool
	width     int64
	group     string // "", "," or "_"
	precision int64  // -1: none
	kind      byte   // 0: none
}

// check bounds what a width or precision can make.
func (s *formatSpec) check(r *run) {
	if s.width > r.limits.Memory || s.precision > 1<<20 {
		r.fail("format: width or precision too large")
	}
	r.alloc(int(max(s.precision, 0)))
}

func formatText(r *run, t str, a args) value {
	f := &braceFormat{r: r, a: a}
	return f.format(t, 0)
}

func formatMap(r *run, t str, a args) value {
	var b args
	r.spread(&b, r.bind("format_map", a, "mapping").v[0])
	f := &braceFormat{r: r, a: b}
	return f.format(t, 0)
}

// braceFormat is a call of str.format: it prints replacement fields {name!conversion:spec}.
type braceFormat struct {
	r     *run
	a     args
	next  int  // number of the next field without a name
	fixed bool // a field has named its argument by number
}

// format replaces the fields of t. The spec of a field may have fields, too.
func (f *braceFormat) format(t str, depth int) str {
	if depth > 1 && t.s != "" {
		f.r.fail("max string recursion exceeded")
	}
	f.r.scan(t.s)
	var b builder
	for t.s != "" {
		i := strings.IndexAny(t.s, "{}")
		if i < 0 {
			b.write(f.r.made(t))
			break
		}
		b.write(f.r.made(t.slice(0, i)))
		if strings.HasPrefix(t.s[i+1:], t.s[i:i+1]) {
			b.write(f.r.made(t.slice(i, i+1)))
			t = t.from(i + 2)
			continue
		}
		if t.s[i] == '}' {
			f.r.fail("single '}' encountered in format string")
		}
		n := fieldEnd(t.s[i+1:])
		if n < 0 {
			f.r.fail("expected '}' before end of string")
		}
		b.write(f.r.made(f.field(t.slice(i+1, i+1+n), depth)))
		t = t.from(i + n + 2)
	}
	return b.str()
}

// fieldEnd is the index of the field's closing brace, or -1.
func fieldEnd(t string) int {
	open := 0
	for i := range len(t) {
		switch t[i] {
		case '{':
			open++
		case '}':
			if open == 0 {
				return i
			}
			open--
		}
	}
	return -1
}

func (f *braceFormat) field(t str, depth int) str {
	r := f.r
	before, rest, _ := strings.Cut(t.s, ":")
	name, conversion, converted := strings.Cut(before, "!")
	v := f.lookup(name)
	if converted {
		switch conversion {
		case "s":
			v = r.str(v)
		case "r", "a":
			v = r.repr(v)
		default:
			r.fail("unknown conversion specifier %q", conversion)
		}
	}
	return f.formatValue(v, f.format(t.last(len(rest)), depth+1))
}

// lookup finds a field's value: an argument, then .attributes and [items].
func (f *braceFormat) lookup(name string) value {
	end := strings.IndexAny(name, ".[")
	if end < 0 {
		end = len(name)
	}
	v := f.argument(name[:end])
	for name = name[end:]; name != ""; {
		if name[0] == '.' {
			end = strings.IndexAny(name[1:], ".[") + 1
			if end == 0 {
				end = len(name)
			}
			v = f.r.attr(v, name[1:end])
			name = name[end:]
			continue
		}
		end = strings.IndexByte(name, ']')
		if end < 0 {
			f.r.fail("missing ']' in format string")
		}
		var key value = str{s: name[1:end]}
		if n, err := strconv.ParseInt(name[1:end], 10, 64); err == nil && n >= 0 {
			key = n
		}
		v = f.r.item(v, key)
		name = name[end+1:]
	}
	return v
}

func (f *braceFormat) argument(name string) value {
	i := f.next
	switch n, err := strconv.Atoi(name); {
	case name == "":
		if f.fixed {
			f.r.fail("cannot switch from manual field specification to automatic field numbering")
		}
		f.next++
	case err == nil && n >= 0 && decimal(name[0]):
		if f.next > 0 {
			f.r.fail("cannot switch from automatic field numbering to manual field specification")
		}
		f.fixed = true
		i = n
	default:
		a := f.a
		v, ok := a.take(name)
		if !ok {
			f.r.fail("format: no argument named %q", name)
		}
		return v
	}
	if i >= len(f.a.pos) {
		f.r.fail("replacement index %d out of range for positional args", i)
	}
	return f.a.pos[i]
}

func (f *braceFormat) formatValue(v value, spec str) str {
	r := f.r
	s := parseSpec(r, spec)
	if _, ok := v.(bool); ok && spec.s == "" {
		return r.str(v)
	}
	switch numeric(v) {
	case 1:
		if strings.IndexByte("eEfFgG%", s.kind) >= 0 {
			return s.float(r, s.kind, toFloat(v))
		}
		if s.precision >= 0 {
			r.fail("precision not allowed in integer format specifier")
		}
		return s.integer(r, s.kind, toInt(v))
	case 2:
		return s.float(r, s.kind, v.(float64))
	}
	if t, ok := v.(str); ok {
		if s.kind != 0 && s.kind != 's' || s.sign != 0 || s.group != "" || s.align == '=' {
			r.fail("invalid format specifier %q for a text", spec.s)
		}
		if s.zero && s.fill.s == "" {
			s.fill = literal("0")
		}
		s.zero = false
		return s.text(r, t)
	}
	if spec.s != "" {
		r.fail("unsupported format string passed to %s.__format__", typeName(v))
	}
	return r.str(v)
}

const aligns = "<>^="

func parseSpec(r *run, whole str) formatSpec {
	s := formatSpec{precision: -1}
	t := whole.s
	if _, n := utf8.DecodeRuneInString(t); len(t) > n && strings.IndexByte(aligns, t[n]) >= 0 {
		s.fill, s.align, t = whole.slice(0, n), t[n], t[n+1:]
	} else if t != "" && strings.IndexByte(aligns, t[0]) >= 0 {
		s.align, t = t[0], t[1:]
	}
	if t != "" && strings.IndexByte("+- ", t[0]) >= 0 {
		if t[0] != '-' {
			s.sign = t[0]
		}
		t = t[1:]
	}
	if strings.HasPrefix(t, "#") {
		s.alternate, t = true, t[1:]
	}
	if strings.HasPrefix(t, "0") {
		s.zero, t = true, t[1:]
	}
	t = readNumber(r, t, &s.width)
	if t != "" && (t[0] == ',' || t[0] == '_') {
		s.group, t = t[:1], t[1:]
	}
	if strings.HasPrefix(t, ".") {
		t = readNumber(r, t[1:], &s.precision)
		if s.precision < 0 {
			r.fail("format specifier missing precision")
		}
	}
	if t != "" {
		s.kind, t = t[0], t[1:]
	}
	if t != "" {
		r.fail("invalid format specifier %q", whole.s)
	}
	s.check(r)
	return s
}

// text cuts a text to the precision and pads it.
func (s formatSpec) text(r *run, t str) str {
	if s.precision >= 0 {
		t = t.cut(0, int(s.precision))
	}
	align := s.align
	if align == 0 {
		align = '<'
	}
	return r.align(t, s.filler(), align, s.width)
}

func (s formatSpec) filler() str {
	if s.fill.s == "" {
		return literal(" ")
	}
	return s.fill
}

func intBase(c byte) int {
	switch c {
	case 'x', 'X':
		return 16
	case 'o':
		return 8
	case 'b':
		return 2
	}
	return 10
}

func (s formatSpec) prefix(c byte) string {
	if s.alternate && intBase(c) != 10 {
		return "0" + string(c)
	}
	return ""
}

func (s formatSpec) integer(r *run, c byte, n int64) str {
	switch c {
	case 0, 'd', 'i', 'u', 'n', 'x', 'X', 'o', 'b':
	case 'c':
		return s.text(r, character(n))
	default:
		r.fail("unknown format code %q for an int", c)
	}
	t := strconv.FormatUint(magnitude(n), intBase(c))
	if c == 'X' {
		t = strings.ToUpper(t)
	}
	if s.group != "" {
		t = grouped(t, s.group, map[bool]int{true: 3, false: 4}[intBase(c) == 10])
	}
	return s.number(r, n < 0, s.prefix(c), t)
}

// grouped inserts sep between every n digits.
func grouped(t, sep string, n int) string {
	for i := len(t) - n; i > 0; i -= n {
		t = t[:i] + sep + t[i:]
	}
	return t
}

func (s formatSpec) float(r *run, c byte, f float64) str {
	precision := int(s.precision)
	lower := c | 32
	if precision < 0 && c != 0 {
		precision = 6
	}
	t := ""
	a := math.Abs(f)
	switch {
	case math.IsInf(f, 0):
		t = "inf"
	case math.IsNaN(f):
		t = "nan"
	case c == 0 && precision < 0:
		t = floatRepr(a)
	case c == '%':
		t = strconv.FormatFloat(a*100, 'f', precision, 64) + "%"
	case c == 0:
		t = general(a, max(precision, 1), -1, s.alternate)
		if !strings.ContainsAny(t, ".e") {
			t += ".0"
		}
	case lower == 'g' || c == 'n':
		t = general(a, max(precision, 1), 0, s.alternate)
	case lower == 'e' || lower == 'f':
		t = strconv.FormatFloat(a, lower, precision, 64)
	default:
		r.fail("unknown format code %q for a float", c)
	}
	if c >= 'A' && c <= 'Z' {
		t = strings.ToUpper(t)
	}
	if s.group != "" {
		whole, rest, dot := strings.Cut(t, ".")
		if t = grouped(whole, s.group, 3); dot {
			t += "." + rest
		}
	}
	return s.number(r, math.Signbit(f), "", t)
}

// general is C's %g: a number of significant digits, without trailing zeros. Below
// 10**(digits+shift) it has no exponent.
func general(f float64, digits, shift int, keepZeros bool) string {
	t := strconv.FormatFloat(f, 'e', digits-1, 64)
	mantissa, e, _ := strings.Cut(t, "e")
	exp, _ := strconv.Atoi(e)
	fixed := exp >= -4 && exp < digits+shift
	if fixed {
		mantissa = strconv.FormatFloat(f, 'f', max(digits-1-exp, 0), 64)
	}
	if strings.Contains(mantissa, ".") && !keepZeros {
		mantissa = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".")
	}
	if fixed {
		return mantissa
	}
	return mantissa + "e" + e
}

// number adds sign, prefix and padding to the digits.
func (s formatSpec) number(r *run, negative bool, prefix, digits string) str {
	head := prefix
	switch {
	case negative:
		head = "-" + prefix
	case s.sign != 0:
		head = string(s.sign) + prefix
	}
	align, fill := s.align, s.filler()
	if s.zero && s.fill.s == "" && (align == 0 || align == '>') {
		align, fill = '=', literal("0")
	}
	if align == '=' {
		return join(literal(head), r.align(literal(digits), fill, '>', s.width-int64(len(head))))
	}
	if align == 0 {
		align = '>'
	}
	return r.align(literal(head+digits), fill, align, s.width)
}
