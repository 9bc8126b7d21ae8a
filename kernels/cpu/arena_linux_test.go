package cpu

import (
	"slices"
	"testing"
)

// TestArenaRelease checks that after a large step and many small ones the system gets back the memory that these do not use, but
// not while large steps recur, and that tensors are usable afterwards.
func TestArenaRelease(t *testing.T) {
	const large, small = 16 << 20, 1000 // values
	var a arena
	step := func(n int) []float32 {
		a.reset()
		x := a.take(n)
		for i := range x {
			x[i] = 1
		}
		return x
	}
	zeros := func(x []float32) int { // of whole huge pages
		n := 0
		for i := 0; i < len(x); i += hugePage / 4 {
			if x[i] == 0 {
				n++
			}
		}
		return n
	}
	x := step(large)
	for range releaseAfter - 1 {
		step(small)
	}
	step(large)
	for range releaseAfter {
		step(small)
	}
	if n := zeros(x); n != 0 {
		t.Errorf("%d huge pages were released too early", n)
	}
	step(small)
	if n, want := zeros(x), 4*large/hugePage-2; n < want {
		t.Errorf("%d huge pages were released, want %d or more", n, want)
	}
	if !slices.Equal(x[:small], slices.Repeat([]float32{1}, small)) {
		t.Error("memory in use was released")
	}
	for range 3 * releaseAfter { // nothing more is released
		step(small)
	}
	if y := step(large); zeros(y) != 0 || &y[0] != &x[0] {
		t.Error("released memory is not used again")
	}
}
