package huggingface

import (
	"soberano/models"
)

func llamaKeys(c *config) {
	_, width := c.heads(false)
	c.rope(width)
	// llama.cpp sees no windows in the family llama; a shorter context needs none.
	if window := c.int("sliding_window", 0); window > 0 && window < c.int("max_position_embeddings", required) {
		c.set("context_length", window)
	}
}

func qwenKeys(c *config) {
	_, width := c.heads(false)
	c.rope(width)
	if c.bool("use_sliding_window", false) {
		c.set("attention.sliding_window", c.int("sliding_window", 0))
	}
}

// phi3Keys sets the keys of phi3. A window of 0 stands for none.
func phi3Keys(c *config) {
	_, width := c.heads(false)
	share := c.number("partial_rotary_factor", c.numberOf(c.object("rope_parameters"), "partial_rotary_factor", 1))
	dims := int(share * float64(width))
	c.set("rope.dimension_count", dims)
	c.rope(dims)
	original := c.int("original_max_position_embeddings", c.intOf(c.object("rope_parameters"), "original_max_position_embeddings", c.int("max_position_embeddings", required)))
	c.set("rope.scaling.original_context_length", original)
	c.set("attention.sliding_window", c.int("sliding_window", 0))
}

// gemmaKeys sets the keys of gemma, gemma2 and gemma3.
func gemmaKeys(c *config) {
	_, width := c.heads(false)
	c.rope(width)
	if c.has("rope_local_base_freq") {
		c.set("rope.freq_base_swa", c.number("rope_local_base_freq", 10000))
	}
	for _, name := range []string{"attn_logit_softcapping", "final_logit_softcapping"} {
		if c.has(name) {
			c.set(name, c.number(name, 0))
		}
	}
	if c.family.architecture == "gemma" {
		return
	}
	c.set("attention.sliding_window", c.int("sliding_window", 0))
	if c.family.architecture == "gemma3" {
		c.gemma3Pattern()
	}
}

// gemma3Pattern sets which layers have a window, unless it is the usual pattern.
func (c *config) gemma3Pattern() {
	types, _ := c.values["layer_types"].([]any)
	switch {
	case types != nil:
		local := make([]bool, len(types))
		for i, t := range types {
			if local[i] = t == "sliding_attention"; !local[i] && t != "full_attention" {
				c.fail("layer_types has an unknown type of layer: %w", models.ErrUnsupported)
			}
		}
		c.set("attention.sliding_window_pattern", local)
	case c.has("sliding_window_pattern"):
		c.set("attention.sliding_window_pattern", c.int("sliding_window_pattern", 6))
	}
}

// bertKeys sets the keys of bert, which embeds texts, or ranks them if it has a classifier.
func bertKeys(c *config) {
	c.set("attention.layer_norm_epsilon", c.number("layer_norm_eps", 1e-12))
	c.set("attention.causal", false)
	c.meta["tokenizer.ggml.token_type_count"] = uint64(c.int("type_vocab_size", 2))
	if kind := c.string("position_embedding_type", "absolute"); kind != "absolute" {
		c.fail("positions of the type %s are not supported: %w", models.Quote(kind), models.ErrUnsupported)
	}
	c.classifier("classifier.weight")
}

// robertaKeys sets the keys of RoBERTa and XLM-RoBERTa, whose positions begin behind that of the padding.
func robertaKeys(c *config) {
	bertKeys(c)
	c.classifier("classifier.out_proj.weight")
	c.skips = c.int("pad_token_id", 1) + 1
	if n := c.int("max_position_embeddings", required) - c.skips; n > 0 {
		c.set("context_length", n)
	}
}

// modernBertKeys sets the keys of ModernBERT.
func modernBertKeys(c *config) {
	_, width := c.heads(false)
	c.rope(width)
	for name, key := range map[string]string{"global_rope_theta": "rope.freq_base", "local_rope_theta": "rope.freq_base_swa"} {
		if c.has(name) {
			c.set(key, c.number(name, 10000))
		}
	}
	c.set("attention.layer_norm_epsilon", c.number("norm_eps", 1e-5))
	c.set("attention.causal", false)
	c.set("attention.sliding_window", c.int("local_attention", 128))
	c.set("attention.sliding_window_pattern", c.int("global_attn_every_n_layers", 3))
	c.classifier("classifier.weight")
	if pooling := c.string("classifier_pooling", "cls"); c.ranks && pooling == "mean" {
		c.set("classifier.pooling_type", int(models.PoolMean))
	} else if c.ranks {
		c.set("classifier.pooling_type", int(models.PoolFirst))
	}
}

// classifier sets the keys of a model that ranks, if there is a tensor of that name.
func (c *config) classifier(tensor string) {
	if _, ok := c.f.Tensor(tensor); !ok {
		return
	}
	c.ranks = true
	c.set("pooling_type", int(models.PoolRank))
	labels, _ := c.values["id2label"].(map[string]any)
	list := make([]string, len(labels))
	for i := range list {
		name, ok := labels[digits(i)].(string)
		if !ok {
			c.fail("id2label has no label %d: %w", i, models.ErrCorrupt)
			return
		}
		list[i] = name
	}
	if len(list) > 1 {
		c.set("classifier.output_labels", list)
	}
}
