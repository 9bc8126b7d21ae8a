package cpu

import (
	"encoding/binary"
	"math"

	"soberano/kernels/quant"
)

// qTileGo is the reference implementation of qTile, the product of 8-bit activations and packed integer weights. For m
// tokens t and 32 rows r it computes
//
//	c[t·ldc+r] (+)= scale · Σ over blocks b of a[t·lda+b] · w[r, b]
//
// c is [m][32], with rows ldc values apart. a is [m][nb] blocks of 32 columns, with rows lda blocks apart. w is a panel of
// k's layout, 32 rows × nb blocks. With add, the result is added to c.
//
// The assembly (gen/qtile.go) implements this as a microkernel. With AVX-512, the register blocking is 6 tokens × 32
// rows (two groups of 16), whose accumulators stay in registers. It unpacks each weight once for six tokens and reads the
// activations in row-major order:
//
//	        w: 2 groups × 16 rows, 32 columns a step ──▶
//	a ──▶  ┌────────────────────────────────┐
//	6      │ 12 × 16 int32 accumulators of  │ × d of weights × d of activations
//	tokens │ 32 columns, 12 × 16 of float32 │ ──▶ c
//	       └────────────────────────────────┘
//
// The blocks of the two groups are stored alternately, so that memory is read as one stream. With the groups stored apart,
// short rows were read at half the speed.
func qTileGo(k kind, c []float32, ldc int, a []block, lda int, w []byte, nb, m int, scale float32, add bool) {
	l := &layouts[k]
	var d decoded
	for g := range 2 {
		for t := range m {
			row := c[t*ldc+16*g:][:16]
			if !add {
				clear(row)
			}
		}
		for b := range nb {
			blk := w[(2*b+g)*l.blockBytes():][:l.blockBytes()]
			l.decode(&d, blk)
			for t := range m {
				l.block(c[t*ldc+16*g:][:16], &a[t*lda+b], &d, scale)
			}
		}
	}
}

// decoded is a block of weights: the integers of its 16 rows, less the zero point, or levels, and the scales and minima of each half of the
// columns and each row.
type decoded struct {
	q    [16][32]int16
	d, m [2][16]float32
}

// decode unpacks a block.
func (l *layout) decode(x *decoded, b []byte) {
	l.spread(&x.q, b)
	b = b[l.quantBytes():]
	for h := range l.halves {
		for i := range 16 {
			x.d[h][i] = l.scale(b, h, i)
			if l.mins {
				x.m[h][i] = quant.F16ToF32(binary.LittleEndian.Uint16(b[32*(l.halves+h)+2*i:]))
			}
		}
	}
}

// spread unpacks the integers of a block, less the zero point, or levels, to q [row][column].
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
			q[i][c] = int16(l.integer(uint8(q[i][c])))
		}
	}
}

// scale returns the scale of row i and half h from the bytes behind a block's integers.
func (l *layout) scale(b []byte, h, i int) float32 {
	if l.powers {
		return math.Float32frombits(uint32(b[16*h+i]) << 23)
	}
	return quant.F16ToF32(binary.LittleEndian.Uint16(b[32*h+2*i:]))
}

// block adds the product of one activation block with the 16 rows of a weight block to c.
func (l *layout) block(c []float32, a *block, w *decoded, scale float32) {
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
			for x, q := range w.q[i][h*n : h*n+n] {
				dot += int32(q) * int32(a.q[h*n+x])
			}
			v += float32(dot) * (a.d * w.d[h][i])
			if l.mins {
				v += sums[h] * w.m[h][i]
			}
		}
		c[i] += v * scale
	}
}
