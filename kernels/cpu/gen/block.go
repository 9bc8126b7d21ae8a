package main

// blocks writes the functions that quantize activations to blocks of 8-bit integers (block.go). The results of quantize
// are identical, bit for bit, to those of the reference quantizeGo.
func blocks(f *file) {
	quantize512(f)
	quantize256(f, false)
	quantize256(f, true)
	expQuantize512(f)
}

const blockArgs = "(dst *block, x *float32, n int)"

// quantizeScale emits the computation of the scale from the bits of the largest magnitude, max, in AX. It
// stores max/127 in the block and leaves 127/max (0 for a tiny max) in X5. If the values are not all finite,
// the code jumps to bad.
func quantizeScale(f *file) {
	f.i("CMPL AX, $0x7F800000\n\tJAE bad")
	f.i("VMOVD AX, X2\n\tVDIVSS X11, X2, X4\n\tVMOVSS X4, %d(DI)", aScale)
	f.i("VXORPS X5, X5, X5\n\tCMPL AX, $0x04000000\n\tJB tiny\n\tVDIVSS X2, X11, X5")
	f.p("tiny:")
}

// quantizeSums emits the sums of a block, given partial int32 sums of the first 16 values in the four lanes of
// X0, and of the last 16 in X1.
func quantizeSums(f *file) {
	for r := range 2 {
		f.i("VPHADDD X%d, X%d, X%d\n\tVPHADDD X%d, X%d, X%d", r, r, r, r, r, r)
	}
	f.i("VPADDD X0, X1, X1\n\tVCVTDQ2PS X1, X2\n\tVMULSS X4, X2, X2\n\tVMOVSS X2, %d(DI)", aSum)
	f.i("VPXOR X3, X3, X3\n\tVPSUBD X0, X3, X0\n\tVPSUBD X1, X3, X1\n\tVMOVD X0, %d(DI)\n\tVMOVD X1, %d(DI)", aNegFirst, aNegSum)
}

// quantizeBad emits the block that stands for values that are not all finite: zeros with a scale of NaN.
func quantizeBad(f *file) {
	f.p("bad:")
	f.i("VPXOR X0, X0, X0\n\tVMOVDQU X0, (DI)\n\tVMOVDQU X0, 16(DI)")
	f.i("MOVL $0x7FC00000, AX\n\tMOVL AX, %d(DI)\n\tMOVL AX, %d(DI)\n\tXORL AX, AX\n\tMOVL AX, %d(DI)\n\tMOVL AX, %d(DI)\n\tJMP next", aScale, aSum, aNegSum, aNegFirst)
}

// quantize512 processes four blocks per iteration, so that the reductions across lanes are shared: maxima and
// sums of the four blocks are reduced together, one block in each 128-bit lane. Remaining blocks, and
// groups of four of which one is not finite, are processed one by one.
func quantize512(f *file) {
	f.text("quantizeAVX512", blockArgs, 24)
	f.i("MOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX")
	f.i("MOVL $0x7fffffff, AX\n\tVPBROADCASTD AX, Z10\n\tMOVL $0x42fe0000, AX\n\tVPBROADCASTD AX, Z11")
	f.i("MOVL $0x7F800000, AX\n\tVPBROADCASTD AX, Z12\n\tMOVL $0x04000000, AX\n\tVPBROADCASTD AX, Z13")
	f.i("VPXORD Z14, Z14, Z14\n\tMOVL $0x2222, AX\n\tKMOVW AX, K2\n\tMOVL $0x4444, AX\n\tKMOVW AX, K3\n\tMOVL $0x8888, AX\n\tKMOVW AX, K4")
	f.p("more:")
	f.i("CMPQ CX, $4\n\tJGE four\n\tMOVQ CX, R9\n\tTESTQ CX, CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET")
	f.p("four:")
	quantizeFour(f)
	f.i("ADDQ $512, SI\n\tADDQ $%d, DI\n\tSUBQ $4, CX\n\tJMP more", 4*aBytes)
	f.p("single:")
	f.i("MOVQ $4, R9")
	f.p("loop:")
	quantizeLoad(f, 2)
	f.i("VPANDD Z10, Z0, Z2\n\tVPANDD Z10, Z1, Z3\n\tVPMAXUD Z3, Z2, Z2")
	f.i("VEXTRACTI64X4 $1, Z2, Y3\n\tVPMAXUD Y3, Y2, Y2")
	maxBits(f)
	quantizeScale(f)
	f.i("VBROADCASTSS X5, Z5\n\tVMULPS Z5, Z0, Z0\n\tVMULPS Z5, Z1, Z1\n\tVCVTPS2DQ Z0, Z0\n\tVCVTPS2DQ Z1, Z1\n\tVPMOVSDB Z0, (DI)\n\tVPMOVSDB Z1, 16(DI)")
	for r := range 2 {
		f.i("VEXTRACTI64X4 $1, Z%d, Y3\n\tVPADDD Y3, Y%d, Y%d\n\tVEXTRACTI128 $1, Y%d, X3\n\tVPADDD X3, X%d, X%d", r, r, r, r, r, r)
	}
	quantizeSums(f)
	f.p("next:")
	f.i("ADDQ $128, SI\n\tADDQ $%d, DI\n\tDECQ CX\n\tDECQ R9\n\tJNZ loop\n\tJMP more", aBytes)
	quantizeBad(f)
}

// acrossBlocks emits a reduction: for i = 0 … 3, op over all lanes of register a+i is left in every 32-bit lane
// of the i-th 128 bits of register a. Registers b and c are scratch.
func acrossBlocks(f *file, op string, a, b, c int) {
	f.i("VSHUFI64X2 $0x44, Z%d, Z%d, Z%d\n\tVSHUFI64X2 $0xEE, Z%d, Z%d, Z%d\n\t%s Z%d, Z%d, Z%d", a+1, a, b, a+1, a, c, op, c, b, b)
	f.i("VSHUFI64X2 $0x44, Z%d, Z%d, Z%d\n\tVSHUFI64X2 $0xEE, Z%d, Z%d, Z%d\n\t%s Z%d, Z%d, Z%d", a+3, a+2, a, a+3, a+2, c, op, c, a, c)
	f.i("VSHUFI64X2 $0x88, Z%d, Z%d, Z%d\n\tVSHUFI64X2 $0xDD, Z%d, Z%d, Z%d\n\t%s Z%d, Z%d, Z%d", c, b, a, c, b, b, op, b, a, a)
	f.i("VPSHUFD $0x4E, Z%d, Z%d\n\t%s Z%d, Z%d, Z%d\n\tVPSHUFD $0xB1, Z%d, Z%d\n\t%s Z%d, Z%d, Z%d", a, b, op, b, a, a, a, b, op, b, a, a)
}

// quantizeLoad emits the load of n registers of values.
func quantizeLoad(f *file, n int) {
	for r := range n {
		f.i("VMOVUPS %d(SI), Z%d", 64*r, r)
	}
}

// quantizeFour emits the quantization of four blocks: Z0 … Z7 hold the values, then their integers.
func quantizeFour(f *file) {
	quantizeLoad(f, 8)
	for b := range 4 {
		f.i("VPANDD Z10, Z%d, Z%d\n\tVPANDD Z10, Z%d, Z15\n\tVPMAXUD Z15, Z%d, Z%d", 2*b, 16+b, 2*b+1, 16+b, 16+b)
	}
	acrossBlocks(f, "VPMAXUD", 16, 20, 21)
	f.i("VPCMPUD $5, Z12, Z16, K1\n\tKORTESTW K1, K1\n\tJNZ single")
	f.i("VPCMPUD $5, Z13, Z16, K1\n\tVDIVPS.Z Z16, Z11, K1, Z17\n\tVDIVPS Z11, Z16, Z16") // 127/max, max/127
	for b := range 4 {
		f.i("VSHUFF64X2 $0x%02X, Z17, Z17, Z18", 0x55*b)
		for r := 2 * b; r < 2*b+2; r++ {
			f.i("VMULPS Z18, Z%d, Z%d\n\tVCVTPS2DQ Z%d, Z%d\n\tVPMOVSDB Z%d, %d(DI)", r, r, r, r, r, aBytes*b+r%2*16)
		}
	}
	for b := range 4 {
		f.i("VMOVDQA32 Z%d, Z%d\n\tVPADDD Z%d, Z%d, Z%d", 2*b, 22+b, 2*b, 2*b+1, 26+b)
	}
	acrossBlocks(f, "VPADDD", 22, 20, 21)
	acrossBlocks(f, "VPADDD", 26, 20, 21)
	f.i("VCVTDQ2PS Z26, Z18\n\tVMULPS Z16, Z18, Z18")
	f.i("VPSUBD Z26, Z14, K2, Z16\n\tVMOVAPS Z18, K3, Z16\n\tVPSUBD Z22, Z14, K4, Z16") // d, -Σ, sum, -Σ of the first 16
	f.i("VMOVDQU32 X16, %d(DI)", aScale)
	for b := 1; b < 4; b++ {
		f.i("VEXTRACTI32X4 $%d, Z16, %d(DI)", b, aBytes*b+aScale)
	}
}

// maxBits leaves the largest of the eight unsigned 32-bit lanes of Y2 in AX.
func maxBits(f *file) {
	f.i("VEXTRACTI128 $1, Y2, X3\n\tVPMAXUD X3, X2, X2\n\tVPSHUFD $0x4E, X2, X3\n\tVPMAXUD X3, X2, X2\n\tVPSHUFD $0xB1, X2, X3\n\tVPMAXUD X3, X2, X2\n\tVMOVD X2, AX")
}

// quantize256 emits quantizeAVX2, which processes one block per iteration, or, with exp, expQuantizeAVX2.
func quantize256(f *file, exp bool) {
	e := &elem{f, avx2}
	if exp {
		f.text("expQuantizeAVX2", expQuantizeArgs, 44)
		f.i("MOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ by+16(FP), DX\n\tMOVQ n+24(FP), CX")
		f.i("LEAQ ·elemTable(SB), R15\n\tVBROADCASTSS top+32(FP), Y12\n\tVXORPS Y13, Y13, Y13")
		e.opC("VMULPS", "-log2e", 12, 12)
		e.splat(constant("lowest2"), 14)
		e.splat(constant("x4"), 15)
	} else {
		f.text("quantizeAVX2", blockArgs, 24)
		f.i("MOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX")
		f.i("MOVL $0x7fffffff, AX\n\tVMOVD AX, X10\n\tVPBROADCASTD X10, Y10")
	}
	f.i("MOVL $0x42fe0000, AX\n\tVMOVD AX, X11")
	f.p("loop:")
	magnitude := 0 // register of the first magnitudes
	for i := range 4 {
		f.i("VMOVUPS %d(SI), Y%d", 32*i, 6+i)
		if exp {
			e.exp2(6+i, 0, 1)
			f.i("VMULPS %d(DX), Y%d, Y%d", 32*i, 6+i, 6+i)
		} else {
			f.i("VPAND Y10, Y%d, Y%d", 6+i, i)
		}
	}
	if exp {
		magnitude = 6
	}
	m := magnitude
	f.i("VPMAXUD Y%d, Y%d, Y2\n\tVPMAXUD Y%d, Y%d, Y0\n\tVPMAXUD Y0, Y2, Y2", m+3, m+2, m+1, m)
	maxBits(f)
	quantizeScale(f)
	f.i("VBROADCASTSS X5, Y5")
	for i := range 4 {
		r := 6 + i
		f.i("VMULPS Y5, Y%d, Y%d\n\tVCVTPS2DQ Y%d, Y%d", r, r, r, r)
	}
	f.i("VPADDD Y6, Y7, Y0\n\tVPADDD Y8, Y9, Y1")
	for r := range 2 {
		f.i("VEXTRACTI128 $1, Y%d, X3\n\tVPADDD X3, X%d, X%d", r, r, r)
	}
	// VPACK instructions work within 128-bit lanes, so each is followed by a permutation that restores the order.
	for _, r := range []int{6, 8} {
		f.i("VPACKSSDW Y%d, Y%d, Y%d\n\tVPERMQ $0xD8, Y%d, Y%d", r+1, r, r, r, r)
	}
	f.i("VPACKSSWB Y8, Y6, Y6\n\tVPERMQ $0xD8, Y6, Y6\n\tVMOVDQU Y6, (DI)")
	quantizeSums(f)
	f.p("next:")
	f.i("ADDQ $128, SI\n\tADDQ $%d, DI", aBytes)
	if exp {
		f.i("ADDQ $128, DX")
	}
	f.i("DECQ CX\n\tJNZ loop")
	if exp {
		e.op("VMOVAPS", 13, 0)
		e.fold("VADDPS")
		f.i("VMOVSS X0, ret+40(FP)")
	}
	f.i("VZEROUPPER\n\tRET")
	quantizeBad(f)
}
