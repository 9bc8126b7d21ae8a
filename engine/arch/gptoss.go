package arch

import (
	"fmt"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/models"
)

// The gpt-oss family (arXiv:2508.10925) is a decoder of mixtures:
//
//	x ─┬──────────────────────────────────────────────────┬─▶ ⊕ ─┬─────────────────────────┬─▶ ⊕
//	   └ norm ─ q,k,v ─ RoPE(q,k) ─ attention, sinks ─ o ┘      └ norm ─ router ─ experts ┘
//
// In every other layer, beginning with the first, attention has a window. Each head has a sink, which takes a share of the softmax and adds nothing.
// All projections have biases, and so have the router and the experts. The probabilities are those of the chosen experts alone. The gates of the experts
// are limited (kernels.SwiGLU7). Rotated pairs are (i, i+headDim/2).

func openGPTOSS(r *reader) (Model, error) {
	c := r.config()
	n := r.int("expert_count", required, 1, kernels.MaxExperts)
	c.experts = experts{count: n, ff: r.uniform("expert_feed_forward_length", required, 1, maxWidth), routing: kernels.Routing{
		Used: r.int("expert_used_count", required, 1, n), AfterChoice: true, Scale: 1,
	}}
	c.dense = 0
	local, window := r.localLayers(c)
	rotary := r.wholeRotary(c)
	near := rotary
	near.Base = r.float("rope.freq_base_swa", rotary.Base, 2, 1e12)
	if r.err == nil && window == 0 {
		r.fail(fmt.Errorf("key %q is missing: %w", r.family+".attention.sliding_window", models.ErrCorrupt))
	}
	if r.err != nil {
		return nil, r.err
	}
	all, windowed := r.attention(c, rotary), r.attention(c, near)
	windowed.Window = window
	m := &decoder{c: c, output: r.matrix(c.dim, part{"output", c.vocabulary})}
	return r.decoder(m, func(i int, blk string) layer {
		at := *all
		if local[i] {
			at = *windowed
		}
		at.Sinks = r.vector(blk+"attn_sinks.weight", c.heads)
		return r.gptOSSLayer(blk, c, &at)
	})
}

func (r *reader) gptOSSLayer(blk string, c config, at *attention) layer {
	q, kv, e := c.heads*c.headDim, c.kvHeads*c.headDim, c.experts
	l := layer{
		at:       at,
		attnNorm: r.norm(blk+"attn_norm", c.dim, c),
		qkv:      r.qkv(blk, c.dim, q, kv),
		o:        r.withBias(q, part{blk + "attn_output", c.dim}),
		ffnNorm:  r.norm(blk+"post_attention_norm", c.dim, c),
	}
	l.ffn.mixture = &nn.Mixture{
		Router:  r.withBias(c.dim, part{blk + "ffn_gate_inp", e.count}),
		GateUp:  r.biasedExperts(e.count, c.dim, part{blk + "ffn_gate_exps", e.ff}, part{blk + "ffn_up_exps", e.ff}),
		Down:    r.biasedExperts(e.count, e.ff, part{blk + "ffn_down_exps", c.dim}),
		Routing: e.routing,
	}
	l.ffn.activation = kernels.SwiGLU7
	return l
}

// withBias is like biased, for a part that must have a bias.
func (r *reader) withBias(cols int, p part) kernels.Matrix {
	r.tensor(p.name+".bias", p.rows)
	return r.biased(cols, p)
}

// biasedExperts is like expertMatrix, for parts that have biases, [experts × rows].
func (r *reader) biasedExperts(experts, cols int, parts ...part) kernels.Matrix {
	w := r.expertWeights(experts, cols, parts)
	for i, p := range parts {
		if bias := r.values(p.name+".bias", experts, p.rows); r.err == nil {
			w[i].Bias = bias[:w[i].Experts*p.rows]
		}
	}
	return r.loadMatrix(parts[0].name, w)
}
