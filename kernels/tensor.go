package kernels

import "sync/atomic"

// Tensor is a row-major float32 matrix, Rows × Cols, in a Device's memory. Row r
// begins Stride values after row r-1. It may be a view of another tensor (Slice, Sub,
// Over). It belongs to the step that created it and is invalid after that step.
type Tensor struct {
	Rows, Cols, Stride int
	// F32 is the memory of a tensor on the CPU, row 0 first; nil on other devices.
	F32 []float32
	// Buffer and Offset (in values) locate the memory of a tensor on other devices.
	Buffer any
	Offset int
	// Step identifies the step that the tensor belongs to; see NextStep.
	Step uint64
	// Const marks a read-only tensor, which uses the memory of a Vector.
	Const bool
}

var lastStep atomic.Uint64

// NextStep returns a number for a new step. It differs from those of all other steps of
// the process, so that a device recognises tensors of another step or device.
func NextStep() uint64 { return lastStep.Add(1) }

// Slice returns a view of columns from … from+cols-1 of every row.
func (t Tensor) Slice(from, cols int) Tensor {
	if from < 0 || cols < 0 || from+cols > t.Cols {
		panic("kernels: Slice out of range")
	}
	t.Cols = cols
	return t.from(from)
}

// Sub returns a view of rows from … from+rows-1.
func (t Tensor) Sub(from, rows int) Tensor {
	if from < 0 || rows < 0 || from+rows > t.Rows {
		panic("kernels: Sub out of range")
	}
	t.Rows = rows
	return t.from(from * t.Stride)
}

// Over returns a rows × cols matrix that uses the values of t, a tensor of one row, beginning
// with value from, so that a step can reuse the same memory.
// Its rows are OverStride(cols) values apart.
func (t Tensor) Over(from, rows, cols int) Tensor {
	stride := OverStride(cols)
	if t.Rows != 1 || from < 0 || rows < 0 || cols < 0 || from+rows*stride > t.Cols {
		panic("kernels: Over out of range")
	}
	t.Rows, t.Cols, t.Stride = rows, cols, stride
	return t.from(from)
}

// Like returns the view of t, a tensor that New or Const has returned, that has the same place in it as a view in a tensor of the same shape on
// another device, whose rows are t.Cols values apart: beginning at value offset, with rows that are stride values apart.
func (t Tensor) Like(offset, rows, cols, stride int) Tensor {
	switch {
	case rows == 0:
		t = t.Sub(0, 0)
		t.Cols = cols
		return t
	case stride == t.Cols && stride > 0:
		return t.Sub(offset/stride, rows).Slice(offset%stride, cols)
	case offset < 0 || rows < 0 || cols < 0 || offset > t.Cols || (rows-1)*stride+cols > t.Cols-offset:
		panic("kernels: Like out of range")
	}
	t = t.Slice(offset, t.Cols-offset)
	t.Rows, t.Cols, t.Stride = rows, cols, stride
	return t
}

// OverStride returns the distance between the rows of a tensor that Over returns. It is a multiple of
// 16 values, so that rows begin on cache lines, but not of 2 KiB, which would map the rows of
// a tile to the same few sets of the cache.
func OverStride(cols int) int { return (cols+15)&^15 + 16 }

// from returns t with its beginning moved by n values.
func (t Tensor) from(n int) Tensor {
	t.Offset += n
	if t.F32 != nil {
		t.F32 = t.F32[min(n, len(t.F32)):]
	}
	return t
}

// Row returns row r of a tensor on the CPU.
func (t Tensor) Row(r int) []float32 { return t.F32[r*t.Stride:][:t.Cols:t.Cols] }

// Overlaps reports whether t and u have values in common. They must be in the same memory space; delta is u's
// address minus t's, in values. If their strides differ, tensors whose rows interleave count as overlapping.
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
