package arch

import (
	"slices"

	"soberano/engine/nn"
)

// The families of OLMo are decoders. All but the first normalise q and k as a whole before they rotate them, in pairs (i, i+headDim/2).
//
// olmo (OLMo 1, arXiv:2402.00838) is the network of llama with LayerNorms without weights; it normalises neither q nor k, but may limit them and v.
// Rotated pairs are (2i, 2i+1).
//
// olmo2 (OLMo 2, arXiv:2501.00656) normalises the outputs of attention and feed-forward networks, not their inputs:
//
//	x ─┬────────────────────────────────────────────────────────────────┬─▶ ⊕ ─┬─────────────────────────────────┬─▶ ⊕
//	   └ q,k,v ─ norm(q),norm(k) ─ RoPE(q,k) ─ attention ─ o ─ norm ────┘      └ SiLU(gate)·up ─ down ─ norm ────┘
//
// In OLMo 3, three of four layers attend only to a window, and only the others scale their rotation for long contexts.
//
// olmoe (arXiv:2409.02060) normalises the inputs, and has mixtures of experts whose weights do not add up to 1.

func openOLMo(r *reader) (Model, error) {
	c := r.configWith(scaleNorm)
	r.square(c)
	if r.err != nil {
		return nil, r.err
	}
	norm := nn.Norm{
		Weight: r.load("a norm without weights", slices.Repeat([]float32{1}, c.dim)), Bias: r.load("a norm without weights", make([]float32, c.dim)), Eps: c.eps,
	}
	at := r.attention(c, r.wholeRotary(c)).interleaved()
	m := &decoder{c: c, norm: norm, clamp: float32(r.float("attention.clamp_kqv", 0, 0, 1e6))}
	return r.decoder(m, func(_ int, blk string) layer {
		return layer{
			at:       at,
			attnNorm: norm,
			qkv:      r.qkv(blk, c.dim, c.dim, c.kvHeads*c.headDim),
			o:        r.matrix(c.dim, part{blk + "attn_output", c.dim}),
			ffnNorm:  norm,
			ffn:      r.feedForward(blk, c.dim, c.ff),
		}
	})
}

func openOLMo2(r *reader) (Model, error) {
	c := r.config()
	r.square(c)
	local, window := r.localLayers(c)
	rotary := r.wholeRotary(c)
	all := r.attention(c, rotary)
	windowed := r.attention(c, nn.Rotary{Dims: rotary.Dims, Base: rotary.Base}).windowed(window)
	return r.decoder(&decoder{c: c, output: r.ownOutput(c, absent)}, func(i int, blk string) layer {
		return layer{
			at:       choose(local[i], windowed, all),
			qkv:      r.qkv(blk, c.dim, c.dim, c.kvHeads*c.headDim),
			qNorm:    r.norm(blk+"attn_q_norm", c.dim, c),
			kNorm:    r.norm(blk+"attn_k_norm", c.kvHeads*c.headDim, c),
			o:        r.matrix(c.dim, part{blk + "attn_output", c.dim}),
			attnPost: r.norm(blk+"post_attention_norm", c.dim, c),
			ffn:      r.feedForward(blk, c.dim, c.ff),
			ffnPost:  r.norm(blk+"post_ffw_norm", c.dim, c),
		}
	})
}

func openOLMoE(r *reader) (Model, error) {
	c := r.config()
	r.square(c)
	c.experts, c.dense = r.plainExperts(r.expertCount(), c.ff, false), 0
	at := r.attention(c, r.wholeRotary(c))
	return r.decoder(&decoder{c: c, output: r.ownOutput(c, absent)}, func(_ int, blk string) layer {
		l := r.layer(blk, c, at)
		l.qNorm = r.norm(blk+"attn_q_norm", c.dim, c)
		l.kNorm = r.norm(blk+"attn_k_norm", c.kvHeads*c.headDim, c)
		l.o = r.matrix(c.dim, part{blk + "attn_output", c.dim})
		l.ffn = r.mixture(blk, c.dim, c.experts)
		return l
	})
}
