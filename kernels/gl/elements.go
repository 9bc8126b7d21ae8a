//go:build (linux || windows) && cgo

package gl

import (
	"fmt"

	"soberano/kernels"
)

// The operations of element.glsl.
const (
	opAdd = iota
	opMul
	opScale
	opSoftCap
	opXIELU
	opClamp
	opCopy
	opActivate
	opGated
)

// element records an operation of element.glsl; numbers are its parameters.
func (s *step) element(op int, dst, x, y kernels.Tensor, numbers ...int) {
	param := [mostParams]int{dst.Rows, dst.Cols, dst.Offset, dst.Stride, x.Offset, x.Stride, x.Rows, x.Cols, y.Offset, y.Stride}
	n := 10 + copy(param[10:], numbers)
	s.follow(dst, x, y)
	s.run(program{kernel: "element", option: op}, over(dst.Rows*dst.Cols), []*buffer{bufferOf(&dst), bufferOf(&x), bufferOf(&y)}, param[:n]...)
	s.followed()
}

// Add adds x to dst. If x has one row, it is added to every row.
func (s *step) Add(dst, x kernels.Tensor) { s.combine("Add", opAdd, dst, x) }

// Mul multiplies dst by x, value by value. If x has one row, every row is multiplied by it; if it has one column, every column.
func (s *step) Mul(dst, x kernels.Tensor) { s.combine("Mul", opMul, dst, x) }

// combine records an operation that combines values of dst and x at the same place.
func (s *step) combine(name string, op int, dst, x kernels.Tensor) {
	s.Same(name, &dst, &x)
	if dst.Cols != x.Cols && (op != opMul || x.Cols != 1) || dst.Rows != x.Rows && x.Rows != 1 {
		panic("gl: " + name + ": shapes differ")
	}
	s.element(op, dst, x, kernels.Tensor{})
}

// Scale writes factor·x to dst.
func (s *step) Scale(dst, x kernels.Tensor, factor float32) {
	s.Rowwise("Scale", &dst, &x)
	s.element(opScale, dst, x, kernels.Tensor{}, bits(factor))
}

// SoftCap writes limit·tanh(x/limit) to dst.
func (s *step) SoftCap(dst, x kernels.Tensor, limit float32) {
	s.Rowwise("SoftCap", &dst, &x)
	if !(limit > 0) {
		panic("gl: SoftCap: a limit that is not positive")
	}
	s.element(opSoftCap, dst, x, kernels.Tensor{}, bits(limit))
}

// Clamp writes x, limited to lo … hi, to dst.
func (s *step) Clamp(dst, x kernels.Tensor, lo, hi float32) {
	s.Rowwise("Clamp", &dst, &x)
	if !(lo <= hi) {
		panic("gl: Clamp: a lower limit above the upper one")
	}
	s.element(opClamp, dst, x, kernels.Tensor{}, bits(lo), bits(hi))
}

// XIELU writes f(x) to dst.
func (s *step) XIELU(dst, x kernels.Tensor, f kernels.XIELU) {
	s.Rowwise("XIELU", &dst, &x)
	s.element(opXIELU, dst, x, kernels.Tensor{}, bits(f.AlphaP), bits(f.AlphaN), bits(f.Beta), bits(f.Eps))
}

// Activate writes f(gate)·up to dst, or f(gate) if up.Rows is 0.
func (s *step) Activate(dst, gate, up kernels.Tensor, f kernels.Activation) {
	s.Rowwise("Activate", &dst, &gate)
	if up.Rows == 0 {
		s.activate(opActivate, dst, gate, up, f)
		return
	}
	s.Rowwise("Activate", &dst, &up)
	s.activate(opGated, dst, gate, up, f)
}

// checkActivation fails the step unless activation.glsl has f.
func (s *step) checkActivation(f kernels.Activation) {
	if f < kernels.SiLU || f > kernels.GELUQuick {
		s.fail(fmt.Errorf("%w: activation %d", ErrUnsupported, f))
	}
}

// activate records an activation that element.glsl knows.
func (s *step) activate(op int, dst, gate, up kernels.Tensor, f kernels.Activation) {
	s.checkActivation(f)
	s.element(op, dst, gate, up, int(f))
}
