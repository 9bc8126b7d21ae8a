package huggingface

import (
	"encoding/json"
	"maps"
	"math"

	"soberano/models"
)

// mixture sets the keys of a mixture of experts in all layers. width is the name of the width of an expert; "": it is that of the network.
func (c *config) mixture(width string) {
	count := "num_experts"
	if c.has("num_local_experts") {
		count = "num_local_experts"
	}
	used := "num_experts_per_tok"
	if c.has("experts_per_token") {
		used = "experts_per_token"
	}
	c.set("expert_count", c.int(count, required))
	c.set("expert_used_count", c.int(used, required))
	if width != "" {
		c.set("expert_feed_forward_length", c.int(width, required))
	}
}

// only refuses a value of config.json that the network of the family does not follow.
func (c *config) only(ok bool, name string) {
	if !ok {
		c.fail("%s has a value that is not supported: %w", name, models.ErrUnsupported)
	}
}

func mixtralKeys(c *config) {
	llamaKeys(c)
	c.mixture("")
}

// qwenMoEKeys sets the keys of qwen2_moe and qwen3_moe. Only those of Qwen 3 divide the weights of the experts by their sum.
func qwenMoEKeys(c *config) {
	qwenKeys(c)
	c.mixture("moe_intermediate_size")
	second := c.family.architecture == "qwen2moe"
	if second {
		c.set("expert_shared_feed_forward_length", c.int("shared_expert_intermediate_size", required))
	}
	dense, _ := c.values["mlp_only_layers"].([]any)
	c.only(c.int("decoder_sparse_step", 1) == 1 && len(dense) == 0, "decoder_sparse_step or mlp_only_layers")
	c.only(c.bool("norm_topk_prob", !second) != second, "norm_topk_prob")
}

func olmoeKeys(c *config) {
	ropeKeys(c)
	c.mixture("")
	c.only(!c.has("clip_qkv"), "clip_qkv")
	c.only(!c.bool("norm_topk_prob", false), "norm_topk_prob")
}

// graniteKeys sets the keys of granite and of its mixtures.
func graniteKeys(c *config) {
	ropeKeys(c)
	for name, key := range map[string]string{"attention_multiplier": "attention.scale", "embedding_multiplier": "embedding_scale", "residual_multiplier": "residual_scale", "logits_scaling": "logit_scale"} {
		c.set(key, c.number(name, 1))
	}
	if c.family.architecture == "granitemoe" {
		c.mixture("")
		if n := c.int("shared_intermediate_size", 0); n > 0 {
			c.set("expert_shared_feed_forward_length", n)
		}
	}
}

// miniCPMKeys sets the keys of MiniCPM 1, 2 and 4, whose factors follow from their sizes.
func miniCPMKeys(c *config) {
	ropeKeys(c)
	c.set("embedding_scale", c.number("scale_emb", 1))
	c.set("residual_scale", c.number("scale_depth", 1)/math.Sqrt(float64(c.int("num_hidden_layers", required))))
	c.set("logit_scale", float64(c.int("hidden_size", required))/c.number("dim_model_base", 1))
}

// lfm2MoEModules are those modules of the mixtures of LFM2 that differ.
var lfm2MoEModules = func() map[string]name {
	m := maps.Clone(lfm2Modules)
	m["feed_forward.gate"], m["feed_forward/expert_bias"] = name{text: "ffn_gate_inp"}, name{text: "exp_probs_b.bias"}
	return m
}()

// lfm2MoEKeys sets the keys of the mixtures of LFM2.
func lfm2MoEKeys(c *config) {
	lfm2Keys(c)
	c.mixture("moe_intermediate_size")
	c.set("leading_dense_block_count", c.int("num_dense_layers", 0))
	c.set("expert_gating_func", 2) // a sigmoid
	c.only(c.bool("norm_topk_prob", true), "norm_topk_prob")
	c.only(c.bool("use_expert_bias", true), "use_expert_bias")
	c.only(c.number("routed_scaling_factor", 1) == 1, "routed_scaling_factor")
}

// afmoeModules are those modules of Arcee Trinity that differ.
var afmoeModules = map[string]name{
	"self_attn.gate_proj": {text: "attn_gate"}, "post_attention_layernorm": {text: "post_attention_norm"}, "pre_mlp_layernorm": {text: "ffn_norm"}, "post_mlp_layernorm": {text: "post_ffw_norm"},
	"mlp.router.gate": {text: "ffn_gate_inp"}, "mlp/expert_bias": {text: "exp_probs_b.bias"},
}

// afmoeKeys sets the keys of Arcee Trinity, of whose layers every fourth has no window and does not rotate.
func afmoeKeys(c *config) {
	windowKeys(c)
	c.mixture("moe_intermediate_size")
	c.set("leading_dense_block_count", c.int("num_dense_layers", 0))
	c.set("expert_shared_count", c.int("num_shared_experts", 0))
	c.set("expert_gating_func", 2) // a sigmoid
	c.set("expert_weights_norm", c.bool("route_norm", true))
	c.set("expert_weights_scale", c.number("route_scale", 1))
	c.only(c.string("score_func", "sigmoid") == "sigmoid", "score_func")
	c.only(c.bool("mup_enabled", false), "mup_enabled")
	c.only(c.int("n_group", 1) == 1, "n_group")
	c.only(c.int("global_attn_every_n_layers", 4) == 4, "global_attn_every_n_layers")
	for i, local := range c.layersOf(map[string]bool{"sliding_attention": true, "full_attention": false}) {
		c.only(local == ((i+1)%4 != 0), "layer_types") // that a layer rotates follows from its number
	}
}

// ernieMoEModules are those modules of the mixtures of ERNIE 4.5 that differ.
var ernieMoEModules = map[string]name{"mlp.moe_statics/e_score_correction_bias": {make: squeezed("exp_probs_b", "bias")}}

// ernieMoEKeys sets the keys of the mixtures of ERNIE 4.5.
func ernieMoEKeys(c *config) {
	ropeKeys(c)
	width := c.int("moe_intermediate_size", required)
	c.set("expert_count", c.int("moe_num_experts", required))
	c.set("expert_used_count", c.int("moe_k", required))
	c.set("expert_feed_forward_length", width)
	c.set("expert_shared_feed_forward_length", width*c.int("moe_num_shared_experts", 0))
	c.set("leading_dense_block_count", c.int("moe_layer_start_index", 0))
	c.set("interleave_moe_layer_step", c.int("moe_layer_interval", 1))
	layers := c.int("num_hidden_layers", required)
	end := c.values["moe_layer_end_index"]
	c.only(end == nil || end == any(json.Number("-1")) || c.int("moe_layer_end_index", 0) == layers-1, "moe_layer_end_index")
}
