package nn

import "soberano/kernels"

// Norm is a normalisation with learned weights: RMSNorm (arXiv:1910.07467), or LayerNorm (arXiv:1607.06450) if it has a
// Bias. The zero value normalises nothing.
type Norm struct {
	// Weight has a value for each column. For RMSNorm, it may have fewer; then each run of that many columns,
	// such as a head, is normalised separately.
	Weight kernels.Vector
	Bias   kernels.Vector // of LayerNorm, as many values as columns; nil: RMSNorm
	Eps    float32
}

// None reports whether n normalises nothing.
func (n *Norm) None() bool { return n.Weight == nil }

// Of writes x, normalised, to dst, which may be x, and returns dst. If n is the zero value, it returns x and leaves
// dst as it is.
func (n *Norm) Of(d kernels.Step, dst, x kernels.Tensor) kernels.Tensor {
	switch {
	case n.None():
		return x
	case n.Bias == nil:
		d.RMSNorm(dst, x, n.Weight, n.Eps)
	default:
		d.LayerNorm(dst, x, n.Weight, n.Bias, n.Eps)
	}
	return dst
}
