package nn

import "soberano/kernels"

// Norm is a normalisation with learned weights: RMSNorm (arXiv:1910.07467), or LayerNorm (arXiv:1607.06450) if it has a
// Bias. The zero value normalises nothing.
type Norm struct {
	// Weight has a value for each column. It may have fewer; then each run of that many columns,
	// such as a head, is normalised separately.
	Weight kernels.Vector
	Bias   kernels.Vector // of LayerNorm, as many values as Weight; nil: RMSNorm
	Eps    float32
	// Factors multiply, and then Terms are added to, every row of the result, a value for each column; nil: they are not.
	Factors, Terms kernels.Vector
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
	if n.Factors != nil {
		d.Mul(dst, d.Const(n.Factors, 1, dst.Cols))
	}
	if n.Terms != nil {
		d.Add(dst, d.Const(n.Terms, 1, dst.Cols))
	}
	return dst
}
