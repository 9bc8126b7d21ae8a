package quant

const q4_KBytes = 144

// dequantizeQ4_K decodes Q4_K: 256 values of 4 bits in 8 runs of 32, each with a 6-bit scale and a 6-bit
// minimum, in units of d and dmin; value = d · sc · q − dmin · mn.
//
//	byte  0  1 │ 2  3     │ 4 ……… 15        │ 16 ……… 143
//	      d f16│ dmin f16 │ 8 scales and    │ 4 × 32 bytes: byte l of group g holds
//	           │          │ 8 minima, 6 bits│ value 64g+l (low) and 64g+32+l (high)
//
// Scales and minima take 12 bytes: bytes 0 … 3 hold scales 0 … 3 and bytes 4 … 7 minima
// 0 … 3 in their lower six bits. Bytes 8 … 11 hold the lower four bits of scales 4 … 7 (low
// nibble) and of minima 4 … 7 (high nibble). The upper two bits of these are the top bits of
// bytes 0 … 3 (scales) and 4 … 7 (minima).
//
// 144 bytes, 4.5 bits a value. Source: ggml-common.h, block_q4_K.
func dequantizeQ4_K(dst []float32, src []byte) {
	for ; len(dst) >= 256; dst, src = dst[256:], src[q4_KBytes:] {
		d, dmin, scales, qs := f16At(src), f16At(src[2:]), src[4:16], src[16:q4_KBytes]
		for r := range 8 {
			sc, mn := scaleMinK(r, scales)
			dl, ml := d*float32(sc), dmin*float32(mn)
			shift := r % 2 * 4
			out := dst[32*r:][:32]
			for i, v := range qs[r/2*32:][:32] {
				out[i] = float32(dl*float32(v>>shift&15)) - ml
			}
		}
	}
}

// scaleMinK returns the 6-bit scale and minimum of run r (0 … 7) from the 12 bytes
// that Q4_K and Q5_K share.
func scaleMinK(r int, b []byte) (sc, mn uint8) {
	if r < 4 {
		return b[r] & 63, b[r+4] & 63
	}
	return b[r+4]&15 | b[r-4]>>6<<4, b[r+4]>>4 | b[r]>>6<<4
}

// quantizeQ4_K derives the scale and the minimum of each run from its extremes and rounds them
// to multiples of d and dmin. It does not search for better scales, as llama.cpp does.
func quantizeQ4_K(dst []byte, src []float32) {
	for ; len(src) >= 256; dst, src = dst[q4_KBytes:], src[256:] {
		clear(dst[:q4_KBytes])
		var scales, minima [8]float32
		for r := range scales {
			lo, hi := extremes(src[32*r:][:32])
			lo = min(lo, 0) // the stored minimum is unsigned and is subtracted
			scales[r], minima[r] = (hi-lo)/15, -lo
		}
		putF16(dst, largest(scales[:])/63)
		putF16(dst[2:], largest(minima[:])/63)
		d, dmin := f16At(dst), f16At(dst[2:])
		for r := range 8 {
			sc := clip(scales[r]*inverse(d), 0, 63)
			mn := clip(minima[r]*inverse(dmin), 0, 63)
			putScaleMinK(dst[4:16], r, byte(sc), byte(mn))
			id, m := inverse(d*float32(sc)), dmin*float32(mn)
			for i, x := range src[32*r:][:32] {
				dst[16+r/2*32+i] |= byte(clip((x+m)*id, 0, 15)) << (r % 2 * 4)
			}
		}
	}
}

// putScaleMinK is the inverse of scaleMinK. The bytes must be zero for the first call.
func putScaleMinK(b []byte, r int, sc, mn uint8) {
	if r < 4 {
		b[r] |= sc
		b[r+4] |= mn
		return
	}
	b[r+4] |= sc&15 | mn<<4
	b[r-4] |= sc >> 4 << 6
	b[r] |= mn >> 4 << 6
}
