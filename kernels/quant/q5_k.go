package quant

const q5_KBytes = 176

// dequantizeQ5_K decodes Q5_K: Q4_K with a fifth bit; value = d · sc · q − dmin · mn.
//
//	byte  0  1 │ 2  3     │ 4 ……… 15    │ 16 ……… 47        │ 48 ……… 175
//	      d f16│ dmin f16 │ scales and  │ bit r of byte l: │ 4 × 32 bytes: byte l of
//	           │          │ minima as   │ the fifth bit of │ group g holds the lower bits
//	           │          │ in Q4_K     │ value 32r+l      │ of 64g+l and 64g+32+l
//
// 176 bytes, 5.5 bits a value. Source: ggml-common.h, block_q5_K.
func dequantizeQ5_K(dst []float32, src []byte) {
	for ; len(dst) >= 256; dst, src = dst[256:], src[q5_KBytes:] {
		d, dmin, scales := f16At(src), f16At(src[2:]), src[4:16]
		high, qs := src[16:48], src[48:q5_KBytes]
		for r := range 8 {
			sc, mn := scaleMinK(r, scales)
			dl, ml := d*float32(sc), dmin*float32(mn)
			shift := r % 2 * 4
			out := dst[32*r:][:32]
			for i, v := range qs[r/2*32:][:32] {
				q := v>>shift&15 | high[i]>>r&1<<4
				out[i] = float32(dl*float32(q)) - ml
			}
		}
	}
}
