package cpu

import "unsafe"

//go:noescape
func readAVX512(p *byte, n, ahead int)

//go:noescape
func readAVX2(p *byte, n, ahead int)

//go:noescape
func fmaAVX512(n int)

//go:noescape
func fmaAVX2(n int)

//go:noescape
func dotAVX512(n int)

//go:noescape
func dotAVXVNNI(n int)

//go:noescape
func dotAVX2(n int)

//go:noescape
func dotLowAVX2(n int)

//go:noescape
func bf16AVX512(n int)

// read loads every byte of b, whose length is a multiple of 512, and prefetches at a distance of ahead bytes; see readGo.
func read(lv level, b []byte, ahead int) {
	switch n := len(b) &^ 511; {
	case lv == generic || n == 0:
		readGo(b)
	case lv.zmm():
		readAVX512(unsafe.SliceData(b), n, ahead)
	default:
		readAVX2(unsafe.SliceData(b), n, ahead)
	}
}

// spin runs n rounds of a loop of instructions that use resource r. It returns the number of multiplications
// and additions, or 0 if lv has no such instruction.
func spin(lv level, r resource, n int) float64 {
	switch {
	case lv == generic:
		return spinGo(r, n)
	case r == useFloat && lv.zmm():
		fmaAVX512(n)
		return float64(n) * 24 * 16 * 2
	case r == useFloat:
		fmaAVX2(n)
		return float64(n) * 12 * 8 * 2
	case r == useHalf && lv.bf16():
		bf16AVX512(n)
		return float64(n) * 24 * 32 * 2
	case r == useHalf:
		return 0
	case lv.zmm(): // amx too: there is no loop for its tiles yet
		dotAVX512(n)
		return float64(n) * 24 * 64 * 2
	case lv == avxvnni:
		dotAVXVNNI(n)
		return float64(n) * 12 * 32 * 2
	case r == useLow:
		dotLowAVX2(n)
		return float64(n) * 8 * 32 * 2
	default:
		dotAVX2(n)
		return float64(n) * 8 * 32 * 2
	}
}
