// Package library is where models come in and are looked after: what happens to a dropped
// file, and the page with the list.
//
//	drop ──gather──▶ paths ──Inspect──▶ what it is ──Import──▶ "Use now"
//	                                └─▶ why it can't be used, and what to do
//
// Each dropped model is a card above the composer with a progress bar; nothing waits for it.
package library

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// whisperFiles are the files of a Whisper folder in CTranslate2's or Hugging Face's form; one
// of them stands for the folder, if it has one of weights.
var (
	whisperFiles = []string{"model.bin", "tokenizer.json", "vocabulary.json", "vocabulary.txt", "config.json", "preprocessor_config.json", "generation_config.json",
		"vocab.json", "merges.txt", "normalizer.json", "added_tokens.json", "special_tokens_map.json", "tokenizer_config.json", "model.safetensors.index.json"}
	weights = []string{"model.bin", "model.safetensors", "model.safetensors.index.json"}
)

// split is a part of a GGUF in several files: name-00002-of-00005.gguf.
var split = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// gather turns what was dropped into models: the files of one model count once.
func gather(paths []string) []string {
	var models []string
	for _, p := range paths {
		base := filepath.Base(p)
		if slices.Contains(whisperFiles, base) || filepath.Ext(base) == ".safetensors" {
			p = folder(p)
		}
		if m := split.FindStringSubmatch(base); m != nil {
			p = filepath.Join(filepath.Dir(p), m[1]+"-00001-of-"+m[3]+".gguf")
		}
		if !slices.Contains(models, p) {
			models = append(models, p)
		}
	}
	return models
}

// folder returns the folder of path if it holds a model's weights, otherwise path.
func folder(path string) string {
	dir := filepath.Dir(path)
	for _, name := range weights {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return dir
		}
	}
	return path
}
