package arch

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"soberano/engine/nn"
	"soberano/kernels"
)

// decoder is a transformer decoder whose layers are described by data. Most families are of this form: their files
// read the keys and tensors, and say which parts the layers have.
//
//	tokens ─ embed·scale ─▶ x ─┬───────────────────────────────────────────────────────────────────┬─▶ ⊕ ─┬─────────────────────────────────────┬─▶ ⊕ ─▶ … ─ norm ─ output ─▶ logits
//	                           ├ norm ─ q,k,v ─ norm(q),norm(k) ─ RoPE ─ attention ─ o ─ norm ┤      └ norm ─ f(gate)·up ─ down ─ norm ┘
//	                           └ norm ─ state space ─ out ─ norm ─────────────────────────────┘
//	                           └──────────────────────────────────────────── × layers ──────────────────────────────────────────────────┘
//
// Every norm is optional, and so are the rotation, the gate, and attention or the feed-forward network of some layers. A state space (see
// mamba) takes the place of attention or is beside it, with the same input. The feed-forward network may be a mixture of experts. In parallel
// layers, it has the same input x as attention.
type decoder struct {
	dev        kernels.Device
	c          config
	embed      kernels.Matrix // [vocabulary × dim]
	embedScale float32        // 0 stands for 1
	positions  kernels.Matrix // [context × dim], added to the embedding; nil: none
	embedNorm  nn.Norm        // [dim]
	layers     []layer
	keeps      []kernels.Layer // what the layers keep of a sequence
	ssm        mambaConfig     // of the state spaces, if there are any
	clamp      float32         // limit of the values of q, k and v; 0: none
	residual   float32         // factor of the outputs of attention and feed-forward networks; 0 stands for 1
	norm       nn.Norm         // [dim]; read from the file unless the family gives it
	output     kernels.Matrix  // [vocabulary × dim], the embedding if the file has no other; nil: Forward returns hidden rows
	tied       bool            // the output matrix is always the embedding
	logitScale float32         // 0 stands for 1; the weights of norm include it
	logitCap   float32         // soft cap of the logits; 0: none
	// whole says that attention is not causal. A step has whole texts, and the layers run one after the other over them, so
	// all of them use the same layer of the state.
	whole      bool
	lastNorm   string // the name of norm in the file; "": output_norm
	passes     int    // the layers are run so many times, one pass after the other; 0 stands for 1
	normPasses bool   // norm is between two passes as well
	deep       int    // to the output of how many of the first layers rows of images are added (deepstack)
}

// layer is a layer of a decoder.
type layer struct {
	at           *attention
	kept         int            // number of the layer in the state
	attnNorm     nn.Norm        // [dim]
	qkv          kernels.Matrix // [(heads+2·kvHeads)·headDim × dim]; nil: o is applied to the normalised input itself
	gated        bool           // qkv has heads·headDim further rows, by the sigmoid of which the output of the heads is multiplied
	fine         bool           // keys and values need more than 8 bits
	qNorm, kNorm nn.Norm        // [headDim], for each head, or [heads·headDim]
	normRotated  bool           // qNorm and kNorm come after the rotation
	o            kernels.Matrix // [dim × heads·headDim]; nil: no attention
	ssm          *mamba         // nil: no state space
	attnPost     nn.Norm        // [dim], for the output of attention or of the state space
	parallel     bool           // the input of the feed-forward network is that of attention, normalised by ffnNorm, if there is one, instead of by attnNorm
	ffnNorm      nn.Norm        // [dim]
	routeFirst   bool           // the experts of the mixture are chosen by the input of the layer
	ffn          feedForward
	ffnPost      nn.Norm // [dim], for the output of the feed-forward network
}

// attention is the attention of a layer. Layers of one kind share it.
type attention struct {
	rope kernels.RoPE // Freq is nil: q and k are not rotated
	kernels.Attention
}

// attention returns causal attention with c's heads, scaled by 1/√headDim, and the rotary embedding rotary.
func (r *reader) attention(c config, rotary nn.Rotary) *attention {
	return &attention{rope: r.rope(c.headDim, rotary), Attention: c.attention()}
}

// attention returns causal attention with c's heads, scaled by 1/√headDim.
func (c config) attention() kernels.Attention {
	return kernels.Attention{Heads: c.heads, KVHeads: c.kvHeads, HeadDim: c.headDim, Scale: float32(1 / math.Sqrt(float64(c.headDim))), Causal: true}
}

// choose returns windowed for local layers, and all for the others.
func choose(local bool, windowed, all *attention) *attention {
	if local {
		return windowed
	}
	return all
}

// interleaved sets that the two values of a rotated pair are neighbours; otherwise they are half of the rotated
// dimensions apart.
func (a *attention) interleaved() *attention {
	a.rope.Interleaved = true
	return a
}

// windowed returns a with a window of attention.
func (a *attention) windowed(window int) *attention {
	b := *a
	b.Window = window
	return &b
}

// unrotated returns a without the rotary embedding.
func (a *attention) unrotated() *attention { return &attention{Attention: a.Attention} }

// decoder completes m, which has c, the scales and what its family reads in another way, by the weights: the token embedding, the layers, each read by the function layer from
// the tensors that begin with blk, the last norm, and the output matrix.
func (r *reader) decoder(m *decoder, layer func(i int, blk string) layer) (*decoder, error) {
	if r.err != nil {
		return nil, r.err
	}
	c := m.c
	m.dev, m.ssm.eps = r.dev, c.eps
	m.embed = r.embedding(c)
	for i := range c.layers {
		blk := fmt.Sprintf("blk.%d.", i)
		l := layer(i, blk)
		if r.err != nil {
			return nil, r.err
		}
		if l.qkv != nil {
			l.fine = r.largeKeys(blk, l.at.Heads*l.at.HeadDim, l.at.KVHeads*l.at.HeadDim)
			if l.kept = len(m.keeps); m.whole && len(m.keeps) > 0 {
				l.kept = 0
			} else {
				m.keeps = append(m.keeps, m.keptBy(&l))
			}
		}
		if l.ssm != nil {
			l.ssm.held = len(m.keeps)
			m.keeps = append(m.keeps, m.ssm.keeps()...)
		}
		m.layers = append(m.layers, l)
	}
	m.repeat()
	for _, scale := range []*float32{&m.embedScale, &m.residual, &m.logitScale} {
		if *scale == 0 || r.hidden && scale == &m.logitScale {
			*scale = 1
		}
	}
	if m.norm.None() {
		m.norm = r.scaledNorm(cmp.Or(m.lastNorm, "output_norm"), c.dim, c, m.logitScale)
	}
	switch {
	case r.hidden:
		m.output = r.output(m.embed, c)
	case m.tied:
		m.output = m.embed
	case m.output == nil:
		m.output = r.output(m.embed, c)
	}
	if r.hidden && !m.whole && !r.bool("attention.causal", true) {
		r.seeAll(m)
	}
	m.c.bytes = r.bytes
	return m, r.err
}

// repeat appends the layers of further passes, which have the same weights and entries of their own in the state.
func (m *decoder) repeat() {
	layers, keeps := m.layers, m.keeps
	for i := range m.passes - 1 {
		for _, l := range layers {
			l.kept += (i + 1) * len(keeps)
			m.layers = append(m.layers, l)
		}
		m.keeps = append(m.keeps, keeps...)
	}
}

// seeAll makes each row of a text attend to all of it, for embedding models that were made of a decoder.
func (r *reader) seeAll(m *decoder) {
	for i := range m.layers {
		at := m.layers[i].at
		if at == nil || at.Window > 0 || at.Chunk > 0 || m.layers[i].ssm != nil {
			r.unsupported("key %q is false in layers that do not see the whole text", r.family+".attention.causal")
			return
		}
		at.Causal = false
	}
}

// keptBy returns what the attention of a layer keeps of a sequence.
func (m *decoder) keptBy(l *layer) kernels.Layer {
	keeps := kernels.Layer{KVHeads: l.at.KVHeads, KeyDim: l.at.HeadDim, ValueDim: l.at.HeadDim, Window: max(l.at.Window, l.at.Chunk), Fine: l.fine}
	if m.whole {
		keeps.Window, keeps.Fine = 0, true
	}
	return keeps
}

// layer reads what the layers of most families have: the norms before attention and before the feed-forward network, and
// the projections to q, k and v, with the biases that the file has.
func (r *reader) layer(blk string, c config, at *attention) layer {
	return layer{
		at:       at,
		attnNorm: r.norm(blk+"attn_norm", c.dim, c),
		qkv:      r.qkv(blk, c.dim, at.Heads*at.HeadDim, at.KVHeads*at.HeadDim),
		ffnNorm:  r.norm(blk+"ffn_norm", c.dim, c),
	}
}

// largeKeys reports whether the biases of the keys are so large that 8 bits are too few for what distinguishes the
// keys. The first layers of Qwen 2 have biases of more than 100, where the keys without them are about 1. With 8 bits,
// Qwen2.5-Coder-0.5B has a Kullback-Leibler divergence of 0.0107 nats a token from float32, with 16 bits in such layers 0.0007.
func (r *reader) largeKeys(blk string, q, kv int) bool {
	const large = 8
	name, n, from := blk+"attn_k.bias", kv, 0
	if parts := r.qkvParts(blk, q, kv); len(parts) == 1 {
		name, n, from = parts[0].name+".bias", q+2*kv, q
	}
	if !r.used[name] {
		return false
	}
	bias := r.optional(name, n)
	if bias != nil {
		bias = bias[from:][:kv]
	}
	return slices.ContainsFunc(bias, func(b float32) bool { return b > large || b < -large })
}

// plainLayer is layer with an output projection and a gated feed-forward network, both without biases.
func (r *reader) plainLayer(blk string, c config, at *attention) layer {
	l := r.layer(blk, c, at)
	l.o = r.matrix(at.Heads*at.HeadDim, part{blk + "attn_output", c.dim})
	l.ffn = r.feedForward(blk, c.dim, c.ff)
	return l
}

// headNorms reads the norms of each head of q and k.
func (r *reader) headNorms(l *layer, blk string, c config) {
	l.qNorm = r.norm(blk+"attn_q_norm", l.at.HeadDim, c)
	l.kNorm = r.norm(blk+"attn_k_norm", l.at.HeadDim, c)
}

// denseOrMixture reads the feed-forward network of layer i: a mixture unless it is one of the first.
func (r *reader) denseOrMixture(i int, blk string, c config) feedForward {
	if i < c.dense {
		return r.feedForward(blk, c.dim, c.ff)
	}
	return r.mixture(blk, c.dim, c.experts)
}

// Shape describes the model.
func (m *decoder) Shape() Shape {
	s := Shape{
		Vocabulary: m.c.vocabulary, Context: m.c.context, Bytes: m.c.bytes,
		Scratch: 3*m.c.dim + m.qkvWidth() + m.c.feedForwardScratch(), Layers: m.keeps,
	}
	if m.ssm.inner > 0 {
		s.Scratch += m.ssm.scratch()
	}
	if m.deep > 0 {
		s.Scratch += (1 + m.deep) * m.c.dim
	}
	return s
}

// sight says which rows of images the model takes.
func (m *decoder) sight() Sight {
	return Sight{Width: (1 + m.deep) * m.c.dim, Axes: slices.ContainsFunc(m.layers, func(l layer) bool { return l.at != nil && l.at.rope.Axis != nil })}
}

// qkvWidth returns the number of columns of the queries, keys and values of the widest layer.
func (m *decoder) qkvWidth() (n int) {
	for i := range m.layers {
		if w := m.layers[i].qkv; w != nil {
			n = max(n, w.Rows())
		}
	}
	return n
}

// Forward runs a step.
func (m *decoder) Forward(s *nn.Step) (*kernels.Rows, error) {
	c, n := m.c, len(s.Tokens)
	d := s.Begin(m.dev)
	x := d.New(n, c.dim)            // the residual stream
	h := d.New(n, c.dim)            // input of a block
	y := d.New(n, c.dim)            // output of a block, if it is not added to x as it is
	heads := d.New(n, m.qkvWidth()) // q, k and v side by side
	ffn := c.feedForwardTensors(d, n)
	ssm := m.ssm.tensors(d, n)

	d.Embed(x, m.embed, m.embedScale)
	s.Give(d, x, m.deep)
	if m.positions != nil {
		d.EmbedPositions(h, m.positions)
		d.Add(x, h)
	}
	m.embedNorm.Of(d, x, x)
	for i := range m.layers {
		l := &m.layers[i]
		if m.normPasses && i > 0 && i%c.layers == 0 {
			m.norm.Of(d, x, x)
		}
		var choice kernels.Choice
		if l.routeFirst {
			choice = l.ffn.mixture.Choose(d, x, ffn.mixture)
		}

		in := l.attnNorm.Of(d, h, x)
		attended := in // the input of o
		if l.qkv != nil {
			attended = m.attend(d, heads, in, l)
		}
		if l.parallel && !l.ffnNorm.None() {
			in = l.ffnNorm.Of(d, h, x)
		}
		if l.o != nil {
			m.addProduct(d, x, y, attended, l.o, &l.attnPost)
		}
		if l.ssm != nil {
			m.addProduct(d, x, y, l.ssm.of(d, in, &m.ssm, &ssm), l.ssm.out, &l.attnPost)
		}

		if !l.parallel {
			in = l.ffnNorm.Of(d, h, x)
		}
		switch {
		case l.ffn.none():
		case l.routeFirst:
			l.ffn.mixture.AddChosen(d, x, in, choice, ffn.mixture, l.ffn.activation)
		case m.direct(&l.ffnPost):
			l.ffn.add(d, x, in, &ffn)
		default:
			l.ffn.write(d, y, in, &ffn)
			m.add(d, x, y, &l.ffnPost)
		}
		if i < m.deep {
			s.GiveLayer(d, x, i)
		}
	}
	logits := nn.CappedLogits(d, x, s.Out, m.norm, m.output, m.logitCap)
	return logits, d.End()
}

// attend returns what the heads of layer l make of in, [n × heads·headDim]. It uses heads, which is as wide as q, k and v.
func (m *decoder) attend(d kernels.Step, heads, in kernels.Tensor, l *layer) kernels.Tensor {
	qd, kvd := l.at.Heads*l.at.HeadDim, l.at.KVHeads*l.at.HeadDim
	qkv := heads.Slice(0, l.qkv.Rows()) // q, k, v and perhaps the gate side by side
	q := qkv.Slice(0, qd)               // [n × heads·headDim]
	k := qkv.Slice(qd, kvd)             // [n × kvHeads·headDim]
	v := qkv.Slice(qd+kvd, kvd)         // [n × kvHeads·headDim]

	d.MatMul(qkv, in, l.qkv)
	if m.clamp > 0 {
		d.Clamp(qkv, qkv, -m.clamp, m.clamp)
	}
	if !l.normRotated {
		l.qNorm.Of(d, q, q)
		l.kNorm.Of(d, k, k)
	}
	if l.at.rope.Freq != nil {
		d.Rotate(qkv.Slice(0, qd+kvd), &l.at.rope) // q and k together
	}
	if l.normRotated {
		l.qNorm.Of(d, q, q)
		l.kNorm.Of(d, k, k)
	}
	d.Store(k, v, l.kept, &l.at.Attention)
	d.Attend(q, q, l.kept, &l.at.Attention)
	if l.gated {
		d.Activate(q, qkv.Slice(qd+2*kvd, qd), q, kernels.Sigmoid)
	}
	return q
}

// addProduct adds in·wᵀ, the output of a block, to x, with y as scratch memory.
func (m *decoder) addProduct(d kernels.Step, x, y, in kernels.Tensor, w kernels.Matrix, post *nn.Norm) {
	if m.direct(post) {
		d.MatMulAdd(x, in, w)
		return
	}
	d.MatMul(y, in, w)
	m.add(d, x, y, post)
}

// direct reports whether the output of a block with the norm post is added to x as it is.
func (m *decoder) direct(post *nn.Norm) bool { return post.None() && m.residual == 1 }

// add adds y, normalised by post and scaled, to x.
func (m *decoder) add(d kernels.Step, x, y kernels.Tensor, post *nn.Norm) {
	post.Of(d, y, y)
	if m.residual != 1 {
		d.Scale(y, y, m.residual)
	}
	d.Add(x, y)
}
