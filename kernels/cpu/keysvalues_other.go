//go:build !amd64

package cpu

func toHalf(lv level, dst []uint16, x []float32) { toHalfGo(dst, x) }

func putValues(lv level, dst []byte, stride int, x []float32, odd int) {
	putValuesGo(dst, stride, x, odd)
}
