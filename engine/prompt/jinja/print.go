package jinja

import (
	"math"
	"strconv"
	"strings"
	"unicode"
)

// str is Python's str(v), the form in which {{ v }} prints v.
func (r *run) str(v value) str {
	switch v := v.(type) {
	case str:
		v.safe = false
		return v
	case *undef:
		return literal("")
	}
	return r.repr(v)
}

// repr is Python's repr(v).
func (r *run) repr(v value) str {
	var b builder
	r.writeRepr(&b, v)
	return b.str()
}

func (r *run) writeRepr(b *builder, v value) {
	r.step(1)
	start := b.len()
	switch v := v.(type) {
	case nil:
		b.writeLiteral("None")
	case bool:
		b.writeLiteral(map[bool]string{true: "True", false: "False"}[v])
	case int64:
		b.writeLiteral(strconv.FormatInt(v, 10))
	case float64:
		b.writeLiteral(floatRepr(v))
	case str:
		r.alloc(len(v.s))
		if v.safe {
			b.writeLiteral("Markup(")
		}
		quote(b, v)
		if v.safe {
			b.writeLiteral(")")
		}
	case *undef:
		b.writeLiteral("Undefined")
	case *span:
		b.writeLiteral("range(" + strconv.FormatInt(v.start, 10) + ", " + strconv.FormatInt(v.stop, 10))
		if v.step != 1 {
			b.writeLiteral(", " + strconv.FormatInt(v.step, 10))
		}
		b.writeLiteral(")")
	default:
		r.reprNested(b, v)
		return
	}
	r.alloc(b.len() - start)
}

func (r *run) reprNested(b *builder, v value) {
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
		b.writeLiteral("<Namespace ")
		r.reprDict(b, v.attrs)
		b.writeLiteral(">")
	case *loop:
		b.writeLiteral("<LoopContext " + strconv.Itoa(v.index+1) + "/" + strconv.Itoa(v.length(r)) + ">")
	default:
		b.writeLiteral("<" + typeName(v) + ">")
	}
}

func (r *run) reprItems(b *builder, open string, items []value, end string) {
	b.writeLiteral(open)
	for i, item := range items {
		if i > 0 {
			b.writeLiteral(", ")
		}
		r.writeRepr(b, item)
	}
	b.writeLiteral(end)
}

func (r *run) reprDict(b *builder, d *dict) {
	b.writeLiteral("{")
	for i, key := range d.keys {
		if i > 0 {
			b.writeLiteral(", ")
		}
		r.writeRepr(b, key)
		b.writeLiteral(": ")
		r.writeRepr(b, d.vals[i])
	}
	b.writeLiteral("}")
}

// quote writes t as a Python literal.
func quote(b *builder, t str) {
	q := '\''
	if strings.Contains(t.s, "'") && !strings.Contains(t.s, `"`) {
		q = '"'
	}
	b.writeLiteral(string(q))
	for i, c := range t.s {
		b.write(t.in(i, escapeChar(c, q)))
	}
	b.writeLiteral(string(q))
}

// escapeChar is the character c in a Python literal between quotes q.
func escapeChar(c, q rune) string {
	switch {
	case c == q || c == '\\':
		return `\` + string(c)
	case c == '\n':
		return `\n`
	case c == '\r':
		return `\r`
	case c == '\t':
		return `\t`
	case unicode.IsPrint(c):
		return string(c)
	case c < 0x100:
		return `\x` + hex(c, 2)
	case c < 0x10000:
		return `\u` + hex(c, 4)
	}
	return `\U` + hex(c, 8)
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
