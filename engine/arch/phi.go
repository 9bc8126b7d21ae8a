package arch

import "soberano/kernels"

// The families of Phi are decoders.
//
// phi2 (Phi-1, 1.5 and 2, arXiv:2309.05463) has LayerNorm, biases everywhere, and parallel layers whose networks have one input:
//
//	x ─┬───────────────────────────────────────────┬─▶ ⊕
//	   └ norm ─┬ q,k,v ─ RoPE ─ attention ─ o ─────┤
//	           └ GELU(up) ─ down ──────────────────┘
//
// phi3 (Phi-3, 3.5 and 4, arXiv:2404.14219) is the network of llama with its matrices fused: q,k,v and gate,up. Its rotary frequencies may be those of LongRoPE. As
// in llama.cpp, no layer has a window of attention, although files have the length of one.
//
// phimoe (Phi-3.5-MoE) has mixtures of experts and biases of all other matrices. Its norms are those of llama.cpp, RMSNorm with a bias; the model
// was trained with LayerNorm.
//
// In all, some dimensions of a head may stay as they are, and rotated pairs are (i, i+rotated/2).

// geluKeys are the keys that families with GELU in their feed-forward layers do not read.
var geluKeys = map[string]neutral{"hidden_activation": value("gelu", "gelu_new", "gelu_fast", "gelu_tanh", "gelu_pytorch_tanh")}

func openPhi2(r *reader) (Model, error) {
	c := r.configWith(layerNorm)
	r.square(c)
	at := r.attention(c, r.rotary(r.rotaryDims(c), c.context))
	return r.decoder(&decoder{c: c, output: r.ownOutput(c, present)}, func(_ int, blk string) layer {
		return layer{
			at:       at,
			attnNorm: r.norm(blk+"attn_norm", c.dim, c),
			qkv:      r.linear(present, c.dim, r.qkvParts(blk, c.dim, c.kvHeads*c.headDim)...),
			o:        r.linear(present, c.dim, part{blk + "attn_output", c.dim}),
			parallel: true,
			ffn:      r.ungated(present, blk, c.dim, c.ff, kernels.GELUTanh),
		}
	})
}

func openPhi3(r *reader) (Model, error) {
	c := r.config()
	r.square(c)
	r.int("attention.sliding_window", 0, 0, 1<<30) // not used, see above
	rotary := r.rotary(r.rotaryDims(c), c.context)
	rotary.Divide = r.longDivisors(rotary, c.context)
	at := r.attention(c, rotary)
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer {
		return layer{
			at:       at,
			attnNorm: r.norm(blk+"attn_norm", c.dim, c),
			qkv:      r.linear(optional, c.dim, part{blk + "attn_qkv", c.dim + 2*c.kvHeads*c.headDim}),
			o:        r.matrix(c.dim, part{blk + "attn_output", c.dim}),
			ffnNorm:  r.norm(blk+"ffn_norm", c.dim, c),
			ffn:      r.fusedFeedForward(blk, c.dim, c.ff),
		}
	})
}

func openPhiMoE(r *reader) (Model, error) {
	c := r.configWith(shiftNorm)
	r.square(c)
	r.int("attention.sliding_window", 0, 0, 1<<30) // not used, as in phi3
	c.experts, c.dense = r.plainExperts(r.expertCount(), c.ff, true), 0
	rotary := r.rotary(r.rotaryDims(c), c.context)
	rotary.Divide = r.longDivisors(rotary, c.context)
	at := r.attention(c, rotary)
	return r.decoder(&decoder{c: c, output: r.ownOutput(c, present)}, func(_ int, blk string) layer {
		l := r.layer(blk, c, at)
		l.o = r.linear(present, c.dim, part{blk + "attn_output", c.dim})
		l.ffn = r.mixture(blk, c.dim, c.experts)
		return l
	})
}
