package huggingface

// deepseekModules are those modules of DeepSeek V2 and V3, and of GLM 4.7 Flash, that differ.
var deepseekModules = map[string]name{
	"self_attn.q_proj":                 {text: "attn_q"}, // the values of a pair are neighbours in the folder, too
	"self_attn.q_a_proj":               {text: "attn_q_a"},
	"self_attn.q_a_layernorm":          {text: "attn_q_a_norm"},
	"self_attn.q_b_proj":               {text: "attn_q_b"},
	"self_attn.kv_a_proj_with_mqa":     {text: "attn_kv_a_mqa"},
	"self_attn.kv_a_layernorm":         {text: "attn_kv_a_norm"},
	"self_attn.kv_b_proj":              {text: "attn_kv_b"},
	"mlp.gate/e_score_correction_bias": {text: "exp_probs_b.bias"},
}

// deepseekKeys sets the keys of DeepSeek V2 and V3, and of GLM 4.7 Flash. The matrices of keys and values of each head are one tensor, so the widths are
// those of a head.
func deepseekKeys(c *config) {
	rotated, value := c.int("qk_rope_head_dim", required), c.int("v_head_dim", required)
	c.set("attention.q_lora_rank", c.int("q_lora_rank", 0))
	c.set("attention.kv_lora_rank", c.int("kv_lora_rank", required))
	c.set("attention.key_length", c.int("qk_nope_head_dim", required)+rotated)
	c.set("attention.value_length", value)
	c.set("attention.head_count_kv", c.int("num_attention_heads", required))
	c.set("rope.dimension_count", rotated)
	if !c.has("rms_norm_eps") {
		c.set("attention.layer_norm_rms_epsilon", 1e-6)
	}
	c.rope(rotated)
	c.only(c.bool("rope_interleave", true), "rope_interleave")
	c.routed()
	second := c.string("model_type", "") == "deepseek_v2"
	gating := map[string]int{"softmax": 1, "sigmoid": 2}[c.string("scoring_func", map[bool]string{true: "softmax", false: "sigmoid"}[second])]
	c.only(gating > 0, "scoring_func")
	c.set("expert_gating_func", gating)
	c.set("expert_weights_norm", c.bool("norm_topk_prob", !second))
	if second { // only its lite models choose among all experts
		c.only(c.string("topk_method", "greedy") == "greedy" || c.int("n_group", 1) == 1, "topk_method")
	} else if groups := c.int("n_group", 1); groups > 1 {
		c.set("expert_group_count", groups)
		c.set("expert_group_used_count", c.int("topk_group", required))
	}
}

// routed sets the keys of mixtures in all layers but the first, with experts that all tokens go through.
func (c *config) routed() {
	c.set("leading_dense_block_count", c.int("first_k_dense_replace", 0))
	c.set("expert_count", c.int("n_routed_experts", required))
	c.set("expert_used_count", c.int("num_experts_per_tok", required))
	c.set("expert_feed_forward_length", c.int("moe_intermediate_size", required))
	c.set("expert_shared_count", c.int("n_shared_experts", 0))
	c.set("expert_weights_scale", c.number("routed_scaling_factor", 1))
	c.only(c.int("moe_layer_freq", 1) == 1, "moe_layer_freq")
}

// dots1Modules are those modules of dots.llm1 that differ.
var dots1Modules = map[string]name{"mlp.gate/e_score_correction_bias": {text: "exp_probs_b.bias"}}

// dots1Keys sets the keys of dots.llm1.
func dots1Keys(c *config) {
	ropeKeys(c)
	c.routed()
	c.set("expert_gating_func", 2) // a sigmoid
	c.set("expert_weights_norm", c.bool("norm_topk_prob", false))
	c.only(c.int("n_group", 1) == 1, "n_group")
	c.only(!c.bool("use_sliding_window", false), "use_sliding_window")
}

// glm4MoEModules are those modules of GLM 4.5 that differ.
var glm4MoEModules = map[string]name{
	"post_attention_layernorm":         {text: "post_attention_norm"},
	"mlp.gate/e_score_correction_bias": {text: "exp_probs_b.bias"},
}

// glm4MoEKeys sets the keys of GLM 4.5.
func glm4MoEKeys(c *config) {
	partKeys(c)
	c.routed()
	c.set("expert_gating_func", 2) // a sigmoid
	c.set("expert_weights_norm", c.bool("norm_topk_prob", true))
	c.only(c.int("n_group", 1) == 1, "n_group")
}
