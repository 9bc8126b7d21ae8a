package jinja

import "slices"

// args are the evaluated arguments of a call to a macro, loop, function, method, filter or test.
type args struct {
	pos   []value
	names []str // of named
	named []value
}

func (r *run) args(e argsE, s *scope) args {
	var a args
	for _, p := range e.pos {
		a.pos = append(a.pos, r.eval(p, s))
	}
	for i, n := range e.named {
		a.names = append(a.names, literal(e.names[i]))
		a.named = append(a.named, r.eval(n, s))
	}
	if e.star != nil {
		a.pos = append(a.pos, r.items(r.eval(e.star, s))...)
	}
	if e.dstar != nil {
		r.spread(&a, r.eval(e.dstar, s))
	}
	r.alloc(16 * (len(a.pos) + len(a.named)))
	return a
}

// spread adds the entries of a dict as named arguments.
func (r *run) spread(a *args, v value) {
	d, ok := v.(*dict)
	if !ok {
		r.fail("argument after ** must be a mapping, not %s", typeName(v))
	}
	for i, key := range d.keys {
		r.step(int64(1 + len(a.names)/8))
		name, ok := key.(str)
		if !ok {
			r.fail("keywords must be strings")
		}
		if a.index(name.s) >= 0 {
			r.fail("got multiple values for keyword argument %q", name.s)
		}
		a.names = append(a.names, name)
		a.named = append(a.named, d.vals[i])
	}
}

// index is the place of a named argument, or -1.
func (a *args) index(name string) int {
	return slices.IndexFunc(a.names, func(n str) bool { return n.s == name })
}

// take removes a named argument and returns it.
func (a *args) take(name string) (value, bool) {
	i := a.index(name)
	if i < 0 {
		return nil, false
	}
	v := a.named[i]
	a.names = slices.Delete(slices.Clone(a.names), i, i+1)
	a.named = slices.Delete(slices.Clone(a.named), i, i+1)
	return v, true
}

// missing stands for an argument that was not given.
type missing struct{}

// params are arguments in the order of a function's parameters.
type params struct {
	r *run
	v []value
}

// bind assigns a to the named parameters. A parameter whose name ends with ? is optional.
func (r *run) bind(fn string, a args, names ...string) params {
	if len(a.pos) > len(names) {
		r.fail("%s() takes at most %d arguments (%d given)", fn, len(names), len(a.pos))
	}
	p := params{r, make([]value, len(names))}
	for i, name := range names {
		short := name
		optional := name[len(name)-1] == '?'
		if optional {
			short = name[:len(name)-1]
		}
		v, named := a.take(short)
		switch {
		case i < len(a.pos) && named:
			r.fail("%s() got multiple values for argument %q", fn, short)
		case i < len(a.pos):
			v = a.pos[i]
		case !named && !optional:
			r.fail("%s() missing argument %q", fn, short)
		case !named:
			v = missing{}
		}
		p.v[i] = v
	}
	if len(a.names) > 0 {
		r.fail("%s() got an unexpected keyword argument %q", fn, a.names[0].s)
	}
	return p
}

func (p params) has(i int) bool { return p.v[i] != missing{} }

// given tells whether argument i was given and is not None.
func (p params) given(i int) bool { return p.has(i) && p.v[i] != nil }

func (p params) or(i int, def value) value {
	if p.has(i) {
		return p.v[i]
	}
	return def
}

func (p params) int(i int, def int64) int64 {
	switch v := p.or(i, def).(type) {
	case int64, bool:
		return toInt(v)
	default:
		p.r.fail("%s object cannot be interpreted as an integer", typeName(v))
	}
	return 0
}

func (p params) str(i int, def string) str {
	v := p.or(i, literal(def))
	t, ok := v.(str)
	if !ok {
		p.r.fail("must be str, not %s", typeName(v))
	}
	return t
}

func (p params) text(i int, def string) string { return p.str(i, def).s }

func (p params) truth(i int, def bool) bool { return p.r.truth(p.or(i, def)) }

// call calls fn.
func (r *run) call(fn value, a args) value {
	r.step(1)
	r.enter()
	defer r.leave()
	switch fn := fn.(type) {
	case *macro:
		return fn.call(r, a)
	case *builtin:
		return fn.call(r, a)
	case *method:
		return r.callMethod(fn, a)
	case *loop:
		return fn.recurse(r, a)
	case *joiner:
		r.bind("joiner", a)
		if fn.used {
			return fn.sep
		}
		fn.used = true
		return literal("")
	case *undef:
		r.fail("%s", fn.reason)
	}
	r.fail("%s object is not callable", typeName(fn))
	return nil
}

// macro is a macro with the scope in which it was defined. It reads the variables of that scope
// when it is called.
type macro struct {
	def   *macroDef
	scope *scope
}

func (m *macro) call(r *run, a args) value {
	s := m.scope.inner()
	d := m.def
	m.parameters(r, s, &a)
	if d.uses.caller && !slices.Contains(d.params, "caller") {
		c, ok := a.take("caller")
		if !ok || c == nil {
			c = &undef{"No caller defined"}
		}
		s.set("caller", c)
	}
	switch {
	case d.uses.kwargs:
		s.set("kwargs", a.rest(r))
	case len(a.names) > 0:
		r.fail("macro %q takes no keyword argument %q", d.name, a.names[0].s)
	}
	extra := a.pos[min(len(a.pos), len(d.params)):]
	switch {
	case d.uses.varargs:
		s.set("varargs", &tuple{items: extra})
	case len(extra) > 0:
		r.fail("macro %q takes not more than %d argument(s)", d.name, len(d.params))
	}
	return r.capture(func() { r.block(d.body, s) })
}

// parameters sets the macro's parameters from left to right, so that a default can use those before it.
func (m *macro) parameters(r *run, s *scope, a *args) {
	d := m.def
	first := len(d.params) - len(d.defaults)
	for i, name := range d.params {
		r.step(int64(1 + len(a.names)/8))
		var v value
		named := false
		if i < len(a.pos) {
			v = a.pos[i]
		} else if v, named = a.take(name); !named {
			if i < first {
				v = &undef{"parameter '" + name + "' was not provided"}
			} else {
				v = r.eval(d.defaults[i-first], s)
			}
		}
		s.set(name, v)
	}
}

// rest returns the named arguments as a dict.
func (a *args) rest(r *run) *dict {
	d := newDict()
	for i, name := range a.names {
		r.alloc(32)
		d.put(name, a.named[i])
	}
	return d
}

// loop is the variable loop within a for block.
type loop struct {
	stmt     *forS
	scope    *scope
	depth    int
	index    int // of the current item, from 0
	iterable value
	next     func() (value, bool)

	peeked, current, before value
	ahead                   bool // peeked holds the next item
	over                    bool // there is no next item
	total                   int  // 1 + the number of items, once known
	changed                 *tuple
}

// advance moves to the next item.
func (l *loop) advance(r *run) (value, bool) {
	item, ok := l.peek()
	if !ok {
		return nil, false
	}
	l.ahead = false
	l.index++
	l.before, l.current = l.current, item
	return item, true
}

func (l *loop) peek() (value, bool) {
	if !l.ahead && !l.over {
		l.peeked, l.ahead = l.next()
		l.over = !l.ahead
	}
	return l.peeked, l.ahead
}

// length counts the items. To count an iterator, it reads all that is left.
func (l *loop) length(r *run) int {
	if l.total > 0 {
		return l.total - 1
	}
	n, sized := r.size(l.iterable)
	if !sized {
		rest := r.items(&iterator{next: l.next})
		l.next = r.each(rest)
		n = len(rest) + l.index + 1
		if l.ahead {
			n++
		}
	}
	l.total = n + 1
	return n
}

func (l *loop) attr(r *run, name string) (value, bool) {
	n := func(i int) (value, bool) { return int64(i), true }
	switch name {
	case "index":
		return n(l.index + 1)
	case "index0":
		return n(l.index)
	case "first":
		return l.index == 0, true
	case "last":
		_, more := l.peek()
		return !more, true
	case "length":
		return n(l.length(r))
	case "revindex":
		return n(l.length(r) - l.index)
	case "revindex0":
		return n(l.length(r) - l.index - 1)
	case "depth":
		return n(l.depth + 1)
	case "depth0":
		return n(l.depth)
	case "previtem":
		if l.index == 0 {
			return &undef{"there is no previous item"}, true
		}
		return l.before, true
	case "nextitem":
		if item, ok := l.peek(); ok {
			return item, true
		}
		return &undef{"there is no next item"}, true
	case "cycle", "changed":
		return &method{l, name}, true
	}
	return nil, false
}

func (l *loop) call(r *run, name string, a args) value {
	if name == "changed" {
		now := &tuple{items: a.pos}
		if l.changed != nil && r.equal(l.changed, now) {
			return false
		}
		l.changed = now
		return true
	}
	if len(a.pos) == 0 {
		r.fail("no items for cycling given")
	}
	return a.pos[l.index%len(a.pos)]
}

// recurse is the call loop(items) in a loop marked recursive: it renders the loop's body for items.
func (l *loop) recurse(r *run, a args) value {
	if !l.stmt.recursive {
		r.fail("the loop must have the 'recursive' marker to be called recursively")
	}
	p := r.bind("loop", a, "iterable")
	return r.capture(func() { l.stmt.run(r, l.scope, p.v[0], l.depth+1) })
}
