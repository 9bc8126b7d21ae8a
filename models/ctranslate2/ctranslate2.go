// Package ctranslate2 reads Whisper models in the format of CTranslate2, which
// faster-whisper uses: a directory with
//
//	model.bin            the weights, described at the type spec
//	config.json          alignment heads, ids of languages and of suppressed tokens
//	tokenizer.json       Hugging Face's description of the tokenizer
//	vocabulary.json      the tokens in order; vocabulary.txt in older directories
//
// Weights become models.Tensors under their own names and under their aliases, in the
// shape of the file (outermost first, as in all of models). float32, float16 and bfloat16
// stay memory-mapped; they are not aligned, since the names between them have any length.
// Open converts int8 and int16 to float32, because kernels/quant has no block format with
// one scale a row, as CTranslate2 uses it. Scalars ("encoder/num_heads") and short lists of
// integers go to Meta, the other files to Aux.
package ctranslate2

import (
	"errors"
	"path/filepath"

	"soberano/kernels/quant"
	"soberano/models"
)

// Weights is the name of the file with the weights.
const Weights = "model.bin"

// aux lists the files other than the weights, with the largest size that is read.
var aux = []struct {
	name string
	most int64
}{
	{"config.json", 1 << 20}, {"preprocessor_config.json", 1 << 20},
	{"tokenizer.json", 32 << 20}, {"vocabulary.json", 16 << 20}, {"vocabulary.txt", 16 << 20},
}

// Open opens a directory. Besides the scalars, Meta holds "ctranslate2.version",
// "ctranslate2.spec", "ctranslate2.revision", "ctranslate2.stored", the type in which most
// weights are stored ("F16", "INT8"), and "ctranslate2.values", the number of values. The
// error is a *models.FileError.
func Open(dir string) (*models.File, error) { return open(dir, true) }

// Peek opens a directory like Open, but gives int8 and int16 weights nil Data and type
// quant.F32, so a description costs no memory.
func Peek(dir string) (*models.File, error) { return open(dir, false) }

func open(dir string, weights bool) (*models.File, error) {
	f := &models.File{Format: "ctranslate2", Path: dir}
	if err := openAll(f, dir, weights); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func openAll(f *models.File, dir string, weights bool) error {
	path := filepath.Join(dir, Weights)
	data, release, err := models.Map(path)
	if err != nil {
		return err
	}
	f.OnClose(release)
	f.Paths = []string{path}
	if err := readAux(f, dir); err != nil {
		return err
	}
	spec, err := parse(path, data)
	if err != nil {
		return err
	}
	return spec.fill(f, weights)
}

// readAux reads those files of aux that exist.
func readAux(f *models.File, dir string) error {
	f.Aux = make(map[string][]byte, len(aux))
	for _, a := range aux {
		path := filepath.Join(dir, a.name)
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

// fill converts the variables of s into tensors and metadata.
func (s *spec) fill(f *models.File, weights bool) error {
	f.Meta = models.Metadata{"ctranslate2.version": uint64(s.version), "ctranslate2.spec": s.name, "ctranslate2.revision": uint64(s.revision)}
	place := make(map[string]int, len(s.variables)) // index in f.Tensors, by the variable's name
	stored := map[byte]uint64{}
	for i := range s.variables {
		v := &s.variables[i]
		if s.isScale(v) {
			continue
		}
		t, isTensor, err := s.tensor(v, weights)
		switch {
		case err != nil:
			return err
		case isTensor:
			place[v.name] = len(f.Tensors)
			stored[v.typ] += v.values
			f.Tensors = append(f.Tensors, t)
		default:
			f.Meta[v.name] = v.value()
		}
	}
	var values uint64
	for _, n := range stored {
		values += n
	}
	f.Meta["ctranslate2.stored"], f.Meta["ctranslate2.values"] = most(stored), values
	for _, a := range s.aliases {
		if i, ok := place[a.of]; ok {
			t := f.Tensors[i]
			t.Name = a.name
			f.Tensors = append(f.Tensors, t)
		} else if v, ok := f.Meta[a.of]; ok {
			f.Meta[a.name] = v
		}
	}
	return nil
}

// most returns the name of the type in which most values are stored.
func most(stored map[byte]uint64) string {
	best := byte(float32Type)
	for typ := range byte(len(typeNames)) {
		if stored[typ] > stored[best] {
			best = typ
		}
	}
	return [...]string{"F32", "INT8", "INT16", "INT32", "F16", "BF16"}[best]
}

// tensor converts v into a tensor. isTensor is false for a variable that is metadata.
func (s *spec) tensor(v *variable, weights bool) (t models.Tensor, isTensor bool, err error) {
	if len(v.shape) == 0 {
		return t, false, nil
	}
	t = models.Tensor{Name: v.name, Shape: v.shape, Data: v.data}
	switch v.typ {
	case float32Type:
		t.Type = quant.F32
	case float16Type:
		t.Type = quant.F16
	case bfloat16Type:
		t.Type = quant.BF16
	default:
		scale := s.scale(v)
		if scale == nil {
			if v.values > maxList {
				return t, false, models.Unsupported(s.path, "download the float16 form of this model",
					"stores %s as %s without a scale", models.Quote(v.name), typeNames[v.typ])
			}
			return t, false, nil
		}
		t.Type, t.Data = quant.F32, nil
		if err = s.checkScale(v, scale); err == nil && weights {
			t.Data = dequantize(v, scale)
		}
	}
	return t, err == nil, err
}
