package jinja

import (
	"fmt"
	"strings"
	"time"
)

// run is the state of one render: what it has used of its limits, and its output.
type run struct {
	limits Limits
	steps  int64
	memory int64
	depth  int
	line   int // of the statement or expression being run
	out    *builder
	root   *scope
	now    time.Time
}

func (r *run) fail(format string, args ...any) {
	panic(&Error{Line: r.line, Reason: short(fmt.Sprintf(format, args...), 1000)})
}

// short cuts a text that becomes part of a message.
func short(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

// step charges n steps of work to the limit.
func (r *run) step(n int64) {
	if r.steps += n; n < 0 || r.steps > r.limits.Steps {
		r.fail("the template runs too long (more than %d steps)", r.limits.Steps)
	}
}

// alloc charges n bytes to the limit, before they are made.
func (r *run) alloc(n int) {
	if r.memory += int64(n); n < 0 || r.memory > r.limits.Memory {
		r.fail("the template makes too much text (more than %d bytes in all)", r.limits.Memory)
	}
}

// made charges the making of a text to the limits and returns the text.
func (r *run) made(t str) str {
	r.alloc(len(t.s))
	r.step(int64(len(t.s) / 64))
	return t
}

// enter charges one level of nesting to the limit, until leave.
func (r *run) enter() {
	if r.depth++; r.depth > r.limits.Depth {
		r.fail("the template nests too deep (more than %d levels)", r.limits.Depth)
	}
}

func (r *run) leave() { r.depth-- }

// write appends to the output.
func (r *run) write(t str) {
	r.alloc(len(t.s))
	if r.out.len()+len(t.s) > r.limits.Output {
		r.fail("the output has more than %d bytes", r.limits.Output)
	}
	r.out.write(t)
}

// capture returns what do writes to the output.
func (r *run) capture(do func()) str {
	outer := r.out
	r.out = new(builder)
	do()
	t := r.out.str()
	r.out = outer
	return t
}

// scan charges the reading of each character of a text to the limit.
func (r *run) scan(t string) { r.step(int64(len(t) / 8)) }

// scope holds the variables of a for, macro, with or block. An assignment sets a variable of the
// innermost scope; an if has no scope. Most scopes have few variables and are used for one
// iteration, so a scope starts as a list.
type scope struct {
	few  []variable
	many map[string]value // instead of few, from fewVariables on
	up   *scope
}

type variable struct {
	name string
	v    value
}

const fewVariables = 8

func (s *scope) inner() *scope { return &scope{up: s} }

func (s *scope) get(name string) (value, bool) {
	for ; s != nil; s = s.up {
		for i := range s.few {
			if s.few[i].name == name {
				return s.few[i].v, true
			}
		}
		if v, ok := s.many[name]; ok {
			return v, true
		}
	}
	return nil, false
}

func (s *scope) set(name string, v value) {
	if s.many != nil {
		s.many[name] = v
		return
	}
	for i := range s.few {
		if s.few[i].name == name {
			s.few[i].v = v
			return
		}
	}
	s.few = append(s.few, variable{name, v})
	if len(s.few) < fewVariables {
		return
	}
	s.many = map[string]value{}
	for _, f := range s.few {
		s.many[f.name] = f.v
	}
	s.few = nil
}

// block executes statements up to the first that breaks or continues the loop around them.
func (r *run) block(body []stmt, s *scope) signal {
	r.enter()
	defer r.leave()
	for _, st := range body {
		r.step(1)
		if sig := st.exec(r, s); sig != goOn {
			return sig
		}
	}
	return goOn
}

func (st *textS) exec(r *run, s *scope) signal {
	r.write(literal(st.text))
	return goOn
}

func (st *printS) exec(r *run, s *scope) signal {
	r.line = st.line
	r.write(r.str(r.eval(st.e, s)))
	return goOn
}

func (st *ifS) exec(r *run, s *scope) signal {
	for i, test := range st.tests {
		if i == 0 {
			r.line = st.line
		}
		if r.truth(r.eval(test, s)) {
			return r.block(st.bodies[i], s)
		}
	}
	return r.block(st.orElse, s)
}

func (st *setS) exec(r *run, s *scope) signal {
	r.line = st.line
	r.assign(st.target, r.eval(st.e, s), s)
	return goOn
}

// assign stores v in what t names, in scope s.
func (r *run) assign(t target, v value, s *scope) {
	switch {
	case t.parts != nil:
		r.unpack(t, v, s)
	case t.attr != "":
		obj, _ := s.get(t.name)
		ns, ok := obj.(*namespace)
		if !ok {
			r.fail("cannot assign attribute on non-namespace object")
		}
		r.alloc(16)
		ns.attrs.put(literal(t.attr), v)
	default:
		s.set(t.name, v)
	}
}

func (r *run) unpack(t target, v value, s *scope) {
	next := r.iter(v)
	for i, part := range t.parts {
		item, ok := next()
		if !ok {
			r.fail("not enough values to unpack (expected %d, got %d)", len(t.parts), i)
		}
		r.assign(part, item, s)
	}
	if _, more := next(); more {
		r.fail("too many values to unpack (expected %d)", len(t.parts))
	}
}

// text executes a body in a scope of its own, and returns its filtered output.
func (r *run) text(body []stmt, filter expr, s *scope) (v value, sig signal) {
	in := s.inner()
	out := r.capture(func() { sig = r.block(body, in) })
	if filter == nil || sig != goOn {
		return out, sig
	}
	in.set(bodyName, out)
	return r.eval(filter, in), goOn
}

func (st *setBlockS) exec(r *run, s *scope) signal {
	v, sig := r.text(st.body, st.filter, s)
	if sig == goOn {
		r.line = st.line
		r.assign(st.target, v, s)
	}
	return sig
}

func (st *filterS) exec(r *run, s *scope) signal {
	v, sig := r.text(st.body, st.filter, s)
	if sig == goOn {
		r.line = st.line
		r.write(r.str(v))
	}
	return sig
}

func (st *withS) exec(r *run, s *scope) signal {
	r.line = st.line
	in := s.inner()
	for i, t := range st.targets {
		r.assign(t, r.eval(st.values[i], s), in)
	}
	return r.block(st.body, in)
}

func (st *blockS) exec(r *run, s *scope) signal {
	return r.block(st.body, r.root.inner())
}

func (st *jumpS) exec(r *run, s *scope) signal { return st.to }

func (st *forS) exec(r *run, s *scope) signal {
	r.line = st.line
	iterable := r.eval(st.iter, s)
	return st.run(r, s, iterable, 0)
}

// run executes the loop over iterable. Each iteration has a scope of its own.
func (st *forS) run(r *run, s *scope, iterable value, depth int) signal {
	l := &loop{stmt: st, scope: s, depth: depth, index: -1, iterable: iterable}
	l.next = st.filtered(r, s, l)
	none := true
	for item, ok := l.advance(r); ok; item, ok = l.advance(r) {
		r.step(2)
		in := s.inner()
		in.few = make([]variable, 0, 4)
		in.set("loop", l)
		r.line = st.line
		r.assign(st.target, item, in)
		sig := r.block(st.body, in)
		if sig == breakLoop {
			break
		}
		none = none && sig != goOn // as in Jinja, only an iteration that reaches its end counts
	}
	if none && st.none != nil {
		return r.block(st.none, s.inner())
	}
	return goOn
}

// filtered returns a function that gives the items for which the loop's condition holds. It tests
// an item when the loop reaches it.
func (st *forS) filtered(r *run, s *scope, l *loop) func() (value, bool) {
	next := r.iter(l.iterable)
	if st.test == nil {
		return next
	}
	l.iterable = &iterator{name: "generator", next: func() (value, bool) {
		for {
			item, ok := next()
			if !ok {
				return nil, false
			}
			in := s.inner()
			r.assign(st.target, item, in)
			if r.truth(r.eval(st.test, in)) {
				return item, true
			}
		}
	}}
	return r.iter(l.iterable)
}

func (st *macroS) exec(r *run, s *scope) signal {
	s.set(st.def.name, &macro{def: st.def, scope: s})
	return goOn
}

func (st *callS) exec(r *run, s *scope) signal {
	r.line = st.line
	fn := r.eval(st.call.fn, s)
	a := r.args(st.call.args, s)
	a.names = append(a.names, literal("caller"))
	a.named = append(a.named, &macro{def: st.def, scope: s})
	r.line = st.line
	r.write(r.str(r.call(fn, a)))
	return goOn
}
