package jinja

import (
	"strings"
)

// eval returns the value of an expression. Each expression costs a step and a level of depth.
func (r *run) eval(e expr, s *scope) value {
	r.step(1)
	r.enter()
	v := e.eval(r, s)
	r.leave()
	return v
}

func (e *constE) eval(r *run, s *scope) value { return e.v }

func (e *nameE) eval(r *run, s *scope) value {
	if v, ok := s.get(e.name); ok {
		return v
	}
	return &undef{"'" + e.name + "' is undefined"}
}

func (r *run) evalAll(items []expr, s *scope) []value {
	r.alloc(16 * len(items))
	out := make([]value, len(items))
	for i, item := range items {
		out[i] = r.eval(item, s)
	}
	return out
}

func (e *listE) eval(r *run, s *scope) value  { return &list{r.evalAll(e.items, s)} }
func (e *tupleE) eval(r *run, s *scope) value { return &tuple{items: r.evalAll(e.items, s)} }

func (e *dictE) eval(r *run, s *scope) value {
	d := newDict()
	for i, key := range e.keys {
		r.putKey(d, r.eval(key, s), r.eval(e.vals[i], s))
	}
	return d
}

// putKey stores v under key in a dict that is being made.
func (r *run) putKey(d *dict, key, v value) {
	h, ok := r.hash(key)
	if !ok {
		r.fail("unhashable type: '%s'", typeName(key))
	}
	r.alloc(64)
	d.set(h, key, v)
}

func (e *attrE) eval(r *run, s *scope) value {
	obj := r.eval(e.obj, s)
	if e.line > 0 {
		r.line = e.line
	}
	return r.attr(obj, e.name)
}

// attr is obj.name: an attribute or method, else the dict's item.
func (r *run) attr(obj value, name string) value {
	if u, ok := obj.(*undef); ok {
		r.fail("%s", u.reason)
	}
	if v, ok := r.attribute(obj, name); ok {
		return v
	}
	if d, ok := obj.(*dict); ok {
		if v, ok := d.get(name); ok {
			return v
		}
	}
	return noAttribute(obj, name)
}

func noAttribute(obj value, name string) value {
	return &undef{"'" + describe(obj) + "' has no attribute '" + short(name, 100) + "'"}
}

// describe is how Jinja's messages call an object.
func describe(v value) string {
	switch v.(type) {
	case nil:
		return "None"
	case *namespace, *loop, *macro, *cycler, *joiner:
		return typeName(v)
	}
	return typeName(v) + " object"
}

// attribute is what Python's getattr finds on obj. What the sandbox hides is undefined, which is an
// error only once the template uses it.
func (r *run) attribute(obj value, name string) (value, bool) {
	switch o := obj.(type) {
	case *loop:
		return o.attr(r, name)
	case *namespace:
		if !strings.HasPrefix(name, "_") {
			return o.attrs.get(name)
		}
	case *tuple:
		if o.group && name == "grouper" {
			return o.items[0], true
		}
		if o.group && name == "list" {
			return o.items[1], true
		}
	case *macro:
		if name == "name" {
			return literal(o.def.name), true
		}
	case *cycler:
		if name == "current" {
			return o.items[o.pos], true
		}
	}
	switch findMethod(obj, name) {
	case allowed:
		return &method{obj, name}, true
	case hidden:
		return &undef{"access to attribute '" + name + "' of '" + typeName(obj) + "' object is unsafe."}, true
	}
	return nil, false
}

func (e *itemE) eval(r *run, s *scope) value {
	obj := r.eval(e.obj, s)
	if sl, ok := e.key.(*sliceE); ok {
		start, stop, step := sl.bounds(r, s)
		r.line = e.line
		return r.slice(obj, start, stop, step)
	}
	key := r.eval(e.key, s)
	r.line = e.line
	return r.item(obj, key)
}

// item is obj[key]: the element, else the attribute of that name.
func (r *run) item(obj, key value) value {
	if u, ok := obj.(*undef); ok {
		r.fail("%s", u.reason)
	}
	if v, ok := r.element(obj, key); ok {
		return v
	}
	name, ok := text(key)
	if !ok {
		return &undef{describe(obj) + " has no element " + r.repr(key).s}
	}
	if v, ok := r.attribute(obj, name); ok {
		return v
	}
	return noAttribute(obj, name)
}

func (r *run) element(obj, key value) (value, bool) {
	if d, ok := obj.(*dict); ok {
		h, ok := r.hash(key)
		if !ok {
			return nil, false
		}
		return d.get(h)
	}
	switch key.(type) {
	case int64, bool:
		return r.at(obj, toInt(key))
	}
	return nil, false
}

// at is obj[i] of a sequence.
func (r *run) at(obj value, i int64) (value, bool) {
	switch obj.(type) {
	case str, *list, *tuple, *span:
	default:
		return nil, false
	}
	n, _ := r.size(obj)
	if i < 0 {
		i += int64(n)
	}
	if i < 0 || i >= int64(n) {
		return nil, false
	}
	switch o := obj.(type) {
	case *list:
		return o.items[i], true
	case *tuple:
		return o.items[i], true
	case *span:
		return o.at(int(i)), true
	}
	t := obj.(str)
	r.scan(t.s)
	if n == len(t.s) {
		return t.slice(int(i), int(i)+1), true
	}
	return t.cut(int(i), int(i)+1), true
}

func (e *sliceE) eval(r *run, s *scope) value {
	r.fail("a slice can only be the single index")
	return nil
}

// bounds returns the values of the slice's parts, nil for those left out.
func (e *sliceE) bounds(r *run, s *scope) (start, stop, step value) {
	part := func(e expr) value {
		if e == nil {
			return nil
		}
		return r.eval(e, s)
	}
	return part(e.start), part(e.stop), part(e.step)
}

func (e *callE) eval(r *run, s *scope) value {
	fn := r.eval(e.fn, s)
	a := r.args(e.args, s)
	r.line = e.line
	return r.call(fn, a)
}

func (e *filterE) eval(r *run, s *scope) value {
	in := r.eval(e.in, s)
	a := r.args(e.args, s)
	r.line = e.line
	return r.filter(e.name, in, a)
}

func (r *run) filter(name string, in value, a args) value {
	f, ok := filters[name]
	if !ok {
		r.fail("no filter named '%s'", name)
	}
	r.step(1)
	return f(r, in, a)
}

func (e *testE) eval(r *run, s *scope) value {
	in := r.eval(e.in, s)
	a := r.args(e.args, s)
	r.line = e.line
	return r.test(e.name, in, a)
}

func (r *run) test(name string, in value, a args) bool {
	t, ok := tests[name]
	if !ok {
		r.fail("no test named '%s'", name)
	}
	return t(r, in, a)
}

func (e *notE) eval(r *run, s *scope) value { return !r.truth(r.eval(e.e, s)) }

func (e *signE) eval(r *run, s *scope) value {
	v := r.eval(e.e, s)
	r.line = e.line
	return r.sign(v, e.neg)
}

func (e *binE) eval(r *run, s *scope) value {
	a, b := r.eval(e.l, s), r.eval(e.r, s)
	r.line = e.line
	return r.binary(e.op, a, b)
}

func (e *concatE) eval(r *run, s *scope) value {
	var b builder
	for _, part := range e.parts {
		b.write(r.made(r.str(r.eval(part, s))))
	}
	return b.str()
}

func (e *andE) eval(r *run, s *scope) value {
	if v := r.eval(e.l, s); !r.truth(v) {
		return v
	}
	return r.eval(e.r, s)
}

func (e *orE) eval(r *run, s *scope) value {
	if v := r.eval(e.l, s); r.truth(v) {
		return v
	}
	return r.eval(e.r, s)
}

func (e *cmpE) eval(r *run, s *scope) value {
	left := r.eval(e.first, s)
	for i, op := range e.ops {
		right := r.eval(e.rest[i], s)
		r.line = e.line
		if !r.compare(op, left, right) {
			return false
		}
		left = right
	}
	return true
}

func (e *condE) eval(r *run, s *scope) value {
	switch {
	case r.truth(r.eval(e.test, s)):
		return r.eval(e.a, s)
	case e.b != nil:
		return r.eval(e.b, s)
	}
	return &undef{"the inline if-expression evaluated to false and no else section was defined."}
}
