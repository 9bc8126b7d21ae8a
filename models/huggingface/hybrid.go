package huggingface

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"soberano/models"
)

// stateSpace returns the modules of a Mamba 2, whose names begin with prefix.
func stateSpace(prefix string) map[string]name {
	return map[string]name{
		prefix + ".in_proj":       {text: "ssm_in"},
		prefix + ".conv1d":        {text: "ssm_conv1d"}, // the bias
		prefix + ".conv1d/weight": {make: squeezed("ssm_conv1d")},
		prefix + ".norm":          {make: groupNorm},
		prefix + ".out_proj":      {text: "ssm_out"},
		prefix + "/A_log":         {make: stateDecays},
		prefix + "/D":             {text: "ssm_d"},
		prefix + "/dt_bias":       {text: "ssm_dt.bias"},
	}
}

// stateDecays makes the rates of decay of a Mamba or a Mamba 2, of which folders have the logarithms.
func stateDecays(c *config, t models.Tensor, blk string) []models.Tensor {
	return c.decays(t, blk, t.Len(), func(i int) int { return i })
}

// groupNorm makes the norm of a Mamba 2, [groups × columns of a group].
func groupNorm(c *config, t models.Tensor, blk string) []models.Tensor {
	t.Name = blk + "ssm_norm.weight"
	if groups := c.groups(); len(t.Shape) == 1 && groups > 0 && t.Shape[0]%groups == 0 {
		t.Shape = []int{groups, t.Shape[0] / groups}
	}
	return []models.Tensor{t}
}

// groups returns the number of groups of a Mamba 2.
func (c *config) groups() int { return c.int("mamba_n_groups", c.int("n_groups", 1)) }

// graniteHybridModules are those modules of Granite 4 that differ. Beside a mixture, the feed-forward network is the shared expert.
var graniteHybridModules = func() map[string]name {
	m := stateSpace("mamba")
	m["shared_mlp.input_linear"] = name{make: func(c *config, t models.Tensor, blk string) []models.Tensor {
		if c.int("num_local_experts", 0) > 0 {
			return halves("ffn_gate_shexp", "ffn_up_shexp")(c, t, blk)
		}
		return halves("ffn_gate", "ffn_up")(c, t, blk)
	}}
	m["shared_mlp.output_linear"] = name{make: func(c *config, t models.Tensor, blk string) []models.Tensor {
		if t.Name = blk + "ffn_down.weight"; c.int("num_local_experts", 0) > 0 {
			t.Name = blk + "ffn_down_shexp.weight"
		}
		return []models.Tensor{t}
	}}
	return m
}()

// prepareGranite sets the architecture of Granite 4: models in which all layers have attention are those of Granite 3.
func prepareGranite(c *config) {
	switch types, _ := c.values["layer_types"].([]any); {
	case slices.Contains(types, any("mamba")):
	case c.int("num_local_experts", 0) > 0:
		c.family.architecture = "granitemoe"
	default:
		c.family.architecture = "granite"
	}
}

// graniteHybridKeys sets the keys of Granite 4.
func graniteHybridKeys(c *config) {
	graniteKeys(c)
	rotates := c.string("position_embedding_type", "nope") == "rope"
	mixture := c.int("num_local_experts", 0) > 0
	if !mixture { // the feed-forward network of a layer is what is beside the experts in others
		c.set("feed_forward_length", c.int("shared_intermediate_size", required))
	}
	if c.family.architecture == "granitemoe" {
		c.only(rotates, "position_embedding_type")
		return
	}
	c.set("rope.scaling.finetuned", rotates)
	if c.family.architecture == "granite" {
		return
	}
	if mixture {
		c.mixture("")
		c.set("expert_shared_feed_forward_length", c.int("shared_intermediate_size", 0))
	}
	c.attentionIn(c.layersOf(map[string]bool{"attention": true, "mamba": false}))
	c.stateSpace(c.int("mamba_n_heads", required), c.int("mamba_expand", 2)*c.int("hidden_size", required), c.int("mamba_d_state", required), c.int("mamba_d_conv", required))
}

// layersOf returns for each layer what kinds says of its type in layer_types.
func (c *config) layersOf(kinds map[string]bool) []bool {
	types, _ := c.values["layer_types"].([]any)
	list := make([]bool, len(types))
	for i, t := range types {
		text, _ := t.(string)
		value, known := kinds[text]
		c.only(known, "layer_types")
		list[i] = value
	}
	return list
}

// attentionIn sets which layers have attention.
func (c *config) attentionIn(layers []bool) {
	heads := make([]int64, len(layers))
	for i, attention := range layers {
		if attention {
			heads[i] = int64(c.int("num_key_value_heads", required))
		}
	}
	c.set("attention.head_count_kv", heads)
}

// stateSpace sets the keys of a Mamba 2 with so many columns.
func (c *config) stateSpace(heads, columns, states, taps int) {
	c.set("ssm.conv_kernel", taps)
	c.set("ssm.state_size", states)
	c.set("ssm.group_count", c.groups())
	c.set("ssm.inner_size", columns)
	c.set("ssm.time_step_rank", heads)
}

// nemotronHTensors are the tensors of Nemotron-H that are in no layer.
var nemotronHTensors = tensorTable{prefixes: []string{"backbone.", "model."}, layers: "layers.", others: map[string]string{
	"embeddings": "token_embd", "embed_tokens": "token_embd", "norm_f": "output_norm", "norm": "output_norm", "lm_head": "output",
}, skipped: []string{"mtp."}}

// nemotronHModules are the modules of Nemotron-H. A layer is a state space, attention, or a feed-forward network.
var nemotronHModules = func() map[string]name {
	m := stateSpace("mixer")
	maps.Copy(m, map[string]name{
		"norm":         {text: "attn_norm"},
		"mixer.q_proj": {text: "attn_q"}, "mixer.k_proj": {text: "attn_k"}, "mixer.v_proj": {text: "attn_v"}, "mixer.o_proj": {text: "attn_output"},
		"mixer.up_proj": {text: "ffn_up"}, "mixer.down_proj": {text: "ffn_down"},
		"mixer.gate": {text: "ffn_gate_inp"}, "mixer.gate/e_score_correction_bias": {text: "exp_probs_b.bias"},
		"mixer.shared_experts.up_proj": {text: "ffn_up_shexp"}, "mixer.shared_experts.down_proj": {text: "ffn_down_shexp"},
		"mixer.fc1_latent_proj": {text: "ffn_latent_down"}, "mixer.fc2_latent_proj": {text: "ffn_latent_up"},
	})
	return m
}()

// prepareNemotronH gives the values of Nemotron-H the usual names, and sets the architecture of a model with mixtures.
func prepareNemotronH(c *config) {
	letters := c.nemotronLayers()
	if slices.Contains(letters, 'E') {
		c.family.architecture = "nemotron_h_moe"
	}
	c.values["num_hidden_layers"] = json.Number(digits(len(letters)))
	c.rename("attention_head_dim", "head_dim")
	if eps := c.values["layer_norm_epsilon"]; eps != nil {
		c.values["rms_norm_eps"] = eps
	}
}

// nemotronLayers returns a letter for each layer: M for a state space, * for attention, - for a feed-forward network, E for a mixture.
func (c *config) nemotronLayers() (letters []rune) {
	if pattern := c.string("hybrid_override_pattern", ""); pattern != "" {
		return []rune(pattern)
	}
	list, _ := c.values["layers_block_type"].([]any)
	for _, v := range list {
		text, _ := v.(string)
		letter := map[string]rune{"mamba": 'M', "linear_attention": 'M', "attention": '*', "full_attention": '*', "mlp": '-', "moe": 'E'}[text]
		letters = append(letters, letter)
	}
	return letters
}

// nemotronHKeys sets the keys of Nemotron-H.
func nemotronHKeys(c *config) {
	letters := c.nemotronLayers()
	width := c.int("intermediate_size", 0)
	if c.family.architecture == "nemotron_h_moe" {
		width = c.int("moe_intermediate_size", required)
		c.nemotronMixture()
	}
	attention, widths := make([]bool, len(letters)), make([]int64, len(letters))
	for i, letter := range letters {
		c.only(strings.ContainsRune("M*-E", letter) && (letter != 'E' || c.family.architecture == "nemotron_h_moe"), "hybrid_override_pattern")
		if attention[i] = letter == '*'; letter == '-' || letter == 'E' {
			widths[i] = int64(width)
		}
	}
	c.only(c.family.architecture == "nemotron_h" || !slices.Contains(letters, '-'), "hybrid_override_pattern")
	c.only(c.string("mlp_hidden_act", "relu2") == "relu2", "mlp_hidden_act")
	c.set("feed_forward_length", widths)
	c.set("attention.layer_norm_epsilon", c.number("rms_norm_eps", required))
	c.attentionIn(attention)
	heads := c.int("mamba_num_heads", required)
	c.stateSpace(heads, heads*c.int("mamba_head_dim", required), c.int("ssm_state_size", required), c.int("conv_kernel", 4))
}

// nemotronMixture sets the keys of the mixtures of Nemotron 3.
func (c *config) nemotronMixture() {
	c.set("expert_count", c.int("n_routed_experts", required))
	c.set("expert_used_count", c.int("num_experts_per_tok", required))
	c.set("expert_feed_forward_length", c.int("moe_intermediate_size", required))
	c.set("expert_shared_feed_forward_length", c.int("moe_shared_expert_intermediate_size", required)*c.int("n_shared_experts", 1))
	c.set("expert_weights_norm", c.bool("norm_topk_prob", true))
	c.set("expert_weights_scale", c.number("routed_scaling_factor", 1))
	c.set("moe_latent_size", c.int("moe_latent_size", 0))
	c.only(c.int("n_group", 1) == 1, "n_group")
}
