package cpu

import (
	"encoding/binary"
	"math"

	"soberano/kernels/quant"
)

// dTileGo is the plain twin of dTile: for m tokens t and 32 rows r
//
//	c[t·ldc+r] (+)= Σ over columns j < n of a[t·lda+j] · w[r, j]
//
// A tile is a panel of 32 rows of packed floats (float32, float16 or bfloat16) times some
// tokens of float32 activations; the assembly keeps 12 tokens × 32 rows in registers
// (AVX-512; 6 × 16 with AVX2), broadcasts activations from where they lie and widens halves
// as it loads them. Attention uses it too: keys are 32 positions to a panel, values 32
// columns to a panel (keysValues).
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

// widenGo is the plain twin of widen: float16 or bfloat16 to float32.
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

// column reads one half of a column of a panel: the first half of the first is number 0,
// the second half 1, and so on.
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
