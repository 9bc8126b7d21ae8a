package remote

import (
	"slices"

	"soberano/kernels"
)

// state implements kernels.State. Its length and size are known until something changes them; then those of all states are asked for
// at once.
type state struct {
	d      *device
	number int
	cap    int
	n      int
	bytes  int64
	closed bool
}

// NewState returns an empty state.
func (d *device) NewState(s kernels.StateShape) (kernels.State, error) {
	if d.closed {
		return nil, errClosed
	}
	w := d.begin(kindState)
	st := &state{d: d, number: d.number(), cap: s.Cap}
	w.int(st.number)
	w.int(s.Cap)
	w.int(len(s.Layers))
	for _, l := range s.Layers {
		for _, n := range []int{int(l.Kind), l.KVHeads, l.KeyDim, l.ValueDim, l.Window, l.Rows, l.Cols} {
			w.int(n)
		}
		w.bool(l.Fine)
	}
	if _, err := d.exchange(w, 0); err != nil {
		return nil, err
	}
	d.states[st.number], d.fresh = st, false
	return st, nil
}

// check panics if the state is closed.
func (s *state) check(op string) {
	if s.closed || s.d.closed {
		panic("remote: State." + op + ": the state is closed")
	}
}

// refresh asks for the lengths and sizes of all states, unless they are known. After a failure of the other process the last known
// ones stay: the next step reports it.
func (d *device) refresh() {
	if d.fresh || d.broken != nil {
		return
	}
	r, err := d.request(kindStates, 0)
	if err != nil {
		return
	}
	d.fresh = d.read(r, func() {
		for range r.int() {
			number, n, bytes := r.int(), r.int(), r.int()
			if s := d.states[number]; s != nil {
				s.n, s.bytes = n, int64(bytes)
			}
		}
	}) == nil
}

func (s *state) Cap() int { s.check("Cap"); return s.cap }

// Len returns the number of positions.
func (s *state) Len() int {
	s.check("Len")
	s.d.refresh()
	return s.n
}

// Bytes returns the memory held on the real device.
func (s *state) Bytes() int64 {
	s.check("Bytes")
	s.d.refresh()
	return s.bytes
}

// Truncate removes the positions from n on. It returns false also if the other process has failed.
func (s *state) Truncate(n int) (ok bool) {
	s.check("Truncate")
	r, err := s.d.request(kindTruncate, 0, s.number, n)
	s.d.fresh = false
	return err == nil && s.d.read(r, func() { ok = r.bool() }) == nil && ok
}

// Fork returns a state with the same content.
func (s *state) Fork() (kernels.State, error) {
	s.check("Fork")
	f := &state{d: s.d, number: s.d.number(), cap: s.cap}
	if _, err := s.d.request(kindFork, 0, s.number, f.number); err != nil {
		return nil, err
	}
	s.d.states[f.number], s.d.fresh = f, false
	return f, nil
}

// MaxBytes returns the largest value of Bytes; 0 if the other process has failed.
func (s *state) MaxBytes(step int) (n int64) {
	s.check("MaxBytes")
	r, err := s.d.request(kindMaxBytes, 0, s.number, step)
	if err != nil || s.d.read(r, func() { n = int64(r.int()) }) != nil {
		return 0
	}
	return n
}

// Close frees the memory.
func (s *state) Close() error {
	delete(s.d.states, s.number)
	s.d.fresh = false
	return s.d.free(kindCloseState, s.number, &s.closed)
}

// spans writes a list of spans. A state of another device, or a closed one, is written as none.
func (d *device) spans(w *writer, list []kernels.Span) {
	w.int(len(list))
	for _, sp := range list {
		number := 0
		if s, ok := sp.State.(*state); ok && s.d == d && !s.closed {
			number = s.number
		}
		for _, n := range []int{number, sp.Row, sp.N, sp.Pos, sp.Len, sp.From} {
			w.int(n)
		}
		w.bool(sp.Whole)
	}
}

// batch writes the batch of a step.
func (d *device) batch(w *writer, b *kernels.Batch) {
	w.numbers(b.Tokens)
	w.numbers(b.Positions)
	w.int(len(b.Axes))
	for _, axis := range slices.All(b.Axes) {
		w.numbers(axis)
	}
	w.bool(b.Axes != nil)
	d.spans(w, b.Spans)
	d.spans(w, b.Cross)
	w.int(int(b.Priority))
}
