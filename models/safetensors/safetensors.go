// Package safetensors reads models in the layout of Hugging Face: a directory with
//
//	model.safetensors               the weights, described at the type entry, or
//	model.safetensors.index.json    an index of several such files: which has which tensor
//	config.json, generation_config.json
//	tokenizer.json                  or tokenizer.model, or vocab.json and merges.txt, or vocab.txt; added_tokens.json
//	tokenizer_config.json, special_tokens_map.json, chat_template.jinja or .json
//	1_Pooling/config.json           of sentence-transformers
//	adapter_config.json             of an adapter, whose weights are in adapter_model.safetensors
//
// Weights are memory-mapped and keep the type and shape of the file; the other files go to
// Aux, by their paths in the directory. The reader of a model family, or models/huggingface, interprets them.
package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"soberano/models"
)

// Weights and Index are the file names that Open looks for in a directory, in this order.
const (
	Weights = "model.safetensors"
	Index   = "model.safetensors.index.json"
)

// aux lists the files other than the weights, with the largest size that is read.
var aux = []struct {
	name string
	most int64
}{
	{"config.json", 1 << 20}, {"generation_config.json", 1 << 20}, {"preprocessor_config.json", 4 << 20},
	{"tokenizer.json", 64 << 20}, {"tokenizer_config.json", 4 << 20}, {"special_tokens_map.json", 1 << 20}, {"chat_template.jinja", 1 << 20}, {"chat_template.json", 1 << 20},
	{"tokenizer.model", 64 << 20}, {"vocab.txt", 16 << 20},
	{"vocab.json", 16 << 20}, {"merges.txt", 16 << 20}, {"added_tokens.json", 1 << 20}, {"1_Pooling/config.json", 1 << 16}, {"adapter_config.json", 1 << 20},
}

// Limits of an index. A model of 400 GB has 200 files.
const (
	maxIndex = 64 << 20
	maxParts = 1024
)

// Open opens a ".safetensors" file, an index, or the directory that holds them. If the
// directory has an index that names the file, Open opens all files of the index. Meta holds
// the metadata of the files as strings. The error is a *models.FileError.
func Open(path string) (*models.File, error) {
	f, err := Peek(path)
	if err != nil {
		return nil, err
	}
	if err := CheckTypes(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// CheckTypes returns an error for the first tensor of a type that can't run.
func CheckTypes(f *models.File) error {
	for _, t := range f.Tensors {
		if err := CheckType(f, t); err != nil {
			return err
		}
	}
	return nil
}

// CheckType returns an error if the tensor t of f is of a type that can't run.
func CheckType(f *models.File, t models.Tensor) error {
	if t.Type.Known() {
		return nil
	}
	return models.Unsupported(f.Path, "use this model as float32, float16 or bfloat16", "stores tensor %s as %s, which is not read from safetensors",
		models.Quote(t.Name), dtypeName(t.Type))
}

// Peek opens a model like Open, but accepts tensors of types that can't run.
func Peek(path string) (*models.File, error) {
	f := &models.File{Format: "safetensors", Path: path, Aux: map[string][]byte{}, Meta: models.Metadata{}}
	if err := openAll(f, path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func openAll(f *models.File, path string) error {
	dir, names, err := partsOf(path)
	if err != nil {
		return err
	}
	if names.index != "" {
		f.Paths = append(f.Paths, filepath.Join(dir, names.index))
	}
	for _, name := range names.files {
		if err := openPart(f, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := names.check(f, path); err != nil {
		return err
	}
	return readAux(f, dir)
}

// openPart adds the tensors of one file to f.
func openPart(f *models.File, path string) error {
	data, release, err := models.Map(path)
	if err != nil {
		return err
	}
	f.OnClose(release)
	f.Paths = append(f.Paths, path)
	meta, tensors, err := parse(path, data)
	if err != nil {
		return err
	}
	for key, v := range meta {
		f.Meta[key] = v
	}
	f.Tensors = append(f.Tensors, tensors...)
	return nil
}

// Companion reports whether name is that of a file that Open reads beside the weights.
func Companion(name string) bool {
	for _, a := range aux {
		if a.name == name {
			return true
		}
	}
	return false
}

// readAux reads those files of aux that exist.
func readAux(f *models.File, dir string) error {
	for _, a := range aux {
		path := filepath.Join(dir, filepath.FromSlash(a.name))
		b, err := models.ReadSmall(path, a.most)
		if errors.Is(err, models.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		f.Aux[a.name], f.Paths = b, append(f.Paths, path)
	}
	return nil
}

// parts are the files of a model.
type parts struct {
	index string            // path of the index; "" without one
	files []string          // in alphabetical order
	where map[string]string // the file of each tensor, as the index says
}

// partsOf returns the directory and the files of the model at path.
func partsOf(path string) (string, parts, error) {
	dir, base := filepath.Dir(path), filepath.Base(path)
	if !strings.HasSuffix(base, ".safetensors") && !strings.HasSuffix(base, ".json") {
		dir, base = path, ""
	}
	switch {
	case strings.HasSuffix(base, ".json"):
		p, err := readIndex(dir, base)
		return dir, p, err
	case base == "" && has(dir, Weights):
		return dir, parts{files: []string{Weights}}, nil
	case base == "" || base != Weights && has(dir, Index):
		p, err := readIndex(dir, Index)
		if base == "" || err == nil && slices.Contains(p.files, base) {
			return dir, p, err
		}
	}
	return dir, parts{files: []string{base}}, nil
}

func has(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}

func readIndex(dir, name string) (parts, error) {
	path := filepath.Join(dir, name)
	b, err := models.ReadSmall(path, maxIndex)
	if err != nil {
		return parts{}, err
	}
	var index struct {
		Where map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(b, &index); err != nil {
		return parts{}, models.Corrupt(path, "is damaged: %v", err)
	}
	p := parts{index: name, where: index.Where}
	seen := map[string]bool{}
	for tensor, file := range index.Where {
		if file == "." || filepath.Base(file) != file || !filepath.IsLocal(file) || strings.ContainsAny(file, `/\:`) {
			return p, models.Corrupt(path, "puts tensor %s into an impossible file %s", models.Quote(tensor), models.Quote(file))
		}
		if !seen[file] {
			seen[file] = true
			p.files = append(p.files, file)
		}
	}
	if len(p.files) == 0 || len(p.files) > maxParts {
		return p, models.Corrupt(path, "names %d files, expected 1 to %d", len(p.files), maxParts)
	}
	slices.Sort(p.files)
	return p, nil
}

// check compares the tensors with the index: all must exist, none in two files.
func (p parts) check(f *models.File, path string) error {
	seen := make(map[string]bool, len(f.Tensors))
	for _, t := range f.Tensors {
		if seen[t.Name] {
			return models.Corrupt(path, "is damaged: tensor %s stands in two of its files", models.Quote(t.Name))
		}
		seen[t.Name] = true
	}
	for name, file := range p.where {
		if !seen[name] {
			return models.Corrupt(path, "is damaged: its index says that %s has tensor %s, and it has not", models.Quote(file), models.Quote(name))
		}
	}
	return nil
}

// tensorError returns an error that begins with the name of the tensor.
func tensorError(path, name, format string, args ...any) error {
	return models.Corrupt(path, "is damaged: tensor %s %s", models.Quote(name), fmt.Sprintf(format, args...))
}
