//go:build (linux || windows) && cgo

package gl

import "soberano/kernels"

// The operations of norm.glsl.
const (
	opRMSNorm = iota
	opLayerNorm
	opMatchNorm
	opCutoff
	opSoftmax
)

// norm records an operation of norm.glsl on runs of n columns.
func (s *step) norm(op int, dst, x kernels.Tensor, n int, w, beta *buffer, number float32) {
	if n == 0 {
		return
	}
	runs := dst.Rows * (dst.Cols / n)
	s.follow(dst, x)
	s.run(program{kernel: "norm", option: op}, groups{min(runs, mostGroups), 1, 1}, []*buffer{bufferOf(&dst), bufferOf(&x), w, beta},
		runs, n, dst.Cols/n, dst.Offset, dst.Stride, x.Offset, x.Stride, bits(number))
	s.followed()
}

// RMSNorm normalises each run of weight.Len() columns of each row (Zhang and Sennrich 2019, arXiv:1910.07467).
func (s *step) RMSNorm(dst, x kernels.Tensor, weight kernels.Vector, eps float32) {
	s.Rowwise("RMSNorm", &dst, &x)
	w := s.d.vector("RMSNorm", weight)
	if len(w.x) == 0 || x.Cols%len(w.x) != 0 {
		panic("gl: RMSNorm: shapes differ")
	}
	s.norm(opRMSNorm, dst, x, len(w.x), w.b, nothing, eps)
}

// LayerNorm normalises each run of gamma.Len() columns of each row (Ba et al. 2016, arXiv:1607.06450).
func (s *step) LayerNorm(dst, x kernels.Tensor, gamma, beta kernels.Vector, eps float32) {
	s.Rowwise("LayerNorm", &dst, &x)
	g, b := s.d.vector("LayerNorm", gamma), s.d.vector("LayerNorm", beta)
	if len(g.x) == 0 || x.Cols%len(g.x) != 0 || len(b.x) != len(g.x) {
		panic("gl: LayerNorm: shapes differ")
	}
	s.norm(opLayerNorm, dst, x, len(g.x), g.b, b.b, eps)
}

// MatchNorm multiplies each row of dst so that it has the norm of the same row of x.
func (s *step) MatchNorm(dst, x kernels.Tensor) {
	s.Rowwise("MatchNorm", &dst, &x)
	s.norm(opMatchNorm, dst, x, x.Cols, nothing, nothing, 0)
}

// Cutoff writes what of each row of x exceeds its mean by more than k standard deviations to dst.
func (s *step) Cutoff(dst, x kernels.Tensor, k float32) {
	s.Rowwise("Cutoff", &dst, &x)
	s.norm(opCutoff, dst, x, x.Cols, nothing, nothing, k)
}
