package jinja

// globals are the functions that every template can call.
var globals = map[string]value{
	"range":           &builtin{"range", makeRange},
	"dict":            &builtin{"dict", makeDict},
	"namespace":       &builtin{"namespace", func(r *run, a args) value { return &namespace{makeDict(r, a).(*dict)} }},
	"cycler":          &builtin{"cycler", makeCycler},
	"joiner":          &builtin{"joiner", func(r *run, a args) value { return &joiner{sep: r.bind("joiner", a, "sep?").str(0, ", ")} }},
	"raise_exception": &builtin{"raise_exception", raise},
	"strftime_now":    &builtin{"strftime_now", func(r *run, a args) value { return r.strftime(r.bind("strftime_now", a, "format").str(0, "")) }},
}

func raise(r *run, a args) value {
	reason := r.str(r.bind("raise_exception", a, "message").v[0]).s
	panic(&Error{Line: r.line, Reason: short(reason, 1000), Raised: true})
}

func makeRange(r *run, a args) value {
	p := r.bind("range", a, "start", "stop?", "step?")
	s := &span{0, p.int(0, 0), 1}
	if p.has(1) {
		s.start, s.stop = s.stop, p.int(1, 0)
	}
	if p.has(2) {
		s.step = p.int(2, 1)
	}
	if s.step == 0 {
		r.fail("range() arg 3 must not be zero")
	}
	if n := s.len(); n < 0 || n > r.limits.Range {
		r.fail("range too big: more than %d items", r.limits.Range)
	}
	return s
}

func makeDict(r *run, a args) value {
	d := newDict()
	if len(a.pos) > 1 {
		r.fail("dict expected at most 1 argument, got %d", len(a.pos))
	}
	if len(a.pos) == 1 {
		r.fillDict(d, a.pos[0])
	}
	for i, name := range a.names {
		r.putKey(d, name, a.named[i])
	}
	return d
}

func (r *run) fillDict(d *dict, from value) {
	if o, ok := from.(*dict); ok {
		from = &view{"items", o}
	}
	next := r.iter(from)
	for item, ok := next(); ok; item, ok = next() {
		pair := r.items(item)
		if len(pair) != 2 {
			r.fail("a dict is made of pairs, not of %d", len(pair))
		}
		r.putKey(d, pair[0], pair[1])
	}
}

func makeCycler(r *run, a args) value {
	if len(a.names) > 0 {
		r.fail("cycler() got an unexpected keyword argument %q", a.names[0].s)
	}
	if len(a.pos) == 0 {
		r.fail("at least one item has to be provided")
	}
	return &cycler{items: a.pos}
}
