// Package arch holds the model families, one file each: its configuration from the
// file's metadata, its weights, and its forward pass read top to bottom. Adding a
// family is one file and one line in the table below.
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

// Model is a language model on a device. It is used by one goroutine at a time.
type Model interface {
	// Shape says what the model is.
	Shape() Shape
	// Forward runs a step: what the layers keep of its tokens goes into the states of its
	// spans. It returns the logits of the rows asked for, [len(step.Out) × Vocabulary],
	// which live until the next Forward; nil if there are none. Tokens must be below
	// Vocabulary and positions fit in their state: callers check that. The error is the
	// device's.
	Forward(step *nn.Step) (*kernels.Rows, error)
}

// Shape is what callers need to know of a model.
type Shape struct {
	Vocabulary int
	Context    int // tokens it was trained with
	// Layers is what each layer keeps of a sequence.
	Layers []kernels.Layer
	// Bytes is the memory of the weights on the device, beside the file's own.
	Bytes int64
	// Scratch is the float32 values that a row of a step takes besides its logits.
	Scratch int
}

// State is the shape of a state with room for n tokens.
func (s Shape) State(n int) kernels.StateShape {
	return kernels.StateShape{Layers: s.Layers, Cap: n}
}

// families is the table, by general.architecture.
var families = map[string]func(*models.File, kernels.Device) (Model, error){
	"llama":   openLlama,
	"gemma3":  openGemma3,
	"lfm2":    openLFM2,
	"lfm2moe": openLFM2MoE,
}

// Families lists the names in the table, sorted.
func Families() []string { return slices.Sorted(maps.Keys(families)) }

// Open loads the weights of f onto dev. f must stay open as long as the Model is used.
// The error is models.ErrUnsupported for a family that is not here, models.ErrCorrupt
// for a key or tensor that is missing or does not fit the others.
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
