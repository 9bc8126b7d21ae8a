package cpu

import (
	"math"

	"soberano/kernels"
)

// tabled is the largest number of positions in a table (16384 × 64 pairs: 8 MiB).
const tabled = 16384

// turns is a table of cosines and sines, multiplied by Scale: [position][pair][cos, sin] or, if the two
// values of a pair are half the rotated dimensions apart, [position][cos, sin][pair].
//
// Rotary position embedding rotates pairs of dimensions by the angle position × frequency. Cosines and
// sines are the same for all layers, so those of the first positions of each RoPE are kept in a
// table; those of later positions are computed when needed.
type turns struct {
	scale       float32
	interleaved bool
	cs          []float32
}

// table returns the table of r, extended to the largest position in pos, at most to tabled.
func (v *vector) table(r *kernels.RoPE, pos []int32) []float32 {
	need := 0
	for _, p := range pos {
		need = max(need, int(p)+1)
	}
	need = min(need, tabled)
	pairs, t := len(v.x), v.turnsOf(r)
	if n := len(t.cs) / (2 * pairs); n < need {
		need = min(tabled, max(need, 2*n, 256))
		grown := make([]float32, 2*pairs*need)
		copy(grown, t.cs)
		for p := n; p < need; p++ {
			angles(grown[2*pairs*p:][:2*pairs], v.x, r, p)
		}
		t.cs = grown
	}
	return t.cs
}

// turnsOf returns the table for the scale and the order of pairs of r, and creates it if necessary.
func (v *vector) turnsOf(r *kernels.RoPE) *turns {
	for i := range v.turns {
		if t := &v.turns[i]; t.scale == r.Scale && t.interleaved == r.Interleaved {
			return t
		}
	}
	v.turns = append(v.turns, turns{scale: r.Scale, interleaved: r.Interleaved})
	return &v.turns[len(v.turns)-1]
}

// angles writes the cosines and sines of position p, multiplied by Scale, to dst [2·len(freq)].
func angles(dst, freq []float32, r *kernels.RoPE, p int) {
	n := len(freq)
	for i, f := range freq {
		sin, cos := math.Sincos(float64(p) * float64(f))
		c, s := i, n+i
		if r.Interleaved {
			c, s = 2*i, 2*i+1
		}
		dst[c] = float32(cos * float64(r.Scale))
		dst[s] = float32(sin * float64(r.Scale))
	}
}

// Rotate rotates each head of each row in place by the row's position.
func (s *step) Rotate(x kernels.Tensor, r *kernels.RoPE) {
	s.Out("Rotate", &x)
	freq, pos := s.d.vector("Rotate", r.Freq), s.Batch.Positions
	n := len(freq.x)
	if len(pos) != x.Rows || r.HeadDim <= 0 || x.Cols%r.HeadDim != 0 || r.Offset < 0 || r.Offset+2*n > r.HeadDim {
		panic("cpu: Rotate: shapes differ")
	}
	if n == 0 {
		return
	}
	j := &s.d.row
	j.op, j.x, j.pos, j.rope, j.w, j.axes = opRotate, x, pos, r, freq.x, nil
	if r.Axis != nil {
		j.axes = s.axes(r, n)
	}
	for _, axis := range j.axes {
		freq.table(r, axis)
	}
	j.table = freq.table(r, pos)
	j.start(s.d, x.Rows, 4*x.Cols)
}

// axes returns the positions on the axes that r's n pairs use; nil: each is the position of the row.
func (s *step) axes(r *kernels.RoPE, n int) [][]int32 {
	axes := s.Batch.Axes
	if len(r.Axis) != n {
		panic("cpu: Rotate: not an axis for each pair")
	}
	for _, a := range r.Axis {
		if axes != nil && int(a) >= len(axes) {
			panic("cpu: Rotate: an axis that the batch does not have")
		}
	}
	return axes
}

// rotate rotates all heads of row r.
func (j *rowJob) rotate(r int) {
	n := len(j.w)
	var cs []float32
	if j.axes == nil {
		cs = j.turns(int(j.pos[r]))
	} else {
		cs = j.mixedTurns(r)
	}
	x := j.x.Row(r)
	for h := j.rope.Offset; h < len(x); h += j.rope.HeadDim {
		if j.rope.Interleaved {
			turnPairs(j.lv, x[h:][:2*n], cs)
		} else {
			turnHalves(j.lv, x[h:][:n], x[h+n:][:n], cs[:n], cs[n:])
		}
	}
}

// turns returns the cosines and sines of position p.
func (j *rowJob) turns(p int) []float32 {
	n := 2 * len(j.w)
	if p >= 0 && (p+1)*n <= len(j.table) {
		return j.table[p*n:][:n]
	}
	cs := make([]float32, n)
	angles(cs, j.w, j.rope, p)
	return cs
}

// mixedTurns returns the cosines and sines of row r, each pair by its own axis.
func (j *rowJob) mixedTurns(r int) []float32 {
	n := len(j.w)
	cs := make([]float32, 2*n)
	for a, axis := range j.axes {
		of := j.turns(int(axis[r]))
		for i := range n {
			if int(j.rope.Axis[i]) != a {
				continue
			}
			c, s := i, n+i
			if j.rope.Interleaved {
				c, s = 2*i, 2*i+1
			}
			cs[c], cs[s] = of[c], of[s]
		}
	}
	return cs
}

// turnPairsGo is the reference implementation of turnPairs, which rotates the pairs (x[2i], x[2i+1]) by
// the angles with cosines cs[2i] and sines cs[2i+1].
func turnPairsGo(x, cs []float32) {
	cs = cs[:len(x)]
	for i := 0; i+1 < len(x); i += 2 {
		a, b, c, s := x[i], x[i+1], cs[i], cs[i+1]
		x[i], x[i+1] = a*c-b*s, a*s+b*c
	}
}

// turnHalvesGo is the reference implementation of turnHalves, which rotates the pairs (lo[i], hi[i]).
func turnHalvesGo(lo, hi, cos, sin []float32) {
	hi, cos, sin = hi[:len(lo)], cos[:len(lo)], sin[:len(lo)]
	for i, a := range lo {
		b, c, s := hi[i], cos[i], sin[i]
		lo[i], hi[i] = a*c-b*s, a*s+b*c
	}
}
