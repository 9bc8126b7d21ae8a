package main

// blocksARM64 writes the function that quantizes activations to blocks of 8-bit integers (block.go) on arm64.
// Its results are identical, bit for bit, to those of the reference quantizeGo.
func blocksARM64(f *file) {
	f.text("quantizeNEON", blockArgs, 24)
	quantizeARM64(asm{f})
}

// quantizeARM64 emits quantizeNEON. V0 … V7 hold the 32 values of a block, V16 … V23 are scratch. The largest
// magnitude is found by comparing the bits of the magnitudes as unsigned integers.
func quantizeARM64(f asm) {
	const dst, x, n, bits reg = "R0", "R1", "R2", "R3"
	f.i("MOVD dst+0(FP), %s\n\tMOVD x+8(FP), %s\n\tMOVD n+16(FP), %s", dst, x, n)
	f.i("MOVW $0x42fe0000, R4\n\tFMOVS R4, F24") // 127
	f.i("MOVW $0x7F800000, R5\n\tMOVW $0x04000000, R6\n\tMOVW $0x7FC00000, R7")
	f.p("loop:")
	for i := range 8 {
		f.load(i, 16*i, x)
		f.op2(fabs, 16+i, i)
	}
	for step := 4; step > 0; step /= 2 {
		for i := range step {
			f.op3(umax, 16+i, 16+i, 16+i+step)
		}
	}
	f.opV(umaxv, 16, 16)
	f.i("FMOVS F16, %s\n\tCMPW R5, %s\n\tBHS bad", bits, bits)
	f.i("FDIVS F24, F16, F17\n\tFMOVS F17, %d(%s)", aScale, dst) // F17 = F16/127
	f.i("VEOR V18.B16, V18.B16, V18.B16\n\tCMPW R6, %s\n\tBLO tiny\n\tFDIVS F16, F24, F18", bits)
	f.p("tiny:")
	for i := range 8 {
		f.opE(fmulE, i, i, 18, 0)
		f.op2(fcvtns, i, i)
	}
	for h := range 2 { // sums of the two halves in V19 and V20
		i := 4 * h
		f.add(21, i, i+1)
		f.add(22, i+2, i+3)
		f.add(21, 21, 22)
		f.opV(addv, 19+h, 21)
	}
	for h := range 2 {
		i := 4 * h
		f.op2(sqxtnH, 21, i)
		f.op2(sqxtnH2, 21, i+1)
		f.op2(sqxtnH, 22, i+2)
		f.op2(sqxtnH2, 22, i+3)
		f.op2(sqxtnB, 21, 21)
		f.op2(sqxtnB2, 21, 22)
		f.store(21, 16*h, dst)
	}
	f.i("FMOVS F19, R8\n\tFMOVS F20, R9\n\tADDW R8, R9\n\tSCVTFWS R9, F21\n\tFMULS F17, F21, F21\n\tFMOVS F21, %d(%s)", aSum, dst)
	f.i("NEGW R8, R8\n\tNEGW R9, R9\n\tMOVW R8, %d(%s)\n\tMOVW R9, %d(%s)", aNegFirst, dst, aNegSum, dst)
	f.p("next:")
	f.i("ADD $128, %s\n\tADD $%d, %s\n\tSUBS $1, %s\n\tBNE loop\n\tRET", x, aBytes, dst, n)
	f.p("bad:") // the values are not all finite
	f.i("STP (ZR, ZR), (%s)\n\tSTP (ZR, ZR), 16(%s)", dst, dst)
	f.i("MOVW R7, %d(%s)\n\tMOVW R7, %d(%s)\n\tMOVW ZR, %d(%s)\n\tMOVW ZR, %d(%s)\n\tB next", aScale, dst, aSum, dst, aNegSum, dst, aNegFirst, dst)
}
