package huggingface

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
)

// folder returns an opened folder with this config.json and tensors of one value each.
func folder(config map[string]any, tensors ...string) *models.File {
	b, err := json.Marshal(config)
	if err != nil {
		panic(err)
	}
	f := &models.File{Format: "safetensors", Path: "some-model/model.safetensors", Aux: map[string][]byte{"config.json": b}}
	for _, name := range tensors {
		f.Tensors = append(f.Tensors, models.Tensor{Name: name, Type: quant.F32, Shape: []int{1}, Data: make([]byte, 4)})
	}
	return f
}

// sizes returns a config.json with the numbers that every model has, and others.
func sizes(kind string, more map[string]any) map[string]any {
	c := map[string]any{"model_type": kind, "max_position_embeddings": 4096, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "rms_norm_eps": 1e-5}
	for name, v := range more {
		c[name] = v
	}
	return c
}

// deepseekValues returns what a config.json of DeepSeek has, and others.
func deepseekValues(more map[string]any) map[string]any {
	c := map[string]any{"kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16, "n_routed_experts": 16, "num_experts_per_tok": 4, "moe_intermediate_size": 32, "n_shared_experts": 2}
	maps.Copy(c, more)
	return c
}

func convert(t *testing.T, f *models.File) *models.File {
	t.Helper()
	g, err := Convert(f, true)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestKeys checks keys of each family against what llama.cpp's converter writes.
func TestKeys(t *testing.T) {
	for _, c := range []struct {
		kind   string
		config map[string]any
		want   models.Metadata
	}{
		{"llama", map[string]any{"num_key_value_heads": 2, "rope_theta": 500000.0}, models.Metadata{"general.architecture": "llama", "general.name": "some-model",
			"llama.context_length": uint64(4096), "llama.embedding_length": uint64(64), "llama.feed_forward_length": uint64(96), "llama.block_count": uint64(2),
			"llama.attention.head_count": uint64(4), "llama.attention.head_count_kv": uint64(2), "llama.rope.freq_base": 500000.0,
			"llama.attention.layer_norm_rms_epsilon": float64(float32(1e-5))}},
		{"llama", map[string]any{"rope_parameters": map[string]any{"rope_type": "default", "rope_theta": 123.0}}, models.Metadata{"llama.rope.freq_base": 123.0, "llama.rope.scaling.type": nil}},
		{"mistral", map[string]any{"sliding_window": 1024}, models.Metadata{"general.architecture": "llama", "llama.context_length": uint64(1024), "llama.attention.sliding_window": nil}},
		{"mistral", map[string]any{"sliding_window": nil, "head_dim": 32}, models.Metadata{"llama.context_length": uint64(4096), "llama.attention.key_length": uint64(32), "llama.attention.value_length": uint64(32)}},
		{"qwen2", map[string]any{"use_sliding_window": false, "sliding_window": 1024}, models.Metadata{"general.architecture": "qwen2", "qwen2.attention.sliding_window": nil}},
		{"qwen2", map[string]any{"use_sliding_window": true, "sliding_window": 1024}, models.Metadata{"qwen2.attention.sliding_window": uint64(1024)}},
		{"qwen3", map[string]any{"rope_scaling": map[string]any{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024}}, models.Metadata{
			"qwen3.rope.scaling.type": "yarn", "qwen3.rope.scaling.factor": 4.0, "qwen3.rope.scaling.original_context_length": uint64(1024)}},
		{"gemma3_text", map[string]any{"sliding_window": 512, "sliding_window_pattern": 3, "rope_theta": 1e6, "rope_local_base_freq": 10000.0, "hidden_activation": "gelu_pytorch_tanh"}, models.Metadata{
			"general.architecture": "gemma3", "gemma3.attention.sliding_window": uint64(512), "gemma3.attention.sliding_window_pattern": uint64(3), "gemma3.rope.freq_base": 1e6,
			"gemma3.rope.freq_base_swa": 10000.0, "gemma3.hidden_activation": "gelu_pytorch_tanh"}},
		{"gemma3", map[string]any{"text_config": sizes("gemma3_text", map[string]any{"layer_types": []string{"full_attention", "sliding_attention"}, "sliding_window": 8,
			"rope_parameters": map[string]any{"full_attention": map[string]any{"rope_theta": 5.0, "rope_type": "linear", "factor": 8.0}, "sliding_attention": map[string]any{"rope_theta": 7.0}}})}, models.Metadata{
			"gemma3.attention.sliding_window_pattern": []bool{false, true}, "gemma3.rope.freq_base": 5.0, "gemma3.rope.freq_base_swa": 7.0, "gemma3.rope.scaling.factor": 8.0}},
		{"gemma2", map[string]any{"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "sliding_window": 4096}, models.Metadata{
			"gemma2.attn_logit_softcapping": 50.0, "gemma2.final_logit_softcapping": 30.0, "gemma2.attention.sliding_window": uint64(4096)}},
		{"phi3", map[string]any{"sliding_window": nil, "partial_rotary_factor": 0.75, "original_max_position_embeddings": 4096}, models.Metadata{
			"phi3.rope.dimension_count": uint64(12), "phi3.attention.sliding_window": uint64(0), "phi3.rope.scaling.original_context_length": uint64(4096)}},
		{"olmo3", map[string]any{"sliding_window": 8, "layer_types": []string{"sliding_attention", "full_attention"}, "rope_scaling": map[string]any{
			"rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 1024, "attention_factor": 1.2079441541679836, "beta_fast": 32, "beta_slow": 1}}, models.Metadata{
			"olmo2.attention.sliding_window": uint64(8), "olmo2.attention.sliding_window_pattern": []bool{true, false}, "olmo2.rope.scaling.factor": 8.0, "olmo2.rope.scaling.attn_factor": nil}},
		{"qwen3", map[string]any{"rope_scaling": map[string]any{"rope_type": "yarn", "factor": 8.0, "attention_factor": 0.5}}, models.Metadata{"qwen3.rope.scaling.attn_factor": float64(float32(0.5 / (1 + 0.1*math.Log(8))))}},
		{"qwen3", map[string]any{"rope_scaling": map[string]any{"rope_type": "yarn", "factor": 8.0, "mscale": 1.0, "mscale_all_dim": 1.0}}, models.Metadata{"qwen3.rope.scaling.attn_factor": float64(float32(1 / (1 + 0.1*math.Log(8))))}},
		{"deepseek_v2", deepseekValues(map[string]any{"rope_scaling": map[string]any{"type": "yarn", "factor": 40.0, "original_max_position_embeddings": 4096, "beta_fast": 32, "beta_slow": 1, "mscale": 0.707, "mscale_all_dim": 0.707}}),
			models.Metadata{"deepseek2.rope.scaling.yarn_log_multiplier": float64(float32(0.0707)), "deepseek2.rope.scaling.attn_factor": nil, "deepseek2.expert_gating_func": uint64(1),
				"deepseek2.expert_weights_norm": false, "deepseek2.attention.q_lora_rank": uint64(0), "deepseek2.attention.key_length": uint64(24), "deepseek2.rope.dimension_count": uint64(8)}},
		{"deepseek_v3", deepseekValues(map[string]any{"n_group": 8, "topk_group": 4, "q_lora_rank": 32}), models.Metadata{"deepseek2.expert_gating_func": uint64(2), "deepseek2.expert_group_count": uint64(8),
			"deepseek2.expert_group_used_count": uint64(4), "deepseek2.expert_weights_norm": true}},
		// Hunyuan 7B: 10000 · 1000^(128/126).
		{"hunyuan_v1_dense", map[string]any{"head_dim": 128, "rope_scaling": map[string]any{"type": "dynamic", "alpha": 1000.0, "factor": 1.0}}, models.Metadata{
			"hunyuan-dense.rope.freq_base": float64(float32(10000 * math.Pow(1000, 128.0/126))), "hunyuan-dense.context_length": uint64(262144)}},
		{"granitemoehybrid", map[string]any{"layer_types": []string{"attention", "attention"}, "position_embedding_type": "rope", "num_local_experts": 0, "shared_intermediate_size": 200}, models.Metadata{
			"general.architecture": "granite", "granite.feed_forward_length": uint64(200), "granite.rope.scaling.finetuned": true, "granite.expert_count": nil}},
		{"granitemoehybrid", map[string]any{"layer_types": []string{"mamba", "attention"}, "num_key_value_heads": 2, "num_local_experts": 4, "num_experts_per_tok": 2, "shared_intermediate_size": 200,
			"mamba_n_heads": 4, "mamba_d_state": 16, "mamba_d_conv": 4}, models.Metadata{"granitehybrid.attention.head_count_kv": []int64{0, 2}, "granitehybrid.ssm.inner_size": uint64(128),
			"granitehybrid.expert_shared_feed_forward_length": uint64(200), "granitehybrid.rope.scaling.finetuned": false}},
		{"nemotron_h", map[string]any{"layers_block_type": []string{"mamba", "moe", "attention"}, "num_key_value_heads": 2, "mamba_num_heads": 4, "mamba_head_dim": 8, "ssm_state_size": 16, "n_routed_experts": 4,
			"num_experts_per_tok": 2, "moe_intermediate_size": 24, "moe_shared_expert_intermediate_size": 40}, models.Metadata{"general.architecture": "nemotron_h_moe", "nemotron_h_moe.block_count": uint64(3),
			"nemotron_h_moe.feed_forward_length": []int64{0, 24, 0}, "nemotron_h_moe.attention.head_count_kv": []int64{0, 0, 2}}},
		{"falcon", map[string]any{"new_decoder_architecture": true, "num_kv_heads": 2, "intermediate_size": nil}, models.Metadata{"falcon.attention.head_count_kv": uint64(2), "falcon.feed_forward_length": uint64(256)}},
		{"internlm2", map[string]any{"rope_theta": 1e6, "rope_scaling": map[string]any{"type": "dynamic", "factor": 2.0}}, models.Metadata{"internlm2.rope.freq_base": 1e6, "internlm2.rope.scaling.type": nil, "internlm2.context_length": uint64(4096)}},
		// The scale of 0.95 is that of torch.distributions.Normal.icdf.
		{"gemma3n", map[string]any{"text_config": sizes("gemma3n_text", map[string]any{"intermediate_size": []int{96, 96}, "layer_types": []string{"sliding_attention", "full_attention"}, "sliding_window": 512,
			"num_kv_shared_layers": 1, "activation_sparsity_pattern": []float64{0.95, 0}, "rope_theta": 1e6, "rope_local_base_freq": 10000.0})}, models.Metadata{"gemma3n.feed_forward_length": uint64(96),
			"gemma3n.attention.sliding_window_pattern": []bool{true, false}, "gemma3n.attention.shared_kv_layers": uint64(1), "gemma3n.activation_sparsity_scale": []float64{float64(float32(1.6448536)), math.Inf(-1)},
			"gemma3n.rope.freq_base": 1e6, "gemma3n.rope.freq_base_swa": 10000.0, "gemma3n.altup.num_inputs": uint64(4)}},
		{"phi", map[string]any{"partial_rotary_factor": 0.4, "layer_norm_eps": 1e-6}, models.Metadata{"general.architecture": "phi2", "phi2.rope.dimension_count": uint64(6), "phi2.attention.layer_norm_epsilon": float64(float32(1e-6))}},
		{"stablelm_epoch", map[string]any{"rope_pct": 0.5, "norm_eps": 1e-6}, models.Metadata{"general.architecture": "stablelm", "stablelm.rope.dimension_count": uint64(8), "stablelm.attention.layer_norm_epsilon": float64(float32(1e-6)),
			"stablelm.use_parallel_residual": true}},
		// MiniCPM 2B: 1.4/√40, and 2304/256.
		{"minicpm", map[string]any{"scale_emb": 12, "scale_depth": 1.4, "dim_model_base": 256, "hidden_size": 2304, "num_hidden_layers": 40}, models.Metadata{"minicpm.embedding_scale": 12.0,
			"minicpm.residual_scale": float64(float32(1.4 / math.Sqrt(40))), "minicpm.logit_scale": 9.0}},
		{"mamba", map[string]any{"time_step_rank": "auto", "num_attention_heads": nil, "max_position_embeddings": nil, "layer_norm_epsilon": 1e-5, "rms_norm_eps": nil, "intermediate_size": 128}, models.Metadata{
			"mamba.ssm.time_step_rank": uint64(4), "mamba.ssm.inner_size": uint64(128), "mamba.ssm.state_size": uint64(16), "mamba.ssm.conv_kernel": uint64(4), "mamba.context_length": uint64(1 << 20),
			"mamba.attention.head_count": uint64(0), "mamba.ssm.dt_b_c_rms": false, "mamba.attention.layer_norm_rms_epsilon": float64(float32(1e-5))}},
		{"mamba2", map[string]any{"head_dim": 32, "num_heads": 4, "n_groups": 2, "expand": 2, "state_size": 64}, models.Metadata{"mamba2.ssm.time_step_rank": uint64(4), "mamba2.ssm.inner_size": uint64(128),
			"mamba2.ssm.group_count": uint64(2), "mamba2.ssm.state_size": uint64(64), "mamba2.attention.key_length": nil}},
		{"jamba", map[string]any{"num_hidden_layers": 6, "num_key_value_heads": 2, "attn_layer_period": 4, "attn_layer_offset": 1, "mamba_dt_rank": 160, "num_experts": 1}, models.Metadata{
			"jamba.attention.head_count_kv": []int64{0, 2, 0, 0, 0, 2}, "jamba.ssm.time_step_rank": uint64(160), "jamba.ssm.inner_size": uint64(128), "jamba.expert_count": nil}},
		{"falcon_h1", map[string]any{"mamba_d_ssm": 96, "mamba_n_heads": 6, "mamba_d_state": 32, "mamba_n_groups": 1, "rope_theta": 1e11}, models.Metadata{"falcon-h1.ssm.inner_size": uint64(96),
			"falcon-h1.ssm.time_step_rank": uint64(6), "falcon-h1.rope.freq_base": float64(float32(1e11))}},
		{"llama4", map[string]any{"text_config": sizes("llama4_text", map[string]any{"intermediate_size": 32, "intermediate_size_mlp": 80, "num_local_experts": 16, "num_experts_per_tok": 1, "interleave_moe_layer_step": 1,
			"rope_scaling": map[string]any{"rope_type": "llama3", "factor": 16.0, "low_freq_factor": 1.0, "high_freq_factor": 1.0, "original_max_position_embeddings": 8192}})}, models.Metadata{
			"llama4.feed_forward_length": uint64(80), "llama4.expert_feed_forward_length": uint64(32), "llama4.expert_count": uint64(16), "llama4.interleave_moe_layer_step": uint64(1)}},
		{"bloom", map[string]any{"n_embed": 128, "hidden_size": nil, "n_layer": 3, "num_hidden_layers": nil, "intermediate_size": nil, "seq_length": 512, "max_position_embeddings": nil}, models.Metadata{
			"bloom.embedding_length": uint64(128), "bloom.feed_forward_length": uint64(512), "bloom.context_length": uint64(512), "bloom.block_count": uint64(3)}},
		{"mpt", map[string]any{"d_model": 128, "hidden_size": nil, "intermediate_size": nil, "attn_config": map[string]any{"alibi": true, "alibi_bias_max": 8, "clip_qkv": nil}}, models.Metadata{
			"mpt.embedding_length": uint64(128), "mpt.feed_forward_length": uint64(512), "mpt.attention.max_alibi_bias": 8.0, "mpt.attention.clamp_kqv": nil}},
		{"gpt_bigcode", map[string]any{"n_inner": nil, "intermediate_size": nil}, models.Metadata{"general.architecture": "starcoder", "starcoder.attention.head_count_kv": uint64(1), "starcoder.feed_forward_length": uint64(256)}},
		{"nemotron", map[string]any{"norm_eps": 1e-5, "partial_rotary_factor": 0.5}, models.Metadata{"nemotron.rope.dimension_count": uint64(8), "nemotron.attention.layer_norm_epsilon": float64(float32(1e-5))}},
		{"exaone4", map[string]any{"sliding_window": 8, "sliding_window_pattern": "LG"}, models.Metadata{"exaone4.attention.sliding_window_pattern": []bool{true, false}}},
		{"exaone4", map[string]any{"sliding_window": nil, "sliding_window_pattern": "LLLG"}, models.Metadata{"exaone4.attention.sliding_window": nil, "exaone4.attention.sliding_window_pattern": nil}},
		{"cohere2", map[string]any{"sliding_window": 8, "sliding_window_pattern": 2, "logit_scale": 0.25, "model_max_length": 999}, models.Metadata{
			"cohere2.attention.sliding_window_pattern": []bool{true, false}, "cohere2.logit_scale": 0.25, "cohere2.context_length": uint64(999), "cohere2.attention.layer_norm_epsilon": float64(float32(1e-5))}},
		{"mistral3", map[string]any{"text_config": sizes("mistral", nil)}, models.Metadata{"general.architecture": "llama"}},
		{"mistral3", map[string]any{"text_config": sizes("ministral3", map[string]any{"rope_parameters": map[string]any{"rope_type": "yarn", "rope_theta": 1e6, "factor": 16.0, "beta_fast": 16.0, "beta_slow": 2.0,
			"mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 512, "llama_4_scaling_beta": 0.1}})}, models.Metadata{
			"general.architecture": "mistral3", "mistral3.rope.scaling.yarn_beta_fast": 16.0, "mistral3.rope.scaling.yarn_beta_slow": 2.0, "mistral3.rope.scaling.yarn_log_multiplier": 1.0,
			"mistral3.attention.temperature_scale": float64(float32(0.1)), "mistral3.rope.scaling.original_context_length": uint64(512)}},
		{"smolvlm", map[string]any{"text_config": sizes("llama", nil)}, models.Metadata{"general.architecture": "llama"}},
		{"qwen2_5_vl", map[string]any{"rope_scaling": map[string]any{"type": "mrope", "mrope_section": []int{16, 24, 24}}}, models.Metadata{"qwen2vl.rope.dimension_sections": []int64{16, 24, 24, 0}, "qwen2vl.rope.scaling.type": nil}},
		{"lfm2", map[string]any{"norm_eps": 1e-5, "conv_L_cache": 3, "layer_types": []string{"conv", "full_attention"}, "num_key_value_heads": 2, "block_ff_dim": 300, "block_auto_adjust_ff_dim": true,
			"block_ffn_dim_multiplier": 1.0, "block_multiple_of": 64}, models.Metadata{"lfm2.attention.head_count_kv": []int64{0, 2}, "lfm2.feed_forward_length": uint64(256), "lfm2.shortconv.l_cache": uint64(3)}},
		{"qwen3_5", map[string]any{"text_config": sizes("qwen3_5_text", map[string]any{"head_dim": 32, "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8,
			"linear_conv_kernel_dim": 4, "layer_types": []string{"linear_attention", "full_attention"}, "rope_parameters": map[string]any{"rope_theta": 1e7, "partial_rotary_factor": 0.25}})}, models.Metadata{
			"general.architecture": "qwen35", "qwen35.rope.dimension_count": uint64(8), "qwen35.rope.dimension_sections": []int64{11, 11, 10, 0}, "qwen35.ssm.inner_size": uint64(32), "qwen35.ssm.group_count": uint64(2),
			"qwen35.ssm.time_step_rank": uint64(4), "qwen35.attention.recurrent_layers": []bool{true, false}, "qwen35.rope.freq_base": 1e7}},
		{"gemma4", map[string]any{"text_config": sizes("gemma4_text", map[string]any{"head_dim": 16, "global_head_dim": 32, "sliding_window": 8, "layer_types": []string{"sliding_attention", "full_attention"}, "num_kv_shared_layers": 1,
			"num_key_value_heads": 2, "num_global_key_value_heads": 1, "use_double_wide_mlp": true, "hidden_size_per_layer_input": 8, "final_logit_softcapping": 30.0, "num_experts": 4, "top_k_experts": 2, "moe_intermediate_size": 24,
			"rope_parameters": map[string]any{"full_attention": map[string]any{"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1e6}, "sliding_attention": map[string]any{"rope_type": "default", "rope_theta": 1e4}}})}, models.Metadata{
			"gemma4.attention.key_length": uint64(32), "gemma4.attention.key_length_swa": uint64(16), "gemma4.rope.dimension_count_swa": uint64(16), "gemma4.attention.head_count_kv": []int64{2, 1},
			"gemma4.feed_forward_length": []int64{96, 192}, "gemma4.attention.shared_kv_layers": uint64(1), "gemma4.expert_used_count": uint64(2), "gemma4.rope.freq_base_swa": 10000.0}},
		{"lfm2", map[string]any{"conv_L_cache": 3, "full_attn_idxs": []int{1}, "num_key_value_heads": 4}, models.Metadata{"lfm2.attention.head_count_kv": []int64{0, 4}}},
		// Gemma 3 4B, LLaVA 1.5: what the class has is left out.
		{"gemma3", map[string]any{"text_config": map[string]any{"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34, "sliding_window": 1024,
			"rope_scaling": map[string]any{"factor": 8.0, "rope_type": "linear"}}}, models.Metadata{"gemma3.embedding_length": uint64(2560), "gemma3.attention.head_count": uint64(8), "gemma3.attention.head_count_kv": uint64(4),
			"gemma3.attention.key_length": uint64(256), "gemma3.context_length": uint64(131072), "gemma3.rope.freq_base": 1e6, "gemma3.rope.freq_base_swa": nil, "gemma3.rope.scaling.factor": 8.0,
			"gemma3.attention.sliding_window": uint64(1024), "gemma3.attention.layer_norm_rms_epsilon": float64(float32(1e-6))}},
		{"llava", map[string]any{"text_config": map[string]any{"model_type": "llama", "max_position_embeddings": 4096, "rms_norm_eps": 1e-5}}, models.Metadata{"llama.embedding_length": uint64(4096), "llama.block_count": uint64(32)}},
		{"granite", map[string]any{"attention_multiplier": 0.5, "embedding_multiplier": 12.0, "residual_multiplier": 0.25, "logits_scaling": 8.0}, models.Metadata{
			"granite.attention.scale": 0.5, "granite.embedding_scale": 12.0, "granite.residual_scale": 0.25, "granite.logit_scale": 8.0}},
		{"bert", map[string]any{"layer_norm_eps": 1e-12, "type_vocab_size": 2, "hidden_act": "gelu"}, models.Metadata{"general.architecture": "bert", "bert.attention.causal": false,
			"bert.attention.layer_norm_epsilon": float64(float32(1e-12)), "tokenizer.ggml.token_type_count": uint64(2), "bert.pooling_type": nil}},
	} {
		g := convert(t, folder(sizes(c.kind, c.config)))
		for key, want := range c.want {
			if got := g.Meta[key]; fmt.Sprintf("%T %v", got, got) != fmt.Sprintf("%T %v", want, want) {
				t.Errorf("%s, %v: %s is %v, expected %v", c.kind, c.config, key, got, want)
			}
		}
	}
}

// gemma4Rope are the rope_parameters that Gemma 4 must have.
var gemma4Rope = map[string]map[string]any{"gemma4": {"full_attention": map[string]any{"rope_type": "proportional"}}}

// TestReadme checks that README.md lists the models whose folders are read, by their model_type; those of text parts are left out.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(b), "vocab.txt) with ")
	list, _, _ = strings.Cut(list, " models, and the text part of ")
	listed := strings.FieldsFunc(strings.ReplaceAll(list, " (with its MXFP4)", ""), func(r rune) bool { return strings.ContainsRune(", \n", r) })
	listed = slices.DeleteFunc(listed, func(s string) bool { return s == "and" })
	want := slices.DeleteFunc(slices.Sorted(maps.Keys(families)), func(s string) bool { return strings.HasSuffix(s, "_text") })
	if slices.Sort(listed); !slices.Equal(listed, want) {
		t.Errorf("README.md lists\n%v, expected\n%v", listed, want)
	}
}

// TestNames checks the names of tensors, and which are left out.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		kind, from, to string
	}{
		{"llama", "model.embed_tokens.weight", "token_embd.weight"}, {"llama", "model.layers.11.self_attn.q_proj.bias", "blk.11.attn_q.bias"},
		{"llama", "lm_head.weight", "output.weight"}, {"llama", "model.layers.0.self_attn.rotary_emb.inv_freq", ""}, {"llama", "model.layers.0.stray.weight", "model.layers.0.stray.weight"},
		{"llama", "model.layers.01.mlp.up_proj.weight", "model.layers.01.mlp.up_proj.weight"}, {"qwen3", "layers.0.self_attn.q_norm.weight", "blk.0.attn_q_norm.weight"},
		{"qwen2", "norm.weight", "output_norm.weight"}, {"gemma", "lm_head.weight", ""}, {"gemma", "model.layers.0.post_attention_layernorm.weight", "blk.0.ffn_norm.weight"},
		{"gemma3", "language_model.model.layers.2.pre_feedforward_layernorm.weight", "blk.2.ffn_norm.weight"},
		{"gemma3", "model.language_model.layers.2.post_attention_layernorm.weight", "blk.2.post_attention_norm.weight"}, {"gemma3", "vision_tower.x.weight", ""},
		{"phi3", "model.layers.0.mlp.gate_up_proj.weight", "blk.0.ffn_up.weight"}, {"phi3", "model.layers.0.self_attn.qkv_proj.weight", "blk.0.attn_qkv.weight"},
		{"bert", "bert.encoder.layer.3.output.LayerNorm.gamma", "blk.3.layer_output_norm.weight"}, {"bert", "embeddings.LayerNorm.bias", "token_embd_norm.bias"},
		{"roberta", "roberta.encoder.layer.0.attention.self.key.bias", "blk.0.attn_k.bias"}, {"xlm-roberta", "lm_head.dense.weight", ""},
		{"modernbert", "model.layers.1.attn.Wqkv.weight", "blk.1.attn_qkv.weight"}, {"modernbert", "head.dense.weight", ""}, {"modernbert", "decoder.bias", ""},
		{"modernbert", "model.final_norm.weight", "output_norm.weight"}, {"modernbert", "stray.weight", "stray.weight"},
		{"qwen3_moe", "model.layers.0.mlp.gate.weight", "blk.0.ffn_gate_inp.weight"}, {"olmo2", "model.layers.0.post_attention_layernorm.weight", "blk.0.post_attention_norm.weight"},
		{"gemma4", "model.language_model.layers.3.layer_scalar", "blk.3.layer_output_scale.weight"}, {"gemma4", "model.audio_tower.x", ""}, {"gemma4", "model.embed_vision.x.weight", ""},
		{"qwen3_vl", "model.visual.blocks.0.x.weight", ""}, {"qwen2_vl", "visual.x", ""}, {"lfm2", "model.embedding_norm.weight", "token_embd_norm.weight"},
		{"bert", "embeddings.position_ids", ""}, {"bert", "pooler.dense.weight", ""}, {"bert", "cls.predictions.bias", ""}, {"bert", "stray", "stray"},
	} {
		g := convert(t, folder(sizes(c.kind, map[string]any{"num_experts": 1, "num_experts_per_tok": 1, "moe_intermediate_size": 8, "conv_L_cache": 3, "head_dim": 16,
			"global_head_dim": 16, "sliding_window": 8, "layer_types": []string{"full_attention", "full_attention"}, "num_key_value_heads": 4, "rope_parameters": gemma4Rope[c.kind]}), c.from))
		g.Tensors = slices.DeleteFunc(g.Tensors, func(t models.Tensor) bool { return t.Name == "rope_freqs.weight" }) // which is made
		switch {
		case c.to == "" && len(g.Tensors) == 0:
		case c.to == "" || len(g.Tensors) != 1 || g.Tensors[0].Name != c.to:
			t.Errorf("%s: %s becomes %v, expected %q", c.kind, c.from, g.Tensors, c.to)
		}
	}
	tied := convert(t, folder(sizes("llama", map[string]any{"tie_word_embeddings": true}), "lm_head.weight"))
	if len(tied.Tensors) != 0 {
		t.Errorf("a tied output matrix becomes %v", tied.Tensors)
	}
	ranks := convert(t, folder(sizes("bert", map[string]any{"id2label": map[string]string{"0": "LABEL_0"}}), "bert.pooler.dense.bias", "classifier.weight"))
	if ranks.Tensors[0].Name != "cls.bias" || ranks.Tensors[1].Name != "cls.output.weight" || ranks.Meta["bert.pooling_type"] != uint64(models.PoolRank) || ranks.Meta["bert.classifier.output_labels"] != nil {
		t.Errorf("a classifier becomes %v with %v", ranks.Tensors, ranks.Meta)
	}
}

// TestOtherNames checks names of tensors of families whose folders are not like those of llama, and which are left out.
func TestOtherNames(t *testing.T) {
	for _, c := range []struct{ kind, from, to string }{
		{"gpt2", "h.0.attn.bias", ""}, {"gpt2", "transformer.h.1.attn.c_attn.bias", "blk.1.attn_qkv.bias"}, {"gpt2", "wpe.weight", "position_embd.weight"}, {"gpt2", "lm_head.weight", ""},
		{"gpt_neox", "gpt_neox.layers.0.attention.rotary_emb.inv_freq", ""}, {"gpt_neox", "embed_out.weight", "output.weight"}, {"gpt_neox", "stray", "stray"},
		{"falcon", "transformer.h.0.ln_attn.bias", "blk.0.attn_norm_2.bias"}, {"falcon", "transformer.h.0.ln_mlp.weight", "blk.0.attn_norm.weight"}, {"falcon", "transformer.h.0.x.weight", "transformer.h.0.x.weight"},
		{"glm4_moe", "model.layers.2.embed_tokens.weight", ""}, {"glm4_moe", "model.layers.3.mlp.gate.weight", "blk.3.ffn_gate_inp.weight"}, {"glm4_moe", "model.layers.1.mlp.gate.e_score_correction_bias", "blk.1.exp_probs_b.bias"},
		{"deepseek_v3", "model.layers.1.self_attn.kv_a_proj_with_mqa.weight", "blk.1.attn_kv_a_mqa.weight"}, {"hunyuan_v1_dense", "model.layers.0.self_attn.key_layernorm.weight", "blk.0.attn_k_norm.weight"},
		{"nemotron_h", "mtp.layers.0.x.weight", ""}, {"nemotron_h", "backbone.norm_f.weight", "output_norm.weight"}, {"granitemoehybrid", "model.layers.0.mamba.D", "blk.0.ssm_d"},
		{"ernie4_5_moe", "model.layers.1.mlp.moe_statics.e_score_correction_bias", "blk.1.exp_probs_b.bias"},
		{"gemma3n", "model.audio_tower.x.weight", ""}, {"gemma3n", "model.language_model.layers.1.altup.correct_output_scale", "blk.1.altup_correct_scale.weight"}, {"gemma3n", "model.language_model.embed_tokens.weight", "token_embd.weight"},
		{"phi", "lm_head.bias", "output.bias"}, {"phi", "model.final_layernorm.weight", "output_norm.weight"}, {"mamba2", "model.backbone.layers.0.mixer.norm.weight", "blk.0.ssm_norm.weight"}, {"bloom", "word_embeddings_layernorm.bias", "token_embd_norm.bias"},
		{"mpt", "transformer.wpe.weight", "position_embd.weight"}, {"gpt_bigcode", "transformer.h.0.attn.bias", ""}, {"stablelm", "model.layers.0.self_attn.q_layernorm.norms.3.weight", ""}, {"internlm2", "output.weight", "output.weight"},
		{"llama4", "vision_model.x.weight", ""}, {"llama4", "language_model.model.layers.1.feed_forward.router.weight", "blk.1.ffn_gate_inp.weight"}, {"jamba", "model.final_layernorm.weight", "output_norm.weight"},
	} {
		types := []string{"mamba", "attention"}
		if c.kind == "gemma3n" {
			types = []string{"sliding_attention", "full_attention"}
		}
		g := convert(t, folder(sizes(c.kind, deepseekValues(map[string]any{"num_nextn_predict_layers": 1, "hybrid_override_pattern": "M*", "mamba_num_heads": 2, "mamba_head_dim": 8, "ssm_state_size": 8,
			"num_key_value_heads": 4, "layer_types": types, "mamba_n_heads": 2, "mamba_d_state": 8, "mamba_d_conv": 4, "shared_intermediate_size": 8,
			"moe_num_experts": 4, "moe_k": 2, "num_local_experts": 4})), c.from))
		switch {
		case c.to == "" && len(g.Tensors) == 0:
		case c.to == "" || len(g.Tensors) != 1 || g.Tensors[0].Name != c.to:
			t.Errorf("%s: %s becomes %v, expected %q", c.kind, c.from, g.Tensors, c.to)
		}
	}
}

// TestInfinity checks a config.json with numbers that Python writes and JSON does not have.
func TestInfinity(t *testing.T) {
	f := folder(sizes("llama", nil))
	text := strings.Replace(string(f.Aux["config.json"]), "{", `{"time_step_limit":[0.0,Infinity,-Infinity,NaN],"_name_or_path":"an \"Infinity","note":"NaN",`, 1)
	f.Aux["config.json"] = []byte(text)
	convert(t, f)
	values, err := object(f, "config.json")
	if limits := fmt.Sprint(values["time_step_limit"]); err != nil || limits != "[0.0 <nil> <nil> <nil>]" || values["_name_or_path"] != `an "Infinity` || values["note"] != "NaN" {
		t.Errorf("%v, %v", values, err)
	}
}

// TestApart checks in which order the rows of q, k and v are that are one tensor.
func TestApart(t *testing.T) {
	f := folder(sizes("falcon", map[string]any{"new_decoder_architecture": true, "num_kv_heads": 2, "hidden_size": 4}))
	f.Tensors = []models.Tensor{{Name: "transformer.h.0.self_attention.query_key_value.weight", Type: quant.F32, Shape: []int{8, 1}, Data: bytesOf([]float32{0, 1, 2, 3, 4, 5, 6, 7})}}
	g := convert(t, f)
	var got []float32
	for i := range 8 {
		var x [1]float32
		quant.Dequantize(quant.F32, x[:], g.Tensors[0].Part(i))
		got = append(got, x[0])
	}
	if want := []float32{0, 1, 4, 5, 2, 6, 3, 7}; !slices.Equal(got, want) {
		t.Errorf("the rows are %v, expected %v", got, want)
	}
}

// TestHeadNorms checks that the norms of the heads of StableLM become one tensor, and that a missing one is named.
func TestHeadNorms(t *testing.T) {
	with := func(heads int) *models.File {
		f := folder(sizes("stablelm", map[string]any{"hidden_size": 8, "num_attention_heads": 4, "num_key_value_heads": 2}))
		for head := range heads {
			f.Tensors = append(f.Tensors, models.Tensor{Name: fmt.Sprintf("model.layers.1.self_attn.q_layernorm.norms.%d.weight", head), Type: quant.F32, Shape: []int{2}, Data: bytesOf([]float32{float32(head), 9})})
		}
		return f
	}
	g := convert(t, with(4))
	if len(g.Tensors) != 1 || g.Tensors[0].Name != "blk.1.attn_q_norm.weight" || !slices.Equal(g.Tensors[0].Shape, []int{4, 2}) || !slices.Equal(g.Tensors[0].Data, bytesOf([]float32{0, 9, 1, 9, 2, 9, 3, 9})) {
		t.Errorf("%v", g.Tensors)
	}
	if _, err := Convert(with(3), true); !errors.Is(err, models.ErrCorrupt) || !strings.Contains(err.Error(), "norms.3.weight") {
		t.Errorf("%v", err)
	}
}

// TestOrder checks the order of the rows of q, and that of the heads of values of Qwen3.5.
func TestOrder(t *testing.T) {
	var got []int
	for i := range 8 {
		got = append(got, neighbour(i, 8))
	}
	if want := []int{0, 4, 1, 5, 2, 6, 3, 7}; !slices.Equal(got, want) {
		t.Errorf("got %v, expected %v", got, want)
	}
	c, heads := &config{family: families["qwen3_5"]}, []int(nil)
	for i := range 6 {
		heads = append(heads, c.tiled(deltaHeads{keys: 2, values: 6})(i))
	}
	if want := []int{0, 3, 1, 4, 2, 5}; !slices.Equal(heads, want) {
		t.Errorf("got %v, expected %v", heads, want)
	}
}

// TestLlama3 checks the divisors of Llama 3.1's rotary frequencies: those of fast, slow and some pairs in between, as transformers computes them.
func TestLlama3(t *testing.T) {
	g := convert(t, folder(sizes("llama", map[string]any{"head_dim": 128, "rope_theta": 500000.0, "rope_scaling": map[string]any{
		"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}})))
	freqs, ok := g.Tensor("rope_freqs.weight")
	if !ok || freqs.Len() != 64 {
		t.Fatalf("%v", freqs)
	}
	values := make([]float32, 64)
	quant.Dequantize(freqs.Type, values, freqs.Data)
	for i, v := range values {
		wave := 2 * math.Pi * math.Pow(500000, float64(i)/64)
		want := 1.0
		if wave > 8192 {
			want = 8
		} else if wave >= 8192.0/4 {
			smooth := (8192/wave - 1) / 3
			want = 1 / ((1-smooth)/8 + smooth)
		}
		if math.Abs(float64(v)-want) > 1e-5*want {
			t.Errorf("pair %d is divided by %v, expected %v", i, v, want)
		}
	}
}

// TestPooling checks the poolings of sentence-transformers, old and new.
func TestPooling(t *testing.T) {
	for text, want := range map[string]any{`{"pooling_mode_mean_tokens":true}`: uint64(models.PoolMean), `{"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false}`: uint64(models.PoolFirst),
		`{"pooling_mode":"lasttoken"}`: uint64(models.PoolLast), `{"pooling_mode_lasttoken":true}`: uint64(models.PoolLast)} {
		f := folder(sizes("qwen3", nil))
		f.Aux["1_Pooling/config.json"] = []byte(text)
		if g := convert(t, f); g.Meta["qwen3.pooling_type"] != want {
			t.Errorf("%s: %v", text, g.Meta["qwen3.pooling_type"])
		}
	}
	f := folder(sizes("bert", nil))
	f.Aux["1_Pooling/config.json"] = []byte(`{"pooling_mode_max_tokens":true}`)
	if _, err := Convert(f, true); !errors.Is(err, models.ErrUnsupported) {
		t.Errorf("the maximum: %v", err)
	}
}

// TestTemplates checks where a chat template is found, and the recommended sampling.
func TestTemplates(t *testing.T) {
	const key = "tokenizer.chat_template"
	f := folder(sizes("llama", nil))
	f.Aux["tokenizer_config.json"] = []byte(`{"chat_template":"one"}`)
	if g := convert(t, f); g.Meta[key] != "one" {
		t.Errorf("%v", g.Meta[key])
	}
	f.Aux["tokenizer_config.json"] = []byte(`{"chat_template":[{"name":"tool_use","template":"x"},{"name":"default","template":"two"}]}`)
	if g := convert(t, f); g.Meta[key] != "two" {
		t.Errorf("%v", g.Meta[key])
	}
	f.Aux["chat_template.jinja"] = []byte("three")
	if g := convert(t, f); g.Meta[key] != "three" {
		t.Errorf("%v", g.Meta[key])
	}
	f.Aux["generation_config.json"] = []byte(`{"do_sample":true,"temperature":0.6,"top_k":20,"top_p":0.95}`)
	if m := Sampling(f); m["general.sampling.temp"] != 0.6 || m["general.sampling.top_k"] != int64(20) || m["general.sampling.top_p"] != 0.95 {
		t.Errorf("%v", m)
	}
}

// FuzzConvert converts folders with any config.json: the error is a *models.FileError, and nothing panics.
func FuzzConvert(f *testing.F) {
	for kind := range families {
		b, err := json.Marshal(sizes(kind, map[string]any{"rope_scaling": map[string]any{"rope_type": "llama3", "factor": 8}}))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, []byte(`{"chat_template":[]}`), "model.layers.0.self_attn.q_proj.weight")
	}
	f.Add([]byte(`{"model_type":"llama","num_attention_heads":-1,"hidden_size":1e300}`), []byte(`[]`), "bert.encoder.layer.0.x")
	f.Fuzz(func(t *testing.T, config, tokenizer []byte, name string) {
		file := &models.File{Format: "safetensors", Path: "x", Aux: map[string][]byte{"config.json": config, "tokenizer_config.json": tokenizer, "1_Pooling/config.json": tokenizer},
			Tensors: []models.Tensor{{Name: name, Type: quant.F32, Shape: []int{4, 2}, Data: make([]byte, 32)}}}
		Is(file)
		Sampling(file)
		if _, err := Convert(file, true); err != nil {
			if _, ok := errors.AsType[*models.FileError](err); !ok {
				t.Errorf("%v is no FileError", err)
			}
		}
	})
}

// TestValuesOfConfig checks that values which the network of a family does not follow are refused by name.
func TestValuesOfConfig(t *testing.T) {
	for name, c := range map[string]struct {
		kind  string
		value any
	}{
		"norm_topk_prob": {"qwen3_moe", false}, "decoder_sparse_step": {"qwen3_moe", 2}, "mlp_only_layers": {"qwen2_moe", []int{0}}, "clip_qkv": {"olmoe", 8.0}, "no_rope_layers": {"smollm3", []int{1, 0}},
		"no_rope_layer_interval": {"smollm3", 3}, "conv_bias": {"lfm2", true}, "beta_fast": {"qwen3", nil}, "alibi": {"falcon", true}, "n_group": {"glm4_moe", 4}, "scale_attn_by_inverse_layer_idx": {"gpt2", true}, "topk_method": {"deepseek_v2", "group_limited_greedy"},
		"rope_interleave": {"deepseek_v3", false}, "moe_layer_freq": {"deepseek_v3", 2}, "use_qk_norm": {"hunyuan_v1_dense", false}, "qk_layernorm": {"phi", true}, "mup_enabled": {"afmoe", false}, "attention_chunk_size": {"llama4", 4096}, "multi_query": {"gpt_bigcode", false}, "mamba_rms_norm": {"falcon_h1", true}, "attn_config": {"mpt", map[string]any{"qk_ln": true}},
		"apply_residual_connection_post_layernorm": {"bloom", true},
	} {
		values := map[string]any{name: c.value, "num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64, "shared_expert_intermediate_size": 64, "conv_L_cache": 3, "layer_types": []string{"conv", "conv"}}
		if name == "topk_method" {
			values["n_group"] = 8
		}
		for name, v := range deepseekValues(nil) {
			values[name] = v
		}
		if c.value == nil {
			values["rope_scaling"] = map[string]any{"rope_type": "yarn", "factor": 4.0, name: 16.0}
		}
		if _, err := Convert(folder(sizes(c.kind, values)), true); !errors.Is(err, models.ErrUnsupported) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
