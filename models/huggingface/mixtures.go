package huggingface

import (
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
