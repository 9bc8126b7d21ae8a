package split

import (
	"testing"

	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/kernels/devicetest"
)

// exact opens a device of the CPU that computes in float32.
func exact(t testing.TB) kernels.Device {
	t.Helper()
	d, err := cpu.New(cpu.Options{Exact: true, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestOperations checks that operations compute what they should, whichever device has the matrices. TestSplit of package engine/arch checks
// networks, whose states are on both.
func TestOperations(t *testing.T) {
	devicetest.Operations(t, devicetest.Subject{Open: func(t testing.TB) kernels.Device {
		n := 0
		return New(Options{Devices: [2]kernels.Device{exact(t), exact(t)}, Name: "both", Place: func(kernels.Weights) Side {
			n++
			return Side(n % 3)
		}})
	}})
}

// TestCovers checks when all values of a view are among those of another one.
func TestCovers(t *testing.T) {
	d := New(Options{Devices: [2]kernels.Device{exact(t), exact(t)}})
	defer d.Close()
	s := d.Begin(nil)
	x, flat := s.New(4, 10), s.New(1, 200)
	for _, c := range []struct {
		t, u    kernels.Tensor
		covered bool
	}{
		{x, x, true},
		{x, x.Sub(1, 2), true},
		{x.Sub(1, 2), x, false},
		{x, x.Slice(3, 4), true},
		{x.Slice(2, 6), x.Slice(3, 5), true},
		{x.Slice(2, 6), x.Slice(3, 6), false},
		{x.Slice(2, 6).Sub(1, 2), x.Slice(2, 6).Sub(2, 1), true},
		{x.Slice(2, 6).Sub(1, 1), x.Slice(2, 6).Sub(2, 1), false},
		{flat, flat.Over(0, 3, 20), true},
		{flat.Over(0, 3, 20), flat.Over(0, 3, 20), true},
		{flat.Over(0, 3, 20), flat.Over(0, 3, 21), false}, // other strides
		{flat.Over(0, 3, 20), flat, false},
	} {
		if covers(c.t, c.u) != c.covered {
			t.Errorf("%+v covers %+v: %v", c.t, c.u, !c.covered)
		}
	}
	if err := s.End(); err != nil {
		t.Error(err)
	}
}
