package quant

import "math"

const (
	mxfp4Bytes = 17
	nvfp4Bytes = 36
)

// levelsE2M1 are the numbers of four bits with two of exponent and one of fraction (E2M1), doubled, so that they are integers:
// 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives. Source: OCP Microscaling Formats 1.0, section 5.3.3.
var levelsE2M1 = []int8{0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12}

// mxfp4 is the format MXFP4: 32 codes of 4 bits and a power of two; value = 2^(e−128) · levelsE2M1[code].
//
//	byte  0 │ 1 ……………………………………………… 16
//	      e │ low nibble: code i, high nibble: code i+16
//
// 17 bytes, 4.25 bits a value. Source: ggml-common.h, block_mxfp4.
var mxfp4 = &coded{levelsE2M1, 32, func(code *[256]uint8, scale *[16]float32, b []byte) {
	scale[0] = halfE8M0(b[0])
	nibbles(code[:], b[1:])
}}

// halfE8M0 returns 2^(e−128). As in GGML, 255 is a number too.
func halfE8M0(e uint8) float32 {
	if e < 2 { // denormal
		return math.Float32frombits(0x00200000 << e)
	}
	return math.Float32frombits(uint32(e-1) << 23)
}

// quantizeMXFP4 chooses e so that the largest magnitude is 4 to 8 in units of 2^(e−127), of which up to 6 can be represented.
func quantizeMXFP4(dst []byte, src []float32) {
	for ; len(src) >= 32; dst, src = dst[mxfp4Bytes:], src[32:] {
		dst[0] = 0
		if d := abs(largest(src[:32])); d > 0 {
			log := float32(math.Log2(float64(d))) // the reference rounds the logarithm to float32 first
			dst[0] = byte(clip(float32(math.Floor(float64(log)))+125, 0, 254))
		}
		d := halfE8M0(dst[0])
		for i := range 16 {
			dst[1+i] = nearestE2M1(src[i], d) | nearestE2M1(src[i+16], d)<<4
		}
	}
}

// nearestE2M1 returns the code of the number in units of d that is nearest to x, the first of several.
func nearestE2M1(x, d float32) uint8 {
	best, least := 0, abs(float32(d*float32(levelsE2M1[0]))-x)
	for i, l := range levelsE2M1 {
		if e := abs(float32(d*float32(l)) - x); e < least {
			best, least = i, e
		}
	}
	return uint8(best)
}

// nvfp4 is the format NVFP4: 64 codes of 4 bits in 4 runs of 16, each with a scale of 7 bits; value = d · levelsE2M1[code] / 2.
//
//	byte  0 …… 3      │ 4 ……………………………………………… 35
//	      d of each   │ 8 bytes for each run: low nibble: code i of the run,
//	      run, UE4M3  │ high nibble: code i+8
//
// 36 bytes, 4.5 bits a value. Source: ggml-common.h, block_nvfp4.
var nvfp4 = &coded{levelsE2M1, 16, func(code *[256]uint8, scale *[16]float32, b []byte) {
	for r := range 4 {
		scale[r] = halfUE4M3(b[r])
		lo, hi := code[16*r:][:8], code[16*r+8:][:8]
		for i, q := range b[4+8*r:][:8] {
			lo[i], hi[i] = q&15, q>>4
		}
	}
}}

// halfUE4M3 returns half of the number with four bits of exponent and three of fraction in the lower seven bits of x. 127, which
// stands for NaN, is zero, as in GGML.
func halfUE4M3(x uint8) float32 {
	exp, man := int(x>>3&15), float64(x&7)
	switch {
	case x == 0x7f:
		return 0
	case exp == 0:
		return float32(math.Ldexp(man, -10))
	}
	return float32(math.Ldexp(8+man, exp-11))
}
