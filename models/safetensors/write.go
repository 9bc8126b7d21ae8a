package safetensors

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"soberano/models"
)

// Write writes a .safetensors file: the tensors in the given order, and the strings of meta
// as its __metadata__. A tensor's Data must have the length that Type and Shape require.
func Write(w io.Writer, meta models.Metadata, tensors []models.Tensor) error {
	head := make(map[string]any, len(tensors)+1)
	if len(meta) > 0 {
		head["__metadata__"] = meta
	}
	end := uint64(0)
	for _, t := range tensors {
		name := dtypeName(t.Type)
		n, ok := models.Values(t.Shape)
		if d, known := dtypes[name]; !known || !ok || n*d.bytes != len(t.Data) {
			return fmt.Errorf("safetensors: tensor %q of type %v and shape %v can't have %s bytes", t.Name, t.Type, t.Shape, models.Grouped(len(t.Data)))
		}
		if _, twice := head[t.Name]; twice {
			return fmt.Errorf("safetensors: %q occurs twice", t.Name)
		}
		shape := append([]int{}, t.Shape...) // a scalar must be written as [], not as null
		head[t.Name] = entry{name, shape, []uint64{end, end + uint64(len(t.Data))}}
		end += uint64(len(t.Data))
	}
	b, err := json.Marshal(head)
	if err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	for len(b)%8 != 0 { // so that the data is aligned
		b = append(b, ' ')
	}
	out := bufio.NewWriterSize(w, 1<<20)
	if _, err := out.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(b))), b...)); err != nil {
		return err
	}
	for _, t := range tensors {
		if _, err := out.Write(t.Data); err != nil {
			return err
		}
	}
	return out.Flush()
}
