package arch

import "soberano/kernels"

// These families are the network of GPT-2 without an embedding of positions: the scores of attention fall with the distance instead
// (ALiBi, arXiv:2108.12409).
//
// bloom (arXiv:2211.05100) normalises the embedding. mpt (https://www.databricks.com/blog/mpt-7b) has few biases or none, and may limit the values
// of q, k and v; some of its models have an embedding of positions after all. As in llama.cpp, GELU is approximated.

func openBloom(r *reader) (Model, error) {
	c := r.configWith(layerNorm)
	r.square(c)
	at := r.alibi(c, 8)
	m := &decoder{c: c, embedNorm: r.norm("token_embd_norm", c.dim, c)}
	return r.decoder(m, func(_ int, blk string) layer { return r.gpt2Layer(blk, c, at) })
}

func openMPT(r *reader) (Model, error) {
	c := r.configWith(anyNorm)
	r.square(c)
	at := r.alibi(c, r.float("attention.max_alibi_bias", 0, 0, 1e3))
	m := &decoder{c: c, clamp: float32(r.float("attention.clamp_kqv", 0, 0, 1e6))}
	if _, ok := r.f.Tensor("position_embd.weight"); ok {
		m.positions = r.matrix(c.dim, part{"position_embd", c.context})
	}
	return r.decoder(m, func(_ int, blk string) layer {
		return layer{
			at:       at,
			attnNorm: r.norm(blk+"attn_norm", c.dim, c),
			qkv:      r.linear(optional, c.dim, part{blk + "attn_qkv", c.dim + 2*c.kvHeads*c.headDim}),
			o:        r.linear(optional, c.dim, part{blk + "attn_output", c.dim}),
			ffnNorm:  r.norm(blk+"ffn_norm", c.dim, c),
			ffn:      r.ungated(optional, blk, c.dim, c.ff, kernels.GELUTanh),
		}
	})
}

// alibi returns attention whose scores fall with the distance, by slopes for this bias; 0 means that they do not.
func (r *reader) alibi(c config, bias float64) *attention {
	at := &attention{Attention: c.attention()}
	if bias > 0 && r.err == nil {
		at.Slopes = r.load("the slopes of ALiBi", slopes(c.heads, bias))
	}
	return at
}
