package cpu

import "soberano/kernels"

// expertPiece is a piece of a product by experts: rows t0 … t1-1 of the groups, which belong
// to one expert, and panels p0 … p1-1 of that expert's matrix.
type expertPiece struct {
	w              *matrix
	t0, t1, p0, p1 int
}

// loadExperts loads a matrix for each expert.
func (d *device) loadExperts(parts []kernels.Weights) *matrix {
	m := &matrix{d: d, cols: parts[0].Cols}
	one := make([]kernels.Weights, len(parts))
	for e := range parts[0].Experts {
		for i, w := range parts {
			one[i] = w.Expert(e)
		}
		x := d.loadOne(one)
		m.experts, m.segments = append(m.experts, x), append(m.segments, x.segments...)
		m.rows, m.ints, m.wide, m.pairs = x.rows, x.ints, x.wide, x.pairs
		m.bytes += x.bytes
	}
	return m
}

// experts checks the arguments that all products by experts have in common.
func (s *step) experts(op string, dst, x *kernels.Tensor, w kernels.Matrix, c kernels.Choice) (*matrix, *choice) {
	ch := s.chosen(op, c)
	s.Apart(op, dst, x)
	m := s.d.open(op, w)
	if len(m.experts) != ch.experts {
		panic("cpu: " + op + ": a matrix of other experts than the choice is of")
	}
	if x.Cols != m.cols || x.Rows != ch.rows*ch.used || dst.Rows != x.Rows {
		panic("cpu: " + op + ": shapes differ")
	}
	return m, ch
}

// MatMulExperts multiplies the rows of each group with the matrix of the group's expert.
func (s *step) MatMulExperts(dst, x kernels.Tensor, w kernels.Matrix, c kernels.Choice) {
	m, ch := s.experts("MatMulExperts", &dst, &x, w, c)
	if dst.Cols != m.rows {
		panic("cpu: MatMulExperts: shapes differ")
	}
	j := &s.d.mm
	s.d.multiplyExperts(dst, x, m, ch, 1, &j.byExpert)
}

// MatMulGatedExperts is MatMulGated by experts. As there, panels of gate and up are multiplied
// alternately only if the groups are large.
func (s *step) MatMulGatedExperts(dst, x kernels.Tensor, w kernels.Matrix, c kernels.Choice, f kernels.Activation) {
	m, ch := s.experts("MatMulGatedExperts", &dst, &x, w, c)
	if !m.experts[0].gated() {
		panic("cpu: MatMulGatedExperts: not a gate and its equal")
	}
	if dst.Cols != m.rows/2 {
		panic("cpu: MatMulGatedExperts: shapes differ")
	}
	j := &s.d.mm
	if x.Rows < leastGated*min(ch.experts, x.Rows) {
		both := s.d.few(x.Rows, m.rows)
		s.d.multiplyExperts(both, x, m, ch, 1, &j.byExpert)
		s.d.activate(dst, both.Slice(0, dst.Cols), both.Slice(dst.Cols, dst.Cols), f)
		return
	}
	j.f = f
	s.d.multiplyExperts(dst, x, m, ch, 2, &j.gatedByExpert)
}

// multiplyExperts runs a job over all pieces of a product by experts. share is 1 if the job
// counts all panels of an expert's matrix, and 2 if it counts only those of gate.
func (d *device) multiplyExperts(dst, x kernels.Tensor, m *matrix, c *choice, share int, run *job) {
	if x.Rows == 0 {
		return
	}
	j := &d.mm
	j.dst, j.x, j.add = dst, x, false
	j.planExperts(m, c, m.experts[0].panels/share, d.convertX(j, m), d.pool.threads)
	d.do(len(j.pieces), run)
}

// planExperts divides the product into pieces of about equal work, about eight for each worker.
// The rows of a piece belong to one expert and fit into the cache.
func (j *matmulJob) planExperts(m *matrix, c *choice, panels, rowBytes, threads int) {
	j.pieces = j.pieces[:0]
	stretch := max(96, stretchBytes/rowBytes/12*12)
	work := max(1, j.x.Rows*panels/(8*threads))
	for e, w := range m.experts {
		for t0, end := int(c.first[e]), int(c.first[e+1]); t0 < end; t0 += stretch {
			t1 := min(t0+stretch, end)
			step := min(max(1, work/(t1-t0)), panels)
			for p0 := 0; p0 < panels; p0 += step {
				j.pieces = append(j.pieces, expertPiece{w, t0, t1, p0, min(p0+step, panels)})
			}
		}
	}
}

// expertChunk computes piece c of a product by experts.
func (j *matmulJob) expertChunk(worker, c int) {
	p := &j.pieces[c]
	j.multiply(worker, p.w, p.t0, p.t1, p.p0, p.p1)
}

// gatedExpertChunk computes piece c of a gated product by experts.
func (j *matmulJob) gatedExpertChunk(worker, c int) {
	p := &j.pieces[c]
	j.multiplyGated(worker, p.w, p.t0, p.t1, p.p0, p.p1)
}

// MatMulHeads multiplies the columns of each head with the head's matrix.
func (s *step) MatMulHeads(dst, x kernels.Tensor, w kernels.Matrix) {
	const op = "MatMulHeads"
	s.Apart(op, &dst, &x)
	m := s.d.open(op, w)
	heads := len(m.experts)
	if heads == 0 || x.Cols%heads != 0 || x.Cols < heads*m.cols || dst.Cols%heads != 0 || dst.Cols < heads*m.rows || dst.Rows != x.Rows {
		panic("cpu: " + op + ": shapes differ")
	}
	if x.Rows == 1 {
		s.d.multiplyHeads(dst, x, m)
		return
	}
	for h, e := range m.experts {
		s.d.multiply(dst.Slice(h*(dst.Cols/heads), m.rows), x.Slice(h*(x.Cols/heads), m.cols), e, e.panels, false, &s.d.mm.run)
	}
}

// multiplyHeads multiplies the heads of one row. It takes them as rows of their own, each of which belongs to another expert, so that
// the workers share the heads: a head alone is too little work.
func (d *device) multiplyHeads(dst, x kernels.Tensor, m *matrix) {
	heads := len(m.experts)
	c := &d.heads
	c.resize(heads, 1, heads)
	for h := range c.first {
		c.first[h] = int32(h)
	}
	rows := func(t kernels.Tensor, cols int) kernels.Tensor {
		return kernels.Tensor{Rows: heads, Cols: cols, Stride: t.Cols / heads, F32: t.F32}
	}
	d.multiplyExperts(rows(dst, m.rows), rows(x, m.cols), m, c, 1, &d.mm.byExpert)
}
