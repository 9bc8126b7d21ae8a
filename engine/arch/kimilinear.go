package arch

import (
	"fmt"
	"slices"

	"soberano/engine/nn"
	"soberano/kernels"
)

// kimiLinear is the Kimi Linear family (arXiv:2510.26692). Most layers are Kimi delta attention, a gated delta net with a decay for each
// dimension of a key; the others attend in a latent space, without positions (see latentAttention).
//
//	tokens ─ embed ─▶ x ─┬─────────────────────────────────────────────────────────────────────────────┬─▶ ⊕ ─┬────────────────────────────────┬─▶ ⊕ ─▶ … ─ norm ─ output ─▶ logits
//	                     ├ norm ─ latent attention ─ o ────────────────────────────────────────────────┤      └ norm ─ mixture + shared expert ┘
//	                     └ norm ─┬ q,k,v ─ convolution ─ SiLU ─ L2 norm(q,k) ─┬ delta rule ─ norm ─ ·g ─ o ┘
//	                             ├ f_a ─ f_b ─ decay: a·softplus(f+dt) ───────┤                    │
//	                             ├ step: σ(β) ────────────────────────────────┘                    │
//	                             └ g_a ─ g_b ─ σ ─────────────────────────────────────────────────┘
//	                     └──────────────────────── × Layers, either of the two ─────────────────────┘
//
// A layer without key/value heads is a delta net. Like deltaNet, it has two entries in Shape.Layers. The first layers have no
// mixture.
type kimiLinear struct {
	dev          kernels.Device
	c            config
	rule         kernels.DeltaRule
	taps         int // rows that a convolution covers
	at           latentPositions
	embed        kernels.Matrix // [vocabulary × dim]
	layers       []kimiLayer
	norm         nn.Norm        // [dim]
	output       kernels.Matrix // [vocabulary × dim]
	unitQ, unitK kernels.Vector // [keyDim], as in deltaNet
}

// kimiLayer has either latent attention or a delta net, whose heads together have inner columns.
type kimiLayer struct {
	attnNorm nn.Norm          // [dim]
	latent   *latentAttention // nil: a delta net
	in       kernels.Matrix   // q, k, v, f_a, g_a and β, [3·inner + 2·keyDim + heads × dim]
	conv     kernels.Vector   // [taps × 3·inner]
	fB, gB   kernels.Matrix   // [inner × keyDim]
	dt, a    kernels.Vector   // [inner]
	outNorm  nn.Norm          // [keyDim], for each head
	out      kernels.Matrix   // [dim × inner]
	held     int              // number of the layer in the state that keeps the rows before the convolution
	ffnNorm  nn.Norm          // [dim]
	ffn      feedForward
}

// kimiKeys are keys that the family does not read: nothing is rotated.
var kimiKeys = map[string]neutral{"hidden_activation": value("silu", "swish"), "rope.dimension_count_swa": anything}

func openKimiLinear(r *reader) (Model, error) {
	c := r.sizes()
	kvHeads := r.headCounts(&c)
	m := &kimiLinear{dev: r.dev, taps: r.int("ssm.conv_kernel", required, 2, 64)}
	dim := r.int("kda.head_dim", required, 2, 4096)
	m.rule = kernels.DeltaRule{Heads: c.heads, KeyHeads: c.heads, KeyDim: dim, ValueDim: dim}
	m.at = r.latentSizes().positions(c.heads)
	if m.at.qLatent > 0 {
		r.unsupported("key %q is %d", r.family+".attention.q_lora_rank", m.at.qLatent)
	}
	r.kimiMixture(&c)
	if r.err != nil {
		return nil, r.err
	}
	m.embed = r.embedding(c)
	held := c.layers
	for i := range c.layers {
		l := r.kimiLayer(i, kvHeads[i] == 0, c, m)
		if l.held = held; l.latent == nil {
			held++
		}
		m.layers = append(m.layers, l)
		if r.err != nil {
			return nil, r.err
		}
	}
	m.norm = r.norm("output_norm", c.dim, c)
	m.output = r.requiredOutput(c)
	m.unitQ, m.unitK = r.units(dim)
	c.bytes = r.bytes
	m.c = c
	return m, r.err
}

// kimiMixture reads the mixtures: experts whose weights add up to 1 before they are multiplied by a factor.
func (r *reader) kimiMixture(c *config) {
	c.dense = r.int("leading_dense_block_count", 0, 0, c.layers)
	n := r.int("expert_count", required, 1, kernels.MaxExperts)
	if !r.bool("expert_weights_norm", true) {
		r.unsupported("key %q is false", r.family+".expert_weights_norm")
	}
	if groups := r.int("expert_group_count", 0, 0, maxWidth); groups > 1 {
		r.unsupported("key %q is %d", r.family+".expert_group_count", groups)
	}
	scale := r.float("expert_weights_scale", 1, 0, 1e6)
	if scale == 0 {
		scale = 1
	}
	c.experts = experts{count: n, ff: r.uniform("expert_feed_forward_length", required, 1, maxWidth), bias: present, routing: kernels.Routing{
		Used: r.int("expert_used_count", required, 1, max(1, n)), Sigmoid: r.gating(), Normalize: true, Scale: float32(scale),
	}}
	c.experts.shared = c.experts.ff * max(1, r.int("expert_shared_count", required, 0, 1<<10))
}

func (r *reader) kimiLayer(i int, recurrent bool, c config, m *kimiLinear) kimiLayer {
	blk := fmt.Sprintf("blk.%d.", i)
	l := kimiLayer{attnNorm: r.norm(blk+"attn_norm", c.dim, c), ffnNorm: r.norm(blk+"ffn_norm", c.dim, c)}
	if recurrent {
		r.kimiDelta(&l, blk, c, m)
	} else {
		l.latent = r.latentAttention(blk, c, m.at.latentSizes)
	}
	if i < c.dense {
		l.ffn = r.feedForward(blk, c.dim, c.ff)
	} else {
		l.ffn = r.mixture(blk, c.dim, c.experts)
	}
	return l
}

// kimiDelta reads a delta net.
func (r *reader) kimiDelta(l *kimiLayer, blk string, c config, m *kimiLinear) {
	dim, inner := m.rule.KeyDim, c.heads*m.rule.KeyDim
	parts := r.qkvParts(blk, inner, inner)
	parts = append(parts, part{blk + "ssm_f_a", dim}, part{blk + "ssm_g_a", dim}, part{blk + "ssm_beta", c.heads})
	l.in = r.matrix(c.dim, parts...)
	conv := make([]float32, m.taps*3*inner) // [taps × 3·inner]
	for j, name := range []string{"q", "k", "v"} {
		for at, v := range r.loose(blk+"ssm_conv1d_"+name+".weight", inner, m.taps) {
			conv[at%m.taps*3*inner+j*inner+at/m.taps] = v
		}
	}
	l.conv = r.load(blk+"ssm_conv1d", conv)
	l.fB = r.matrix(dim, part{blk + "ssm_f_b", inner})
	l.gB = r.matrix(dim, part{blk + "ssm_g_b", inner})
	l.dt = r.vector(blk+"ssm_dt.bias", inner)
	a := make([]float32, inner) // one for each head in the file
	for at, v := range r.loose(blk+"ssm_a", c.heads) {
		for i := range dim {
			a[at*dim+i] = v
		}
	}
	l.a = r.load(blk+"ssm_a", a)
	l.outNorm = r.norm(blk+"ssm_norm", dim, c)
	l.out = r.matrix(inner, part{blk + "attn_output", c.dim})
}

// loose returns the values of a tensor whose shape may have further dimensions of 1.
func (r *reader) loose(name string, shape ...int) []float32 {
	one := func(n int) bool { return n == 1 }
	if t, ok := r.f.Tensor(name); ok && slices.Equal(slices.DeleteFunc(slices.Clone(t.Shape), one), slices.DeleteFunc(slices.Clone(shape), one)) {
		shape = t.Shape
	}
	return r.values(name, shape...)
}

// Shape describes the model.
func (m *kimiLinear) Shape() Shape {
	c, inner := &m.c, m.inner()
	s := Shape{
		Vocabulary: c.vocabulary, Context: c.context, Bytes: c.bytes,
		Scratch: 2*c.dim + m.at.scratch(c.heads) + 9*inner + 2*m.rule.KeyDim + c.heads + c.feedForwardScratch(),
	}
	for _, l := range m.layers {
		keeps := m.rule.Layer()
		if l.latent != nil {
			keeps = m.at.layer()
		}
		s.Layers = append(s.Layers, keeps)
	}
	for _, l := range m.layers {
		if l.latent == nil {
			s.Layers = append(s.Layers, kernels.Layer{Kind: kernels.Recurrent, Rows: m.taps - 1, Cols: 3 * inner})
		}
	}
	return s
}

// inner returns the columns of all heads of a delta net.
func (m *kimiLinear) inner() int { return m.rule.Heads * m.rule.KeyDim }

// Forward runs a step.
func (m *kimiLinear) Forward(s *nn.Step) (*kernels.Rows, error) {
	c, n, dim, inner := &m.c, len(s.Tokens), m.rule.KeyDim, m.inner()
	d := s.Begin(m.dev)
	x := d.New(n, c.dim) // the residual stream
	h := d.New(n, c.dim) // normalised x
	at := m.at.tensors(d, n, c.heads)
	in := d.New(n, 3*inner+2*dim+c.heads)
	mixed := d.New(n, 3*inner) // queries, keys and values after the convolution
	decay, gate, y := d.New(n, inner), d.New(n, inner), d.New(n, inner)
	ffn := c.feedForwardTensors(d, n)

	f := in.Slice(3*inner, dim)              // [n × keyDim]
	g := in.Slice(3*inner+dim, dim)          // [n × keyDim]
	beta := in.Slice(3*inner+2*dim, c.heads) // [n × heads]
	q, k, v := mixed.Slice(0, inner), mixed.Slice(inner, inner), mixed.Slice(2*inner, inner)
	l2 := c.eps / float32(dim) // RMSNorm with this is x/√(Σx²+eps)

	d.Embed(x, m.embed, 1)
	for i := range m.layers {
		l := &m.layers[i]

		l.attnNorm.Of(d, h, x)
		if l.latent != nil {
			l.latent.add(d, x, h, &at, i, &m.at)
		} else {
			d.MatMul(in, h, l.in)
			d.ShortConv(mixed, in.Slice(0, 3*inner), l.conv, l.held)
			d.Activate(mixed, mixed, kernels.Tensor{}, kernels.SiLU)
			d.RMSNorm(q, q, m.unitQ, l2)
			d.RMSNorm(k, k, m.unitK, l2)
			d.Activate(beta, beta, kernels.Tensor{}, kernels.Sigmoid)
			d.MatMul(decay, f, l.fB)
			d.Add(decay, d.Const(l.dt, 1, inner))
			d.Activate(decay, decay, kernels.Tensor{}, kernels.Softplus)
			d.Mul(decay, d.Const(l.a, 1, inner))
			d.DeltaRule(y, q, k, v, decay, beta, i, &m.rule)
			l.outNorm.Of(d, y, y) // each head separately
			d.MatMul(gate, g, l.gB)
			d.Activate(y, gate, y, kernels.Sigmoid)
			d.MatMulAdd(x, y, l.out)
		}

		l.ffnNorm.Of(d, h, x)
		l.ffn.add(d, x, h, &ffn)
	}
	logits := nn.Logits(d, x, s.Out, m.norm, m.output)
	return logits, d.End()
}
