package arch

// The families of ERNIE 4.5 (https://yiyan.baidu.com/blog/publication/ERNIE_Technical_Report.pdf) are the network of llama. In
// ernie4_5-moe, all but the first layers have mixtures of experts, with a shared one in most models.

func openErnie45(r *reader) (Model, error) {
	c := r.config()
	at := r.attention(c, r.wholeRotary(c)).interleaved()
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer { return r.plainLayer(blk, c, at) })
}

func openErnie45MoE(r *reader) (Model, error) {
	c := r.config()
	c.experts = r.plainExperts(r.expertCount(), r.expertWidth(), true)
	c.experts.bias = optional
	r.int("expert_shared_count", 0, 0, maxWidth) // the width has it
	c.experts.shared = r.int("expert_shared_feed_forward_length", 0, 0, maxWidth)
	c.dense = r.int("leading_dense_block_count", 0, 0, c.layers)
	if every := r.int("interleave_moe_layer_step", required, 1, maxLayers); every > 1 {
		r.unsupported("key %q is %d", r.family+".interleave_moe_layer_step", every)
	}
	at := r.attention(c, r.wholeRotary(c)).interleaved()
	return r.decoder(&decoder{c: c}, func(i int, blk string) layer {
		l := r.layer(blk, c, at)
		l.o = r.matrix(at.Heads*at.HeadDim, part{blk + "attn_output", c.dim})
		l.ffn = r.denseOrMixture(i, blk, c)
		return l
	})
}
