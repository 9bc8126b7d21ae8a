package arch

import (
	"fmt"

	"soberano/models"
)

// The families of Cohere are decoders with LayerNorm without biases and parallel layers whose networks have one input. The output
// matrix is the embedding.
//
//	x ─┬───────────────────────────────────────────┬─▶ ⊕ ─▶ … ─ norm ─ output ·scale ─▶ logits
//	   └ norm ─┬ q,k,v ─ RoPE ─ attention ─ o ─────┤
//	           └ SiLU(gate)·up ─ down ─────────────┘
//
// Rotated pairs are (2i, 2i+1). Command R+ normalises each head of q and k before the rotation. In cohere2 (Command R7B and A, arXiv:2504.00698),
// three of four layers attend only to a window, and the others do not rotate.

func openCommandR(r *reader) (Model, error) {
	c := r.configWith(scaleNorm)
	r.square(c)
	at := r.attention(c, r.wholeRotary(c)).interleaved()
	m := &decoder{c: c, tied: true, logitScale: float32(r.float("logit_scale", 0, 0, 1e6))}
	return r.decoder(m, func(_ int, blk string) layer { return r.cohereLayer(blk, c, at) })
}

func openCohere2(r *reader) (Model, error) {
	c := r.configWith(scaleNorm)
	r.square(c)
	local, window := r.localLayers(c)
	if r.err == nil && window == 0 {
		r.fail(fmt.Errorf("key %q is missing: %w", r.family+".attention.sliding_window", models.ErrCorrupt))
	}
	windowed := r.attention(c, r.rotary(r.rotaryDims(c), c.context)).interleaved().windowed(window)
	all := &attention{Attention: c.attention()}
	m := &decoder{c: c, tied: true, logitScale: float32(r.float("logit_scale", required, 0, 1e6))}
	return r.decoder(m, func(i int, blk string) layer { return r.cohereLayer(blk, c, choose(local[i], windowed, all)) })
}

func (r *reader) cohereLayer(blk string, c config, at *attention) layer {
	l := layer{
		at:       at,
		attnNorm: r.norm(blk+"attn_norm", c.dim, c),
		qkv:      r.qkv(blk, c.dim, c.dim, c.kvHeads*c.headDim),
		o:        r.matrix(c.dim, part{blk + "attn_output", c.dim}),
		parallel: true,
		ffn:      r.feedForward(blk, c.dim, c.ff),
	}
	r.eachHeadNorms(&l, blk, c)
	return l
}

// eachHeadNorms reads the norms of q and k, with weights for each head, if the file has them.
func (r *reader) eachHeadNorms(l *layer, blk string, c config) {
	if _, ok := r.f.Tensor(blk + "attn_q_norm.weight"); ok {
		l.qNorm = r.eachHead(blk+"attn_q_norm", c.heads, c.headDim, c)
		l.kNorm = r.eachHead(blk+"attn_k_norm", c.kvHeads, c.headDim, c)
	}
}
