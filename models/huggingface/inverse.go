package huggingface

import (
	"maps"
	"slices"
	"strings"
)

// familyOf returns the family of a folder whose models have the architecture of a GGUF file: that of the same name, or else the first of the alphabet.
func familyOf(architecture string) (family, bool) {
	if f, ok := families[architecture]; ok && f.architecture == architecture {
		return f, true
	}
	for _, kind := range slices.Sorted(maps.Keys(families)) {
		if f := families[kind]; f.architecture == architecture {
			return f, true
		}
	}
	return family{}, false
}

// Interleaved reports whether in the GGUF files of a family two values of q or k that are rotated together are neighbours. In a folder they never are.
func Interleaved(architecture string) bool {
	f, ok := familyOf(architecture)
	return ok && f.interleaved
}

// FileName returns the name in a GGUF file of a tensor of a folder that becomes it without any change but perhaps the order of its rows. Other names are returned as they are.
func FileName(architecture, tensor string) string {
	f, ok := familyOf(architecture)
	if !ok {
		return tensor
	}
	n := f.name(&config{family: f, values: map[string]any{}}, tensor)
	if n.text == "" || n.make != nil || n.expert > 0 {
		return tensor
	}
	return n.text
}

// FolderName is the inverse of FileName. The name of a tensor that has none in a folder is returned as it is.
func FolderName(architecture, tensor string) string {
	f, ok := familyOf(architecture)
	if !ok {
		return tensor
	}
	for _, candidate := range candidates(f, tensor) {
		if FileName(architecture, candidate) == tensor {
			return candidate
		}
	}
	return tensor
}

// candidates returns names that the tensor may have in a folder.
func candidates(f family, tensor string) (list []string) {
	switch tensor {
	case "token_embd.weight":
		return []string{"model.embed_tokens.weight"}
	case "output.weight":
		return []string{"lm_head.weight"}
	case "output_norm.weight", "output_norm.bias":
		return []string{"model." + strings.TrimPrefix(tensor, "output_")}
	case "token_embd_norm.weight":
		return []string{"model.embedding_norm.weight"}
	}
	layer, module, kind, ok := cutLayer(tensor, "blk.")
	if !ok {
		return nil
	}
	for _, modules := range []map[string]name{f.own, decoderModules} {
		for _, folder := range slices.Sorted(maps.Keys(modules)) {
			if modules[folder].text == module {
				list = append(list, "model.layers."+layer+"."+folder+"."+kind)
			}
		}
	}
	return list
}
