package arch

import "soberano/kernels"

// The family of Ling 2 and Ring 2 (bailingmoe2, arXiv:2510.22115) is the network of llama with a norm of each head of q and k. All but the
// first layers have mixtures of experts, in groups, and shared experts. A part of each head is rotated, in pairs (i, i+rotated/2). Blocks at the
// end that only draft tokens are not run.

func openBailingMoE2(r *reader) (Model, error) {
	c := r.config()
	c.experts = r.routedExperts(r.expertWidth(), false)
	c.experts.bias = optional
	c.experts.shared = r.int("expert_shared_feed_forward_length", c.experts.ff, 1, maxWidth) * r.int("expert_shared_count", required, 1, kernels.MaxExperts)
	c.dense = r.int("leading_dense_block_count", 0, 0, c.layers)
	r.dropDrafts(&c)
	r.square(c)
	at := r.attention(c, r.rotary(r.rotaryDims(c), c.context))
	m := &decoder{c: c, output: r.ownOutput(c, absent)}
	return r.decoder(m, func(i int, blk string) layer {
		l := layer{
			at:       at,
			attnNorm: r.norm(blk+"attn_norm", c.dim, c),
			qkv:      r.matrix(c.dim, part{blk + "attn_qkv", c.dim + 2*c.kvHeads*c.headDim}),
			o:        r.matrix(c.dim, part{blk + "attn_output", c.dim}),
			ffnNorm:  r.norm(blk+"ffn_norm", c.dim, c),
			ffn:      r.denseOrMixture(i, blk, c),
		}
		r.headNorms(&l, blk, c)
		return l
	})
}
