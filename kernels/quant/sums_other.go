//go:build !amd64

package quant

func sumAll(out []sum, x, w []float32, tries []try, most, offset float32) {
	sumAllGo(out, x, w, tries, most, offset)
}

func putLevels(dst []uint8, x []float32, inverse, shift, most float32) {
	putLevelsGo(dst, x, inverse, shift, most)
}

func moments(x []float32) (lo, hi, squares float32) { return momentsGo(x) }
