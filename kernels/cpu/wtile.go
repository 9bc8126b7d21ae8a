package cpu

import (
	"encoding/binary"
	"math"

	"soberano/kernels/quant"
)

const (
	// mostWord is the largest magnitude of a query, a key or a value as an integer of 16 bits, and mostWordCols the most
	// columns for which the sum of their products fits into 32 bits.
	mostWord     = 4095
	mostWordCols = 128
	// mostWeight is the largest magnitude of a softmax weight as an integer, and mostWeights that of the sum of the
	// weights of a page, whose products with values of mostWord fit into 32 bits.
	mostWeight  = math.MaxInt16
	mostWeights = 520000
)

// wTileGo is the reference implementation of wTile, the product of 16-bit integers with scales. It computes what
// dTileGo does: a is [m][n] pairs of columns, with rows lda integers apart, and w is a panel [n][32] of pairs. rows has
// the scale of each of the m tokens, cols that of each of the panel's 32 rows. The sums of products, without the scales,
// must fit into 32 bits.
//
// In assembly it is the microkernel of dTile with VPDPWSSD, which multiplies 32 pairs of integers and adds each two
// products to an int32: twice the work of a float32 multiplication, with an error of at most 2⁻¹³ of the largest
// magnitude that shares a scale.
func wTileGo(c []float32, ldc int, a []int16, lda int, w []int16, n, m int, rows, cols []float32, add bool) {
	for t := range m {
		for r := range 32 {
			sum := int32(0)
			for j := range n {
				x, y := a[t*lda+2*j:], w[64*j+2*r:]
				sum += int32(x[0])*int32(y[0]) + int32(x[1])*int32(y[1])
			}
			v := float32(sum) * cols[r] * rows[t]
			if add {
				v += c[t*ldc+r]
			}
			c[t*ldc+r] = v
		}
	}
}

// absMaxGo is the reference implementation of absMax: it returns the largest magnitude of x, and NaN if x has one.
func absMaxGo(x []float32) float32 {
	top := uint32(0)
	for _, v := range x {
		top = max(top, math.Float32bits(v)&^(1<<31))
	}
	return math.Float32frombits(top)
}

// toWordsGo is the reference implementation of toWords: it rounds s·x to integers, to even. Products that no integer of 16
// bits has, for example NaN, give any integer. dst may be the memory of x.
func toWordsGo(dst []int16, x []float32, s float32) {
	for i, v := range x {
		dst[i] = toWord(v * s)
	}
}

func toWord(x float32) int16 {
	if !(abs(x) <= math.MaxInt16) {
		return 0
	}
	return int16(math.RoundToEven(float64(x)))
}

// panelLimits are the largest integer, its inverse, and the least float16 above zero.
var panelLimits = [3]float32{mostWord, 1.0 / mostWord, 0x1p-24}

// panelWordsGo is the reference implementation of panelWords: it converts a panel of n columns of float16, [n][32], n
// even, to pairs of integers, [n/2][32][2], each row with its scale. A row with NaN or an infinity has that as its scale,
// and any integers.
func panelWordsGo(dst []int16, scales []float32, src []byte, n int) {
	for r := range 32 {
		top := uint16(0)
		for j := range n {
			top = max(top, binary.LittleEndian.Uint16(src[64*j+2*r:])&^(1<<15))
		}
		largest := quant.F16ToF32(top)
		scales[r] = largest * panelLimits[1]
		inv := panelLimits[0] / max(largest, panelLimits[2])
		for j := range n {
			dst[j/2*64+2*r+j%2] = toWord(quant.F16ToF32(binary.LittleEndian.Uint16(src[64*j+2*r:])) * inv)
		}
	}
}
