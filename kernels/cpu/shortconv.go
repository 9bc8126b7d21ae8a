package cpu

import (
	"slices"

	"soberano/kernels"
)

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
	s.in(op, &x)
	s.out(op, &dst)
	apart(op, &dst, &x)
	taps := s.d.values(op, w)
	if !sameShape(dst, x) || x.Cols == 0 || len(taps) < 2*x.Cols || len(taps)%x.Cols != 0 {
		panic("cpu: ShortConv: shapes differ")
	}
	j := &s.d.row
	j.kept = j.kept[:0]
	for i, sp := range s.batch.Spans {
		if slices.ContainsFunc(s.batch.Spans[:i], func(o kernels.Span) bool { return o.State == sp.State }) {
			panic("cpu: ShortConv: two spans of one state")
		}
		j.kept = append(j.kept, s.rowsBefore(op, sp, layer, len(taps)/x.Cols-1, x))
	}
	j.op, j.dst, j.x, j.w, j.spans = opShortConv, dst, x, taps, s.batch.Spans
	j.start(s.d, x.Rows, len(taps))
	for i := range j.spans {
		keep(j.kept[i], x, &j.spans[i])
	}
	j.spans = nil
	clear(j.kept)
}

// rowsBefore checks a span and returns the rows before it, [rows][x.Cols], which the
// caller may change.
func (s *step) rowsBefore(op string, sp kernels.Span, layer, rows int, x kernels.Tensor) []float32 {
	st := s.d.stateOf(op, sp)
	if layer < 0 || layer >= len(st.plan.layers) {
		panic("cpu: ShortConv: the state has no such layer")
	}
	if l := &st.plan.layers[layer]; l.Kind != kernels.Recurrent || l.Rows != rows || l.Cols != x.Cols {
		panic("cpu: ShortConv: the layer keeps something else")
	}
	switch {
	case sp.N < 0 || sp.Row < 0 || sp.Row+sp.N > x.Rows:
		panic("cpu: ShortConv: rows beyond the tensor")
	case sp.Pos != st.at[layer]:
		panic("cpu: ShortConv: not the position that the state is at")
	case sp.Pos+sp.N > st.Cap():
		panic("cpu: ShortConv: positions beyond the state")
	}
	return st.recurrent(layer, sp.Pos, sp.N)
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
