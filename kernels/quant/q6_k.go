package quant

const q6_KBytes = 210

// dequantizeQ6_K decodes Q6_K: 256 values of 6 bits in 16 runs of 16, each with a signed 8-bit scale;
// value = d · sc · (q − 32).
//
//	byte  0 ……… 127             │ 128 ……… 191          │ 192 ……… 207 │ 208 209
//	      2 × 64 bytes: byte l  │ 2 × 32 bytes: byte l │ 16 scales,  │ d f16
//	      of half h holds the   │ of half h holds the  │ int8        │
//	      lower four bits of    │ upper two bits of    │             │
//	      values 128h+l (low)   │ values 128h+32j+l    │             │
//	      and 128h+64+l (high)  │ at bits 2j, j 0 … 3  │             │
//
// 210 bytes, 6.5625 bits a value. Source: ggml-common.h, block_q6_K.
func dequantizeQ6_K(dst []float32, src []byte) {
	for ; len(dst) >= 256; dst, src = dst[256:], src[q6_KBytes:] {
		low, high, scales := src[:128], src[128:192], src[192:208]
		d := f16At(src[208:q6_KBytes])
		for r, sc := range scales {
			dl := d * float32(int8(sc))
			half, j, at := r/8, r%8/2, r%2*16
			l, nibble := low[64*half+j%2*32+at:][:16], j/2*4
			h := high[32*half+at:][:16]
			out := dst[16*r:][:16]
			for i, v := range l {
				out[i] = dl * float32(int(v>>nibble&15|h[i]>>(2*j)&3<<4)-32)
			}
		}
	}
}

// quantizeQ6_K derives the scale of each run from its largest value and rounds it to a
// multiple of d. It does not search for better scales, as llama.cpp does.
func quantizeQ6_K(dst []byte, src []float32) {
	for ; len(src) >= 256; dst, src = dst[q6_KBytes:], src[256:] {
		clear(dst[:q6_KBytes])
		var scales [16]float32
		for r := range scales {
			scales[r] = largest(src[16*r:][:16]) / -32
		}
		putF16(dst[208:], largest(scales[:])/-128)
		d := f16At(dst[208:])
		for r, s := range scales {
			sc := clip(s*inverse(d), -128, 127)
			dst[192+r] = byte(int8(sc))
			packQ6_K(dst, src[16*r:][:16], r, inverse(d*float32(sc)))
		}
	}
}

// packQ6_K stores the 16 values of run r in a block in which their q are still zero.
func packQ6_K(dst []byte, run []float32, r int, inverse float32) {
	half, j, at := r/8, r%8/2, r%2*16
	for i, x := range run {
		q := byte(clip(x*inverse, -32, 31) + 32)
		dst[64*half+j%2*32+at+i] |= q & 15 << (j / 2 * 4)
		dst[128+32*half+at+i] |= q >> 4 << (2 * j)
	}
}
