package split

import (
	"errors"
	"fmt"

	"soberano/kernels"
)

// state implements kernels.State by a state on each device, for the layers there. Where the layers are is known from the first step on that
// uses them; until then it is empty, and has no parts.
type state struct {
	d      *device
	shape  kernels.StateShape
	most   kernels.State // an empty state of all layers, on the second device, for MaxBytes
	made   bool
	parts  [sides]kernels.State // nil where there are no layers
	closed bool
}

// NewState returns an empty state.
func (d *device) NewState(shape kernels.StateShape) (kernels.State, error) {
	if d.closed {
		return nil, errClosed
	}
	most, err := d.o.Devices[Second].NewState(shape)
	if err != nil {
		return nil, fmt.Errorf("split: %w", err)
	}
	return &state{d: d, shape: shape, most: most}, nil
}

// make makes the parts. placed has the side of each layer.
func (s *state) make(placed []Side) error {
	if s.made {
		return nil
	}
	var shapes [sides]kernels.StateShape
	for i, l := range s.shape.Layers {
		shapes[placed[i]].Layers = append(shapes[placed[i]].Layers, l)
	}
	for i, shape := range shapes {
		if shape.Cap = s.shape.Cap; len(shape.Layers) == 0 {
			continue
		}
		part, err := s.d.o.Devices[i].NewState(shape)
		if err != nil {
			return errors.Join(err, s.closeParts())
		}
		s.parts[i] = part
	}
	s.made = true
	return nil
}

// check panics if the state is closed.
func (s *state) check(op string) {
	if s.closed || s.d.closed {
		panic("split: State." + op + ": the state is closed")
	}
}

// have returns the parts that there are.
func (s *state) have() (list []kernels.State) {
	for _, p := range s.parts {
		if p != nil {
			list = append(list, p)
		}
	}
	return list
}

func (s *state) Cap() int { s.check("Cap"); return s.shape.Cap }

// Len returns the number of positions.
func (s *state) Len() int {
	s.check("Len")
	for _, p := range s.have() {
		return p.Len()
	}
	return 0
}

// Truncate removes the positions from n on, from both parts or from none.
func (s *state) Truncate(n int) bool {
	s.check("Truncate")
	list := s.have()
	switch len(list) {
	case 0:
		return n == 0
	case 1:
		return list[0].Truncate(n)
	}
	first, err := s.parts[First].Fork() // truncated in place of the part, which remains if the other one can't be truncated
	if err != nil {
		return false
	}
	if !first.Truncate(n) || !s.parts[Second].Truncate(n) {
		_ = first.Close() // a failure of the device is found by the next step
		return false
	}
	_ = s.parts[First].Close() // likewise
	s.parts[First] = first
	return true
}

// Fork returns a state with the same content.
func (s *state) Fork() (kernels.State, error) {
	s.check("Fork")
	made, err := s.d.NewState(s.shape)
	if err != nil {
		return nil, err
	}
	f := made.(*state)
	f.made = s.made
	for i, p := range s.parts {
		if p == nil {
			continue
		}
		if f.parts[i], err = p.Fork(); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

// Bytes returns the memory on both devices.
func (s *state) Bytes() (sum int64) {
	s.check("Bytes")
	for _, p := range s.have() {
		sum += p.Bytes()
	}
	return sum
}

// MaxBytes returns the largest value of Bytes, as the second device would need it for all layers.
func (s *state) MaxBytes(step int) int64 {
	s.check("MaxBytes")
	return s.most.MaxBytes(step)
}

// Close frees the memory.
func (s *state) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	return errors.Join(s.closeParts(), s.most.Close())
}

func (s *state) closeParts() (err error) {
	for i, p := range s.parts {
		if p != nil {
			err = errors.Join(err, p.Close())
		}
		s.parts[i] = nil
	}
	return err
}
