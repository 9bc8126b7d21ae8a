package prompt

import (
	"math"
	"strconv"
	"strings"
)

// The filter tojson as the transformers library defines it: Python's json.dumps with
// ensure_ascii=False, indent=None, separators=None, sort_keys=False as defaults.

type dumper struct {
	r           *run
	b           strings.Builder
	ascii, sort bool
	pretty      bool
	indent      string
	item, colon string
}

func toJSON(r *run, in value, a args) value {
	p := r.bind("tojson", a, "ensure_ascii?", "indent?", "separators?", "sort_keys?")
	d := &dumper{r: r, ascii: p.truth(0, false), sort: p.truth(3, false), item: ", ", colon: ": "}
	if p.given(1) {
		d.pretty, d.item = true, ","
		if s, ok := text(p.v[1]); ok {
			d.indent = s
		} else {
			d.indent = r.times(" ", p.int(1, 0))
		}
	}
	if p.given(2) {
		d.separators(p.v[2])
	}
	d.dump(in, 0)
	return d.b.String()
}

func (d *dumper) separators(v value) {
	parts := d.r.items(v)
	if len(parts) != 2 {
		d.r.fail("tojson: separators must be two texts")
	}
	item, ok1 := text(parts[0])
	colon, ok2 := text(parts[1])
	if !ok1 || !ok2 {
		d.r.fail("tojson: separators must be two texts")
	}
	d.item, d.colon = item, colon
}

func (d *dumper) write(s string) { d.b.WriteString(d.r.made(s)) }

func (d *dumper) dump(v value, level int) {
	d.r.step(1)
	switch v := v.(type) {
	case nil:
		d.write("null")
	case bool:
		d.write(strconv.FormatBool(v))
	case int64:
		d.write(strconv.FormatInt(v, 10))
	case float64:
		d.write(jsonFloat(v))
	case string:
		d.quote(v)
	case markup:
		d.quote(string(v))
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
		d.write("\n")
		d.write(d.r.times(d.indent, int64(level)))
	}
}

func (d *dumper) list(items []value, level int) {
	d.r.enter()
	defer d.r.leave()
	if len(items) == 0 {
		d.write("[]")
		return
	}
	d.write("[")
	for i, item := range items {
		if i > 0 {
			d.write(d.item)
		}
		d.newline(level + 1)
		d.dump(item, level+1)
	}
	d.newline(level)
	d.write("]")
}

func (d *dumper) dict(v *dict, level int) {
	d.r.enter()
	defer d.r.leave()
	if len(v.keys) == 0 {
		d.write("{}")
		return
	}
	d.write("{")
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
	d.write("}")
}

// order gives the indices of the entries, sorted by key if asked.
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
	case string:
		d.quote(k)
	case markup:
		d.quote(string(k))
	case nil, bool, int64, float64:
		d.write(`"`)
		d.dump(k, 0)
		d.write(`"`)
	default:
		d.r.fail("keys must be str, int, float, bool or None, not %s", typeName(k))
	}
}

var jsonEscapes = map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\f': `\f`, '\b': `\b`}

func (d *dumper) quote(s string) {
	d.r.made(s)
	d.b.WriteByte('"')
	for _, c := range s {
		switch e, ok := jsonEscapes[c]; {
		case ok:
			d.b.WriteString(e)
		case c < ' ' || d.ascii && c > '~' && c < 0x10000:
			d.write(`\u` + hex(c, 4))
		case d.ascii && c > '~':
			c -= 0x10000
			d.write(`\u` + hex(0xd800+c>>10, 4) + `\u` + hex(0xdc00+c&0x3ff, 4))
		default:
			d.b.WriteRune(c)
		}
	}
	d.b.WriteByte('"')
}
