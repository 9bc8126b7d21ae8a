package jinja

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// dumper runs the filter tojson as the transformers library defines it: Python's json.dumps with the
// defaults ensure_ascii=False, indent=None, separators=None, sort_keys=False.
type dumper struct {
	r           *run
	b           builder
	ascii, sort bool
	pretty      bool
	indent      str
	item, colon str
}

func toJSON(r *run, in value, a args) value {
	p := r.bind("tojson", a, "ensure_ascii?", "indent?", "separators?", "sort_keys?")
	d := &dumper{r: r, ascii: p.truth(0, false), sort: p.truth(3, false), item: literal(", "), colon: literal(": ")}
	if p.given(1) {
		d.pretty, d.item = true, literal(",")
		if s, ok := p.v[1].(str); ok {
			d.indent = s
		} else {
			d.indent = r.times(literal(" "), p.int(1, 0))
		}
	}
	if p.given(2) {
		d.separators(p.v[2])
	}
	d.dump(in, 0)
	return d.b.str()
}

func (d *dumper) separators(v value) {
	parts := d.r.items(v)
	if len(parts) != 2 {
		d.r.fail("tojson: separators must be two texts")
	}
	item, ok1 := parts[0].(str)
	colon, ok2 := parts[1].(str)
	if !ok1 || !ok2 {
		d.r.fail("tojson: separators must be two texts")
	}
	d.item, d.colon = item, colon
}

func (d *dumper) write(t str) { d.b.write(d.r.made(t)) }

func (d *dumper) literal(s string) { d.write(literal(s)) }

func (d *dumper) dump(v value, level int) {
	d.r.step(1)
	switch v := v.(type) {
	case nil:
		d.literal("null")
	case bool:
		d.literal(strconv.FormatBool(v))
	case int64:
		d.literal(strconv.FormatInt(v, 10))
	case float64:
		d.literal(jsonFloat(v))
	case str:
		d.quote(v)
	case *list:
		d.list(v.items, level)
	case *tuple:
		d.list(v.items, level)
	case *dict:
		d.dict(v, level)
	default:
		d.r.fail("object of type %s is not JSON serializable", typeName(v))
	}
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return floatRepr(f)
}

func (d *dumper) newline(level int) {
	if d.pretty {
		d.literal("\n")
		d.write(d.r.times(d.indent, int64(level)))
	}
}

func (d *dumper) list(items []value, level int) {
	d.r.enter()
	defer d.r.leave()
	if len(items) == 0 {
		d.literal("[]")
		return
	}
	d.literal("[")
	for i, item := range items {
		if i > 0 {
			d.write(d.item)
		}
		d.newline(level + 1)
		d.dump(item, level+1)
	}
	d.newline(level)
	d.literal("]")
}

func (d *dumper) dict(v *dict, level int) {
	d.r.enter()
	defer d.r.leave()
	if len(v.keys) == 0 {
		d.literal("{}")
		return
	}
	d.literal("{")
	for n, i := range d.order(v) {
		if n > 0 {
			d.write(d.item)
		}
		d.newline(level + 1)
		d.key(v.keys[i])
		d.write(d.colon)
		d.dump(v.vals[i], level+1)
	}
	d.newline(level)
	d.literal("}")
}

// order returns the indices of the entries, sorted by key if that was asked for.
func (d *dumper) order(v *dict) []int {
	d.r.alloc(8 * len(v.keys))
	order := make([]int, len(v.keys))
	items := make([]value, len(v.keys))
	for i := range order {
		order[i], items[i] = i, int64(i)
	}
	if d.sort {
		for n, i := range d.r.sorted(items, func(i value) value { return v.keys[i.(int64)] }, false) {
			order[n] = int(i.(int64))
		}
	}
	return order
}

func (d *dumper) key(k value) {
	switch k := k.(type) {
	case str:
		d.quote(k)
	case nil, bool, int64, float64:
		d.literal(`"`)
		d.dump(k, 0)
		d.literal(`"`)
	default:
		d.r.fail("keys must be str, int, float, bool or None, not %s", typeName(k))
	}
}

var jsonEscapes = map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\f': `\f`, '\b': `\b`}

func (d *dumper) quote(t str) {
	d.r.made(t)
	d.b.writeLiteral(`"`)
	done := 0
	for i, c := range t.s {
		escape := d.escape(c)
		if escape == "" {
			continue
		}
		d.b.write(t.slice(done, i))
		d.write(t.in(i, escape))
		_, n := utf8.DecodeRuneInString(t.s[i:])
		done = i + n
	}
	d.b.write(t.from(done))
	d.b.writeLiteral(`"`)
}

// escape is what a text has in JSON instead of the character c, "" where it has c.
func (d *dumper) escape(c rune) string {
	switch e, ok := jsonEscapes[c]; {
	case ok:
		return e
	case c < ' ' || d.ascii && c > '~' && c < 0x10000:
		return `\u` + hex(c, 4)
	case d.ascii && c > '~':
		c -= 0x10000
		return `\u` + hex(0xd800+c>>10, 4) + `\u` + hex(0xdc00+c&0x3ff, 4)
	case c == utf8.RuneError: // of a byte that is no UTF-8
		return string(c)
	}
	return ""
}
