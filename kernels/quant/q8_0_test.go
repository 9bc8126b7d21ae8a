package quant

import (
	"math"
	"testing"
)

// TestQ8_0Rounds checks that values are rounded half away from zero, also those next to a half.
func TestQ8_0Rounds(t *testing.T) {
	for _, half := range []float32{0.5, 1.5, 2.5, 64.5, 126.5} {
		for _, v := range []float32{half, math.Nextafter32(half, 0), math.Nextafter32(half, 127), -half, math.Nextafter32(-half, 0), math.Nextafter32(-half, -127)} {
			x, b := make([]float32, 32), make([]byte, q8_0Bytes)
			x[0], x[1] = 127, v // d = 1
			quantizeQ8_0(b, x)
			if got, want := float64(int8(b[3])), math.Round(float64(v)); got != want {
				t.Errorf("%v is %v, expected %v", v, got, want)
			}
		}
	}
}
