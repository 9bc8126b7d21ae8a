package arch

import (
	"fmt"

	"soberano/engine/nn"
	"soberano/models"
)

// The families of Qwen without delta nets are decoders. qwen2 (Qwen 1.5, 2 and 2.5, arXiv:2407.10671) and qwen3
// (arXiv:2505.09388) are the network of llama with these differences:
//
//   - qwen2 adds biases to q, k and v;
//   - qwen3 normalises each head of q and of k before it rotates them: q,k,v ─ norm(q),norm(k) ─ RoPE(q,k);
//   - rotated pairs are (i, i+headDim/2), as in the files of Hugging Face, and the rotary frequencies have no divisors.
//
// As in llama.cpp, no other projection has a bias. In qwen2moe and qwen3moe, mixtures of experts take the place of
// the feed-forward networks; in qwen2moe, the weights of the experts do not add up to 1, and a shared expert with a gate is
// beside them. qwen2vl (arXiv:2409.12191), qwen3vl and qwen3vlmoe (arXiv:2511.21631) are the text parts of models that see: their positions
// have several axes (nn.Rotary.Sections), which are equal in text. To the output of the first layers of qwen3vl, further rows of images are added
// (nn.Given).

func openQwen2(r *reader) (Model, error) { return r.qwen(dense, noSections, r.qwen2Layer) }

func openQwen3(r *reader) (Model, error) { return r.qwen(dense, noSections, r.qwen3Layer) }

func openQwen2MoE(r *reader) (Model, error) {
	m, err := r.qwen(r.sharedMixture, noSections, r.qwen2Layer)
	if err == nil {
		if _, ok := r.find("output.weight"); !ok {
			r.fail(fmt.Errorf("tensor %q is missing: %w", "output.weight", models.ErrCorrupt))
		}
	}
	return m, r.err
}

func openQwen3MoE(r *reader) (Model, error) { return r.qwen(r.plainMixture, noSections, r.qwen3Layer) }

// openMellum opens mellum (JetBrains Mellum 2), qwen3moe of whose layers three of four attend only to a window. Only the others scale their rotation
// for long contexts.
func openMellum(r *reader) (Model, error) {
	c := r.config()
	r.plainMixture(&c)
	local, window := r.localLayers(c)
	rotary := r.wholeRotary(c)
	all := r.attention(c, rotary)
	windowed := r.attention(c, nn.Rotary{Dims: rotary.Dims, Base: rotary.Base}).windowed(window)
	return r.decoder(&decoder{c: c, output: r.ownOutput(c, absent)}, func(i int, blk string) layer {
		return r.qwen3Layer(blk, c, choose(local[i], windowed, all))
	})
}

func openQwen2VL(r *reader) (Model, error) {
	return r.qwen(dense, func(rot *nn.Rotary) { r.sections(rot, false) }, r.qwen2Layer)
}

func openQwen3VL(r *reader) (Model, error) { return r.qwen3VL(dense) }

func openQwen3VLMoE(r *reader) (Model, error) { return r.qwen3VL(r.plainMixture) }

// qwen3VL reads a decoder to the first layers of which rows of images are added.
func (r *reader) qwen3VL(mixture func(*config)) (Model, error) {
	deep := r.int("n_deepstack_layers", 0, 0, maxLayers)
	m, err := r.qwen(mixture, func(rot *nn.Rotary) { r.sections(rot, true) }, r.qwen3Layer)
	if err != nil {
		return nil, err
	}
	if m.deep = deep; deep > m.c.layers {
		r.corrupt("key %q is %d for %d layers", r.family+".n_deepstack_layers", deep, m.c.layers)
	}
	return m, r.err
}

// qwen reads a decoder. mixture completes its configuration, sections its rotary embedding.
func (r *reader) qwen(mixture func(*config), sections func(*nn.Rotary), read func(blk string, c config, at *attention) layer) (*decoder, error) {
	c := r.config()
	if mixture(&c); c.dense > 0 {
		r.noExperts()
	}
	rotary := r.wholeRotary(c)
	sections(&rotary)
	at := r.attention(c, rotary)
	return r.decoder(&decoder{c: c}, func(_ int, blk string) layer { return read(blk, c, at) })
}

func dense(*config)         {}
func noSections(*nn.Rotary) {}

// plainMixture reads mixtures in all layers, of experts whose weights add up to 1.
func (r *reader) plainMixture(c *config) { r.qwenMixture(c, true) }

// sharedMixture reads mixtures in all layers, of experts whose weights are used as they are, beside a shared expert.
func (r *reader) sharedMixture(c *config) {
	r.qwenMixture(c, false)
	r.sharedWidth(c)
}

// qwenMixture reads mixtures in all layers. The width of an expert is a key or follows from that of the network.
func (r *reader) qwenMixture(c *config, normalize bool) {
	ff := r.uniform("expert_feed_forward_length", 0, 0, maxWidth)
	c.experts, c.dense = r.expertsOf(ff, normalize), 0
	switch {
	case r.err != nil:
	case c.experts.count == 0:
		r.fail(fmt.Errorf("key %q is missing: %w", r.family+".expert_count", models.ErrCorrupt))
	case ff == 0:
		c.experts.ff = c.ff / c.experts.routing.Used
	}
}

// sharedWidth reads the width of the shared expert, which has a gate: a key or that of the network.
func (r *reader) sharedWidth(c *config) {
	c.experts.gated = true
	c.experts.shared = r.uniform("expert_shared_feed_forward_length", 0, 0, maxWidth)
	if c.experts.shared == 0 {
		c.experts.shared = c.ff
	}
	if r.err == nil && c.experts.shared == 0 {
		r.fail(fmt.Errorf("key %q is missing: %w", r.family+".expert_shared_feed_forward_length", models.ErrCorrupt))
	}
}

// sections reads by how many pairs each axis of a position rotates.
func (r *reader) sections(rot *nn.Rotary, interleaved bool) {
	key := r.key("rope.dimension_sections")
	list, err := r.f.Meta.Ints(key)
	switch {
	case r.err != nil:
		return
	case err != nil:
		r.fail(err)
		return
	case len(list) != len(rot.Sections):
		r.fail(fmt.Errorf("key %q has %d entries, expected %d: %w", key, len(list), len(rot.Sections), models.ErrCorrupt))
		return
	}
	for i, n := range list {
		rot.Sections[i] = r.bounded(key, int(n), 0, rot.Dims)
	}
	rot.Interleaved = interleaved
	if rot.Sections[0]+rot.Sections[1]+rot.Sections[2] == 0 && r.err == nil {
		r.fail(fmt.Errorf("key %q has no pairs: %w", key, models.ErrCorrupt))
	}
}

func (r *reader) qwen2Layer(blk string, c config, at *attention) layer {
	for _, p := range r.qkvParts(blk, c.heads*c.headDim, c.kvHeads*c.headDim) {
		r.tensor(p.name+".bias", p.rows) // must be there; qkv loads it
	}
	return r.qwenLayer(blk, c, at)
}

func (r *reader) qwen3Layer(blk string, c config, at *attention) layer {
	l := r.qwenLayer(blk, c, at)
	l.qNorm = r.norm(blk+"attn_q_norm", c.headDim, c)
	l.kNorm = r.norm(blk+"attn_k_norm", c.headDim, c)
	return l
}

func (r *reader) qwenLayer(blk string, c config, at *attention) layer {
	l := r.layer(blk, c, at)
	l.o = r.matrix(at.Heads*at.HeadDim, part{blk + "attn_output", c.dim})
	l.ffn = r.qwenFeedForward(blk, c)
	return l
}

// qwenFeedForward reads the feed-forward network of a layer, or its mixture.
func (r *reader) qwenFeedForward(blk string, c config) feedForward {
	if c.experts.count == 0 {
		return r.feedForward(blk, c.dim, c.ff)
	}
	return r.mixture(blk, c.dim, c.experts)
}
