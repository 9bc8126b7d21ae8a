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

// ropeTables are cosines and sines: [position][pair][cos, sin], or [position][cos, sin][pair]
// where pairs are halves apart.
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
	n := len(r.Freq)
	for i, f := range r.Freq {
		sin, cos := math.Sincos(float64(p) * float64(f))
		c, s := i, n+i
		if r.Interleaved {
			c, s = 2*i, 2*i+1
		}
		dst[c] = float32(cos * float64(r.Scale))
		dst[s] = float32(sin * float64(r.Scale))
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
			turnPairs(j.lv, x[h:][:2*n], cs)
		} else {
			turnHalves(j.lv, x[h:][:n], x[h+n:][:n], cs[:n], cs[n:])
		}
	}
}

// turnPairsGo is the plain twin of turnPairs, which turns the pairs (2i, 2i+1) of x by
// the cosines cs[2i] and sines cs[2i+1].
func turnPairsGo(x, cs []float32) {
	cs = cs[:len(x)]
	for i := 0; i+1 < len(x); i += 2 {
		a, b, c, s := x[i], x[i+1], cs[i], cs[i+1]
		x[i], x[i+1] = a*c-b*s, a*s+b*c
	}
}

// turnHalvesGo is the plain twin of turnHalves, which turns the pairs (lo[i], hi[i]).
func turnHalvesGo(lo, hi, cos, sin []float32) {
	hi, cos, sin = hi[:len(lo)], cos[:len(lo)], sin[:len(lo)]
	for i, a := range lo {
		b, c, s := hi[i], cos[i], sin[i]
		lo[i], hi[i] = a*c-b*s, a*s+b*c
	}
}
