package cpu

import (
	"encoding/binary"

	"soberano/kernels/quant"
)

// qTileGo is the plain twin of qTile: for m tokens t and 32 rows r
//
//	c[t·ldc+r] (+)= scale · Σ over blocks b of a[t·lda+b] · w[r, b]
//
// where w is a panel of k's layout, nb blocks long.
//
// Products of 8-bit activations with packed integer weights: the tile.
//
// A tile is one panel of weights, 32 rows in two groups of 16, times some tokens. The
// assembly keeps 6 tokens × 32 rows of sums in registers, unpacks a nibble once for
// six tokens, and reads activations as they lie, row-major:
//
//	        w: 2 groups × 16 rows, 32 columns a step ──▶
//	a ──▶  ┌────────────────────────────────┐
//	6      │ 12 × 16 integer sums of 32     │ × d of weights × d of activations
//	tokens │ columns, then 12 × 16 floats   │ ──▶ c
//	       └────────────────────────────────┘
//
// The groups' blocks lie side by side, so that memory is read as one stream: apart, short
// rows were read at half of its speed.
func qTileGo(k kind, c []float32, ldc int, a []block, lda int, w []byte, nb, m int, scale float32, add bool) {
	l := &layouts[k]
	var q [16][32]int16
	for g := range 2 {
		for t := range m {
			row := c[t*ldc+16*g:][:16]
			if !add {
				clear(row)
			}
		}
		for b := range nb {
			blk := w[(2*b+g)*l.blockBytes():][:l.blockBytes()]
			l.spread(&q, blk)
			for t := range m {
				l.block(c[t*ldc+16*g:][:16], &a[t*lda+b], &q, blk[l.quantBytes():], scale)
			}
		}
	}
}

// spread writes a block's integers, less the zero point, by row and column.
func (l *layout) spread(q *[16][32]int16, b []byte) {
	*q = [16][32]int16{}
	for _, p := range l.planes {
		for i := range q {
			for c := range q[i] {
				j := c / 4
				v := b[64*(j%p.width)+4*i+c%4] >> (j / p.width * p.width) & (1<<p.width - 1)
				q[i][c] |= int16(v) << p.shift
			}
		}
		b = b[64*p.width:]
	}
	for i := range q {
		for c := range q[i] {
			q[i][c] -= int16(l.zero)
		}
	}
}

// block adds the product of one activation block with 16 rows to c.
func (l *layout) block(c []float32, a *block, q *[16][32]int16, scales []byte, scale float32) {
	sums := [2]float32{a.sum, 0}
	if l.halves == 2 {
		sums[0] = -float32(a.negFirst) * a.d
		sums[1] = -float32(a.negSum-a.negFirst) * a.d
	}
	n := 32 / l.halves
	for i := range c[:16] {
		v := float32(0)
		for h := range l.halves {
			dot := int32(0)
			for x, w := range q[i][h*n : h*n+n] {
				dot += int32(w) * int32(a.q[h*n+x])
			}
			v += float32(dot) * (a.d * quant.F16ToF32(binary.LittleEndian.Uint16(scales[32*h+2*i:])))
			if l.mins {
				v += sums[h] * quant.F16ToF32(binary.LittleEndian.Uint16(scales[32*(l.halves+h)+2*i:]))
			}
		}
		c[i] += v * scale
	}
}
