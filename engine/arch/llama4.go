package arch

import (
	"slices"

	"soberano/engine/nn"
	"soberano/kernels"
)

// The llama4 family (Llama 4 Scout and Maverick) is a decoder in which each layer is of one of two kinds:
//
//	x ─┬─────────────────────────────────────────────────────────────┬─▶ ⊕ ─┬──────────────────────────────────────────┬─▶ ⊕
//	   ├ norm ─ q,k,v ─ RoPE(q,k) ─ norm(q),norm(k) ─ attention ─ o ─┤      ├ norm ─ SiLU(gate)·up ─ down ─────────────┤
//	   └ norm ─ q,k,v ──────────────── attention ─ o ────────────────┘      └ norm ─ experts ─ + ─ the shared expert ─┘
//
// Three of four layers rotate q and k, normalise them without weights (but not in the model of 128 experts), and attend to the chunk of 8192
// positions that the query is in. The others attend to all positions, without a rotation; their scores grow slowly with the position of
// the query. One of expert-step layers has a mixture: the sigmoid of the router's logit multiplies the input of each chosen expert. Rotated pairs are
// neighbours.

// What files do not say: the length of a chunk, and the temperature of layers without a rotation.
const (
	llama4Chunk   = 8192
	llama4Rotated = 4 // of so many layers, the last is not rotated
)

var llama4Temperature = kernels.Temperature{Scale: 0.1, Length: llama4Chunk, Offset: 1}

// llama4Keys are keys that the family does not read.
var llama4Keys = map[string]neutral{
	"hidden_activation":                value("silu", "swish"),
	"attention.sliding_window":         value(float64(llama4Chunk)), // 0 would mean attention without chunks
	"attention.sliding_window_pattern": value(float64(llama4Rotated)),
	"expert_shared_count":              value(0.0, 1.0),
	"leading_dense_block_count":        value(0.0),
}

func openLlama4(r *reader) (Model, error) {
	c := r.config()
	n := r.int("expert_count", required, 1, kernels.MaxExperts)
	c.experts = experts{count: n, ff: r.uniform("expert_feed_forward_length", required, 1, maxWidth), routing: kernels.Routing{
		Used: r.int("expert_used_count", required, 1, n), Sigmoid: true, AfterChoice: true, Input: true, Scale: 1,
	}}
	step := r.int("interleave_moe_layer_step", required, 0, c.layers)
	if step > 0 {
		c.dense = step - 1 // the layers before the first mixture
	}
	rotary := r.wholeRotary(c)
	if rotary.Yarn {
		r.unsupported("YaRN in the llama4 family")
	}
	rotary.Base = r.float("rope.freq_base_swa", rotary.Base, 2, 1e12) // only layers with chunks rotate
	rotary.Divide = r.divisors(rotary, c.context)
	if r.err != nil {
		return nil, r.err
	}
	c.experts.shared = c.experts.ff
	chunked, all := r.attention(c, rotary).interleaved(), r.attention(c, rotary)
	chunked.Chunk, all.rope.Freq, all.Temperature = llama4Chunk, nil, llama4Temperature
	heads := nn.Norm{}
	if n != 128 {
		heads = nn.Norm{Weight: r.load("a norm without weights", slices.Repeat([]float32{1}, c.headDim)), Eps: c.eps}
	}
	return r.decoder(&decoder{c: c}, func(i int, blk string) layer {
		at := chunked
		if (i+1)%llama4Rotated == 0 {
			at = all
		}
		l := r.layer(blk, c, at)
		l.o = r.matrix(c.heads*c.headDim, part{blk + "attn_output", c.dim})
		if at == chunked {
			l.qNorm, l.kNorm, l.normRotated = heads, heads, true
		}
		if step > 0 && (i+1)%step == 0 {
			l.ffn = r.mixture(blk, c.dim, c.experts)
		} else {
			l.ffn = r.feedForward(blk, c.dim, c.ff)
		}
		return l
	})
}
