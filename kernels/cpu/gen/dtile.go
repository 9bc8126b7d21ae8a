package main

import "fmt"

const (
	dArgs = "(c *float32, ldc int, a *float32, lda int, w *byte, n, m, add int)"
	wArgs = "(c *float32, ldc int, a *int16, lda int, w *int16, n, m, add int, rows, cols *float32)"
)

// dtiles writes the float microkernels and that of 16-bit integers, which compute m tokens × 32 rows. One step of the
// inner loop multiplies one column (of kinds Pairs and Words, two columns).
func dtiles(f *file) {
	for _, kind := range []string{"F32", "F16", "BF16"} {
		dtile(f, avx512, kind)
		dtile(f, avx2, kind)
	}
	for _, s := range []isa{avx512, avx2} {
		widen(f, s, "F16")
		widen(f, s, "BF16")
	}
	dtile(f, bf16, "Pairs")
	dtile(f, avx512, "Words")
	toPairs(f)
	absMax(f)
	toWords(f)
	panelWords(f)
	putValues(f)
}

// putValues emits the function that stores a position's values as bfloat16 into the value panels, 32 values
// per iteration (see putValuesGo in keysvalues.go). It writes only the 16-bit halves of words that belong to
// the position's parity, since another worker may write the other halves at the same time.
func putValues(f *file) {
	f.text("putValuesBF16", "(dst *byte, stride int, x *float32, n, odd int)", 40)
	f.i("MOVQ dst+0(FP), DI\n\tMOVQ stride+8(FP), DX\n\tMOVQ x+16(FP), SI\n\tMOVQ n+24(FP), CX\n\tMOVQ odd+32(FP), R8")
	f.i("MOVL $0x55555555, AX\n\tTESTQ R8, R8\n\tJZ even\n\tMOVL $0xAAAAAAAA, AX")
	f.p("even:")
	f.i("KMOVD AX, K1\n\tSHLQ $4, R8\n\tVMOVQ R8, X2")
	f.p("loop:")
	for half := range 2 {
		f.i("VMOVUPS %d(SI), Z0", 64*half)
		vcvtneps2bf16(f, 0, 0)
		f.i("VPMOVZXWD Y0, Z0\n\tVPSLLD X2, Z0, Z0\n\tVMOVDQU16 Z0, K1, %d(DI)", 64*half)
	}
	f.i("ADDQ $128, SI\n\tADDQ DX, DI\n\tSUBQ $32, CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET")
}

// widen emits the conversion of n 16-bit floats, n a multiple of 16, to float32.
func widen(f *file, s isa, kind string) {
	f.text("widen"+kind+s.name, "(dst *float32, src *byte, n int)", 24)
	f.i("MOVQ dst+0(FP), DI\n\tMOVQ src+8(FP), SI\n\tMOVQ n+16(FP), CX")
	f.p("loop:")
	for v := range 16 / s.lanes {
		load(f, s, kind, fmt.Sprintf("%d(SI)", v*s.bytes()/2), v)
		f.i("VMOVUPS %s%d, %d(DI)", s.reg, v, v*s.bytes())
	}
	f.i("ADDQ $32, SI\n\tADDQ $64, DI\n\tSUBQ $16, CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET")
}

// bf16 is AVX-512 with AVX512_BF16, which has products of bfloat16 pairs.
var bf16 = isa{"BF16", "Z", 16}

// toPairs emits the rounding of n float32 values to bfloat16, n a multiple of 16. dst may be x itself.
func toPairs(f *file) {
	f.text("toPairsBF16", "(dst *uint32, x *float32, n int)", 24)
	f.i("MOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX")
	f.p("loop:")
	f.i("VMOVUPS (SI), Z0")
	vcvtneps2bf16(f, 0, 0)
	f.i("VMOVDQU Y0, (DI)\n\tADDQ $64, SI\n\tADDQ $32, DI\n\tSUBQ $16, CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET")
}

// absMax emits the largest magnitude of n float32 values, n a multiple of 16; NaN is larger than all others. Without
// their signs, floats have the order of integers.
func absMax(f *file) {
	f.text("absMaxAVX512", "(x *float32, n int) float32", 20)
	f.i("MOVQ x+0(FP), SI\n\tMOVQ n+8(FP), CX\n\tMOVL $0x7FFFFFFF, AX\n\tVPBROADCASTD AX, Z2\n\tVPXORD Z0, Z0, Z0")
	f.p("loop:")
	f.i("VPANDD (SI), Z2, Z1\n\tVPMAXUD Z1, Z0, Z0\n\tADDQ $64, SI\n\tSUBQ $16, CX\n\tJNZ loop")
	(&elem{f, avx512}).fold("VPMAXUD")
	f.i("VMOVSS X0, ret+16(FP)\n\tVZEROUPPER\n\tRET")
}

// toWords emits the multiplication of n float32 values, n a multiple of 16, by s and their rounding to int16.
func toWords(f *file) {
	f.text("toWordsAVX512", "(dst *int16, x *float32, n int, s float32)", 28)
	f.i("MOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX\n\tVBROADCASTSS s+24(FP), Z1")
	f.p("loop:")
	f.i("VMULPS (SI), Z1, Z0\n\tVCVTPS2DQ Z0, Z0\n\tVPMOVSDW Z0, (DI)")
	f.i("ADDQ $64, SI\n\tADDQ $32, DI\n\tSUBQ $16, CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET")
}

// panelWords emits the conversion of a panel of n columns of float16, n even, to pairs of int16 (see panelWordsGo). The
// first loop finds the largest magnitude of each row: without their signs, float16 values have the order of integers.
// limits holds the largest integer, its inverse, and the smallest float16 above zero.
func panelWords(f *file) {
	f.text("panelWordsAVX512", "(dst *int16, scales *float32, src *byte, n int, limits *[3]float32)", 40)
	f.i("MOVQ dst+0(FP), DI\n\tMOVQ scales+8(FP), DX\n\tMOVQ src+16(FP), SI\n\tMOVQ n+24(FP), CX\n\tMOVQ limits+32(FP), R8")
	f.i("MOVL $0x7FFF7FFF, AX\n\tVPBROADCASTD AX, Z31\n\tMOVL $0xFFFF, AX\n\tVPBROADCASTD AX, Z30\n\tVPXORD Z0, Z0, Z0")
	f.i("MOVQ SI, BX\n\tMOVQ CX, R9")
	f.p("largest:")
	f.i("VPANDD (BX), Z31, Z1\n\tVPMAXUW Z1, Z0, Z0\n\tADDQ $64, BX\n\tDECQ R9\n\tJNZ largest")
	f.i("VEXTRACTI64X4 $1, Z0, Y1")
	for v := range 2 {
		f.i("VCVTPH2PS Y%d, Z%d\n\tVMULPS.BCST 4(R8), Z%d, Z2\n\tVMOVUPS Z2, %d(DX)", v, v, v, 64*v)
		f.i("VBROADCASTSS 8(R8), Z2\n\tVMAXPS Z%d, Z2, Z2\n\tVBROADCASTSS (R8), Z3\n\tVDIVPS Z2, Z3, Z%d", v, v)
	}
	f.p("loop:")
	for v := range 2 {
		for col := range 2 {
			f.i("VCVTPH2PS %d(SI), Z%d\n\tVMULPS Z%d, Z%d, Z%d\n\tVCVTPS2DQ Z%d, Z%d", 64*col+32*v, 4+col, v, 4+col, 4+col, 4+col, 4+col)
		}
		f.i("VPANDD Z30, Z4, Z4\n\tVPSLLD $16, Z5, Z5\n\tVPORD Z4, Z5, Z4\n\tVMOVDQU32 Z4, %d(DI)", 64*v)
	}
	f.i("ADDQ $128, SI\n\tADDQ $128, DI\n\tSUBQ $2, CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET")
}

// dtile emits the function that multiplies m tokens with a panel of 32 rows. It processes the tokens in
// the largest tiles that fit. Registers:
//
//	DI, DX        c of the first token left, ldc in bytes
//	SI, R8        a of the first token left, lda in bytes
//	BX            weights of the current column
//	CX            loop counter over columns
//	R13           tokens left
func dtile(f *file, s isa, kind string) {
	if kind == "Words" {
		f.text("w"+s.name, wArgs, 80)
	} else {
		f.text("d"+kind+s.name, dArgs, 64)
	}
	f.i("MOVQ c+0(FP), DI\n\tMOVQ ldc+8(FP), DX\n\tMOVQ a+16(FP), SI\n\tMOVQ lda+24(FP), R8\n\tMOVQ m+48(FP), R13")
	tiles := []dshape{{12, 2}, {8, 2}, {6, 2}, {4, 2}, {3, 2}, {2, 2}, {1, 2}}
	if s.lanes == 8 {
		tiles = []dshape{{6, 2}, {3, 2}, {2, 4}, {1, 4}}
	}
	for i, t := range tiles {
		next := "done"
		if i+1 < len(tiles) {
			next = fmt.Sprintf("tile%d", tiles[i+1].m)
		}
		f.p("tile%d:", t.m)
		f.i("CMPQ R13, $%d\n\tJLT %s", t.m, next)
		t.write(f, s, kind)
		f.i("IMUL3Q $%d, R8, AX\n\tADDQ AX, SI\n\tIMUL3Q $%d, DX, AX\n\tADDQ AX, DI\n\tSUBQ $%d, R13\n\tJMP tile%d", t.m, t.m, t.m, t.m)
	}
	f.p("done:")
	f.i("VZEROUPPER\n\tRET")
}

// dshape is the register blocking of a tile: m tokens × nv vector registers of rows. Each of these has one
// accumulator, so that tiles of any number of tokens add up the columns in the same order, with the same bits. The additions of a tile of one token are
// limited by their latency, but not to less than a core reads from memory (float16, Zen 4: 59 GB/s).
type dshape struct{ m, nv int }

// acc returns the register of the accumulator of token m, rows v.
func (t dshape) acc(m, v int) int { return m*t.nv + v }

// write emits one tile for all 32 rows: in one pass, or in several passes of fewer rows.
func (t dshape) write(f *file, s isa, kind string) {
	width := t.nv * s.lanes // rows in a pass
	for pass := range 32 / width {
		t.pass(f, s, kind, pass*width, fmt.Sprintf("d%d_%d", t.m, pass))
	}
}

// widths has the bytes of a weight; for Pairs and Words, of two.
var widths = map[string]int{"F32": 4, "F16": 2, "BF16": 2, "Pairs": 4, "Words": 4}

// pass emits the product with rows row … row+width-1 of the panel, over all columns, and stores it.
func (t dshape) pass(f *file, s isa, kind string, row int, label string) {
	col := 32 * widths[kind]
	bases := []string{"R9", "R10", "R11", "R15"}
	f.i("MOVQ w+32(FP), BX\n\tMOVQ SI, R9")
	if t.m > 3 {
		f.i("LEAQ (R8)(R8*2), AX")
	}
	for b := 1; b < (t.m+2)/3; b++ {
		f.i("LEAQ (%s)(AX*1), %s", bases[b-1], bases[b])
	}
	for i := range t.m * t.nv {
		f.i("VPXOR%s %s%d, %s%d, %s%d", map[string]string{"Z": "D"}[s.reg], s.reg, i, s.reg, i, s.reg, i)
	}
	f.i("MOVQ n+40(FP), CX\n\tSHRQ $2, CX\n\tJZ %s_rest", label)
	f.p("%s_loop:", label)
	for k := range 4 {
		t.step(f, s, kind, row, k, k*col)
	}
	t.advance(f, bases, 4, col)
	f.i("DECQ CX\n\tJNZ %s_loop", label)
	f.p("%s_rest:", label)
	f.i("MOVQ n+40(FP), CX\n\tANDQ $3, CX\n\tJZ %s_end", label)
	f.p("%s_one:", label)
	t.step(f, s, kind, row, 0, 0)
	t.advance(f, bases, 1, col)
	f.i("DECQ CX\n\tJNZ %s_one", label)
	f.p("%s_end:", label)
	t.finish(f, s, kind, row, label)
}

// step emits the multiplication and accumulation of column k of four, whose weights are at byte off.
func (t dshape) step(f *file, s isa, kind string, row, k, off int) {
	first := t.m * t.nv
	bc := first + t.nv
	free := map[string]int{"Z": 32, "Y": 16}[s.reg] - bc
	if free < 1 {
		panic("registers")
	}
	for v := range t.nv {
		load(f, s, kind, fmt.Sprintf("%d(BX)", off+(row+v*s.lanes)*widths[kind]), first+v)
	}
	for m := range t.m {
		x := bc + m%free
		idx := []string{"", "(R8*1)", "(R8*2)"}[m%3]
		f.i("VBROADCASTSS %d(%s)%s, %s%d", 4*k, []string{"R9", "R10", "R11", "R15"}[m/3], idx, s.reg, x)
		for v := range t.nv {
			switch kind {
			case "Pairs":
				vdpbf16ps(f, x, first+v, t.acc(m, v))
			case "Words":
				f.i("VPDPWSSD Z%d, Z%d, Z%d", x, first+v, t.acc(m, v))
			default:
				f.i("VFMADD231PS %s%d, %s%d, %s%d", s.reg, x, s.reg, first+v, s.reg, t.acc(m, v))
			}
		}
	}
}

// load emits the load of one register of weights, converted to float32 (Pairs and Words stay as they are).
func load(f *file, s isa, kind, from string, r int) {
	switch kind {
	case "F32", "Pairs", "Words":
		f.i("VMOVUPS %s, %s%d", from, s.reg, r)
	case "F16":
		f.i("VCVTPH2PS %s, %s%d", from, s.reg, r)
	case "BF16":
		f.i("VPMOVZXWD %s, %s%d\n\tVPSLLD $16, %s%d, %s%d", from, s.reg, r, s.reg, r, s.reg, r)
	}
}

// advance emits the advance of the pointers to activations and weights by k columns.
func (t dshape) advance(f *file, bases []string, k, col int) {
	for b := range (t.m + 2) / 3 {
		f.i("ADDQ $%d, %s", 4*k, bases[b])
	}
	f.i("ADDQ $%d, BX", k*col)
}

// finish stores the tile in c, or adds it to c. Those of Words are
// integers, which are multiplied by the scales of their token and their row.
func (t dshape) finish(f *file, s isa, kind string, row int, label string) {
	if kind == "Words" {
		t.scale(f, s, row)
	}
	f.i("MOVQ DI, R9\n\tCMPQ add+56(FP), $0\n\tJEQ %s_store", label)
	for m := range t.m {
		for v := range t.nv {
			f.i("VADDPS %d(R9), %s%d, %s%d", 4*row+v*s.bytes(), s.reg, t.acc(m, v), s.reg, t.acc(m, v))
		}
		if m+1 < t.m {
			f.i("ADDQ DX, R9")
		}
	}
	f.i("MOVQ DI, R9")
	f.p("%s_store:", label)
	for m := range t.m {
		for v := range t.nv {
			f.i("VMOVUPS %s%d, %d(R9)", s.reg, t.acc(m, v), 4*row+v*s.bytes())
		}
		if m+1 < t.m {
			f.i("ADDQ DX, R9")
		}
	}
}

// scale emits the conversion of integer accumulators to float32 and their multiplication by both scales.
func (t dshape) scale(f *file, s isa, row int) {
	first := t.m * t.nv
	f.i("MOVQ cols+72(FP), R9")
	for v := range t.nv {
		f.i("VMOVUPS %d(R9), %s%d", 4*row+v*s.bytes(), s.reg, first+v)
	}
	f.i("MOVQ m+48(FP), AX\n\tSUBQ R13, AX\n\tMOVQ rows+64(FP), R9\n\tLEAQ (R9)(AX*4), R9")
	for m := range t.m {
		for v := range t.nv {
			r := t.acc(m, v)
			f.i("VCVTDQ2PS %s%d, %s%d\n\tVMULPS %s%d, %s%d, %s%d\n\tVMULPS.BCST %d(R9), %s%d, %s%d", s.reg, r, s.reg, r, s.reg, first+v, s.reg, r, s.reg, r, 4*m, s.reg, r, s.reg, r)
		}
	}
}
