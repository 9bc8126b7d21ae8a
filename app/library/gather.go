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

// whisperFiles are the files of a Whisper folder; one of them stands for the folder.
var whisperFiles = []string{"model.bin", "tokenizer.json", "vocabulary.json", "vocabulary.txt", "config.json", "preprocessor_config.json"}

// split is a part of a GGUF in several files: name-00002-of-00005.gguf.
var split = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// gather turns what was dropped into models: the files of one model count once.
func gather(paths []string) []string {
	var models []string
	for _, p := range paths {
		base := filepath.Base(p)
		if slices.Contains(whisperFiles, base) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(p), "model.bin")); err == nil {
				p = filepath.Dir(p)
			}
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
