package quant

const q4_1Bytes = 20

// dequantizeQ4_1 decodes Q4_1: 32 values of 4 bits, a scale and a minimum; value = d · q + m.
//
//	byte  0  1 │ 2  3 │ 4 ……………………………………………… 19
//	      d f16│ m f16│ low nibble: value i, high nibble: value i+16
//
// 20 bytes, 5 bits a value. Source: ggml-common.h, block_q4_1.
func dequantizeQ4_1(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[q4_1Bytes:] {
		d, m, qs := f16At(src), f16At(src[2:]), src[4:q4_1Bytes]
		lo, hi := dst[:16], dst[16:32]
		for i, q := range qs {
			lo[i] = float32(d*float32(q&15)) + m
			hi[i] = float32(d*float32(q>>4)) + m
		}
	}
}

func quantizeQ4_1(dst []byte, src []float32) {
	for ; len(src) >= 32; dst, src = dst[q4_1Bytes:], src[32:] {
		m, top := extremes(src[:32])
		d := (top - m) / 15
		id := inverse(d)
		putF16(dst, d)
		putF16(dst[2:], m)
		for i := range 16 {
			lo := level(float32((src[i]-m)*id)+0.5, 15)
			hi := level(float32((src[i+16]-m)*id)+0.5, 15)
			dst[4+i] = lo | hi<<4
		}
	}
}
