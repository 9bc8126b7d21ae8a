//go:build (linux || windows) && cgo

package gl

import (
	"math"
	"slices"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// The operations of move.glsl.
const (
	opUnfold = iota
	opMix
	opCopyHeads
	opRotate
)

// move records an operation of move.glsl that writes cols values of each row.
func (s *step) move(op, cols int, dst, x, y kernels.Tensor, numbers ...int) {
	param := [mostParams]int{dst.Rows, cols, dst.Offset, dst.Stride, x.Offset, x.Stride, x.Rows, x.Cols, y.Offset, y.Stride}
	n := 10 + copy(param[10:], numbers)
	s.follow(dst, x, y)
	s.run(program{kernel: "move", option: op}, over(dst.Rows*cols), []*buffer{bufferOf(&dst), bufferOf(&x), bufferOf(&y)}, param[:n]...)
	s.followed()
}

// Unfold concatenates width neighbouring rows of x to each row of dst.
func (s *step) Unfold(dst, x kernels.Tensor, width, stride, pad int) {
	s.Apart("Unfold", &dst, &x)
	if width <= 0 || stride <= 0 || pad < 0 || dst.Cols != width*x.Cols || dst.Rows != (x.Rows+2*pad-width)/stride+1 {
		panic("gl: Unfold: shapes differ")
	}
	s.move(opUnfold, dst.Cols, dst, x, kernels.Tensor{}, stride, pad)
}

// Mix adds weighted sums of the parts of each row of x to the parts of the same row of dst.
func (s *step) Mix(dst, x, weights kernels.Tensor, parts int) {
	s.Apart("Mix", &dst, &x)
	s.Apart("Mix", &dst, &weights)
	if parts < 1 || x.Cols == 0 || x.Cols%parts != 0 || dst.Cols%(x.Cols/parts) != 0 || weights.Cols != dst.Cols/(x.Cols/parts)*parts ||
		dst.Rows != x.Rows || weights.Rows != x.Rows {
		panic("gl: Mix: shapes differ")
	}
	s.move(opMix, dst.Cols, dst, x, weights, parts, x.Cols/parts)
}

// CopyHeads copies a range of columns of each head.
func (s *step) CopyHeads(dst, x kernels.Tensor, heads, to, from, cols int) {
	s.Apart("CopyHeads", &dst, &x)
	if heads < 1 || dst.Rows != x.Rows || dst.Cols%heads != 0 || x.Cols%heads != 0 ||
		to < 0 || from < 0 || cols < 0 || to+cols > dst.Cols/heads || from+cols > x.Cols/heads {
		panic("gl: CopyHeads: shapes differ")
	}
	s.move(opCopyHeads, heads*cols, dst, x, kernels.Tensor{}, cols, dst.Cols/heads, to, x.Cols/heads, from)
}

// Rotate rotates each head of each row in place by the row's position. The host computes the angles, in float64: float32 would
// lose them at large positions.
func (s *step) Rotate(x kernels.Tensor, r *kernels.RoPE) {
	s.Out("Rotate", &x)
	freq, pos := s.d.vector("Rotate", r.Freq), s.Batch.Positions
	n := len(freq.x)
	if len(pos) != x.Rows || r.HeadDim <= 0 || x.Cols%r.HeadDim != 0 || r.Offset < 0 || r.Offset+2*n > r.HeadDim {
		panic("gl: Rotate: shapes differ")
	}
	if n == 0 {
		return
	}
	if r.Axis != nil {
		s.checkAxes(r.Axis, n)
	}
	angles := s.angles(freq, r)
	s.move(opRotate, x.Cols/r.HeadDim*n, x, x, angles, n, r.HeadDim, r.Offset, flag(r.Interleaved))
	s.rotation = rotation{len(s.commands), x, *r, n, angles}
}

// checkAxes panics unless there is an axis of the batch for each of n pairs.
func (s *step) checkAxes(axis []uint8, n int) {
	if len(axis) != n {
		panic("gl: Rotate: not an axis for each pair")
	}
	for _, a := range axis {
		if s.Batch.Axes != nil && int(a) >= len(s.Batch.Axes) {
			panic("gl: Rotate: an axis that the batch does not have")
		}
	}
}

// angles returns the cosines and sines of all rows of the batch, multiplied by the scale: [rows][pair][cosine, sine]. All layers of
// a step that rotate in the same way use the same.
func (s *step) angles(freq *vector, r *kernels.RoPE) kernels.Tensor {
	rows, n := len(s.Batch.Positions), len(freq.x)
	if freq.step != s.ID || freq.scale != r.Scale || !slices.Equal(freq.axis, r.Axis) {
		freq.step, freq.scale, freq.axis, freq.at = s.ID, r.Scale, r.Axis, len(s.words)
		for row := range rows {
			for i, f := range freq.x {
				sin, cos := math.Sincos(float64(s.position(r, row, i)) * float64(f))
				s.words = append(s.words, math.Float32bits(float32(cos*float64(r.Scale))), math.Float32bits(float32(sin*float64(r.Scale))))
			}
		}
	}
	return s.uploaded(freq.at, rows, 2*n)
}

// position returns the position by which pair i of a row is rotated.
func (s *step) position(r *kernels.RoPE, row, i int) int32 {
	if r.Axis == nil || s.Batch.Axes == nil {
		return s.Batch.Positions[row]
	}
	return s.Batch.Axes[r.Axis[i]][row]
}

// Embed writes scale × row Tokens[i] of w to row i of dst.
func (s *step) Embed(dst kernels.Tensor, w kernels.Matrix, scale float32) {
	s.embed("Embed", dst, w, s.Batch.Tokens, scale)
}

// EmbedPositions writes row Positions[i] of w to row i of dst.
func (s *step) EmbedPositions(dst kernels.Tensor, w kernels.Matrix) {
	s.embed("EmbedPositions", dst, w, s.Batch.Positions, 1)
}

// embed dequantizes the rows on the host and uploads them with the step's words.
func (s *step) embed(op string, dst kernels.Tensor, w kernels.Matrix, ids []int32, scale float32) {
	s.Out(op, &dst)
	m := s.d.plain(op, w)
	if dst.Rows != len(ids) || dst.Cols != m.cols {
		panic("gl: " + op + ": shapes differ")
	}
	at := len(s.words)
	s.d.row = append(s.d.row[:0], make([]float32, m.cols)...)
	for _, id := range ids {
		if id < 0 || int(id) >= m.rows {
			panic("gl: " + op + ": a row that the matrix does not have")
		}
		m.row(s.d.row, int(id))
		for _, v := range s.d.row {
			s.words = append(s.words, math.Float32bits(v))
		}
	}
	s.element(opScale, dst, s.uploaded(at, len(ids), m.cols), kernels.Tensor{}, bits(scale))
}

// row dequantizes row r of a matrix without experts.
func (m *matrix) row(dst []float32, r int) {
	for _, w := range m.source {
		if r < w.Rows {
			quant.Dequantize(w.Type, dst, w.Data[r*w.Type.RowBytes(w.Cols):])
			return
		}
		r -= w.Rows
	}
}
