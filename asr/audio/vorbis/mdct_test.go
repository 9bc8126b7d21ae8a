package vorbis

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestMDCT: the fast transform equals the sum that defines it.
func TestMDCT(t *testing.T) {
	for n := 64; n <= 1024; n *= 2 {
		r := rand.New(rand.NewPCG(1, uint64(n)))
		x, y := make([]float32, n/2), make([]float32, n)
		for i := range x {
			x[i] = r.Float32()*2 - 1
		}
		newMDCT(n).inverse(y, x)
		m := float64(n / 2)
		for i, got := range y {
			want := 0.0
			for k, v := range x {
				want += float64(v) * math.Cos(math.Pi/m*(float64(i)+0.5+m/2)*(float64(k)+0.5))
			}
			if math.Abs(float64(got)-want) > 1e-5*m {
				t.Fatalf("n %d: output %d is %v, want %v", n, i, got, want)
			}
		}
	}
}
