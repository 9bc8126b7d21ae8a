package arch

import (
	"fmt"
	"math"
	"slices"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/models"
)

// deltaNet is the network of Qwen3-Next (qwen3next) and Qwen3.5 (qwen35; qwen35moe with mixtures of experts). Most layers are
// gated delta nets (arXiv:2412.06464); usually every fourth is attention with a gate.
//
//	tokens ─ embed ─▶ x ─┬────────────────────────────────────────────────────────────────────────────────┬─▶ ⊕ ─┬────────────────────┬─▶ ⊕ ─▶ … ─ norm ─ output ─▶ logits
//	                     ├ norm ─ g,q,k,v ─ norm(q),norm(k) ─ RoPE ─ attention ─ ·σ(g) ─ o ───────────────┤      └ norm ─ feed-forward┘
//	                     └ norm ─┬ q,k,v ─ convolution ─ SiLU ─ L2 norm(q,k) ─┬ delta rule ─ norm ─ ·z ─ out ┘
//	                             ├ α,β ─ decay: a·softplus(α+dt), step: σ(β) ─┘                      │
//	                             └ z ─ SiLU ─────────────────────────────────────────────────────────┘
//	                     └──────────────────────── × Layers, either of the two ────────────────────────┘
//
// Of the heads of attention, the first dimensions are rotated, in pairs (i, i+rotated/2). A delta net keeps the last rows
// before its convolution and a matrix for each head, whatever the length of the sequence: two entries of Shape.Layers, that
// of the convolution behind those of all layers. Blocks at the end that only draft tokens are not run.
type deltaNet struct {
	dev    kernels.Device
	c      deltaConfig
	embed  kernels.Matrix // [vocabulary × dim]
	layers []deltaLayer
	norm   nn.Norm        // [dim]
	output kernels.Matrix // [vocabulary × dim], the embedding if the file has no other
	rope   kernels.RoPE
	attn   kernels.Attention
	// The weights that make RMSNorm an L2 norm: 1/√keyDim; for queries multiplied by the factor of q·S, which is the same.
	unitQ, unitK kernels.Vector // [keyDim]
}

// deltaConfig is a configuration with delta nets.
type deltaConfig struct {
	config
	rule      kernels.DeltaRule
	taps      int    // rows that a convolution covers
	recurrent []bool // of each layer: a delta net
}

// keys and values return the columns of the keys, and of the values, of all heads of a delta net.
func (c *deltaConfig) keys() int   { return c.rule.KeyHeads * c.rule.KeyDim }
func (c *deltaConfig) values() int { return c.rule.Heads * c.rule.ValueDim }

// convolved returns the columns of the convolution: queries, keys and values.
func (c *deltaConfig) convolved() int { return 2*c.keys() + c.values() }

// deltaLayer has either attention or a delta net.
type deltaLayer struct {
	norm kernels.Vector // [dim]
	// Attention.
	gqkv         kernels.Matrix // gate, queries, keys and values, [(2·heads+2·kvHeads)·headDim × dim]; nil: a delta net
	qNorm, kNorm kernels.Vector // [headDim], for each head
	// Delta net.
	in      kernels.Matrix // queries, keys, values, z, β and α, [convolved + values + 2·rule.Heads × dim]
	conv    kernels.Vector // [taps × convolved]
	dt, a   kernels.Vector // [rule.Heads]
	outNorm kernels.Vector // [valueDim], for each head
	held    int            // number of the layer in the state that keeps the rows before the convolution
	// Both.
	out     kernels.Matrix // [dim × heads·headDim], or [dim × values]
	ffnNorm kernels.Vector // [dim]
	ffn     feedForward
}

func openQwen35(r *reader) (Model, error) {
	r.noExperts()
	return r.deltaNet(r.config(), true, r.qwen35In)
}

func openQwen35MoE(r *reader) (Model, error) {
	c := r.config()
	r.gatedMixture(&c)
	return r.deltaNet(c, true, r.qwen35In)
}

func openQwen3Next(r *reader) (Model, error) {
	c := r.config()
	r.gatedMixture(&c)
	return r.deltaNet(c, false, r.qwen3NextIn)
}

// gatedMixture reads mixtures in all layers, of experts whose weights add up to 1, beside a shared expert.
func (r *reader) gatedMixture(c *config) {
	r.qwenMixture(c, true)
	r.sharedWidth(c)
}

// deltaNet reads a network whose delta nets have the input projections that in reads. qwen35 says that it is Qwen3.5, whose
// positions have several axes, and whose heads of values are in another order.
func (r *reader) deltaNet(base config, qwen35 bool, in func(blk string, c *deltaConfig) []kernels.Weights) (Model, error) {
	c := deltaConfig{config: base, taps: r.int("ssm.conv_kernel", required, 2, 64)}
	c.recurrent = r.recurrentLayers(c.layers)
	if r.dropDrafts(&c.config); r.err == nil {
		c.recurrent = c.recurrent[:c.layers]
	}
	r.deltaRule(&c)
	c.rule.Cyclic = qwen35
	rotary := r.rotary(r.rotaryDims(c.config), c.context)
	if qwen35 {
		r.sections(&rotary, true)
	}
	if r.err != nil {
		return nil, r.err
	}
	m := &deltaNet{dev: r.dev, embed: r.embedding(c.config)}
	held := c.layers
	for i := range c.layers {
		l := r.deltaLayer(fmt.Sprintf("blk.%d.", i), &c, c.recurrent[i], in)
		if l.held = held; c.recurrent[i] {
			held++
		}
		m.layers = append(m.layers, l)
		if r.err != nil {
			return nil, r.err
		}
	}
	m.norm = r.norm("output_norm", c.dim, c.config)
	m.output = r.output(m.embed, c.config)
	m.rope = r.rope(c.headDim, rotary)
	m.attn = kernels.Attention{
		Heads: c.heads, KVHeads: c.kvHeads, HeadDim: c.headDim,
		Scale: float32(1 / math.Sqrt(float64(c.headDim))), Causal: true,
	}
	m.unitQ, m.unitK = r.units(c.rule.KeyDim)
	c.bytes = r.bytes
	m.c = c
	return m, r.err
}

// units returns the weights that make RMSNorm an L2 norm of n columns: 1/√n; for queries multiplied by the factor of q·S, which is the same.
func (r *reader) units(n int) (q, k kernels.Vector) {
	unit := float32(1 / math.Sqrt(float64(n)))
	q = r.load("the factor of queries", slices.Repeat([]float32{unit * unit}, n))
	return q, r.load("the factor of keys", slices.Repeat([]float32{unit}, n))
}

// deltaRule reads the heads of delta nets.
func (r *reader) deltaRule(c *deltaConfig) {
	dim := r.int("ssm.state_size", required, 2, 4096)
	c.rule = kernels.DeltaRule{
		Heads: r.int("ssm.time_step_rank", required, 1, maxWidth), KeyHeads: r.int("ssm.group_count", required, 1, maxWidth),
		KeyDim: dim, ValueDim: dim,
	}
	inner := r.int("ssm.inner_size", required, 1, 1<<32)
	switch {
	case r.err != nil:
	case c.rule.Heads%c.rule.KeyHeads != 0:
		r.fail(fmt.Errorf("%d heads of values do not share %d heads of keys evenly: %w", c.rule.Heads, c.rule.KeyHeads, models.ErrCorrupt))
	case inner != c.values():
		r.fail(fmt.Errorf("key %q is %d for %d heads of %d values: %w", r.family+".ssm.inner_size", inner, c.rule.Heads, dim, models.ErrCorrupt))
	}
}

// recurrentLayers reads which of n blocks are recurrent: those of a list or, without one, all but every fourth, or
// whatever number the file has.
func (r *reader) recurrentLayers(n int) []bool {
	every := r.int("full_attention_interval", 4, 1, maxLayers)
	key := r.key("attention.recurrent_layers")
	list, err := r.f.Meta.Bools(key)
	switch {
	case r.err != nil:
		return nil
	case err != nil:
		r.fail(err)
	case list == nil:
		list = make([]bool, n)
		for i := range list {
			list[i] = (i+1)%every != 0
		}
	case len(list) != n:
		r.fail(fmt.Errorf("key %q has %d entries, the model %d blocks: %w", key, len(list), n, models.ErrCorrupt))
	}
	return list
}

func (r *reader) deltaLayer(blk string, c *deltaConfig, recurrent bool, in func(blk string, c *deltaConfig) []kernels.Weights) deltaLayer {
	l := deltaLayer{norm: r.vector(blk+"attn_norm.weight", c.dim), ffnNorm: r.vector(blk+"post_attention_norm.weight", c.dim)}
	if recurrent {
		l.in = r.loadMatrix(blk+"attn_qkv", in(blk, c))
		l.conv = r.taps(blk+"ssm_conv1d.weight", c.convolved(), c.taps)
		l.dt = r.vector(blk+"ssm_dt.bias", c.rule.Heads)
		l.a = r.vector(blk+"ssm_a", c.rule.Heads)
		l.outNorm = r.vector(blk+"ssm_norm.weight", c.rule.ValueDim)
		l.out = r.matrix(c.values(), part{blk + "ssm_out", c.dim})
	} else {
		l.gqkv = r.gatedQKV(blk, c.config)
		l.qNorm = r.vector(blk+"attn_q_norm.weight", c.headDim)
		l.kNorm = r.vector(blk+"attn_k_norm.weight", c.headDim)
		l.out = r.matrix(c.heads*c.headDim, part{blk + "attn_output", c.dim})
	}
	l.ffn = r.qwenFeedForward(blk, c.config)
	return l
}

// qwen35In returns the input projections of a delta net of Qwen3.5.
func (r *reader) qwen35In(blk string, c *deltaConfig) []kernels.Weights {
	return r.weights(c.dim, []part{{blk + "attn_qkv", c.convolved()}, {blk + "attn_gate", c.values()}, {blk + "ssm_beta", c.rule.Heads}, {blk + "ssm_alpha", c.rule.Heads}})
}

// qwen3NextIn returns the input projections of a delta net of Qwen3-Next. β and α are grouped by heads of keys; in
// older files queries, keys, values and z are too.
func (r *reader) qwen3NextIn(blk string, c *deltaConfig) []kernels.Weights {
	share := c.rule.Heads / c.rule.KeyHeads
	var w []kernels.Weights
	if _, old := r.f.Tensor(blk + "ssm_in.weight"); old {
		values := share * c.rule.ValueDim
		for _, parts := range ungroup(r.weights(c.dim, []part{{blk + "ssm_in", c.convolved() + c.values()}}), c.rule.KeyHeads, c.rule.KeyDim, c.rule.KeyDim, values, values) {
			w = append(w, parts...)
		}
	} else {
		w = r.weights(c.dim, []part{{blk + "attn_qkv", c.convolved()}, {blk + "attn_gate", c.values()}})
	}
	for _, parts := range ungroup(r.weights(c.dim, []part{{blk + "ssm_ba", 2 * c.rule.Heads}}), c.rule.KeyHeads, share, share) {
		w = append(w, r.joined(parts)...)
	}
	return w
}

// gatedQKV loads the projections of attention with a gate. The files have the queries and the gate of each head one
// behind the other.
func (r *reader) gatedQKV(blk string, c config) kernels.Matrix {
	q, kv := c.heads*c.headDim, c.kvHeads*c.headDim
	parts := r.qkvParts(blk, 2*q, kv)
	if len(parts) == 1 {
		parts[0].rows = 2*q + 2*kv
	}
	w := r.weights(c.dim, parts)
	if r.err != nil {
		return nil
	}
	if len(parts) == 1 {
		w = []kernels.Weights{rowsOf(w[0], 0, 2*q), rowsOf(w[0], 2*q, 2*kv)}
	}
	heads := ungroup(w[:1], c.heads, c.headDim, c.headDim)
	return r.loadMatrix(parts[0].name, slices.Concat(heads[1], heads[0], w[1:]))
}

func (m *deltaNet) Shape() Shape {
	c := &m.c
	s := c.shape()
	wide := max((2*c.heads+2*c.kvHeads)*c.headDim, c.convolved()+c.values()+2*c.rule.Heads)
	s.Scratch += wide - (c.heads+2*c.kvHeads)*c.headDim + c.convolved() + c.values()
	for i, recurrent := range c.recurrent {
		if recurrent {
			s.Layers[i] = c.rule.Layer()
			s.Layers = append(s.Layers, kernels.Layer{Kind: kernels.Recurrent, Rows: c.taps - 1, Cols: c.convolved()})
		}
	}
	return s
}

// sight says which rows of images the model takes.
func (m *deltaNet) sight() Sight { return Sight{Width: m.c.dim, Axes: m.rope.Axis != nil} }

func (m *deltaNet) Forward(s *nn.Step) (*kernels.Rows, error) {
	c, n := &m.c, len(s.Tokens)
	qd, kvd := c.heads*c.headDim, c.kvHeads*c.headDim
	keys, values, convolved, heads := c.keys(), c.values(), c.convolved(), c.rule.Heads
	d := s.Begin(m.dev)
	x := d.New(n, c.dim) // the residual stream
	h := d.New(n, c.dim) // normalised x
	wide := d.New(n, max(2*qd+2*kvd, convolved+values+2*heads))
	mixed := d.New(n, convolved) // queries, keys and values of a delta net
	y := d.New(n, values)        // output of a delta rule
	ffn := c.feedForwardTensors(d, n)

	gqkv := wide.Slice(0, 2*qd+2*kvd) // gate, q, k and v side by side
	gate := gqkv.Slice(0, qd)         // [n × heads·headDim]
	q := gqkv.Slice(qd, qd)           // [n × heads·headDim]
	qk := gqkv.Slice(qd, qd+kvd)      // q and k, which are rotated together
	k := gqkv.Slice(2*qd, kvd)        // [n × kvHeads·headDim]
	v := gqkv.Slice(2*qd+kvd, kvd)    // [n × kvHeads·headDim]

	in := wide.Slice(0, convolved+values+2*heads)
	z := in.Slice(convolved, values)          // [n × values]
	beta := in.Slice(convolved+values, heads) // [n × heads]
	alpha := in.Slice(in.Cols-heads, heads)   // [n × heads]
	dq, dk := mixed.Slice(0, keys), mixed.Slice(keys, keys)
	dv := mixed.Slice(2*keys, values)
	l2 := c.eps / float32(c.rule.KeyDim) // RMSNorm with this is x/√(Σx²+eps)

	d.Embed(x, m.embed, 1)
	s.Give(d, x, 0)
	for i := range m.layers {
		l := &m.layers[i]

		d.RMSNorm(h, x, l.norm, c.eps)
		if l.gqkv != nil {
			d.MatMul(gqkv, h, l.gqkv)
			d.RMSNorm(q, q, l.qNorm, c.eps) // each head separately
			d.RMSNorm(k, k, l.kNorm, c.eps)
			d.Rotate(qk, &m.rope)
			d.Store(k, v, i, &m.attn)
			d.Attend(q, q, i, &m.attn)
			d.Activate(q, gate, q, kernels.Sigmoid)
			d.MatMulAdd(x, q, l.out)
		} else {
			d.MatMul(in, h, l.in)
			d.ShortConv(mixed, in.Slice(0, convolved), l.conv, l.held)
			d.Activate(mixed, mixed, kernels.Tensor{}, kernels.SiLU)
			d.RMSNorm(dq, dq, m.unitQ, l2)
			d.RMSNorm(dk, dk, m.unitK, l2)
			d.Activate(beta, beta, kernels.Tensor{}, kernels.Sigmoid)
			d.Add(alpha, d.Const(l.dt, 1, heads))
			d.Activate(alpha, alpha, kernels.Tensor{}, kernels.Softplus)
			d.Mul(alpha, d.Const(l.a, 1, heads))
			d.DeltaRule(y, dq, dk, dv, alpha, beta, i, &c.rule)
			d.RMSNorm(y, y, l.outNorm, c.eps) // each head separately
			d.Activate(y, z, y, kernels.SiLU)
			d.MatMulAdd(x, y, l.out)
		}

		d.RMSNorm(h, x, l.ffnNorm, c.eps)
		l.ffn.add(d, x, h, &ffn)
	}
	logits := nn.Logits(d, x, s.Out, m.norm, m.output)
	return logits, d.End()
}
