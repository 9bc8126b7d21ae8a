package ggml

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"

	"soberano/models"
)

// Write writes a file that Open reads: meta with the keys that Open returns, and the tensors
// in the given order. A tensor's Data must have the length that Type and Shape require.
func Write(w io.Writer, meta models.Metadata, tensors []models.Tensor) error {
	b := []byte(Magic)
	for _, key := range params {
		n, ok := meta[key].(uint64)
		if !ok || n > math.MaxInt32 {
			return fmt.Errorf("ggml: key %q is %v, expected a number", key, meta[key])
		}
		b = le.AppendUint32(b, uint32(n))
	}
	filters, _ := meta[filtersKey].([]float64)
	tokens, _ := meta[TokensKey].([]string)
	mels := meta["ggml.n_mels"].(uint64)
	b = le.AppendUint32(b, uint32(mels))
	b = le.AppendUint32(b, uint32(uint64(len(filters))/max(1, mels)))
	for _, v := range filters {
		b = le.AppendUint32(b, math.Float32bits(float32(v)))
	}
	b = le.AppendUint32(b, uint32(len(tokens)))
	for _, s := range tokens {
		b = append(le.AppendUint32(b, uint32(len(s))), s...)
	}
	// Parsing the result applies the reader's checks.
	if _, _, err := parse("the file to write", b); err != nil {
		return fmt.Errorf("ggml: %w", err)
	}
	out := bufio.NewWriterSize(w, 1<<20)
	if _, err := out.Write(b); err != nil {
		return err
	}
	for _, t := range tensors {
		if err := writeTensor(out, t); err != nil {
			return err
		}
	}
	return out.Flush()
}

func writeTensor(w io.Writer, t models.Tensor) error {
	if n, ok := models.Bytes(t.Type, t.Shape); !ok || n != uint64(len(t.Data)) {
		return fmt.Errorf("ggml: tensor %q of type %v and shape %v can't have %s bytes", t.Name, t.Type, t.Shape, models.Grouped(len(t.Data)))
	}
	b := le.AppendUint32(nil, uint32(len(t.Shape)))
	b = le.AppendUint32(b, uint32(len(t.Name)))
	b = le.AppendUint32(b, uint32(t.Type))
	for _, n := range slices.Backward(t.Shape) {
		b = le.AppendUint32(b, uint32(n))
	}
	if _, err := w.Write(append(b, t.Name...)); err != nil {
		return err
	}
	_, err := w.Write(t.Data)
	return err
}
