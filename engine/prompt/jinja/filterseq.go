package jinja

import (
	"strconv"
	"strings"
)

func length(r *run, in value, a args) value {
	r.bind("length", a)
	n, ok := r.size(in)
	if !ok {
		r.fail("object of type '%s' has no len()", typeName(in))
	}
	return int64(n)
}

// generator returns an iterator, which can be read once and is always true. As in Jinja, the filters
// map, select, reject, unique, reverse and items return one.
func generator(next func() (value, bool)) value { return &iterator{next, "generator"} }

func first(r *run, in value, a args) value {
	r.bind("first", a)
	if v, ok := r.iter(in)(); ok {
		return v
	}
	return &undef{"No first item, sequence was empty."}
}

func last(r *run, in value, a args) value {
	r.bind("last", a)
	if v, ok := r.backwards(in)(); ok {
		return v
	}
	return &undef{"No last item, sequence was empty."}
}

// backwards returns a function that gives the items of v from the last to the first.
func (r *run) backwards(v value) func() (value, bool) {
	switch v := v.(type) {
	case str, *dict, *view, *undef, *list, *tuple:
		items := r.items(v)
		return r.count(len(items), func(i int) value { return items[len(items)-1-i] })
	case *span:
		return r.count(v.len(), func(i int) value { return v.at(v.len() - 1 - i) })
	}
	r.fail("'%s' object is not reversible", typeName(v))
	return nil
}

func reverse(r *run, in value, a args) value {
	r.bind("reverse", a)
	if t, ok := in.(str); ok {
		return r.like(in, r.sliceText(t, nil, nil, int64(-1)))
	}
	if it, ok := in.(*iterator); ok {
		items := r.items(it)
		return &list{reversed(items)}
	}
	return &iterator{r.backwards(in), "list_reverseiterator"}
}

func itemsFilter(r *run, in value, a args) value {
	r.bind("items", a)
	switch d := in.(type) {
	case *undef:
		return generator(r.each(nil))
	case *dict:
		return generator(r.iter(&view{"items", d}))
	}
	// As in Jinja, the error comes when the template reads the items.
	return generator(func() (value, bool) {
		r.fail("can only get item pairs from a mapping")
		return nil, false
	})
}

// getter returns a function that gives an attribute of a value, by a path such as "function.name" or
// "parts.0". An undefined attribute is def if that is not nil.
func (r *run) getter(attribute value, def value) func(value) value {
	var path []value
	switch attr := attribute.(type) {
	case nil:
	case str:
		r.alloc(48 * strings.Count(attr.s, "."))
		for _, part := range strings.Split(r.made(attr).s, ".") {
			if n, err := strconv.ParseInt(part, 10, 64); err == nil && all(isDigit)(part) {
				path = append(path, n)
			} else {
				path = append(path, str{s: part})
			}
		}
	default:
		path = []value{attr}
	}
	return func(v value) value {
		for _, part := range path {
			r.step(1)
			v = r.item(v, part)
			if _, ok := v.(*undef); ok && def != nil {
				v = def
			}
		}
		return v
	}
}

// folded returns get with texts in lower case unless caseSensitive is set.
func (r *run) folded(get func(value) value, caseSensitive bool) func(value) value {
	if caseSensitive {
		return get
	}
	return func(v value) value {
		v = get(v)
		if t, ok := v.(str); ok {
			return r.lower(t)
		}
		return v
	}
}

func joinFilter(r *run, in value, a args) value {
	p := r.bind("join", a, "d?", "attribute?")
	get := r.getter(p.or(1, nil), nil)
	sep := r.str(p.or(0, literal("")))
	next := r.iter(in)
	var b builder
	first := true
	for item, ok := next(); ok; item, ok = next() {
		if !first {
			b.write(r.made(sep))
		}
		first = false
		b.write(r.made(r.str(get(item))))
	}
	return b.str()
}

func mapFilter(r *run, in value, a args) value {
	if !r.truth(in) {
		return generator(r.each(nil))
	}
	var f func(v value) value
	if attribute, ok := a.take("attribute"); ok && len(a.pos) == 0 {
		def, _ := a.take("default")
		if len(a.names) > 0 {
			r.fail("map: unexpected keyword argument '%s'", a.names[0].s)
		}
		f = r.getter(attribute, def)
	} else {
		if len(a.pos) == 0 {
			r.fail("map requires a filter argument")
		}
		name := r.str(a.pos[0]).s
		rest := args{a.pos[1:], a.names, a.named}
		f = func(v value) value { return r.filter(name, v, rest) }
	}
	next := r.iter(in)
	return generator(func() (value, bool) {
		r.enter() // because an iterator may read from a chain of others
		defer r.leave()
		v, ok := next()
		if !ok {
			return nil, false
		}
		return f(v), true
	})
}

// choose is the filters select, reject, selectattr and rejectattr.
func (r *run) choose(name string, in value, a args, attr, want bool) value {
	if !r.truth(in) {
		return generator(r.each(nil))
	}
	get := func(v value) value { return v }
	if attr {
		if len(a.pos) == 0 {
			r.fail("%s: missing parameter for attribute name", name)
		}
		get = r.getter(a.pos[0], nil)
		a.pos = a.pos[1:]
	}
	ok := r.truth
	if len(a.pos) > 0 {
		test, rest := r.str(a.pos[0]).s, args{a.pos[1:], a.names, a.named}
		ok = func(v value) bool { return r.test(test, v, rest) }
	}
	next := r.iter(in)
	return generator(func() (value, bool) {
		r.enter()
		defer r.leave()
		for {
			v, more := next()
			if !more || ok(get(v)) == want {
				return v, more
			}
		}
	})
}

func sortFilter(r *run, in value, a args) value {
	p := r.bind("sort", a, "reverse?", "case_sensitive?", "attribute?")
	attributes := []value{p.or(2, nil)}
	if t, ok := text(attributes[0]); ok {
		attributes = nil
		r.alloc(256 * strings.Count(t, ","))
		for _, part := range strings.Split(t, ",") {
			attributes = append(attributes, str{s: part})
		}
	}
	var gets []func(value) value
	for _, attr := range attributes {
		gets = append(gets, r.folded(r.getter(attr, nil), p.truth(1, false)))
	}
	key := func(v value) value {
		k := make([]value, len(gets))
		for i, get := range gets {
			k[i] = get(v)
		}
		return &list{k}
	}
	return &list{r.sorted(r.items(in), key, p.truth(0, false))}
}

func dictSort(r *run, in value, a args) value {
	p := r.bind("dictsort", a, "case_sensitive?", "by?", "reverse?")
	d, ok := in.(*dict)
	if !ok {
		r.defined(in)
		r.fail("dictsort: '%s' object has no attribute 'items'", typeName(in))
	}
	part := 0
	switch by := p.text(1, "key"); by {
	case "key":
	case "value":
		part = 1
	default:
		r.fail(`you can only sort by either "key" or "value"`)
	}
	get := r.folded(func(v value) value { return v.(*tuple).items[part] }, p.truth(0, false))
	return &list{r.sorted(r.items(&view{"items", d}), get, p.truth(2, false))}
}

func unique(r *run, in value, a args) value {
	p := r.bind("unique", a, "case_sensitive?", "attribute?")
	get := r.folded(r.getter(p.or(1, nil), nil), p.truth(0, false))
	seen := map[any]bool{}
	next := r.iter(in)
	return generator(func() (value, bool) {
		r.enter()
		defer r.leave()
		for v, ok := next(); ok; v, ok = next() {
			key := get(v)
			h, hashable := r.hash(key)
			if !hashable {
				r.fail("unhashable type: '%s'", typeName(key))
			}
			if !seen[h] {
				r.alloc(32)
				seen[h] = true
				return v, true
			}
		}
		return nil, false
	})
}

// extreme is the filters min and max: the first of the smallest or largest items.
func (r *run) extreme(name string, in value, a args) value {
	p := r.bind(name, a, "case_sensitive?", "attribute?")
	get := r.folded(r.getter(p.or(1, nil), nil), p.truth(0, false))
	next := r.iter(in)
	best, ok := next()
	if !ok {
		return &undef{"No aggregated item, sequence was empty."}
	}
	key := get(best)
	for v, ok := next(); ok; v, ok = next() {
		k := get(v)
		if name == "min" && r.less(k, key, "<") || name == "max" && r.less(key, k, ">") {
			best, key = v, k
		}
	}
	return best
}

func sum(r *run, in value, a args) value {
	p := r.bind("sum", a, "attribute?", "start?")
	get := r.getter(p.or(0, nil), nil)
	total := p.or(1, int64(0))
	if _, ok := text(total); ok {
		r.fail("sum() can't sum strings")
	}
	next := r.iter(in)
	for v, ok := next(); ok; v, ok = next() {
		total = r.binary("+", total, get(v))
	}
	return total
}

func groupBy(r *run, in value, a args) value {
	p := r.bind("groupby", a, "attribute", "default?", "case_sensitive?")
	get := r.getter(p.v[0], p.or(1, nil))
	key := r.folded(get, p.truth(2, false))
	out := &list{}
	var last value
	var group *list
	for _, v := range r.sorted(r.items(in), key, false) {
		k := key(v)
		if group == nil || !r.equal(k, last) {
			group, last = &list{}, k
			r.alloc(64)
			out.items = append(out.items, &tuple{items: []value{get(v), group}, group: true})
		}
		r.alloc(16)
		group.items = append(group.items, v)
	}
	return out
}

func batch(r *run, in value, a args) value {
	p := r.bind("batch", a, "linecount", "fill_with?")
	n := p.int(0, 0)
	next := r.iter(in)
	var ahead value
	have := false
	return generator(func() (value, bool) {
		r.enter()
		defer r.leave()
		var row []value
		if have {
			row, have = append(row, ahead), false
		}
		for v, ok := next(); ok; v, ok = next() {
			if int64(len(row)) == n && (n > 0) {
				ahead, have = v, true
				return &list{row}, true
			}
			r.alloc(16)
			row = append(row, v)
		}
		if len(row) == 0 {
			return nil, false
		}
		if p.given(1) && int64(len(row)) < n {
			fill := r.repeatItems([]value{p.v[1]}, n-int64(len(row)))
			row = append(row, fill...)
		}
		return &list{row}, true
	})
}

func sliceFilter(r *run, in value, a args) value {
	p := r.bind("slice", a, "slices", "fill_with?")
	items := r.items(in)
	n := p.int(0, 0)
	if n == 0 {
		r.fail("integer division or modulo by zero")
	}
	if n < 0 {
		return generator(r.each(nil))
	}
	size, extra := int64(len(items))/n, int64(len(items))%n
	return generator(func() func() (value, bool) {
		i, start := int64(0), int64(0)
		return func() (value, bool) {
			r.step(1)
			if i >= n {
				return nil, false
			}
			end := start + size
			if i < extra {
				end++
			}
			part := items[start:end:end]
			if p.given(1) && i >= extra {
				part = append(part, p.v[1])
			}
			r.alloc(16 * len(part))
			i, start = i+1, end
			return &list{part}, true
		}
	}())
}
