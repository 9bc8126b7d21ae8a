package arch

import (
	"fmt"
	"math"
	"slices"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/models"
)

// llama is the llama family (arXiv:2302.13971) and its successors: Llama 2 and 3, Mistral, SmolLM and others.
// Its feed-forward layers may be mixtures of experts (Mixtral, arXiv:2401.04088). qwen2 and qwen3 are the same network
// with small changes, see qwen.go.
//
//	tokens ─ embed ─▶ x ─┬──────────────────────────────────────────┬─▶ ⊕ ─┬────────────────────────────┬─▶ ⊕ ─▶ … ─ norm ─ output ─▶ logits
//	                     └ norm ─ q,k,v ─ RoPE(q,k) ─ attention ─ o ┘      └ norm ─ SiLU(gate)·up ─ down ┘
//	                     └────────────────────────────── × Layers ─────────────────────────────────────┘
//
// Several query heads share a key/value head (arXiv:2305.13245). GGUF files of the llama family store the rows of
// q and k in an order in which the two values of a rotated pair are neighbours. Keys and tensor names: the
// GGUF specification, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
type llama struct {
	dev    kernels.Device
	c      config
	embed  kernels.Matrix // [vocabulary × dim]
	layers []llamaLayer
	norm   kernels.Vector // [dim]
	output kernels.Matrix // [vocabulary × dim], the embedding if the file has no other
	rope   kernels.RoPE
	attn   kernels.Attention
}

type llamaLayer struct {
	attnNorm     kernels.Vector // [dim]
	qkv          kernels.Matrix // [(heads+2·kvHeads)·headDim × dim]
	qNorm, kNorm kernels.Vector // [headDim], for each head; nil: q and k are not normalised
	o            kernels.Matrix // [dim × heads·headDim]
	ffnNorm      kernels.Vector // [dim]
	ffn          feedForward
}

// config holds the numbers that all families have.
type config struct {
	vocabulary, context, dim, ff, layers int
	heads, kvHeads, headDim              int
	dense                                int     // number of layers without a mixture, which come first
	experts                              experts // of the other layers
	eps                                  float32
	bytes                                int64 // of the weights on the device, once loaded
}

// Limits far above those of any model, so that the product of two can't overflow.
const (
	maxLayers = 1 << 10
	maxWidth  = 1 << 20
)

// config reads the keys of a family whose layers are all alike.
func (r *reader) config() config {
	c := r.sizes()
	if r.err != nil {
		return c
	}
	c.kvHeads = r.uniform("attention.head_count_kv", c.heads, 1, c.heads)
	r.headWidths(&c)
	return c
}

// sizes reads the keys that all families have.
func (r *reader) sizes() config {
	c := config{
		context: r.int("context_length", required, 1, 1<<30),
		dim:     r.int("embedding_length", required, 1, maxWidth),
		ff:      r.uniform("feed_forward_length", required, 1, maxWidth),
		layers:  r.int("block_count", required, 1, maxLayers),
		heads:   r.uniform("attention.head_count", required, 1, maxWidth),
		eps:     float32(r.float("attention.layer_norm_rms_epsilon", required, 1e-12, 1)),
	}
	c.dense = c.layers
	c.vocabulary = r.vocabulary(c.dim)
	r.context = c.context
	return c
}

// headWidths reads the width of the heads and checks that their number is a multiple of that of key/value heads.
func (r *reader) headWidths(c *config) {
	if r.err != nil {
		return
	}
	c.headDim = r.int("attention.key_length", c.dim/c.heads, 2, 4096)
	if v := r.int("attention.value_length", c.headDim, 1, 4096); v != c.headDim && r.err == nil {
		r.unsupported("keys have %d values a head, values %d", c.headDim, v)
	}
	if r.err == nil && c.heads%c.kvHeads != 0 {
		r.fail(fmt.Errorf("%d heads do not share %d key/value heads evenly: %w", c.heads, c.kvHeads, models.ErrCorrupt))
	}
	r.headDim = c.headDim
}

// rotaryDims returns the number of dimensions of a head that are rotated.
func (r *reader) rotaryDims(c config) int {
	if r.err != nil {
		return 0
	}
	n := r.int("rope.dimension_count", c.headDim, 2, c.headDim)
	if n%2 != 0 {
		r.fail(fmt.Errorf("key %q is %d, expected an even number: %w", r.family+".rope.dimension_count", n, models.ErrCorrupt))
	}
	return n
}

func (c config) shape() Shape {
	keeps := kernels.Layer{KVHeads: c.kvHeads, KeyDim: c.headDim, ValueDim: c.headDim}
	return Shape{
		Vocabulary: c.vocabulary, Context: c.context, Layers: slices.Repeat([]kernels.Layer{keeps}, c.layers),
		Bytes: c.bytes, Scratch: 2*c.dim + (c.heads+2*c.kvHeads)*c.headDim + c.feedForwardScratch(),
	}
}

func openLlama(r *reader) (Model, error) {
	c := r.config()
	if c.experts = r.experts(c.ff); c.experts.count > 0 {
		c.dense = 0
		if r.gating() {
			r.unsupported("sigmoid routing in the llama family")
		}
	}
	rotary := r.wholeRotary(c)
	rotary.Divide = r.divisors(rotary, c.context)
	return r.llama(c, rotary, true, r.llamaLayer)
}

// wholeRotary reads the rotary embedding of a family that rotates all dimensions of a head. llama.cpp refuses
// files with another number too: which way the rows of q and k lie in them is not settled.
func (r *reader) wholeRotary(c config) nn.Rotary {
	dims := r.rotaryDims(c)
	if dims != c.headDim {
		r.unsupported("key %q is %d for heads of %d values", r.family+".rope.dimension_count", dims, c.headDim)
	}
	return r.rotary(dims, c.context)
}

// llama reads the weights of a network of the form llama, its layers with the function layer. interleaved says
// that the two values of a rotated pair are neighbours; otherwise they are headDim/2 apart.
func (r *reader) llama(c config, rotary nn.Rotary, interleaved bool, layer func(blk string, c config) llamaLayer) (Model, error) {
	if r.err != nil {
		return nil, r.err
	}
	m := &llama{dev: r.dev, c: c, embed: r.matrix(c.dim, part{"token_embd", c.vocabulary})}
	for i := range c.layers {
		m.layers = append(m.layers, layer(fmt.Sprintf("blk.%d.", i), c))
		if r.err != nil {
			return nil, r.err
		}
	}
	m.norm = r.vector("output_norm.weight", c.dim)
	m.output = r.output(m.embed, c)
	m.rope = r.rope(c.headDim, rotary)
	m.rope.Interleaved = interleaved
	m.c.bytes = r.bytes
	m.attn = kernels.Attention{
		Heads: c.heads, KVHeads: c.kvHeads, HeadDim: c.headDim,
		Scale: float32(1 / math.Sqrt(float64(c.headDim))), Causal: true,
	}
	return m, r.err
}

func (r *reader) llamaLayer(blk string, c config) llamaLayer {
	q, kv := c.heads*c.headDim, c.kvHeads*c.headDim
	l := llamaLayer{
		attnNorm: r.vector(blk+"attn_norm.weight", c.dim),
		qkv:      r.qkv(blk, c.dim, q, kv),
		o:        r.biased(q, part{blk + "attn_output", c.dim}),
		ffnNorm:  r.vector(blk+"ffn_norm.weight", c.dim),
	}
	if c.experts.count > 0 {
		l.ffn = r.mixture(blk, c.dim, c.experts)
	} else {
		l.ffn = feedForward{
			gateUp: r.biased(c.dim, part{blk + "ffn_gate", c.ff}, part{blk + "ffn_up", c.ff}),
			down:   r.biased(c.ff, part{blk + "ffn_down", c.dim}),
		}
	}
	return l
}

func (m *llama) Shape() Shape { return m.c.shape() }

func (m *llama) Forward(s *nn.Step) (*kernels.Rows, error) {
	c, n := m.c, len(s.Tokens)
	qd, kvd := c.heads*c.headDim, c.kvHeads*c.headDim
	d := m.dev.Begin(&s.Batch)
	x := d.New(n, c.dim)        // the residual stream
	h := d.New(n, c.dim)        // normalised x
	qkv := d.New(n, qd+2*kvd)   // q, k and v side by side
	q := qkv.Slice(0, qd)       // [n × heads·headDim]
	qk := qkv.Slice(0, qd+kvd)  // q and k, which are rotated together
	k := qkv.Slice(qd, kvd)     // [n × kvHeads·headDim]
	v := qkv.Slice(qd+kvd, kvd) // [n × kvHeads·headDim]
	ffn := c.feedForwardTensors(d, n)

	d.Embed(x, m.embed, 1)
	for i := range m.layers {
		l := &m.layers[i]

		d.RMSNorm(h, x, l.attnNorm, c.eps)
		d.MatMul(qkv, h, l.qkv)
		if l.qNorm != nil {
			d.RMSNorm(q, q, l.qNorm, c.eps) // each head separately
			d.RMSNorm(k, k, l.kNorm, c.eps)
		}
		d.Rotate(qk, &m.rope)
		d.Store(k, v, i, &m.attn)
		d.Attend(q, q, i, &m.attn)
		d.MatMulAdd(x, q, l.o)

		d.RMSNorm(h, x, l.ffnNorm, c.eps)
		l.ffn.add(d, x, h, &ffn, kernels.SiLU)
	}
	logits := nn.Logits(d, x, s.Out, m.norm, c.eps, m.output)
	return logits, d.End()
}
