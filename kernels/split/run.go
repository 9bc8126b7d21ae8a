package split

import (
	"slices"

	"soberano/kernels"
)

// segment is a step of one of the devices that runs a part of the operations.
type segment struct {
	s       *step
	side    Side
	step    kernels.Step
	tensors map[*base]kernels.Tensor
	choices map[int]kernels.Choice
	asked   []asked
}

// asked are the rows that Step.Read has returned, and those of the device.
type asked struct{ rows, of *kernels.Rows }

// End runs the operations on both devices.
func (s *step) End() error {
	s.check("End")
	s.open = false
	parts := s.plan()
	if err := s.makeStates(); err != nil {
		return err
	}
	for i, p := range parts {
		last := !slices.ContainsFunc(parts[i+1:], func(q part) bool { return q.side == p.side })
		if err := s.run(p, last); err != nil {
			return err
		}
	}
	return nil
}

// makeStates makes the parts of states that have none yet.
func (s *step) makeStates() error {
	for _, sp := range slices.Concat(s.batch.Spans, s.batch.Cross) {
		st, ok := sp.State.(*state)
		if !ok || st.made {
			continue
		}
		if err := st.make(s.d.places.first(len(st.shape.Layers))); err != nil {
			return err
		}
	}
	return nil
}

// run runs a part of the operations. last means that no other part runs on the same device.
func (s *step) run(p part, last bool) error {
	batch := *s.batch
	batch.Spans, batch.Cross = p.side.spans(s.batch.Spans), p.side.spans(s.batch.Cross)
	e := &segment{s: s, side: p.side, step: s.d.o.Devices[p.side].Begin(&batch), tensors: map[*base]kernels.Tensor{}, choices: map[int]kernels.Choice{}}
	for _, t := range p.in {
		e.step.Write(e.t(t), s.d.gather(t))
	}
	for _, o := range s.ops[p.from:p.to] {
		o.run(e)
	}
	out := make([]*kernels.Rows, len(p.out))
	for i, t := range p.out {
		out[i] = e.step.Read(e.t(t))
	}
	if err := e.step.End(); err != nil {
		return err
	}
	for i, t := range p.out {
		s.d.scatter(t, out[i])
	}
	for _, a := range e.asked {
		*a.rows = *a.of
		if !last {
			a.rows.Values = slices.Clone(a.of.Values)
		}
	}
	return nil
}

// spans returns the spans with the states of a device.
func (d Side) spans(list []kernels.Span) (out []kernels.Span) {
	for _, sp := range list {
		if st, ok := sp.State.(*state); ok && !st.closed {
			if sp.State = st.parts[d]; st.parts[d] == nil {
				continue // no layer is there
			}
		}
		out = append(out, sp)
	}
	return out
}

// image returns the memory on the host for the values of a tensor that travel.
func (d *device) image(b *base) []float32 {
	for len(d.images) <= b.index {
		d.images = append(d.images, nil)
	}
	n := b.rows * b.cols
	if cap(d.images[b.index]) < n {
		d.images[b.index] = make([]float32, n)
	}
	return d.images[b.index][:n]
}

// gather returns the values of a view, row after row.
func (d *device) gather(t kernels.Tensor) []float32 {
	image := d.image(t.Buffer.(*base))[t.Offset:]
	if t.Rows <= 1 || t.Stride == t.Cols {
		return image[:t.Rows*t.Cols]
	}
	out := make([]float32, 0, t.Rows*t.Cols)
	for r := range t.Rows {
		out = append(out, image[r*t.Stride:][:t.Cols]...)
	}
	return out
}

// scatter stores the values of a view.
func (d *device) scatter(t kernels.Tensor, rows *kernels.Rows) {
	image := d.image(t.Buffer.(*base))
	for r := range t.Rows {
		copy(image[t.Offset+r*t.Stride:][:t.Cols], rows.Row(r))
	}
}

// t returns the tensor of the device for a tensor of the step.
func (e *segment) t(t kernels.Tensor) kernels.Tensor {
	b, ok := t.Buffer.(*base)
	if !ok {
		return kernels.Tensor{} // none
	}
	whole, made := e.tensors[b]
	if !made {
		if b.constant != nil {
			whole = e.step.Const(e.v(b.constant), b.rows, b.cols)
		} else {
			whole = e.step.New(b.rows, b.cols)
		}
		e.tensors[b] = whole
	}
	if t.Stride == b.cols && t.Stride > 0 || t.Rows == 0 {
		return whole.Like(t.Offset, t.Rows, t.Cols, whole.Cols)
	}
	return whole.Like(t.Offset, t.Rows, t.Cols, t.Stride)
}

// m returns the matrix of the device.
func (e *segment) m(m *matrix) kernels.Matrix { return m.parts[e.side] }

// v returns the vector of the device, nil for none.
func (e *segment) v(v *vector) kernels.Vector {
	if v == nil {
		return nil
	}
	return v.parts[e.side]
}

// layer returns the number of a layer of states on the device.
func (e *segment) layer(n int) int { return e.s.d.places.number(n) }

// rope returns the operand for the device.
func (e *segment) rope(r kernels.RoPE, freq *vector) *kernels.RoPE {
	r.Freq = e.v(freq)
	return &r
}

// c returns the choice of a number, which the device makes when it needs it first.
func (e *segment) c(number int) kernels.Choice {
	c, made := e.choices[number]
	if !made {
		route := e.s.routes[number]
		r := route.r
		r.Bias, r.Factors = e.v(route.bias), e.v(route.factors)
		c = e.step.Route(e.t(route.logits), &r)
		e.choices[number] = c
	}
	return c
}
