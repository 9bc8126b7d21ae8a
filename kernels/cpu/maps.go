package cpu

import (
	"math"

	"soberano/kernels"
)

// XIELU writes f(x) to dst (arXiv:2411.13010).
func (s *step) XIELU(dst, x kernels.Tensor, f kernels.XIELU) {
	s.Rowwise("XIELU", &dst, &x)
	j := &s.d.row
	j.op, j.dst, j.x, j.xielu = opXIELU, dst, x, f
	j.start(s.d, x.Rows, 16*x.Cols)
}

func xielu(dst, x []float32, f *kernels.XIELU) {
	for i, v := range x {
		if v > 0 {
			dst[i] = f.AlphaP*v*v + f.Beta*v
		} else {
			dst[i] = f.AlphaN*(float32(math.Expm1(float64(min(v, f.Eps))))-v) + f.Beta*v
		}
	}
}

// Clamp writes x, limited to lo … hi, to dst.
func (s *step) Clamp(dst, x kernels.Tensor, lo, hi float32) {
	if !(lo <= hi) {
		panic("cpu: Clamp: a lower limit above the upper one")
	}
	s.d.row.low = lo
	s.scaled("Clamp", opClamp, dst, x, hi)
}

func clamp(dst, x []float32, lo, hi float32) {
	for i, v := range x {
		dst[i] = max(lo, min(v, hi))
	}
}
