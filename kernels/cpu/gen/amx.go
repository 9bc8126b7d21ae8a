package main

import "fmt"

// Stack frame of an integer AMX kernel. Its parts lie from the first multiple of 64 in it on.
const (
	amxBlocks = 16   // most blocks of 32 columns in one call
	amxRing   = 4096 // ring buffer: two slots of two tiles of int32 products (1024 bytes each)
	amxBytes  = amxBlocks * 512
	amxFrame  = 64 + amxRing + 2*amxBytes + amxLocals
	amxLocals = 48 // local variables, addressed by name
)

const (
	amxArgs      = "(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)"
	amxTableArgs = "(cfg *[2]tileConfig, c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)"
	amxPairsArgs = "(cfg *tileConfig, c *float32, ldc int, a *uint32, lda int, w *byte, steps, tiles, add int)"
)

// amxTiles writes the AMX kernels: one for each integer layout, and two for pairs of bfloat16. They
// process tiles of up to 16 tokens × 16 rows.
//
// An AMX product multiplies tile register A, up to 16 tokens × 64 bytes, by tile register B, up to
// 16 dwords of columns × 16 rows, and adds the result to tile register C, 16 tokens × 16 rows of 32-bit
// values. Pairs have the layout of B in memory already (layout.go), and integers have it once their
// bit planes are unpacked to bytes. By Intel's manual a product can start every 16 cycles and has a latency
// of 52 cycles, so several independent products must be in flight.
//
// Integers: each scale covers only 32 (or 16) columns, so an integer sum is complete after one product. It
// must then be converted, scaled and accumulated, which takes three AVX-512 instructions for each
// token: 24 cycles on both vector units. That is the bottleneck. The kernel therefore keeps the float32
// accumulators of 16 tokens × 16 rows in registers (those of 32 × 32 would have to be loaded and stored
// for each block), and issues the AMX products two ahead of the conversion, through a ring buffer in the
// frame:
//
//	w ─▶ bytes, in the frame ─▶ B ┐
//	                         a ─▶ A ┴▶ C ─▶ ring ─▶ convert, × d·d ─▶ accumulators ─▶ c
//
// A call takes at most 16 blocks of columns. The unpacked bytes of a panel then take 16 KiB and the
// activations of 16 tokens 12 KiB, so the first-level cache keeps both while they are reused. The zero point
// is subtracted when the weights are unpacked, once for all tokens.
//
// Pairs: accumulation runs over all columns of the call. Four tile registers accumulate 32 tokens × 32 rows,
// two hold A and two hold B. The accumulators are loaded from c and stored there.
//
// Each function begins with LDTILECFG and ends with TILERELEASE, and Go does not preempt assembly. Hence
// no other code of the process runs on a thread with tiles in use, except the operating system's kernel, which
// saves them when it switches threads or delivers a signal.
func amxTiles(f *file) {
	f.text("xgetbv", "() uint32", 4)
	f.i("XORL CX, CX\n\tXGETBV\n\tMOVL AX, ret+0(FP)\n\tRET")
	for _, k := range qkinds {
		amxInts{k, f}.write()
	}
	amxPairs(f, 1)
	amxPairs(f, 2)
}

// amxInts emits the AMX kernel of an integer layout. Registers:
//
//	R15                scratch memory in the frame
//	AX                 offset of the current slot of the ring
//	CX                 index of the block
//	BX, DX             packed weights of the block; unpacked bytes
//	SI, DI, R11, R13   a of tokens 0, 4, 8 and 12
//	R8, R9, R10        lda, 3·lda, 64
//	R12                temporary
//
// DX and AX belong to the products, all others to the block whose products are being added to the
// accumulators.
type amxInts struct {
	qkind
	*file
}

// ahead returns by how many blocks the products run ahead of the accumulation. An iteration processes as
// many blocks, with two products in all.
func (k amxInts) ahead() int { return 2 / k.halves }

// write emits the function: it unpacks the weights, then multiplies them with 16 tokens at a time, and with the rest.
func (k amxInts) write() {
	args, size := amxArgs, 80
	if k.table {
		args, size = amxTableArgs, 88
	}
	k.p("\n// func %sAMX%s", k.name, args)
	k.p("TEXT ·%sAMX(SB), 0, $%d-%d", k.name, amxFrame, size)
	k.i("LEAQ 63(SP), R15\n\tANDQ $-64, R15\n\tMOVQ $64, R10")
	k.unpack()
	k.i("MOVQ a+24(FP), AX\n\tMOVQ AX, from-8(SP)\n\tMOVQ c+8(FP), AX\n\tMOVQ AX, to-16(SP)\n\tMOVQ m+56(FP), AX\n\tMOVQ AX, left-24(SP)")
	k.i("MOVQ lda+32(FP), R8\n\tLEAQ (R8)(R8*2), R9\n\tMOVQ cfg+0(FP), AX")
	ldtilecfg(k.file, rAX, 0)
	k.p("tile16:")
	k.i("CMPQ left-24(SP), $16\n\tJLT rest")
	k.tile("t", false)
	k.i("MOVQ R8, AX\n\tSHLQ $4, AX\n\tADDQ AX, from-8(SP)\n\tMOVQ ldc+16(FP), AX\n\tSHLQ $4, AX\n\tADDQ AX, to-16(SP)\n\tSUBQ $16, left-24(SP)\n\tJMP tile16")
	k.p("rest:")
	k.i("CMPQ left-24(SP), $0\n\tJEQ done\n\tMOVQ cfg+0(FP), AX")
	ldtilecfg(k.file, rAX, 64)
	k.tile("r", true)
	k.p("done:")
	tilerelease(k.file)
	k.i("VZEROUPPER\n\tRET")
}

// unpack emits the unpacking of the panel's integers, less the zero point, to int8 [2][blocks][8][16][4].
func (k amxInts) unpack() {
	h := &half512{qshape{1, 1, 1}, k.qkind, k.file, 16, 0, false}
	if k.bits < 8 {
		k.i("VPBROADCASTD %s, Z31", maskAt(byte(1<<k.planes[0].width-1)))
	}
	if k.table {
		k.i("MOVQ table+80(FP), AX\n\tVBROADCASTI32X4 (AX), Z%d", zTable)
	}
	if k.zero > 0 {
		k.i("MOVL $0x%08x, AX\n\tVPBROADCASTD AX, Z0", uint32(0x01010101)<<k.shift())
	}
	k.i("MOVQ w+40(FP), BX\n\tLEAQ %d(R15), DI\n\tMOVQ $2, DX", amxRing)
	k.p("group:\n\tMOVQ nb+48(FP), CX")
	k.p("unpack:")
	for j := range 8 {
		h.weight(j, 0)
		w := h.w(j)
		if k.zero > 0 {
			k.i("VPSUBB Z0, Z%d, Z%d", w, w)
		}
		k.i("VMOVDQA32 Z%d, %d(DI)", w, 64*j)
	}
	k.i("ADDQ $%d, BX\n\tADDQ $512, DI\n\tDECQ CX\n\tJNZ unpack", 2*k.blockBytes())
	k.i("MOVQ w+40(FP), BX\n\tADDQ $%d, BX\n\tLEAQ %d(R15), DI\n\tDECQ DX\n\tJNZ group", k.blockBytes(), amxRing+amxBytes)
}

// tile emits the product of 16 tokens (with rest, of those that are left) × 32 rows, first for one group of 16
// rows, then for the other.
func (k amxInts) tile(label string, rest bool) {
	k.i("MOVQ w+40(FP), AX\n\tMOVQ AX, group-32(SP)\n\tLEAQ %d(R15), AX\n\tMOVQ AX, bytes-40(SP)", amxRing)
	k.p("%s_group:", label)
	k.i("MOVQ from-8(SP), SI\n\tSUBQ $%d, SI\n\tLEAQ (SI)(R8*4), DI\n\tLEAQ (DI)(R8*4), R11\n\tLEAQ (R11)(R8*4), R13", aBytes*k.ahead())
	k.i("MOVQ group-32(SP), BX\n\tSUBQ $%d, BX\n\tMOVQ bytes-40(SP), DX", 2*k.blockBytes()*k.ahead())
	for t := range 16 {
		k.i("VXORPS Z%d, Z%d, Z%d", t, t, t)
	}
	k.i("XORL AX, AX\n\tMOVQ $-%d, CX", k.ahead())
	k.p("%s_loop:", label)
	k.products(label)
	k.p("%s_fold:", label)
	k.i("TESTQ CX, CX\n\tJLT %s_next\n\tMOVQ AX, R12\n\tXORQ $%d, R12\n\tADDQ R15, R12", label, amxRing/2)
	for u := range 2 {
		if u > 0 && k.halves == 1 {
			k.i("LEAQ 1(CX), R10\n\tCMPQ R10, nb+48(FP)\n\tMOVQ $64, R10\n\tJGE %s_next", label)
		}
		k.fold(fmt.Sprintf("%s_%d", label, u), u, rest)
	}
	k.p("%s_next:", label)
	for _, r := range []string{"SI", "DI", "R11", "R13"} {
		k.i("ADDQ $%d, %s", aBytes*k.ahead(), r)
	}
	k.i("ADDQ $%d, BX\n\tXORQ $%d, AX\n\tADDQ $%d, CX\n\tCMPQ CX, nb+48(FP)\n\tJLT %s_loop", 2*k.blockBytes()*k.ahead(), amxRing/2, k.ahead(), label)
	k.store(label, rest)
}

// products emits the two AMX products of an iteration, and skips those beyond the last block.
func (k amxInts) products(label string) {
	k.i("LEAQ (R15)(AX*1), R12")
	for u := range 2 {
		block, half := u/k.halves, u%k.halves
		if half == 0 {
			k.i("LEAQ %d(CX), R10\n\tCMPQ R10, nb+48(FP)\n\tMOVQ $64, R10\n\tJGE %s_fold", k.ahead()+block, label)
		}
		c, a, b := u, 2+2*u, 3+2*u
		tilezero(k.file, c)
		tileload(k.file, mem{aBytes*(k.ahead()+block) + 16*half, rSI, rR8}, a)
		tileload(k.file, mem{512*block + 256*half, rDX, rR10}, b)
		tdp(k.file, "TDPBSSD", a, b, c)
		tilestore(k.file, c, mem{1024 * u, rR12, rR10})
	}
	k.i("ADDQ $%d, DX", 512*k.ahead())
}

// a returns the memory operand at byte off of the current activation block of token t.
func (k amxInts) a(t, off int) string {
	return fmt.Sprintf("%d(%s)%s", off, []string{"SI", "DI", "R11", "R13"}[t/4], []string{"", "(R8*1)", "(R8*2)", "(R9*1)"}[t%4])
}

// fold adds product u of an iteration, converted to float32 and multiplied by its scales, to the accumulators.
func (k amxInts) fold(label string, u int, rest bool) {
	block, half := u/k.halves, u%k.halves
	at := 2*k.blockBytes()*block + k.quantBytes() + 16*k.scaleSize()*half
	const d, mn = 16, 17
	scales512(k.file, k.qkind, fmt.Sprintf("%d(BX)", at), d)
	if k.mins {
		k.i("VCVTPH2PS %d(BX), Z%d", at+32*k.halves, mn)
	}
	for t := range 16 {
		x, y := 18+t*2%14, 19+t*2%14
		k.i("VCVTDQ2PS %d(R12), Z%d\n\tVMULPS.BCST %s, Z%d, Z%d", 1024*u+64*t, x, k.a(t, aBytes*block+aScale), d, y)
		k.i("VFMADD231PS Z%d, Z%d, Z%d", y, x, t)
		switch {
		case k.mins && k.halves == 1:
			k.i("VFMADD231PS.BCST %s, Z%d, Z%d", k.a(t, aBytes*block+aSum), mn, t)
		case k.mins:
			k.min16(t, half, mn, x)
		}
		k.stop(t, label+"_folded", rest)
	}
	k.p("%s_folded:", label)
}

// stop emits, with rest, a jump to label after token t if it is the last one.
func (k amxInts) stop(t int, label string, rest bool) {
	if rest && t < 15 {
		k.i("CMPQ left-24(SP), $%d\n\tJLE %s", t+1, label)
	}
}

// min16 adds the minima of one half of token t, as half512.min16 does.
func (k amxInts) min16(t, half, mn, x int) {
	k.i("VPBROADCASTD %s, Z%d\n\tVCVTDQ2PS Z%d, Z%d\n\tVMULPS.BCST %s, Z%d, Z%d", k.a(t, aNegFirst), x, x, x, k.a(t, aScale), x, x)
	op := "VFNMADD231PS"
	if half == 1 {
		k.i("VADDPS.BCST %s, Z%d, Z%d", k.a(t, aSum), x, x)
		op = "VFMADD231PS"
	}
	k.i("%s Z%d, Z%d, Z%d", op, x, mn, t)
}

// store emits the end of a group: it multiplies the accumulators by scale and stores them in c, or adds them to c.
func (k amxInts) store(label string, rest bool) {
	k.i("VBROADCASTSS scale+64(FP), Z16")
	for t := range 16 {
		k.i("VMULPS Z16, Z%d, Z%d", t, t)
	}
	k.i("MOVQ ldc+16(FP), DX\n\tMOVQ to-16(SP), R12\n\tLEAQ %d(R15), CX\n\tCMPQ bytes-40(SP), CX\n\tJEQ %s_first\n\tADDQ $64, R12", amxRing, label)
	k.p("%s_first:", label)
	k.i("CMPQ add+72(FP), $0\n\tJEQ %s_store\n\tMOVQ R12, CX", label)
	for t := range 16 {
		k.i("VADDPS (CX), Z%d, Z%d\n\tADDQ DX, CX", t, t)
		k.stop(t, label+"_store", rest)
	}
	k.p("%s_store:", label)
	for t := range 16 {
		k.i("VMOVUPS Z%d, (R12)\n\tADDQ DX, R12", t)
		k.stop(t, label+"_stored", rest)
	}
	k.p("%s_stored:", label)
	k.i("LEAQ %d(R15), AX\n\tCMPQ bytes-40(SP), AX\n\tJNE %s_end\n\tADDQ $%d, AX\n\tMOVQ AX, bytes-40(SP)", amxRing, label, amxBytes)
	k.i("ADDQ $%d, group-32(SP)\n\tJMP %s_group", k.blockBytes(), label)
	k.p("%s_end:", label)
}

// amxPairs emits the AMX kernel for pairs of bfloat16, with tiles of 16·high tokens × 32 rows. Registers:
//
//	DI, R12, R9       c of tokens 0 and 16, ldc
//	SI                a of token 0 of the tile
//	AX, R11, R8       a of tokens 0 and 16 at the current columns, lda
//	BX, DX, R10       weights of rows 0 … 15 and 16 … 31, 128
//	CX                steps of columns left
//	R13               tiles left
func amxPairs(f *file, high int) {
	f.text(fmt.Sprintf("pairs%dAMX", 16*high), amxPairsArgs, 72)
	f.i("MOVQ cfg+0(FP), AX\n\tMOVQ c+8(FP), DI\n\tMOVQ ldc+16(FP), R9\n\tMOVQ a+24(FP), SI\n\tMOVQ lda+32(FP), R8\n\tMOVQ tiles+56(FP), R13\n\tMOVQ $128, R10")
	ldtilecfg(f, rAX, 0)
	cs := []mem{{0, rDI, rR9}, {64, rDI, rR9}, {0, rR12, rR9}, {64, rR12, rR9}}[:2*high]
	f.p("tile:")
	f.i("MOVQ R9, R12\n\tSHLQ $4, R12\n\tADDQ DI, R12\n\tMOVQ R8, R11\n\tSHLQ $4, R11\n\tADDQ SI, R11\n\tMOVQ SI, AX")
	f.i("MOVQ w+40(FP), BX\n\tLEAQ 64(BX), DX\n\tMOVQ steps+48(FP), CX")
	f.i("CMPQ add+64(FP), $0\n\tJEQ zero")
	for i, c := range cs {
		tileload(f, c, i)
	}
	f.i("JMP loop")
	f.p("zero:")
	for i := range cs {
		tilezero(f, i)
	}
	f.p("loop:")
	tileload(f, mem{0, rBX, rR10}, 6)
	tileload(f, mem{0, rAX, rR8}, 4)
	tdp(f, "TDPBF16PS", 4, 6, 0)
	tileload(f, mem{0, rDX, rR10}, 7)
	tdp(f, "TDPBF16PS", 4, 7, 1)
	if high == 2 {
		tileload(f, mem{0, rR11, rR8}, 5)
		tdp(f, "TDPBF16PS", 5, 6, 2)
		tdp(f, "TDPBF16PS", 5, 7, 3)
	}
	f.i("ADDQ $64, AX\n\tADDQ $64, R11\n\tADDQ $2048, BX\n\tADDQ $2048, DX\n\tDECQ CX\n\tJNZ loop")
	for i, c := range cs {
		tilestore(f, i, c)
	}
	f.i("MOVQ R8, AX\n\tSHLQ $%d, AX\n\tADDQ AX, SI\n\tMOVQ R9, AX\n\tSHLQ $%d, AX\n\tADDQ AX, DI\n\tDECQ R13\n\tJNZ tile", 3+high, 3+high)
	tilerelease(f)
	f.i("RET")
}
