package cpu

import "unsafe"

//go:noescape
func toHalfAVX512(dst *uint16, x *float32, n int)

//go:noescape
func toHalfAVX2(dst *uint16, x *float32, n int)

//go:noescape
func putValuesBF16(dst *byte, stride int, x *float32, n, odd int)

// putValues writes a position's values into their panels as bfloat16; see putValuesGo.
func putValues(lv level, dst []byte, stride int, x []float32, odd int) {
	n := 0
	if lv.bf16() {
		n = len(x) &^ 31
	}
	if n > 0 {
		_ = dst[(n/32-1)*stride+127]
		putValuesBF16(unsafe.SliceData(dst), stride, unsafe.SliceData(x), n, odd)
	}
	if n < len(x) {
		putValuesGo(dst[n/32*stride:], stride, x[n:], odd)
	}
}

// toHalf writes x as float16 to dst; see toHalfGo.
func toHalf(lv level, dst []uint16, x []float32) {
	n := whole(lv, len(x))
	dst = dst[:len(x)]
	switch {
	case n == 0:
	case lv.zmm():
		toHalfAVX512(unsafe.SliceData(dst), p(x), n)
	default:
		toHalfAVX2(unsafe.SliceData(dst), p(x), n)
	}
	toHalfGo(dst[n:], x[n:])
}
