package quant

import (
	"encoding/binary"
	"math"
)

// f16At reads the binary16 number at the start of b.
//
// Results of this package are bit-exact with the numpy code of the Python package gguf. So the
// order of the float32 operations matters, and a product is converted explicitly where a
// sum follows: otherwise Go may fuse the two operations, as it does on arm64, and then rounds only once.
func f16At(b []byte) float32 { return F16ToF32(binary.LittleEndian.Uint16(b)) }

// putF16 writes x as binary16 to the start of b.
func putF16(b []byte, x float32) { binary.LittleEndian.PutUint16(b, F32ToF16(x)) }

// largest returns the value with the largest magnitude, the first of several.
func largest(x []float32) float32 {
	m := x[0]
	for _, v := range x[1:] {
		if abs(v) > abs(m) {
			m = v
		}
	}
	return m
}

// extremes returns the smallest and the largest value.
func extremes(x []float32) (lo, hi float32) {
	lo, hi = x[0], x[0]
	for _, v := range x[1:] {
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// inverse returns 1/d, and 0 for 0.
func inverse(d float32) float32 {
	if d == 0 {
		return 0
	}
	return 1 / d
}

// level rounds x down to an integer and limits it to 0 … top; NaN gives 0.
func level(x float32, top uint8) uint8 {
	switch {
	case !(x >= 1):
		return 0
	case x >= float32(top):
		return top
	}
	return uint8(x)
}

// clip rounds x to the nearest integer and limits it to lo … hi; NaN gives 0.
func clip(x float32, lo, hi int) int {
	switch r := math.RoundToEven(float64(x)); {
	case r != r:
		return 0
	case r <= float64(lo):
		return lo
	case r >= float64(hi):
		return hi
	default:
		return int(r)
	}
}
