package kernels

import "sync/atomic"

// Tensor is a row-major float32 matrix, Rows × Cols, in a Device's memory; row r
// starts Stride values after row r-1. It may be a view of another one (Slice, Sub,
// Over). It belongs to the step that made it and ends with it.
type Tensor struct {
	Rows, Cols, Stride int
	// F32 is the memory of a tensor on the CPU, row 0 first; nil elsewhere.
	F32 []float32
	// Buffer and Offset (in values) are the memory of a tensor elsewhere.
	Buffer any
	Offset int
	// Step identifies the step that the tensor belongs to, see NextStep.
	Step uint64
	// Const marks a tensor that is read only: the memory of a Vector.
	Const bool
}

var lastStep atomic.Uint64

// NextStep returns a number for a new step, different from those of all other steps of
// the process, so that a device recognises the tensors of another step or device.
func NextStep() uint64 { return lastStep.Add(1) }

// Slice returns columns from … from+cols of every row, as a view.
func (t Tensor) Slice(from, cols int) Tensor {
	if from < 0 || cols < 0 || from+cols > t.Cols {
		panic("kernels: Slice out of range")
	}
	t.Cols = cols
	return t.from(from)
}

// Sub returns rows from … from+rows, as a view.
func (t Tensor) Sub(from, rows int) Tensor {
	if from < 0 || rows < 0 || from+rows > t.Rows {
		panic("kernels: Sub out of range")
	}
	t.Rows = rows
	return t.from(from * t.Stride)
}

// Over returns a rows × cols matrix over the values of t, a tensor of one row, from
// value from on, so that a step can use the same memory for one thing after another.
// Its rows are OverStride(cols) values apart.
func (t Tensor) Over(from, rows, cols int) Tensor {
	stride := OverStride(cols)
	if t.Rows != 1 || from < 0 || rows < 0 || cols < 0 || from+rows*stride > t.Cols {
		panic("kernels: Over out of range")
	}
	t.Rows, t.Cols, t.Stride = rows, cols, stride
	return t.from(from)
}

// OverStride is the distance of the rows of a tensor that Over returns: a multiple of
// 16 values, so that rows start on cache lines, and not 2 KiB apart, where the rows of
// a tile would fall on the same few lines of the cache.
func OverStride(cols int) int { return (cols+15)&^15 + 16 }

// from moves the beginning of t by n values.
func (t Tensor) from(n int) Tensor {
	t.Offset += n
	if t.F32 != nil {
		t.F32 = t.F32[min(n, len(t.F32)):]
	}
	return t
}

// Row returns row r of a tensor on the CPU.
func (t Tensor) Row(r int) []float32 { return t.F32[r*t.Stride:][:t.Cols:t.Cols] }

// Overlaps reports whether t and u, tensors in the same memory space whose first
// values are delta values apart (u's address minus t's), have values in common. Where
// their strides differ, tensors whose rows lie between each other's count as overlapping.
func (t Tensor) Overlaps(u Tensor, delta int) bool {
	if delta < 0 {
		return u.Overlaps(t, -delta)
	}
	if t.Rows == 0 || u.Rows == 0 || t.Cols == 0 || u.Cols == 0 {
		return false
	}
	if delta >= (t.Rows-1)*t.Stride+t.Cols {
		return false
	}
	if t.Rows == 1 || t.Stride != u.Stride && u.Rows > 1 {
		return true
	}
	row, col := delta/t.Stride, delta%t.Stride
	return col < t.Cols && row < t.Rows || col+u.Cols > t.Stride && row+1 < t.Rows
}
