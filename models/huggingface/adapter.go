package huggingface

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"soberano/models"
)

// AdapterTensor returns t, one of the two matrices by which an adapter changes the matrix of a module, under the name of the tensor that the module becomes in a model with the
// metadata base. With rows, the rows of t are those of the matrix, and are put in the order that they have in the model. The error wraps models.ErrUnsupported if the adapter can't run with
// this model.
func AdapterTensor(base models.Metadata, module string, t models.Tensor, rows bool) (models.Tensor, error) {
	architecture, err := base.String("general.architecture", "")
	if err != nil {
		return t, err
	}
	for _, kind := range slices.Sorted(maps.Keys(families)) {
		if families[kind].architecture != architecture {
			continue
		}
		c := adapted(families[kind], architecture, base)
		n := c.family.name(c, module+".weight")
		if n.text == "" || n.text == module+".weight" || n.make != nil || n.expert > 0 || n.norm {
			continue
		}
		t = c.tensor(t, n, rows)
		return t, c.err
	}
	return t, fmt.Errorf("changes %s, which this program does not find in models of the family %s: %w", models.Quote(module), models.Printable(architecture), models.ErrUnsupported)
}

// adapted returns what is needed of config.json to name tensors and to order their rows, from the metadata of a GGUF file.
func adapted(f family, architecture string, base models.Metadata) *config {
	c := &config{family: f, values: map[string]any{}, meta: models.Metadata{}}
	for key, name := range sizeNames {
		if n, err := base.Int(architecture+"."+key, 0); err == nil && n > 0 { // a number for each layer is no help
			c.values[name] = json.Number(digits(n))
		}
	}
	return c
}
