package arch

import (
	"fmt"
	"math"

	"soberano/engine/nn"
	"soberano/kernels"
)

// gemma3 is the Gemma 3 family, text only (arXiv:2503.19786).
//
//	tokens ─ embed·√dim ─▶ x ─┬───────────────────────────────────────────────────────────────┬─▶ ⊕ ─┬────────────────────────────────────┬─▶ ⊕ ─▶ … ─ norm ─ output ─▶ logits
//	                          └ norm ─ q,k,v ─ norm(q),norm(k) ─ RoPE ─ attention ─ o ─ norm ┘      └ norm ─ GELU(gate)·up ─ down ─ norm ┘
//	                          └─────────────────────────────────────── × Layers ──────────────────────────────────────────────┘
//
// Five of six layers attend only to a window of the last tokens and rotate with base 10,000;
// every sixth layer attends to all tokens and rotates with the file's base and scaling. So do all
// layers of files without a window. The norm
// weights in GGUF files already include the 1 that Gemma adds. Rotated pairs are (i, i+headDim/2).
type gemma3 struct {
	dev    kernels.Device
	c      config
	embed  kernels.Matrix // [vocabulary × dim]
	layers []gemma3Layer
	norm   kernels.Vector // [dim]
	output kernels.Matrix // [vocabulary × dim], usually the embedding itself
	// For layers with a window, and for those without.
	local, global positions
}

type positions struct {
	rope kernels.RoPE
	attn kernels.Attention
}

type gemma3Layer struct {
	at           *positions
	attnNorm     kernels.Vector // [dim]
	qkv          kernels.Matrix // [(heads+2·kvHeads)·headDim × dim]
	qNorm, kNorm kernels.Vector // [headDim], for each head
	o            kernels.Matrix // [dim × heads·headDim]
	attnPost     kernels.Vector // [dim], for the output of attention
	ffnNorm      kernels.Vector // [dim]
	gateUp       kernels.Matrix // [2·ff × dim]
	down         kernels.Matrix // [dim × ff]
	ffnPost      kernels.Vector // [dim], for the output of the feed-forward network
}

// gemma3Keys are keys that the family does not read. Some programs name the bases of the rotary
// positions otherwise.
var gemma3Keys = map[string]neutral{
	"hidden_activation":     value("gelu", "gelu_tanh", "gelu_pytorch_tanh"),
	"rope.global.freq_base": like("rope.freq_base"),
	"rope.local.freq_base":  value(10000.0),
}

func openGemma3(r *reader) (Model, error) {
	c := r.config()
	r.noExperts()
	m := &gemma3{dev: r.dev, c: c}
	m.readAttention(r)
	if r.err != nil {
		return nil, r.err
	}
	r.key("attention.sliding_window_pattern") // which LocalLayers reads
	local, err := r.f.Meta.LocalLayers(r.family, c.layers)
	if r.fail(err); r.err != nil {
		return nil, r.err
	}
	m.embed = r.matrix(c.dim, part{"token_embd", c.vocabulary})
	for i := range c.layers {
		l := r.gemma3Layer(fmt.Sprintf("blk.%d.", i), c)
		if l.at = &m.global; local[i] {
			l.at = &m.local
		}
		m.layers = append(m.layers, l)
		if r.err != nil {
			return nil, r.err
		}
	}
	m.norm = r.vector("output_norm.weight", c.dim)
	m.output = r.output(m.embed, c)
	m.c.bytes = r.bytes
	return m, r.err
}

// readAttention reads the attention and the rotary positions of the two kinds of layers.
func (m *gemma3) readAttention(r *reader) {
	if r.err != nil {
		return
	}
	c := m.c
	dims := r.rotaryDims(c)
	rotary := r.rotary(dims, c.context)
	if rotary.Yarn && rotary.Factor > 0 && rotary.Factor < 1 {
		r.unsupported("YaRN that shortens the context, in the gemma3 family")
	}
	if cap := r.float("final_logit_softcapping", 0, 0, 1e6); cap != 0 {
		r.unsupported("key %q: capped logits in the gemma3 family", "gemma3.final_logit_softcapping")
	}
	window := r.int("attention.sliding_window", 0, 0, 1<<30)
	base := r.float("rope.freq_base_swa", 10000, 2, 1e12)
	if r.err != nil {
		return
	}
	attn := kernels.Attention{Heads: c.heads, KVHeads: c.kvHeads, HeadDim: c.headDim, Scale: c.attentionScale(), Causal: true}
	m.global = positions{r.rope(c.headDim, rotary), attn}
	attn.Window = window
	m.local = positions{r.rope(c.headDim, nn.Rotary{Dims: dims, Base: base, Attention: rotary.Attention}), attn}
}

// attentionScale returns the factor of q·k: 1/√headDim, except for the 27B model (62 layers), which
// was trained with 1/√(dim/heads); dim/heads is 168 there and headDim 128.
func (c config) attentionScale() float32 {
	per := c.headDim
	if c.layers == 62 {
		per = c.dim / c.heads
	}
	return float32(1 / math.Sqrt(float64(per)))
}

func (r *reader) gemma3Layer(blk string, c config) gemma3Layer {
	q, kv := c.heads*c.headDim, c.kvHeads*c.headDim
	return gemma3Layer{
		attnNorm: r.vector(blk+"attn_norm.weight", c.dim),
		qkv:      r.qkv(blk, c.dim, q, kv),
		qNorm:    r.vector(blk+"attn_q_norm.weight", c.headDim),
		kNorm:    r.vector(blk+"attn_k_norm.weight", c.headDim),
		o:        r.matrix(q, part{blk + "attn_output", c.dim}),
		attnPost: r.vector(blk+"post_attention_norm.weight", c.dim),
		ffnNorm:  r.vector(blk+"ffn_norm.weight", c.dim),
		gateUp:   r.matrix(c.dim, part{blk + "ffn_gate", c.ff}, part{blk + "ffn_up", c.ff}),
		down:     r.matrix(c.ff, part{blk + "ffn_down", c.dim}),
		ffnPost:  r.vector(blk+"post_ffw_norm.weight", c.dim),
	}
}

func (m *gemma3) Shape() Shape {
	s := m.c.shape()
	for i := range m.layers {
		s.Layers[i].Window = m.layers[i].at.attn.Window
	}
	return s
}

func (m *gemma3) Forward(s *nn.Step) (*kernels.Rows, error) {
	c, n := m.c, len(s.Tokens)
	qd, kvd := c.heads*c.headDim, c.kvHeads*c.headDim
	d := m.dev.Begin(&s.Batch)
	x := d.New(n, c.dim)        // the residual stream
	h := d.New(n, c.dim)        // input of a block, and its output before the addition
	qkv := d.New(n, qd+2*kvd)   // q, k and v side by side
	q := qkv.Slice(0, qd)       // [n × heads·headDim]
	qk := qkv.Slice(0, qd+kvd)  // q and k, which are rotated together
	k := qkv.Slice(qd, kvd)     // [n × kvHeads·headDim]
	v := qkv.Slice(qd+kvd, kvd) // [n × kvHeads·headDim]
	gate := d.New(n, c.ff)      // GELU(gate)·up

	d.Embed(x, m.embed, float32(math.Sqrt(float64(c.dim))))
	for i := range m.layers {
		l := &m.layers[i]

		d.RMSNorm(h, x, l.attnNorm, c.eps)
		d.MatMul(qkv, h, l.qkv)
		d.RMSNorm(q, q, l.qNorm, c.eps) // each head separately
		d.RMSNorm(k, k, l.kNorm, c.eps)
		d.Rotate(qk, &l.at.rope)
		d.Store(k, v, i, &l.at.attn)
		d.Attend(q, q, i, &l.at.attn)
		d.MatMul(h, q, l.o)
		d.RMSNorm(h, h, l.attnPost, c.eps)
		d.Add(x, h)

		d.RMSNorm(h, x, l.ffnNorm, c.eps)
		d.MatMulGated(gate, h, l.gateUp, kernels.GELUTanh)
		d.MatMul(h, gate, l.down)
		d.RMSNorm(h, h, l.ffnPost, c.eps)
		d.Add(x, h)
	}
	logits := nn.Logits(d, x, s.Out, m.norm, c.eps, m.output)
	return logits, d.End()
}
