package cpu

import "soberano/kernels"

// leastGated is the number of tokens from which on panels of gate and up are multiplied alternately. The activations of the last values of a row may be rounded in
// another way then, so it must be more than kernels.Few.
const leastGated = kernels.Few + 1

// few returns a tensor for the results of gate and up. All layers use the same memory.
func (d *device) few(rows, cols int) kernels.Tensor {
	if n := rows * cols; len(d.halves) < n {
		d.halves = alignedF32(n)
	}
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: cols, F32: d.halves}
}

// MatMulGated writes f(x·gateᵀ) · x·upᵀ to dst. w was loaded from gate and up.
func (s *step) MatMulGated(dst, x kernels.Tensor, w kernels.Matrix, f kernels.Activation) {
	const op = "MatMulGated"
	m, d := s.product(op, &dst, &x, w), s.d
	if !m.gated() || dst.Cols != m.rows/2 {
		panic("cpu: MatMulGated: not a gate and its equal, or shapes differ")
	}
	if x.Rows < leastGated {
		both := d.few(x.Rows, m.rows)
		d.multiply(both, x, m, m.panels, false, &d.mm.run)
		d.activate(dst, both.Slice(0, dst.Cols), both.Slice(dst.Cols, dst.Cols), f)
		return
	}
	d.mm.f = f
	d.multiply(dst, x, m, m.panels/2, false, &d.mm.gated)
}

// gated reports whether m was loaded from two parts with the same number of rows.
func (m *matrix) gated() bool {
	return len(m.segments) == 2 && m.segments[0].rows == m.segments[1].rows
}

// gatedChunk multiplies one stretch of tokens with a range of panels of gate and up.
//
// It computes the gated half of a feed-forward layer, f(x·gateᵀ) · x·upᵀ. While the results of a panel of gate are
// in the cache, the same panel of up is multiplied into scratch memory, and the two are combined. This saves
// writing the results of up to memory and a second pass over those of gate, 6 MB for each layer with 512 tokens of
// 1536 columns. With fewer than leastGated tokens, the time is spent on reading the weights, and gate and up are
// multiplied one after the other, so that each is read as one stream: alternating between them made generation a tenth
// slower.
func (j *matmulJob) gatedChunk(worker, c int) {
	t0, t1, p0, p1 := j.piece(c)
	j.multiplyGated(worker, j.w, t0, t1, p0, p1)
}

// multiplyGated multiplies tokens t0 … t1-1 with panels p0 … p1-1 of gate and up, the two segments of w.
func (j *matmulJob) multiplyGated(worker int, w *matrix, t0, t1, p0, p1 int) {
	n := (t1 - t0) * 32
	if len(j.both[worker]) < 2*n {
		j.both[worker] = alignedF32(2 * n)
	}
	g, u := j.both[worker][:n], j.both[worker][n:2*n]
	gate, up := w.segments[0], w.segments[1]
	for p := p0; p < p1; p++ {
		j.full(worker, gate, p, g, 32, t0, t1, false)
		j.full(worker, up, p, u, 32, t0, t1, false)
		activate(j.lv, j.f, g, g, u) // for the whole panel at once: a row is too short to fill the pipeline
		rows := min(32, gate.rows-32*p)
		for t := t0; t < t1; t++ {
			copy(j.dst.Row(t)[32*p:][:rows], g[32*(t-t0):])
		}
	}
}

// activate writes f(x)·up to dst.
func activate(lv level, f kernels.Activation, dst, x, up []float32) {
	switch f {
	case kernels.SiLU:
		silu(lv, dst, x, up)
	case kernels.GELUTanh:
		geluTanh(lv, dst, x, up)
	case kernels.GELUErf:
		geluErf(lv, dst, x, up)
	case kernels.ReLU:
		relu(dst, x, up)
	case kernels.ReLUSquared:
		reluSquared(dst, x, up)
	case kernels.Sigmoid:
		sigmoid(lv, dst, x, up)
	case kernels.Softplus:
		softplus(dst, x, up)
	case kernels.SwiGLU7:
		swiGLU7(lv, dst, x, up)
	case kernels.GELUQuick:
		geluQuick(lv, dst, x, up)
	default:
		panic("cpu: unknown activation")
	}
}
