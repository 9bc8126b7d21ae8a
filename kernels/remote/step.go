package remote

import (
	"math"

	"soberano/kernels"
)

// step implements kernels.Step. Operations are recorded in the device's writer; End sends them.
type step struct {
	d       *device
	id      uint64 // see kernels.NextStep
	open    bool
	bases   []base
	choices int
	reads   []*kernels.Rows
}

// base is a tensor that New or Const has returned. Tensor.Buffer of its views points to it.
type base struct{ index, stride int }

var noBatch kernels.Batch

// Begin starts a step.
func (d *device) Begin(b *kernels.Batch) kernels.Step {
	if b == nil {
		b = &noBatch
	}
	switch {
	case d.closed:
		panic("remote: Begin: the device is closed")
	case d.step.open:
		panic("remote: Begin: the step before has not ended")
	}
	d.step.end()
	d.step = &step{d: d, id: kernels.NextStep(), open: true, bases: d.step.bases[:0], reads: d.step.reads[:0]}
	d.steps.reset()
	d.steps.byte(byte(kindStep))
	w := d.step.op(opBegin)
	d.batch(w, b)
	d.step.done()
	return d.step
}

// end makes the rows and tensors of a step unusable.
func (s *step) end() {
	s.open = false
	for _, r := range s.reads {
		r.Values = nil
	}
	s.reads = s.reads[:0]
}

// op begins to record an operation.
func (s *step) op(o opcode) *writer {
	s.check(o)
	s.d.steps.byte(byte(o))
	return &s.d.steps
}

// check panics unless the step is open.
func (s *step) check(o opcode) {
	switch {
	case s.d.closed:
		panic("remote: " + o.String() + ": the device is closed")
	case !s.open:
		panic("remote: " + o.String() + ": the step has ended")
	}
}

// done ends the recording of an operation. With Options.Immediate it is run.
func (s *step) done() {
	if !s.d.o.Immediate || s.d.broken != nil {
		return
	}
	defer func() {
		s.d.steps.reset()
		s.d.steps.byte(byte(kindStep))
	}()
	_, _ = s.d.exchange(&s.d.steps, 0) // End reports it: the connection is broken
}

// End runs the operations and reads the rows that Read asked for.
func (s *step) End() error {
	w := s.op(opEnd)
	s.open, s.d.fresh = false, false
	r, err := s.d.exchange(w, 0)
	if err != nil {
		return err
	}
	return s.d.read(r, func() { s.d.readRows(r, s.reads) })
}

// readRows reads the rows of a step.
func (d *device) readRows(r *reader, all []*kernels.Rows) {
	n := 0
	for _, rows := range all {
		n += rows.Len * rows.Cols
	}
	if cap(d.values) < n {
		d.values = make([]float32, n)
	}
	values := d.values[:n]
	r.copy(values)
	for _, rows := range all {
		n := rows.Len * rows.Cols
		rows.Values, values = values[:n:n], values[n:]
	}
}

// tensor writes an operand: the tensor of which it is a view, and which part. A tensor without rows whose step is 0 stands for none.
func (s *step) tensor(o opcode, t kernels.Tensor) {
	w := &s.d.steps
	b, ok := t.Buffer.(*base)
	switch {
	case t.Rows == 0 && t.Step == 0:
		w.int(-1)
		return
	case t.Step != s.id || !ok:
		panic("remote: " + o.String() + ": a tensor of another step")
	}
	w.int(b.index)
	if w.bool(t.Stride == b.stride); t.Stride != b.stride {
		w.int(t.Stride)
	}
	w.int(t.Offset)
	w.int(t.Rows)
	w.int(t.Cols)
}

func (s *step) tensors(o opcode, all ...kernels.Tensor) {
	for i := range all {
		s.tensor(o, all[i])
	}
}

// matrix writes an operand.
func (s *step) matrix(o opcode, w kernels.Matrix) {
	m, ok := w.(*matrix)
	switch {
	case !ok || m.d != s.d:
		panic("remote: " + o.String() + ": a matrix of another device")
	case m.closed:
		panic("remote: " + o.String() + ": the matrix is closed")
	}
	s.d.steps.int(m.number)
}

// vector writes an operand, which may be nil if none is true.
func (s *step) vector(o opcode, v kernels.Vector, none bool) {
	x, ok := v.(*vector)
	switch {
	case v == nil && none:
		s.d.steps.int(0)
		return
	case !ok || x.d != s.d:
		panic("remote: " + o.String() + ": a vector of another device")
	case x.closed:
		panic("remote: " + o.String() + ": the vector is closed")
	}
	s.d.steps.int(x.number)
}

// choice writes an operand.
func (s *step) choice(o opcode, c kernels.Choice) {
	if c.Step != s.id {
		panic("remote: " + o.String() + ": a choice of another step")
	}
	s.d.steps.int(c.Index)
}

// attention writes an operand.
func (s *step) attention(o opcode, a *kernels.Attention) {
	w := &s.d.steps
	for _, n := range []int{a.Heads, a.KVHeads, a.HeadDim, a.ValueDim, a.Window, a.Chunk, a.Temperature.Length, a.Temperature.Offset} {
		w.int(n)
	}
	w.raw([]float32{a.Scale, a.SoftCap, a.Temperature.Scale})
	w.bool(a.Causal)
	w.bool(a.Cross)
	s.vector(o, a.Slopes, true)
	s.vector(o, a.Sinks, true)
}

// newTensor returns a tensor that the other process makes at the same time.
func (s *step) newTensor(rows, cols int, constant bool) kernels.Tensor {
	s.bases = append(s.bases, base{len(s.bases), cols})
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: cols, Buffer: &s.bases[len(s.bases)-1], Step: s.id, Const: constant}
}

// New returns a tensor of undefined content.
func (s *step) New(rows, cols int) kernels.Tensor {
	s.check(opNew)
	if rows < 0 || cols < 0 || cols > 0 && rows > math.MaxInt/8/cols {
		panic("remote: New: impossible shape")
	}
	w := s.op(opNew)
	w.int(rows)
	w.int(cols)
	s.done()
	return s.newTensor(rows, cols, false)
}

// Const returns a tensor over the values of v.
func (s *step) Const(v kernels.Vector, rows, cols int) kernels.Tensor {
	w := s.op(opConst)
	s.vector(opConst, v, false)
	w.int(rows)
	w.int(cols)
	s.done()
	return s.newTensor(rows, cols, true)
}

// Write copies rows × cols values from src to t.
func (s *step) Write(t kernels.Tensor, src []float32) {
	w := s.op(opWrite)
	s.tensor(opWrite, t)
	w.floats(src[:min(len(src), t.Rows*t.Cols)])
	s.done()
}

// Read requests t.
func (s *step) Read(t kernels.Tensor) *kernels.Rows {
	s.op(opRead)
	s.tensor(opRead, t)
	s.done()
	r := &kernels.Rows{Len: t.Rows, Cols: t.Cols, Stride: t.Cols}
	s.reads = append(s.reads, r)
	return r
}
