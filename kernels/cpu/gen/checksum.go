package main

// checksums writes checksumAES: all of checksumGo but the copy of the last chunk, which is last unless that is nil.
func checksums(f *file) {
	f.text("checksumAES", "(sum *checksum, start *[sumChunk]byte, p *byte, chunks int, last *[sumChunk]byte, n int)", 48)
	f.i("MOVQ sum+0(FP), DI\n\tMOVQ start+8(FP), AX\n\tMOVQ p+16(FP), SI\n\tMOVQ chunks+24(FP), CX\n\tMOVQ last+32(FP), BX\n\tMOVQ n+40(FP), DX")
	for i := range 8 {
		f.i("VMOVDQU %d(AX), X%d", 16*i, i)
	}
	f.i("TESTQ CX, CX\n\tJZ rest")
	f.p("loop:")
	for i := range 8 {
		f.i("VAESENC %d(SI), X%d, X%d", 16*i, i, i)
	}
	f.i("ADDQ $128, SI\n\tDECQ CX\n\tJNZ loop")
	f.p("rest:")
	f.i("TESTQ BX, BX\n\tJZ end\n\tMOVQ BX, SI\n\tXORL BX, BX\n\tMOVL $1, CX\n\tJMP loop")
	f.p("end:")
	f.i("VMOVQ DX, X8")
	for i := range 8 {
		f.i("VAESENC X%d, X0, X0", i+1)
	}
	f.i("VMOVDQU X0, 0(DI)\n\tRET")
}

// checksumsARM64 writes checksumAES for arm64, whose AESE adds its other operand first: it is zero here.
func checksumsARM64(f *file) {
	a := asm{f}
	const zero, from = 31, 16 // registers: zeros, the bytes of a chunk
	round := func(s, x int) {
		a.i("AESE V%d.B16, V%d.B16\n\tAESMC V%d.B16, V%d.B16", zero, s, s, s)
		a.eor(s, s, x)
	}
	a.text("checksumAES", "(sum *checksum, start *[sumChunk]byte, p *byte, chunks int, last *[sumChunk]byte, n int)", 48)
	a.i("MOVD sum+0(FP), R0\n\tMOVD start+8(FP), R1\n\tMOVD p+16(FP), R2\n\tMOVD chunks+24(FP), R3\n\tMOVD last+32(FP), R4\n\tMOVD n+40(FP), R5")
	a.zero(zero)
	for i := range 8 {
		a.load(i, 16*i, "R1")
	}
	a.i("CBZ R3, rest")
	a.p("loop:")
	for i := range 8 {
		a.load(from+i, 16*i, "R2")
	}
	for i := range 8 {
		round(i, from+i)
	}
	a.i("ADD $128, R2\n\tSUBS $1, R3\n\tBNE loop")
	a.p("rest:")
	a.i("CBZ R4, end\n\tMOVD R4, R2\n\tMOVD $0, R4\n\tMOVD $1, R3\n\tB loop")
	a.p("end:")
	a.zero(8)
	a.i("VMOV R5, V8.D[0]")
	for i := range 8 {
		round(0, i+1)
	}
	a.store(0, 0, "R0")
	a.i("RET")
}
