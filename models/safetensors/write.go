package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"soberano/models"
)

// Write writes a .safetensors file: the tensors in the given order, and the strings of meta
// as its __metadata__. A tensor's Data must have the length that Type and Shape require.
func Write(w io.Writer, meta models.Metadata, tensors []models.Tensor) error {
	return WriteSources(w, meta, models.Sources(tensors))
}

// WriteSources writes a file like Write. It holds no more than the head in memory. Writes may be small: w should be buffered.
func WriteSources(w io.Writer, meta models.Metadata, tensors []models.Source) error {
	head := make(map[string]any, len(tensors)+1)
	if len(meta) > 0 {
		head["__metadata__"] = meta
	}
	sizes, end := make([]uint64, len(tensors)), uint64(0)
	for i, t := range tensors {
		name := dtypeName(t.Type)
		n, ok := models.Values(t.Shape)
		d, known := dtypes[name]
		if !known || !ok {
			return fmt.Errorf("safetensors: tensor %q of type %v and shape %v can't be written", t.Name, t.Type, t.Shape)
		}
		if _, twice := head[t.Name]; twice {
			return fmt.Errorf("safetensors: %q occurs twice", t.Name)
		}
		sizes[i] = uint64(n * d.bytes)
		shape := append([]int{}, t.Shape...) // a scalar must be written as [], not as null
		head[t.Name] = entry{name, shape, []uint64{end, end + sizes[i]}}
		end += sizes[i]
	}
	b, err := json.Marshal(head)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	for len(b)%8 != 0 { // so that the data is aligned
		b = append(b, ' ')
	}
	if _, err := w.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(b))), b...)); err != nil {
		return err
	}
	for i, t := range tensors {
		if err := t.CopyExactly(w, sizes[i]); err != nil {
			return fmt.Errorf("safetensors: %w", err)
		}
	}
	return nil
}
