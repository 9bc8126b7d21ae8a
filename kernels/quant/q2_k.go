package quant

const q2_KBytes = 84

// dequantizeQ2_K decodes Q2_K: 256 values of 2 bits in 16 runs of 16, each with a 4-bit scale and a 4-bit
// minimum, in units of d and dmin; value = d · sc · q − dmin · mn.
//
//	byte  0 ……… 15        │ 16 ……… 79           │ 80 81 │ 82 83
//	      run r: low      │ 2 × 32 bytes: byte  │ d f16 │ dmin f16
//	      nibble sc,      │ l of half h holds   │
//	      high nibble mn  │ values 128h+32j+l   │
//	                      │ at bits 2j, j 0 … 3 │
//
// 84 bytes, 2.625 bits a value. Source: ggml-common.h, block_q2_K.
func dequantizeQ2_K(dst []float32, src []byte) {
	for ; len(dst) >= 256; dst, src = dst[256:], src[q2_KBytes:] {
		scales, qs := src[:16], src[16:80]
		d, dmin := f16At(src[80:]), f16At(src[82:q2_KBytes])
		for r, s := range scales {
			dl, ml := d*float32(s&15), dmin*float32(s>>4)
			q, shift := qs[r/8*32+r%2*16:][:16], r/2%4*2
			out := dst[16*r:][:16]
			for i, v := range q {
				out[i] = float32(dl*float32(v>>shift&3)) - ml
			}
		}
	}
}
