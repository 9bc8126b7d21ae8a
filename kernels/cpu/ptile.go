package cpu

import (
	"unsafe"

	"soberano/kernels/quant"
)

// pTileGo is the plain twin of pTile: dTileGo for n pairs of bfloat16, the even column in
// the low half; lda counts pairs.
//
// Products of bfloat16 are the float tile (dTileGo) with pairs of columns in place of
// columns. VDPBF16PS multiplies 32 pairs of bfloat16 and adds each two products to a
// float32, twice what a multiplication of float32 does; it takes denormals for zeros.
// The error of a value is 2⁻⁹ of it at most, where 8 bits to a block of 32 have 2⁻⁸ of
// the largest.
func pTileGo(c []float32, ldc int, a []uint32, lda int, w []byte, n, m int, add bool) {
	for g := range 2 {
		for t := range m {
			row := c[t*ldc+16*g:][:16]
			if !add {
				clear(row)
			}
			for j, x := range a[t*lda:][:n] {
				for i := range row {
					y := word(w[128*j+64*g+4*i:])
					row[i] += low(x)*low(y) + high(x)*high(y)
				}
			}
		}
	}
}

func low(x uint32) float32  { return quant.BF16ToF32(uint16(x)) }
func high(x uint32) float32 { return quant.BF16ToF32(uint16(x >> 16)) }

// toPairsGo is the plain twin of toPairs: x, of even length, rounded to bfloat16.
func toPairsGo(dst []uint32, x []float32) {
	for i := 0; i+1 < len(x); i += 2 {
		dst[i/2] = uint32(quant.F32ToBF16(x[i])) | uint32(quant.F32ToBF16(x[i+1]))<<16
	}
}

// pairs rounds x to bfloat16 in dst, (len(x)+1)/2 words.
func pairs(lv level, dst []uint32, x []float32) {
	n := len(x) &^ 1
	toPairs(lv, dst, x[:n])
	if n < len(x) {
		dst[n/2] = uint32(quant.F32ToBF16(x[n]))
	}
}

// asBytes is the memory of x as bytes.
func asBytes(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}

// asWords is the memory of x as words.
func asWords(x []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}
