// Package lora reads low-rank adapters of language models (LoRA, arXiv:2106.09685), which change the products with some matrices of a base model:
//
//	adapter.gguf     as convert_lora_to_gguf.py of llama.cpp makes it: blk.0.attn_q.weight.lora_a and .lora_b, …; adapter.lora.alpha
//	a folder         of the PEFT library: adapter_model.safetensors with base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight, …; adapter_config.json
//
// An adapter adds scale·B·A to a matrix, with A [rank × columns], B [rows × rank] and a scale of alpha/rank.
package lora

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"soberano/engine/nn"
	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
	"soberano/models/registry"
)

// Weights is the file with the weights in a folder of PEFT.
const Weights = "adapter_model.safetensors"

const (
	suffixA, suffixB = ".lora_a", ".lora_b"
	other            = "choose an adapter that was made for this model"
)

// Read reads the adapter at path, a file or a folder, for a model of which base is the metadata. The keys of the result are the names of the tensors of the model. The error is a
// *models.FileError if the adapter is at fault.
func Read(path string, base models.Metadata) (pairs map[string]nn.Pair, err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, Weights)
	}
	f, err := registry.Read(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	a := adapter{f: f, a: map[string]models.Tensor{}, b: map[string]models.Tensor{}}
	switch f.Format {
	case "gguf":
		err = a.readGGUF(base)
	case "safetensors":
		err = a.readPEFT(base)
	default:
		return nil, models.Unsupported(f.Path, other, "holds no adapter")
	}
	if err != nil {
		return nil, err
	}
	return a.pairs()
}

// adapter is an adapter of which the tensors are known, under the names of the tensors that they change.
type adapter struct {
	f    *models.File
	a, b map[string]models.Tensor
	// scale returns the factor of B·A by the rank.
	scale func(rank int) float64
}

// readGGUF reads a GGUF file. Source of the keys: src/llama-adapter.cpp of llama.cpp.
func (a *adapter) readGGUF(base models.Metadata) error {
	meta := a.f.Meta
	text := func(key string) string {
		s, _ := meta.String(key, "") // of another type: as if it were absent
		return s
	}
	switch family := text("general.architecture"); {
	case text("general.type") != "adapter":
		return models.Unsupported(a.f.Path, other, "holds no adapter")
	case text("adapter.type") != "lora":
		return models.Unsupported(a.f.Path, "", "holds an adapter of the type %s, which does not run here; lora does", models.Quote(text("adapter.type")))
	case family != base["general.architecture"]:
		return models.Unsupported(a.f.Path, other, "holds an adapter for models of the family %s; this one is of %s", models.Printable(family), models.Printable(fmt.Sprint(base["general.architecture"])))
	case meta["adapter.alora.invocation_tokens"] != nil:
		return models.Unsupported(a.f.Path, "", "holds an adapter that begins to work at certain tokens (aLoRA), which does not run here")
	}
	alpha, err := meta.Float("adapter.lora.alpha", 0)
	if err != nil || math.IsNaN(alpha) || math.IsInf(alpha, 0) {
		return models.Corrupt(a.f.Path, "is damaged: the key adapter.lora.alpha is no number")
	}
	a.scale = func(rank int) float64 {
		if alpha == 0 {
			return 1
		}
		return alpha / float64(rank)
	}
	for _, t := range a.f.Tensors {
		if name, is := strings.CutSuffix(t.Name, suffixA); is {
			a.a[name] = t
		} else if name, is := strings.CutSuffix(t.Name, suffixB); is {
			a.b[name] = t
		} else {
			return a.unknown(t.Name)
		}
	}
	return nil
}

// unknown refuses an adapter for a tensor that is not one of two matrices of low rank.
func (a *adapter) unknown(tensor string) error {
	return models.Unsupported(a.f.Path, "merge it into the model", "changes more than products with matrices (tensor %s), which does not run here", models.Quote(tensor))
}

// pairs returns the values of the adapter.
func (a *adapter) pairs() (map[string]nn.Pair, error) {
	if len(a.a) == 0 {
		return nil, models.Corrupt(a.f.Path, "is damaged: it changes no matrix")
	}
	out := map[string]nn.Pair{}
	for name, low := range a.a {
		up, ok := a.b[name]
		if !ok {
			return nil, models.Corrupt(a.f.Path, "is damaged: of %s it has only one of two matrices", models.Quote(name))
		}
		p, err := a.pair(name, low, up)
		if err != nil {
			return nil, err
		}
		out[name] = p
	}
	for name := range a.b {
		if _, ok := a.a[name]; !ok {
			return nil, models.Corrupt(a.f.Path, "is damaged: of %s it has only one of two matrices", models.Quote(name))
		}
	}
	return out, nil
}

func (a *adapter) pair(name string, low, up models.Tensor) (p nn.Pair, err error) {
	if name == "token_embd.weight" {
		return p, models.Unsupported(a.f.Path, "merge it into the model", "changes the embeddings of tokens, which does not run here")
	}
	if len(low.Shape) != 2 || len(up.Shape) != 2 || low.Shape[0] != up.Shape[1] || low.Shape[0] == 0 {
		return p, models.Unsupported(a.f.Path, other, "changes %s by matrices of the shapes %v and %v, which do not fit each other or are those of experts", models.Quote(name), low.Shape, up.Shape)
	}
	p = nn.Pair{Rank: low.Shape[0], Rows: up.Shape[0], Cols: low.Shape[1]}
	if p.A, err = a.values(low); err == nil {
		p.B, err = a.values(up)
	}
	s := float32(a.scale(p.Rank))
	for i := range p.B {
		p.B[i] *= s
	}
	return p, err
}

// values returns the values of a tensor. Infinite values and such that are no numbers are an error.
func (a *adapter) values(t models.Tensor) ([]float32, error) {
	if err := gguf.CheckType(a.f.Path, t); err != nil {
		return nil, err
	}
	row, rows := t.Type.RowBytes(t.Cols()), t.Shape[0]
	if t.Cols()%t.Type.BlockValues() != 0 || t.Part == nil && len(t.Data) < rows*row {
		return nil, models.Corrupt(a.f.Path, "is damaged: tensor %s has %d bytes", models.Quote(t.Name), len(t.Data))
	}
	data := t.Data
	if t.Part != nil {
		data = make([]byte, 0, rows*row)
		for i := range rows {
			data = append(data, t.Part(i)...)
		}
	}
	out := make([]float32, t.Len())
	quant.Dequantize(t.Type, out, data)
	for _, x := range out {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return nil, models.Corrupt(a.f.Path, "is damaged: tensor %s has values that are infinite or not numbers", models.Quote(t.Name))
		}
	}
	return out, nil
}
