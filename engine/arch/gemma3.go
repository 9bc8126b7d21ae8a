package arch

import (
	"math"

	"soberano/engine/nn"
	"soberano/kernels"
)

// The Gemma 3 family, text only (arXiv:2503.19786), is a decoder of this form:
//
//	tokens ─ embed·√dim ─▶ x ─┬───────────────────────────────────────────────────────────────┬─▶ ⊕ ─┬────────────────────────────────────┬─▶ ⊕
//	                          └ norm ─ q,k,v ─ norm(q),norm(k) ─ RoPE ─ attention ─ o ─ norm ┘      └ norm ─ GELU(gate)·up ─ down ─ norm ┘
//
// Five of six layers attend only to a window of the last tokens and rotate with base 10,000;
// every sixth layer attends to all tokens and rotates with the file's base and scaling. So do all
// layers of files without a window. The norm
// weights in GGUF files already include the 1 that Gemma adds. Rotated pairs are (i, i+headDim/2).

// gemma3Keys are keys that the family does not read. Some programs name the bases of the rotary
// positions otherwise.
var gemma3Keys = map[string]neutral{
	"hidden_activation":     geluKeys["hidden_activation"],
	"rope.global.freq_base": like("rope.freq_base"),
	"rope.local.freq_base":  value(10000.0),
}

func openGemma3(r *reader) (Model, error) {
	c := r.config()
	r.noExperts()
	windowed, all := r.gemma3Attention(c)
	if r.err != nil {
		return nil, r.err
	}
	local, _ := r.localLayers(c)
	return r.decoder(&decoder{c: c, embedScale: float32(math.Sqrt(float64(c.dim)))}, func(i int, blk string) layer {
		if local[i] {
			return r.gemma3Layer(blk, c, windowed)
		}
		return r.gemma3Layer(blk, c, all)
	})
}

// gemma3Attention reads the attention of layers with a window and of those without.
func (r *reader) gemma3Attention(c config) (windowed, all *attention) {
	if r.err != nil {
		return nil, nil
	}
	dims := r.rotaryDims(c)
	rotary := r.rotary(dims, c.context)
	if rotary.Yarn && rotary.Factor > 0 && rotary.Factor < 1 {
		r.unsupported("YaRN that shortens the context, in the gemma3 family")
	}
	if cap := r.float("final_logit_softcapping", 0, 0, 1e6); cap != 0 {
		r.unsupported("key %q: capped logits in the gemma3 family", "gemma3.final_logit_softcapping")
	}
	window := r.int("attention.sliding_window", 0, 0, 1<<30)
	base := r.float("rope.freq_base_swa", 10000, 2, 1e12)
	if r.err != nil {
		return nil, nil
	}
	all = r.attention(c, rotary)
	windowed = r.attention(c, nn.Rotary{Dims: dims, Base: base, Attention: rotary.Attention})
	windowed.Window = window
	all.Scale, windowed.Scale = c.gemma3Scale(), c.gemma3Scale()
	return windowed, all
}

// gemma3Scale returns the factor of q·k: 1/√headDim, except for the 27B model (62 layers), which
// was trained with 1/√(dim/heads); dim/heads is 168 there and headDim 128.
func (c config) gemma3Scale() float32 {
	per := c.headDim
	if c.layers == 62 {
		per = c.dim / c.heads
	}
	return float32(1 / math.Sqrt(float64(per)))
}

func (r *reader) gemma3Layer(blk string, c config, at *attention) layer {
	l := r.plainLayer(blk, c, at)
	l.qNorm = r.norm(blk+"attn_q_norm", c.headDim, c)
	l.kNorm = r.norm(blk+"attn_k_norm", c.headDim, c)
	l.attnPost = r.norm(blk+"post_attention_norm", c.dim, c)
	l.ffn.activation = kernels.GELUTanh
	l.ffnPost = r.norm(blk+"post_ffw_norm", c.dim, c)
	return l
}
