package main

// peaksARM64 writes the loops.
//
// The loops of peak.go on arm64.
func peaksARM64(f *file) {
	a := asm{f}
	a.text("readNEON", "(p *byte, n int)", 16)
	a.i("MOVD p+0(FP), R0\n\tMOVD n+8(FP), R1")
	a.p("loop:")
	for off := 0; off < 512; off += 16 {
		a.load(off/16%8, off, "R0")
	}
	a.i("ADD $512, R0\n\tSUBS $512, R1\n\tBNE loop\n\tRET")
	a.spin("fmaNEON", func(r int) { a.op3(fmla, r, 30, 31) })
	a.spin("dotLowNEON", func(r int) { a.op3(smlal, r, 30, 31) })
	a.spin("dotNEON", func(r int) {
		if r < 8 {
			t := 24 + r%4
			a.op3(smull, t, 30, 31)
			a.op3(smlal, t, 30, 31)
			a.op2(sadalp, r, t)
		}
	})
	a.spin("dotDOTPROD", func(r int) { a.opE(sdot, r, 30, 31, 0) })
	a.spin("dotI8MM", func(r int) { a.op3(usmmla, r, 30, 31) })
}

// spin emits n repetitions of 24 operations on as many sums, all registers being zero.
func (f asm) spin(name string, op func(r int)) {
	f.text(name, "(n int)", 8)
	f.i("MOVD n+0(FP), R0")
	for r := range 32 {
		f.zero(r)
	}
	f.p("loop:")
	for r := range 24 {
		op(r)
	}
	f.i("SUBS $1, R0\n\tBNE loop\n\tRET")
}
