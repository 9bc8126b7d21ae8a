package gguf

import (
	"fmt"
	"io"
	"maps"

	"soberano/models"
)

// Part is a file of a split model, to be written.
type Part struct {
	Name    string
	meta    models.Metadata
	tensors []models.Source
}

// Write writes the file.
func (p Part) Write(w io.Writer) error { return WriteSources(w, p.meta, p.tensors) }

// Parts divides a model into files of at most most bytes of weights each, though at least one tensor. base is their name without number and extension.
func Parts(base string, meta models.Metadata, tensors []models.Source, most uint64) ([]Part, error) {
	groups, err := models.Groups(tensors, most)
	if err != nil {
		return nil, fmt.Errorf("gguf: %w", err)
	}
	if len(groups) > maxParts {
		return nil, fmt.Errorf("gguf: %d files are more than the %d allowed", len(groups), maxParts)
	}
	parts := make([]Part, len(groups))
	for i, g := range groups {
		own := models.Metadata{}
		if i == 0 {
			own = maps.Clone(meta)
		} else if a, ok := meta["general.alignment"]; ok {
			own["general.alignment"] = a
		}
		own["split.no"], own["split.count"], own["split.tensors.count"] = uint64(i), uint64(len(groups)), int64(len(tensors))
		parts[i] = Part{fmt.Sprintf("%s-%05d-of-%05d.gguf", base, i+1, len(groups)), own, g}
	}
	return parts, nil
}
