package quant

const q8_0Bytes = 34

// dequantizeQ8_0 decodes Q8_0: 32 values of 8 bits and one scale; value = q · d.
//
//	byte  0  1 │ 2 ……………………………………………… 33
//	      d f16│ one int8 per value
//
// 34 bytes, 8.5 bits a value. Source: ggml-common.h, block_q8_0.
func dequantizeQ8_0(dst []float32, src []byte) {
	for ; len(dst) >= 32; dst, src = dst[32:], src[q8_0Bytes:] {
		d := f16At(src)
		out := dst[:32]
		for i, q := range src[2:q8_0Bytes] {
			out[i] = float32(int8(q)) * d
		}
	}
}

// quantizeQ8_0 rounds half away from zero.
func quantizeQ8_0(dst []byte, src []float32) {
	for ; len(src) >= 32; dst, src = dst[q8_0Bytes:], src[32:] {
		d := abs(largest(src[:32])) / 127
		id := inverse(d)
		putF16(dst, d)
		for i, x := range src[:32] {
			v := float32(x * id)
			if !(v > -128.5 && v < 127.5) {
				v = 0 // infinite and NaN values can't be represented
			}
			q := int32(v)
			dst[2+i] = byte(q + int32(2*(v-float32(q)))) // the fraction is exact, and a half or more counts
		}
	}
}
