package arch

import "soberano/kernels"

// The GPT-2 family (https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf) is a
// decoder with an embedding of positions, LayerNorm, and biases everywhere:
//
//	tokens ─ embed + positions ─▶ x ─┬───────────────────────────────┬─▶ ⊕ ─┬──────────────────────────┬─▶ ⊕
//	                                 └ norm ─ q,k,v ─ attention ─ o ─┘      └ norm ─ GELU(up) ─ down ──┘

func openGPT2(r *reader) (Model, error) { return r.gpt2() }

func (r *reader) gpt2() (Model, error) {
	c := r.configWith(layerNorm)
	r.square(c)
	at := &attention{Attention: c.attention()}
	m := &decoder{c: c, positions: r.matrix(c.dim, part{"position_embd", c.context})}
	return r.decoder(m, func(_ int, blk string) layer { return r.gpt2Layer(blk, c, at) })
}

// gpt2Layer reads a layer whose q, k and v are one tensor.
func (r *reader) gpt2Layer(blk string, c config, at *attention) layer {
	return layer{
		at:       at,
		attnNorm: r.norm(blk+"attn_norm", c.dim, c),
		qkv:      r.linear(present, c.dim, part{blk + "attn_qkv", c.dim + 2*c.kvHeads*c.headDim}),
		o:        r.linear(present, c.dim, part{blk + "attn_output", c.dim}),
		ffnNorm:  r.norm(blk+"ffn_norm", c.dim, c),
		ffn:      r.ungated(present, blk, c.dim, c.ff, kernels.GELUTanh),
	}
}
