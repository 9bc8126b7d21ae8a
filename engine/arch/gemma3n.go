package arch

import (
	"fmt"
	"math"
	"slices"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/models"
)

// gemma3n is the Gemma 3n family, text only: E2B and E4B. It has four residual streams (AltUp, arXiv:2301.13310), of which each layer computes the first; the
// others follow by prediction and correction:
//
//	embedding e ─┬──────────────────────────────▶ x₀        x₀ ─ router ─ tanh ─ m
//	             └ three matrices, norm of e ───▶ x₁ … x₃   predicted  pᵢ = xᵢ + Σⱼ (P·m)ᵢⱼ·xⱼ
//
//	p₀ ─ norm ─┬ q,k,v ─ norms ─ RoPE ─ attention ─ o ─ norm ─ ⊕ p₀ ┬─▶ ⊕ ─ ·1/√2 ─ a ─┬──────────────────────────────────────────┬─▶ ⊕ ─ y
//	           └ left ─ right ─ norm ─ ⊕ ──────────(LAuReL)──────────┘                  └ norm ─ cutoff ─ GELU(gate)·up ─ down ─ norm ┘
//
//	corrected  xᵢ = pᵢ + (C·m(y) + 1)ᵢ·(y - p₀)       x₁ … x₃ += per-layer input of x₀·scale
//	the end    mean of x₀ and of three matrices' results for x₁ … x₃, with the norm of x₀ ─ norm ─ output
//
// Scores of attention are not scaled, and values are normalised, without weights. Four of five layers have a window. The last layers use the
// keys and values of the last layer of their kind before them. The first layers keep only the gates that exceed most others (cutoff). Files
// name the constants, but llama.cpp does not read them: the defaults are its constants.
type gemma3n struct {
	dev           kernels.Device
	c             config
	embed         kernels.Matrix // [vocabulary × dim]
	inputs        perLayer
	begin         kernels.Matrix // [3·dim × dim]
	end           kernels.Matrix // three matrices [dim × dim]
	layers        []gemma3nLayer
	norm          nn.Norm        // [dim]
	output        kernels.Matrix // [vocabulary × dim], usually the embedding itself
	cap           float32        // soft cap of the logits
	local, global *attention
}

// The numbers of residual streams and of values between the two matrices of LAuReL.
const (
	gemma3nStreams = 4
	gemma3nLaurel  = 64
)

type gemma3nLayer struct {
	at       *attention
	kept     int            // the layer of the state with its keys and values
	shared   bool           // kept is that of an earlier layer
	attnNorm nn.Norm        // [dim]
	qkv      kernels.Matrix // [(heads+2·kvHeads)·headDim × dim], or [heads·headDim × dim]
	qNorm    nn.Norm        // [headDim], for each head
	kNorm    nn.Norm
	vNorm    nn.Norm        // of ones
	o        kernels.Matrix // [dim × heads·headDim]
	attnPost nn.Norm        // [dim]
	left     kernels.Matrix // LAuReL: [64 × dim]
	right    kernels.Matrix // [dim × 64]
	leftPost nn.Norm        // [dim]
	ffnNorm  nn.Norm        // [dim]
	gateUp   kernels.Matrix // [2·ff × dim]
	down     kernels.Matrix // [dim × ff]
	ffnPost  nn.Norm        // [dim]
	cutoff   float32        // in deviations; -∞: none
	perLayer perLayerOutput

	routerNorm nn.Norm        // [dim]; its weights include 1/dim
	router     kernels.Matrix // [4 × dim]
	predict    kernels.Matrix // P, [16 × 4]
	correct    kernels.Matrix // C, [4 × 4], with biases of 1
	scale      kernels.Vector // [dim]
}

func openGemma3n(r *reader) (Model, error) {
	c := r.config()
	r.noExperts()
	local, window := r.localLayers(c)
	own := c.layers - r.int("attention.shared_kv_layers", max(0, c.layers-20), 0, max(0, c.layers-2))
	dims := r.int("embedding_length_per_layer_input", 256, 1, maxWidth)
	cutoffs := r.gemma3nCutoffs(c)
	r.expect("altup.num_inputs", gemma3nStreams)
	r.exactly("altup.active_idx", 0)
	m := &gemma3n{dev: r.dev, c: c, cap: float32(r.float("final_logit_softcapping", 30, 1e-3, 1e6))}
	m.readAttention(r, window)
	if r.err == nil && own < c.layers && (!local[own-2] || local[own-1]) {
		r.unsupported("shared keys and values, with other layers than one with a window and one without before them")
	}
	if r.err != nil {
		return nil, r.err
	}
	m.embed = r.embedding(c)
	m.inputs = r.perLayerInputs(dims, c)
	m.begin = r.streams("altup_proj", c.dim)
	m.end = r.expertMatrix(gemma3nStreams-1, c.dim, part{"altup_unembd_proj", c.dim})
	ones := r.load("a norm without weights", slices.Repeat([]float32{1}, c.headDim))
	for i := range c.layers {
		l := gemma3nLayer{at: m.global, kept: i, shared: i >= own, cutoff: cutoffs[i], vNorm: nn.Norm{Weight: ones, Eps: c.eps}}
		if l.shared {
			l.kept = own - 1
		}
		if local[i] {
			if l.at = m.local; l.shared {
				l.kept = own - 2
			}
		}
		r.gemma3nLayer(&l, fmt.Sprintf("blk.%d.", i), c, dims)
		if m.layers = append(m.layers, l); r.err != nil {
			return nil, r.err
		}
	}
	m.norm = r.norm("output_norm", c.dim, c)
	m.output = r.output(m.embed, c)
	m.c.bytes = r.bytes
	return m, r.err
}

// exactly refuses another value of a key.
func (r *reader) exactly(key string, want int) {
	if n := r.int(key, want, 0, maxWidth); n != want {
		r.unsupported("key %q is %d, expected %d", r.family+"."+key, n, want)
	}
}

// gemma3nCutoffs reads how many deviations the gates of each layer must exceed their mean by; -∞ means that all remain.
func (r *reader) gemma3nCutoffs(c config) []float32 {
	const sparse, usual = 10, 1.6448533535003662 // 0.95 of a normal distribution lies below
	key := r.key("activation_sparsity_scale")
	list, err := r.f.Meta.Floats(key)
	r.fail(err)
	out := slices.Repeat([]float32{float32(math.Inf(-1))}, c.layers)
	for i := range out {
		switch {
		case list == nil && i < sparse:
			out[i] = usual
		case list != nil && len(list) < c.layers:
			r.fail(fmt.Errorf("key %q has %d entries, the model %d layers: %w", key, len(list), c.layers, models.ErrCorrupt))
			return out
		case list != nil:
			out[i] = float32(list[i])
		}
	}
	return out
}

// readAttention reads the attention of layers with and without a window.
func (m *gemma3n) readAttention(r *reader, window int) {
	c := m.c
	dims := r.rotaryDims(c)
	rotary := r.rotary(dims, c.context)
	if rotary.Yarn {
		r.unsupported("YaRN in the gemma3n family")
	}
	scale := r.unscaled()
	base := r.float("rope.freq_base_swa", 10000, 2, 1e11)
	if r.err == nil && window == 0 {
		r.fail(fmt.Errorf("key %q is missing: %w", r.family+".attention.sliding_window", models.ErrCorrupt))
	}
	if r.err != nil {
		return
	}
	m.global, m.local = r.attention(c, rotary), r.attention(c, nn.Rotary{Dims: dims, Base: base, Attention: rotary.Attention})
	m.global.Scale, m.local.Scale, m.local.Window = scale, scale, window
}

// streams loads a tensor of a matrix [dim × dim] for each stream but the first, as one matrix.
func (r *reader) streams(name string, dim int) kernels.Matrix {
	t, ok := r.tensor(name+".weight", gemma3nStreams-1, dim, dim)
	if !ok {
		return nil
	}
	if t.Part == nil {
		return r.loadMatrix(name, []kernels.Weights{{Type: t.Type, Rows: (gemma3nStreams - 1) * dim, Cols: dim, Data: t.Data}})
	}
	var w []kernels.Weights
	for i := range gemma3nStreams - 1 { // on a device that keeps no weights
		w = append(w, kernels.Weights{Type: t.Type, Rows: dim, Cols: dim, Data: t.Part(i)})
	}
	return r.loadMatrix(name, w)
}

func (r *reader) gemma3nLayer(l *gemma3nLayer, blk string, c config, dims int) {
	q, kv := c.heads*c.headDim, c.kvHeads*c.headDim
	l.attnNorm = r.norm(blk+"attn_norm", c.dim, c)
	l.qNorm = r.norm(blk+"attn_q_norm", c.headDim, c)
	if l.shared {
		l.qkv = r.matrix(c.dim, part{blk + "attn_q", q})
		r.unused(blk+"attn_k.weight", blk+"attn_v.weight", blk+"attn_k_norm.weight")
	} else {
		l.qkv = r.matrix(c.dim, r.qkvParts(blk, q, kv)...)
		l.kNorm = r.norm(blk+"attn_k_norm", c.headDim, c)
	}
	l.o = r.matrix(q, part{blk + "attn_output", c.dim})
	l.attnPost = r.norm(blk+"post_attention_norm", c.dim, c)
	l.left = r.matrix(c.dim, part{blk + "laurel_l", gemma3nLaurel})
	l.right = r.matrix(gemma3nLaurel, part{blk + "laurel_r", c.dim})
	l.leftPost = r.norm(blk+"laurel_post_norm", c.dim, c)
	l.ffnNorm = r.norm(blk+"ffn_norm", c.dim, c)
	l.gateUp = r.matrix(c.dim, part{blk + "ffn_gate", c.ff}, part{blk + "ffn_up", c.ff})
	l.down = r.matrix(c.ff, part{blk + "ffn_down", c.dim})
	l.ffnPost = r.norm(blk+"post_ffw_norm", c.dim, c)
	l.perLayer = r.perLayerOutput(blk, dims, c)

	weights := r.values(blk+"altup_router_norm.weight", c.dim)
	for i := range weights {
		weights[i] /= float32(c.dim)
	}
	l.routerNorm = nn.Norm{Weight: r.load(blk+"altup_router_norm.weight", weights), Eps: c.eps}
	const n = gemma3nStreams
	l.router = r.matrix(c.dim, part{blk + "altup_router", n})
	l.predict = r.matrix(n, part{blk + "altup_predict_coef", n * n})
	w := r.weights(n, []part{{blk + "altup_correct_coef", n}})
	for i := range w {
		w[i].Bias = []float32{1, 1, 1, 1}
	}
	l.correct = r.loadMatrix(blk+"altup_correct_coef", w)
	l.scale = r.vector(blk+"altup_correct_scale.weight", c.dim)
}

// Shape describes the model. Layers that share keys and values come last, and have none in the state.
func (m *gemma3n) Shape() Shape {
	c := m.c
	s := Shape{
		Vocabulary: c.vocabulary, Context: c.context, Bytes: c.bytes,
		Scratch: (3*gemma3nStreams+5)*c.dim + gemma3nLaurel + gemma3nStreams*(gemma3nStreams+2) + (c.heads+2*c.kvHeads)*c.headDim + 2*c.ff + m.inputs.scratch(c.layers),
	}
	for _, l := range m.layers {
		if !l.shared {
			s.Layers = append(s.Layers, kernels.Layer{KVHeads: c.kvHeads, KeyDim: c.headDim, ValueDim: c.headDim, Window: l.at.Window})
		}
	}
	return s
}

// gemma3nTensors is the scratch memory of a step of n rows.
type gemma3nTensors struct {
	streams, predicted, others kernels.Tensor // [n × 4·dim]; others: [n × 3·dim]
	h, y, laurel, active       kernels.Tensor // [n × dim]
	low                        kernels.Tensor // [n × 64]
	heads                      kernels.Tensor // q, k and v side by side
	gateUp                     kernels.Tensor // [n × 2·ff]
	modes, each, pairs         kernels.Tensor // [n × 4], [n × 4] and [n × 16]
}

func (m *gemma3n) tensors(d kernels.Step, n int) gemma3nTensors {
	c := m.c
	return gemma3nTensors{
		streams: d.New(n, gemma3nStreams*c.dim), predicted: d.New(n, gemma3nStreams*c.dim), others: d.New(n, (gemma3nStreams-1)*c.dim),
		h: d.New(n, c.dim), y: d.New(n, c.dim), laurel: d.New(n, c.dim), active: d.New(n, c.dim), low: d.New(n, gemma3nLaurel),
		heads: d.New(n, (c.heads+2*c.kvHeads)*c.headDim), gateUp: d.New(n, 2*c.ff),
		modes: d.New(n, gemma3nStreams), each: d.New(n, gemma3nStreams), pairs: d.New(n, gemma3nStreams*gemma3nStreams),
	}
}

// Forward runs a step.
func (m *gemma3n) Forward(s *nn.Step) (*kernels.Rows, error) {
	c, n := m.c, len(s.Tokens)
	d := s.Begin(m.dev)
	t := m.tensors(d, n)
	x := t.streams.Slice(0, c.dim)                           // the first stream
	rest := t.streams.Slice(c.dim, (gemma3nStreams-1)*c.dim) // the others
	stream := func(of kernels.Tensor, i int) kernels.Tensor { return of.Slice(i*c.dim, c.dim) }

	d.Embed(x, m.embed, float32(math.Sqrt(float64(c.dim))))
	inputs := m.inputs.inputs(d, x)
	d.MatMul(rest, x, m.begin)
	for i := range gemma3nStreams - 1 {
		d.MatchNorm(stream(rest, i), x)
	}
	for i := range m.layers {
		l := &m.layers[i]
		l.modes(d, &t, x)
		d.MatMul(t.pairs, t.modes, l.predict)
		d.Scale(t.predicted, t.streams, 1)
		d.Mix(t.predicted, t.streams, t.pairs, gemma3nStreams)

		l.activate(d, &t, t.predicted.Slice(0, c.dim))

		l.modes(d, &t, t.active)
		d.MatMul(t.each, t.modes, l.correct)
		d.Scale(t.y, t.predicted.Slice(0, c.dim), -1)
		d.Add(t.y, t.active)
		d.Scale(t.streams, t.predicted, 1)
		d.Mix(t.streams, t.y, t.each, 1)

		d.Scale(t.y, x, 1)
		d.Mul(t.y, d.Const(l.scale, 1, c.dim))
		l.perLayer.of(d, t.h, t.y, i, &inputs)
		for i := range gemma3nStreams - 1 {
			d.Add(stream(rest, i), t.h)
		}
	}
	d.MatMulHeads(t.others, rest, m.end)
	for i := range gemma3nStreams - 1 {
		d.MatchNorm(stream(t.others, i), x)
	}
	for i := range gemma3nStreams - 1 {
		d.Add(x, stream(t.others, i))
	}
	d.Scale(x, x, 1.0/gemma3nStreams)
	logits := nn.CappedLogits(d, x, s.Out, m.norm, m.output, m.cap)
	return logits, d.End()
}

// modes computes m from the first stream, x, [n × dim].
func (l *gemma3nLayer) modes(d kernels.Step, t *gemma3nTensors, x kernels.Tensor) {
	d.MatMul(t.modes, l.routerNorm.Of(d, t.h, x), l.router)
	d.SoftCap(t.modes, t.modes, 1)
}

// activate computes what attention and the feed-forward network make of x, the predicted first stream, in t.active.
func (l *gemma3nLayer) activate(d kernels.Step, t *gemma3nTensors, x kernels.Tensor) {
	l.attnNorm.Of(d, t.h, x)
	d.MatMul(t.low, t.h, l.left)
	d.MatMul(t.laurel, t.low, l.right)
	l.leftPost.Of(d, t.laurel, t.laurel)
	d.Add(t.laurel, t.h)

	q := l.attend(d, t.h, t.heads)
	d.MatMul(t.active, q, l.o)
	l.attnPost.Of(d, t.active, t.active)
	d.Add(t.active, x)
	d.Add(t.active, t.laurel)
	d.Scale(t.active, t.active, 1/math.Sqrt2)

	ff := l.down.Cols()
	gate, up := t.gateUp.Slice(0, ff), t.gateUp.Slice(ff, ff)
	d.MatMul(t.gateUp, l.ffnNorm.Of(d, t.h, t.active), l.gateUp)
	if !math.IsInf(float64(l.cutoff), -1) {
		d.Cutoff(gate, gate, l.cutoff)
	}
	d.Activate(gate, gate, up, kernels.GELUTanh)
	d.MatMul(t.h, gate, l.down)
	d.Add(t.active, l.ffnPost.Of(d, t.h, t.h))
}

// attend computes q, k and v from h, stores k and v if they are the layer's own, and returns the output of attention,
// [n × heads·headDim], which lies in heads.
func (l *gemma3nLayer) attend(d kernels.Step, h, heads kernels.Tensor) kernels.Tensor {
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
		l.kNorm.Of(d, k, k)
		l.vNorm.Of(d, v, v)
		d.Rotate(qk, &l.at.rope)
		d.Store(k, v, l.kept, a)
	}
	d.Attend(q, q, l.kept, a)
	return q
}
