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
	ffn          bertFeedForward
	norm         nn.Norm // [dim], after the feed-forward network
}

// bertFeedForward is a feed-forward network, with or without a gate, or a mixture of networks without one.
type bertFeedForward struct {
	gateUp     kernels.Matrix // [2·ff × dim]; nil: no gate
	up         kernels.Matrix // [ff × dim]; of a mixture, one for each expert
	down       kernels.Matrix // [dim × ff]; of a mixture, one for each expert
	router     kernels.Matrix // [experts × dim]; nil: no mixture
	activation kernels.Activation
}

// openBert opens a model of the families that bert describes.
func openBert(r *reader) (Model, error) {
	c := r.layerNormConfig()
	if r.family == "nomic-bert-moe" {
		c.experts = r.bertExperts(c.ff)
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
	m.norm = r.layerNorm("token_embd_norm", c.dim, c)
	for i := range c.layers {
		m.layers = append(m.layers, r.bertLayer(i, fmt.Sprintf("blk.%d.", i), c))
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

func (r *reader) bertLayer(i int, blk string, c config) bertLayer {
	q, kv := c.heads*c.headDim, c.kvHeads*c.headDim
	l := bertLayer{
		qkv:      r.qkv(blk, c.dim, q, kv),
		o:        r.biased(q, part{blk + "attn_output", c.dim}),
		attnNorm: r.layerNorm(blk+"attn_output_norm", c.dim, c),
		norm:     r.layerNorm(blk+"layer_output_norm", c.dim, c),
	}
	if r.family == "jina-bert-v2" {
		l.qNorm, l.kNorm = r.optionalNorm(blk+"attn_q_norm", q, c), r.optionalNorm(blk+"attn_k_norm", kv, c)
		l.again = r.optionalNorm(blk+"attn_norm_2", c.dim, c)
	}
	l.ffn = r.bertFeedForward(i, blk, c)
	return l
}

// optionalNorm reads a LayerNorm that some files have.
func (r *reader) optionalNorm(name string, n int, c config) nn.Norm {
	if _, ok := r.f.Tensor(name + ".weight"); !ok {
		return nn.Norm{}
	}
	return r.layerNorm(name, n, c)
}

func (r *reader) bertFeedForward(i int, blk string, c config) bertFeedForward {
	f := bertFeedForward{activation: kernels.GELUTanh}
	up, down := part{blk + "ffn_up", c.ff}, part{blk + "ffn_down", c.dim}
	_, gated := r.f.Tensor(blk + "ffn_gate.weight")
	whole, _ := r.f.Tensor(up.name + ".weight")
	switch {
	case r.family == "nomic-bert":
		f.activation = kernels.SiLU
		f.gateUp, f.down = r.matrix(c.dim, part{blk + "ffn_gate", c.ff}, up), r.matrix(c.ff, down)
	case c.experts.count > 0 && i%c.experts.every == 1:
		f.router = r.matrix(c.dim, part{blk + "ffn_gate_inp", c.experts.count})
		f.up = r.expertMatrix(c.experts.count, c.dim, part{blk + "ffn_up_exps", c.ff})
		f.down = r.expertMatrix(c.experts.count, c.ff, part{blk + "ffn_down_exps", c.dim})
	case r.family == "jina-bert-v2" && gated:
		f.gateUp, f.down = r.biased(c.dim, part{blk + "ffn_gate", c.ff}, up), r.biased(c.ff, down)
	case r.family == "jina-bert-v2" && len(whole.Shape) == 2 && whole.Shape[0] == 2*c.ff:
		f.gateUp, f.down = r.halves(up.name, c.dim, c.ff), r.biased(c.ff, down)
	default:
		f.up, f.down = r.biased(c.dim, up), r.biased(c.ff, down)
	}
	return f
}

// bertExperts reads the mixtures of nomic-bert-moe: one of every so many layers has one, the second first.
func (r *reader) bertExperts(ff int) experts {
	n := r.int("expert_count", 0, 0, kernels.MaxExperts)
	every := r.int("moe_every_n_layers", 0, 0, maxLayers)
	if n == 0 || every == 0 {
		if n != 0 || every != 0 {
			r.corrupt("keys %q and %q are %d and %d", r.family+".expert_count", r.family+".moe_every_n_layers", n, every)
		}
		return experts{}
	}
	scale := r.float("expert_weights_scale", 1, 0, 1e6)
	if scale == 0 {
		scale = 1
	}
	return experts{count: n, ff: ff, every: every,
		routing: kernels.Routing{Used: r.int("expert_used_count", required, 1, n), Scale: float32(scale)}}
}

// Shape describes the model.
func (m *bert) Shape() Shape {
	s := m.c.shape()
	s.Layers = s.Layers[:1]
	s.Layers[0].Fine = true
	s.Scratch += m.c.ff
	return s
}

// Forward runs a step of whole texts and returns the hidden rows in s.Out.
func (m *bert) Forward(s *nn.Step) (*kernels.Rows, error) {
	c, n := m.c, len(s.Tokens)
	qd, kvd := c.heads*c.headDim, c.kvHeads*c.headDim
	d := m.dev.Begin(&s.Batch)
	x := d.New(n, c.dim)        // the rows
	h := d.New(n, c.dim)        // embeddings of the positions, later the output of attention
	qkv := d.New(n, qd+2*kvd)   // q, k and v side by side
	q := qkv.Slice(0, qd)       // [n × heads·headDim]
	qk := qkv.Slice(0, qd+kvd)  // q and k, which are rotated together
	k := qkv.Slice(qd, kvd)     // [n × kvHeads·headDim]
	v := qkv.Slice(qd+kvd, kvd) // [n × kvHeads·headDim]
	ffn := m.feedForwardTensors(d, n)

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

		l.ffn.add(d, x, &ffn, &c.experts.routing)
		if i < len(m.layers)-1 {
			l.norm.Of(d, x, x)
		}
	}
	rows := nn.Logits(d, x, s.Out, m.layers[len(m.layers)-1].norm, nil)
	return rows, d.End()
}

// bertTensors is the scratch memory of the feed-forward networks in a step.
type bertTensors struct {
	hidden  kernels.Tensor // [n × ff]
	logits  kernels.Tensor // [n × experts], of mixtures
	rows    kernels.Tensor // [n·used × dim]
	experts kernels.Tensor // [n·used × ff]
}

func (m *bert) feedForwardTensors(d kernels.Step, n int) bertTensors {
	t := bertTensors{hidden: d.New(n, m.c.ff)}
	if e := m.c.experts; e.count > 0 {
		t.logits, t.rows, t.experts = d.New(n, e.count), d.New(n*e.routing.Used, m.c.dim), d.New(n*e.routing.Used, e.ff)
	}
	return t
}

// add adds the network's output for x, [n × dim], to x.
func (f *bertFeedForward) add(d kernels.Step, x kernels.Tensor, t *bertTensors, routing *kernels.Routing) {
	switch {
	case f.router != nil:
		d.MatMul(t.logits, x, f.router)
		c := d.Route(t.logits, routing)
		d.Gather(t.rows, x, c)
		d.MatMulExperts(t.experts, t.rows, f.up, c)
		d.Activate(t.experts, t.experts, kernels.Tensor{}, f.activation)
		d.MatMulExperts(t.rows, t.experts, f.down, c)
		d.Combine(x, t.rows, c)
		return
	case f.gateUp != nil:
		d.MatMulGated(t.hidden, x, f.gateUp, f.activation)
	default:
		d.MatMul(t.hidden, x, f.up)
		d.Activate(t.hidden, t.hidden, kernels.Tensor{}, f.activation)
	}
	d.MatMulAdd(x, t.hidden, f.down)
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
