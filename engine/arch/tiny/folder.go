package tiny

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/safetensors"
)

// modelTypes are the families whose models Folder writes, with the model_type of their config.json.
var modelTypes = map[string]string{
	"afmoe": "afmoe", "arcee": "arcee", "bloom": "bloom", "dots1": "dots1", "falcon-h1": "falcon_h1", "internlm2": "internlm2", "jamba": "jamba", "llama4": "llama4_text", "mamba": "mamba", "mamba2": "mamba2", "minicpm": "minicpm",
	"mpt": "mpt", "nemotron": "nemotron", "phi2": "phi", "stablelm": "stablelm", "starcoder": "gpt_bigcode",
	"apertus": "apertus", "deepseek2": "deepseek_v3", "falcon": "falcon", "glm4moe": "glm4_moe", "gpt2": "gpt2", "gptneox": "gpt_neox", "granitehybrid": "granitemoehybrid", "hunyuan-dense": "hunyuan_v1_dense",
	"hunyuan-moe": "hunyuan_v1_moe", "nemotron_h": "nemotron_h", "nemotron_h_moe": "nemotron_h",
	"bert": "bert", "chatglm": "glm", "cohere2": "cohere2", "command-r": "cohere", "ernie4_5": "ernie4_5", "ernie4_5-moe": "ernie4_5_moe", "exaone4": "exaone4", "gemma": "gemma", "gemma2": "gemma2",
	"gemma3": "gemma3_text", "gemma3n": "gemma3n_text", "gemma4": "gemma4_text", "glm4": "glm4", "gpt-oss": "gpt_oss", "granite": "granite", "granitemoe": "granitemoeshared", "lfm2": "lfm2", "lfm2moe": "lfm2_moe", "llama": "llama",
	"modern-bert": "modernbert", "olmo2": "olmo2", "olmoe": "olmoe", "phi3": "phi3", "qwen2": "qwen2", "qwen2moe": "qwen2_moe", "qwen2vl": "qwen2_vl", "qwen3": "qwen3", "qwen35": "qwen3_5_text", "qwen35moe": "qwen3_5_moe_text", "qwen3next": "qwen3_next",
	"qwen3moe": "qwen3_moe", "qwen3vl": "qwen3_vl", "seed_oss": "seed_oss", "smollm3": "smollm3", "starcoder2": "starcoder2",
}

// modelType returns the model_type of the model.
func (s *Source) modelType() string {
	if _, mixture := s.Meta["llama.expert_count"]; mixture {
		return "mixtral"
	}
	if latent, _ := s.Meta["deepseek2.attention.q_lora_rank"].(uint64); s.Architecture == "deepseek2" && latent == 0 {
		return "deepseek_v2"
	}
	if s.Meta["mamba.ssm.dt_b_c_rms"] == true {
		return "falcon_mamba"
	}
	return modelTypes[s.Architecture]
}

// modules are the names in PyTorch of what is in a layer, by their names in GGUF files.
var modules = map[string]string{
	"attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
	"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm", "ffn_norm": "post_attention_layernorm",
	"ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj", "attn_qkv": "self_attn.qkv_proj", "ffn_gate_inp": "mlp.gate",
	"ffn_gate_shexp": "mlp.shared_expert.gate_proj", "ffn_up_shexp": "mlp.shared_expert.up_proj", "ffn_down_shexp": "mlp.shared_expert.down_proj", "ffn_gate_inp_shexp": "mlp.shared_expert_gate",
}

var bertModules = map[string]string{
	"attn_q": "attention.self.query", "attn_k": "attention.self.key", "attn_v": "attention.self.value", "attn_output": "attention.output.dense",
	"attn_output_norm": "attention.output.LayerNorm", "ffn_up": "intermediate.dense", "ffn_down": "output.dense", "layer_output_norm": "output.LayerNorm",
}

var modernBertModules = map[string]string{"attn_norm": "attn_norm", "attn_qkv": "attn.Wqkv", "attn_output": "attn.Wo", "ffn_norm": "mlp_norm", "ffn_up": "mlp.Wi", "ffn_down": "mlp.Wo"}

// modernBertOthers are those of others that differ in ModernBERT.
var modernBertOthers = map[string]string{"token_embd": "model.embeddings.tok_embeddings", "token_embd_norm": "model.embeddings.norm", "output_norm": "model.final_norm",
	"cls": "head.dense", "cls.norm": "head.norm", "cls.output": "classifier"}

// others are the names in PyTorch of what is in no layer.
var others = map[string]string{
	"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
	"per_layer_token_embd": "model.embed_tokens_per_layer", "per_layer_model_proj": "model.per_layer_model_projection", "per_layer_proj_norm": "model.per_layer_projection_norm",
	"position_embd": "embeddings.position_embeddings", "token_types": "embeddings.token_type_embeddings", "token_embd_norm": "embeddings.LayerNorm",
	"cls": "pooler.dense", "cls.output": "classifier",
}

// Folder writes the model as the folder of the transformers library, its weights in so many files, and returns its path. The model is of a
// family of modelTypes, with tensors of types that safetensors has. To be equal to the folder, the norms of Gemma lose the bits
// that are lost there.
func (s *Source) Folder(t testing.TB, files int) string {
	t.Helper()
	dir := t.TempDir()
	tensors := make([][]models.Tensor, files)
	where := map[string]string{}
	for i, tensor := range s.unstacked() {
		tensors[i%files] = append(tensors[i%files], tensor)
		where[tensor.Name] = fileName(i%files, files)
	}
	for i, list := range tensors {
		var b bytes.Buffer
		if err := safetensors.Write(&b, models.Metadata{"format": "pt"}, list); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, fileName(i, files)), b.Bytes())
	}
	if files > 1 {
		writeJSON(t, filepath.Join(dir, safetensors.Index), map[string]any{"metadata": map[string]any{"total_size": 1}, "weight_map": where})
	}
	writeJSON(t, filepath.Join(dir, "config.json"), s.config())
	writeJSON(t, filepath.Join(dir, "tokenizer.json"), tokenizerJSON())
	writeJSON(t, filepath.Join(dir, "tokenizer_config.json"), map[string]any{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": true, "add_eos_token": false})
	pooling, _ := s.Meta[s.Architecture+".pooling_type"].(uint64)
	if mode := map[models.Pooling]string{models.PoolMean: "mean_tokens", models.PoolFirst: "cls_token", models.PoolLast: "lasttoken"}[models.Pooling(pooling)]; mode != "" {
		if err := os.Mkdir(filepath.Join(dir, "1_Pooling"), 0o755); err != nil {
			t.Fatal(err)
		}
		writeJSON(t, filepath.Join(dir, "1_Pooling", "config.json"), map[string]any{"word_embedding_dimension": Dim, "pooling_mode_" + mode: true})
	}
	return dir
}

func fileName(i, files int) string {
	if files == 1 {
		return safetensors.Weights
	}
	return fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, files)
}

// pytorch returns a tensor as it is in a folder.
func (s *Source) pytorch(t *models.Tensor) models.Tensor {
	base, kind, _ := cutLast(t.Name)
	name := others[base]
	if s.Architecture == "bert" && base == "token_embd" {
		name = "embeddings.word_embeddings"
	}
	if s.Architecture == "modern-bert" {
		name = modernBertOthers[base]
	}
	if strings.HasPrefix(s.Architecture, "lfm2") && base == "token_embd_norm" {
		name = "model.embedding_norm"
	}
	if own := foreignFolders[s.Architecture].others[base]; own != "" {
		name = own
	}
	var layer int
	if _, err := fmt.Sscanf(base, "blk.%d.", &layer); err == nil {
		name = s.module(layer, base[strings.LastIndexByte(base, '.')+1:])
	}
	out := *t
	switch out.Name = name + "." + kind; {
	case strings.HasSuffix(base, "ffn_gate_inp_shexp"):
		out.Shape = []int{1, Dim}
	case strings.HasSuffix(base, "shortconv.conv"):
		out.Shape = []int{Dim, 1, Taps}
	case strings.HasSuffix(base, "attn_sinks"):
		out.Name = strings.Replace(strings.TrimSuffix(base, "attn_sinks"), "blk.", "model.layers.", 1) + "self_attn.sinks"
	}
	if (strings.HasPrefix(s.Architecture, "gemma") && s.Architecture != "gemma4" && s.Architecture != "gemma3n" || s.Architecture == "nemotron" && kind == "weight" || s.isDelta()) && strings.HasSuffix(base, "norm") {
		out.Data = minusOne(t)
		out.Type = quant.F32
	}
	if heads := map[string]int{"attn_q": Heads, "attn_k": KVHeads}[base[strings.LastIndexByte(base, '.')+1:]]; slices.Contains(interleaved, s.Architecture) && heads > 0 {
		out.Data = apart(t.Data, heads)
	}
	return out
}

func (s *Source) module(layer int, what string) string {
	if s.Architecture == "bert" {
		return fmt.Sprintf("encoder.layer.%d.%s", layer, bertModules[what])
	}
	if s.Architecture == "modern-bert" {
		return fmt.Sprintf("model.layers.%d.%s", layer, modernBertModules[what])
	}
	name := modules[what]
	if own := ownModules[s.Architecture][what]; own != "" {
		name = own
	}
	if own := foreignFolders[s.Architecture]; own.layer != "" {
		return fmt.Sprintf(own.layer, layer) + name
	}
	return fmt.Sprintf("model.layers.%d.%s", layer, name)
}

// cutLast cuts a name at its last dot.
func cutLast(name string) (before, after string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return name, "", false
	}
	return name[:i], name[i+1:], true
}

// minusOne returns the values of a float32 tensor less 1, and makes them in the tensor what they are after 1 is added again.
func minusOne(t *models.Tensor) []byte {
	values := make([]float32, t.Len())
	quant.Dequantize(t.Type, values, t.Data)
	for i := range values {
		values[i]--
	}
	data := floats(values)
	for i := range values {
		values[i]++
	}
	t.Type, t.Data = quant.F32, floats(values)
	return data
}

// apart moves the neighbouring rows 2i and 2i+1 of each head half a head apart, to i and i+HeadDim/2.
func apart(data []byte, heads int) []byte {
	row := len(data) / (heads * HeadDim)
	out := make([]byte, len(data))
	for h := range heads {
		for i := range HeadDim {
			to := h*HeadDim + i/2 + i%2*HeadDim/2
			copy(out[to*row:][:row], data[(h*HeadDim+i)*row:][:row])
		}
	}
	return out
}

// config returns the config.json of the model.
func (s *Source) config() map[string]any {
	key := func(name string) any { return s.Meta[s.Architecture+"."+name] }
	c := map[string]any{"model_type": s.modelType(), "torch_dtype": "float32", "vocab_size": Vocabulary}
	for name, from := range map[string]string{
		"max_position_embeddings": "context_length", "hidden_size": "embedding_length", "intermediate_size": "feed_forward_length", "num_hidden_layers": "block_count",
		"num_attention_heads": "attention.head_count", "num_key_value_heads": "attention.head_count_kv", "head_dim": "attention.key_length",
		"rms_norm_eps": "attention.layer_norm_rms_epsilon", "layer_norm_eps": "attention.layer_norm_epsilon", "rope_theta": "rope.freq_base",
		"num_experts": "expert_count", "num_experts_per_tok": "expert_used_count", "moe_intermediate_size": "expert_feed_forward_length",
		"shared_expert_intermediate_size": "expert_shared_feed_forward_length", "shared_intermediate_size": "expert_shared_feed_forward_length",
		"attention_multiplier": "attention.scale", "embedding_multiplier": "embedding_scale", "residual_multiplier": "residual_scale", "logits_scaling": "logit_scale", "logit_scale": "logit_scale",
		"sliding_window": "attention.sliding_window", "attn_logit_softcapping": "attn_logit_softcapping", "final_logit_softcapping": "final_logit_softcapping",
	} {
		if v := key(from); v != nil {
			c[name] = v
		}
	}
	if dims, ok := key("rope.dimension_count").(uint64); ok {
		c["partial_rotary_factor"] = float64(dims) / HeadDim
	}
	if s.Architecture == "bert" {
		c["type_vocab_size"], c["hidden_act"] = 2, "gelu"
	}
	if s.Architecture == "modern-bert" {
		c["norm_eps"], c["local_attention"], c["global_rope_theta"], c["local_rope_theta"] = c["layer_norm_eps"], c["sliding_window"], c["rope_theta"], 10000.0
		c["global_attn_every_n_layers"], c["hidden_activation"], c["classifier_pooling"] = 3, "gelu", "mean"
		delete(c, "rope_theta")
	}
	s.otherConfig(c)
	if labels, ok := key("classifier.output_labels").([]string); ok {
		names := map[string]string{}
		for i, label := range labels {
			names[fmt.Sprint(i)] = label
		}
		c["id2label"] = names
	}
	return c
}

// tokenizerJSON returns the tokenizer of vocabulary as the library tokenizers writes it.
func tokenizerJSON() map[string]any {
	texts := vocabulary()["tokenizer.ggml.tokens"].([]string)
	ids := map[string]int{}
	for i, text := range texts {
		ids[text] = i
	}
	var added []map[string]any
	for _, text := range []string{"<unk>", "<s>", "</s>", "<|im_end|>"} {
		added = append(added, map[string]any{"id": ids[text], "content": text, "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false})
	}
	return map[string]any{
		"version": "1.0", "added_tokens": added,
		"normalizer": map[string]any{"type": "Sequence", "normalizers": []any{
			map[string]any{"type": "Prepend", "prepend": "▁"}, map[string]any{"type": "Replace", "pattern": map[string]any{"String": " "}, "content": "▁"}}},
		"pre_tokenizer": nil,
		"post_processor": map[string]any{"type": "TemplateProcessing",
			"single":         []any{map[string]any{"SpecialToken": map[string]any{"id": "<s>", "type_id": 0}}, map[string]any{"Sequence": map[string]any{"id": "A", "type_id": 0}}},
			"pair":           []any{map[string]any{"SpecialToken": map[string]any{"id": "<s>", "type_id": 0}}, map[string]any{"Sequence": map[string]any{"id": "A", "type_id": 0}}, map[string]any{"Sequence": map[string]any{"id": "B", "type_id": 1}}},
			"special_tokens": map[string]any{"<s>": map[string]any{"id": "<s>", "ids": []int{1}, "tokens": []string{"<s>"}}}},
		"decoder": map[string]any{"type": "Sequence", "decoders": []any{
			map[string]any{"type": "Replace", "pattern": map[string]any{"String": "▁"}, "content": " "}, map[string]any{"type": "ByteFallback"}, map[string]any{"type": "Fuse"},
			map[string]any{"type": "Strip", "content": " ", "start": 1, "stop": 0}}},
		"model": map[string]any{"type": "BPE", "dropout": nil, "unk_token": "<unk>", "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
			"fuse_unk": true, "byte_fallback": true, "ignore_merges": false, "vocab": ids, "merges": []any{}},
	}
}

func writeJSON(t testing.TB, path string, v any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, b)
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// FolderKinds returns the kinds of Kinds and Encoders that Folder writes, sorted.
func FolderKinds() (list []string) {
	for _, table := range []map[string]kind{kinds, encoders} {
		for name := range maps.Keys(table) {
			if modelTypes[name] != "" || slices.Contains([]string{"bert-labels", "bert-rank", "deepseek2-lite", "falcon-mamba", "granitehybrid-moe", "nemotron_h-latent", "gemma4-e", "gemma4-moe", "mixtral", "modern-bert-rank"}, name) {
				list = append(list, name)
			}
		}
	}
	slices.Sort(list)
	return list
}

// Store converts the matrices to another type of floating-point numbers, with the values that it has.
func (s *Source) Store(to quant.Type) {
	for i, t := range s.Tensors {
		if len(t.Shape) < 2 || strings.HasSuffix(t.Name, "ssm_a") || t.Cols() == 1 || to == quant.F32 { // the rates of a state space stay
			continue
		}
		values := make([]float32, t.Len())
		quant.Dequantize(t.Type, values, t.Data)
		s.Tensors[i].Type, s.Tensors[i].Data = to, make([]byte, t.Rows()*to.RowBytes(t.Cols()))
		quant.Quantize(to, s.Tensors[i].Data, values)
	}
}
