package arch

import (
	"fmt"

	"soberano/engine/nn"
	"soberano/kernels"
)

// hybrid is a network whose layers have attention, a state space (see mamba), or both beside each other, and then a feed-forward network
// or none.
//
//	tokens ─ embed ─▶ x ─┬────────────────────────────────────────────────────────┬─▶ ⊕ ─┬───────────────────────────────┬─▶ ⊕ ─▶ … ─ norm ─ output ─▶ logits
//	                     ├ norm ─ q,k,v ─ norms ─ RoPE ─ attention ─ o ─ norm ────┤      └ norm ─ feed-forward ─ norm ───┘
//	                     └ norm ─ state space ─ out ─ norm ───────────────────────┘
//	                     └─────────────────────────────── × layers ─────────────────────────────────────┘
//
// Every norm but the first of a layer is optional, and so is the rotation.
type hybrid struct {
	dev    kernels.Device
	c      config
	ssm    mambaConfig
	embed  kernels.Matrix // [vocabulary × dim]
	layers []hybridLayer
	norm   nn.Norm        // [dim]
	output kernels.Matrix // [vocabulary × dim], the embedding if the file has no other
	keeps  []kernels.Layer
}

// hybridLayer is a layer of a hybrid.
type hybridLayer struct {
	norm nn.Norm // [dim]
	// Attention; at is nil if there is none.
	at             *attention
	held           int              // number of the entry in the state
	qkv            kernels.Matrix   // [(heads+2·kvHeads)·headDim × dim]
	qNorms, kNorms []kernels.Vector // [headDim], one for each head; nil: none
	o              kernels.Matrix   // [dim × heads·headDim]
	mamba          *mamba           // nil: none
	post           nn.Norm          // [dim], for the output of either
	ffnNorm        nn.Norm          // [dim]; none: there is no feed-forward network
	ffn            feedForward
	ffnPost        nn.Norm // [dim]
}

// hybrid completes m, which has c, and ssm if there are state spaces, by the weights. layer reads layer i from the tensors that begin
// with blk.
func (r *reader) hybrid(m *hybrid, layer func(i int, blk string) hybridLayer) (Model, error) {
	if r.err != nil {
		return nil, r.err
	}
	c := m.c
	m.dev, m.ssm.eps = r.dev, c.eps
	m.embed = r.matrix(c.dim, part{"token_embd", c.vocabulary})
	for i := range c.layers {
		l := layer(i, fmt.Sprintf("blk.%d.", i))
		if r.err != nil {
			return nil, r.err
		}
		if l.at != nil {
			l.held = len(m.keeps)
			m.keeps = append(m.keeps, kernels.Layer{KVHeads: l.at.KVHeads, KeyDim: l.at.HeadDim, ValueDim: l.at.HeadDim, Window: l.at.Window})
		}
		if l.mamba != nil {
			l.mamba.held = len(m.keeps)
			m.keeps = append(m.keeps, m.ssm.keeps()...)
		}
		m.layers = append(m.layers, l)
	}
	m.norm = r.norm("output_norm", c.dim, c)
	m.output = r.output(m.embed, c)
	m.c.bytes = r.bytes
	return m, r.err
}

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
	return c
}

// mambaKeys are keys that a network without attention does not read.
var mambaKeys = map[string]neutral{
	"hidden_activation": value("silu", "swish"), "attention.key_length_swa": anything, "attention.value_length_swa": anything, "rope.dimension_count_swa": anything, "attention.scale": anything,
}

// openMamba opens mamba: a layer is a norm and a state space. Falcon Mamba (arXiv:2410.05355) normalises δ, b and c, without weights.
func openMamba(r *reader) (Model, error) {
	m := &hybrid{c: r.mambaSizes(), ssm: r.mambaConfig(-1)}
	normed := r.bool("ssm.dt_b_c_rms", false)
	return r.hybrid(m, func(_ int, blk string) hybridLayer {
		l := hybridLayer{norm: r.norm(blk+"attn_norm", m.c.dim, m.c), mamba: r.mamba1(blk, m.c.dim, &m.ssm)}
		if normed {
			l.mamba.dtNorm, l.mamba.bNorm = r.unit(m.ssm.rank, m.c.eps), r.unit(m.ssm.states, m.c.eps)
			l.mamba.cNorm = l.mamba.bNorm
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
	m := &hybrid{c: r.mambaSizes(), ssm: r.mambaConfig(0)}
	return r.hybrid(m, func(_ int, blk string) hybridLayer {
		return hybridLayer{norm: r.norm(blk+"attn_norm", m.c.dim, m.c), mamba: r.mamba2(blk, m.c.dim, &m.ssm, true)}
	})
}

// openJamba opens jamba (arXiv:2403.19887): a layer has either attention, without rotation, or a Mamba whose δ, b and c are normalised,
// and a feed-forward network or a mixture of them.
func openJamba(r *reader) (Model, error) {
	c := r.sizes()
	counts := r.headCounts(&c)
	r.headWidths(&c)
	m := &hybrid{ssm: r.mambaConfig(-1)}
	c.experts = r.jambaExperts(c.ff)
	if r.err != nil {
		return nil, r.err
	}
	c.dense = r.countDense(c.layers)
	m.c = c
	at := r.unrotated(c)
	return r.hybrid(m, func(i int, blk string) hybridLayer {
		l := hybridLayer{norm: r.norm(blk+"attn_norm", c.dim, c), ffnNorm: r.norm(blk+"ffn_norm", c.dim, c)}
		if counts[i] > 0 {
			l.at, l.qkv, l.o = at, r.qkv(blk, c.dim, c.heads*c.headDim, c.kvHeads*c.headDim), r.matrix(c.heads*c.headDim, part{blk + "attn_output", c.dim})
		} else {
			l.mamba = r.mamba1(blk, c.dim, &m.ssm)
			l.mamba.dtNorm = r.norm(blk+"ssm_dt_norm", m.ssm.rank, c)
			l.mamba.bNorm, l.mamba.cNorm = r.norm(blk+"ssm_b_norm", m.ssm.states, c), r.norm(blk+"ssm_c_norm", m.ssm.states, c)
		}
		if r.dense(blk) {
			l.ffn = r.feedForward(blk, c.dim, c.ff)
		} else {
			l.ffn = r.mixture(blk, c.dim, c.experts)
		}
		return l
	})
}

// jambaExperts reads mixtures whose weights are probabilities among all experts.
func (r *reader) jambaExperts(ff int) experts {
	n := r.int("expert_count", 0, 0, kernels.MaxExperts)
	if n == 0 {
		return experts{}
	}
	return experts{count: n, ff: ff, routing: kernels.Routing{Used: r.int("expert_used_count", required, 1, n), Scale: 1}}
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

// unrotated returns attention without rotation.
func (r *reader) unrotated(c config) *attention {
	at := r.attention(c, nn.Rotary{Dims: 2, Base: 2, Attention: 1})
	at.rope = kernels.RoPE{}
	return at
}

// openFalconH1 opens falcon-h1 (arXiv:2507.22448): attention and a Mamba 2 beside each other, on the same input.
func openFalconH1(r *reader) (Model, error) {
	c := r.config()
	r.noExperts()
	m := &hybrid{c: c, ssm: r.mambaConfig(0)}
	if r.err != nil {
		return nil, r.err
	}
	at := r.attention(c, r.rotary(r.rotaryDims(c), c.context))
	return r.hybrid(m, func(_ int, blk string) hybridLayer {
		q := c.heads * c.headDim
		return hybridLayer{
			norm: r.norm(blk+"attn_norm", c.dim, c), at: at, qkv: r.qkv(blk, c.dim, q, c.kvHeads*c.headDim),
			o: r.matrix(q, part{blk + "attn_output", c.dim}), mamba: r.mamba2(blk, c.dim, &m.ssm, false),
			ffnNorm: r.bareNorm(blk+"ffn_norm", c), ffn: r.biasedFeedForward(blk, c.dim, c.ff),
		}
	})
}

// bareNorm reads a norm whose tensor has a name without ".weight", as some files do.
func (r *reader) bareNorm(name string, c config) nn.Norm {
	if _, ok := r.f.Tensor(name); !ok {
		return r.norm(name, c.dim, c)
	}
	return nn.Norm{Weight: r.vector(name, c.dim), Eps: c.eps}
}

// Shape describes the model.
func (m *hybrid) Shape() Shape {
	c := &m.c
	s := Shape{Vocabulary: c.vocabulary, Context: c.context, Layers: m.keeps, Bytes: c.bytes, Scratch: 3 * c.dim}
	if m.ssm.inner > 0 {
		s.Scratch += m.ssm.scratch()
	}
	if c.heads > 0 {
		s.Scratch += (c.heads+2*c.kvHeads)*c.headDim + c.feedForwardScratch()
	}
	return s
}

// Forward runs a step.
func (m *hybrid) Forward(s *nn.Step) (*kernels.Rows, error) {
	c, n := m.c, len(s.Tokens)
	qd, kvd := c.heads*c.headDim, c.kvHeads*c.headDim
	d := m.dev.Begin(&s.Batch)
	x := d.New(n, c.dim) // the residual stream
	h := d.New(n, c.dim) // normalised x
	y := d.New(n, c.dim) // output of a block before a norm
	var qkv kernels.Tensor
	var ffn tensors
	if c.heads > 0 {
		qkv = d.New(n, qd+2*kvd) // q, k and v side by side
		ffn = c.feedForwardTensors(d, n)
	}
	q := qkv.Slice(0, qd)       // [n × heads·headDim]
	k := qkv.Slice(qd, kvd)     // [n × kvHeads·headDim]
	v := qkv.Slice(qd+kvd, kvd) // [n × kvHeads·headDim]
	ssm := m.ssm.tensors(d, n)

	d.Embed(x, m.embed, 1)
	for i := range m.layers {
		l := &m.layers[i]

		in := l.norm.Of(d, h, x)
		if l.at != nil {
			d.MatMul(qkv, in, l.qkv)
			headNorms(d, q, l.qNorms, c.eps)
			headNorms(d, k, l.kNorms, c.eps)
			if l.at.rope.Freq != nil {
				d.Rotate(qkv.Slice(0, qd+kvd), &l.at.rope)
			}
			d.Store(k, v, l.held, &l.at.Attention)
			d.Attend(q, q, l.held, &l.at.Attention)
			addProduct(d, x, q, l.o, y, &l.post)
		}
		if l.mamba != nil {
			addProduct(d, x, l.mamba.of(d, in, &m.ssm, &ssm), l.mamba.out, y, &l.post)
		}
		if l.ffnNorm.None() {
			continue
		}
		in = l.ffnNorm.Of(d, h, x)
		if l.ffnPost.None() {
			l.ffn.add(d, x, in, &ffn)
		} else {
			l.ffn.write(d, h, in, &ffn)
			d.Add(x, l.ffnPost.Of(d, h, h))
		}
	}
	logits := nn.Logits(d, x, s.Out, m.norm, m.output)
	return logits, d.End()
}

// headNorms normalises each head of x with weights of its own; nil: not at all.
func headNorms(d kernels.Step, x kernels.Tensor, weights []kernels.Vector, eps float32) {
	for i, w := range weights {
		head := x.Slice(i*w.Len(), w.Len())
		d.RMSNorm(head, head, w, eps)
	}
}

// addProduct adds in·wᵀ, normalised by post if it is a norm, to x. y is scratch memory of x's shape.
func addProduct(d kernels.Step, x, in kernels.Tensor, w kernels.Matrix, y kernels.Tensor, post *nn.Norm) {
	if post.None() {
		d.MatMulAdd(x, in, w)
		return
	}
	d.MatMul(y, in, w)
	d.Add(x, post.Of(d, y, y))
}
