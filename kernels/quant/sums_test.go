package quant

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSums compares the sums, levels and moments of the instruction set of this machine with those in plain Go, also for values that are no numbers.
func TestSums(t *testing.T) {
	g := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		n := 8 * (1 + g.IntN(4))
		x, w := make([]float32, n), make([]float32, n)
		for i := range x {
			x[i], w[i] = float32(g.NormFloat64()), float32(g.ExpFloat64())
		}
		tries := make([]try, 1+g.IntN(11))
		for i := range tries {
			tries[i] = try{float32(5 * g.NormFloat64()), float32(8 * g.Float64())}
		}
		most, offset := float32(1+g.IntN(63)), float32(-g.IntN(32))
		got, want := make([]sum, len(tries)), make([]sum, len(tries))
		sumAll(got, x, w, tries, most, offset)
		sumAllGo(want, x, w, tries, most, offset)
		for i := range got {
			for what, v := range map[string][2]float32{"q": {got[i].q, want[i].q}, "qq": {got[i].qq, want[i].qq}, "xq": {got[i].xq, want[i].xq}} {
				if bound := 1e-4 * (1 + abs(want[i].qq)); !(abs(v[0]-v[1]) <= bound) {
					t.Fatalf("sum %s of %d values is %g, expected %g", what, n, v[0], v[1])
				}
			}
		}
		lo, hi, squares := moments(x)
		if l, h, s := momentsGo(x); l != lo || h != hi || abs(s-squares) > 1e-4*s {
			t.Fatalf("moments %g, %g, %g, expected %g, %g, %g", lo, hi, squares, l, h, s)
		}
		x[g.IntN(n)] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e30}[g.IntN(4)]
		a, b := make([]uint8, n), make([]uint8, n)
		putLevels(a, x, tries[0].inverse, tries[0].shift, most)
		putLevelsGo(b, x, tries[0].inverse, tries[0].shift, most)
		if string(a) != string(b) {
			t.Fatalf("levels %v, expected %v", a, b)
		}
	}
}
