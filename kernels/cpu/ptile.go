package cpu

import (
	"unsafe"

	"soberano/kernels/quant"
)

// pTileGo is the reference implementation of pTile, the product of bfloat16 activations and weights. It computes what dTileGo
// does, with pairs of columns in place of columns: a is [m][n] pairs, with rows lda pairs apart, and w is a panel
// [n][32] of pairs (kindPairs). The even column of a pair is in the low half of the word.
//
// In assembly it is the microkernel of dTile with VDPBF16PS, which multiplies 32 pairs of bfloat16 and adds each two
// products to a float32, twice the work of a float32 multiplication. It treats denormals as zeros. Rounding to
// bfloat16 changes a value by at most 2⁻⁹ of its magnitude; 8 bits with a scale for 32 columns change it by up to 2⁻⁸ of
// the largest magnitude of its block.
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

// toPairsGo is the reference implementation of toPairs: it rounds x, of even length, to bfloat16.
func toPairsGo(dst []uint32, x []float32) {
	for i := 0; i+1 < len(x); i += 2 {
		dst[i/2] = uint32(quant.F32ToBF16(x[i])) | uint32(quant.F32ToBF16(x[i+1]))<<16
	}
}

// pairs rounds x to pairs of bfloat16 in dst, (len(x)+1)/2 words. An odd last value is paired with zero.
func pairs(lv level, dst []uint32, x []float32) {
	n := len(x) &^ 1
	toPairs(lv, dst, x[:n])
	if n < len(x) {
		dst[n/2] = uint32(quant.F32ToBF16(x[n]))
	}
}

// asBytes returns the memory of x as bytes.
func asBytes(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}

// asWords returns the memory of x as words.
func asWords(x []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(x))), len(x))
}

// asInt16 returns the memory of x as 16-bit integers.
func asInt16(x []float32) []int16 {
	return unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(x))), 2*len(x))
}
