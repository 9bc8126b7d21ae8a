package jinja

import (
	"slices"
	"strings"
)

// compare is a op b for the operators == != < <= > >= in, not in, as in Python.
func (r *run) compare(op string, a, b value) bool {
	switch op {
	case "==":
		return r.equal(a, b)
	case "!=":
		return !r.equal(a, b)
	case "in":
		return r.contains(b, a)
	case "not in":
		return !r.contains(b, a)
	case "<":
		return r.less(a, b, op)
	case ">":
		return r.less(b, a, op)
	case "<=":
		return r.less(a, b, op) || r.equal(a, b)
	}
	return r.less(b, a, op) || r.equal(a, b)
}

// numeric returns the kind of number that v is: 0 none, 1 int or bool, 2 float.
func numeric(v value) int {
	switch v.(type) {
	case bool, int64:
		return 1
	case float64:
		return 2
	}
	return 0
}

func toFloat(v value) float64 {
	if f, ok := v.(float64); ok {
		return f
	}
	return float64(toInt(v))
}

func (r *run) equal(a, b value) bool {
	r.step(1)
	if na, nb := numeric(a), numeric(b); na > 0 || nb > 0 {
		switch {
		case na == 0 || nb == 0:
			return false
		case na == 1 && nb == 1:
			return toInt(a) == toInt(b)
		}
		return toFloat(a) == toFloat(b)
	}
	if ta, ok := text(a); ok {
		tb, ok := text(b)
		r.step(int64(min(len(ta), len(tb)) / 64))
		return ok && ta == tb
	}
	switch a := a.(type) {
	case nil:
		return b == nil
	case *undef:
		_, ok := b.(*undef)
		return ok
	case *list:
		b, ok := b.(*list)
		return ok && r.equalItems(a.items, b.items)
	case *tuple:
		b, ok := b.(*tuple)
		return ok && r.equalItems(a.items, b.items)
	case *dict:
		b, ok := b.(*dict)
		return ok && r.equalDicts(a, b)
	case *span:
		b, ok := b.(*span)
		return ok && equalSpans(a, b)
	case *view:
		return r.equalViews(a, b)
	}
	return a == b
}

func (r *run) equalItems(a, b []value) bool {
	r.enter()
	defer r.leave()
	return len(a) == len(b) && slices.EqualFunc(a, b, r.equal)
}

func (r *run) equalDicts(a, b *dict) bool {
	r.enter()
	defer r.leave()
	if len(a.keys) != len(b.keys) {
		return false
	}
	for h, i := range a.index {
		v, ok := b.get(h)
		if !ok || !r.equal(a.vals[i], v) {
			return false
		}
	}
	return true
}

func equalSpans(a, b *span) bool {
	n := a.len()
	return n == b.len() && (n == 0 || a.start == b.start && (n == 1 || a.step == b.step))
}

// equalViews compares views of keys and items as sets, and views of values by identity.
func (r *run) equalViews(a *view, b value) bool {
	o, ok := b.(*view)
	if !ok || a.of == "values" || o.of == "values" {
		return a == b
	}
	if a.of == o.of && a.of == "items" {
		return r.equalDicts(a.dict, o.dict)
	}
	if len(a.dict.keys) != len(o.dict.keys) {
		return false
	}
	next := r.iter(a)
	for item, ok := next(); ok; item, ok = next() {
		if !r.contains(o, item) {
			return false
		}
	}
	return true
}

// contains is Python's "item in container".
func (r *run) contains(container, item value) bool {
	if t, ok := text(container); ok {
		sub, ok := text(item)
		if !ok {
			r.fail("'in <string>' requires string as left operand, not %s", typeName(item))
		}
		r.step(int64(len(t) / 64))
		return strings.Contains(t, sub)
	}
	d, isDict := container.(*dict)
	if v, ok := container.(*view); ok && v.of == "keys" {
		d, isDict = v.dict, true
	}
	if isDict {
		h, ok := r.hash(item)
		if !ok {
			r.fail("unhashable type: '%s'", typeName(item))
		}
		_, ok = d.get(h)
		return ok
	}
	next := r.tryIter(container)
	if next == nil {
		r.fail("argument of type '%s' is not iterable", typeName(container))
	}
	for v, ok := next(); ok; v, ok = next() {
		if r.equal(v, item) {
			return true
		}
	}
	return false
}

// less is Python's a < b; op is for the message.
func (r *run) less(a, b value, op string) bool {
	r.step(1)
	for _, v := range []value{a, b} {
		if u, ok := v.(*undef); ok {
			r.fail("%s", u.reason)
		}
	}
	if na, nb := numeric(a), numeric(b); na > 0 && nb > 0 {
		if na == 1 && nb == 1 {
			return toInt(a) < toInt(b)
		}
		return toFloat(a) < toFloat(b)
	}
	if ta, ok := text(a); ok {
		if tb, ok := text(b); ok {
			r.step(int64(min(len(ta), len(tb)) / 64))
			return ta < tb // the order of UTF-8 is that of code points
		}
	}
	if la, ok := a.(*list); ok {
		if lb, ok := b.(*list); ok {
			return r.lessItems(la.items, lb.items, op)
		}
	}
	if ta, ok := a.(*tuple); ok {
		if tb, ok := b.(*tuple); ok {
			return r.lessItems(ta.items, tb.items, op)
		}
	}
	r.fail("'%s' not supported between instances of '%s' and '%s'", op, typeName(a), typeName(b))
	return false
}

func (r *run) lessItems(a, b []value, op string) bool {
	r.enter()
	defer r.leave()
	for i := range min(len(a), len(b)) {
		if !r.equal(a[i], b[i]) {
			return r.less(a[i], b[i], op)
		}
	}
	return len(a) < len(b)
}

// sorted returns items in the order of their keys; equal ones keep their order.
func (r *run) sorted(items []value, key func(value) value, reverse bool) []value {
	type pair struct{ key, item value }
	r.alloc(48 * len(items))
	pairs := make([]pair, len(items))
	for i, item := range items {
		pairs[i] = pair{key(item), item}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		if reverse {
			a, b = b, a
		}
		switch {
		case r.less(a.key, b.key, "<"):
			return -1
		case r.less(b.key, a.key, "<"):
			return 1
		}
		return 0
	})
	out := make([]value, len(items))
	for i, p := range pairs {
		out[i] = p.item
	}
	return out
}

// identical is Python's "a is b", as far as that is defined for the values of templates.
func identical(a, b value) bool {
	if numeric(a) == 2 || numeric(b) == 2 {
		return false
	}
	if ta, ok := a.(str); ok {
		tb, ok := b.(str)
		return ok && ta.s == tb.s && ta.safe == tb.safe
	}
	return a == b
}
