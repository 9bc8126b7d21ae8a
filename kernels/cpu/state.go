package cpu

import (
	"fmt"
	"unsafe"

	"soberano/kernels"
	"soberano/kernels/contract"
)

// state implements kernels.State. A page contains memory of every layer of its group (keysvalues.go).
type state struct {
	contract.State[*shared]
	plan *plan
	dev  *device
}

// plan is what all states of one shape have in common.
type plan struct {
	contract.Plan
	layers  []layerForm
	groups  []*form
	carried *form // of the recurrent layers; nil if there are none
}

// layerForm describes how the memory of one layer is organised.
type layerForm struct {
	kernels.Layer
	latent bool // its kind is kernels.Latent; it is stored as keys and values of one head
	at     int  // offset of the layer's memory in a page, or in the block of recurrent values, in bytes
	kind   kind
	width  int  // bytes of a value
	dims   int  // ValueDim, rounded up to 32
	words  bool // it is multiplied with many rows in 16-bit integers; see attend16.go
}

// NewState returns an empty state.
func (d *device) NewState(s kernels.StateShape) (kernels.State, error) {
	if d.closed {
		return nil, errClosed
	}
	p, size, err := d.plan(s)
	if err == nil && p == nil {
		err = fmt.Errorf("a context of %d positions needs %.0f GiB or more; choose a shorter one", s.Cap, size/(1<<30))
	}
	if err != nil {
		return nil, fmt.Errorf("cpu: NewState: %w", err)
	}
	return p.state(d), nil
}

// state returns an empty state of this plan.
func (p *plan) state(d *device) *state {
	return &state{contract.NewState(&p.Plan, d.pages.release), p, d}
}

// plan checks a shape and determines the place of each layer in memory. size is the size in bytes of a full state without
// windows. If it exceeds contract.MaxStateBytes, there is no plan, and size may be too small.
func (d *device) plan(s kernels.StateShape) (p *plan, size float64, err error) {
	if err := s.Check(); err != nil {
		return nil, 0, err
	}
	p = &plan{Plan: contract.NewPlan(s)}
	for _, l := range s.Layers {
		latent := l.Kind == kernels.Latent
		if latent {
			// The values are stored in addition to the keys, in the layout that the product with them needs.
			l.Kind, l.KVHeads = kernels.KeysValues, 1
		}
		f := d.formOf(l)
		f.latent = latent
		if l.Kind == kernels.KeysValues {
			size += float64(s.Cap+page) / page * float64(l.KVHeads) * float64(f.headBytes())
		} else {
			size += 4 * float64(l.Rows) * float64(l.Cols)
		}
		if size > contract.MaxStateBytes {
			return nil, size, nil
		}
		p.layers = append(p.layers, f)
	}
	p.place(d)
	return p, size, nil
}

// place determines the offset of each layer in its group's pages, and the forms of the pages.
func (p *plan) place(d *device) {
	for g := range p.Windows {
		form := p.pack(d, g, func(f *layerForm) int { return f.KVHeads * f.headBytes() })
		p.groups, p.PageBytes[g] = append(p.groups, form), int64(form.bytes)
	}
	if p.HasCarried {
		p.carried = p.pack(d, contract.Carried, func(f *layerForm) int { return (4*f.Rows*f.Cols + 63) &^ 63 })
		p.CarriedBytes = int64(p.carried.bytes)
	}
}

// pack places the layers of a group one after the other, and returns the form of their memory. size returns the bytes of a layer.
func (p *plan) pack(d *device, group int, size func(*layerForm) int) *form {
	var in []layerForm
	at := 0
	for i := range p.layers {
		if p.Group[i] == group {
			f := &p.layers[i]
			f.at = at
			at += size(f)
			in = append(in, *f)
		}
	}
	return d.pages.form(in, at)
}

// formOf returns the form of the pages of a group, or of the values of the recurrent layers.
func (p *plan) formOf(group int) *form {
	if group == contract.Carried {
		return p.carried
	}
	return p.groups[group]
}

// StateBytes returns the memory of a full state that is filled in steps of at most step positions. It returns 0 for an impossible shape.
func StateBytes(s kernels.StateShape, step int, cached Cached) int64 {
	p, size, err := (&device{cached: cached}).plan(s)
	switch {
	case err != nil:
		return 0
	case p == nil:
		return int64(min(size, 1<<62))
	}
	return p.MaxBytes(step)
}

// Fork returns a state that shares the memory.
func (s *state) Fork() (kernels.State, error) { return &state{s.Share(), s.plan, s.dev}, nil }

// stateOf returns the state of a span. It panics if the state belongs to another device.
func (d *device) stateOf(op string, s kernels.Span) *state {
	c, ok := s.State.(*state)
	if !ok || c.dev != d {
		contract.Misuse(op, "a state of another device")
	}
	return c
}

// pager implements contract.Memory.
type pager state

func (m *pager) Take(group int) *shared { return m.dev.pages.take(m.plan.formOf(group)) }

func (m *pager) Copy(to, from *shared, group, n int) {
	if group == contract.Carried {
		copy(to.data, from.data)
		return
	}
	for l := range from.form.layers {
		from.form.layers[l].copyTo(to.data, from.data, n)
	}
}

func (m *pager) Clear(p *shared) { clear(p.data) }

// extend prepares layer l for positions pos … pos+n-1.
func (s *state) extend(l, pos, n int) {
	before := s.At(l)
	if s.Extend((*pager)(s), l, pos, n); n == 0 {
		return
	}
	// Behind the last position, a panel that was begun now may contain values of another state, and one that was written
	// before may contain values that this state has truncated.
	if end := pos + n; end%32 != 0 && (end&^31 >= pos || before > end) {
		v := s.layer(l)
		v.clearValues(end, (end+31)&^31)
	}
}

// recurrent returns the values of layer l, [Rows][Cols], to an operation that advances them from position pos to
// pos+n. They are not shared with other states.
func (s *state) recurrent(l, pos, n int) []float32 {
	f := &s.plan.layers[l]
	b := s.Advance((*pager)(s), l, pos, n).data[f.at:]
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(b))), f.Rows*f.Cols)
}
