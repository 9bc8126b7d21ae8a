//go:build linux && cgo

package gl

import (
	"slices"
	"testing"

	"soberano/kernels"
)

// TestBarriers checks between which operations there are barriers: behind each command on which a later one of the same group depends.
func TestBarriers(t *testing.T) {
	d := newDevice(t, Options{})
	for what, c := range map[string]struct {
		do   func(st kernels.Step, x, y, z kernels.Tensor)
		want []int // commands without a barrier behind them
	}{
		"independent":       {func(st kernels.Step, x, y, _ kernels.Tensor) { st.Scale(x, x, 2); st.Scale(y, y, 2) }, []int{0}},
		"reads the result":  {func(st kernels.Step, x, y, _ kernels.Tensor) { st.Scale(x, x, 2); st.Scale(y, x, 2) }, nil},
		"writes the input":  {func(st kernels.Step, x, y, _ kernels.Tensor) { st.Scale(y, x, 2); st.Scale(x, x, 2) }, nil},
		"writes the result": {func(st kernels.Step, x, y, z kernels.Tensor) { st.Scale(x, y, 2); st.Scale(x, z, 2) }, nil},
		"shares an input":   {func(st kernels.Step, x, y, z kernels.Tensor) { st.Scale(x, z, 2); st.Scale(y, z, 2) }, []int{0}},
		"columns": {func(st kernels.Step, x, _, _ kernels.Tensor) {
			a, b := x.Slice(0, 2), x.Slice(2, 2)
			st.Scale(a, a, 2)
			st.Scale(b, b, 2)
		}, []int{0}},
		"the first of three": {func(st kernels.Step, x, y, z kernels.Tensor) {
			st.Scale(x, x, 2)
			st.Scale(y, y, 2)
			st.Add(z, x) // needs the first
			st.Add(y, z)
		}, []int{0}},
		"nothing in between": {func(st kernels.Step, x, y, _ kernels.Tensor) {
			st.Scale(x, x, 2)
			st.Scale(y.Sub(0, 0), y.Sub(0, 0), 2) // records no command
			st.Add(y, x)
		}, nil},
	} {
		st := d.Begin(nil)
		x, y, z := st.New(2, 4), st.New(2, 4), st.New(2, 4)
		c.do(st, x, y, z)
		var got []int
		for i, cmd := range d.steps[d.step].commands {
			if cmd.more == 1 {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: no barrier behind %v, expected %v", what, got, c.want)
		}
		if err := st.End(); err != nil {
			t.Fatal(err)
		}
	}
}
