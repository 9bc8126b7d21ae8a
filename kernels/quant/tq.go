package quant

import "math"

const (
	tq1_0Bytes = 54
	tq2_0Bytes = 66
)

// tq1_0 is the format TQ1_0: 256 values −1, 0 or 1 and one scale; value = d · (code − 1). A byte holds up to five codes as a number
// with digits of base 3, divided by 243/256 and rounded up: multiplied by 3ⁿ modulo 256, its two upper bits of three times
// that are code n.
//
//	byte  0 ……… 31             │ 32 ……… 47            │ 48 ……… 51            │ 52 53
//	      digit n of byte j:   │ digit n of byte j:   │ digit n of byte j:   │ d f16
//	      code 32n+j, n 0 … 4  │ code 160+16n+j       │ code 240+4n+j, n < 4 │
//
// 54 bytes, 1.6875 bits a value. Source: ggml-common.h, block_tq1_0.
var tq1_0 = &coded{levelsTernary, 32, func(code *[256]uint8, scale *[16]float32, b []byte) {
	fillScale(scale, f16At(b[52:]))
	for _, p := range partsTQ1 {
		for j, v := range b[p.at:][:p.bytes] {
			for n := range p.digits {
				code[p.first+n*p.bytes+j] = uint8(uint16(v) * 3 >> 8)
				v *= 3
			}
		}
	}
}}

// levelsTernary are the levels of TQ1_0 and TQ2_0; the last one occurs only in TQ2_0, in which nobody writes it.
var levelsTernary = []int8{-1, 0, 1, 2}

// partsTQ1 are the three parts of a block of TQ1_0: where its bytes begin, how many they are, how many digits each
// has, and the first code.
var partsTQ1 = [3]struct{ at, bytes, digits, first int }{{0, 32, 5, 0}, {32, 16, 5, 160}, {48, 4, 4, 240}}

// fillScale gives all eight runs of 32 values the scale d.
func fillScale(scale *[16]float32, d float32) {
	for r := range 8 {
		scale[r] = d
	}
}

// tq2_0 is the format TQ2_0: 256 codes of 2 bits and one scale; value = d · (code − 1).
//
//	byte  0 ……… 63                                     │ 64 65
//	      2 × 32 bytes: byte j of half h holds codes   │ d f16
//	      128h+32n+j at bits 2n, n 0 … 3               │
//
// 66 bytes, 2.0625 bits a value. Source: ggml-common.h, block_tq2_0.
var tq2_0 = &coded{levelsTernary, 32, func(code *[256]uint8, scale *[16]float32, b []byte) {
	fillScale(scale, f16At(b[64:]))
	for r := range 8 {
		out := code[32*r:][:32]
		for j, v := range b[r/4*32:][:32] {
			out[j] = v >> (r % 4 * 2) & 3
		}
	}
}}

// ternary returns the code of x in units of 1/id, rounded half away from zero.
func ternary(x, id float32) uint8 {
	switch r := math.Round(float64(x * id)); {
	case r >= 1:
		return 2
	case r <= -1:
		return 0
	}
	return 1 // NaN too
}

// quantizeTQ1_0 makes the largest magnitude of a block its scale.
func quantizeTQ1_0(dst []byte, src []float32) {
	for ; len(src) >= 256; dst, src = dst[tq1_0Bytes:], src[256:] {
		d := abs(largest(src[:256]))
		putF16(dst[52:], d)
		for _, p := range partsTQ1 {
			for j := range p.bytes {
				q, place := uint16(0), uint16(81)
				for n := range p.digits {
					q += place * uint16(ternary(src[p.first+n*p.bytes+j], inverse(d)))
					place /= 3
				}
				dst[p.at+j] = byte((q*256 + 242) / 243)
			}
		}
	}
}

// quantizeTQ2_0 makes the largest magnitude of a block its scale.
func quantizeTQ2_0(dst []byte, src []float32) {
	for ; len(src) >= 256; dst, src = dst[tq2_0Bytes:], src[256:] {
		clear(dst[:64])
		d := abs(largest(src[:256]))
		putF16(dst[64:], d)
		for i, x := range src[:256] {
			dst[i/128*32+i%32] |= ternary(x, inverse(d)) << (i / 32 % 4 * 2)
		}
	}
}
