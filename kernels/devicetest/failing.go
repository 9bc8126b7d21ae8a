package devicetest

import (
	"errors"
	"math"

	"soberano/kernels"
)

// ErrLost is the error of Failing.
var ErrLost = errors.New("the device is lost")

// Failing is a device that fails after some steps, for tests of what replaces it: End returns ErrLost or, with NaN, the rows hold one, or there is no
// memory for a state.
type Failing struct {
	kernels.Device
	Steps  int // that end well
	NaN    bool
	States int // that can be made; 0: any number
}

type failingStep struct {
	kernels.Step
	d    *Failing
	rows []*kernels.Rows
}

// Name returns "failing".
func (d *Failing) Name() string { return "failing" }

// Begin begins a step.
func (d *Failing) Begin(b *kernels.Batch) kernels.Step {
	return &failingStep{Step: d.Device.Begin(b), d: d}
}

// NewState makes a state, if it is one of the first States.
func (d *Failing) NewState(s kernels.StateShape) (kernels.State, error) {
	switch {
	case d.States < 0:
		return nil, ErrLost
	case d.States == 1:
		d.States = -1
	case d.States > 1:
		d.States--
	}
	return d.Device.NewState(s)
}

func (s *failingStep) Read(t kernels.Tensor) *kernels.Rows {
	r := s.Step.Read(t)
	s.rows = append(s.rows, r)
	return r
}

func (s *failingStep) End() error {
	if err := s.Step.End(); err != nil {
		return err
	}
	s.d.Steps--
	switch {
	case s.d.Steps >= 0:
	case s.d.NaN:
		for _, r := range s.rows {
			r.Row(0)[r.Cols-1] = float32(math.NaN())
		}
	default:
		return ErrLost
	}
	return nil
}
