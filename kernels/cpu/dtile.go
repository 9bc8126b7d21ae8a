package cpu

import (
	"encoding/binary"
	"math"

	"soberano/kernels/quant"
)

// dTileGo is the reference implementation of dTile, the product of float32 activations and float weights. For m tokens t
// and 32 rows r it computes
//
//	c[t·ldc+r] (+)= Σ over columns j < n of a[t·lda+j] · w[r, j]
//
// c is [m][32], with rows ldc values apart. a is [m][n] float32, with rows lda values apart. w is a panel of 32 rows × n
// columns of float32, float16 or bfloat16 (layout k). With add, the result is added to c.
//
// The assembly (gen/dtile.go) implements this as a microkernel, with a register blocking of 12 tokens × 32 rows
// (AVX-512) or 6 × 16 (AVX2). It broadcasts activations directly from a and converts 16-bit weights
// as it loads them. Attention uses it too: a panel of keys is 32 positions, a panel of values 32 dimensions
// (keysValues).
func dTileGo(k kind, c []float32, ldc int, a []float32, lda int, w []byte, n, m int, add bool) {
	var col [16]float32
	for g := range 2 {
		for t := range m {
			if !add {
				clear(c[t*ldc+16*g:][:16])
			}
		}
		for j := range n {
			k.column(&col, w, 2*j+g)
			for t := range m {
				x := a[t*lda+j]
				row := c[t*ldc+16*g:][:16]
				for i, v := range col {
					row[i] += x * v
				}
			}
		}
	}
}

// widenGo is the reference implementation of widen: it converts float16 or bfloat16 to float32.
func widenGo(k kind, dst []float32, src []byte) {
	for i := range dst {
		h := binary.LittleEndian.Uint16(src[2*i:])
		if k == kindF16 {
			dst[i] = quant.F16ToF32(h)
		} else {
			dst[i] = quant.BF16ToF32(h)
		}
	}
}

// column converts 16 rows of one column of a panel to float32: rows 0 … 15 of column j/2 if j is even, rows 16 … 31
// if it is odd.
func (k kind) column(dst *[16]float32, w []byte, j int) {
	for i := range dst {
		switch k {
		case kindF32:
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(w[64*j+4*i:]))
		case kindF16:
			dst[i] = quant.F16ToF32(binary.LittleEndian.Uint16(w[32*j+2*i:]))
		default:
			dst[i] = quant.BF16ToF32(binary.LittleEndian.Uint16(w[32*j+2*i:]))
		}
	}
}
