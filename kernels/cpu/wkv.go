package cpu

import (
	"math"

	"soberano/kernels"
)

// wkvJob is a WKV in progress. A unit of work is one head of one span.
//
// The matrix of a head, S, lies in panels of 32 columns, each [dim][32]; the last panel is narrower if dim is not a multiple of
// 32. It is the layout of a panel of float32 weights (dTileGo), so that the products with a and r, and the addition of b·(aᵀ·S) and
// k·vᵀ, are tiles.
type wkvJob struct {
	lv                        level
	dst, r, decay, k, v, a, b kernels.Tensor
	heads, dim                int
	spans                     []kernels.Span
	states                    [][]float32 // of each span
	scratch                   []wkvScratch
	run                       job
}

// wkvScratch is the memory of one worker.
type wkvScratch struct {
	decay []float32   // [dim]: factors of the rows of S
	wide  []float32   // [dim][32]: the same, 32 times each
	pairs []float32   // [dim][2]: b and k of each row
	sums  [64]float32 // aᵀ·S and v of a panel
}

func (j *wkvJob) init(d *device) {
	j.lv = d.lv
	j.scratch = make([]wkvScratch, d.pool.threads)
	j.run = j.head
}

// WKV runs the recurrence of RWKV-7 over the rows of each span.
func (s *step) WKV(dst, r, decay, k, v, a, b kernels.Tensor, layer, heads int) {
	const op = "WKV"
	for _, t := range []*kernels.Tensor{&r, &decay, &k, &v, &a, &b} {
		s.Apart(op, &dst, t)
		if !sameShape(*t, dst) {
			panic("cpu: WKV: shapes differ")
		}
	}
	if heads <= 0 || dst.Cols == 0 || dst.Cols%heads != 0 {
		panic("cpu: WKV: impossible heads")
	}
	j := &s.d.wkv
	j.heads, j.dim = heads, dst.Cols/heads
	j.states = s.recurrent(op, j.states[:0], layer, dst.Cols, j.dim, dst.Rows)
	j.dst, j.r, j.decay, j.k, j.v, j.a, j.b, j.spans = dst, r, decay, k, v, a, b, s.Batch.Spans
	s.d.do(len(j.spans)*heads, &j.run)
	j.spans = nil
	clear(j.states)
}

// head computes all rows of a span for one head.
func (j *wkvJob) head(worker, unit int) {
	span, h := unit/j.heads, unit%j.heads
	w, n := &j.scratch[worker], j.dim
	if len(w.decay) < n {
		w.decay, w.wide, w.pairs = alignedF32(n), alignedF32(32*n), alignedF32(2*n)
	}
	s, sp := j.states[span][h*n*n:][:n*n], &j.spans[span]
	for t := sp.Row; t < sp.Row+sp.N; t++ {
		r, k, v := head(j.r, t, h, n), head(j.k, t, h, n), head(j.v, t, h, n)
		a, b, y := head(j.a, t, h, n), head(j.b, t, h, n), head(j.dst, t, h, n)
		for i, x := range head(j.decay, t, h, n) {
			w.decay[i] = float32(math.Exp(float64(x)))
			w.pairs[2*i], w.pairs[2*i+1] = b[i], k[i]
		}
		if n >= 32 {
			for i, x := range w.decay[:n] {
				for c := range 32 {
					w.wide[32*i+c] = x
				}
			}
		}
		for at := 0; at < n; at += 32 {
			width := min(32, n-at)
			panel := s[at*n:][:width*n]
			if width == 32 {
				j.panel(w, panel, r, a, v[at:][:32], y[at:][:32])
			} else {
				wkvPanel(panel, w.decay[:n], r, k, a, b, v[at:][:width], y[at:][:width])
			}
		}
	}
}

// panel advances 32 columns of S by one row.
func (j *wkvJob) panel(w *wkvScratch, s, r, a, v, y []float32) {
	n := len(r)
	dTile(j.lv, kindF32, w.sums[:32], 32, a, n, asBytes(s), n, 1, false)
	copy(w.sums[32:], v)
	scaleMul(j.lv, s, s, w.wide[:len(s)], 1)
	dTile(j.lv, kindF32, s, 32, w.pairs, 2, asBytes(w.sums[:]), 2, n, true)
	dTile(j.lv, kindF32, y, 32, r, n, asBytes(s), n, 1, false)
}

// wkvPanel advances fewer than 32 columns of S, [len(k)][len(v)], by one row.
func wkvPanel(s, decay, r, k, a, b, v, y []float32) {
	var sum [32]float32
	width := len(v)
	for i, x := range a {
		for c, old := range s[i*width:][:width] {
			sum[c] += x * old
		}
	}
	clear(y)
	for i := range k {
		row := s[i*width:][:width]
		for c := range row {
			row[c] = row[c]*decay[i] + b[i]*sum[c] + k[i]*v[c]
			y[c] += row[c] * r[i]
		}
	}
}
