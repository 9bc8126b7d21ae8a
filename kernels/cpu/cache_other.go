//go:build !amd64

package cpu

func toHalf(lv level, dst []uint16, x []float32) { toHalfGo(dst, x) }
