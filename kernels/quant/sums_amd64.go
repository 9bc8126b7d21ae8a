package quant

import "golang.org/x/sys/cpu"

var hasAVX2 = cpu.X86.HasAVX2

//go:noescape
func sumsAVX2(out *sum, x, w *float32, n int, tries *try, count int, most, offset float32)

//go:noescape
func levelsAVX2(dst *uint8, x *float32, n int, inverse, shift, most float32)

//go:noescape
func momentsAVX2(x *float32, n int) (lo, hi, squares float32)

// sumAll sets out to the sums over a run for each of tries.
func sumAll(out []sum, x, w []float32, tries []try, most, offset float32) {
	if !hasAVX2 || len(x) == 0 || len(x)%8 != 0 || len(tries) == 0 {
		sumAllGo(out, x, w, tries, most, offset)
		return
	}
	_, _ = w[len(x)-1], out[len(tries)-1]
	sumsAVX2(&out[0], &x[0], &w[0], len(x), &tries[0], len(tries), most, offset)
}

// putLevels sets dst to ⌊x·inverse + shift⌋, limited to 0 … most, which is at most 255.
func putLevels(dst []uint8, x []float32, inverse, shift, most float32) {
	if !hasAVX2 || len(x) == 0 || len(x)%8 != 0 {
		putLevelsGo(dst, x, inverse, shift, most)
		return
	}
	_ = dst[len(x)-1]
	levelsAVX2(&dst[0], &x[0], len(x), inverse, shift, most)
}

// moments returns the smallest and the largest value of x, and the sum of the squares.
func moments(x []float32) (lo, hi, squares float32) {
	if !hasAVX2 || len(x) == 0 || len(x)%8 != 0 {
		return momentsGo(x)
	}
	return momentsAVX2(&x[0], len(x))
}
