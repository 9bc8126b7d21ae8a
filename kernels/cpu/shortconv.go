package cpu

import "soberano/kernels"

// ShortConv convolves the rows of each span with w along the sequence, separately for each column: row t of dst is
// Σᵢ wᵢ · row t-width+1+i of x. w is [width][x.Cols]. The rows before the span's first one are those that
// the state has kept:
//
//	kept by the state │ rows of the span
//	  x₋₂  x₋₁        │  x₀  x₁  x₂  x₃        width 3
//	                     └ y₀ sees x₋₂, x₋₁ and x₀
//	                                └──────┘ the state keeps them
func (s *step) ShortConv(dst, x kernels.Tensor, w kernels.Vector, layer int) {
	const op = "ShortConv"
	s.Apart(op, &dst, &x)
	taps := s.d.values(op, w)
	if !sameShape(dst, x) || x.Cols == 0 || len(taps) < 2*x.Cols || len(taps)%x.Cols != 0 {
		panic("cpu: ShortConv: shapes differ")
	}
	j := &s.d.row
	j.kept = s.recurrent(op, j.kept[:0], layer, len(taps)/x.Cols-1, x.Cols, x.Rows)
	j.op, j.dst, j.x, j.w, j.spans = opShortConv, dst, x, taps, s.Batch.Spans
	j.start(s.d, x.Rows, len(taps))
	for i := range j.spans {
		keep(j.kept[i], x, &j.spans[i])
	}
	j.spans = nil
	clear(j.kept)
}

// shortConv computes row r of dst.
func (j *rowJob) shortConv(r int) {
	n, width := j.x.Cols, len(j.w)/j.x.Cols
	for i := range j.spans {
		s := &j.spans[i]
		if r < s.Row || r >= s.Row+s.N {
			continue
		}
		dst := j.dst.Row(r)
		for tap := range width {
			t := r - s.Row - (width - 1) + tap
			row := j.kept[i]
			if t < 0 {
				row = row[(width-1+t)*n:][:n]
			} else {
				row = j.x.Row(s.Row + t)
			}
			j.mulAdd(dst, row, j.w[tap*n:][:n], tap > 0)
		}
	}
}

// mulAdd writes x·w, value by value, to dst or, with add, adds it to dst.
func (j *rowJob) mulAdd(dst, x, w []float32, add bool) {
	if !add {
		scaleMul(j.lv, dst, x, w, 1)
		return
	}
	var buf [piece]float32
	for at := 0; at < len(dst); at += piece {
		n := min(piece, len(dst)-at)
		scaleMul(j.lv, buf[:n], x[at:at+n], w[at:at+n], 1)
		addTo(j.lv, dst[at:at+n], buf[:n])
	}
}

// keep shifts the last rows of the span into rows, whose oldest rows are dropped.
func keep(rows []float32, x kernels.Tensor, s *kernels.Span) {
	n := x.Cols
	have := len(rows) / n
	old := max(0, have-s.N) // rows that remain, shifted to the front
	copy(rows[:old*n], rows[(have-old)*n:])
	for i := old; i < have; i++ {
		copy(rows[i*n:][:n], x.Row(s.Row+s.N-have+i))
	}
}
