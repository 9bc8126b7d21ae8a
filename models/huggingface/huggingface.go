// Package huggingface presents a model in the folder of the transformers library (config.json, weights in safetensors) as the GGUF
// file that llama.cpp's converter would make of it: the numbers of config.json under the keys, and the weights under the names,
// that engine/arch reads. The weights keep their type, and almost all of them stay where they are in the mapped files.
//
//	config.json                     model_type ─▶ general.architecture, hidden_size ─▶ llama.embedding_length, …
//	*.safetensors                   model.layers.0.self_attn.q_proj.weight ─▶ blk.0.attn_q.weight, …
//	tokenizer_config.json, chat_template.jinja ─▶ tokenizer.chat_template
//	1_Pooling/config.json           of sentence-transformers ─▶ bert.pooling_type
//
// Folder is the inverse for some families.
//
// Source of the mapping: conversion/*.py of llama.cpp.
package huggingface

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"soberano/models"
	"soberano/models/safetensors"
)

// family describes the models of one model_type.
type family struct {
	architecture string
	keys         func(*config)              // sets the keys that not all families have
	name         func(*config, string) name // the tensor that a tensor of the folder becomes
	own          map[string]name            // modules whose names or tensors differ; see ownName
	prepare      func(*config)              // gives values of config.json the usual names, and sets an architecture that depends on them; nil: nothing is to be done
	plusOne      bool                       // RMSNorm multiplies by 1 + weight; in GGUF files the 1 is added to the weight
	interleaved  bool                       // in GGUF files the two values of a rotated pair of q or k are neighbours, in the folder they are not
	quantized    string                     // the method of quantization that is read; "": none
}

// families is the table of families by model_type.
var families = map[string]family{
	"afmoe":            {architecture: "afmoe", keys: afmoeKeys, name: decoderName, own: afmoeModules},
	"apertus":          {architecture: "apertus", keys: apertusKeys, name: decoderName, own: apertusModules},
	"arcee":            {architecture: "arcee", keys: ropeKeys, name: decoderName, interleaved: true},
	"bert":             {architecture: "bert", keys: bertKeys, name: bertName},
	"bloom":            {architecture: "bloom", keys: bloomKeys, name: bloomTensors.name, own: bloomModules, prepare: prepareBloom},
	"cohere":           {architecture: "command-r", keys: cohereKeys, name: decoderName},
	"cohere2":          {architecture: "cohere2", keys: cohereKeys, name: decoderName},
	"deepseek_v2":      {architecture: "deepseek2", keys: deepseekKeys, name: decoderName, own: deepseekModules},
	"deepseek_v3":      {architecture: "deepseek2", keys: deepseekKeys, name: decoderName, own: deepseekModules},
	"dots1":            {architecture: "dots1", keys: dots1Keys, name: decoderName, own: dots1Modules},
	"ernie4_5":         {architecture: "ernie4_5", keys: ropeKeys, name: decoderName},
	"ernie4_5_moe":     {architecture: "ernie4_5-moe", keys: ernieMoEKeys, name: decoderName, own: ernieMoEModules},
	"exaone4":          {architecture: "exaone4", keys: windowKeys, name: decoderName, own: outputNorms},
	"falcon":           {architecture: "falcon", keys: falconKeys, name: falconTensors.name, own: falconModules, prepare: prepareFalcon},
	"falcon_h1":        {architecture: "falcon-h1", keys: falconH1Keys, name: falconH1Name, own: falconH1Modules},
	"falcon_mamba":     {architecture: "mamba", keys: mambaKeys, name: mambaTensors.name, own: mambaModules, prepare: prepareMamba},
	"gemma":            {architecture: "gemma", keys: gemmaKeys, name: decoderName, plusOne: true},
	"gemma2":           {architecture: "gemma2", keys: gemmaKeys, name: decoderName, own: gemmaModules, plusOne: true},
	"gemma3":           {architecture: "gemma3", keys: gemmaKeys, name: decoderName, own: gemmaModules, plusOne: true},
	"gemma3n":          {architecture: "gemma3n", keys: gemma3nKeys, name: gemma3nName, own: gemma3nModules, prepare: prepareGemma3n},
	"gemma3n_text":     {architecture: "gemma3n", keys: gemma3nKeys, name: gemma3nName, own: gemma3nModules, prepare: prepareGemma3n},
	"gemma3_text":      {architecture: "gemma3", keys: gemmaKeys, name: decoderName, own: gemmaModules, plusOne: true},
	"gemma4":           {architecture: "gemma4", keys: gemma4Keys, name: gemma4Name, own: gemma4Modules},
	"gemma4_text":      {architecture: "gemma4", keys: gemma4Keys, name: gemma4Name, own: gemma4Modules},
	"glm":              {architecture: "chatglm", keys: partKeys, name: decoderName, own: glmModules},
	"glm4":             {architecture: "glm4", keys: partKeys, name: decoderName, own: glmModules},
	"glm4_moe":         {architecture: "glm4moe", keys: glm4MoEKeys, name: decoderName, own: glm4MoEModules},
	"glm4_moe_lite":    {architecture: "deepseek2", keys: deepseekKeys, name: decoderName, own: deepseekModules},
	"gpt2":             {architecture: "gpt2", keys: gpt2Keys, name: gpt2Tensors.name, own: gpt2Modules, prepare: prepareGPT2},
	"gpt_bigcode":      {architecture: "starcoder", keys: gpt2Keys, name: gpt2Tensors.name, own: bigCodeModules, prepare: prepareBigCode},
	"gpt_neox":         {architecture: "gptneox", keys: neoxKeys, name: neoxTensors.name, own: neoxModules},
	"gpt_oss":          {architecture: "gpt-oss", keys: gptOSSKeys, name: gptOSSName, own: postNorms, quantized: "MXFP4"},
	"granite":          {architecture: "granite", keys: graniteKeys, name: decoderName, interleaved: true},
	"granitemoe":       {architecture: "granitemoe", keys: graniteKeys, name: decoderName, interleaved: true},
	"granitemoehybrid": {architecture: "granitehybrid", keys: graniteHybridKeys, name: decoderName, own: graniteHybridModules, interleaved: true, prepare: prepareGranite},
	"granitemoeshared": {architecture: "granitemoe", keys: graniteKeys, name: decoderName, interleaved: true},
	"hunyuan_v1_dense": {architecture: "hunyuan-dense", keys: hunyuanKeys, name: decoderName, own: hunyuanModules},
	"hunyuan_v1_moe":   {architecture: "hunyuan-moe", keys: hunyuanMoEKeys, name: decoderName, own: hunyuanModules},
	"internlm2":        {architecture: "internlm2", keys: ropeKeys, name: internLM2Tensors.name, own: internLM2Modules},
	"jamba":            {architecture: "jamba", keys: jambaKeys, name: lastNorm, own: jambaModules},
	"lfm2":             {architecture: "lfm2", keys: lfm2Keys, name: decoderName, own: lfm2Modules},
	"lfm2_moe":         {architecture: "lfm2moe", keys: lfm2MoEKeys, name: decoderName, own: lfm2MoEModules},
	"llama":            {architecture: "llama", keys: llamaKeys, name: decoderName, interleaved: true},
	"llama4":           {architecture: "llama4", keys: llama4Keys, name: decoderName, own: llama4Modules, prepare: prepareLlama4},
	"llama4_text":      {architecture: "llama4", keys: llama4Keys, name: decoderName, own: llama4Modules, prepare: prepareLlama4},
	"mamba":            {architecture: "mamba", keys: mambaKeys, name: mambaTensors.name, own: mambaModules, prepare: prepareMamba},
	"mamba2":           {architecture: "mamba2", keys: mamba2Keys, name: mambaTensors.name, own: mamba2Modules, prepare: prepareMamba},
	"minicpm":          {architecture: "minicpm", keys: miniCPMKeys, name: decoderName, interleaved: true},
	"ministral3":       {architecture: "mistral3", keys: ropeKeys, name: decoderName, interleaved: true},
	"mistral":          {architecture: "llama", keys: llamaKeys, name: decoderName, interleaved: true},
	"mixtral":          {architecture: "llama", keys: mixtralKeys, name: decoderName, interleaved: true},
	"modernbert":       {architecture: "modern-bert", keys: modernBertKeys, name: modernBertName},
	"mpt":              {architecture: "mpt", keys: mptKeys, name: mptTensors.name, own: mptModules, prepare: prepareMPT},
	"nemotron":         {architecture: "nemotron", keys: nemotronKeys, name: decoderName, plusOne: true, prepare: prepareNemotron},
	"nemotron_h":       {architecture: "nemotron_h", keys: nemotronHKeys, name: nemotronHTensors.name, own: nemotronHModules, prepare: prepareNemotronH},
	"olmo2":            {architecture: "olmo2", keys: ropeKeys, name: decoderName, own: outputNorms},
	"olmo3":            {architecture: "olmo2", keys: windowKeys, name: decoderName, own: outputNorms},
	"olmoe":            {architecture: "olmoe", keys: olmoeKeys, name: decoderName},
	"phi":              {architecture: "phi2", keys: phiKeys, name: phiTensors.name, own: phiModules},
	"phi3":             {architecture: "phi3", keys: phi3Keys, name: decoderName, own: phi3Modules},
	"qwen2":            {architecture: "qwen2", keys: qwenKeys, name: decoderName},
	"qwen2_5_vl":       {architecture: "qwen2vl", keys: axesKeys, name: decoderName},
	"qwen2_moe":        {architecture: "qwen2moe", keys: qwenMoEKeys, name: decoderName},
	"qwen2_vl":         {architecture: "qwen2vl", keys: axesKeys, name: decoderName},
	"qwen3":            {architecture: "qwen3", keys: qwenKeys, name: decoderName},
	"qwen3_5":          {architecture: "qwen35", keys: deltaKeys, name: deltaName, own: deltaModules, plusOne: true},
	"qwen3_5_moe":      {architecture: "qwen35moe", keys: deltaKeys, name: deltaName, own: deltaModules, plusOne: true},
	"qwen3_5_moe_text": {architecture: "qwen35moe", keys: deltaKeys, name: deltaName, own: deltaModules, plusOne: true},
	"qwen3_5_text":     {architecture: "qwen35", keys: deltaKeys, name: deltaName, own: deltaModules, plusOne: true},
	"qwen3_moe":        {architecture: "qwen3moe", keys: qwenMoEKeys, name: decoderName},
	"qwen3_next":       {architecture: "qwen3next", keys: deltaKeys, name: deltaName, own: deltaModules, plusOne: true},
	"qwen3_vl":         {architecture: "qwen3vl", keys: axesKeys, name: decoderName},
	"roberta":          {architecture: "bert", keys: robertaKeys, name: bertName},
	"seed_oss":         {architecture: "seed_oss", keys: ropeKeys, name: decoderName, own: postNorms},
	"smollm3":          {architecture: "smollm3", keys: smolLM3Keys, name: decoderName, interleaved: true},
	"stablelm":         {architecture: "stablelm", keys: stableLMKeys, name: stableLMName, prepare: prepareStableLM},
	"stablelm_epoch":   {architecture: "stablelm", keys: stableLMKeys, name: stableLMName, prepare: prepareStableLM},
	"starcoder2":       {architecture: "starcoder2", keys: starCoder2Keys, name: decoderName, own: starCoder2Modules},
	"xlm-roberta":      {architecture: "bert", keys: robertaKeys, name: bertName},
}

// multimodal are the values of model_type of models that see, whose text part is any of families, by the model_type in text_config.
var multimodal = map[string]bool{"idefics3": true, "llava": true, "llava_next": true, "mistral3": true, "smolvlm": true}

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
		list, err := c.converted(t, values)
		if err != nil {
			return nil, err
		}
		out.Tensors = append(out.Tensors, list...)
	}
	out.Tensors = append(append(out.Tensors, c.stacked()...), c.extra...)
	if c.err != nil {
		return nil, models.InFile(f.Path, c.err)
	}
	out.OnClose(f.Close)
	return out, nil
}

// converted returns the tensors that t becomes. One of an expert becomes a part of a stack.
func (c *config) converted(t models.Tensor, values bool) ([]models.Tensor, error) {
	n := c.family.name(c, t.Name)
	if n.text == "" && n.make == nil {
		return nil, nil
	}
	if err := safetensors.CheckType(c.f, t); err != nil && n.make == nil {
		return nil, err
	}
	switch {
	case n.make != nil:
		return n.make(c, t, n.blk), nil
	case n.expert > 0:
		c.add(t, n)
		return nil, nil
	}
	return []models.Tensor{c.withoutPadding(c.tensor(t, n, values))}, nil
}

// known lists the values of model_type that Convert knows.
func known() string { return strings.Join(slices.Sorted(maps.Keys(families)), ", ") }

// titleOf returns the name of the model: that of its folder, or the one in config.json if the folder is one of the library.
func (c *config) titleOf() string {
	dir := c.f.Path
	if name, ok := c.f.Meta["name"].(string); ok && c.f.Format == "apr" {
		return name
	}
	if ext := filepath.Ext(dir); ext == ".safetensors" || ext == ".json" {
		dir = filepath.Dir(dir)
	}
	if base := filepath.Base(dir); base != "files" && base != "." && base != string(filepath.Separator) {
		return base
	}
	return filepath.Base(c.string("_name_or_path", "model"))
}

// OffsetNorms reports whether the weights of the norms of f, a model in a folder, are less by 1 than what values are multiplied by, so that they may be zero.
func OffsetNorms(f *models.File) bool {
	kind, err := modelType(f)
	return err == nil && families[kind].plusOne
}
