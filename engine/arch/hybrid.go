package arch

import (
	"fmt"
	"slices"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/models"
)

// mambaSizes reads the keys of a network without attention and feed-forward networks.
func (r *reader) mambaSizes() config {
	c := config{
		context: r.int("context_length", required, 1, 1<<30),
		dim:     r.int("embedding_length", required, 1, maxWidth),
		layers:  r.int("block_count", required, 1, maxLayers),
		eps:     float32(r.float("attention.layer_norm_rms_epsilon", required, 1e-12, 1)),
	}
	c.vocabulary = r.vocabulary(c.dim)
	r.context = c.context
	for _, key := range []string{"attention.head_count", "feed_forward_length"} {
		r.uniform(key, 0, 0, maxWidth) // some files have them
	}
	return c
}

// mambaKeys are keys that a network without attention does not read.
var mambaKeys = map[string]neutral{
	"hidden_activation": value("silu", "swish"), "attention.key_length_swa": anything, "attention.value_length_swa": anything, "rope.dimension_count_swa": anything, "attention.scale": anything,
}

// openMamba opens mamba: a layer is a norm and a state space. Falcon Mamba (arXiv:2410.05355) normalises δ, b and c, without weights.
func openMamba(r *reader) (Model, error) {
	m := &decoder{c: r.mambaSizes(), ssm: r.mambaConfig(-1)}
	normed := r.bool("ssm.dt_b_c_rms", false)
	return r.decoder(m, func(_ int, blk string) layer {
		l := layer{attnNorm: r.norm(blk+"attn_norm", m.c.dim, m.c), ssm: r.mamba1(blk, m.c.dim, &m.ssm)}
		if normed {
			l.ssm.dtNorm, l.ssm.bNorm = r.unit(m.ssm.rank, m.c.eps), r.unit(m.ssm.states, m.c.eps)
			l.ssm.cNorm = l.ssm.bNorm
		}
		return l
	})
}

// unit returns an RMSNorm of n columns whose weights are 1.
func (r *reader) unit(n int, eps float32) nn.Norm {
	ones := make([]float32, n)
	for i := range ones {
		ones[i] = 1
	}
	return nn.Norm{Weight: r.load("a norm without weights", ones), Eps: eps}
}

// openMamba2 opens mamba2: a layer is a norm and a state space.
func openMamba2(r *reader) (Model, error) {
	m := &decoder{c: r.mambaSizes(), ssm: r.mambaConfig(0)}
	return r.decoder(m, func(_ int, blk string) layer {
		return layer{attnNorm: r.norm(blk+"attn_norm", m.c.dim, m.c), ssm: r.mamba2(blk, m.c.dim, &m.ssm, true)}
	})
}

// openJamba opens jamba (arXiv:2403.19887): a layer has either attention, without rotation, or a Mamba whose δ, b and c are normalised,
// and a feed-forward network or a mixture of them.
func openJamba(r *reader) (Model, error) {
	c := r.sizes()
	counts := r.headCounts(&c)
	r.headWidths(&c)
	m := &decoder{ssm: r.mambaConfig(-1)}
	if n := r.int("expert_count", 0, 0, kernels.MaxExperts); n > 0 {
		c.experts = r.plainExperts(n, c.ff, false)
	}
	if r.err != nil {
		return nil, r.err
	}
	c.dense = r.countDense(c.layers)
	m.c = c
	at := &attention{Attention: c.attention()}
	return r.decoder(m, func(i int, blk string) layer {
		l := layer{attnNorm: r.norm(blk+"attn_norm", c.dim, c), ffnNorm: r.norm(blk+"ffn_norm", c.dim, c)}
		if counts[i] > 0 {
			l.at, l.qkv, l.o = at, r.qkv(blk, c.dim, c.heads*c.headDim, c.kvHeads*c.headDim), r.matrix(c.heads*c.headDim, part{blk + "attn_output", c.dim})
		} else {
			l.ssm = r.mamba1(blk, c.dim, &m.ssm)
			l.ssm.dtNorm = r.norm(blk+"ssm_dt_norm", m.ssm.rank, c)
			l.ssm.bNorm, l.ssm.cNorm = r.norm(blk+"ssm_b_norm", m.ssm.states, c), r.norm(blk+"ssm_c_norm", m.ssm.states, c)
		}
		if r.dense(blk) {
			l.ffn = r.feedForward(blk, c.dim, c.ff)
		} else {
			l.ffn = r.mixture(blk, c.dim, c.experts)
		}
		return l
	})
}

// dense reports whether a layer has no mixture.
func (r *reader) dense(blk string) bool {
	_, routed := r.f.Tensor(blk + "ffn_gate_inp.weight")
	return !routed
}

// countDense returns the number of layers without a mixture.
func (r *reader) countDense(layers int) (n int) {
	for i := range layers {
		if r.dense(fmt.Sprintf("blk.%d.", i)) {
			n++
		}
	}
	return n
}

// openFalconH1 opens falcon-h1 (arXiv:2507.22448): attention and a Mamba 2 beside each other, on the same input.
func openFalconH1(r *reader) (Model, error) {
	c := r.config()
	r.noExperts()
	m := &decoder{c: c, ssm: r.mambaConfig(0)}
	if r.err != nil {
		return nil, r.err
	}
	at := r.attention(c, r.rotary(r.rotaryDims(c), c.context))
	return r.decoder(m, func(_ int, blk string) layer {
		q := c.heads * c.headDim
		return layer{
			attnNorm: r.norm(blk+"attn_norm", c.dim, c), at: at, qkv: r.qkv(blk, c.dim, q, c.kvHeads*c.headDim),
			o: r.matrix(q, part{blk + "attn_output", c.dim}), ssm: r.mamba2(blk, c.dim, &m.ssm, false),
			ffnNorm: r.bareNorm(blk+"ffn_norm", c.dim, c), ffn: r.biasedFeedForward(blk, c.dim, c.ff),
		}
	})
}

// bareNorm reads a norm of n columns whose tensor has a name without ".weight", as some files do.
func (r *reader) bareNorm(name string, n int, c config) nn.Norm {
	if _, ok := r.f.Tensor(name); !ok {
		return r.norm(name, n, c)
	}
	return nn.Norm{Weight: r.vector(name, n), Eps: c.eps}
}

// openGraniteHybrid opens granitehybrid (Granite 4): the network of granite, with a Mamba 2 in the place of attention in most layers. Most
// models do not rotate q and k.
func openGraniteHybrid(r *reader) (Model, error) {
	c := r.sizes()
	counts := r.headCounts(&c)
	r.headWidths(&c)
	if n := r.int("expert_count", 0, 0, maxWidth); n > 0 && r.err == nil {
		c.experts, c.dense = r.plainExperts(n, c.ff, true), 0
		c.experts.shared = r.int("expert_shared_feed_forward_length", 0, 0, maxWidth)
	}
	m := &decoder{c: c, ssm: r.mambaConfig(0), embedScale: r.factor("embedding_scale", 1), residual: r.factor("residual_scale", 1)}
	m.logitScale = 1 / r.factor("logit_scale", 1)
	at := &attention{Attention: c.attention()}
	if r.bool("rope.scaling.finetuned", true) {
		rotary := r.rotary(r.rotaryDims(c), c.context)
		rotary.Divide = r.divisors(rotary, c.context)
		at = r.attention(c, rotary).interleaved()
	}
	if scale := r.float("attention.scale", 0, 0, 1e6); scale > 0 {
		at.Scale = float32(scale)
	}
	return r.decoder(m, func(i int, blk string) layer {
		q := c.heads * c.headDim
		l := layer{attnNorm: r.norm(blk+"attn_norm", c.dim, c), ffnNorm: r.norm(blk+"ffn_norm", c.dim, c)}
		if counts[i] > 0 {
			l.at, l.qkv, l.o = at, r.qkv(blk, c.dim, q, c.kvHeads*c.headDim), r.biased(q, part{blk + "attn_output", c.dim})
		} else {
			l.ssm = r.mamba2(blk, c.dim, &m.ssm, true)
		}
		if c.experts.count > 0 {
			l.ffn = r.mixture(blk, c.dim, c.experts)
		} else {
			l.ffn = r.biasedFeedForward(blk, c.dim, c.ff)
		}
		return l
	})
}

// openNemotronH opens nemotron_h (arXiv:2504.03624): a layer is a Mamba 2, attention without rotation, or a feed-forward network without
// a gate.
func openNemotronH(r *reader) (Model, error) { return r.nemotronH(false) }

// openNemotronHMoE opens nemotron_h_moe (Nemotron 3, arXiv:2512.20848): nemotron_h with mixtures of networks without a gate and a shared one instead of
// the feed-forward networks. In the larger models the experts see narrower rows, between two projections. Blocks at the end that only draft
// tokens are not run.
func openNemotronHMoE(r *reader) (Model, error) { return r.nemotronH(true) }

// nemotronH opens a model whose feed-forward networks are mixtures, or are not.
func (r *reader) nemotronH(mixtures bool) (Model, error) {
	c := config{
		context: r.int("context_length", required, 1, 1<<30),
		dim:     r.int("embedding_length", required, 1, maxWidth),
		layers:  r.int("block_count", required, 1, maxLayers),
		heads:   r.uniform("attention.head_count", required, 1, maxWidth),
		eps:     float32(r.float("attention.layer_norm_rms_epsilon", r.float("attention.layer_norm_epsilon", required, 1e-12, 1), 1e-12, 1)),
	}
	c.dense = c.layers
	c.vocabulary = r.vocabulary(c.dim)
	r.context = c.context
	counts, widths := r.headCounts(&c), r.perLayer("feed_forward_length", c.layers)
	r.headWidths(&c)
	m := &decoder{ssm: r.mambaConfig(0)}
	if r.err != nil {
		return nil, r.err
	}
	c.ff = slices.Max(widths)
	if mixtures {
		r.nemotronExperts(&c)
	} else {
		r.noExperts()
	}
	m.c = c
	at := &attention{Attention: c.attention()}
	return r.decoder(m, func(i int, blk string) layer {
		q := c.heads * c.headDim
		l := layer{attnNorm: r.norm(blk+"attn_norm", c.dim, c)}
		switch {
		case widths[i] > 0:
			l.parallel = true // its input is normalised by attnNorm
			if mixtures {
				l.ffn = r.mixture(blk, c.dim, c.experts)
				l.ffn.activation = kernels.ReLUSquared
			} else {
				l.ffn = r.ungated(optional, blk, c.dim, widths[i], kernels.ReLUSquared)
			}
		case counts[i] > 0:
			l.at, l.qkv, l.o = at, r.qkv(blk, c.dim, q, c.kvHeads*c.headDim), r.biased(q, part{blk + "attn_output", c.dim})
		default:
			l.ssm = r.mamba2(blk, c.dim, &m.ssm, true)
		}
		return l
	})
}

// nemotronExperts reads the mixtures of nemotron_h_moe, whose router has a sigmoid.
func (r *reader) nemotronExperts(c *config) {
	ff := r.uniform("expert_feed_forward_length", 0, 0, maxWidth)
	used := r.uniform("expert_used_count", required, 1, kernels.MaxExperts)
	if ff == 0 && used > 0 {
		ff = c.ff / used
	}
	c.experts, c.dense = r.routedExperts(ff, true), 0
	if r.err == nil && !c.experts.routing.Sigmoid {
		r.unsupported("key %q asks for softmax", r.family+".expert_gating_func")
	}
	c.experts.ungated, c.experts.bias = true, present
	c.experts.latent = r.int("moe_latent_size", 0, 0, maxWidth)
	r.int("expert_shared_count", 0, 0, maxWidth) // the width has it
	c.experts.shared = r.int("expert_shared_feed_forward_length", required, 1, maxWidth)
	r.dropDrafts(c)
}

// perLayer reads a width of each layer, which may be 0.
func (r *reader) perLayer(key string, layers int) []int {
	full := r.key(key)
	list, err := r.f.Meta.Ints(full)
	switch {
	case r.err != nil:
		return nil
	case err != nil:
		r.fail(err)
		return nil
	case len(list) != layers:
		r.fail(fmt.Errorf("key %q has %d entries, the model %d layers: %w", full, len(list), layers, models.ErrCorrupt))
		return nil
	}
	widths := make([]int, layers)
	for i, n := range list {
		widths[i] = r.bounded(full, int(n), 0, maxWidth)
	}
	return widths
}

// openPlamo2 opens plamo2 (PLaMo 2, arXiv:2509.04897): a layer has attention, or a Mamba with a rate for each head, and a feed-forward
// network, all with a norm behind them. Each head of q and k has a norm of its own.
func openPlamo2(r *reader) (Model, error) {
	c := r.sizes()
	counts := r.headCounts(&c)
	r.headWidths(&c)
	r.noExperts()
	if n := r.int("ssm.group_count", 0, 0, maxWidth); n != 0 {
		r.unsupported("key %q is %d", r.family+".ssm.group_count", n)
	}
	m := &decoder{c: c, ssm: r.mambaConfig(max(64, c.dim/16))}
	m.ssm.deltaLast = true
	if r.err != nil {
		return nil, r.err
	}
	at := r.attention(c, r.rotary(r.rotaryDims(c), c.context))
	return r.decoder(m, func(i int, blk string) layer {
		q, kv := c.heads*c.headDim, c.kvHeads*c.headDim
		l := layer{
			attnNorm: r.norm(blk+"attn_norm", c.dim, c), attnPost: r.bareNorm(blk+"post_attention_norm", c.dim, c),
			ffnNorm: r.norm(blk+"ffn_norm", c.dim, c), ffn: r.fusedFeedForward(blk, c.dim, c.ff), ffnPost: r.bareNorm(blk+"post_ffw_norm", c.dim, c),
		}
		if counts[i] == 0 {
			l.ssm = r.plamo2Mamba(blk, &m.ssm, c)
			return l
		}
		l.at, l.qkv, l.o = at, r.qkv(blk, c.dim, q, kv), r.matrix(q, part{blk + "attn_output", c.dim})
		l.qNorm, l.kNorm = r.rmsEach(blk+"attn_q_norm", c.heads, c.headDim, c.eps), r.rmsEach(blk+"attn_k_norm", c.kvHeads, c.headDim, c.eps)
		return l
	})
}

// plamo2Mamba reads a state space. Of the input projection, the files have z and x of each head one behind the other.
func (r *reader) plamo2Mamba(blk string, s *mambaConfig, c config) *mamba {
	w := r.weights(c.dim, []part{{blk + "ssm_in", s.in()}})
	if r.err != nil {
		return nil
	}
	heads := ungroup(w, s.heads, s.inner/s.heads, s.inner/s.heads)
	m := &mamba{
		in:     r.loadMatrix(blk+"ssm_in", slices.Concat(heads[1], heads[0])),
		conv:   r.taps(blk+"ssm_conv1d.weight", s.convolved(), s.taps),
		proj:   r.matrix(s.inner, part{blk + "ssm_x", s.rank + 2*s.states}),
		dt:     r.timeSteps(blk, s),
		dtNorm: r.bareNorm(blk+"ssm_dt_norm", s.rank, c), bNorm: r.bareNorm(blk+"ssm_b_norm", s.states, c), cNorm: r.bareNorm(blk+"ssm_c_norm", s.states, c),
		out: r.matrix(s.inner, part{blk + "ssm_out", c.dim}),
	}
	m.scan = r.scan(blk, s, s.heads, 1)
	return m
}
