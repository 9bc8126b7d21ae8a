package arch

// The families of Cohere are decoders with LayerNorm without biases and parallel layers whose networks have one input. The output
// matrix is the embedding.
//
//	x ─┬───────────────────────────────────────────┬─▶ ⊕ ─▶ … ─ norm ─ output ·scale ─▶ logits
//	   └ norm ─┬ q,k,v ─ RoPE ─ attention ─ o ─────┤
//	           └ SiLU(gate)·up ─ down ─────────────┘
//
// Rotated pairs are (2i, 2i+1).

func openCommandR(r *reader) (Model, error) {
	c := r.configWith(scaleNorm)
	r.square(c)
	at := r.attention(c, r.wholeRotary(c)).interleaved()
	m := &decoder{c: c, tied: true, logitScale: float32(r.float("logit_scale", 0, 0, 1e6))}
	return r.decoder(m, func(_ int, blk string) layer { return r.cohereLayer(blk, c, at) })
}

func (r *reader) cohereLayer(blk string, c config, at *attention) layer {
	return layer{
		at:       at,
		attnNorm: r.norm(blk+"attn_norm", c.dim, c),
		qkv:      r.qkv(blk, c.dim, c.dim, c.kvHeads*c.headDim),
		o:        r.matrix(c.dim, part{blk + "attn_output", c.dim}),
		parallel: true,
		ffn:      r.feedForward(blk, c.dim, c.ff),
	}
}
