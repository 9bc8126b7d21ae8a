package arch

import (
	"fmt"
	"math"

	"soberano/engine/nn"
	"soberano/kernels"
)

// bert is the encoder BERT (arXiv:1810.04805) and its kin: nomic-bert (arXiv:2402.01613) and its mixture (arXiv:2502.07972),
// jina-bert-v2 (arXiv:2310.19923) and jina-bert-v3 (arXiv:2409.10173). RoBERTa and XLM-RoBERTa are bert too.
//
//	tokens ─ embed + type + position ─ norm ─▶ x ─┬──────────────────────┬─ ⊕ ─ norm ─▶ x ─┬─────────────┬─ ⊕ ─ norm ─▶ x ─▶ … ─▶ hidden rows
//	                                              └ q,k,v ─ attention ─ o ┘                └ feed-forward ┘
//	                                              └───────────────────────────── × layers ─────────────────────────────┘
//
// All norms are LayerNorm, and each follows the addition. Every row attends to the whole text. The families differ in how
// they see positions, and in the feed-forward network:
//
//	bert            learned, added to the embedding    GELU(up) ─ down
//	nomic-bert      RoPE                               SiLU(gate)·up ─ down
//	nomic-bert-moe  RoPE                               GELU(up) ─ down, of every second layer a mixture of these
//	jina-bert-v2    ALiBi                              GELU(gate)·up ─ down, or GELU(up) ─ down
//	jina-bert-v3    RoPE                               GELU(up) ─ down
//
// As in llama.cpp, GELU is its approximation by tanh, and every token is of the first type ("sentence A").
//
// The layers run one after the other over whole texts, so all of them use the same layer of the state.
type bert struct {
	dev       kernels.Device
	c         config
	embed     kernels.Matrix // [vocabulary × dim]
	types     kernels.Vector // [dim], the embedding of the first type; nil: none
	positions kernels.Matrix // [context × dim]; nil: none
	norm      nn.Norm        // [dim], of the embeddings
	layers    []bertLayer
	at        *attention
}

type bertLayer struct {
	qkv          kernels.Matrix // [(heads+2·kvHeads)·headDim × dim]
	qNorm, kNorm nn.Norm        // over all heads, of some models of jina-bert-v2
	o            kernels.Matrix // [dim × heads·headDim]
	attnNorm     nn.Norm        // [dim], after attention
	again        nn.Norm        // [dim], after the layer's input has been added once more; of some models of jina-bert-v2
	ffn          feedForward
	norm         nn.Norm // [dim], after the feed-forward network
}

// openBert opens a model of the families that bert describes.
func openBert(r *reader) (Model, error) {
	c := r.configWith(layerNorm)
	every := 0 // one of so many layers has a mixture, the second first
	if r.family == "nomic-bert-moe" {
		every = r.bertExperts(&c)
	} else {
		r.noExperts()
	}
	m := &bert{dev: r.dev, c: c}
	m.readPositions(r)
	if r.err != nil {
		return nil, r.err
	}
	m.embed = r.matrix(c.dim, part{"token_embd", c.vocabulary})
	m.types = r.firstType(c.dim)
	m.norm = r.norm("token_embd_norm", c.dim, c)
	for i := range c.layers {
		m.layers = append(m.layers, r.bertLayer(fmt.Sprintf("blk.%d.", i), c, every > 0 && i%every == 1))
		if r.err != nil {
			return nil, r.err
		}
	}
	m.c.bytes = r.bytes
	return m, r.err
}

// readPositions reads how the model sees positions.
func (m *bert) readPositions(r *reader) {
	if r.err != nil {
		return
	}
	c := m.c
	switch r.family {
	case "bert":
		m.at = r.wholeAttention(c, nil)
		m.positions = r.matrix(c.dim, part{"position_embd", c.context})
	case "jina-bert-v2":
		m.at = r.wholeAttention(c, nil)
		m.at.Slopes = r.load("the slopes of ALiBi", slopes(c.heads, alibiJina))
	default:
		rotary := r.rotary(r.rotaryDims(c), c.context)
		m.at = r.wholeAttention(c, &rotary)
	}
}

// alibiJina is the largest bias of ALiBi in jina-bert-v2, whose files do not say it.
const alibiJina = 8

// firstType returns the embedding of the first type of tokens.
func (r *reader) firstType(dim int) kernels.Vector {
	t, ok := r.find("token_types.weight")
	if !ok {
		return nil
	}
	count := r.bounded(t.Name, t.Rows(), 1, maxWidth)
	if n, err := r.f.Meta.Int("tokenizer.ggml.token_type_count", count); err != nil || n != count {
		r.corrupt("tensor %q has %d types, key %q says %d", t.Name, count, "tokenizer.ggml.token_type_count", n)
	}
	values := r.values(t.Name, count, dim)
	if r.err != nil {
		return nil
	}
	return r.load(t.Name, values[:dim])
}

func (r *reader) bertLayer(blk string, c config, mixture bool) bertLayer {
	q, kv := c.heads*c.headDim, c.kvHeads*c.headDim
	l := bertLayer{
		qkv:      r.qkv(blk, c.dim, q, kv),
		o:        r.biased(q, part{blk + "attn_output", c.dim}),
		attnNorm: r.norm(blk+"attn_output_norm", c.dim, c),
		ffn:      r.bertFeedForward(blk, c, mixture),
		norm:     r.norm(blk+"layer_output_norm", c.dim, c),
	}
	if r.family == "jina-bert-v2" {
		l.qNorm, l.kNorm = r.optionalNorm(blk+"attn_q_norm", q, c), r.optionalNorm(blk+"attn_k_norm", kv, c)
		l.again = r.optionalNorm(blk+"attn_norm_2", c.dim, c)
	}
	return l
}

// optionalNorm reads a norm that some files have.
func (r *reader) optionalNorm(name string, n int, c config) nn.Norm {
	if _, ok := r.f.Tensor(name + ".weight"); !ok {
		return nn.Norm{}
	}
	return r.norm(name, n, c)
}

func (r *reader) bertFeedForward(blk string, c config, mixture bool) feedForward {
	_, gated := r.f.Tensor(blk + "ffn_gate.weight")
	up, _ := r.f.Tensor(blk + "ffn_up.weight")
	switch {
	case r.family == "nomic-bert":
		return r.feedForward(blk, c.dim, c.ff) // with SiLU
	case mixture:
		e := c.experts
		return feedForward{activation: kernels.GELUTanh, mixture: &nn.Mixture{
			Router:  r.matrix(c.dim, part{blk + "ffn_gate_inp", e.count}),
			Up:      r.expertMatrix(e.count, c.dim, part{blk + "ffn_up_exps", e.ff}),
			Down:    r.expertMatrix(e.count, e.ff, part{blk + "ffn_down_exps", c.dim}),
			Routing: e.routing,
		}}
	case r.family == "jina-bert-v2" && gated:
		f := r.biasedFeedForward(blk, c.dim, c.ff)
		f.activation = kernels.GELUTanh
		return f
	case r.family == "jina-bert-v2" && len(up.Shape) == 2 && up.Shape[0] == 2*c.ff:
		w := r.halves(c.dim, part{blk + "ffn_up", 2 * c.ff})
		if bias := r.optional(blk+"ffn_up.bias", 2*c.ff); bias != nil && w != nil {
			w[0].Bias, w[1].Bias = bias[:c.ff], bias[c.ff:]
		}
		return feedForward{gateUp: r.loadMatrix(blk+"ffn_up", w), down: r.biased(c.ff, part{blk + "ffn_down", c.dim}), activation: kernels.GELUTanh}
	}
	return r.ungated(optional, blk, c.dim, c.ff, kernels.GELUTanh)
}

// bertExperts reads the mixtures of nomic-bert-moe, and which layers have one: of so many layers one, the second first.
func (r *reader) bertExperts(c *config) (every int) {
	n := r.int("expert_count", 0, 0, kernels.MaxExperts)
	every = r.int("moe_every_n_layers", 0, 0, maxLayers)
	if n == 0 && every == 0 || r.err != nil {
		return 0
	}
	if n == 0 || every == 0 {
		r.corrupt("keys %q and %q are %d and %d", r.family+".expert_count", r.family+".moe_every_n_layers", n, every)
		return 0
	}
	scale := r.float("expert_weights_scale", 1, 0, 1e6)
	if scale == 0 {
		scale = 1
	}
	c.dense = min(1, c.layers) // layers of both kinds
	if c.layers == 1 || every == 1 {
		every = c.layers + 1 // no layer has the remainder 1
	}
	c.experts = experts{count: n, ff: c.ff, routing: kernels.Routing{Used: r.int("expert_used_count", required, 1, n), Scale: float32(scale)}}
	return every
}

// Shape describes the model.
func (m *bert) Shape() Shape {
	s := m.c.shape()
	s.Layers = s.Layers[:1]
	s.Layers[0].Fine = true
	return s
}

// Forward runs a step of whole texts and returns the hidden rows in s.Out.
func (m *bert) Forward(s *nn.Step) (*kernels.Rows, error) {
	c, n := m.c, len(s.Tokens)
	qd, kvd := c.heads*c.headDim, c.kvHeads*c.headDim
	d := s.Begin(m.dev)
	x := d.New(n, c.dim)        // the rows
	h := d.New(n, c.dim)        // embeddings of the positions, later the output of attention
	qkv := d.New(n, qd+2*kvd)   // q, k and v side by side
	q := qkv.Slice(0, qd)       // [n × heads·headDim]
	qk := qkv.Slice(0, qd+kvd)  // q and k, which are rotated together
	k := qkv.Slice(qd, kvd)     // [n × kvHeads·headDim]
	v := qkv.Slice(qd+kvd, kvd) // [n × kvHeads·headDim]
	ffn := c.feedForwardTensors(d, n)

	d.Embed(x, m.embed, 1)
	if m.types != nil {
		d.Add(x, d.Const(m.types, 1, c.dim))
	}
	if m.positions != nil {
		d.EmbedPositions(h, m.positions)
		d.Add(x, h)
	}
	m.norm.Of(d, x, x)
	for i := range m.layers {
		l := &m.layers[i]

		d.MatMul(qkv, x, l.qkv)
		l.qNorm.Of(d, q, q)
		l.kNorm.Of(d, k, k)
		if m.at.rope.Freq != nil {
			d.Rotate(qk, &m.at.rope)
		}
		d.Store(k, v, 0, &m.at.Attention)
		d.Attend(q, q, 0, &m.at.Attention)
		if l.again.None() {
			d.MatMulAdd(x, q, l.o)
			l.attnNorm.Of(d, x, x)
		} else {
			d.MatMul(h, q, l.o)
			d.Add(h, x)
			d.Add(x, l.attnNorm.Of(d, h, h))
			l.again.Of(d, x, x)
		}

		l.ffn.add(d, x, x, &ffn)
		if i < len(m.layers)-1 {
			l.norm.Of(d, x, x)
		}
	}
	rows := nn.Logits(d, x, s.Out, m.layers[len(m.layers)-1].norm, nil)
	return rows, d.End()
}

// slopes returns the slopes of ALiBi (arXiv:2108.12409) of so many heads: 2^(-bias·i/n) for the first n heads, the largest power
// of two, and the odd ones of the same for twice as many heads for the rest.
func slopes(heads int, bias float64) []float32 {
	n := 1 << int(math.Log2(float64(heads)))
	out := make([]float32, heads)
	for h := range out {
		exponent := bias * float64(h+1) / float64(n)
		if h >= n {
			exponent = bias * float64(2*(h-n)+1) / float64(2*n)
		}
		out[h] = float32(math.Exp2(-exponent))
	}
	return out
}
