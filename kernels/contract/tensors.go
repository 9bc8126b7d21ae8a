package contract

import (
	"unsafe"

	"soberano/kernels"
)

// In panics unless the operation may read x.
func (s *Step) In(op string, x *kernels.Tensor) {
	if s.Check(op); x.Step != s.ID {
		Misuse(op, "a tensor of another step")
	}
}

// Out panics unless the operation may write to t.
func (s *Step) Out(op string, t *kernels.Tensor) {
	if s.In(op, t); t.Const {
		Misuse(op, "the tensor is read only")
	}
	for i := range s.reads[:s.used] {
		if overlap(t, &s.reads[i].T) {
			Misuse(op, "writes to a tensor that Read has asked for")
		}
	}
}

// Apart checks dst, and an input with which it must not share values.
func (s *Step) Apart(op string, dst, x *kernels.Tensor) {
	s.In(op, x)
	if s.Out(op, dst); overlap(dst, x) {
		Misuse(op, "dst shares values with an input")
	}
}

// Same checks dst, and an input that may be the same tensor but must not overlap it otherwise.
func (s *Step) Same(op string, dst, x *kernels.Tensor) {
	s.In(op, x)
	s.Out(op, dst)
	if overlap(dst, x) && (dst.Rows != x.Rows || dst.Cols != x.Cols || dst.Stride != x.Stride || distance(dst, x) != 0) {
		Misuse(op, "dst shares values with an input and is another tensor")
	}
}

// Rowwise is Same for tensors of equal shape.
func (s *Step) Rowwise(op string, dst, x *kernels.Tensor) {
	if s.Same(op, dst, x); dst.Rows != x.Rows || dst.Cols != x.Cols {
		Misuse(op, "shapes differ")
	}
}

// overlap reports whether t and u have values in common. A tensor without memory, such as one of a step that has failed, has none.
func overlap(t, u *kernels.Tensor) bool {
	if t.F32 == nil && (t.Buffer == nil || t.Buffer != u.Buffer) {
		return false
	}
	return t.Overlaps(*u, distance(t, u))
}

// distance returns the distance from the start of t to the start of u in memory, in values.
func distance(t, u *kernels.Tensor) int {
	if t.F32 == nil {
		return u.Offset - t.Offset
	}
	a, b := unsafe.Pointer(unsafe.SliceData(t.F32)), unsafe.Pointer(unsafe.SliceData(u.F32))
	return (int(uintptr(b)) - int(uintptr(a))) / 4
}
