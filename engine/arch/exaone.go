package arch

// exaone (EXAONE 3, arXiv:2408.03541) is the network of llama with rotated pairs (i, i+headDim/2). Its successors also normalise each head of q and k
// before they rotate them.
//
// exaone4 (arXiv:2507.11407) normalises the outputs of attention and feed-forward networks, not their inputs. In its model of 64 layers, three of four layers attend only to
// a window, and the others do not rotate. exaone-moe (K-EXAONE, arXiv:2601.01739) normalises the inputs, has such layers in every model, and mixtures of experts with a shared one in
// all but the first layers. Blocks at the end that only draft tokens are not run.

func openExaone(r *reader) (Model, error) {
	c := r.config()
	rotary := r.wholeRotary(c)
	rotary.Divide = r.divide("rope_freqs.weight", rotary.Dims)
	at := r.attention(c, rotary)
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer { return r.plainLayer(blk, c, at) })
}

func openExaone4(r *reader) (Model, error) {
	c := r.config()
	r.square(c)
	r.dropDrafts(&c)
	at := r.exaoneAttention(c)
	return r.decoder(&decoder{c: c}, func(i int, blk string) layer {
		l := layer{
			at:       at[i],
			qkv:      r.qkv(blk, c.dim, c.dim, c.kvHeads*c.headDim),
			o:        r.matrix(c.dim, part{blk + "attn_output", c.dim}),
			attnPost: r.norm(blk+"post_attention_norm", c.dim, c),
			ffn:      r.feedForward(blk, c.dim, c.ff),
			ffnPost:  r.norm(blk+"post_ffw_norm", c.dim, c),
		}
		r.headNorms(&l, blk, c)
		return l
	})
}

func openExaoneMoE(r *reader) (Model, error) {
	c := r.config()
	c.experts = r.routedExperts(r.expertWidth(), false)
	c.experts.bias = optional
	r.int("expert_shared_count", 0, 0, maxWidth) // the width has it
	c.experts.shared = r.int("expert_shared_feed_forward_length", c.experts.ff, 1, maxWidth)
	c.dense = r.int("leading_dense_block_count", 0, 0, c.layers)
	r.dropDrafts(&c)
	at := r.exaoneAttention(c)
	m := &decoder{c: c, output: r.ownOutput(c, absent)}
	return r.decoder(m, func(i int, blk string) layer {
		l := r.layer(blk, c, at[i])
		l.o = r.matrix(l.at.Heads*l.at.HeadDim, part{blk + "attn_output", c.dim})
		r.headNorms(&l, blk, c)
		l.ffn = r.denseOrMixture(i, blk, c)
		return l
	})
}

// exaoneAttention returns the attention of each layer.
func (r *reader) exaoneAttention(c config) []*attention {
	local, window := r.localLayers(c)
	rotary := r.wholeRotary(c)
	rotary.Divide = r.divide("rope_freqs.weight", rotary.Dims)
	rotated := r.attention(c, rotary)
	all := rotated
	if window > 0 {
		all = rotated.unrotated()
	}
	at := make([]*attention, c.layers)
	for i := range at {
		at[i] = choose(local[i], rotated.windowed(window), all)
	}
	return at
}
