package cpu

import "unsafe"

//go:noescape
func toHalfAVX512(dst *uint16, x *float32, n int)

//go:noescape
func toHalfAVX2(dst *uint16, x *float32, n int)

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
