package filekind

import (
	"os"
	"path/filepath"
	"slices"

	"soberano/models/registry"
)

// folderFiles are the files of a model that is a folder, in the format of CTranslate2 or Hugging Face. If one of them is dropped, the
// folder is imported, provided that it has a file of weights.
var (
	folderFiles = []string{"model.bin", "tokenizer.json", "vocabulary.json", "vocabulary.txt", "config.json", "preprocessor_config.json", "generation_config.json",
		"vocab.json", "vocab.txt", "merges.txt", "normalizer.json", "added_tokens.json", "special_tokens_map.json", "tokenizer_config.json", "chat_template.jinja", "chat_template.json", "tokenizer.model", "model.safetensors.index.json"}
	folderWeights = []string{"model.bin", "model.safetensors", "model.safetensors.index.json"}
)

// Gather returns the models to which files and folders belong; several files of one model count once.
func Gather(paths []string) []string {
	var models []string
	for _, p := range paths {
		base := filepath.Base(p)
		if slices.Contains(folderFiles, base) || filepath.Ext(base) == ".safetensors" {
			p = folderOf(p)
		}
		if p = registry.FirstPart(p); !slices.Contains(models, p) {
			models = append(models, p)
		}
	}
	return models
}

// folderOf returns the folder of path if it holds a model's weights, otherwise path.
func folderOf(path string) string {
	dir := filepath.Dir(path)
	for _, name := range folderWeights {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return dir
		}
	}
	return path
}
