package arch

import (
	"fmt"
	"math"
	"slices"

	"soberano/models"
)

// The Granite families (https://github.com/ibm-granite/granite-3.0-language-models) are the network of llama with factors of the
// embedding, of q·k, of the outputs of attention and feed-forward networks, and of the logits:
//
//	tokens ─ embed·e ─▶ x ─┬────────────────────────────────────────────┬─▶ ⊕ ─┬───────────────────────────────┬─▶ ⊕ ─▶ … ─ norm ─ output ·1/l ─▶ logits
//	                       └ norm ─ q,k,v ─ RoPE ─ attention ─ o ·s ────┘      └ norm ─ SiLU(gate)·up ─ down ·s┘
//
// The feed-forward networks may be mixtures of experts (granitemoe), beside which there may be a shared expert. Some models of granite do not
// rotate q and k. minicpm (arXiv:2404.06395) has the same factors except that of q·k.

// openGraniteSWA opens granite_swa, granite of which some layers attend only to a window, and some layers may not rotate q and k. Each head has a
// sink, which takes a share of the softmax and adds nothing.
func openGraniteSWA(r *reader) (Model, error) {
	c := r.config()
	if n := r.int("expert_count", 0, 0, maxWidth); n > 0 {
		c.experts, c.dense = r.plainExperts(n, c.ff, true), 0
	}
	local, window := r.localLayers(c)
	if r.err == nil && window == 0 {
		r.fail(fmt.Errorf("key %q is missing: %w", r.family+".attention.sliding_window", models.ErrCorrupt))
	}
	rotary := r.wholeRotary(c)
	rotary.Divide = r.divisors(rotary, c.context)
	rotated := r.attention(c, rotary).interleaved()
	if scale := r.float("attention.scale", 0, 0, 1e6); scale > 0 {
		rotated.Scale = float32(scale)
	}
	rotates := r.rotates(c.layers)
	m := &decoder{c: c, embedScale: r.factor("embedding_scale", 1), residual: r.factor("residual_scale", 1)}
	m.logitScale = 1 / r.factor("logit_scale", required)
	return r.decoder(m, func(i int, blk string) layer {
		at := *rotated
		if !rotates[i] {
			at = *rotated.unrotated()
		}
		if local[i] {
			at.Window = window
		}
		at.Sinks = r.vector(blk+"attn_sinks.weight", c.heads)
		return r.llamaLayer(blk, c, &at)
	})
}

// rotates reads which of n layers rotate q and k; all do unless the file says otherwise.
func (r *reader) rotates(n int) []bool {
	key := r.key("attention.rope_pattern")
	list, err := r.f.Meta.Bools(key)
	switch {
	case r.err != nil:
	case err != nil:
		r.fail(err)
	case list == nil:
		list = slices.Repeat([]bool{true}, n)
	case len(list) < n:
		r.fail(fmt.Errorf("key %q has %d entries, the model %d layers: %w", key, len(list), n, models.ErrCorrupt))
	}
	return list
}

func openGranite(r *reader) (Model, error) { return r.granite(r.bool("rope.scaling.finetuned", true)) }

func openGraniteMoE(r *reader) (Model, error) { return r.granite(true) }

func (r *reader) granite(rotated bool) (Model, error) {
	c := r.config()
	if n := r.int("expert_count", 0, 0, maxWidth); n > 0 {
		c.experts, c.dense = r.plainExperts(n, c.ff, true), 0
		c.experts.shared = r.int("expert_shared_feed_forward_length", 0, 0, maxWidth)
	}
	at := &attention{Attention: c.attention()}
	if rotary := r.wholeRotary(c); rotated {
		rotary.Divide = r.divisors(rotary, c.context)
		at = r.attention(c, rotary).interleaved()
	}
	if scale := r.float("attention.scale", 0, 0, 1e6); scale > 0 {
		at.Scale = float32(scale)
	}
	m := &decoder{c: c, embedScale: r.factor("embedding_scale", 1), residual: r.factor("residual_scale", 1)}
	m.logitScale = 1 / r.factor("logit_scale", required)
	return r.decoder(m, func(_ int, blk string) layer { return r.llamaLayer(blk, c, at) })
}

// factor reads a factor, of which 0 stands for 1.
func (r *reader) factor(key string, def float64) float32 {
	if x := r.float(key, def, 0, 1e6); x != 0 {
		return float32(x)
	}
	return 1
}

// openMiniCPM uses the factors of MiniCPM 2B for files that do not have them.
func openMiniCPM(r *reader) (Model, error) {
	c := r.config()
	rotary := r.wholeRotary(c)
	rotary.Divide = r.divisors(rotary, c.context)
	at := r.attention(c, rotary).interleaved()
	if r.err != nil {
		return nil, r.err
	}
	m := &decoder{c: c, embedScale: r.factor("embedding_scale", 12), residual: r.factor("residual_scale", 1.4/math.Sqrt(float64(c.layers)))}
	m.logitScale = 1 / r.factor("logit_scale", 256/float64(c.dim))
	return r.decoder(m, func(_ int, blk string) layer { return r.llamaLayer(blk, c, at) })
}
