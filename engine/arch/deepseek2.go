package arch

import (
	"fmt"
	"math"
	"slices"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/models"
)

// deepseek2 is the network of DeepSeek V2 (arXiv:2405.04434), V3 and R1 (arXiv:2412.19437) and of others that were made after them (Kimi
// K2, GLM 4.7 Flash, Mistral Large 3, Mistral Small 4), which attend in a latent space; see latentAttention.
//
//	tokens ─ embed ─▶ x ─┬─────────────────────────────┬─▶ ⊕ ─┬────────────────────────────────┬─▶ ⊕ ─▶ … ─ norm ─ output ─▶ logits
//	                     └ norm ─ latent attention ─ o ┘      └ norm ─ mixture + shared expert ┘
//	                     └──────────────────────────── × layers ──────────────────────────────┘
//
// The first layers have no mixture. Rotated pairs are neighbours.
type deepseek2 struct {
	dev    kernels.Device
	c      config
	at     latentPositions
	embed  kernels.Matrix // [vocabulary × dim]
	layers []deepseek2Layer
	norm   nn.Norm        // [dim]
	output kernels.Matrix // [vocabulary × dim]
}

type deepseek2Layer struct {
	attnNorm nn.Norm // [dim]
	attn     *latentAttention
	ffnNorm  nn.Norm // [dim]
	ffn      feedForward
}

func openDeepseek2(r *reader) (Model, error) { return r.deepseek2(true) }

func openMistral4(r *reader) (Model, error) { return r.deepseek2(false) }

// deepseek2 reads a model. same says that YaRN's mscale is mscale_all_dim, of which files have only the latter.
func (r *reader) deepseek2(same bool) (Model, error) {
	m := &deepseek2{dev: r.dev, c: r.deepseek2Sizes()}
	m.at = r.latentSizes().positions(m.c.heads)
	m.readAttention(r, same)
	if r.err != nil {
		return nil, r.err
	}
	c := m.c
	m.embed = r.embedding(c)
	for i := range c.layers {
		m.layers = append(m.layers, r.deepseek2Layer(i, c, m.at.latentSizes))
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

// readAttention reads the rotary embedding and how scores are scaled.
func (m *deepseek2) readAttention(r *reader, same bool) {
	rotary := r.rotary(m.at.rope, m.c.context)
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
	s := m.at.latentSizes
	m.at.qRope = kernels.RoPE{HeadDim: s.nope + s.rope, Offset: s.nope, Freq: v, Scale: scale, Interleaved: true}
	m.at.kvRope = kernels.RoPE{HeadDim: s.latent + s.rope, Offset: s.latent, Freq: v, Scale: scale, Interleaved: true}
	m.at.attn.Temperature = temperature
	m.at.attn.Scale = float32(scoreFactor(rotary, float64(scale)) / math.Sqrt(float64(s.nope+s.rope)))
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
	l := deepseek2Layer{
		attnNorm: r.norm(blk+"attn_norm", c.dim, c), attn: r.latentAttention(blk, c, s), ffnNorm: r.norm(blk+"ffn_norm", c.dim, c),
	}
	if i < c.dense {
		l.ffn = r.feedForward(blk, c.dim, c.ff)
		return l
	}
	l.ffn = r.mixture(blk, c.dim, c.experts)
	return l
}

// Shape describes the model.
func (m *deepseek2) Shape() Shape {
	return Shape{
		Vocabulary: m.c.vocabulary, Context: m.c.context, Bytes: m.c.bytes, Layers: slices.Repeat([]kernels.Layer{m.at.layer()}, m.c.layers),
		Scratch: 2*m.c.dim + m.at.scratch(m.c.heads) + m.c.feedForwardScratch(),
	}
}

// Forward runs a step.
func (m *deepseek2) Forward(s *nn.Step) (*kernels.Rows, error) {
	c, n := m.c, len(s.Tokens)
	d := s.Begin(m.dev)
	x := d.New(n, c.dim) // the residual stream
	h := d.New(n, c.dim) // normalised x
	at := m.at.tensors(d, n, c.heads)
	ffn := c.feedForwardTensors(d, n)

	d.Embed(x, m.embed, 1)
	for i := range m.layers {
		l := &m.layers[i]
		l.attnNorm.Of(d, h, x)
		l.attn.add(d, x, h, &at, i, &m.at)
		l.ffnNorm.Of(d, h, x)
		l.ffn.add(d, x, h, &ffn)
	}
	logits := nn.Logits(d, x, s.Out, m.norm, m.output)
	return logits, d.End()
}
