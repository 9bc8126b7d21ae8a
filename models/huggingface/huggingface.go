// Package huggingface presents a model in the folder of the transformers library (config.json, weights in safetensors) as the GGUF
// file that llama.cpp's converter would make of it: the numbers of config.json under the keys, and the weights under the names,
// that engine/arch reads. The weights keep their type, and almost all of them stay where they are in the mapped files.
//
//	config.json                     model_type ─▶ general.architecture, hidden_size ─▶ llama.embedding_length, …
//	*.safetensors                   model.layers.0.self_attn.q_proj.weight ─▶ blk.0.attn_q.weight, …
//	tokenizer_config.json, chat_template.jinja ─▶ tokenizer.chat_template
//	1_Pooling/config.json           of sentence-transformers ─▶ bert.pooling_type
//
// Source of the mapping: conversion/*.py of llama.cpp.
package huggingface

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"soberano/models"
)

// family describes the models of one model_type.
type family struct {
	architecture string
	keys         func(*config)              // sets the keys that not all families have
	name         func(*config, string) name // the tensor that a tensor of the folder becomes
	plusOne      bool                       // RMSNorm multiplies by 1 + weight; in GGUF files the 1 is added to the weight
	interleaved  bool                       // in GGUF files the two values of a rotated pair of q or k are neighbours
}

// families is the table of families by model_type.
var families = map[string]family{
	"bert":        {architecture: "bert", keys: bertKeys, name: bertName},
	"gemma":       {architecture: "gemma", keys: gemmaKeys, name: decoderName, plusOne: true},
	"gemma2":      {architecture: "gemma2", keys: gemmaKeys, name: gemmaName, plusOne: true},
	"gemma3":      {architecture: "gemma3", keys: gemmaKeys, name: gemmaName, plusOne: true},
	"gemma3_text": {architecture: "gemma3", keys: gemmaKeys, name: gemmaName, plusOne: true},
	"llama":       {architecture: "llama", keys: llamaKeys, name: decoderName, interleaved: true},
	"mistral":     {architecture: "llama", keys: llamaKeys, name: decoderName, interleaved: true},
	"modernbert":  {architecture: "modern-bert", keys: modernBertKeys, name: modernBertName},
	"phi3":        {architecture: "phi3", keys: phi3Keys, name: phi3Name},
	"qwen2":       {architecture: "qwen2", keys: qwenKeys, name: decoderName},
	"qwen3":       {architecture: "qwen3", keys: qwenKeys, name: decoderName},
	"roberta":     {architecture: "bert", keys: robertaKeys, name: bertName},
	"xlm-roberta": {architecture: "bert", keys: robertaKeys, name: bertName},
}

// Is reports whether f is a model of such a folder that Convert knows, by its config.json.
func Is(f *models.File) bool {
	kind, err := modelType(f)
	_, known := families[kind]
	return err == nil && known
}

// Convert returns f as a GGUF file would be. The result uses the memory of f and closes it. If values is false, weights that would have
// other values or another order are left as they are, which is enough to check a file. The error is a *models.FileError.
func Convert(f *models.File, values bool) (*models.File, error) {
	c, err := readConfig(f)
	if err != nil {
		return nil, err
	}
	c.common()
	c.family.keys(c)
	c.text()
	c.pooling()
	out := &models.File{Format: f.Format, Path: f.Path, Paths: f.Paths, Meta: c.meta, Aux: f.Aux}
	for _, t := range f.Tensors {
		if n := c.family.name(c, t.Name); n.text != "" {
			out.Tensors = append(out.Tensors, c.withoutPadding(c.tensor(t, n, values)))
		}
	}
	out.Tensors = append(out.Tensors, c.extra...)
	if c.err != nil {
		return nil, models.InFile(f.Path, c.err)
	}
	out.OnClose(f.Close)
	return out, nil
}

// known lists the values of model_type that Convert knows.
func known() string { return strings.Join(slices.Sorted(maps.Keys(families)), ", ") }

// titleOf returns the name of the model: that of its folder, or the one in config.json if the folder is one of the library.
func (c *config) titleOf() string {
	dir := c.f.Path
	if ext := filepath.Ext(dir); ext == ".safetensors" || ext == ".json" {
		dir = filepath.Dir(dir)
	}
	if base := filepath.Base(dir); base != "files" && base != "." && base != string(filepath.Separator) {
		return base
	}
	return filepath.Base(c.string("_name_or_path", "model"))
}
