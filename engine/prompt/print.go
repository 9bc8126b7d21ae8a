package prompt

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// How values are printed: Python's str and repr.

// str is Python's str(v), the form in which v is printed.
func (r *run) str(v value) string {
	switch v := v.(type) {
	case string:
		return v
	case markup:
		return string(v)
	case *undef:
		return ""
	}
	return r.repr(v)
}

// repr is Python's repr(v).
func (r *run) repr(v value) string {
	var b strings.Builder
	r.writeRepr(&b, v)
	return b.String()
}

func (r *run) writeRepr(b *strings.Builder, v value) {
	r.step(1)
	start := b.Len()
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case bool:
		b.WriteString(map[bool]string{true: "True", false: "False"}[v])
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		b.WriteString(floatRepr(v))
	case string:
		r.alloc(len(v))
		quote(b, v)
	case markup:
		r.alloc(len(v))
		b.WriteString("Markup(")
		quote(b, string(v))
		b.WriteString(")")
	case *undef:
		b.WriteString("Undefined")
	case *span:
		b.WriteString("range(" + strconv.FormatInt(v.start, 10) + ", " + strconv.FormatInt(v.stop, 10))
		if v.step != 1 {
			b.WriteString(", " + strconv.FormatInt(v.step, 10))
		}
		b.WriteString(")")
	default:
		r.reprNested(b, v)
		return
	}
	r.alloc(b.Len() - start)
}

func (r *run) reprNested(b *strings.Builder, v value) {
	r.enter()
	defer r.leave()
	switch v := v.(type) {
	case *list:
		r.reprItems(b, "[", v.items, "]")
	case *tuple:
		end := ")"
		if len(v.items) == 1 {
			end = ",)"
		}
		r.reprItems(b, "(", v.items, end)
	case *dict:
		r.reprDict(b, v)
	case *view:
		r.reprItems(b, "dict_"+v.of+"([", r.items(&iterator{next: r.tryIter(v)}), "])")
	case *namespace:
		b.WriteString("<Namespace ")
		r.reprDict(b, v.attrs)
		b.WriteString(">")
	case *loop:
		b.WriteString("<LoopContext " + strconv.Itoa(v.index+1) + "/" + strconv.Itoa(v.length(r)) + ">")
	default:
		b.WriteString("<" + typeName(v) + ">")
	}
}

func (r *run) reprItems(b *strings.Builder, open string, items []value, end string) {
	b.WriteString(open)
	for i, item := range items {
		if i > 0 {
			b.WriteString(", ")
		}
		r.writeRepr(b, item)
	}
	b.WriteString(end)
}

func (r *run) reprDict(b *strings.Builder, d *dict) {
	b.WriteString("{")
	for i, key := range d.keys {
		if i > 0 {
			b.WriteString(", ")
		}
		r.writeRepr(b, key)
		b.WriteString(": ")
		r.writeRepr(b, d.vals[i])
	}
	b.WriteString("}")
}

// quote writes s as a Python literal.
func quote(b *strings.Builder, s string) {
	q := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = '"'
	}
	b.WriteRune(q)
	for _, c := range s {
		switch {
		case c == q || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case unicode.IsPrint(c):
			b.WriteRune(c)
		case c < 0x100:
			b.WriteString(`\x` + hex(c, 2))
		case c < 0x10000:
			b.WriteString(`\u` + hex(c, 4))
		default:
			b.WriteString(`\U` + hex(c, 8))
		}
	}
	b.WriteRune(q)
}

func hex(c rune, width int) string {
	s := strconv.FormatInt(int64(c), 16)
	return strings.Repeat("0", width-len(s)) + s
}

// floatRepr is Python's repr of a float: the shortest digits that read back the same.
func floatRepr(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	exp, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if exp < -4 || exp >= 16 {
		return s
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
