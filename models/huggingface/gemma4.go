package huggingface

import (
	"slices"
	"strings"
)

// gemma4Modules are those modules of Gemma 4 that differ.
var gemma4Modules = map[string]name{
	"post_attention_layernorm":     {text: "post_attention_norm"},
	"pre_feedforward_layernorm":    {text: "ffn_norm"},
	"pre_feedforward_layernorm_2":  {text: "pre_ffw_norm_2"},
	"post_feedforward_layernorm":   {text: "post_ffw_norm"},
	"post_feedforward_layernorm_1": {text: "post_ffw_norm_1"},
	"post_feedforward_layernorm_2": {text: "post_ffw_norm_2"},
	"router.proj":                  {text: "ffn_gate_inp"},
	"per_layer_input_gate":         {text: "inp_gate"},
	"per_layer_projection":         {text: "proj"},
	"post_per_layer_input_norm":    {text: "post_norm"},
	"router/scale":                 {text: "ffn_gate_inp.scale"},
	"router/per_expert_scale":      {text: "ffn_down_exps.scale"},
	"experts/gate_up_proj":         {text: "ffn_gate_up_exps.weight"},
	"experts/down_proj":            {text: "ffn_down_exps.weight"},
}

// gemma4Tensors are the tensors of Gemma 4 that are in no layer and differ.
var gemma4Tensors = map[string]string{
	"embed_tokens_per_layer.weight": "per_layer_token_embd.weight", "per_layer_model_projection.weight": "per_layer_model_proj.weight", "per_layer_projection_norm.weight": "per_layer_proj_norm.weight",
}

// gemma4Senses are the beginnings of the names of what sees and hears.
var gemma4Senses = []string{"model.vision_tower.", "model.audio_tower.", "model.embed_vision.", "model.embed_audio.", "model.vision_embedder."}

func gemma4Name(c *config, tensor string) name {
	rest := strings.TrimPrefix(strings.TrimPrefix(tensor, "model."), "language_model.")
	if to := gemma4Tensors[rest]; to != "" {
		return name{text: to}
	}
	if slices.ContainsFunc(gemma4Senses, func(prefix string) bool { return strings.HasPrefix(tensor, prefix) }) {
		return name{}
	}
	if layer, ok := strings.CutSuffix(rest, ".layer_scalar"); ok {
		return name{text: strings.Replace(layer, "layers.", "blk.", 1) + ".layer_output_scale.weight"}
	}
	return decoderName(c, tensor)
}

// gemma4Keys sets the keys of Gemma 4. Layers with a window have heads of another width than the others.
func gemma4Keys(c *config) {
	local := c.gemma4Layers()
	c.set("attention.sliding_window", c.int("sliding_window", required))
	c.set("attention.sliding_window_pattern", local)
	narrow, wide := c.int("head_dim", required), c.int("global_head_dim", required)
	for suffix, width := range map[string]int{"": wide, "_swa": narrow} {
		for _, key := range []string{"attention.key_length", "attention.value_length", "rope.dimension_count"} {
			c.set(key+suffix, width)
		}
	}
	c.gemma4Rope(wide)
	if c.has("num_global_key_value_heads") {
		heads := make([]int64, len(local))
		for i := range heads {
			if heads[i] = int64(c.int("num_global_key_value_heads", required)); local[i] {
				heads[i] = int64(c.int("num_key_value_heads", required))
			}
		}
		c.set("attention.head_count_kv", heads)
	}
	shared := c.int("num_kv_shared_layers", 0)
	c.set("attention.shared_kv_layers", shared)
	c.set("embedding_length_per_layer_input", c.int("hidden_size_per_layer_input", 0))
	c.set("final_logit_softcapping", c.number("final_logit_softcapping", 0))
	if c.bool("use_double_wide_mlp", false) {
		widths := make([]int64, len(local))
		for i := range widths {
			if widths[i] = int64(c.int("intermediate_size", required)); i >= len(local)-shared {
				widths[i] *= 2
			}
		}
		c.set("feed_forward_length", widths)
	}
	if c.int("num_experts", 0) > 0 {
		c.set("expert_count", c.int("num_experts", required))
		c.set("expert_used_count", c.int("top_k_experts", c.int("num_experts_per_tok", 0)))
		c.set("expert_feed_forward_length", c.int("moe_intermediate_size", c.int("expert_intermediate_size", 0)))
	}
}

// gemma4Layers returns for each layer whether it has a window.
func (c *config) gemma4Layers() []bool {
	types, _ := c.values["layer_types"].([]any)
	local := make([]bool, len(types))
	for i, t := range types {
		local[i] = t == "sliding_attention"
		c.only(local[i] || t == "full_attention", "layer_types")
	}
	c.only(types != nil, "layer_types")
	return local
}

// gemma4Rope sets the bases of both kinds of layers. In those without a window only the first pairs of a head are rotated: the divisors of the others are huge.
func (c *config) gemma4Rope(width int) {
	p := c.object("rope_parameters")
	full, _ := p["full_attention"].(map[string]any)
	near, _ := p["sliding_attention"].(map[string]any)
	c.only(full["rope_type"] == "proportional" && (near["rope_type"] == nil || near["rope_type"] == "default") && near["partial_rotary_factor"] == nil, "rope_parameters")
	c.set("rope.freq_base", c.numberOf(full, "rope_theta", 1e6))
	c.set("rope.freq_base_swa", c.numberOf(near, "rope_theta", 10000))
	share := c.numberOf(full, "partial_rotary_factor", 0.25)
	if c.err != nil || width > 1<<16 || !(share >= 0 && share <= 1) {
		return // the family refuses the file
	}
	divisors := slices.Repeat([]float32{1e30}, width/2)
	for i := range int(float64(width) * share / 2) {
		divisors[i] = 1
	}
	c.vector("rope_freqs.weight", divisors)
}
