package arch

import (
	"fmt"
	"math"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/models"
)

// lfm2 is the LFM2 family (arXiv:2511.23404), with experts (lfm2moe) or without. Most layers are short
// convolutions; a few are attention.
//
//	tokens ─ embed ─▶ x ─┬─────────────────────────────────────────────────────────────────────┬─▶ ⊕ ─┬────────────────────────────┬─▶ ⊕ ─▶ … ─ norm ─ output ─▶ logits
//	                     ├ norm ─ q,k,v ─ norm(q),norm(k) ─ RoPE ─ attention ─ o ──────────────┤      └ norm ─ SiLU(gate)·up ─ down ┘
//	                     └ norm ─ b,c,z ─ b·z ─ convolution over the last rows ─ ·c ─ out ─────┘
//	                     └──────────────────────── × Layers, either of the two ────────────────────────────────────────┘
//
// A layer without key/value heads is a convolution of width taps. Its state is the last taps-1 rows
// of b·z, whatever the length of the sequence. Rotated pairs are (i, i+headDim/2).
type lfm2 struct {
	dev    kernels.Device
	c      config
	taps   int            // rows that a convolution covers
	embed  kernels.Matrix // [vocabulary × dim]
	layers []lfm2Layer
	norm   nn.Norm        // [dim]
	output kernels.Matrix // [vocabulary × dim], usually the embedding itself
	rope   kernels.RoPE
	attn   kernels.Attention
}

// lfm2Layer has either attention or a convolution.
type lfm2Layer struct {
	norm         kernels.Vector // norm before attention or convolution, [dim]
	qkv          kernels.Matrix // [(heads+2·kvHeads)·headDim × dim]; nil: a convolution
	qNorm, kNorm kernels.Vector // [headDim], for each head
	in           kernels.Matrix // [3·dim × dim]: b, c and z
	conv         kernels.Vector // [taps × dim]; the last row is for the newest input
	out          kernels.Matrix // [dim × heads·headDim], or [dim × dim]
	ffnNorm      kernels.Vector // [dim]
	ffn          feedForward
}

func openLFM2(r *reader) (Model, error) {
	r.noExperts()
	return r.lfm2(r.int("attention.sliding_window", 0, 0, 1<<30), func(*config) {})
}

func openLFM2MoE(r *reader) (Model, error) {
	return r.lfm2(0, func(c *config) {
		c.experts = r.experts(r.uniform("expert_feed_forward_length", required, 1, maxWidth))
		c.experts.routing.Sigmoid, c.experts.bias = r.gating(), present
		if c.dense = r.int("leading_dense_block_count", 0, 0, c.layers); c.experts.count == 0 {
			r.fail(fmt.Errorf("key %q is missing: %w", r.family+".expert_count", models.ErrCorrupt))
		}
	})
}

// lfm2 reads a model whose attention has a window, 0 for none. mixture completes its configuration.
func (r *reader) lfm2(window int, mixture func(*config)) (Model, error) {
	c := r.sizes()
	kvHeads := r.headCounts(&c)
	r.headWidths(&c)
	mixture(&c)
	r.square(c)
	if !r.bool("attention.causal", true) {
		r.unsupported("attention that is not causal, as in embedding models")
	}
	m := &lfm2{dev: r.dev, taps: r.int("shortconv.l_cache", required, 2, 64)}
	dims := r.rotaryDims(c)
	rotary := r.rotary(dims, c.context)
	if r.err != nil {
		return nil, r.err
	}
	m.embed = r.matrix(c.dim, part{"token_embd", c.vocabulary})
	for i := range c.layers {
		m.layers = append(m.layers, r.lfm2Layer(i, kvHeads[i], m.taps, c))
		if r.err != nil {
			return nil, r.err
		}
	}
	m.norm = r.norm("token_embd_norm", c.dim, c)
	m.output = r.output(m.embed, c)
	m.rope = r.rope(c.headDim, rotary)
	m.attn = kernels.Attention{
		Heads: c.heads, KVHeads: c.kvHeads, HeadDim: c.headDim,
		Scale: float32(1 / math.Sqrt(float64(c.headDim))), Causal: true, Window: window,
	}
	c.bytes = r.bytes
	m.c = c
	return m, r.err
}

// headCounts reads the number of key/value heads of each layer, which is 0 for convolutions, and sets
// c.kvHeads to the number of the other layers, which must all have the same.
func (r *reader) headCounts(c *config) []int {
	key := r.key("attention.head_count_kv")
	list, err := r.f.Meta.Ints(key)
	switch {
	case r.err != nil:
		return nil
	case err != nil:
		r.fail(err)
		return nil
	case len(list) != c.layers:
		r.fail(fmt.Errorf("key %q has %d entries, the model %d layers: %w", key, len(list), c.layers, models.ErrCorrupt))
		return nil
	}
	counts := make([]int, c.layers)
	for i, n := range list {
		if counts[i] = r.bounded(key, int(n), 0, c.heads); counts[i] == 0 {
			continue
		}
		if c.kvHeads != 0 && counts[i] != c.kvHeads {
			r.unsupported("key %q differs between layers of attention", key)
			return nil
		}
		c.kvHeads = counts[i]
	}
	c.kvHeads = max(c.kvHeads, 1)
	return counts
}

func (r *reader) lfm2Layer(i, kvHeads, taps int, c config) lfm2Layer {
	blk := fmt.Sprintf("blk.%d.", i)
	l := lfm2Layer{norm: r.vector(blk+"attn_norm.weight", c.dim), ffnNorm: r.vector(blk+"ffn_norm.weight", c.dim)}
	if kvHeads > 0 {
		kv := kvHeads * c.headDim
		l.qkv = r.qkv(blk, c.dim, c.dim, kv)
		l.qNorm = r.vector(blk+"attn_q_norm.weight", c.headDim)
		l.kNorm = r.vector(blk+"attn_k_norm.weight", c.headDim)
		l.out = r.matrix(c.dim, part{blk + "attn_output", c.dim})
	} else {
		l.in = r.matrix(c.dim, part{blk + "shortconv.in_proj", 3 * c.dim})
		l.conv = r.taps(blk+"shortconv.conv.weight", c.dim, taps)
		l.out = r.matrix(c.dim, part{blk + "shortconv.out_proj", c.dim})
	}
	if i < c.dense {
		l.ffn = r.feedForward(blk, c.dim, c.ff)
		return l
	}
	l.ffn = r.mixture(blk, c.dim, c.experts)
	return l
}

// taps loads the weights of a convolution. The file stores them as [dim × taps]; the result is [taps × dim].
func (r *reader) taps(name string, dim, taps int) kernels.Vector {
	in := r.values(name, dim, taps)
	out := make([]float32, len(in))
	for i, v := range in {
		out[i%taps*dim+i/taps] = v
	}
	return r.load(name, out)
}

func (m *lfm2) Shape() Shape {
	s := m.c.shape()
	s.Scratch += 3 * m.c.dim
	for i, l := range m.layers {
		if s.Layers[i].Window = m.attn.Window; l.qkv == nil {
			s.Layers[i] = kernels.Layer{Kind: kernels.Recurrent, Rows: m.taps - 1, Cols: m.c.dim}
		}
	}
	return s
}

// sight says which rows of images the model takes.
func (m *lfm2) sight() Sight { return Sight{Width: m.c.dim} }

func (m *lfm2) Forward(s *nn.Step) (*kernels.Rows, error) {
	c, n := m.c, len(s.Tokens)
	kvd := c.kvHeads * c.headDim
	d := s.Begin(m.dev)
	x := d.New(n, c.dim)            // the residual stream
	h := d.New(n, c.dim)            // normalised x; output of a convolution
	qkv := d.New(n, c.dim+2*kvd)    // q, k and v side by side
	q := qkv.Slice(0, c.dim)        // [n × heads·headDim]
	qk := qkv.Slice(0, c.dim+kvd)   // q and k, which are rotated together
	k := qkv.Slice(c.dim, kvd)      // [n × kvHeads·headDim]
	v := qkv.Slice(c.dim+kvd, kvd)  // [n × kvHeads·headDim]
	bcz := d.New(n, 3*c.dim)        // b, c and z side by side
	b := bcz.Slice(0, c.dim)        // [n × dim]: the gate before the convolution
	gate := bcz.Slice(c.dim, c.dim) // [n × dim]: c, the gate after the convolution
	z := bcz.Slice(2*c.dim, c.dim)  // [n × dim]
	ffn := c.feedForwardTensors(d, n)

	d.Embed(x, m.embed, 1)
	s.Give(d, x, 0)
	for i := range m.layers {
		l := &m.layers[i]

		d.RMSNorm(h, x, l.norm, c.eps)
		if l.qkv != nil {
			d.MatMul(qkv, h, l.qkv)
			d.RMSNorm(q, q, l.qNorm, c.eps) // each head separately
			d.RMSNorm(k, k, l.kNorm, c.eps)
			d.Rotate(qk, &m.rope)
			d.Store(k, v, i, &m.attn)
			d.Attend(q, q, i, &m.attn)
			d.MatMulAdd(x, q, l.out)
		} else {
			d.MatMul(bcz, h, l.in)
			d.Mul(b, z)
			d.ShortConv(h, b, l.conv, i)
			d.Mul(h, gate)
			d.MatMulAdd(x, h, l.out)
		}

		d.RMSNorm(h, x, l.ffnNorm, c.eps)
		l.ffn.add(d, x, h, &ffn)
	}
	logits := nn.Logits(d, x, s.Out, m.norm, m.output)
	return logits, d.End()
}
