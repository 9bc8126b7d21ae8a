package cpu

import "unsafe"

//go:noescape
func readNEON(p *byte, n int)

//go:noescape
func fmaNEON(n int)

//go:noescape
func dotLowNEON(n int)

//go:noescape
func dotNEON(n int)

//go:noescape
func dotDOTPROD(n int)

//go:noescape
func dotI8MM(n int)

// read loads every byte of b, whose length is a multiple of 512; see readGo.
func read(lv level, b []byte, _ int) {
	n := len(b) &^ 511
	if lv == generic || n == 0 {
		readGo(b)
		return
	}
	readNEON(unsafe.SliceData(b), n)
}

// spin runs n rounds of a loop of instructions that use resource r. It returns the number of multiplications
// and additions, or 0 if lv has no such instruction.
func spin(lv level, r resource, n int) float64 {
	switch {
	case lv == generic:
		return spinGo(r, n)
	case r == useHalf:
		return 0
	case r == useFloat:
		fmaNEON(n)
		return float64(n) * 24 * 4 * 2
	case lv == i8mm:
		dotI8MM(n)
		return float64(n) * 24 * 32 * 2
	case lv == dotprod:
		dotDOTPROD(n)
		return float64(n) * 24 * 16 * 2
	case r == useLow:
		dotLowNEON(n)
		return float64(n) * 24 * 8 * 2
	default:
		dotNEON(n)
		return float64(n) * 8 * 16 * 2
	}
}
