package apr

import (
	"maps"
	"strings"

	"soberano/models"
	"soberano/models/huggingface"
)

// The file of a language model has all keys of a GGUF file. Those that APR has a key for are stored under that, all others under their own
// name, which always has a dot. Tensors have the names of a folder of Hugging Face where the family has such names, and those of GGUF
// otherwise; the order of their rows is that of GGUF files, which rope_type tells. A model that was a folder of Hugging Face keeps its
// tensors as they are, and its files, such as config.json and tokenizer.json, as lists of bytes; it is then read as a folder is.

// renamed are the keys of a GGUF file that have another name in an APR file.
var renamed = map[string]string{
	"tokenizer.ggml.tokens":       "tokenizer.vocabulary",
	"tokenizer.ggml.merges":       "tokenizer.merges",
	"tokenizer.ggml.bos_token_id": "tokenizer.bos_token_id",
	"tokenizer.ggml.eos_token_id": "tokenizer.eos_token_id",
	"tokenizer.chat_template":     "chat_template",
}

// described are the keys of a GGUF file that are told a second time under a key of APR, for other programs.
var described = map[string]string{
	"general.name": "name", "general.description": "description", "general.author": "author", "general.license": "license",
	"general.version": "version", "general.source.url": "source", "general.architecture": "architecture",
}

// numbers are the keys of a family that are told a second time under a key of APR.
var numbers = map[string]string{
	"embedding_length": "hidden_size", "block_count": "num_layers", "attention.head_count": "num_heads", "attention.head_count_kv": "num_kv_heads",
	"feed_forward_length": "intermediate_size", "context_length": "max_position_embeddings", "rope.freq_base": "rope_theta",
	"attention.layer_norm_rms_epsilon": "rms_norm_eps", "attention.key_length": "head_dim", "expert_count": "num_experts",
	"expert_used_count": "num_experts_per_tok", "expert_feed_forward_length": "moe_intermediate_size",
}

// Language returns the metadata and the names of tensors of an APR file for a language model whose metadata and names are those of a GGUF file.
func Language(meta models.Metadata, tensors []models.Source) (models.Metadata, []models.Source) {
	out := describe(meta, tensors)
	for key, v := range meta {
		if to, ok := renamed[key]; ok {
			key = to
		}
		out[key] = v
	}
	if tokens, err := meta.Strings("tokenizer.ggml.tokens"); err == nil {
		out["vocab_size"] = uint64(len(tokens))
	}
	family, _ := meta["general.architecture"].(string)
	if huggingface.Interleaved(family) {
		out["rope_type"] = uint64(ropePairs)
	}
	list := make([]models.Source, len(tensors))
	for i, t := range tensors {
		list[i] = t
		list[i].Name = huggingface.FolderName(family, t.Name)
	}
	return out, list
}

// Folder returns the metadata of an APR file that holds a folder of Hugging Face: its tensors under their names and its other files as lists of
// bytes. meta is the metadata of a GGUF file with the same model.
func Folder(meta models.Metadata, tensors []models.Source) models.Metadata {
	out := describe(meta, tensors)
	if text, ok := meta["tokenizer.chat_template"].(string); ok {
		out["chat_template"] = text
	}
	return out
}

// describe returns the keys of APR that tell other programs what a model is.
func describe(meta models.Metadata, tensors []models.Source) models.Metadata {
	family, _ := meta["general.architecture"].(string)
	out := models.Metadata{"model_type": family, "rope_type": uint64(ropeHalves)}
	for key, to := range described {
		if v, ok := meta[key].(string); ok && v != "" {
			out[to] = v
		}
	}
	for key, to := range numbers {
		switch v := meta[family+"."+key].(type) {
		case uint64, int64, float64:
			out[to] = v
		}
	}
	values := uint64(0)
	for _, t := range tensors {
		n, _ := models.Values(t.Shape)
		values += uint64(n)
	}
	out["param_count"] = values
	return out
}

// The values of rope_type: which two values of a head are rotated together.
const (
	ropePairs  = 0 // 2i and 2i+1
	ropeHalves = 2 // i and i plus half of the head
)

// GGUF returns the metadata of a GGUF file with the same model: those of the metadata of an opened language model that belong there.
func GGUF(meta models.Metadata) models.Metadata {
	out := models.Metadata{}
	for key, v := range meta {
		outer, _, dotted := strings.Cut(key, ".")
		switch outer {
		case "apr", "model_card", "quantization", "sharding", "special_tokens":
			continue
		}
		if dotted {
			out[key] = v
		}
	}
	return out
}

// language gives the keys and tensors of a language model the names of a GGUF file. The number of a single key that can't be negative
// becomes an uint64, as in a GGUF file.
func language(f *models.File) {
	family, ok := f.Meta["general.architecture"].(string)
	if !ok {
		return
	}
	for to, key := range renamed {
		if v, ok := f.Meta[key]; ok {
			delete(f.Meta, key)
			f.Meta[to] = v
		}
	}
	for key, v := range maps.Clone(f.Meta) {
		if n, ok := v.(int64); ok && n >= 0 {
			f.Meta[key] = uint64(n)
		}
	}
	for i, t := range f.Tensors {
		f.Tensors[i].Name = huggingface.FileName(family, t.Name)
	}
}
