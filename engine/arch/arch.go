// Package arch implements the model families. Each family has a file with its configuration,
// which is read from the file's metadata, its weights and its forward pass. A new family is a
// file and a line in the table families.
package arch

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/models"
)

// Model is a language model on a device. Only one goroutine may use it at a time.
type Model interface {
	// Shape describes the model.
	Shape() Shape
	// Forward runs a step. The layers store what they keep of its tokens in the states of its
	// spans. Forward returns the logits of the rows in step.Out, [len(step.Out) × Vocabulary];
	// they are valid until the next call. It returns nil if step.Out is empty. Callers must
	// check that tokens are below Vocabulary and that positions fit in their state. The error
	// is the device's.
	Forward(step *nn.Step) (*kernels.Rows, error)
}

// Shape holds the properties of a model that callers need.
type Shape struct {
	Vocabulary int
	Context    int // tokens of the context in training
	// Layers describes what each layer keeps of a sequence.
	Layers []kernels.Layer
	// Bytes is the memory of the weights on the device, without the file itself.
	Bytes int64
	// Scratch is the number of float32 values that a row of a step needs, without its logits.
	Scratch int
}

// State returns the shape of a state for n tokens.
func (s Shape) State(n int) kernels.StateShape {
	return kernels.StateShape{Layers: s.Layers, Cap: n}
}

// families is the table of families, by general.architecture.
var families = map[string]func(*models.File, kernels.Device) (Model, error){
	"llama":   openLlama,
	"gemma3":  openGemma3,
	"lfm2":    openLFM2,
	"lfm2moe": openLFM2MoE,
}

// Families returns the names in the table, sorted.
func Families() []string { return slices.Sorted(maps.Keys(families)) }

// Open loads the weights of f onto dev. f must stay open as long as the Model is used. The
// error wraps models.ErrUnsupported if the family is not in the table, and models.ErrCorrupt
// if a key or tensor is missing or contradicts the others.
func Open(f *models.File, dev kernels.Device) (Model, error) {
	name, err := f.Meta.String("general.architecture", "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	if name == "" {
		return nil, models.Unsupported(f.Path, "", "is not a language model: key %q is missing", "general.architecture")
	}
	open, ok := families[name]
	if !ok {
		return nil, models.Unsupported(f.Path, "", "is a model of the family %s, this program runs %s", models.Quote(name), strings.Join(Families(), ", "))
	}
	return open(f, dev)
}
