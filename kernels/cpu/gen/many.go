package main

import (
	"fmt"
	"strings"
)

const (
	unpackArgs = "(dst, w *byte, nb int)"
	manyArgs   = "(c *float32, ldc int, a unsafe.Pointer, lda int, w *byte, nb, m int, scale float32, add int, next, by uintptr)"
)

// Byte offsets in a block of activations in 16 bits (type wordBlock): the scale, after the integers.
const (
	wordScale = 64
	wordBytes = 80
)

// many is the generator of the AVX2 tile of many tokens (mTileGo) for one layout: nt tokens × 16 rows, whose weights were
// unpacked to memory before. Registers:
//
//	DI, DX    c of the first token left, ldc in bytes
//	SI, R10   a of the first token left, lda in bytes
//	R12       a of the tile's first token, at the current block
//	BX        unpacked weights of the current block
//	CX, R13   blocks left, tokens left
//	R14, R15  what is prefetched with a block, and by how much that advances
//
// Vector registers: sums of each token and vector of rows, then, if pairs of products are added in 16 bits for a part of the columns only
// (run), the 32-bit sums of the parts before, then the float32 results; Y12 and Y13 hold weights, Y14 an activation, Y15 a product.
type many struct {
	k  qkind
	nt int
}

const (
	mWeights = 12
	mBcast   = 14
	mTemp    = 15
	mSigns   = 14 // of unpack: bytes of 0x80
	mRows    = 2  // vectors of rows
)

// newMany returns the generator for k.
func newMany(k qkind) many {
	t := many{k: k, nt: 3}
	if t.run() < 8/k.halves && !k.wide() {
		t.nt = 2
	}
	return t
}

// run returns how many dwords of products, with at most k.bits bits, fit into a sum of 16 bits.
func (t many) run() int { return min(8, 32767/(2*127*(1<<t.k.bits-1))) }

func (t many) sum(m, v int) int   { return m*mRows + v }
func (t many) part(m, v int) int  { return t.nt*mRows + t.sum(m, v) }
func (t many) total(m, v int) int { return 12 - t.nt*mRows + t.sum(m, v) }

// a returns the memory operand at byte off of the current activation block of token m.
func (t many) a(m, off int) string {
	return fmt.Sprintf("%d(R12)%s", off, []string{"", "(R10*1)", "(R10*2)"}[m])
}

// quantBytes returns the size of the unpacked integers of a block, scales the offset of its scales of half i, minima that of the
// minima, and bytes the size of the unpacked block.
func (t many) quantBytes() int {
	if t.k.wide() {
		return 1024
	}
	return 512
}
func (t many) scales(i int) int { return t.quantBytes() + 64*i }
func (t many) minima(i int) int { return t.quantBytes() + 64*(t.k.halves+i) }
func (t many) bytes() int {
	if t.k.mins {
		return t.minima(t.k.halves)
	}
	return t.scales(t.k.halves)
}

// activations returns the size of a block of activations and the offset of its scale.
func (t many) activations() (size, scale int) {
	if t.k.wide() {
		return wordBytes, wordScale
	}
	return aBytes, aScale
}

// exported returns the name of the layout with a capital letter.
func (k qkind) exported() string { return strings.ToUpper(k.name[:1]) + k.name[1:] }

// manyTiles writes the kernels for many tokens of amd64.
func manyTiles(f *file) {
	f.p("\n// Words of ones.")
	for i := range 8 {
		f.p("DATA ·ones256+%d(SB)/4, $0x00010001", 4*i)
	}
	f.p("GLOBL ·ones256(SB), RODATA|NOPTR, $32")
	for _, k := range qkinds {
		unpack(f, k)
		if !k.table {
			newMany(k).tile(f, k.exported())
		}
		if k.name == "t4s16" { // the layouts with levels have the tiles of 16-bit integers, with one scale and with two
			newMany(k).tile(f, "Words16")
		}
	}
	wordBlocks(f)
}

// unpack emits the function that unpacks a panel; see unpackPanelGo.
func unpack(f *file, k qkind) {
	args, size := unpackArgs, 24
	if k.table {
		args, size = "(dst, w *byte, nb int, table *levels)", 32
	}
	f.text("unpack"+k.exported()+"AVX2", args, size)
	f.i("MOVQ dst+0(FP), DI\n\tMOVQ w+8(FP), BX\n\tMOVQ nb+16(FP), CX\n\tSHLQ $1, CX")
	t := newMany(k)
	h := &half256{s: vnni, k: k, f: f} // weights as unsigned bytes
	if k.table {
		f.i("MOVQ table+24(FP), AX\n\tVBROADCASTI128 (AX), Y%d", yTable)
	}
	if k.wide() {
		signBits(f, mSigns)
	}
	if k.bits < 8 {
		f.i("VPBROADCASTD %s, Y%d", maskAt(byte(1<<k.planes[0].width-1)), yMask)
	}
	if len(k.planes) > 1 {
		_, _, mask := k.planes[1].field(0)
		f.i("VPBROADCASTD %s, Y%d", maskAt(mask), yHigh)
	}
	f.p("block:")
	for j := range 8 {
		for v := range mRows {
			h.weights(j, v)
			t.store(f, j, v)
		}
	}
	for i := range k.halves {
		for v := range mRows {
			h.scales(k.quantBytes()+k.scaleSize()*(16*i+8*v), 0)
			f.i("VMOVUPS Y0, %d(DI)", t.scales(i)+32*v)
			if k.mins {
				f.i("VCVTPH2PS %d(BX), Y0\n\tVMOVUPS Y0, %d(DI)", k.quantBytes()+32*(k.halves+i)+16*v, t.minima(i)+32*v)
			}
		}
	}
	f.i("ADDQ $%d, BX\n\tADDQ $%d, DI\n\tDECQ CX\n\tJNZ block", k.blockBytes(), t.bytes())
	f.i("VZEROUPPER\n\tRET")
}

// store emits the storing of dword j of rows v, which is in the register of weights of half256: as bytes, or as 16-bit integers, those of
// even columns apart from those of odd ones.
func (t many) store(f *file, j, v int) {
	r := yWeights + v
	if !t.k.wide() {
		f.i("VMOVDQU Y%d, %d(DI)", r, 64*j+32*v)
		return
	}
	f.i("VPXOR Y%d, Y%d, Y%d", mSigns, r, r)
	evenOdd(f, r, fmt.Sprintf("%d(DI)", 64*j+32*v), fmt.Sprintf("%d(DI)", 512+64*j+32*v))
}

// evenOdd widens the signed bytes of register r to 16 bits and stores the even ones and the odd ones.
func evenOdd(f *file, r int, even, odd string) {
	f.i("VPSLLW $8, Y%d, Y4\n\tVPSRAW $8, Y4, Y4\n\tVMOVDQU Y4, %s", r, even)
	f.i("VPSRAW $8, Y%d, Y%d\n\tVMOVDQU Y%d, %s", r, r, r, odd)
}

// wordBlocks emits the function that widens blocks of activations; see toWordBlocksGo.
func wordBlocks(f *file) {
	f.text("wordBlocksAVX2", "(dst *wordBlock, src *block, n int)", 24)
	f.i("MOVQ dst+0(FP), DI\n\tMOVQ src+8(FP), SI\n\tMOVQ n+16(FP), CX")
	f.p("block:")
	f.i("VMOVDQU (SI), Y0")
	evenOdd(f, 0, "(DI)", "32(DI)")
	f.i("MOVL %d(SI), AX\n\tMOVL AX, %d(DI)", aScale, wordScale)
	f.i("ADDQ $%d, SI\n\tADDQ $%d, DI\n\tDECQ CX\n\tJNZ block\n\tVZEROUPPER\n\tRET", aBytes, wordBytes)
}

// tile emits the function that multiplies m tokens, a multiple of nt, with 32 rows.
func (t many) tile(f *file, name string) {
	size, _ := t.activations()
	f.text("many"+name+"AVX2", manyArgs, 88)
	f.i("MOVQ c+0(FP), DI\n\tMOVQ ldc+8(FP), DX\n\tMOVQ a+16(FP), SI\n\tMOVQ lda+24(FP), R10\n\tMOVQ m+48(FP), R13")
	f.i("MOVQ next+72(FP), R14\n\tMOVQ by+80(FP), R15")
	f.p("tokens:")
	for pass := range 2 {
		label := fmt.Sprintf("block%d", pass)
		f.i("MOVQ w+32(FP), BX")
		if pass == 1 {
			f.i("ADDQ $%d, BX", t.bytes())
		}
		f.i("MOVQ SI, R12")
		t.each(func(m, v int) { f.i("VXORPS Y%d, Y%[1]d, Y%[1]d", t.total(m, v)) })
		f.i("MOVQ nb+40(FP), CX")
		f.p("%s:", label)
		f.i("PREFETCHT1 (R14)")
		if t.k.bits == 8 { // with 16 tokens two lines a block
			f.i("PREFETCHT1 64(R14)")
		}
		f.i("ADDQ R15, R14")
		for i := range t.k.halves {
			t.dots(f, i)
			t.fold(f, i)
		}
		f.i("ADDQ $%d, R12\n\tADDQ $%d, BX\n\tDECQ CX\n\tJNZ %s", size, 2*t.bytes(), label)
		t.end(f, 64*pass, label)
	}
	f.i("IMUL3Q $%d, R10, AX\n\tADDQ AX, SI\n\tIMUL3Q $%d, DX, AX\n\tADDQ AX, DI\n\tSUBQ $%d, R13\n\tJNZ tokens", t.nt, t.nt, t.nt)
	f.i("VZEROUPPER\n\tRET")
}

// each calls g for every token and vector of rows.
func (t many) each(g func(m, v int)) {
	for m := range t.nt {
		for v := range mRows {
			g(m, v)
		}
	}
}

// dots emits the products of half i: their sums as int32 in the registers sum.
func (t many) dots(f *file, i int) {
	n := 8 / t.k.halves
	if t.k.wide() {
		t.wordDots(f, i)
		return
	}
	run := min(n, t.run())
	for j := n * i; j < n*i+n; j++ {
		first := (j-n*i)%run == 0
		for v := range mRows {
			f.i("VMOVDQU %d(BX), Y%d", 64*j+32*v, mWeights+v)
		}
		for m := range t.nt {
			f.i("VPBROADCASTD %s, Y%d", t.a(m, 4*j), mBcast)
			t.product(f, "VPMADDUBSW", "VPADDW", m, first)
		}
		if (j-n*i)%run == run-1 {
			t.widen(f, j == n*i+run-1, j == n*i+n-1)
		}
	}
	t.zero(f, i)
}

// product emits the products of the broadcast activations of token m with the weights and their addition to its sums, or, if they are the first, nothing but
// the products. Both multiplications come before the additions: on Zen 3, where an addition may take a pipe that a multiplication needs, products with four and
// eight bits take 0.92 to 0.94 of the time in that order.
func (t many) product(f *file, multiply, add string, m int, first bool) {
	products := [mRows]int{mTemp, mBcast}
	for v, p := range products {
		if first {
			p = t.sum(m, v)
		}
		f.i("%s Y%d, Y%d, Y%d", multiply, mBcast, mWeights+v, p)
	}
	for v, p := range products {
		if !first {
			f.i("%s Y%d, Y%d, Y%[3]d", add, p, t.sum(m, v))
		}
	}
}

// widen emits the conversion of the sums to 32 bits, and their addition to those of the parts before.
func (t many) widen(f *file, first, last bool) {
	t.each(func(m, v int) { widen16(f, t.sum(m, v), t.part(m, v), first, last) })
}

// widen16 emits the conversion of the 16-bit sums of register r to 32 bits and their addition to register p. After the last part the sum of all is in r.
func widen16(f *file, r, p int, first, last bool) {
	switch {
	case first && last:
		f.i("VPMADDWD ·ones256(SB), Y%d, Y%[1]d", r)
	case first:
		f.i("VPMADDWD ·ones256(SB), Y%d, Y%d", r, p)
	case last:
		f.i("VPMADDWD ·ones256(SB), Y%d, Y%[1]d\n\tVPADDD Y%d, Y%[1]d, Y%[1]d", r, p)
	default:
		f.i("VPMADDWD ·ones256(SB), Y%d, Y%[1]d\n\tVPADDD Y%[1]d, Y%d, Y%[2]d", r, p)
	}
}

// wordDots is dots for 16-bit integers. Half i has dwords 4i … 4i+3 of the even columns, and of the odd ones.
func (t many) wordDots(f *file, i int) {
	n := 8 / t.k.halves
	for o := range 2 {
		for j := n * i; j < n*i+n; j++ {
			for v := range mRows {
				f.i("VMOVDQU %d(BX), Y%d", 512*o+64*j+32*v, mWeights+v)
			}
			for m := range t.nt {
				f.i("VPBROADCASTD %s, Y%d", t.a(m, 32*o+4*j), mBcast)
				t.product(f, "VPMADDWD", "VPADDD", m, o == 0 && j == n*i)
			}
		}
	}
}

// zero emits the subtraction of zero·Σa of half i from the sums.
func (t many) zero(f *file, i int) {
	if t.k.zero == 0 {
		return
	}
	for m := range t.nt {
		off := aNegSum
		if t.k.halves == 2 && i == 0 {
			off = aNegFirst
		}
		f.i("VPBROADCASTD %s, Y%d", t.a(m, off), mTemp)
		if t.k.halves == 2 && i == 1 {
			f.i("VPBROADCASTD %s, Y%d\n\tVPSUBD Y%[2]d, Y%d, Y%[3]d", t.a(m, aNegFirst), mBcast, mTemp)
		}
		if t.k.zero > 1 {
			f.i("VPSLLD $%d, Y%d, Y%[2]d", t.k.shift(), mTemp)
		}
		for v := range mRows {
			f.i("VPADDD Y%d, Y%d, Y%[2]d", mTemp, t.sum(m, v))
		}
	}
}

// fold emits what half256.fold emits: the sums of half i, multiplied by both scales, and the minima's share are added to the results.
func (t many) fold(f *file, i int) {
	_, scale := t.activations()
	for m := range t.nt {
		f.i("VBROADCASTSS %s, Y%d", t.a(m, scale), mBcast)
		for v := range mRows {
			r := t.sum(m, v)
			f.i("VCVTDQ2PS Y%d, Y%[1]d\n\tVMULPS %d(BX), Y%d, Y%d", r, t.scales(i)+32*v, mBcast, mTemp)
			f.i("VFMADD231PS Y%d, Y%d, Y%d", mTemp, r, t.total(m, v))
		}
		if t.k.mins {
			t.min(f, m, i)
		}
	}
}

// min emits the addition of the minima of half i of token m, as half256.min does.
func (t many) min(f *file, m, i int) {
	op := "VFMADD231PS"
	switch {
	case t.k.halves == 1:
		f.i("VBROADCASTSS %s, Y%d", t.a(m, aSum), mTemp)
	default:
		f.i("VPBROADCASTD %s, Y%d\n\tVCVTDQ2PS Y%[2]d, Y%[2]d\n\tVMULPS Y%[2]d, Y%d, Y%[2]d", t.a(m, aNegFirst), mTemp, mBcast)
		if i == 0 {
			op = "VFNMADD231PS"
		} else {
			f.i("VADDPS %s, Y%d, Y%[2]d", t.splat(f, m), mTemp)
		}
	}
	for v := range mRows {
		f.i("%s %d(BX), Y%d, Y%d", op, t.minima(i)+32*v, mTemp, t.total(m, v))
	}
}

// splat loads the sum of token m's block to all lanes of a register and returns its name.
func (t many) splat(f *file, m int) string {
	f.i("VBROADCASTSS %s, Y%d", t.a(m, aSum), mBcast)
	return fmt.Sprintf("Y%d", mBcast)
}

// end emits the storing of the results, multiplied by scale, in c, or their addition to c, from byte col of each row on.
func (t many) end(f *file, col int, label string) {
	f.i("VBROADCASTSS scale+56(FP), Y0")
	t.each(func(m, v int) { f.i("VMULPS Y0, Y%d, Y%[1]d", t.total(m, v)) })
	f.i("MOVQ DI, R12\n\tCMPQ add+64(FP), $0\n\tJEQ %s_store", label)
	for m := range t.nt {
		for v := range mRows {
			f.i("VADDPS %d(R12), Y%d, Y%[2]d", col+32*v, t.total(m, v))
		}
		f.i("ADDQ DX, R12")
	}
	f.i("MOVQ DI, R12")
	f.p("%s_store:", label)
	for m := range t.nt {
		for v := range mRows {
			f.i("VMOVUPS Y%d, %d(R12)", t.total(m, v), col+32*v)
		}
		f.i("ADDQ DX, R12")
	}
}
