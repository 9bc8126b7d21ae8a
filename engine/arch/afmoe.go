package arch

import (
	"math"

	"soberano/engine/nn"
	"soberano/kernels"
)

// The AFMoE family (Arcee Trinity, https://huggingface.co/arcee-ai/Trinity-Mini) is a decoder with norms before and after attention and feed-forward networks, a gate of
// attention, and mixtures of experts with shared ones in all but the first layers:
//
//	tokens ─ embed·√dim ─▶ x ─┬──────────────────────────────────────────────────────────────────────┬─▶ ⊕ ─┬────────────────────────────┬─▶ ⊕
//	                          └ norm ─ g,q,k,v ─ norm(q),norm(k) ─ RoPE ─ attention ·σ(g) ─ o ─ norm ┘      └ norm ─ feed-forward ─ norm ┘
//
// Three of four layers attend only to a window; every fourth does not rotate. Rotated pairs are (i, i+headDim/2).

func openAFMoE(r *reader) (Model, error) {
	c := r.config()
	c.experts = r.routedExperts(r.expertWidth(), true)
	c.experts.bias = present
	c.experts.shared = c.experts.ff * r.int("expert_shared_count", required, 0, kernels.MaxExperts)
	c.dense = r.int("leading_dense_block_count", 0, 0, c.layers)
	local, window := r.localLayers(c)
	rotary := r.wholeRotary(c)
	all, windowed := r.attention(c, rotary), r.attention(c, r.windowRotary(rotary, window)).windowed(window)
	return r.decoder(&decoder{c: c, embedScale: float32(math.Sqrt(float64(c.dim)))}, func(i int, blk string) layer {
		at := choose(local[i], windowed, all)
		if (i+1)%4 == 0 {
			at = at.unrotated()
		}
		q, kv := at.Heads*at.HeadDim, at.KVHeads*at.HeadDim
		l := layer{
			at:       at,
			attnNorm: r.norm(blk+"attn_norm", c.dim, c),
			qkv:      r.qkvGate(blk, c.dim, q, kv),
			gated:    true,
			o:        r.matrix(q, part{blk + "attn_output", c.dim}),
			attnPost: r.norm(blk+"post_attention_norm", c.dim, c),
			ffnNorm:  r.norm(blk+"ffn_norm", c.dim, c),
			ffn:      r.denseOrMixture(i, blk, c),
			ffnPost:  r.norm(blk+"post_ffw_norm", c.dim, c),
		}
		r.headNorms(&l, blk, c)
		return l
	})
}

// qkvGate loads the projections to queries, keys and values, with the biases that the file has, and to the gate of attention.
func (r *reader) qkvGate(blk string, dim, q, kv int) kernels.Matrix {
	parts := r.qkvParts(blk, q, kv)
	w := r.weights(dim, append(parts, part{blk + "attn_gate", q}))
	for i, p := range parts {
		if r.err == nil {
			w[i].Bias = r.optional(p.name+".bias", p.rows)
		}
	}
	evenBias(w)
	return r.loadMatrix(parts[0].name, w)
}

// windowRotary returns the rotary embedding of layers with a window: rotary, with a base of its own if the file has one.
func (r *reader) windowRotary(rotary nn.Rotary, window int) nn.Rotary {
	if window > 0 {
		rotary.Base = r.float("rope.freq_base_swa", rotary.Base, 2, 1e12)
	}
	return rotary
}
