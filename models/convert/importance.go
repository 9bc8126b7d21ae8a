package convert

import (
	"io"

	"soberano/models"
	"soberano/models/importance"
)

// importances returns for each tensor how much its columns matter, and records the importance matrix in the keys of the model.
func (m *model) importances(o *importance.Matrix) ([][]float32, error) {
	list := make([][]float32, len(m.tensors))
	if o == nil {
		return list, nil
	}
	used := 0
	for i, t := range m.tensors {
		experts := 1
		if len(t.Shape) == 3 {
			experts = t.Shape[0]
		}
		var err error
		if list[i], err = o.Weights(m.name(t), experts, t.Cols()); err != nil {
			return nil, err
		}
		if list[i] != nil {
			used++
		}
	}
	if used == 0 {
		return nil, models.Unsupported(m.path, "choose the importance matrix of this model", "has none of the tensors of the importance matrix")
	}
	if m.folder == "" && !m.speech {
		m.meta["quantize.imatrix.entries_count"], m.meta["quantize.imatrix.chunks_count"] = uint64(used), uint64(o.Chunks)
		if len(o.Datasets) > 0 {
			m.meta["quantize.imatrix.dataset"] = o.Datasets[0]
		}
	}
	return list, nil
}

// WriteImportance writes an importance matrix to the file out, which appears when it is complete. The error is that of Convert.
func WriteImportance(out string, o *importance.Matrix, replace bool) error {
	dst, err := create(out, replace)
	if err != nil {
		return err
	}
	defer dst.discard()
	if err := dst.file(dst.name, func(w io.Writer) error { return o.Write(w) }); err != nil {
		return dst.explain(err)
	}
	return dst.explain(dst.commit())
}
