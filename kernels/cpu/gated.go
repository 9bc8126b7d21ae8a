package cpu

import "soberano/kernels"

// leastGated is from how many tokens on the halves are multiplied in turn.
const leastGated = 16

// few returns a tensor for the results of both halves, the same for all layers.
func (d *device) few(rows, cols int) kernels.Tensor {
	if n := rows * cols; len(d.halves) < n {
		d.halves = alignedF32(n)
	}
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: cols, F32: d.halves}
}

// MatMulGated writes f(x·gateᵀ) · x·upᵀ to dst; w was loaded from gate and up.
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

// gated reports whether m was loaded from two parts of as many rows.
func (m *matrix) gated() bool {
	return len(m.segments) == 2 && m.segments[0].rows == m.segments[1].rows
}

// gatedChunk multiplies one stretch of tokens with a run of panels of both halves.
//
// This is the gated half of a feed-forward layer, f(x·gateᵀ) · x·upᵀ: while a panel of gate's
// results is still in the cache, the same panel of up is multiplied into scratch memory
// and both become one. Neither the results of up nor a second pass over those of gate go
// through memory, which for 512 tokens of 1536 columns are 6 MB a layer. For fewer than
// leastGated tokens the weights are what goes through memory, and they are read in one
// stream: alternating between the halves made generation a tenth slower.
func (j *matmulJob) gatedChunk(worker, c int) {
	t0, t1, p0, p1 := j.piece(c)
	j.multiplyGated(worker, j.w, t0, t1, p0, p1)
}

// multiplyGated multiplies tokens t0 … t1 with panels p0 … p1 of both halves of w.
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
		activate(j.lv, j.f, g, g, u) // all of it at once: a row is too short to fill the pipeline
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
	default:
		panic("cpu: unknown activation")
	}
}
