package arch

import (
	"fmt"
	"math"
	"slices"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/kernels/quant"
	"soberano/models"
)

// deepseek2 is the network of DeepSeek V2 (arXiv:2405.04434), V3 and R1 (arXiv:2412.19437) and of others that were made after them (Kimi
// K2, GLM 4.7 Flash, Mistral Large 3, Mistral Small 4), which attend in a latent space (multi-head latent attention):
//
//	x ─┬───────────────────────────────────────────────────────────────────────────────────────────┬─▶ ⊕ ─┬────────────────────────────────┬─▶ ⊕
//	   └ norm ─┬ q_a ─ norm ─ q_b ─┬ nope ─ k_b, by head ─┬ q of 512+64 ┐                           │      └ norm ─ mixture + shared expert ┘
//	           │                   └ rope ─ RoPE ─────────┘             ├ attention ─ v_b, by head ─ o
//	           └ kv_a ─┬ latent, 512 ─ norm ──────────────┬ k of 512+64 ┘
//	                   └ rope, 64 ─ RoPE ─────────────────┘   its first 512 values are the values of attention
//
// The state keeps one row of latent and rotated values for each position, whatever the number of heads. The matrices
// k_b and v_b, which would make keys and values of each head from the latent, are applied to q and to the result of attention instead. Old files
// have them as one tensor, attn_kv_b. Lite models make q from x directly. The first layers have no mixture. Rotated pairs are neighbours.
type deepseek2 struct {
	dev    kernels.Device
	c      config
	mla    latentSizes
	embed  kernels.Matrix // [vocabulary × dim]
	layers []deepseek2Layer
	norm   nn.Norm        // [dim]
	output kernels.Matrix // [vocabulary × dim]
	// The rotary embeddings of the end of each head of q, and of the end of the row that the state keeps.
	qRope, kvRope kernels.RoPE
	attn          kernels.Attention
}

// latentSizes are the widths of latent attention. A head of q has nope values that are not rotated, and rope others.
type latentSizes struct {
	qLatent, latent, nope, rope, value int
}

type deepseek2Layer struct {
	attnNorm nn.Norm        // [dim]
	qA       kernels.Matrix // [qLatent × dim]; nil: qB has dim columns
	qNorm    nn.Norm        // [qLatent]
	qB       kernels.Matrix // [heads·(nope+rope) × qLatent]
	kvA      kernels.Matrix // [latent+rope × dim]
	kvNorm   nn.Norm        // [latent]
	kB       kernels.Matrix // for each head [latent × nope]
	vB       kernels.Matrix // for each head [value × latent]
	o        kernels.Matrix // [dim × heads·value]
	ffnNorm  nn.Norm        // [dim]
	ffn      feedForward
}

func openDeepseek2(r *reader) (Model, error) { return r.deepseek2(true) }

func openMistral4(r *reader) (Model, error) { return r.deepseek2(false) }

// deepseek2 reads a model. same says that YaRN's mscale is mscale_all_dim, of which files have only the latter.
func (r *reader) deepseek2(same bool) (Model, error) {
	m := &deepseek2{dev: r.dev, c: r.deepseek2Sizes()}
	m.mla = r.latentSizes()
	m.readAttention(r, same)
	if r.err != nil {
		return nil, r.err
	}
	c := m.c
	m.embed = r.embedding(c)
	for i := range c.layers {
		m.layers = append(m.layers, r.deepseek2Layer(i, c, m.mla))
		if r.err != nil {
			return nil, r.err
		}
	}
	m.norm = r.norm("output_norm", c.dim, c)
	m.output = r.output(m.embed, c)
	m.c.bytes = r.bytes
	return m, r.err
}

// deepseek2Sizes reads the numbers of layers, heads and experts.
func (r *reader) deepseek2Sizes() config {
	c := r.sizes()
	r.dropDrafts(&c)
	r.uniform("attention.head_count_kv", c.heads, 1, c.heads) // 1 where k_b and v_b are separate
	c.dense = r.int("leading_dense_block_count", 0, 0, c.layers)
	if c.dense == c.layers {
		r.uniform("expert_feed_forward_length", 0, 0, maxWidth)
		r.int("expert_shared_count", 0, 0, maxWidth)
		r.noExperts()
		return c
	}
	c.experts = r.routedExperts(r.uniform("expert_feed_forward_length", required, 1, maxWidth), c.glmLite())
	c.experts.shared = c.experts.ff * r.int("expert_shared_count", required, 0, 1<<10)
	c.experts.bias = optional
	r.expertGroups(&c.experts)
	return c
}

// glmLite reports whether the file is GLM 4.7 Flash, whose first files do not say that the probabilities of its experts
// are made by a sigmoid.
func (c config) glmLite() bool {
	return (c.layers == 47 || c.layers == 48) && c.vocabulary == 154880
}

// latentSizes reads the widths of latent attention.
func (r *reader) latentSizes() latentSizes {
	s := latentSizes{
		qLatent: r.int("attention.q_lora_rank", 0, 0, maxWidth),
		latent:  r.int("attention.kv_lora_rank", required, 1, maxWidth),
		rope:    r.int("rope.dimension_count", required, 2, 4096),
	}
	head := r.int("attention.key_length_mla", 0, 0, 4096)
	if s.value = r.int("attention.value_length_mla", 0, 0, 4096); head == 0 && s.value == 0 {
		head = r.int("attention.key_length", required, 2, 4096)
		s.value = r.int("attention.value_length", required, 1, 4096)
	} else if r.err == nil {
		r.expect("attention.key_length", s.latent+s.rope)
		r.expect("attention.value_length", s.latent)
	}
	if s.nope = head - s.rope; r.err == nil && (s.nope < 1 || s.value < 1 || s.rope%2 != 0) {
		r.fail(fmt.Errorf("heads of %d values, of which %d are rotated, with values of %d: %w", head, s.rope, s.value, models.ErrCorrupt))
	}
	r.headDim = head
	return s
}

// expect reads a key that follows from others.
func (r *reader) expect(key string, want int) {
	if n := r.int(key, want, 0, maxWidth); n != want {
		r.fail(fmt.Errorf("key %q is %d, expected %d: %w", r.family+"."+key, n, want, models.ErrCorrupt))
	}
}

// readAttention reads the rotary embedding and how scores are scaled.
func (m *deepseek2) readAttention(r *reader, same bool) {
	rotary := r.rotary(m.mla.rope, m.c.context)
	all := r.float("rope.scaling.yarn_log_multiplier", 0, 0, 1e3) / float64(float32(0.1)) // files have a tenth of mscale_all_dim
	if rotary.MScaleAll = all; same && all != 1 {
		rotary.MScale = all
	}
	temperature := r.temperature("attention.temperature_length")
	if r.err != nil {
		return
	}
	freq, scale := rotary.Frequencies()
	v := r.load("the rotary frequencies", freq)
	s := m.mla
	m.qRope = kernels.RoPE{HeadDim: s.nope + s.rope, Offset: s.nope, Freq: v, Scale: scale, Interleaved: true}
	m.kvRope = kernels.RoPE{HeadDim: s.latent + s.rope, Offset: s.latent, Freq: v, Scale: scale, Interleaved: true}
	m.attn = kernels.Attention{
		Heads: m.c.heads, KVHeads: 1, HeadDim: s.latent + s.rope, ValueDim: s.latent, Causal: true, Temperature: temperature,
		Scale: float32(scoreFactor(rotary, float64(scale)) / math.Sqrt(float64(s.nope+s.rope))),
	}
}

// scoreFactor returns the square of YaRN's factor for all dimensions, mscale_all_dim. scale is the factor of the rotated
// values, which are only a part of each head.
func scoreFactor(rotary nn.Rotary, scale float64) float64 {
	log := 0.0
	if rotary.Factor > 0 {
		log = 0.1 * math.Log(rotary.Factor)
	}
	if !rotary.Yarn {
		scale *= 1 + log
	}
	scale *= 1 + rotary.MScaleAll*log
	return scale * scale
}

// temperature reads the temperature of attention. length is the key of its length, "": the original context.
func (r *reader) temperature(length string) kernels.Temperature {
	t := kernels.Temperature{Scale: float32(r.float("attention.temperature_scale", 0, 0, 1e3))}
	if length != "" {
		t.Length = r.int(length, 0, 0, 1<<30)
	} else {
		t.Length = r.int("rope.scaling.original_context_length", r.context, 0, 1<<30)
	}
	switch {
	case t.Scale == 0:
		t.Length = 0
	case t.Length == 0:
		r.fail(fmt.Errorf("key %q without a length: %w", r.family+".attention.temperature_scale", models.ErrCorrupt))
	}
	return t
}

func (r *reader) deepseek2Layer(i int, c config, s latentSizes) deepseek2Layer {
	blk := fmt.Sprintf("blk.%d.", i)
	l := deepseek2Layer{attnNorm: r.norm(blk+"attn_norm", c.dim, c)}
	q := part{blk + "attn_q", c.heads * (s.nope + s.rope)}
	if s.qLatent > 0 {
		l.qA = r.matrix(c.dim, part{blk + "attn_q_a", s.qLatent})
		l.qNorm = r.norm(blk+"attn_q_a_norm", s.qLatent, c)
		l.qB = r.matrix(s.qLatent, part{blk + "attn_q_b", q.rows})
	} else {
		l.qB = r.matrix(c.dim, q)
	}
	l.kvA = r.matrix(c.dim, part{blk + "attn_kv_a_mqa", s.latent + s.rope})
	l.kvNorm = r.norm(blk+"attn_kv_a_norm", s.latent, c)
	if _, ok := r.f.Tensor(blk + "attn_kv_b.weight"); ok {
		l.kB, l.vB = r.splitLatent(blk+"attn_kv_b", c.heads, s)
	} else {
		l.kB = r.expertMatrix(c.heads, s.nope, part{blk + "attn_k_b", s.latent})
		l.vB = r.expertMatrix(c.heads, s.latent, part{blk + "attn_v_b", s.value})
	}
	l.o = r.matrix(c.heads*s.value, part{blk + "attn_output", c.dim})
	l.ffnNorm = r.norm(blk+"ffn_norm", c.dim, c)
	if i < c.dense {
		l.ffn = r.feedForward(blk, c.dim, c.ff)
		return l
	}
	l.ffn = r.mixture(blk, c.dim, c.experts)
	return l
}

// splitLatent loads a tensor [heads·(nope+value) × latent] as the matrices by which keys and values of each head are made. That of the
// keys is transposed, since q is multiplied by it.
func (r *reader) splitLatent(name string, heads int, s latentSizes) (k, v kernels.Matrix) {
	t, ok := r.tensor(name+".weight", heads*(s.nope+s.value), s.latent)
	if !ok {
		return nil, nil
	}
	row := t.Type.RowBytes(s.latent)
	v = r.loadMatrix(name, []kernels.Weights{{
		Type: t.Type, Rows: s.value, Cols: s.latent, Data: t.Data[s.nope*row:], Experts: heads, ExpertBytes: (s.nope + s.value) * row,
	}})
	if _, checks := r.dev.(kernels.Checker); checks {
		return nil, v // nothing is left to check, and the values take time
	}
	values, turned := make([]float32, s.nope*s.latent), make([]float32, s.nope*s.latent)
	w := kernels.Weights{Type: quant.F32, Rows: s.latent, Cols: s.nope, Experts: heads}
	for h := range heads {
		quant.Dequantize(t.Type, values, t.Data[h*(s.nope+s.value)*row:][:s.nope*row])
		for i, x := range values {
			turned[i%s.latent*s.nope+i/s.latent] = x
		}
		data := make([]byte, 4*len(turned))
		quant.Quantize(quant.F32, data, turned)
		w.Data = append(w.Data, data...)
	}
	return r.loadMatrix(name, []kernels.Weights{w}), v
}

// Shape describes the model.
func (m *deepseek2) Shape() Shape {
	s := m.mla
	keeps := kernels.Layer{Kind: kernels.Latent, KeyDim: s.latent + s.rope, ValueDim: s.latent}
	return Shape{
		Vocabulary: m.c.vocabulary, Context: m.c.context, Bytes: m.c.bytes, Layers: slices.Repeat([]kernels.Layer{keeps}, m.c.layers),
		Scratch: 2*m.c.dim + s.qLatent + (1+m.c.heads)*(s.latent+s.rope) + m.c.heads*(s.nope+s.rope+s.latent+s.value) + m.c.feedForwardScratch(),
	}
}

// Forward runs a step.
func (m *deepseek2) Forward(s *nn.Step) (*kernels.Rows, error) {
	c, n, z := m.c, len(s.Tokens), m.mla
	d := m.dev.Begin(&s.Batch)
	x := d.New(n, c.dim)                      // the residual stream
	h := d.New(n, c.dim)                      // normalised x
	a := d.New(n, max(1, z.qLatent))          // the latent of q
	q := d.New(n, c.heads*(z.nope+z.rope))    // q, for each head nope and rope
	ql := d.New(n, c.heads*(z.latent+z.rope)) // q, for each head in the latent space and rope
	kv := d.New(n, z.latent+z.rope)           // what the state keeps
	seen := d.New(n, c.heads*z.latent)        // the output of attention
	heads := d.New(n, c.heads*z.value)        // the same with the values of each head
	ffn := c.feedForwardTensors(d, n)

	d.Embed(x, m.embed, 1)
	for i := range m.layers {
		l := &m.layers[i]
		l.attnNorm.Of(d, h, x)
		if l.qA != nil {
			d.MatMul(a, h, l.qA)
			d.MatMul(q, l.qNorm.Of(d, a, a), l.qB)
		} else {
			d.MatMul(q, h, l.qB)
		}
		d.Rotate(q, &m.qRope)
		d.MatMulHeads(ql, q, l.kB)
		d.CopyHeads(ql, q, c.heads, z.latent, z.nope, z.rope)

		d.MatMul(kv, h, l.kvA)
		latent := kv.Slice(0, z.latent)
		l.kvNorm.Of(d, latent, latent)
		d.Rotate(kv, &m.kvRope)
		d.StoreLatent(kv, i)
		d.AttendLatent(seen, ql, i, &m.attn)
		d.MatMulHeads(heads, seen, l.vB)
		d.MatMulAdd(x, heads, l.o)

		l.ffnNorm.Of(d, h, x)
		l.ffn.add(d, x, h, &ffn)
	}
	logits := nn.Logits(d, x, s.Out, m.norm, m.output)
	return logits, d.End()
}
