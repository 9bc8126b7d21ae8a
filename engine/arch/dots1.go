package arch

import "soberano/kernels"

// The dots.llm1 family (arXiv:2506.05767) is the network of llama with a norm of each head of q and k and a key/value head for
// each query head. All but the first layers have mixtures of experts and shared experts. Rotated pairs are (i, i+headDim/2).

func openDots1(r *reader) (Model, error) {
	c := r.config()
	c.experts = r.routedExperts(r.expertWidth(), false)
	c.experts.bias = optional
	c.experts.shared = c.experts.ff * r.int("expert_shared_count", required, 1, kernels.MaxExperts)
	c.dense = r.int("leading_dense_block_count", 0, 0, c.layers)
	at := r.attention(c, r.wholeRotary(c))
	m := &decoder{c: c, output: r.ownOutput(c, absent)}
	return r.decoder(m, func(i int, blk string) layer {
		l := r.layer(blk, c, at)
		l.o = r.matrix(at.Heads*at.HeadDim, part{blk + "attn_output", c.dim})
		r.headNorms(&l, blk, c)
		l.ffn = r.denseOrMixture(i, blk, c)
		return l
	})
}
