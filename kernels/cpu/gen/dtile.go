package main

import "fmt"

const dArgs = "(c *float32, ldc int, a *float32, lda int, w *byte, n, m, add int)"

// dtiles writes the float microkernels, which compute m tokens × 32 rows. One step of the inner loop
// multiplies one column (of kind Pairs, two columns).
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
	toPairs(f)
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

// dtile emits the function that multiplies m tokens with a panel of 32 rows. It processes the tokens in
// the largest tiles that fit. Registers:
//
//	DI, DX        c of the first token left, ldc in bytes
//	SI, R8        a of the first token left, lda in bytes
//	BX            weights of the current column
//	CX            loop counter over columns
//	R13           tokens left
func dtile(f *file, s isa, kind string) {
	f.text("d"+kind+s.name, dArgs, 64)
	f.i("MOVQ c+0(FP), DI\n\tMOVQ ldc+8(FP), DX\n\tMOVQ a+16(FP), SI\n\tMOVQ lda+24(FP), R8\n\tMOVQ m+48(FP), R13")
	tiles := []dshape{{12, 2, 1}, {8, 2, 1}, {6, 2, 2}, {4, 2, 2}, {3, 2, 4}, {2, 2, 4}, {1, 2, 4}}
	if s.lanes == 8 {
		tiles = []dshape{{6, 2, 1}, {3, 2, 2}, {2, 4, 1}, {1, 4, 2}}
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

// dshape is the register blocking of a tile: m tokens × nv vector registers of rows. Each of these has sets
// accumulators, which consecutive columns use in turn, so that small tiles are not limited by the latency of
// the additions.
type dshape struct{ m, nv, sets int }

// acc returns the register of the accumulator of token m, rows v, for column k.
func (t dshape) acc(k, m, v int) int { return (k%t.sets*t.m+m)*t.nv + v }

// write emits one tile for all 32 rows: in one pass, or in several passes of fewer rows.
func (t dshape) write(f *file, s isa, kind string) {
	width := t.nv * s.lanes // rows in a pass
	for pass := range 32 / width {
		t.pass(f, s, kind, pass*width, fmt.Sprintf("d%d_%d", t.m, pass))
	}
}

// widths has the bytes of a weight; for Pairs, of a pair.
var widths = map[string]int{"F32": 4, "F16": 2, "BF16": 2, "Pairs": 4}

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
	for i := range t.sets * t.m * t.nv {
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
	t.finish(f, s, row, label)
}

// step emits the multiplication and accumulation of column k of four, whose weights are at byte off.
func (t dshape) step(f *file, s isa, kind string, row, k, off int) {
	first := t.sets * t.m * t.nv
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
			if kind == "Pairs" {
				vdpbf16ps(f, x, first+v, t.acc(k, m, v))
				continue
			}
			f.i("VFMADD231PS %s%d, %s%d, %s%d", s.reg, x, s.reg, first+v, s.reg, t.acc(k, m, v))
		}
	}
}

// load emits the load of one register of weights, converted to float32 (Pairs stay as they are).
func load(f *file, s isa, kind, from string, r int) {
	switch kind {
	case "F32", "Pairs":
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

// finish adds up the accumulators of all sets and stores the tile in c, or adds it to c.
func (t dshape) finish(f *file, s isa, row int, label string) {
	for k := 1; k < t.sets; k++ {
		for i := range t.m * t.nv {
			f.i("VADDPS %s%d, %s%d, %s%d", s.reg, k*t.m*t.nv+i, s.reg, i, s.reg, i)
		}
	}
	f.i("MOVQ DI, R9\n\tCMPQ add+56(FP), $0\n\tJEQ %s_store", label)
	for m := range t.m {
		for v := range t.nv {
			f.i("VADDPS %d(R9), %s%d, %s%d", 4*row+v*s.bytes(), s.reg, t.acc(0, m, v), s.reg, t.acc(0, m, v))
		}
		if m+1 < t.m {
			f.i("ADDQ DX, R9")
		}
	}
	f.i("MOVQ DI, R9")
	f.p("%s_store:", label)
	for m := range t.m {
		for v := range t.nv {
			f.i("VMOVUPS %s%d, %d(R9)", s.reg, t.acc(0, m, v), 4*row+v*s.bytes())
		}
		if m+1 < t.m {
			f.i("ADDQ DX, R9")
		}
	}
}
