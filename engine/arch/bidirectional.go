package arch

import (
	"math"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/models"
)

// Encoders that are decoders without causality: every row attends to the whole text, or to a window on both sides of it,
// and the hidden rows are those from which a decoder would compute logits.
//
//   - modern-bert (arXiv:2412.13663): LayerNorm without bias, also of the embeddings, none before the first attention;
//     GELU(gate)·up; two of three layers attend to a window and rotate with a base of their own.
//   - eurobert (arXiv:2503.05500): the network of llama, with rotated pairs (i, i+headDim/2).
//   - llama-embed (https://huggingface.co/nvidia/llama-embed-nemotron-8b): the network of llama.
//   - neo-bert (arXiv:2502.19587): the network of llama, with its projections to q, k and v, and to gate and up, stacked.
//   - gemma-embedding (arXiv:2509.20354): the network of gemma3.

func openModernBert(r *reader) (Model, error) {
	c := r.configWith(scaleNorm)
	r.noExperts()
	if r.err != nil {
		return nil, r.err
	}
	rotary := r.rotary(r.rotaryDims(c), c.context)
	all := r.wholeAttention(c, &rotary)
	windowed, local := r.windowed(c, rotary, 3, true)
	activation := r.modernBertActivation()
	m := &decoder{c: c, embedNorm: r.norm("token_embd_norm", c.dim, c), whole: true}
	return r.decoder(m, func(i int, blk string) layer {
		l := layer{at: all}
		if local[i] {
			l.at = windowed
		}
		if _, ok := r.f.Tensor(blk + "attn_norm.weight"); ok || i > 0 {
			l.attnNorm = r.norm(blk+"attn_norm", c.dim, c)
		}
		l.qkv = r.matrix(c.dim, part{blk + "attn_qkv", (c.heads + 2*c.kvHeads) * c.headDim})
		l.o = r.matrix(c.heads*c.headDim, part{blk + "attn_output", c.dim})
		l.ffnNorm = r.norm(blk+"ffn_norm", c.dim, c)
		l.ffn = r.fusedFeedForward(blk, c.dim, c.ff)
		l.ffn.activation = activation
		return l
	})
}

// modernBertActivation reads the activation of the feed-forward network.
func (r *reader) modernBertActivation() kernels.Activation {
	switch name := r.string("hidden_activation", "gelu"); name {
	case "gelu", "geglu":
		return kernels.GELUTanh
	case "silu", "swish", "swiglu":
		return kernels.SiLU
	case "reglu":
		return kernels.ReLU
	default:
		r.unsupported("key %q is %s, this program knows gelu, silu and reglu", r.family+".hidden_activation", models.Quote(name))
		return 0
	}
}

func openEuroBert(r *reader) (Model, error) {
	c := r.config()
	r.noExperts()
	if r.err != nil {
		return nil, r.err
	}
	rotary := r.wholeRotary(c)
	at := r.wholeAttention(c, &rotary)
	return r.decoder(&decoder{c: c, whole: true}, func(_ int, blk string) layer { return r.plainLayer(blk, c, at) })
}

func openLlamaEmbed(r *reader) (Model, error) {
	c := r.config()
	r.noExperts()
	if r.err != nil {
		return nil, r.err
	}
	rotary := r.wholeRotary(c)
	rotary.Divide = r.divisors(rotary, c.context)
	at := r.wholeAttention(c, &rotary).interleaved()
	return r.decoder(&decoder{c: c, whole: true}, func(_ int, blk string) layer { return r.llamaLayer(blk, c, at) })
}

func openNeoBert(r *reader) (Model, error) {
	c := r.config()
	r.noExperts()
	if r.err != nil {
		return nil, r.err
	}
	rotary := r.wholeRotary(c)
	at := r.wholeAttention(c, &rotary).interleaved()
	return r.decoder(&decoder{c: c, whole: true, lastNorm: "enc.output_norm"}, func(_ int, blk string) layer {
		l := layer{at: at, attnNorm: r.norm(blk+"attn_norm", c.dim, c), ffnNorm: r.norm(blk+"ffn_norm", c.dim, c)}
		l.qkv = r.matrix(c.dim, part{blk + "attn_qkv", (c.heads + 2*c.kvHeads) * c.headDim})
		l.o = r.matrix(c.heads*c.headDim, part{blk + "attn_output", c.dim})
		l.ffn = r.fusedFeedForward(blk, c.dim, c.ff)
		return l
	})
}

// wholeAttention returns attention of every row to the whole text. rotary is nil if positions are seen otherwise.
func (r *reader) wholeAttention(c config, rotary *nn.Rotary) *attention {
	if r.bool("attention.causal", false) {
		r.unsupported("key %q is true", r.family+".attention.causal")
	}
	var at *attention
	if rotary == nil {
		at = r.attention(c, nn.Rotary{})
		at.rope = kernels.RoPE{}
	} else {
		at = r.attention(c, *rotary)
	}
	at.Causal = false
	return at
}

func openGemmaEmbedding(r *reader) (Model, error) {
	c := r.config()
	r.noExperts()
	if r.err != nil {
		return nil, r.err
	}
	rotary := r.rotary(r.rotaryDims(c), c.context)
	all := r.wholeAttention(c, &rotary)
	windowed, local := r.windowed(c, rotary, 6, false)
	m := &decoder{c: c, embedScale: float32(math.Sqrt(float64(c.dim))), whole: true}
	return r.decoder(m, func(i int, blk string) layer {
		if local[i] {
			return r.gemma3Layer(blk, c, windowed)
		}
		return r.gemma3Layer(blk, c, all)
	})
}

// windowed returns the attention of layers that see a window on both sides of a row, and for each layer whether it is one.
// Unless the file says it for each layer, one of period layers sees the whole text, the first or the last of them.
// The layers with a window rotate with a base of their own, unscaled. Without a window, every layer sees the whole text.
func (r *reader) windowed(c config, rotary nn.Rotary, period int, wholeFirst bool) (at *attention, local []bool) {
	window := r.int("attention.sliding_window", 0, 0, 1<<30)
	base := r.float("rope.freq_base_swa", 10000, 2, 1e12)
	key := r.key("attention.sliding_window_pattern")
	local = make([]bool, c.layers)
	if each, ok := r.f.Meta[key].([]bool); ok {
		if len(each) < c.layers {
			r.corrupt("key %q has %d entries, the model %d layers", key, len(each), c.layers)
			return nil, local
		}
		copy(local, each)
	} else {
		period = r.int("attention.sliding_window_pattern", period, 1, maxLayers)
		for i := range local {
			local[i] = r.err == nil && (i%period != period-1 && !wholeFirst || i%period != 0 && wholeFirst)
		}
	}
	if r.err != nil || window == 0 {
		return nil, make([]bool, c.layers)
	}
	at = r.wholeAttention(c, &nn.Rotary{Dims: rotary.Dims, Base: base, Attention: rotary.Attention})
	at.Window = window
	return at, local
}
