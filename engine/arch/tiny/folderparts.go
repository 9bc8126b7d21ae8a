package tiny

import (
	"fmt"
	"slices"
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/safetensors"
)

// interleaved are the families in whose GGUF files the values of a rotated pair are neighbours, and in whose folders they are not.
var interleaved = []string{"arcee", "llama", "minicpm", "granite", "granitehybrid", "granitemoe", "smollm3"}

// ownModules are the names in PyTorch that differ from modules, by family.
var ownModules = func() map[string]map[string]string {
	inputs := map[string]string{"post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm", "post_ffw_norm": "post_feedforward_layernorm"}
	glm := map[string]string{"post_attention_norm": "post_self_attn_layernorm", "post_ffw_norm": "post_mlp_layernorm", "ffn_up": "mlp.gate_up_proj"}
	post := map[string]string{"post_attention_norm": "post_attention_layernorm", "ffn_gate_inp": "mlp.router"}
	moe := map[string]string{"post_attention_norm": "post_attention_layernorm"}
	granite := map[string]string{"ffn_gate_inp": "block_sparse_moe.router.layer", "ffn_down_exps": "block_sparse_moe.output_linear", "ffn_down_shexp": "shared_mlp.output_linear"}
	shared := map[string]string{"ffn_gate_shexp": "mlp.shared_experts.gate_proj", "ffn_up_shexp": "mlp.shared_experts.up_proj", "ffn_down_shexp": "mlp.shared_experts.down_proj",
		"post_attention_norm": "post_attention_layernorm", "attn_q_a": "self_attn.q_a_proj", "attn_q_a_norm": "self_attn.q_a_layernorm", "attn_q_b": "self_attn.q_b_proj",
		"attn_kv_a_mqa": "self_attn.kv_a_proj_with_mqa", "attn_kv_a_norm": "self_attn.kv_a_layernorm", "attn_kv_b": "self_attn.kv_b_proj"}
	hunyuan := map[string]string{"attn_q_norm": "self_attn.query_layernorm", "attn_k_norm": "self_attn.key_layernorm", "ffn_gate_inp": "mlp.gate.wg", "ffn_gate_shexp": "mlp.shared_mlp.gate_proj",
		"ffn_up_shexp": "mlp.shared_mlp.up_proj", "ffn_down_shexp": "mlp.shared_mlp.down_proj"}
	nemotron := map[string]string{"attn_norm": "norm", "attn_q": "mixer.q_proj", "attn_k": "mixer.k_proj", "attn_v": "mixer.v_proj", "attn_output": "mixer.o_proj", "ffn_up": "mixer.up_proj", "ffn_down": "mixer.down_proj",
		"ffn_gate_inp": "mixer.gate", "ffn_up_shexp": "mixer.shared_experts.up_proj", "ffn_down_shexp": "mixer.shared_experts.down_proj", "ffn_latent_down": "mixer.fc1_latent_proj", "ffn_latent_up": "mixer.fc2_latent_proj"}
	lfm2 := map[string]string{
		"attn_norm": "operator_norm", "ffn_norm": "ffn_norm", "attn_output": "self_attn.out_proj", "attn_q_norm": "self_attn.q_layernorm", "attn_k_norm": "self_attn.k_layernorm",
		"ffn_gate": "feed_forward.w1", "ffn_up": "feed_forward.w3", "ffn_down": "feed_forward.w2", "conv": "conv.conv", "in_proj": "conv.in_proj", "out_proj": "conv.out_proj",
		"ffn_gate_inp": "feed_forward.gate",
	}
	older := map[string]string{"ffn_norm": "pre_ff_layernorm", "ffn_gate": "feed_forward.gate_proj", "ffn_up": "feed_forward.up_proj", "ffn_down": "feed_forward.down_proj", "ffn_gate_inp": "feed_forward.router"}
	code := map[string]string{"attn_norm": "ln_1", "ffn_norm": "ln_2", "attn_qkv": "attn.c_attn", "attn_output": "attn.c_proj", "ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj"}
	return map[string]map[string]string{
		"afmoe": {"attn_gate": "self_attn.gate_proj", "post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_mlp_layernorm", "post_ffw_norm": "post_mlp_layernorm", "ffn_gate_inp": "mlp.router.gate",
			"ffn_gate_shexp": "mlp.shared_experts.gate_proj", "ffn_up_shexp": "mlp.shared_experts.up_proj", "ffn_down_shexp": "mlp.shared_experts.down_proj"},
		"bloom": {"attn_qkv": "self_attention.query_key_value", "attn_output": "self_attention.dense", "ffn_up": "mlp.dense_h_to_4h", "ffn_down": "mlp.dense_4h_to_h"},
		"dots1": shared, "falcon-h1": older, "jamba": older,
		"internlm2": {"attn_norm": "attention_norm", "ffn_norm": "ffn_norm", "attn_output": "attention.wo", "ffn_gate": "feed_forward.w1", "ffn_up": "feed_forward.w3", "ffn_down": "feed_forward.w2"},
		"llama4": {"ffn_gate": "feed_forward.gate_proj", "ffn_up": "feed_forward.up_proj", "ffn_down": "feed_forward.down_proj", "ffn_gate_inp": "feed_forward.router", "ffn_gate_shexp": "feed_forward.shared_expert.gate_proj",
			"ffn_up_shexp": "feed_forward.shared_expert.up_proj", "ffn_down_shexp": "feed_forward.shared_expert.down_proj"},
		"mamba": {"attn_norm": "norm"}, "mamba2": {"attn_norm": "norm"},
		"mpt":       {"attn_norm": "norm_1", "ffn_norm": "norm_2", "attn_qkv": "attn.Wqkv", "attn_output": "attn.out_proj", "ffn_up": "ffn.up_proj", "ffn_down": "ffn.down_proj"},
		"phi2":      {"attn_output": "self_attn.dense", "ffn_up": "mlp.fc1", "ffn_down": "mlp.fc2"},
		"starcoder": code, "gpt2": code,
		"ernie4_5-moe": shared, "apertus": {"attn_norm": "attention_layernorm", "ffn_norm": "feedforward_layernorm"}, "deepseek2": shared, "glm4moe": shared, "hunyuan-dense": hunyuan, "hunyuan-moe": hunyuan,
		"granitehybrid": {"ffn_gate_inp": granite["ffn_gate_inp"], "ffn_down_exps": granite["ffn_down_exps"], "ffn_down_shexp": granite["ffn_down_shexp"], "ffn_down": granite["ffn_down_shexp"]},
		"nemotron_h":    nemotron, "nemotron_h_moe": nemotron,
		"gptneox": {"attn_qkv": "attention.query_key_value", "attn_output": "attention.dense", "ffn_up": "mlp.dense_h_to_4h", "ffn_down": "mlp.dense_4h_to_h"},
		"falcon":  {"attn_qkv": "self_attention.query_key_value", "attn_output": "self_attention.dense", "ffn_up": "mlp.dense_h_to_4h", "ffn_down": "mlp.dense_4h_to_h"},
		"qwen35":  post, "qwen35moe": moe, "qwen3next": moe, "gemma2": inputs, "gemma3": inputs, "exaone4": inputs, "olmo2": inputs, "chatglm": glm, "glm4": glm, "seed_oss": post, "gpt-oss": post,
		"gemma3n": {
			"post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm", "post_ffw_norm": "post_feedforward_layernorm", "inp_gate": "per_layer_input_gate",
			"proj": "per_layer_projection", "post_norm": "post_per_layer_input_norm", "altup_correct_coef": "altup.correction_coefs", "altup_predict_coef": "altup.prediction_coefs",
			"altup_router": "altup.modality_router", "altup_router_norm": "altup.router_norm", "laurel_l": "laurel.linear_left", "laurel_r": "laurel.linear_right", "laurel_post_norm": "laurel.post_laurel_norm",
		},
		"gemma4": {
			"post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm", "post_ffw_norm": "post_feedforward_layernorm", "post_ffw_norm_1": "post_feedforward_layernorm_1",
			"pre_ffw_norm_2": "pre_feedforward_layernorm_2", "post_ffw_norm_2": "post_feedforward_layernorm_2", "ffn_gate_inp": "router.proj", "inp_gate": "per_layer_input_gate", "proj": "per_layer_projection",
			"post_norm": "post_per_layer_input_norm",
		},
		"phi3":       {"ffn_up": "mlp.gate_up_proj"},
		"granitemoe": granite,
		"llama":      {"ffn_gate_inp": "block_sparse_moe.gate"},
		"starcoder2": {"ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj"},
		"lfm2":       lfm2, "lfm2moe": lfm2,
	}
}()

// gemma4Bare are the names in PyTorch, without ".weight", of tensors of Gemma 4 that begin with ffn_.
var gemma4Bare = map[string]string{"gate_up_exps": "experts.gate_up_proj", "down_exps": "experts.down_proj", "gate_inp.scale": "router.scale", "down_exps.scale": "router.per_expert_scale"}

// expertModules are the names in PyTorch of the matrices of an expert.
var expertModules = map[string]map[string]string{
	"lfm2moe":        {"ffn_gate_exps": "feed_forward.experts.%d.w1", "ffn_up_exps": "feed_forward.experts.%d.w3", "ffn_down_exps": "feed_forward.experts.%d.w2"},
	"jamba":          {"ffn_gate_exps": "feed_forward.experts.%d.gate_proj", "ffn_up_exps": "feed_forward.experts.%d.up_proj", "ffn_down_exps": "feed_forward.experts.%d.down_proj"},
	"llama":          {"ffn_gate_exps": "block_sparse_moe.experts.%d.w1", "ffn_up_exps": "block_sparse_moe.experts.%d.w3", "ffn_down_exps": "block_sparse_moe.experts.%d.w2"},
	"nemotron_h_moe": {"ffn_up_exps": "mixer.experts.%d.up_proj", "ffn_down_exps": "mixer.experts.%d.down_proj"},
	"":               {"ffn_gate_exps": "mlp.experts.%d.gate_proj", "ffn_up_exps": "mlp.experts.%d.up_proj", "ffn_down_exps": "mlp.experts.%d.down_proj"},
}

// unstacked returns all tensors as they are in a folder: those of experts and of q, k and v apart, and others together.
func (s *Source) unstacked() (list []models.Tensor) {
	switch s.Architecture {
	case "gpt-oss":
		s.packExperts()
	case "hunyuan-moe":
		s.widenShared()
	case "apertus":
		list = s.activationParts()
	}
	for i := range s.Tensors {
		t := &s.Tensors[i]
		blk, what, _ := strings.Cut(strings.TrimSuffix(t.Name, ".weight"), "ffn_")
		prefix := strings.Replace(blk, "blk.", "model.layers.", 1)
		if parts, ok := s.foreignPart(t); ok {
			list = append(list, parts...)
			continue
		}
		if parts, ok := s.deltaPart(t); ok {
			list = append(list, parts...)
			continue
		}
		switch {
		case s.Architecture == "gemma4" && t.Name == "rope_freqs.weight":
		case s.Architecture == "gemma4" && what == "gate_exps":
			list = append(list, s.joined(t, strings.Replace(t.Name, "gate", "up", 1), prefix+"experts.gate_up_proj"))
		case s.Architecture == "gemma4" && what == "up_exps":
		case s.Architecture == "gemma4" && gemma4Bare[what] != "":
			bare := *t
			bare.Name = prefix + gemma4Bare[what]
			list = append(list, bare)
		case s.Architecture == "gemma4" && strings.HasSuffix(t.Name, "layer_output_scale.weight"):
			bare := *t
			bare.Name = strings.Replace(strings.TrimSuffix(t.Name, "layer_output_scale.weight"), "blk.", "model.layers.", 1) + "layer_scalar"
			list = append(list, bare)
		case s.Architecture == "qwen35moe" && what == "gate_exps":
			list = append(list, s.joined(t, strings.Replace(t.Name, "gate", "up", 1), prefix+"mlp.experts.gate_up_proj"))
		case s.Architecture == "qwen35moe" && what == "up_exps":
		case s.Architecture == "qwen35moe" && what == "down_exps":
			down := *t
			down.Name = prefix + "mlp.experts.down_proj"
			list = append(list, down)
		case s.Architecture == "gpt-oss" && strings.Contains(t.Name, "_exps."):
			list = append(list, s.gptOSSExperts(t)...)
		case strings.HasPrefix(s.Architecture, "granite") && (what == "gate_exps" || what == "gate_shexp"):
			name := map[string]string{"gate_exps": "block_sparse_moe.input_linear", "gate_shexp": "shared_mlp.input_linear"}[what]
			list = append(list, s.joined(t, strings.Replace(t.Name, "gate", "up", 1), prefix+name+".weight"))
		case strings.HasPrefix(s.Architecture, "granite") && (what == "up_exps" || what == "up_shexp"):
		case s.Architecture == "chatglm" && strings.Contains(t.Name, "attn_qkv"):
			list = append(list, s.threeParts(t)...)
		case strings.HasSuffix(t.Name, "_exps.weight") && !strings.HasPrefix(s.Architecture, "granite"):
			list = append(list, s.experts(t, prefix, "ffn_"+what)...)
		default:
			list = append(list, s.pytorch(t))
		}
	}
	return list
}

// experts returns the matrices of the experts in t.
func (s *Source) experts(t *models.Tensor, prefix, what string) (list []models.Tensor) {
	names := expertModules[s.Architecture]
	if names == nil {
		names = expertModules[""]
	}
	size := len(t.Data) / Experts
	for e := range Experts {
		list = append(list, models.Tensor{Name: prefix + fmt.Sprintf(names[what], e) + ".weight", Type: t.Type, Shape: t.Shape[1:], Data: t.Data[e*size:][:size]})
	}
	return list
}

// joined returns a tensor with the rows of t and of another one, of each expert if there are experts.
func (s *Source) joined(t *models.Tensor, with, name string) models.Tensor {
	other := s.Tensors[slices.IndexFunc(s.Tensors, func(x models.Tensor) bool { return x.Name == with })]
	parts := t.Rows() / t.Shape[len(t.Shape)-2]
	size := len(t.Data) / parts
	out := models.Tensor{Name: name, Type: t.Type, Shape: slices.Clone(t.Shape)}
	out.Shape[len(t.Shape)-2] *= 2
	for e := range parts {
		out.Data = append(append(out.Data, t.Data[e*size:][:size]...), other.Data[e*size:][:size]...)
	}
	return out
}

// threeParts returns q, k and v of a tensor that has all of them.
func (s *Source) threeParts(t *models.Tensor) (list []models.Tensor) {
	blk, kind, _ := strings.Cut(t.Name, "attn_qkv")
	row, from := len(t.Data)/t.Shape[0], 0
	for i, rows := range []int{Heads * HeadDim, KVHeads * HeadDim, KVHeads * HeadDim} {
		part := models.Tensor{Name: blk + []string{"attn_q", "attn_k", "attn_v"}[i] + kind, Type: t.Type, Shape: slices.Clone(t.Shape), Data: t.Data[from*row:][:rows*row]}
		part.Shape[0] = rows
		list, from = append(list, s.pytorch(&part)), from+rows
	}
	return list
}

// packExperts stores the matrices of the experts as MXFP4 again.
func (s *Source) packExperts() {
	for i, t := range s.Tensors {
		if strings.HasSuffix(t.Name, "_exps.weight") && t.Type != quant.MXFP4 {
			values := make([]float32, t.Len())
			quant.Dequantize(t.Type, values, t.Data)
			s.Tensors[i].Type, s.Tensors[i].Data = quant.MXFP4, make([]byte, t.Rows()*quant.MXFP4.RowBytes(t.Cols()))
			quant.Quantize(quant.MXFP4, s.Tensors[i].Data, values)
		}
	}
}

// gptOSSExperts returns what the experts' tensor t is in a folder of gpt-oss: nothing for up, whose rows are between those of gate.
func (s *Source) gptOSSExperts(t *models.Tensor) (list []models.Tensor) {
	blk, what, _ := strings.Cut(t.Name, "ffn_")
	prefix := strings.Replace(blk, "blk.", "model.layers.", 1) + "mlp.experts."
	parts := []models.Tensor{*t}
	name := "down_proj"
	switch {
	case strings.HasPrefix(what, "up"):
		return nil
	case strings.HasPrefix(what, "gate"):
		name = "gate_up_proj"
		up := slices.IndexFunc(s.Tensors, func(x models.Tensor) bool { return x.Name == strings.Replace(t.Name, "gate", "up", 1) })
		parts = append(parts, s.Tensors[up])
	}
	if strings.HasSuffix(what, ".bias") {
		out := models.Tensor{Name: prefix + name + "_bias", Type: t.Type, Shape: []int{Experts, len(parts) * t.Shape[1]}}
		size := t.Type.RowBytes(1)
		for i := range t.Len() {
			for _, p := range parts {
				out.Data = append(out.Data, p.Data[i*size:][:size]...)
			}
		}
		return []models.Tensor{out}
	}
	rows, groups := len(parts)*t.Shape[1], t.Shape[2]/32
	blocks := models.Tensor{Name: prefix + name + "_blocks", Type: safetensors.U8, Shape: []int{Experts, rows, groups, 16}}
	scales := models.Tensor{Name: prefix + name + "_scales", Type: safetensors.U8, Shape: []int{Experts, rows, groups}}
	for r := range Experts * t.Shape[1] {
		for _, p := range parts {
			for g := range groups {
				block := p.Data[(r*groups+g)*17:][:17]
				scales.Data = append(scales.Data, block[0])
				value := func(i int) byte { return block[1+i%16] >> (i / 16 * 4) & 15 }
				for i := 0; i < 32; i += 2 {
					blocks.Data = append(blocks.Data, value(i)|value(i+1)<<4)
				}
			}
		}
	}
	return []models.Tensor{blocks, scales}
}

// otherConfig adds what only some families have to a config.json.
func (s *Source) otherConfig(c map[string]any) {
	if s.isDelta() {
		s.deltaConfig(c)
	}
	if s.foreignConfig(c) {
		return
	}
	switch s.modelType() {
	case "qwen3_moe":
		c["norm_topk_prob"], c["intermediate_size"], c["decoder_sparse_step"], c["mlp_only_layers"] = true, FF, 1, []int{}
	case "qwen2_moe":
		c["norm_topk_prob"] = false
	case "mixtral", "granitemoeshared":
		c["num_local_experts"] = c["num_experts"]
		delete(c, "num_experts")
	case "gpt_oss":
		c["num_local_experts"], c["experts_per_token"], c["intermediate_size"] = c["num_experts"], c["num_experts_per_tok"], ExpertFF
		c["quantization_config"] = map[string]any{"quant_method": "mxfp4"}
		c["layer_types"] = []string{"sliding_attention", "full_attention", "sliding_attention", "full_attention"}
	case "gemma4_text":
		s.gemma4Config(c)
	case "smollm3":
		c["no_rope_layers"] = []int{1, 1, 1, 0, 1}
	case "starcoder2":
		c["norm_epsilon"] = c["layer_norm_eps"]
	case "qwen2_vl", "qwen3_vl":
		c["rope_scaling"] = map[string]any{"type": "mrope", "mrope_section": s.Meta[s.Architecture+".rope.dimension_sections"].([]uint64)[:3]}
	case "lfm2_moe":
		c["norm_eps"], c["conv_L_cache"], c["num_dense_layers"], c["use_expert_bias"], c["norm_topk_prob"] = c["rms_norm_eps"], Taps, 1, true, true
		c["layer_types"], c["num_key_value_heads"] = []string{"conv", "full_attention", "conv", "full_attention"}, KVHeads
	case "ernie4_5_moe":
		c["moe_num_experts"], c["moe_k"], c["moe_num_shared_experts"], c["moe_layer_start_index"], c["moe_layer_interval"], c["moe_layer_end_index"] = c["num_experts"], c["num_experts_per_tok"], 2, 1, 1, -1
		delete(c, "num_experts")
	case "lfm2":
		c["norm_eps"], c["conv_L_cache"], c["block_ff_dim"], c["block_auto_adjust_ff_dim"] = c["rms_norm_eps"], Taps, FF, false
		c["layer_types"], c["num_key_value_heads"] = []string{"conv", "full_attention", "conv", "conv", "full_attention"}, KVHeads
		delete(c, "rms_norm_eps")
	}
}

// gemma4Config adds what a config.json says of Gemma 4.
func (s *Source) gemma4Config(c map[string]any) {
	key := func(name string) any { return s.Meta["gemma4."+name] }
	var types []string
	for _, local := range key("attention.sliding_window_pattern").([]bool) {
		types = append(types, map[bool]string{true: "sliding_attention", false: "full_attention"}[local])
	}
	c["layer_types"], c["head_dim"], c["global_head_dim"] = types, HeadDim, WideHead
	c["rope_parameters"] = map[string]any{
		"full_attention":    map[string]any{"rope_type": "proportional", "rope_theta": c["rope_theta"], "partial_rotary_factor": 0.5},
		"sliding_attention": map[string]any{"rope_type": "default", "rope_theta": key("rope.freq_base_swa")},
	}
	delete(c, "rope_theta")
	delete(c, "partial_rotary_factor")
	if _, each := key("attention.head_count_kv").([]uint64); each {
		c["num_key_value_heads"], c["num_global_key_value_heads"] = KVHeads, 1
	}
	c["num_kv_shared_layers"], c["hidden_size_per_layer_input"] = key("attention.shared_kv_layers"), key("embedding_length_per_layer_input")
	if _, each := key("feed_forward_length").([]uint64); each {
		c["intermediate_size"], c["use_double_wide_mlp"] = FF, true
	}
	if c["num_experts"] != nil {
		c["top_k_experts"] = c["num_experts_per_tok"]
		delete(c, "num_experts_per_tok")
	}
}
