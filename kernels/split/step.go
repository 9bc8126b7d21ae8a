package split

import (
	"math"
	"slices"

	"soberano/kernels"
)

// step implements kernels.Step. It records the operations; End runs them.
type step struct {
	d     *device
	id    uint64 // see kernels.NextStep
	open  bool
	batch *kernels.Batch
	bases []*base
	ops   []op
	// routes has the routing of each choice, and a copy of the logits that it is made of.
	routes []route
	reads  []*kernels.Rows
}

// base is a tensor that New or Const has returned. Tensor.Buffer of its views points to it.
type base struct {
	index, rows, cols int
	constant          *vector // of Const
	written           []write // by the operations of the step, in their order; see plan
}

// op is a recorded operation.
type op struct {
	side         Side // Both: where the next operation runs that has a side
	layer        int  // of the state that it uses; -1: none
	choice       int  // that it uses; -1: none
	read         bool // it is Read, and runs where the operation before it does
	inputs, dsts []kernels.Tensor
	experts      bool // it multiplies by experts, whose place is that of all that uses the choice
	run          func(e *segment)
}

// route is a call of Route.
type route struct {
	logits        kernels.Tensor // a copy, which nothing overwrites
	r             kernels.Routing
	bias, factors *vector
	side          Side // Both: not known yet
}

var noBatch kernels.Batch

// Begin starts a step.
func (d *device) Begin(b *kernels.Batch) kernels.Step {
	if b == nil {
		b = &noBatch
	}
	switch {
	case d.closed:
		panic("split: Begin: the device is closed")
	case d.step.open:
		panic("split: Begin: the step before has not ended")
	}
	d.step.end()
	d.step = &step{d: d, id: kernels.NextStep(), open: true, batch: b}
	return d.step
}

// end makes the rows and tensors of a step unusable.
func (s *step) end() {
	s.open = false
	for _, r := range s.reads {
		r.Values = nil
	}
}

// check panics unless the step is open.
func (s *step) check(name string) {
	switch {
	case s.d.closed:
		panic("split: " + name + ": the device is closed")
	case !s.open:
		panic("split: " + name + ": the step has ended")
	}
}

// add records an operation that writes to dsts.
func (s *step) add(name string, o op) {
	s.check(name)
	for _, t := range slices.Concat(o.inputs, o.dsts) {
		if b, ok := t.Buffer.(*base); t.Step != s.id || !ok || b.index >= len(s.bases) || s.bases[b.index] != b {
			panic("split: " + name + ": a tensor of another step")
		}
	}
	for _, t := range o.dsts {
		if t.Const {
			panic("split: " + name + ": the tensor is read only")
		}
	}
	s.ops = append(s.ops, o)
}

// matrix returns the operand.
func (s *step) matrix(name string, w kernels.Matrix) *matrix {
	m, ok := w.(*matrix)
	if !ok || m.d != s.d {
		panic("split: " + name + ": a matrix of another device")
	}
	return m
}

// vector returns the operand, nil for none.
func (s *step) vector(name string, v kernels.Vector) *vector {
	if v == nil {
		return nil
	}
	x, ok := v.(*vector)
	if !ok || x.d != s.d {
		panic("split: " + name + ": a vector of another device")
	}
	return x
}

// newTensor returns a tensor of the step.
func (s *step) newTensor(rows, cols int, constant *vector) kernels.Tensor {
	b := &base{index: len(s.bases), rows: rows, cols: cols, constant: constant}
	s.bases = append(s.bases, b)
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: cols, Buffer: b, Step: s.id, Const: constant != nil}
}

// New returns a tensor of undefined content.
func (s *step) New(rows, cols int) kernels.Tensor {
	s.check("New")
	if rows < 0 || cols < 0 || cols > 0 && rows > math.MaxInt/8/cols {
		panic("split: New: impossible shape")
	}
	return s.newTensor(rows, cols, nil)
}

// Const returns a tensor over the values of v.
func (s *step) Const(v kernels.Vector, rows, cols int) kernels.Tensor {
	s.check("Const")
	x := s.vector("Const", v)
	if rows < 0 || cols < 0 || rows*cols > x.Len() {
		panic("split: Const: the vector has fewer values")
	}
	return s.newTensor(rows, cols, x)
}

// Write copies rows × cols values from src to t.
func (s *step) Write(t kernels.Tensor, src []float32) {
	values := slices.Clone(src[:t.Rows*t.Cols])
	s.add("Write", op{side: Both, layer: -1, choice: -1, dsts: []kernels.Tensor{t}, run: func(e *segment) { e.step.Write(e.t(t), values) }})
}

// Read requests t.
func (s *step) Read(t kernels.Tensor) *kernels.Rows {
	r := &kernels.Rows{Len: t.Rows, Cols: t.Cols, Stride: t.Cols}
	s.add("Read", op{side: Both, layer: -1, choice: -1, read: true, inputs: []kernels.Tensor{t}, run: func(e *segment) {
		e.asked = append(e.asked, asked{r, e.step.Read(e.t(t))})
	}})
	s.reads = append(s.reads, r)
	return r
}

// Route records the choice, which each segment that needs it makes of a copy of the logits.
func (s *step) Route(logits kernels.Tensor, r *kernels.Routing) kernels.Choice {
	kept := s.New(logits.Rows, logits.Cols)
	s.Scale(kept, logits, 1)
	s.routes = append(s.routes, route{kept, *r, s.vector("Route", r.Bias), s.vector("Route", r.Factors), Both})
	return kernels.Choice{Rows: logits.Rows, Used: r.Used, Index: len(s.routes) - 1, Step: s.id}
}

// choice returns the number of the operand.
func (s *step) choice(name string, c kernels.Choice) int {
	if c.Step != s.id {
		panic("split: " + name + ": a choice of another step")
	}
	return c.Index
}
