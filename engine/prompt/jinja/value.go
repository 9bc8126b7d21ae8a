package jinja

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// value is a value of the template language:
//
//	nil       None           *list   list              *undef      an undefined variable or element
//	bool      bool           *tuple  tuple             *iterator   what map, select, reverse … return
//	int64     int            *dict   dict, in order    *namespace  namespace(), the only mutable value
//	float64   float          *view   d.items() …       *macro, *loop, *builtin, *method: callables
//	str       str, Markup    *span   range()           *cycler, *joiner
//
// Lists, tuples and dicts never change once made, so values may share them.
type value = any

type (
	list  struct{ items []value }
	tuple struct {
		items []value
		group bool // made by groupby: it also has the attributes grouper and list
	}
	view struct {
		of   string // "items", "keys", "values"
		dict *dict
	}
	span     struct{ start, stop, step int64 }
	undef    struct{ reason string }
	iterator struct {
		next func() (value, bool)
		name string
	}
	namespace struct{ attrs *dict }
	method    struct {
		recv value
		name string
	}
	builtin struct {
		name string
		call func(r *run, a args) value
	}
	cycler struct {
		items []value
		pos   int
	}
	joiner struct {
		sep  str
		used bool
	}
)

// dict keeps its keys in the order of their first insertion. Equal numbers are one key.
type dict struct {
	keys, vals []value
	index      map[any]int
}

func newDict() *dict { return &dict{index: map[any]int{}} }

// set stores v under key; h is the key's hash.
func (d *dict) set(h any, key, v value) {
	if i, ok := d.index[h]; ok {
		d.vals[i] = v
		return
	}
	d.index[h] = len(d.keys)
	d.keys = append(d.keys, key)
	d.vals = append(d.vals, v)
}

func (d *dict) put(key str, v value) { d.set(key.s, key, v) }

func (d *dict) get(h any) (value, bool) {
	i, ok := d.index[h]
	if !ok {
		return nil, false
	}
	return d.vals[i], true
}

type tupleHash string

// hash returns a key that is equal for equal values, for a text its string; false for what Python
// can't hash.
func (r *run) hash(v value) (any, bool) {
	switch v := v.(type) {
	case nil:
		return struct{}{}, true
	case bool, int64:
		return toInt(v), true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<62 {
			return int64(v), true
		}
		return v, true
	case str:
		r.step(int64(len(v.s) / 64))
		return v.s, true
	case *tuple:
		return r.hashTuple(v)
	case *list, *dict, *view, *joiner:
		return nil, false
	case *undef:
		return undef{}, true
	}
	return v, true // by identity
}

func (r *run) hashTuple(t *tuple) (any, bool) {
	r.enter()
	defer r.leave()
	var b strings.Builder
	for _, item := range t.items {
		r.step(1)
		before := b.Len()
		h, ok := r.hash(item)
		if !ok {
			return nil, false
		}
		switch h := h.(type) {
		case int64:
			b.WriteString("i" + strconv.FormatInt(h, 10) + ",")
		case float64:
			b.WriteString("f" + strconv.FormatFloat(h, 'g', -1, 64) + ",")
		case string:
			b.WriteString("s" + strconv.Itoa(len(h)) + ":" + h)
		case tupleHash:
			b.WriteString("t" + strconv.Itoa(len(h)) + ":" + string(h))
		case struct{}:
			b.WriteString("n,")
		default:
			r.fail("a tuple with %s can't be a key", typeName(item))
		}
		r.alloc(b.Len() - before)
	}
	return tupleHash(b.String()), true
}

func toInt(v value) int64 {
	switch v := v.(type) {
	case bool:
		if v {
			return 1
		}
	case int64:
		return v
	}
	return 0
}

// typeName is Python's name of v's type, for messages.
func typeName(v value) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case str:
		if v.safe {
			return "Markup"
		}
		return "str"
	case *list:
		return "list"
	case *tuple:
		return "tuple"
	case *dict:
		return "dict"
	case *view:
		return "dict_" + v.of
	case *span:
		return "range"
	case *undef:
		return "Undefined"
	case *iterator:
		return v.name
	case *namespace:
		return "Namespace"
	case *macro:
		return "Macro"
	case *loop:
		return "LoopContext"
	case *cycler:
		return "Cycler"
	case *joiner:
		return "Joiner"
	}
	return "function"
}

// text returns the characters of v if it is a text.
func text(v value) (string, bool) {
	t, ok := v.(str)
	return t.s, ok
}

// truth is Python's bool(v).
func (r *run) truth(v value) bool {
	switch v := v.(type) {
	case nil, *undef:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	}
	n, sized := r.size(v)
	return !sized || n != 0
}

// size is Python's len(v), false for what has no length.
func (r *run) size(v value) (int, bool) {
	switch v := v.(type) {
	case str:
		r.step(int64(len(v.s) / 64))
		return utf8.RuneCountInString(v.s), true
	case *list:
		return len(v.items), true
	case *tuple:
		return len(v.items), true
	case *dict:
		return len(v.keys), true
	case *view:
		return len(v.dict.keys), true
	case *span:
		return v.len(), true
	case *undef:
		return 0, true
	case *loop:
		return v.length(r), true
	}
	return 0, false
}

func (s *span) len() int {
	switch {
	case s.step > 0 && s.start < s.stop:
		return int((uint64(s.stop)-uint64(s.start)-1)/uint64(s.step)) + 1
	case s.step < 0 && s.start > s.stop:
		return int((uint64(s.start)-uint64(s.stop)-1)/(-uint64(s.step))) + 1
	}
	return 0
}

func (s *span) at(i int) value { return s.start + int64(i)*s.step }

// iter returns a function that gives the items of v one after the other, and fails where v is not
// iterable. Each item costs a step.
func (r *run) iter(v value) func() (value, bool) {
	if next := r.tryIter(v); next != nil {
		return next
	}
	r.fail("%s object is not iterable", typeName(v))
	return nil
}

// tryIter is iter that returns nil where v is not iterable.
func (r *run) tryIter(v value) func() (value, bool) {
	switch v := v.(type) {
	case str:
		return r.runes(v)
	case *list:
		return r.each(v.items)
	case *tuple:
		return r.each(v.items)
	case *dict:
		return r.each(v.keys)
	case *view:
		if v.of == "items" {
			return r.count(len(v.dict.keys), v.pair)
		}
		return r.each(v.part())
	case *span:
		return r.count(v.len(), v.at)
	case *undef:
		return r.each(nil)
	case *iterator:
		return func() (value, bool) { r.step(1); return v.next() }
	case *loop:
		return func() (value, bool) { // this advances the loop itself
			item, ok := v.advance(r)
			return &tuple{items: []value{item, v}}, ok
		}
	}
	return nil
}

func (v *view) pair(i int) value {
	return &tuple{items: []value{v.dict.keys[i], v.dict.vals[i]}}
}

// part returns the keys or the values.
func (v *view) part() []value {
	if v.of == "keys" {
		return v.dict.keys
	}
	return v.dict.vals
}

func (r *run) each(items []value) func() (value, bool) {
	return r.count(len(items), func(i int) value { return items[i] })
}

func (r *run) count(n int, at func(i int) value) func() (value, bool) {
	i := 0
	return func() (value, bool) {
		r.step(1)
		if i >= n {
			return nil, false
		}
		i++
		return at(i - 1), true
	}
}

func (r *run) runes(t str) func() (value, bool) {
	i := 0
	return func() (value, bool) {
		r.step(1)
		if i == len(t.s) {
			return nil, false
		}
		_, n := utf8.DecodeRuneInString(t.s[i:])
		i += n
		return t.slice(i-n, i), true
	}
}

// items returns all items of v. The caller must not change the slice.
func (r *run) items(v value) []value {
	switch v := v.(type) {
	case *list:
		return v.items
	case *tuple:
		return v.items
	}
	var out []value
	next := r.iter(v)
	for item, ok := next(); ok; item, ok = next() {
		r.alloc(16)
		out = append(out, item)
	}
	return out
}

// isSpace is Python's str.isspace for one character.
func isSpace(c rune) bool { return unicode.IsSpace(c) || c >= 0x1c && c <= 0x1f }
