package tiny

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"soberano/models"
)

// foreignFolder has the names in PyTorch of a family whose folders are not like those of llama.
type foreignFolder struct {
	layer  string            // the beginning of the names of a layer
	others map[string]string // what is in no layer
}

var foreignFolders = map[string]foreignFolder{
	"gpt2":           {layer: "transformer.h.%d.", others: map[string]string{"token_embd": "transformer.wte", "position_embd": "transformer.wpe", "output_norm": "transformer.ln_f"}},
	"gptneox":        {layer: "gpt_neox.layers.%d.", others: map[string]string{"token_embd": "gpt_neox.embed_in", "output_norm": "gpt_neox.final_layer_norm", "output": "embed_out"}},
	"falcon":         {layer: "transformer.h.%d.", others: map[string]string{"token_embd": "transformer.word_embeddings", "output_norm": "transformer.ln_f"}},
	"bloom":          {layer: "transformer.h.%d.", others: map[string]string{"token_embd": "transformer.word_embeddings", "token_embd_norm": "transformer.word_embeddings_layernorm", "output_norm": "transformer.ln_f"}},
	"falcon-h1":      {layer: "model.layers.%d.", others: map[string]string{"output_norm": "model.final_layernorm"}},
	"internlm2":      {layer: "model.layers.%d.", others: map[string]string{"token_embd": "model.tok_embeddings", "output": "output"}},
	"jamba":          {layer: "model.layers.%d.", others: map[string]string{"output_norm": "model.final_layernorm"}},
	"mamba":          {layer: "backbone.layers.%d.", others: map[string]string{"token_embd": "backbone.embeddings", "output_norm": "backbone.norm_f"}},
	"mamba2":         {layer: "backbone.layers.%d.", others: map[string]string{"token_embd": "backbone.embeddings", "output_norm": "backbone.norm_f"}},
	"mpt":            {layer: "transformer.blocks.%d.", others: map[string]string{"token_embd": "transformer.wte", "output_norm": "transformer.norm_f"}},
	"phi2":           {layer: "model.layers.%d.", others: map[string]string{"output_norm": "model.final_layernorm"}},
	"starcoder":      {layer: "transformer.h.%d.", others: map[string]string{"token_embd": "transformer.wte", "position_embd": "transformer.wpe", "output_norm": "transformer.ln_f"}},
	"nemotron_h":     {layer: "backbone.layers.%d.", others: map[string]string{"token_embd": "backbone.embeddings", "output_norm": "backbone.norm_f"}},
	"nemotron_h_moe": {layer: "backbone.layers.%d.", others: map[string]string{"token_embd": "backbone.embeddings", "output_norm": "backbone.norm_f"}},
}

// stateModules are the names in PyTorch of the state spaces of families that have some.
var stateModules = map[string]string{"falcon-h1": "mamba", "jamba": "mamba", "mamba": "mixer", "mamba2": "mixer", "granitehybrid": "mamba", "nemotron_h": "mixer", "nemotron_h_moe": "mixer"}

// foreignPart returns what a tensor is in a folder that has it in another form, or under a name without ".weight". ok is false if it is none of these.
func (s *Source) foreignPart(t *models.Tensor) (list []models.Tensor, ok bool) {
	var layer int
	if s.Architecture == "falcon-h1" && t.Name == "token_embd.weight" {
		out := s.pytorch(t)
		s.divide(&out, func(int) float32 { return falconH1Embedding })
		return []models.Tensor{out}, true
	}
	if module := map[string]string{"altup_proj.weight": "altup_projections", "altup_unembd_proj.weight": "altup_unembed_projections"}[t.Name]; module != "" {
		size := len(t.Data) / t.Shape[0]
		for i := range t.Shape[0] {
			list = append(list, models.Tensor{Name: fmt.Sprintf("model.%s.%d.weight", module, i), Type: t.Type, Shape: t.Shape[1:], Data: t.Data[i*size:][:size]})
		}
		return list, true
	}
	if _, err := fmt.Sscanf(t.Name, "blk.%d.", &layer); err != nil || modelTypes[s.Architecture] == "" {
		return nil, false
	}
	what := strings.TrimPrefix(t.Name, fmt.Sprintf("blk.%d.", layer))
	prefix := s.module(layer, "")
	if list, ok := s.olderPart(t, prefix, what); ok {
		return list, true
	}
	if mamba := stateModules[s.Architecture]; mamba != "" && strings.HasPrefix(what, "ssm_") {
		part := statePart(t, prefix+mamba+".", what)
		if what == "ssm_dt.bias" && s.Meta[s.Architecture+".ssm.group_count"] != nil { // of a Mamba 2
			part.Name = prefix + mamba + ".dt_bias"
		}
		return []models.Tensor{part}, true
	}
	out := *t
	switch {
	case what == "exp_probs_b.bias":
		if out.Name = s.module(layer, "ffn_gate_inp") + ".e_score_correction_bias"; s.Architecture == "lfm2moe" {
			out.Name = prefix + "feed_forward.expert_bias"
		} else if s.Architecture == "afmoe" {
			out.Name = prefix + "mlp.expert_bias"
		}
	case s.Architecture == "gpt2" && len(t.Shape) == 2:
		out = s.pytorch(t)
		out.Shape, out.Data = []int{t.Shape[1], t.Shape[0]}, turned(t.Data, t.Shape[0], t.Shape[1])
	case s.Architecture == "gptneox" && strings.HasPrefix(what, "attn_qkv"):
		out = s.pytorch(t)
		out.Data = grouped(t.Data, Heads)
	case s.Architecture == "falcon" && strings.HasPrefix(what, "attn_qkv"):
		out = s.pytorch(t)
		out.Data = grouped(t.Data, 1)
	case s.Architecture == "deepseek2" && what == "attn_k_b.weight":
		v := s.Tensors[slices.IndexFunc(s.Tensors, func(x models.Tensor) bool { return x.Name == strings.Replace(t.Name, "_k_b", "_v_b", 1) })]
		out = latentHeads(t, &v)
		out.Name = prefix + "self_attn.kv_b_proj.weight"
	case s.Architecture == "deepseek2" && what == "attn_v_b.weight":
		return nil, true
	case s.Architecture == "granitehybrid" && what == "ffn_gate.weight":
		out = s.joined(t, strings.Replace(t.Name, "gate", "up", 1), prefix+"shared_mlp.input_linear.weight")
	case s.Architecture == "granitehybrid" && what == "ffn_up.weight":
		return nil, true
	default:
		return nil, false
	}
	return []models.Tensor{out}, true
}

// statePart returns a tensor of a Mamba or a Mamba 2 as it is in a folder. The rates of decay become in t what they are after their logarithm.
func statePart(t *models.Tensor, prefix, what string) models.Tensor {
	out := *t
	switch what {
	case "ssm_a":
		out.Name, out.Data = prefix+"A_log", logarithms(t)
		if t.Cols() == 1 {
			out.Shape = []int{t.Len()}
		}
	case "ssm_d":
		out.Name, out.Shape = prefix+"D", []int{t.Len()}
	case "ssm_norm.weight":
		out.Name, out.Shape = prefix+"norm.weight", []int{t.Len()}
	case "ssm_conv1d.weight":
		out.Name, out.Shape = prefix+"conv1d.weight", []int{t.Shape[0], 1, t.Shape[1]}
	default:
		module, kind, _ := strings.Cut(what, ".")
		out.Name = prefix + map[string]string{"ssm_in": "in_proj", "ssm_out": "out_proj", "ssm_conv1d": "conv1d", "ssm_x": "x_proj", "ssm_dt": "dt_proj",
			"ssm_dt_norm": "dt_layernorm", "ssm_b_norm": "b_layernorm", "ssm_c_norm": "c_layernorm"}[module] + "." + kind
	}
	return out
}

// turned returns a matrix of so many rows with its rows as columns.
func turned(data []byte, rows, cols int) []byte {
	size := len(data) / (rows * cols)
	out := make([]byte, 0, len(data))
	for col := range cols {
		for row := range rows {
			out = append(out, data[(row*cols+col)*size:][:size]...)
		}
	}
	return out
}

// grouped returns the rows of q, k and v, which are together, as they are in a folder: each head of keys has its queries, its key and its value.
func grouped(data []byte, kvHeads int) []byte {
	head := len(data) / (Heads + 2*kvHeads)
	take := func(i int) []byte { return data[i*head:][:head] }
	out := make([]byte, 0, len(data))
	for kv := range kvHeads {
		for q := range Heads / kvHeads {
			out = append(out, take(kv*(Heads/kvHeads)+q)...)
		}
		out = append(append(out, take(Heads+kv)...), take(Heads+kvHeads+kv)...)
	}
	return out
}

// latentHeads returns the matrices of keys and values of each head as one: those of keys [heads × latent × nope] are turned.
func latentHeads(k, v *models.Tensor) models.Tensor {
	out := models.Tensor{Type: k.Type, Shape: []int{Heads * (nope + valueDim), kvLatent}}
	kSize, vSize := len(k.Data)/Heads, len(v.Data)/Heads
	for h := range Heads {
		out.Data = append(out.Data, turned(k.Data[h*kSize:][:kSize], kvLatent, nope)...)
		out.Data = append(out.Data, v.Data[h*vSize:][:vSize]...)
	}
	return out
}

// widenShared makes the shared expert as wide as the others, which folders of hunyuan-moe cannot say otherwise: it becomes the first of them.
func (s *Source) widenShared() {
	for i, t := range s.Tensors {
		if !strings.Contains(t.Name, "_shexp") {
			continue
		}
		from := s.Tensors[slices.IndexFunc(s.Tensors, func(x models.Tensor) bool { return x.Name == strings.Replace(t.Name, "_shexp", "_exps", 1) })]
		s.Tensors[i].Type, s.Tensors[i].Shape, s.Tensors[i].Data = from.Type, from.Shape[1:], slices.Clone(from.Data[:len(from.Data)/Experts])
	}
	s.Meta["hunyuan-moe.expert_shared_feed_forward_length"] = uint64(FF)
}

// activationParts returns the parameters of xIELU, which are values in a GGUF file.
func (s *Source) activationParts() (list []models.Tensor) {
	parts := &Source{}
	for _, name := range []string{"alpha_p", "alpha_n", "beta", "eps"} {
		for i, x := range s.Meta["xielu."+name].([]float64) {
			parts.Vector(fmt.Sprintf("model.layers.%d.mlp.act_fn.%s", i, name), float32(x))
		}
	}
	return parts.Tensors
}

// foreignConfig adds what the config.json of such a family says, and reports whether it is one.
func (s *Source) foreignConfig(c map[string]any) bool {
	move := func(names ...string) {
		for i := 0; i < len(names); i += 2 {
			c[names[i+1]] = c[names[i]]
			delete(c, names[i])
		}
	}
	key := func(name string) any { return s.Meta[s.Architecture+"."+name] }
	switch s.Architecture {
	case "afmoe", "arcee", "bloom", "dots1", "falcon-h1", "gemma3n", "internlm2", "jamba", "llama4", "mamba", "mamba2", "minicpm", "mpt", "nemotron", "phi2", "stablelm", "starcoder":
		s.olderConfig(c, move)
	case "gpt2":
		move("hidden_size", "n_embd", "num_hidden_layers", "n_layer", "num_attention_heads", "n_head", "max_position_embeddings", "n_positions", "intermediate_size", "n_inner", "layer_norm_eps", "layer_norm_epsilon")
		c["activation_function"] = "gelu_new"
	case "gptneox":
		move("partial_rotary_factor", "rotary_pct", "rope_theta", "rotary_emb_base")
		c["hidden_act"] = "gelu"
	case "falcon":
		move("layer_norm_eps", "layer_norm_epsilon", "intermediate_size", "ffn_hidden_size")
		c["multi_query"], c["alibi"], c["bias"], c["parallel_attn"], c["new_decoder_architecture"] = true, false, false, true, false
	case "apertus":
		c["hidden_act"] = "xielu"
	case "hunyuan-dense":
		c["use_qk_norm"] = true
	case "hunyuan-moe":
		move("num_experts_per_tok", "moe_topk")
		c["num_shared_expert"] = slices.Repeat([]int{1}, 3)
	case "deepseek2":
		s.deepseekConfig(c)
		fallthrough
	case "glm4moe":
		move("num_experts", "n_routed_experts")
		c["n_shared_experts"], c["first_k_dense_replace"], c["norm_topk_prob"] = key("expert_shared_count"), key("leading_dense_block_count"), key("expert_weights_norm") == true
		if scale := key("expert_weights_scale"); scale != nil {
			c["routed_scaling_factor"] = scale
		}
	case "granitehybrid":
		s.graniteHybridConfig(c)
	case "nemotron_h", "nemotron_h_moe":
		s.nemotronHConfig(c)
	default:
		return false
	}
	return true
}

func (s *Source) deepseekConfig(c map[string]any) {
	for name, from := range map[string]string{"kv_lora_rank": "attention.kv_lora_rank", "n_group": "expert_group_count", "topk_group": "expert_group_used_count"} {
		c[name] = s.Meta["deepseek2."+from]
	}
	if c["q_lora_rank"] = s.Meta["deepseek2.attention.q_lora_rank"]; s.modelType() == "deepseek_v2" {
		c["q_lora_rank"], c["topk_method"], c["scoring_func"] = nil, "greedy", "softmax"
	}
	c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"] = nope, ropeDim, valueDim
	delete(c, "head_dim")
	delete(c, "num_key_value_heads")
}

func (s *Source) graniteHybridConfig(c map[string]any) {
	var types []string
	for _, heads := range s.Meta["granitehybrid.attention.head_count_kv"].([]uint64) {
		types = append(types, map[bool]string{true: "attention", false: "mamba"}[heads > 0])
	}
	c["layer_types"], c["num_key_value_heads"] = types, KVHeads
	c["mamba_n_heads"], c["mamba_expand"], c["mamba_d_state"], c["mamba_d_conv"], c["mamba_n_groups"] = mambaHeads, inner/Dim, states, mambaTaps, mambaGroups
	if c["num_local_experts"] = c["num_experts"]; c["num_experts"] == nil {
		c["shared_intermediate_size"], c["intermediate_size"], c["num_local_experts"] = FF, 1, 0
	}
	if delete(c, "num_experts"); c["attention_multiplier"] == nil {
		c["attention_multiplier"] = 1 / math.Sqrt(HeadDim)
	}
	if s.Meta["granitehybrid.rope.scaling.finetuned"] == false {
		c["position_embedding_type"] = "nope"
	} else {
		c["position_embedding_type"] = "rope"
	}
}

func (s *Source) nemotronHConfig(c map[string]any) {
	ff, heads := s.Meta[s.Architecture+".feed_forward_length"].([]uint64), s.Meta[s.Architecture+".attention.head_count_kv"].([]uint64)
	pattern := ""
	for i := range ff {
		switch {
		case ff[i] > 0 && c["num_experts"] != nil:
			pattern += "E"
		case ff[i] > 0:
			pattern += "-"
		case heads[i] > 0:
			pattern += "*"
		default:
			pattern += "M"
		}
	}
	c["hybrid_override_pattern"], c["intermediate_size"], c["num_key_value_heads"], c["attention_head_dim"] = pattern, FF, KVHeads, HeadDim
	c["mamba_num_heads"], c["mamba_head_dim"], c["ssm_state_size"], c["conv_kernel"], c["n_groups"] = mambaHeads, inner/mambaHeads, states, mambaTaps, mambaGroups
	c["layer_norm_epsilon"], c["mlp_hidden_act"] = c["rms_norm_eps"], "relu2"
	for _, name := range []string{"head_dim", "num_hidden_layers", "rms_norm_eps"} {
		delete(c, name)
	}
	if c["num_experts"] != nil {
		c["n_routed_experts"], c["moe_shared_expert_intermediate_size"], c["n_shared_experts"] = c["num_experts"], SharedFF, 1
		c["norm_topk_prob"], c["routed_scaling_factor"], c["n_group"] = true, s.Meta["nemotron_h_moe.expert_weights_scale"], 1
		c["moe_latent_size"] = s.Meta["nemotron_h_moe.moe_latent_size"]
		delete(c, "num_experts")
	}
}
