package cpu

import (
	"slices"
	"testing"
	"time"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// TestStepHoldsLowerPriorities checks that no recording gets the workers between the operations of an answer's step, but
// afterwards it does. A device that does not share the workers holds nothing.
func TestStepHoldsLowerPriorities(t *testing.T) {
	pool, err := NewPool(2)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	device := func() kernels.Device {
		d, err := New(Options{Pool: pool})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
		return d
	}
	work := func(s kernels.Step) {
		x := s.New(512, 1024)
		s.Write(x, make([]float32, 512*1024))
		y := s.New(512, 1024)
		s.Write(y, make([]float32, 512*1024))
		s.Add(x, y)
	}
	answers := device()
	alone := answers.Begin(&kernels.Batch{Priority: kernels.Answer})
	if pool.held[kernels.Answer] != 0 {
		t.Error("a device that is alone holds its priority")
	}
	work(alone)
	if err := alone.End(); err != nil {
		t.Fatal(err)
	}
	recordings := device()
	answer := answers.Begin(&kernels.Batch{Priority: kernels.Answer})
	work(answer)
	done := make(chan error)
	go func() {
		s := recordings.Begin(&kernels.Batch{Priority: kernels.Recording})
		work(s)
		done <- s.End()
	}()
	select {
	case <-done:
		t.Fatal("a recording came in between two operations of an answer")
	case <-time.After(50 * time.Millisecond):
	}
	work(answer)
	if err := answer.End(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if pool.held[kernels.Answer] != 0 {
		t.Error("the priority is still held")
	}
}

// TestStepMovesWeightsWhileHeld checks that the holder of a priority can begin a step of that priority, even if the step first moves weights.
func TestStepMovesWeightsWhileHeld(t *testing.T) {
	pool, err := NewPool(2)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	d, err := newDevice(Options{Pool: pool}, pool.lv)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Load(kernels.Weights{Type: quant.F32, Rows: 16, Cols: 32, Data: make([]byte, 4*16*32)}); err != nil {
		t.Fatal(err)
	}
	d.move = mover{left: slices.Clone(d.segments), share: leastMove}
	defer pool.Hold(kernels.Dictation)()
	done := make(chan error)
	go func() { done <- d.Begin(&kernels.Batch{Priority: kernels.Dictation}).End() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the step waits for its own priority")
	}
	if len(d.move.left) > 0 {
		t.Error("no weights have moved")
	}
}

// TestCloseDuringStep checks that a device that is closed during a step releases its hold.
func TestCloseDuringStep(t *testing.T) {
	pool := newPool(generic, 2)
	defer pool.Close()
	device := func() *device {
		d, err := newDevice(Options{Pool: pool}, generic)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	closed, other := device(), device()
	defer other.Close()
	closed.begin(&kernels.Batch{Priority: kernels.Dictation})
	if pool.held[kernels.Dictation] != 1 {
		t.Fatal("a step beside another device does not hold its priority")
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if pool.held[kernels.Dictation] != 0 {
		t.Error("the priority is still held")
	}
}
