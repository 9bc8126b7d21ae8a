package arch

// The Seed-OSS family is the network of llama with biases of q, k and v; rotated pairs are (i, i+headDim/2).

func openSeedOSS(r *reader) (Model, error) {
	c := r.config()
	at := r.attention(c, r.wholeRotary(c))
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer {
		return layer{
			at:       at,
			attnNorm: r.norm(blk+"attn_norm", c.dim, c),
			qkv:      r.qkv(blk, c.dim, at.Heads*at.HeadDim, at.KVHeads*at.HeadDim),
			o:        r.matrix(at.Heads*at.HeadDim, part{blk + "attn_output", c.dim}),
			ffnNorm:  r.norm(blk+"post_attention_norm", c.dim, c),
			ffn:      r.feedForward(blk, c.dim, c.ff),
		}
	})
}
