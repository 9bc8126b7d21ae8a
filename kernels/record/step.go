package record

import "soberano/kernels"

// step records the inputs of the products of a step.
type step struct {
	kernels.Step
	d *Device
}

// Begin starts a step.
func (d *Device) Begin(b *kernels.Batch) kernels.Step { return step{d.Device.Begin(b), d} }

// MatMul records x and multiplies.
func (s step) MatMul(dst, x kernels.Tensor, w kernels.Matrix) {
	s.Step.MatMul(dst, x, w)
	s.rows(x, w)
}

// MatMulAdd records x and multiplies.
func (s step) MatMulAdd(dst, x kernels.Tensor, w kernels.Matrix) {
	s.Step.MatMulAdd(dst, x, w)
	s.rows(x, w)
}

// MatMulGated records x and multiplies.
func (s step) MatMulGated(dst, x kernels.Tensor, w kernels.Matrix, f kernels.Activation) {
	s.Step.MatMulGated(dst, x, w, f)
	s.rows(x, w)
}

// MatMulExperts records x and multiplies.
func (s step) MatMulExperts(dst, x kernels.Tensor, w kernels.Matrix, c kernels.Choice) {
	s.Step.MatMulExperts(dst, x, w, c)
	s.groups(x, w, c)
}

// MatMulGatedExperts records x and multiplies.
func (s step) MatMulGatedExperts(dst, x kernels.Tensor, w kernels.Matrix, c kernels.Choice, f kernels.Activation) {
	s.Step.MatMulGatedExperts(dst, x, w, c, f)
	s.groups(x, w, c)
}

// MatMulHeads records the heads of x and multiplies.
func (s step) MatMulHeads(dst, x kernels.Tensor, w kernels.Matrix) {
	s.Step.MatMulHeads(dst, x, w)
	in := s.d.inputs[w]
	if in == nil {
		return
	}
	heads := len(in.Squares) / w.Cols()
	for h := range heads {
		s.d.add(in, x.Slice(h*(x.Cols/heads), w.Cols()), h)
	}
}

// rows records the rows of x.
func (s step) rows(x kernels.Tensor, w kernels.Matrix) {
	if in := s.d.inputs[w]; in != nil {
		s.d.add(in, x, 0)
	}
}

// groups records the rows of x, which are in groups by experts.
func (s step) groups(x kernels.Tensor, w kernels.Matrix, c kernels.Choice) {
	in := s.d.inputs[w]
	if in == nil || x.Rows == 0 {
		return
	}
	for r, e := range s.expertsOf(x, len(in.Rows), c) {
		s.d.add(in, x.Sub(r, 1), e)
	}
}

// expertsOf returns the expert of each row of the groups x. A choice does not tell it: it is found by a product with weights of zero and the
// number of the expert as its bias.
func (s step) expertsOf(x kernels.Tensor, experts int, c kernels.Choice) []int {
	cols := min(x.Cols, probeCols)
	zeros, numbers := s.Step.New(x.Rows, cols), s.Step.New(x.Rows, 1)
	s.Step.Write(zeros, make([]float32, x.Rows*cols))
	s.Step.MatMulExperts(numbers, zeros, s.d.probes[[2]int{experts, cols}], c)
	out := make([]int, x.Rows)
	for r := range out {
		out[r] = int(numbers.Row(r)[0])
	}
	return out
}
