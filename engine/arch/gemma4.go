package arch

import (
	"fmt"
	"math"
	"slices"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/models"
)

// gemma4 is the Gemma 4 family, text only: dense models, small ones with per-layer embeddings (E2B, E4B), and mixtures. It is
// Gemma 3 with these differences:
//
//	x ─┬─────────────────────────────────────────────────────────────────────────────────┬─▶ ⊕ ─┬───────────────────┬─▶ ⊕ ─ per-layer input ─ ·scale ─▶
//	   └ norm ─ q,k,v ─ norm(q),norm(k),norm(v) ─ RoPE(q,k) ─ attention ─ o ─ norm ──────┘      └ feed-forward ─ norm ┘
//
//	feed-forward of a mixture:   x ─┬ norm ─ GELU(gate)·up ─ down ─ norm ──────┬─▶ ⊕
//	                                ├ norm ─ experts ─ norm ──────────────────┘
//	                                └ norm ─ ·scale ─ router ┘
//
// Scores of attention are not scaled, and values are normalised, without weights. Layers with a window have heads of another width
// than the others, and may have another number of key/value heads. Where attn_v is missing, the values are the keys before their
// norm. The last layers of small models have no keys and values of their own: they use those of the last layer of their kind
// that has. In layers without a window only the first pairs of a head are rotated: the divisors of the others are huge. Rows of an image see each other
// in layers with a window only; in the others, a row sees no later one.
type gemma4 struct {
	dev     kernels.Device
	c       config
	embed   kernels.Matrix // [vocabulary × dim]
	inputs  perLayer
	layers  []gemma4Layer
	norm    nn.Norm        // [dim]
	output  kernels.Matrix // [vocabulary × dim], usually the embedding itself
	cap     float32        // soft cap of the logits; 0: none
	vNorms  map[int]nn.Norm
	qkv, ff int // columns of q, k and v of the widest layer, and of its feed-forward network
}

// gemma4Layer is a layer. Its attention has a rotary embedding and may have a window.
type gemma4Layer struct {
	at           *attention
	kept         int            // the layer of the state with its keys and values
	shared       bool           // kept is that of an earlier layer
	attnNorm     nn.Norm        // [dim]
	qkv          kernels.Matrix // [… × dim]: q, k and v; q and k; or q alone
	qNorm, kNorm nn.Norm        // [headDim], for each head
	vNorm        nn.Norm        // [headDim], of ones
	fromKeys     bool           // there is no projection to v
	o            kernels.Matrix // [dim × heads·headDim]
	attnPost     nn.Norm        // [dim]
	ffnNorm      nn.Norm        // [dim]
	gateUp       kernels.Matrix // [2·ff × dim]
	down         kernels.Matrix // [dim × ff]
	mixture      *gemma4Mixture // nil: none
	ffnPost      nn.Norm        // [dim]
	perLayer     perLayerOutput
	scale        float32 // of the layer's output
}

// gemma4Mixture is the part of a layer that a mixture of experts adds.
type gemma4Mixture struct {
	nn.Mixture
	densePost  nn.Norm // [dim], for the output of the dense network
	norm, post nn.Norm // [dim], for the input and the output of the experts
	router     nn.Norm // [dim], for the input of the router; its weights include the router's scale and 1/√dim
}

func openGemma4(r *reader) (Model, error) {
	c := r.gemma4Sizes()
	local, _ := r.localLayers(c)
	m := &gemma4{dev: r.dev, c: c, vNorms: map[int]nn.Norm{}}
	kinds := r.gemma4Attention(c)
	heads := r.each("attention.head_count_kv", c.layers, c.heads, 1, c.heads)
	widths := r.each("feed_forward_length", c.layers, required, 1, maxWidth)
	own := c.layers - r.int("attention.shared_kv_layers", 0, 0, max(0, c.layers-2))
	m.cap = float32(r.float("final_logit_softcapping", 30, 0, 1e6))
	dims := r.int("embedding_length_per_layer_input", required, 0, maxWidth)
	if r.err == nil && own < c.layers && (!local[own-2] || local[own-1]) {
		r.unsupported("shared keys and values, with other layers than one with a window and one without before them")
	}
	if r.err != nil {
		return nil, r.err
	}
	m.embed = r.embedding(c)
	m.inputs = r.perLayerInputs(dims, c)
	for i := range c.layers {
		at := *kinds[local[i]]
		at.KVHeads = heads[i]
		if at.Heads%at.KVHeads != 0 {
			r.fail(fmt.Errorf("%d heads do not share %d key/value heads evenly: %w", at.Heads, at.KVHeads, models.ErrCorrupt))
			return nil, r.err
		}
		l := r.gemma4Layer(m, fmt.Sprintf("blk.%d.", i), &at, i >= own, widths[i])
		if l.kept = i; l.shared && local[i] {
			l.kept = own - 2
		} else if l.shared {
			l.kept = own - 1
		}
		if m.layers = append(m.layers, l); r.err != nil {
			return nil, r.err
		}
		m.qkv = max(m.qkv, (at.Heads+2*at.KVHeads)*at.HeadDim)
	}
	m.ff = slices.Max(widths)
	m.norm = r.norm("output_norm", c.dim, c)
	m.output = r.output(m.embed, c)
	m.c.bytes = r.bytes
	return m, r.err
}

// gemma4Sizes reads the numbers that all layers share, and the mixture.
func (r *reader) gemma4Sizes() config {
	c := config{
		context: r.int("context_length", required, 1, 1<<30),
		dim:     r.int("embedding_length", required, 1, maxWidth),
		layers:  r.int("block_count", required, 1, maxLayers),
		heads:   r.uniform("attention.head_count", required, 1, maxWidth),
		eps:     float32(r.float("attention.layer_norm_rms_epsilon", required, 1e-12, 1)),
	}
	c.vocabulary = r.vocabulary(c.dim)
	r.context = c.context
	if n := r.int("expert_count", 0, 0, kernels.MaxExperts); n > 0 {
		c.experts = experts{
			count: n, ff: r.uniform("expert_feed_forward_length", required, 1, maxWidth),
			routing: kernels.Routing{Used: r.int("expert_used_count", required, 1, n), Normalize: true, Scale: 1},
		}
	}
	return c
}

// unscaled reads the factor of the scores of attention, which is usually 1 in Gemma 3n and 4.
func (r *reader) unscaled() float32 {
	if scale := r.float("attention.scale", 1, 0, 1e3); scale != 0 {
		return float32(scale)
	}
	return 1
}

// gemma4Attention reads the attention of layers without (false) and with a window (true), but for the number of key/value heads.
func (r *reader) gemma4Attention(c config) map[bool]*attention {
	kinds := map[bool]*attention{}
	scale := r.unscaled()
	window := r.int("attention.sliding_window", required, 1, 1<<30)
	for _, local := range []bool{false, true} {
		suffix := ""
		if local {
			suffix = "_swa"
		}
		c.headDim = r.int("attention.key_length"+suffix, required, 2, 4096)
		if v := r.int("attention.value_length"+suffix, required, 2, 4096); v != c.headDim {
			r.unsupported("keys have %d values a head, values %d", c.headDim, v)
		}
		dims := r.int("rope.dimension_count"+suffix, c.headDim, 2, c.headDim)
		if r.err == nil && dims%2 != 0 {
			r.fail(fmt.Errorf("key %q is %d, expected an even number: %w", r.family+".rope.dimension_count"+suffix, dims, models.ErrCorrupt))
		}
		rotary := nn.Rotary{Dims: dims, Base: r.float("rope.freq_base_swa", 10000, 2, 1e11), Attention: r.float("rope.scaling.attn_factor", 1, 1e-3, 1e3)}
		if !local {
			if rotary = r.rotary(dims, c.context); rotary.Yarn {
				r.unsupported("YaRN in the gemma4 family")
			}
			if _, ok := r.f.Tensor("rope_freqs.weight"); !ok {
				r.fail(fmt.Errorf("tensor %q is missing: %w", "rope_freqs.weight", models.ErrCorrupt))
			}
			rotary.Divide = r.divide("rope_freqs.weight", dims)
			r.headDim = c.headDim
		}
		if r.err != nil {
			return nil
		}
		at := r.attention(c, rotary)
		if at.Scale = scale; local {
			at.Window = window
		}
		at.Cross = !local // see Forward: spans in which no row sees later ones
		kinds[local] = at
	}
	return kinds
}

// gemma4Layer reads a layer. shared says that it has no keys and values of its own.
func (r *reader) gemma4Layer(m *gemma4, blk string, at *attention, shared bool, ff int) gemma4Layer {
	c := m.c
	l := gemma4Layer{
		at: at, shared: shared,
		attnNorm: r.norm(blk+"attn_norm", c.dim, c),
		qNorm:    r.norm(blk+"attn_q_norm", at.HeadDim, c),
		o:        r.matrix(at.Heads*at.HeadDim, part{blk + "attn_output", c.dim}),
		attnPost: r.norm(blk+"post_attention_norm", c.dim, c),
		ffnNorm:  r.norm(blk+"ffn_norm", c.dim, c),
		gateUp:   r.matrix(c.dim, part{blk + "ffn_gate", ff}, part{blk + "ffn_up", ff}),
		down:     r.matrix(ff, part{blk + "ffn_down", c.dim}),
		ffnPost:  r.norm(blk+"post_ffw_norm", c.dim, c),
		perLayer: r.perLayerOutput(blk, m.inputs.dims, c),
		scale:    1,
	}
	q, kv := at.Heads*at.HeadDim, at.KVHeads*at.HeadDim
	_, v := r.f.Tensor(blk + "attn_v.weight")
	_, fused := r.f.Tensor(blk + "attn_qkv.weight")
	switch l.fromKeys = !v && !fused; {
	case shared:
		l.qkv = r.matrix(c.dim, part{blk + "attn_q", q})
		r.unused(blk+"attn_k.weight", blk+"attn_v.weight", blk+"attn_k_norm.weight")
	case l.fromKeys:
		l.qkv = r.matrix(c.dim, part{blk + "attn_q", q}, part{blk + "attn_k", kv})
	default:
		l.qkv = r.matrix(c.dim, r.qkvParts(blk, q, kv)...)
	}
	if !shared {
		l.kNorm = r.norm(blk+"attn_k_norm", at.HeadDim, c)
		l.vNorm = r.ones(m.vNorms, at.HeadDim, c)
	}
	if scale := r.optional(blk+"layer_output_scale.weight", 1); scale != nil {
		l.scale = scale[0]
	}
	if _, ok := r.f.Tensor(blk + "ffn_gate_inp.weight"); ok {
		l.mixture = r.gemma4Mixture(blk, c)
	}
	return l
}

// ones returns a norm of n columns without weights. norms holds those of all widths.
func (r *reader) ones(norms map[int]nn.Norm, n int, c config) nn.Norm {
	if _, ok := norms[n]; !ok && r.err == nil {
		norms[n] = nn.Norm{Weight: r.load("a norm without weights", slices.Repeat([]float32{1}, n)), Eps: c.eps}
	}
	return norms[n]
}

// gemma4Mixture reads the experts of a layer. Gate and up may lie in one tensor, and each expert may have a factor.
func (r *reader) gemma4Mixture(blk string, c config) *gemma4Mixture {
	e := c.experts
	if e.count == 0 {
		r.fail(fmt.Errorf("key %q is missing: %w", r.family+".expert_count", models.ErrCorrupt))
		return nil
	}
	scale := r.values(blk+"ffn_gate_inp.scale", c.dim)
	for i := range scale {
		scale[i] *= float32(1 / math.Sqrt(float64(c.dim)))
	}
	if f := r.optional(blk+"ffn_down_exps.scale", e.count); f != nil {
		e.routing.Factors = r.load(blk+"ffn_down_exps.scale", f)
	}
	return &gemma4Mixture{
		Mixture: nn.Mixture{
			Router: r.matrix(c.dim, part{blk + "ffn_gate_inp", e.count}), Routing: e.routing,
			GateUp: r.gateUpExperts(blk, c.dim, e), Down: r.expertMatrix(e.count, e.ff, part{blk + "ffn_down_exps", c.dim}),
		},
		densePost: r.norm(blk+"post_ffw_norm_1", c.dim, c),
		norm:      r.norm(blk+"pre_ffw_norm_2", c.dim, c),
		post:      r.norm(blk+"post_ffw_norm_2", c.dim, c),
		router:    nn.Norm{Weight: r.load(blk+"ffn_gate_inp.scale", scale), Eps: c.eps},
	}
}

// Shape describes the model. Layers that share keys and values come last, and have none in the state.
func (m *gemma4) Shape() Shape {
	s := Shape{
		Vocabulary: m.c.vocabulary, Context: m.c.context, Bytes: m.c.bytes,
		Scratch: 4*m.c.dim + m.qkv + m.ff + m.inputs.scratch(m.c.layers) + m.c.mixtureScratch(),
	}
	for _, l := range m.layers {
		if !l.shared {
			s.Layers = append(s.Layers, kernels.Layer{KVHeads: l.at.KVHeads, KeyDim: l.at.HeadDim, ValueDim: l.at.HeadDim, Window: l.at.Window})
		}
	}
	return s
}

// mixtureScratch returns the number of values that a mixture needs for a row.
func (c config) mixtureScratch() int {
	if c.experts.count == 0 {
		return 0
	}
	return nn.MixtureScratch(c.dim, c.experts.ff, c.experts.count, c.experts.routing.Used)
}

// sight says which rows of images the model takes.
func (m *gemma4) sight() Sight { return Sight{Width: m.c.dim} }

// causal appends spans, without Whole, to list.
func causal(list, spans []kernels.Span) []kernels.Span {
	list = append(list, spans...)
	for i := range list {
		list[i].Whole = false
	}
	return list
}

// Forward runs a step.
func (m *gemma4) Forward(s *nn.Step) (*kernels.Rows, error) {
	c, n := m.c, len(s.Tokens)
	s.Cross = causal(s.Cross[:0], s.Spans)
	d := s.Begin(m.dev)
	x := d.New(n, c.dim)     // the residual stream
	h := d.New(n, c.dim)     // input of a block, and its output before the addition
	y := d.New(n, c.dim)     // output of the dense network beside a mixture
	heads := d.New(n, m.qkv) // q, k and v side by side
	hidden := d.New(n, m.ff) // GELU(gate)·up
	var routed kernels.Tensor
	var experts nn.MixtureTensors
	if c.experts.count > 0 {
		routed = d.New(n, c.dim)
		experts = nn.NewMixtureTensors(d, n, c.dim, c.experts.ff, c.experts.count, c.experts.routing.Used)
	}

	d.Embed(x, m.embed, float32(math.Sqrt(float64(c.dim))))
	s.Give(d, x, 0)
	inputs := m.inputs.inputs(d, x)
	for i := range m.layers {
		l := &m.layers[i]
		l.attnNorm.Of(d, h, x)
		q := l.attend(d, h, heads)
		d.MatMul(h, q, l.o)
		d.Add(x, l.attnPost.Of(d, h, h))

		l.ffnNorm.Of(d, h, x)
		gate := hidden.Slice(0, l.down.Cols())
		d.MatMulGated(gate, h, l.gateUp, kernels.GELUTanh)
		d.MatMul(y, gate, l.down)
		if l.mixture != nil {
			l.mixture.add(d, y, x, h, routed, experts)
		}
		d.Add(x, l.ffnPost.Of(d, y, y))

		if m.inputs.dims > 0 {
			l.perLayer.of(d, h, x, i, &inputs)
			d.Add(x, h)
		}
		if l.scale != 1 {
			d.Scale(x, x, l.scale)
		}
	}
	logits := nn.CappedLogits(d, x, s.Out, m.norm, m.output, m.cap)
	return logits, d.End()
}

// attend computes q, k and v from h, stores k and v if they are the layer's own, and returns the output of attention,
// [n × heads·headDim], which lies in heads.
func (l *gemma4Layer) attend(d kernels.Step, h, heads kernels.Tensor) kernels.Tensor {
	a := &l.at.Attention
	qd, kvd := a.Heads*a.HeadDim, a.KVHeads*a.HeadDim
	q := heads.Slice(0, qd)       // [n × heads·headDim]
	qk := heads.Slice(0, qd+kvd)  // q and k, which are rotated together
	k := heads.Slice(qd, kvd)     // [n × kvHeads·headDim]
	v := heads.Slice(qd+kvd, kvd) // [n × kvHeads·headDim]
	d.MatMul(heads.Slice(0, l.qkv.Rows()), h, l.qkv)
	l.qNorm.Of(d, q, q) // each head separately
	if l.shared {
		d.Rotate(q, &l.at.rope)
	} else {
		if l.fromKeys {
			l.vNorm.Of(d, v, k)
		} else {
			l.vNorm.Of(d, v, v)
		}
		l.kNorm.Of(d, k, k)
		d.Rotate(qk, &l.at.rope)
		d.Store(k, v, l.kept, a)
	}
	d.Attend(q, q, l.kept, a)
	return q
}

// add normalises y, the output of the dense network, and adds the output of the experts for x. h and routed are scratch memory,
// all of them [n × dim].
func (m *gemma4Mixture) add(d kernels.Step, y, x, h, routed kernels.Tensor, t nn.MixtureTensors) {
	m.densePost.Of(d, y, y)
	m.router.Of(d, routed, x)
	m.norm.Of(d, h, x)
	m.Write(d, h, h, routed, t, kernels.GELUTanh)
	d.Add(y, m.post.Of(d, h, h))
}
