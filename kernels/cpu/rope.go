// Rotary position embedding: pairs of dimensions turn by position × frequency.
//
// Cosines and sines are the same for all layers, so they are kept in a table for the
// first positions of each RoPE; later positions are computed as they come.
package cpu

import (
	"math"

	"soberano/kernels"
)

// tabled is how many positions a table holds at most (16384 × 64 pairs: 8 MiB).
const tabled = 16384

// ropeTables are cosines and sines: [position][pair][cos, sin].
type ropeTables struct {
	of map[*kernels.RoPE][]float32
}

// table returns the table of r, long enough for the positions that a table holds.
func (t *ropeTables) table(r *kernels.RoPE, pos []int32) []float32 {
	need := 0
	for _, p := range pos {
		need = max(need, int(p)+1)
	}
	need = min(need, tabled)
	pairs := len(r.Freq)
	have := t.of[r]
	if n := len(have) / max(2*pairs, 1); n < need {
		need = min(tabled, max(need, 2*n, 256))
		grown := make([]float32, 2*pairs*need)
		copy(grown, have)
		for p := n; p < need; p++ {
			angles(grown[2*pairs*p:][:2*pairs], r, p)
		}
		if t.of == nil {
			t.of = map[*kernels.RoPE][]float32{}
		}
		t.of[r], have = grown, grown
	}
	return have
}

// angles writes the cosines and sines, times Scale, of position p.
func angles(dst []float32, r *kernels.RoPE, p int) {
	for i, f := range r.Freq {
		sin, cos := math.Sincos(float64(p) * float64(f))
		dst[2*i] = float32(cos * float64(r.Scale))
		dst[2*i+1] = float32(sin * float64(r.Scale))
	}
}

// Rotate turns each head of each row in place by its position.
func (d *device) Rotate(x kernels.Tensor, pos []int32, r *kernels.RoPE) {
	if len(pos) != x.Rows || r.HeadDim <= 0 || x.Cols%r.HeadDim != 0 || 2*len(r.Freq) > r.HeadDim {
		panic("cpu: Rotate: shapes differ")
	}
	if len(r.Freq) == 0 {
		return
	}
	j := &d.row
	j.op, j.x, j.pos, j.rope, j.table = opRotate, x, pos, r, d.rope.table(r, pos)
	j.start(d, x.Rows, 4*x.Cols)
}

func (j *rowJob) rotate(r int) {
	n := len(j.rope.Freq)
	var cs []float32
	if p := int(j.pos[r]); p >= 0 && (p+1)*2*n <= len(j.table) {
		cs = j.table[p*2*n:][:2*n]
	} else {
		cs = make([]float32, 2*n)
		angles(cs, j.rope, p)
	}
	x := j.x.Row(r)
	for h := 0; h < len(x); h += j.rope.HeadDim {
		if j.rope.Interleaved {
			turnPairs(x[h:][:2*n], cs)
		} else {
			turnHalves(x[h:][:2*n], cs)
		}
	}
}

// turnPairs turns the pairs (2i, 2i+1).
func turnPairs(x, cs []float32) {
	cs = cs[:len(x)]
	for i := 0; i+1 < len(x); i += 2 {
		a, b, c, s := x[i], x[i+1], cs[i], cs[i+1]
		x[i], x[i+1] = a*c-b*s, a*s+b*c
	}
}

// turnHalves turns the pairs (i, i+n).
func turnHalves(x, cs []float32) {
	n := len(x) / 2
	lo, hi := x[:n], x[n:][:n]
	for i := range lo {
		a, b, c, s := lo[i], hi[i], cs[2*i], cs[2*i+1]
		lo[i], hi[i] = a*c-b*s, a*s+b*c
	}
}
