// Package importance reads and writes importance matrices: for each matrix of a model how much each of its columns matters, measured as the
// mean square of the column's input on a text. A converter gives the values that matter more the smaller errors.
//
// The file is that of llama.cpp's tool imatrix, a GGUF file:
//
//	general.type           "imatrix"
//	imatrix.datasets       names of the texts
//	imatrix.chunk_count    number of windows of the texts
//	imatrix.chunk_size     tokens of a window
//	NAME.in_sum2           [experts × columns], float32: sum of the squares of the inputs of tensor NAME
//	NAME.counts            [experts × 1], float32: number of rows of which it is the sum
//
// Tensors without experts have one row.
package importance

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
)

// The names in a file.
const (
	kind     = "imatrix"
	datasets = "imatrix.datasets"
	count    = "imatrix.chunk_count"
	size     = "imatrix.chunk_size"
	sums     = ".in_sum2"
	counts   = ".counts"
)

// Matrix is the content of a file.
type Matrix struct {
	Datasets          []string // names of the texts
	Chunks, ChunkSize int      // number of windows, and tokens of a window
	Entries           map[string]Entry
}

// Entry is what was measured for a tensor.
type Entry struct {
	Sums   []float32 // [experts × columns]: sums of the squares of the inputs
	Counts []float32 // [experts]: number of rows of which they are sums
}

// Open reads the file at path. The error is a *models.FileError where the file is at fault.
func Open(path string) (m *Matrix, err error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if failed := f.Close(); err == nil && failed != nil {
			m, err = nil, failed
		}
	}()
	m, err = read(f)
	return m, models.InFile(path, err)
}

func read(f *models.File) (*Matrix, error) {
	m := &Matrix{Entries: map[string]Entry{}}
	is, err := f.Meta.String("general.type", "")
	if err != nil {
		return nil, err
	}
	if is != kind {
		return nil, models.Unsupported(f.Path, "choose one that a tool has written as a GGUF file", "is no importance matrix")
	}
	if m.Datasets, err = f.Meta.Strings(datasets); err != nil {
		return nil, err
	}
	if m.Chunks, err = f.Meta.Int(count, 0); err != nil {
		return nil, err
	}
	if m.ChunkSize, err = f.Meta.Int(size, 0); err != nil {
		return nil, err
	}
	for _, t := range f.Tensors {
		name, ok := strings.CutSuffix(t.Name, sums)
		if !ok {
			continue
		}
		if m.Entries[name], err = entry(f, t, name); err != nil {
			return nil, err
		}
	}
	if len(m.Entries) == 0 {
		return nil, fmt.Errorf("an importance matrix without values: %w", models.ErrCorrupt)
	}
	return m, nil
}

// entry reads what was measured for the tensor name, whose sums are in t.
func entry(f *models.File, t models.Tensor, name string) (e Entry, err error) {
	n, ok := f.Tensor(name + counts)
	if !ok {
		return e, fmt.Errorf("tensor %s is missing: %w", models.Quote(name+counts), models.ErrCorrupt)
	}
	if e.Sums, err = values(t); err != nil {
		return e, err
	}
	if e.Counts, err = values(n); err != nil {
		return e, err
	}
	if len(e.Counts) == 0 || len(e.Sums)%len(e.Counts) != 0 {
		return e, fmt.Errorf("tensor %s has %d values, which are not those of %d experts: %w", models.Quote(t.Name), len(e.Sums), len(e.Counts), models.ErrCorrupt)
	}
	return e, nil
}

// values returns the values of a tensor, none of which is negative or infinite.
func values(t models.Tensor) ([]float32, error) {
	if t.Type != quant.F32 {
		return nil, fmt.Errorf("tensor %s is stored as %v, expected F32: %w", models.Quote(t.Name), t.Type, models.ErrCorrupt)
	}
	out := make([]float32, t.Len())
	quant.Dequantize(t.Type, out, t.Data)
	for _, x := range out {
		if !(x >= 0 && x <= math.MaxFloat32) {
			return nil, fmt.Errorf("tensor %s has the value %v, expected one from 0: %w", models.Quote(t.Name), x, models.ErrCorrupt)
		}
	}
	return out, nil
}

// Write writes the file.
func (m *Matrix) Write(w io.Writer) error {
	meta := models.Metadata{"general.type": kind, datasets: m.Datasets, count: uint64(m.Chunks), size: uint64(m.ChunkSize)}
	var list []models.Tensor
	for _, name := range slices.Sorted(maps.Keys(m.Entries)) {
		e := m.Entries[name]
		n := len(e.Counts)
		list = append(list, tensor(name+sums, e.Sums, n, len(e.Sums)/n), tensor(name+counts, e.Counts, n, 1))
	}
	return gguf.Write(w, meta, list)
}

func tensor(name string, values []float32, shape ...int) models.Tensor {
	t := models.Tensor{Name: name, Type: quant.F32, Shape: shape}
	for _, x := range values {
		t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(x))
	}
	return t
}

// ShapeError is the error of an importance matrix of another model, in which a tensor has another shape.
type ShapeError struct {
	Tensor      string
	Have, Needs int // numbers of values
}

func (e *ShapeError) Error() string {
	return fmt.Sprintf("the importance matrix is of another model: it has %s values for tensor %s, which needs %s", models.Grouped(e.Have), models.Quote(e.Tensor), models.Grouped(e.Needs))
}

// least is the smallest weight of a column, as a share of the mean of its matrix. A column whose input was always zero would otherwise have
// none, and its weights would become arbitrary.
const least = 1e-6

// Weights returns how much each column of a tensor [experts × rows × columns] matters, [experts × columns] or, if all experts have the same,
// [columns]; nil if the file has nothing about the tensor. An expert that no row has reached has equal weights. The error
// is a *ShapeError.
func (m *Matrix) Weights(name string, experts, cols int) ([]float32, error) {
	e, ok := m.Entries[name]
	if !ok {
		return nil, nil
	}
	if len(e.Sums) != cols && len(e.Sums) != experts*cols {
		return nil, &ShapeError{name, len(e.Sums), experts * cols}
	}
	w := make([]float32, len(e.Sums))
	each := len(e.Sums) / len(e.Counts)
	for i, x := range e.Sums {
		if n := e.Counts[i/each]; n > 0 {
			w[i] = x / n
		}
	}
	for part := range slices.Chunk(w, cols) {
		raise(part)
	}
	return w, nil
}

// raise gives every value the least weight, and all the same if all are zero.
func raise(w []float32) {
	mean := 0.0
	for _, x := range w {
		mean += float64(x) / float64(len(w))
	}
	floor := float32(mean * least)
	if floor == 0 {
		floor = 1
	}
	for i := range w {
		w[i] = max(w[i], floor)
	}
}
