package quant

const q4_0Bytes = 18

// dequantizeQ4_0 decodes Q4_0: 32 values of 4 bits and one scale; value = d · (q − 8).
//
//	byte  0  1 │ 2 ……………………………………………… 17
//	      d f16│ low nibble: value i, high nibble: value i+16
//
// 18 bytes, 4.5 bits a value. Source: ggml-common.h, block_q4_0.
func dequantizeQ4_0(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[q4_0Bytes:] {
		d, qs := f16At(src), src[2:q4_0Bytes]
		lo, hi := dst[:16], dst[16:32]
		for i, q := range qs {
			lo[i] = d * float32(int(q&15)-8)
			hi[i] = d * float32(int(q>>4)-8)
		}
	}
}

// quantizeQ4_0 chooses d so that the value with the largest magnitude gets q = 0, which stands
// for −8·d.
func quantizeQ4_0(dst []byte, src []float32) {
	for ; len(src) >= 32; dst, src = dst[q4_0Bytes:], src[32:] {
		d := largest(src[:32]) / -8
		id := inverse(d)
		putF16(dst, d)
		for i := range 16 {
			lo := level(float32(src[i]*id)+8.5, 15)
			hi := level(float32(src[i+16]*id)+8.5, 15)
			dst[2+i] = lo | hi<<4
		}
	}
}
