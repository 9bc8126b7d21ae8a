package main

// peaks writes the loops that measure the machine's limits: read bandwidth, float32 multiply-add, bfloat16 and
// 8-bit dot products. `soberano bench --kernels` runs them and relates the speed of the real kernels to
// theirs. Nothing else calls them.
func peaks(f *file) {
	for _, s := range []isa{avx512, avx2} {
		read(f, s)
		fma(f, s)
	}
	dots(f, avx512, 24, func(r int) { f.i("VPDPBUSD Z31, Z30, Z%d", r) })
	dots(f, vnni, 12, func(r int) { vpdpbusd(f, 14, 15, r) })
	dots(f, avx2, 8, func(r int) {
		t := 8 + r%4
		f.i("VPMADDUBSW Y15, Y14, Y%d\n\tVPMADDWD Y13, Y%d, Y%d\n\tVPADDD Y%d, Y%d, Y%d", t, t, t, t, r, r)
	})
	f.text("dotLowAVX2", "(n int)", 8)
	loop(f, avx2, 8, func(r int) { f.i("VPMADDUBSW Y15, Y14, Y%d\n\tVPADDW Y%d, Y%d, Y%d", 8+r%4, 8+r%4, r, r) })
	f.text("bf16AVX512", "(n int)", 8)
	loop(f, avx512, 24, func(r int) { vdpbf16ps(f, 6, 7, 8+r) })
}

// loop emits n iterations of steps independent operations, each with its own accumulator. All registers are zero.
func loop(f *file, s isa, steps int, op func(r int)) {
	f.i("MOVQ n+0(FP), CX")
	for r := range 2 * s.lanes {
		if s.reg == "Z" {
			f.i("VPXORD Z%d, Z%d, Z%d", r, r, r)
		} else {
			f.i("VPXOR Y%d, Y%d, Y%d", r, r, r)
		}
	}
	f.p("loop:")
	for r := range steps {
		op(r)
	}
	f.i("DECQ CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET")
}

// fma emits a loop of float32 multiply-adds.
func fma(f *file, s isa) {
	f.text("fma"+s.name, "(n int)", 8)
	steps := 24
	if s == avx2 {
		steps = 12
	}
	last := 2*s.lanes - 1
	loop(f, s, steps, func(r int) { f.i("VFMADD231PS %s%d, %s%d, %s%d", s.reg, last, s.reg, last-1, s.reg, r) })
}

// dots emits a loop of 8-bit dot products.
func dots(f *file, s isa, steps int, op func(r int)) {
	f.text("dot"+s.name, "(n int)", 8)
	loop(f, s, steps, op)
}

// read emits a loop that loads n bytes, a multiple of 512, and prefetches at a distance of ahead bytes.
func read(f *file, s isa) {
	f.text("read"+s.name, "(p *byte, n, ahead int)", 24)
	f.i("MOVQ p+0(FP), SI\n\tMOVQ n+8(FP), CX\n\tMOVQ ahead+16(FP), BX")
	f.p("loop:")
	for off := 0; off < 512; off += 64 {
		f.i("PREFETCHT0 %d(SI)(BX*1)", off)
		for o := off; o < off+64; o += s.bytes() {
			f.i("VMOVUPS %d(SI), %s%d", o, s.reg, o/s.bytes()%8)
		}
	}
	f.i("ADDQ $512, SI\n\tSUBQ $512, CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET")
}
