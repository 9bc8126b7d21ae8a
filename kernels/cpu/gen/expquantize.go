package main

import "fmt"

const expQuantizeArgs = "(dst *block, x, by *float32, n int, top float32) float32"

// exp2 emits x = exp(x - top) = 2^(x·log₂e - top·log₂e), with registers t and n as scratch, and adds it to the sum. NaN
// gives NaN.
//
// The polynomial of degree 4 has a relative error of 2.6e-6, a thousandth of that of the weights in 8 bits. Registers of
// AVX-512 (AVX2): Z26 (Y14) the least exponent, Z25 (Y12) -top·log₂e, Z27 (Y15) the first coefficient, Z22 (Y13) the sum.
func (e *elem) exp2(x, t, n int) {
	shift, least, first, sum := 25, 26, 27, 22
	if e.isa == avx2 {
		shift, least, first, sum = 12, 14, 15, 13
	}
	e.opC("VFMADD132PS", "log2e", shift, x)
	e.op("VMAXPS", x, least, x)
	if e.isa == avx512 {
		e.i("VRNDSCALEPS $8, Z%d, Z%d", x, n)
	} else {
		e.i("VROUNDPS $8, Y%d, Y%d", x, n)
	}
	e.op("VSUBPS", n, x, x)
	e.op("VMOVAPS", first, t)
	if e.isa == avx512 {
		for c := range 4 { // the other coefficients are in registers
			e.op("VFMADD213PS", 28+c, x, t)
		}
		e.op("VSCALEFPS", n, t, x)
	} else {
		for _, c := range []string{"x3", "x2", "x1", "x0"} {
			e.opC("VFMADD213PS", c, x, t)
		}
		e.i("VCVTPS2DQ Y%d, Y%d\n\tVPSLLD $23, Y%d, Y%d\n\tVPADDD Y%d, Y%d, Y%d", n, n, n, n, n, t, x)
	}
	e.op("VADDPS", x, sum, sum)
}

// expQuantize512 emits the function that makes 8-bit weights of scores. It processes four blocks per iteration, as
// quantize512 does, then the remaining ones one by one. Blocks whose products are not all finite get the scale NaN without a
// branch, as max - max is NaN for them.
func expQuantize512(f *file) {
	e := &elem{f, avx512}
	f.p("\n// Order of double words after packing; of the sums of four blocks.")
	for i, b := range []byte{0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0} {
		f.p("DATA ·packOrder+%d(SB)/1, $%d", i, b)
	}
	f.p("GLOBL ·packOrder(SB), RODATA|NOPTR, $32")
	f.text("expQuantizeAVX512", expQuantizeArgs, 44)
	f.i("MOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ by+16(FP), DX\n\tMOVQ n+24(FP), CX")
	f.i("LEAQ ·elemTable(SB), R15\n\tVBROADCASTSS top+32(FP), Z25")
	e.opC("VMULPS", "-log2e", 25, 25)
	e.splat(constant("below2"), 26) // 2^-200 is 0
	for i, c := range []string{"x4", "x3", "x2", "x1", "x0"} {
		e.splat(constant(c), 27+i)
	}
	e.zero(22)
	e.zero(24)
	f.i("MOVL $0x04000000, AX\n\tVPBROADCASTD AX, Z23") // tiny
	f.i("MOVL $0x2222, AX\n\tKMOVW AX, K2\n\tMOVL $0x1111, AX\n\tKMOVW AX, K3")
	f.i("VPMOVZXBD ·packOrder+0(SB), Z20\n\tVPMOVZXBD ·packOrder+16(SB), Z21")
	f.i("SUBQ $4, CX\n\tJLT rest")
	f.p("four:")
	for r := range 8 {
		e.expTimes(r)
	}
	for b := range 4 {
		f.i("VPMAXUD Z%d, Z%d, Z%d", 2*b, 2*b+1, 16+b)
	}
	acrossBlocks(f, "VPMAXUD", 16, 10, 11)
	e.blockScales()
	for b := range 4 {
		f.i("VSHUFF64X2 $0x%02X, Z17, Z17, Z18", 0x55*b)
		for r := 2 * b; r < 2*b+2; r++ {
			f.i("VMULPS Z18, Z%d, Z%d\n\tVCVTPS2DQ Z%d, Z%d", r, r, r, r)
		}
	}
	for b := 0; b < 4; b += 2 {
		r := 2 * b
		f.i("VPACKSSDW Z%d, Z%d, Z%d\n\tVPACKSSDW Z%d, Z%d, Z%d\n\tVPACKSSWB Z%d, Z%d, Z%d", r+1, r, r, r+3, r+2, r+2, r+2, r, r)
		f.i("VPSADBW Z24, Z%d, Z%d", r, 8+b/2)
		f.i("VPERMD Z%d, Z20, Z%d\n\tVMOVDQU Y%d, %d(DI)\n\tVEXTRACTI64X4 $1, Z%d, %d(DI)", r, r, r, aBytes*b, r, aBytes*(b+1))
	}
	f.i("VSHUFPS $0x88, Z9, Z8, Z8")
	f.i("VSHUFI64X2 $0x4E, Z8, Z8, Z9\n\tVPADDD Z9, Z8, Z8\n\tVSHUFI64X2 $0xB1, Z8, Z8, Z9\n\tVPADDD Z9, Z8, Z8")
	f.i("VPERMD Z8, Z21, Z8")
	f.i("VPSUBD Z8, Z24, K2, Z16\n\tVMOVDQU32 X16, %d(DI)", aScale)
	for b := 1; b < 4; b++ {
		f.i("VEXTRACTI32X4 $%d, Z16, %d(DI)", b, aBytes*b+aScale)
	}
	f.i("ADDQ $512, SI\n\tADDQ $512, DX\n\tADDQ $%d, DI\n\tSUBQ $4, CX\n\tJGE four", 4*aBytes)
	f.p("rest:")
	f.i("ADDQ $4, CX\n\tJZ end")
	f.p("one:")
	e.expTimes(0)
	e.expTimes(1)
	f.i("VPMAXUD Z0, Z1, Z16")
	acrossLanes(f, "VPMAXUD", 16, 10)
	e.blockScales()
	e.blockIntegers(0, 17, 0)
	f.i("VPADDD Z0, Z1, Z8")
	acrossLanes(f, "VPADDD", 8, 10)
	f.i("VPSUBD Z8, Z24, K2, Z16\n\tVMOVDQU32 X16, %d(DI)", aScale)
	f.i("ADDQ $128, SI\n\tADDQ $128, DX\n\tADDQ $%d, DI\n\tDECQ CX\n\tJNZ one", aBytes)
	f.p("end:")
	e.op("VMOVAPS", 22, 0)
	e.fold("VADDPS")
	f.i("VMOVSS X0, ret+40(FP)\n\tVZEROUPPER\n\tRET")
}

// expTimes emits the load of the scores of register r, their exponentials, and the products of these and the second array.
func (e *elem) expTimes(r int) {
	e.load(fmt.Sprintf("%d(SI)", 64*r), r)
	e.exp2(r, 8+2*(r%4), 9+2*(r%4))
	e.i("VMULPS %d(DX), Z%d, Z%d", 64*r, r, r)
}

// blockScales emits register 17 = 127/max, with an error of 2^-14, or 0 for a tiny max, and register 16 = max/127 in the first
// lane of each four and zeros in the others. max is in register 16.
func (e *elem) blockScales() {
	e.i("VPCMPUD $5, Z23, Z16, K1\n\tVRCP14PS.Z Z16, K1, Z17")
	e.opC("VMULPS", "127", 17, 17)
	e.op("VSUBPS", 16, 16, 19)
	e.i("VFMADD132PS.BCST.Z %s, Z19, K3, Z16", constant("1/127"))
}

// blockIntegers emits the multiplication of registers r and r+1 by register scale, and stores them as bytes at byte off of
// the blocks.
func (e *elem) blockIntegers(r, scale, off int) {
	for i := range 2 {
		e.i("VMULPS Z%d, Z%d, Z%d\n\tVCVTPS2DQ Z%d, Z%d\n\tVPMOVSDB Z%d, %d(DI)", scale, r+i, r+i, r+i, r+i, r+i, off+16*i)
	}
}

// acrossLanes emits a reduction by op over all lanes of register a, which is left in all of them. Register b is scratch.
func acrossLanes(f *file, op string, a, b int) {
	f.i("VSHUFI64X2 $0x4E, Z%d, Z%d, Z%d\n\t%s Z%d, Z%d, Z%d", a, a, b, op, b, a, a)
	f.i("VSHUFI64X2 $0xB1, Z%d, Z%d, Z%d\n\t%s Z%d, Z%d, Z%d", a, a, b, op, b, a, a)
	f.i("VPSHUFD $0x4E, Z%d, Z%d\n\t%s Z%d, Z%d, Z%d\n\tVPSHUFD $0xB1, Z%d, Z%d\n\t%s Z%d, Z%d, Z%d", a, b, op, b, a, a, a, b, op, b, a, a)
}
