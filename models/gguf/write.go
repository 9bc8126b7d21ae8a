package gguf

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"soberano/models"
)

// Write writes a GGUF file of version 3 (little-endian): the keys in alphabetical order, the
// tensors in the given order, each at the next multiple of general.alignment (32 by
// default). Integers that fit are written with 32 bits, numbers as float32 where that is
// exact; Open returns the same Metadata. A tensor's Data must have the length that Type and
// Shape require.
func Write(w io.Writer, meta models.Metadata, tensors []models.Tensor) error {
	return WriteSources(w, meta, models.Sources(tensors))
}

// WriteSources writes a file like Write. It holds no more than the keys and the index in memory. Writes may be small: w should be buffered.
func WriteSources(w io.Writer, meta models.Metadata, tensors []models.Source) error {
	alignment, err := meta.Int("general.alignment", 32)
	if err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	b := append([]byte("GGUF"), 3, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(tensors)))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(meta)))
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		if b, err = appendValue(appendText(b, key), meta[key]); err != nil {
			return fmt.Errorf("gguf: key %q: %w", key, err)
		}
	}
	var end uint64
	for _, t := range tensors {
		size, ok := models.Bytes(t.Type, t.Shape)
		if !ok {
			return fmt.Errorf("gguf: tensor %q of type %v and shape %v can't be written", t.Name, t.Type, t.Shape)
		}
		b = appendInfo(b, t, end)
		end = padded(end+size, alignment)
	}
	b = pad(b, len(b), alignment)
	// Parsing the result applies the reader's checks.
	h, err := parse("the file to write", b)
	if err != nil {
		return fmt.Errorf("gguf: %w", err)
	}
	return writeData(w, b, h, tensors)
}

func writeData(w io.Writer, head []byte, h *header, tensors []models.Source) error {
	if _, err := w.Write(head); err != nil {
		return err
	}
	for i, t := range tensors {
		size := h.tensors[i].bytes()
		if err := t.CopyExactly(w, size); err != nil {
			return fmt.Errorf("gguf: %w", err)
		}
		if _, err := w.Write(make([]byte, padded(size, int(h.alignment))-size)); err != nil {
			return err
		}
	}
	return nil
}

func padded(n uint64, alignment int) uint64 {
	a := uint64(max(1, alignment))
	return (n + a - 1) / a * a
}

// pad appends zeros to b, given that n bytes have been written so far.
func pad(b []byte, n, alignment int) []byte {
	return append(b, make([]byte, padded(uint64(n), alignment)-uint64(n))...)
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

func appendInfo(b []byte, t models.Source, offset uint64) []byte {
	b = binary.LittleEndian.AppendUint32(appendText(b, t.Name), uint32(len(t.Shape)))
	for _, n := range slices.Backward(t.Shape) {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(t.Type))
	return binary.LittleEndian.AppendUint64(b, offset)
}

// appendValue appends the type of a value and the value.
func appendValue(b []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case []bool:
		return appendArray(b, tBool, v), nil
	case []string:
		return appendArray(b, tString, v), nil
	case []uint64:
		return appendArray(b, narrow(v), v), nil
	case []int64:
		return appendArray(b, narrow(v), v), nil
	case []float64:
		return appendArray(b, narrow(v), v), nil
	}
	t := narrow([]any{v})
	if t < 0 {
		return nil, fmt.Errorf("a value of type %T can't be written", v)
	}
	return appendOne(binary.LittleEndian.AppendUint32(b, uint32(t)), t, v), nil
}

func appendArray[T any](b []byte, t int, v []T) []byte {
	b = binary.LittleEndian.AppendUint32(b, tArray)
	b = binary.LittleEndian.AppendUint32(b, uint32(t))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(v)))
	for _, x := range v {
		b = appendOne(b, t, x)
	}
	return b
}

func appendOne(b []byte, t int, v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return append(b, 1)
		}
		return append(b, 0)
	case string:
		return appendText(b, v)
	case uint64:
		return appendInteger(b, t, v)
	case int64:
		return appendInteger(b, t, uint64(v))
	case float64:
		if t == tFloat32 {
			return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
		}
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func appendInteger(b []byte, t int, v uint64) []byte {
	if t == tUint32 || t == tInt32 {
		return binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	return binary.LittleEndian.AppendUint64(b, v)
}

// narrow returns the smallest type that holds all of v exactly, -1 if there is none. All
// values have the same Go type; an empty list gets the wide type of its kind.
func narrow[T any](v []T) int {
	t := -1
	for _, x := range v {
		t = max(t, narrowOne(x))
	}
	if t >= 0 || len(v) > 0 {
		return t
	}
	switch any(v).(type) {
	case []int64:
		return tInt64
	case []float64:
		return tFloat64
	}
	return tUint64
}

func narrowOne(x any) int {
	switch x := x.(type) {
	case bool:
		return tBool
	case string:
		return tString
	case uint64:
		if x <= math.MaxUint32 {
			return tUint32
		}
		return tUint64
	case int64:
		if x == int64(int32(x)) {
			return tInt32
		}
		return tInt64
	case float64:
		if float64(float32(x)) == x || math.IsNaN(x) {
			return tFloat32
		}
		return tFloat64
	}
	return -1
}
