package arch

// The StableLM family (arXiv:2402.17834) is the network of llama with LayerNorm. Layers without a norm before the feed-forward network are parallel. StableLM 2 12B
// normalises each head of q and k. A part of each head is
// rotated, in pairs (i, i+rotated/2).

func openStableLM(r *reader) (Model, error) {
	c := r.configWith(layerNorm)
	r.square(c)
	r.bool("use_parallel_residual", true) // the tensors say it
	at := r.attention(c, r.rotary(r.rotaryDims(c), c.context))
	return r.decoder(&decoder{c: c, output: r.ownOutput(c, absent)}, func(_ int, blk string) layer {
		l := layer{
			at:       at,
			attnNorm: r.norm(blk+"attn_norm", c.dim, c),
			qkv:      r.qkv(blk, c.dim, c.dim, c.kvHeads*c.headDim),
			o:        r.matrix(c.dim, part{blk + "attn_output", c.dim}),
			ffn:      r.feedForward(blk, c.dim, c.ff),
		}
		r.eachHeadNorms(&l, blk, c)
		if _, ok := r.f.Tensor(blk + "ffn_norm.weight"); ok {
			l.ffnNorm = r.norm(blk+"ffn_norm", c.dim, c)
		} else {
			l.parallel = true
		}
		return l
	})
}
