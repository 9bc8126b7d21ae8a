package quant

import "encoding/binary"

const (
	iq4_NLBytes = 18
	iq4_XSBytes = 136
)

// levelsIQ4 are the levels of IQ4_NL and IQ4_XS, which lie closer around zero. Source: ggml-common.h, kvalues_iq4nl.
var levelsIQ4 = []int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// iq4_NL is the format IQ4_NL: 32 codes of 4 bits and one scale; value = d · levelsIQ4[code].
//
//	byte  0  1 │ 2 ……………………………………………… 17
//	      d f16│ low nibble: code i, high nibble: code i+16
//
// 18 bytes, 4.5 bits a value. Source: ggml-common.h, block_iq4_nl.
var iq4_NL = &coded{levelsIQ4, 32, func(code *[256]uint8, scale *[16]float32, b []byte) {
	scale[0] = f16At(b)
	nibbles(code[:], b[2:])
}}

// iq4_XS is the format IQ4_XS: 256 codes of 4 bits in 8 runs of 32, each with a 6-bit scale; value = d · (sc − 32) · levelsIQ4[code].
//
//	byte  0  1 │ 2  3              │ 4 ……… 7                │ 8 ……… 135
//	      d f16│ bits 2r, 2r+1:    │ byte r/2: lower bits   │ 16 bytes for each run, as in IQ4_NL
//	           │ upper bits of the │ of the scale of run r, │
//	           │ scale of run r    │ low nibble first       │
//
// 136 bytes, 4.25 bits a value. Source: ggml-common.h, block_iq4_xs.
var iq4_XS = &coded{levelsIQ4, 32, func(code *[256]uint8, scale *[16]float32, b []byte) {
	d, high := f16At(b), binary.LittleEndian.Uint16(b[2:])
	for r := range 8 {
		sc := b[4+r/2]>>(r%2*4)&15 | uint8(high>>(2*r)&3)<<4
		scale[r] = d * float32(int(sc)-32)
		nibbles(code[32*r:], b[8+16*r:])
	}
}}

// quantizeIQ4_NL chooses d so that the value with the largest magnitude gets the level −127. It does not search for a better
// scale, as llama.cpp does.
func quantizeIQ4_NL(dst []byte, src []float32) {
	for ; len(src) >= 32; dst, src = dst[iq4_NLBytes:], src[32:] {
		putF16(dst, largest(src[:32])/-127)
		putIQ4(dst[2:], src[:32], inverse(f16At(dst)))
	}
}

// putIQ4 stores the codes of 32 values, which are multiplied by inverse.
func putIQ4(dst []byte, src []float32, inverse float32) {
	for i := range 16 {
		dst[i] = iq4_NL.nearest(src[i]*inverse) | iq4_NL.nearest(src[i+16]*inverse)<<4
	}
}

// quantizeIQ4_XS derives the scale of each run as quantizeIQ4_NL does, and rounds it to a multiple of d.
func quantizeIQ4_XS(dst []byte, src []float32) {
	for ; len(src) >= 256; dst, src = dst[iq4_XSBytes:], src[256:] {
		clear(dst[:8])
		var scales [8]float32
		for r := range scales {
			scales[r] = largest(src[32*r:][:32]) / -127
		}
		putF16(dst, largest(scales[:])/-32)
		d, high := f16At(dst), uint16(0)
		for r, s := range scales {
			sc := clip(s*inverse(d), -32, 31)
			u := uint16(sc + 32)
			dst[4+r/2] |= byte(u&15) << (r % 2 * 4)
			high |= u >> 4 << (2 * r)
			putIQ4(dst[8+16*r:], src[32*r:][:32], inverse(d*float32(sc)))
		}
		binary.LittleEndian.PutUint16(dst[2:], high)
	}
}
