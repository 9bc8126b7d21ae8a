package tiny

import (
	"math"
	"slices"
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
)

// olderPart returns what a tensor of a layer is in a folder of some families, whose names begin with prefix. ok is false if it is as in others.
func (s *Source) olderPart(t *models.Tensor, prefix, what string) (list []models.Tensor, ok bool) {
	out := *t
	switch {
	case s.Architecture == "bloom" && strings.HasPrefix(what, "attn_qkv"):
		out = s.pytorch(t)
		out.Data = grouped(t.Data, Heads)
	case s.Architecture == "internlm2" && what == "attn_q.weight":
		k, v := s.beside(t, "attn_q", "attn_k"), s.beside(t, "attn_q", "attn_v")
		data := slices.Concat(apart(t.Data, Heads), apart(k.Data, KVHeads), v.Data)
		out.Name, out.Shape, out.Data = prefix+"attention.wqkv.weight", []int{(Heads + 2*KVHeads) * HeadDim, Dim}, grouped(data, KVHeads)
	case s.Architecture == "internlm2" && (what == "attn_k.weight" || what == "attn_v.weight"):
		return nil, true
	case s.Architecture == "llama4" && what == "ffn_gate_exps.weight":
		up := s.beside(t, "gate", "up")
		out.Name, out.Shape, out.Data = prefix+"feed_forward.experts.gate_up_proj", []int{Experts, Dim, 2 * ExpertFF}, nil
		size, cell := len(t.Data)/Experts, len(t.Data)/t.Len()
		for e := range Experts {
			gate, up := turned(t.Data[e*size:][:size], ExpertFF, Dim), turned(up.Data[e*size:][:size], ExpertFF, Dim)
			for row := range Dim {
				out.Data = append(append(out.Data, gate[row*ExpertFF*cell:][:ExpertFF*cell]...), up[row*ExpertFF*cell:][:ExpertFF*cell]...)
			}
		}
	case s.Architecture == "llama4" && what == "ffn_up_exps.weight":
		return nil, true
	case s.Architecture == "llama4" && what == "ffn_down_exps.weight":
		out.Name, out.Shape, out.Data = prefix+"feed_forward.experts.down_proj", []int{Experts, ExpertFF, Dim}, nil
		for size, e := len(t.Data)/Experts, 0; e < Experts; e++ {
			out.Data = append(out.Data, turned(t.Data[e*size:][:size], Dim, ExpertFF)...)
		}
	case s.Architecture == "gemma3n" && what == "altup_correct_scale.weight":
		out.Name = prefix + "altup.correct_output_scale"
	case s.Architecture == "falcon-h1" && what == "ffn_norm":
		out.Name = prefix + "pre_ff_layernorm.weight"
	case s.Architecture == "falcon-h1" && falconH1Factors[what] != 0:
		if out = s.pytorch(t); strings.HasPrefix(what, "ssm") {
			out = statePart(t, prefix+"mamba.", what)
		}
		s.divide(&out, func(int) float32 { return falconH1Factors[what] })
	case s.Architecture == "falcon-h1" && what == "ssm_in.weight":
		out = statePart(t, prefix+"mamba.", what)
		s.divide(&out, falconH1Input)
	default:
		return nil, false
	}
	return []models.Tensor{out}, true
}

// beside returns the tensor whose name has to in the place of from.
func (s *Source) beside(t *models.Tensor, from, to string) *models.Tensor {
	name := strings.Replace(t.Name, from, to, 1)
	return &s.Tensors[slices.IndexFunc(s.Tensors, func(x models.Tensor) bool { return x.Name == name })]
}

// The factors of Falcon-H1 by which weights in a GGUF file are larger than in a folder, powers of 2 so that nothing is rounded, and those of the parts of
// its input projection: of z, x, b, c and δ.
var (
	falconH1Factors = map[string]float32{
		"attn_q.weight": 0.5, "attn_k.weight": 0.125, "attn_v.weight": 0.5, "attn_output.weight": 0.25, "ffn_gate.weight": 0.5, "ffn_down.weight": 0.125, "ssm_out.weight": 0.5,
	}
	falconH1Parts     = []float32{0.5, 0.25, 1, 0.125, 0.25}
	falconH1Embedding = float32(0.5) // of the embedding, and of the output matrix, which is the same
)

// falconH1Input returns the factor of a row of the input projection, of which all have 1/2 besides those of the parts.
func falconH1Input(row int) float32 {
	part := 4
	for i, end := range []int{inner, 2 * inner, 2*inner + mambaGroups*states, 2*inner + 2*mambaGroups*states} {
		if row < end {
			part = i
			break
		}
	}
	return falconH1Parts[part] / 2
}

// divide divides each row of a matrix by a factor.
func (s *Source) divide(t *models.Tensor, by func(row int) float32) {
	values := make([]float32, t.Len())
	quant.Dequantize(t.Type, values, t.Data)
	for i := range values {
		values[i] /= by(i / t.Cols())
	}
	if t.Data = floats(values); t.Type != quant.F32 {
		t.Data = make([]byte, t.Rows()*t.Type.RowBytes(t.Cols()))
		quant.Quantize(t.Type, t.Data, values)
	}
}

// olderConfig adds what the config.json of these families says; move renames values.
func (s *Source) olderConfig(c map[string]any, move func(...string)) {
	key := func(name string) any { return s.Meta[s.Architecture+"."+name] }
	switch s.Architecture {
	case "afmoe":
		c["num_dense_layers"], c["num_shared_experts"], c["route_norm"], c["route_scale"], c["score_func"], c["mup_enabled"] = key("leading_dense_block_count"), key("expert_shared_count"), true, key("expert_weights_scale"), "sigmoid", true
		c["layer_types"] = []string{"sliding_attention", "sliding_attention", "sliding_attention", "full_attention", "sliding_attention"}
	case "bloom":
		move("num_hidden_layers", "n_layer", "num_attention_heads", "n_head", "max_position_embeddings", "seq_length", "layer_norm_eps", "layer_norm_epsilon")
		delete(c, "num_key_value_heads")
		delete(c, "head_dim")
		c["intermediate_size"] = FF // which real folders do not say: it is four times the hidden size
	case "dots1":
		move("num_experts", "n_routed_experts")
		c["n_shared_experts"], c["first_k_dense_replace"], c["norm_topk_prob"], c["routed_scaling_factor"] = key("expert_shared_count"), key("leading_dense_block_count"), true, key("expert_weights_scale")
	case "falcon-h1":
		stateConfig(c, "mamba_d_conv", "mamba_d_state")
		c["mamba_n_heads"], c["mamba_n_groups"], c["mamba_d_ssm"], c["mamba_rms_norm"], c["mamba_norm_before_gate"] = mambaHeads, mambaGroups, inner, true, false
		c["embedding_multiplier"], c["lm_head_multiplier"] = falconH1Embedding, falconH1Embedding
		c["attention_in_multiplier"], c["key_multiplier"], c["attention_out_multiplier"], c["mlp_multipliers"] = 0.5, 0.25, 0.25, []float64{0.5, 0.125}
		c["ssm_in_multiplier"], c["ssm_out_multiplier"], c["ssm_multipliers"] = 0.5, 0.5, falconH1Parts
	case "gemma3n":
		share, layers := 0.75, int(key("block_count").(uint64))
		s.Meta["gemma3n.activation_sparsity_scale"] = slices.Repeat([]float64{float64(float32(math.Sqrt2 * math.Erfinv(2*share-1)))}, layers)
		c["activation_sparsity_pattern"], c["intermediate_size"], c["num_kv_shared_layers"], c["laurel_rank"] = slices.Repeat([]float64{share}, layers), slices.Repeat([]int{FF}, layers), 0, laurel3n
		c["hidden_size_per_layer_input"], c["vocab_size_per_layer_input"], c["final_logit_softcapping"] = perLayer3n, Vocabulary, 30.0
	case "jamba":
		stateConfig(c, "mamba_d_conv", "mamba_d_state")
		c["mamba_expand"], c["mamba_dt_rank"], c["num_key_value_heads"], c["attn_layer_period"], c["attn_layer_offset"] = inner/Dim, deltaRank, KVHeads, 2, 1
	case "llama4":
		move("moe_intermediate_size", "ff", "intermediate_size", "intermediate_size_mlp", "ff", "intermediate_size", "num_experts", "num_local_experts")
		c["interleave_moe_layer_step"], c["no_rope_layers"], c["use_qk_norm"], c["attention_chunk_size"] = key("interleave_moe_layer_step"), []int{1, 1, 1, 0, 1}, true, 8192
	case "mamba", "mamba2":
		stateConfig(c, "conv_kernel", "state_size")
		move("rms_norm_eps", "layer_norm_epsilon")
		for _, name := range []string{"num_attention_heads", "max_position_embeddings"} {
			delete(c, name)
		}
		c["time_step_rank"], c["intermediate_size"] = deltaRank, inner
		if s.Architecture == "mamba2" {
			c["num_heads"], c["head_dim"], c["n_groups"], c["expand"] = mambaHeads, inner/mambaHeads, mambaGroups, inner/Dim
			delete(c, "intermediate_size")
		}
	case "minicpm":
		c["scale_emb"], c["scale_depth"], c["dim_model_base"] = key("embedding_scale"), key("residual_scale").(float64)*math.Sqrt(3), Dim/key("logit_scale").(float64)
	case "mpt":
		move("hidden_size", "d_model", "num_hidden_layers", "n_layers", "num_attention_heads", "n_heads", "max_position_embeddings", "max_seq_len")
		c["attn_config"] = map[string]any{"alibi": true, "alibi_bias_max": key("attention.max_alibi_bias"), "clip_qkv": key("attention.clamp_kqv"), "qk_ln": false}
		delete(c, "num_key_value_heads")
		delete(c, "head_dim")
	case "nemotron":
		move("layer_norm_eps", "norm_eps")
		c["hidden_act"] = "relu2"
	case "phi2":
		c["hidden_act"] = "gelu_new"
	case "stablelm":
		c["use_parallel_residual"], c["hidden_act"] = true, "silu"
	case "starcoder":
		move("hidden_size", "n_embd", "num_hidden_layers", "n_layer", "num_attention_heads", "n_head", "max_position_embeddings", "n_positions", "intermediate_size", "n_inner", "layer_norm_eps", "layer_norm_epsilon")
		c["activation_function"], c["multi_query"] = "gelu_pytorch_tanh", true
		delete(c, "num_key_value_heads")
		delete(c, "head_dim")
	}
}

// stateConfig adds the sizes that all state spaces have, under these names.
func stateConfig(c map[string]any, taps, size string) {
	c[taps], c[size] = mambaTaps, states
}
