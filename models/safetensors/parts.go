package safetensors

import (
	"encoding/json"
	"fmt"
	"io"

	"soberano/models"
)

// Part is a file of a model, to be written.
type Part struct {
	Name    string
	meta    models.Metadata
	tensors []models.Source
}

// Write writes the file.
func (p Part) Write(w io.Writer) error { return WriteSources(w, p.meta, p.tensors) }

// Parts divides a model into the files of a folder, of at most most bytes of weights each, though at least one tensor, and returns them with their index; a model of a
// single file is called Weights and has none. If most is 0, it is one file.
func Parts(meta models.Metadata, tensors []models.Source, most uint64) (parts []Part, index []byte, err error) {
	groups := [][]models.Source{tensors}
	if most > 0 && len(tensors) > 0 {
		if groups, err = models.Groups(tensors, most); err != nil {
			return nil, nil, fmt.Errorf("safetensors: %w", err)
		}
	}
	if len(groups) == 1 {
		return []Part{{Weights, meta, tensors}}, nil, nil
	}
	if len(groups) > maxParts {
		return nil, nil, fmt.Errorf("safetensors: %d files are more than the %d allowed", len(groups), maxParts)
	}
	var head struct {
		Metadata struct {
			Size uint64 `json:"total_size"`
		} `json:"metadata"`
		Where map[string]string `json:"weight_map"`
	}
	head.Where = map[string]string{}
	for i, g := range groups {
		p := Part{fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(groups)), meta, g}
		for _, t := range g {
			n, _ := models.Bytes(t.Type, t.Shape) // Groups has checked it
			head.Metadata.Size += n
			head.Where[t.Name] = p.Name
		}
		parts = append(parts, p)
	}
	index, err = json.MarshalIndent(head, "", "  ")
	return parts, append(index, '\n'), err
}
