package quant

const q3_KBytes = 110

// dequantizeQ3_K decodes Q3_K: 256 values of 3 bits in 16 runs of 16, each with a signed 6-bit scale;
// value = d · (sc − 32) · (q − 4), q = low bits + 4 · high bit.
//
//	byte  0 ……… 31          │ 32 ……… 95           │ 96 ……… 107    │ 108 109
//	      bit k of byte l:  │ 2 × 32 bytes: byte  │ 16 scales of  │ d f16
//	      the high bit of   │ l of half h holds   │ 6 bits        │
//	      value 32k+l       │ values 128h+32j+l   │               │
//	                        │ at bits 2j, j 0 … 3 │               │
//
// Scale r has its lower four bits in byte r%8 (low nibble for r < 8, else high) and
// its upper two in byte 8 + r%4, at bits 2·(r/4).
//
// 110 bytes, 3.4375 bits a value. Source: ggml-common.h, block_q3_K.
func dequantizeQ3_K(dst []float32, src []byte) {
	for ; len(dst) >= 256; dst, src = dst[256:], src[q3_KBytes:] {
		high, qs, scales := src[:32], src[32:96], src[96:108]
		d := f16At(src[108:q3_KBytes])
		for r := range 16 {
			sc := scales[r%8]>>(r/8*4)&15 | scales[8+r%4]>>(r/4*2)&3<<4
			dl := d * float32(int(sc)-32)
			q, shift := qs[r/8*32+r%2*16:][:16], r/2%4*2
			h, bit := high[r%2*16:][:16], r/2
			out := dst[16*r:][:16]
			for i, v := range q {
				out[i] = dl * float32(int(v>>shift&3|h[i]>>bit&1<<2)-4)
			}
		}
	}
}
