package arch

import (
	"math"

	"soberano/engine/nn"
	"soberano/kernels"
)

// The Gemma family (arXiv:2403.08295) is a decoder of this form, with tied embeddings:
//
//	tokens ─ embed·√dim ─▶ x ─┬──────────────────────────────────────────┬─▶ ⊕ ─┬────────────────────────────┬─▶ ⊕
//	                          └ norm ─ q,k,v ─ RoPE(q,k) ─ attention ─ o ┘      └ norm ─ GELU(gate)·up ─ down ┘
//
// Gemma 2 (arXiv:2408.00118) also normalises the outputs of attention and of the feed-forward network. Its attention limits the
// scores, and in every other layer attends only to a window; the logits are limited, too. The norm weights in GGUF
// files already include the 1 that Gemma adds. Rotated pairs are (i, i+headDim/2).

func openGemma(r *reader) (Model, error) {
	c := r.config()
	r.noExperts()
	at := r.attention(c, r.rotary(r.rotaryDims(c), c.context))
	return r.decoder(&decoder{c: c, tied: true, embedScale: float32(math.Sqrt(float64(c.dim)))}, func(_ int, blk string) layer {
		l := r.plainLayer(blk, c, at)
		l.ffn.activation = kernels.GELUTanh
		return l
	})
}

func openGemma2(r *reader) (Model, error) {
	c := r.config()
	r.noExperts()
	local, window := r.localLayers(c)
	rotary := r.rotary(r.rotaryDims(c), c.context)
	near := rotary
	near.Base = r.float("rope.freq_base_swa", rotary.Base, 2, 1e12)
	m := &decoder{c: c, tied: true, embedScale: float32(math.Sqrt(float64(c.dim))), logitCap: float32(r.float("final_logit_softcapping", 30, 1e-3, 1e6))}
	all, windowed := r.gemma2Attention(c, rotary), r.gemma2Attention(c, near)
	if r.err != nil {
		return nil, r.err
	}
	windowed.Window = window
	return r.decoder(m, func(i int, blk string) layer {
		at := all
		if local[i] {
			at = windowed
		}
		l := r.plainLayer(blk, c, at)
		l.ffn.activation = kernels.GELUTanh
		l.attnPost = r.norm(blk+"post_attention_norm", c.dim, c)
		l.ffnPost = r.norm(blk+"post_ffw_norm", c.dim, c)
		return l
	})
}

// gemma2Attention returns attention with the soft cap of the file. The 27B model, of 46 layers, was trained with scores
// divided by √(dim/heads) = 12, and heads of 128 values.
func (r *reader) gemma2Attention(c config, rotary nn.Rotary) *attention {
	limit := r.float("attn_logit_softcapping", 50, 1e-3, 1e6)
	if r.err != nil {
		return nil
	}
	at := r.attention(c, rotary)
	at.SoftCap = float32(limit)
	if c.layers == 46 {
		at.Scale = float32(1 / math.Sqrt(float64(c.dim/c.heads)))
	}
	return at
}
