package arch

import "soberano/kernels"

// The Falcon family (arXiv:2311.16867) is a decoder with LayerNorm, no biases of matrices, and parallel layers. Attention and the
// feed-forward network have one norm or, in the larger models, two.
//
//	x ─┬────────────────────────────────────────────────┬─▶ ⊕
//	   └ norm ─┬ (norm) q,k,v ─ RoPE ─ attention ─ o ───┤
//	           └ GELU(up) ─ down ───────────────────────┘
//
// Rotated pairs are (i, i+headDim/2). As in llama.cpp, GELU is approximated.

func openFalcon(r *reader) (Model, error) {
	c := r.configWith(layerNorm)
	r.square(c)
	at := r.attention(c, r.wholeRotary(c))
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer {
		l := layer{
			at:       at,
			attnNorm: r.norm(blk+"attn_norm", c.dim, c),
			qkv:      r.matrix(c.dim, part{blk + "attn_qkv", c.dim + 2*c.kvHeads*c.headDim}),
			o:        r.matrix(c.dim, part{blk + "attn_output", c.dim}),
			parallel: true,
			ffn:      r.ungated(absent, blk, c.dim, c.ff, kernels.GELUTanh),
		}
		if _, ok := r.f.Tensor(blk + "attn_norm_2.weight"); ok {
			l.ffnNorm, l.attnNorm = l.attnNorm, r.norm(blk+"attn_norm_2", c.dim, c)
		}
		return l
	})
}
