package arch

// The MiniMax-M2 family is the network of llama with a norm of q and of k as a whole. Every layer has a mixture of experts. A part of each
// head is rotated, in pairs (i, i+rotated/2).

func openMiniMaxM2(r *reader) (Model, error) {
	c := r.config()
	c.experts, c.dense = r.plainExperts(r.expertCount(), c.ff, true), 0
	c.experts.routing.Sigmoid, c.experts.bias = r.gating(), present
	r.int("expert_feed_forward_length", c.ff, c.ff, c.ff) // is the same as feed_forward_length
	at := r.attention(c, r.rotary(r.rotaryDims(c), c.context))
	m := &decoder{c: c, output: r.ownOutput(c, absent)}
	return r.decoder(m, func(_ int, blk string) layer {
		l := r.layer(blk, c, at)
		l.qNorm = r.norm(blk+"attn_q_norm", at.Heads*at.HeadDim, c)
		l.kNorm = r.norm(blk+"attn_k_norm", at.KVHeads*at.HeadDim, c)
		l.o = r.matrix(at.Heads*at.HeadDim, part{blk + "attn_output", c.dim})
		l.ffn = r.mixture(blk, c.dim, c.experts)
		return l
	})
}
