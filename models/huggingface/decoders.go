package huggingface

import (
	"encoding/json"
	"slices"

	"soberano/models"
)

// ropeKeys sets the keys of a decoder that rotates whole heads.
func ropeKeys(c *config) {
	_, width := c.heads(false)
	c.rope(width)
}

// partKeys sets the keys of a decoder that rotates half of each head, or another part.
func partKeys(c *config) { c.partRotary(0.5) }

// partRotary sets the keys of the rotary embedding of a part of each head; share is for folders that do not say which.
func (c *config) partRotary(share float64) {
	_, width := c.heads(false)
	dims := int(c.number("partial_rotary_factor", c.numberOf(c.object("rope_parameters"), "partial_rotary_factor", share)) * float64(width))
	c.set("rope.dimension_count", dims)
	c.rope(dims)
}

// smolLM3Keys sets the keys of SmolLM3, whose files do not say that every fourth layer does not rotate.
func smolLM3Keys(c *config) {
	llamaKeys(c)
	rotated, _ := c.values["no_rope_layers"].([]any) // 1 for layers that rotate
	for i, v := range rotated {
		want := 1.0
		if (i+1)%4 == 0 {
			want = 0
		}
		c.only(c.numberOf(map[string]any{"no_rope_layers": v}, "no_rope_layers", required) == want, "no_rope_layers")
	}
	c.only(c.int("no_rope_layer_interval", 4) == 4, "no_rope_layer_interval")
}

// windowKeys sets the keys of a decoder of which some layers attend only to a window, if it has one.
func windowKeys(c *config) {
	ropeKeys(c)
	if window := c.int("sliding_window", 0); window > 0 {
		c.set("attention.sliding_window", window)
		c.localPattern()
	}
}

// localPattern sets which layers have a window: by the type of each layer, one in some number, or letters, L for local layers, that are repeated.
func (c *config) localPattern() {
	layers := c.int("num_hidden_layers", required)
	if layers > 1<<12 {
		return // the family refuses the file
	}
	local := make([]bool, layers)
	switch pattern := c.values["sliding_window_pattern"].(type) {
	case string:
		for i := range local {
			local[i] = pattern != "" && pattern[i%len(pattern)] == 'L'
		}
	default:
		period := max(1, c.int("sliding_window_pattern", 0))
		for i := range local {
			local[i] = (i+1)%period != 0
		}
		if pattern == nil && c.values["layer_types"] == nil {
			return // the family's own
		}
	}
	if types, ok := c.values["layer_types"].([]any); ok {
		local = slices.Grow([]bool(nil), len(types))
		for _, t := range types {
			if t != "sliding_attention" && t != "full_attention" {
				c.fail("layer_types has an unknown type of layer: %w", models.ErrUnsupported)
			}
			local = append(local, t == "sliding_attention")
		}
	}
	c.set("attention.sliding_window_pattern", local)
}

// cohereKeys sets the keys of command-r and cohere2.
func cohereKeys(c *config) {
	windowKeys(c)
	c.set("logit_scale", c.number("logit_scale", required))
	c.set("attention.layer_norm_epsilon", c.number("layer_norm_eps", 1e-5))
	if n := c.int("model_max_length", 0); n > 0 {
		c.set("context_length", n)
	}
}

// starCoder2Keys sets the keys of StarCoder2. Its windows are ignored: a shorter context needs none.
func starCoder2Keys(c *config) {
	llamaKeys(c)
	c.set("attention.layer_norm_epsilon", c.number("norm_epsilon", 1e-5))
}

// axesKeys sets the keys of the text part of a model that sees: its positions have several axes.
func axesKeys(c *config) {
	if c.family.architecture == "qwen3vlmoe" {
		qwenMoEKeys(c)
	} else {
		qwenKeys(c)
	}
	rope := c.object("rope_scaling")
	if rope == nil {
		rope = c.object("rope_parameters")
	}
	c.set("rope.dimension_sections", c.sections(rope))
}

// sections returns how many rotated pairs each axis of the positions has; def is for folders that do not say it.
func (c *config) sections(rope map[string]any, def ...int64) []int64 {
	sections := append(def, make([]int64, 4-len(def))...)
	list, _ := rope["mrope_section"].([]any)
	for i, v := range list[:min(len(list), 4)] {
		sections[i] = int64(c.intOf(map[string]any{"mrope_section": v}, "mrope_section", required))
	}
	return sections
}

// lfm2Heads returns the number of key/value heads of each layer, 0 for convolutions. Folders have the types of all layers, or the numbers of those
// with attention.
func (c *config) lfm2Heads() []int64 {
	types, _ := c.values["layer_types"].([]any)
	attention, _ := c.values["full_attn_idxs"].([]any)
	heads := make([]int64, min(c.int("num_hidden_layers", required), 1<<12))
	for i := range heads {
		full := slices.Contains(attention, any(json.Number(digits(i))))
		if types != nil {
			full = i < len(types) && types[i] != "conv"
		}
		if full {
			heads[i] = int64(c.int("num_key_value_heads", required))
		}
	}
	return heads
}

// lfm2Keys sets the keys of LFM2, of whose layers only some have attention.
func lfm2Keys(c *config) {
	ropeKeys(c)
	c.set("attention.layer_norm_rms_epsilon", c.number("norm_eps", 1e-5))
	c.set("shortconv.l_cache", c.int("conv_L_cache", required))
	c.set("attention.head_count_kv", c.lfm2Heads())
	ff := c.int("block_ff_dim", c.int("intermediate_size", 0))
	if c.bool("block_auto_adjust_ff_dim", false) {
		ff = int(c.number("block_ffn_dim_multiplier", 1) * float64(2*ff/3))
		if of := c.int("block_multiple_of", 256); of > 0 {
			ff = (ff + of - 1) / of * of
		}
	}
	c.set("feed_forward_length", ff)
	c.only(!c.bool("conv_bias", false), "conv_bias")
}
