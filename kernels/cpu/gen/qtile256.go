package main

import "fmt"

// Registers of the tiles with 256-bit registers that have a fixed place: the mask of the first plane (for 8-bit weights the sign bits 0x80), the mask
// of the second plane, and a temporary, which the layouts with levels use for their table. Besides, a tile has
//
//	Y0 …        integer accumulators of one group of rows: 32 bits; or 16 bits, and the 32-bit sums of the parts before (run) behind them
//	Y4 … Y7     float32 accumulators of both groups, if the tile has one token; those of more tokens are in memory
//	Y8, Y9      weights
//	Y10, Y11    a broadcast activation, a product
const (
	yMask      = 15
	yHigh      = 13
	yTable     = 12
	yTemp      = 12
	yProduct   = 11
	yBroadcast = 10
	yWeights   = 8
)

// tile256 emits the tile of m tokens × 32 rows, over all blocks. It multiplies the 16 rows of one group of a block, then those of the other, so that a
// panel is read in the order in which it lies in memory, which the hardware prefetcher follows. With a pass over the panel for 8 or 16 rows at a time
// one token took 2.4 times as long with weights in memory (Q8_0), eight tokens 1.1 to 1.5 times (Zen 4).
//
// VPMADDUBSW multiplies unsigned weights by signed activations and adds pairs of products to 16 bits
// with saturation. Saturation must not occur, which depends on the bits of a weight:
//
//	up to 4 bits   a pair is at most 15·127·2 = 3810: the sum of eight pairs fits into 16 bits
//	5 and 6 bits   a pair is at most 63·127·2 = 16002: the sum of four or two pairs fits, or each is widened to 32 bits at once
//	8 bits, levels a pair could reach 255·127·2, which is too large. The sign of the weight is
//	               moved to the activation (VPSIGNB), so that a pair is at most 128·127·2 = 32512
//
// With AVX-VNNI, one VPDPBUSD does all of this without saturation.
func tile256(f *file, s isa, k qkind, m int) {
	label := fmt.Sprintf("q%d", m)
	h := &half256{s: s, k: k, f: f, qshape: qshape{m: m, nv: 2}}
	if k.table {
		h.table()
	}
	h.constants()
	h.begin(label)
	for h.group = range 2 {
		for i := range k.halves {
			h.dots(i)
			h.fold(i)
		}
	}
	h.end(label)
}

// tokens256 returns the most tokens of a tile. Codes of levels in two planes leave no register for the fourth.
func tokens256(k qkind) int {
	if k.table && len(k.planes) > 1 {
		return 3
	}
	return 4
}

// ahead256 reports whether a tile of m tokens prefetches the next panel (see qshape.ahead).
func ahead256(k qkind, m int) bool { return m == 4 && tokens256(k) == 4 }

// streamAhead is how many bytes ahead a tile of one token prefetches the weights, which it reads once.
//
// Zen 3, mixture of 3B in Q4_0, tokens a second of builds in turn: 40.0 with one thread and 60.7 with two by the hardware prefetcher alone; 50.6 and
// 70.4 with PREFETCHNTA 2 KiB ahead; 65.6, 67.4 and 60.7 (two threads) 1, 3 and 4 KiB ahead; 48.1 and 66.1 with PREFETCHT0 2 KiB ahead.
const streamAhead = 2048

// stream prefetches lines of the panel, and of what follows it, into the first-level cache: part i of 16 of as many bytes as the blocks of both groups have.
func stream(f *file, k qkind, i int) {
	lines := (2*k.blockBytes() + 63) / 64
	for l := i * lines / 16; l < (i+1)*lines/16; l++ {
		f.i("PREFETCHNTA %d(BX)", streamAhead+64*l)
	}
}

// half256 emits the code for the columns under one scale of a group of rows.
type half256 struct {
	qshape
	s     isa
	k     qkind
	f     *file
	group int
}

// begin points the registers at the first block, clears the float32 accumulators and opens the loop over the blocks. R9 points to the accumulators in
// memory, [m][32].
func (h *half256) begin(label string) {
	f := h.f
	f.i("MOVQ w+32(FP), BX\n\tMOVQ SI, R12")
	if h.m > 3 {
		f.i("LEAQ (R10)(R10*2), AX\n\tLEAQ (R12)(AX*1), R11")
	}
	if h.m == 1 {
		for x := range 4 {
			f.i("VXORPS Y%d, Y%[1]d, Y%[1]d", h.total(x/2, x%2))
		}
	} else {
		f.i("VXORPS Y0, Y0, Y0")
		for x := range 4 * h.m {
			f.i("VMOVUPS Y0, %d(R9)", 32*x)
		}
	}
	f.i("MOVQ nb+40(FP), CX")
	f.p("%s:", label)
}

// end closes the loop and stores the results, multiplied by scale, in c, or adds them to c.
func (h *half256) end(label string) {
	f := h.f
	for _, base := range h.bases() {
		f.i("ADDQ $%d, %s", aBytes, base)
	}
	if ahead256(h.k, h.m) {
		f.i("ADDQ R15, R14")
	}
	f.i("ADDQ $%d, BX\n\tDECQ CX\n\tJNZ %s", 2*h.k.blockBytes(), label)
	if h.m == 1 {
		for x := range 4 {
			f.i("VMOVUPS Y%d, %d(R9)", h.total(x/2, x%2), 32*x)
		}
	}
	f.i("VBROADCASTSS scale+56(FP), Y0\n\tMOVQ DI, R12\n\tMOVQ R9, R11\n\tMOVQ $%d, CX", h.m)
	f.p("%s_row:", label)
	for x := range 4 {
		f.i("VMULPS %d(R11), Y0, Y%d", 32*x, 1+x)
	}
	f.i("CMPQ add+64(FP), $0\n\tJEQ %s_store", label)
	for x := range 4 {
		f.i("VADDPS %d(R12), Y%d, Y%[2]d", 32*x, 1+x)
	}
	f.p("%s_store:", label)
	for x := range 4 {
		f.i("VMOVUPS Y%d, %d(R12)", 1+x, 32*x)
	}
	f.i("ADDQ DX, R12\n\tADDQ $128, R11\n\tDECQ CX\n\tJNZ %s_row", label)
}

// constants loads the masks.
func (h *half256) constants() {
	f, k := h.f, h.k
	switch {
	case k.bits < 8:
		f.i("VPBROADCASTD %s, Y%d", maskAt(byte(1<<k.planes[0].width-1)), yMask)
	case h.s == avx2:
		signBits(f, yMask)
	}
	if len(k.planes) > 1 {
		_, _, mask := k.planes[1].field(0)
		f.i("VPBROADCASTD %s, Y%d", maskAt(mask), yHigh)
	}
}

// signBits sets all bytes of register r to 0x80.
func signBits(f *file, r int) {
	f.i("MOVL $0x80808080, AX\n\tVMOVD AX, X%d\n\tVPBROADCASTD X%d, Y%d", r, r, r)
}

// total returns the register of a float32 accumulator of a tile of one token; inMemory that of a tile of more.
func (h *half256) total(group, v int) int { return 4 + 2*group + v }
func (h *half256) inMemory(m, v int) string {
	return fmt.Sprintf("%d(R9)", 128*m+64*h.group+32*v)
}

// part returns the register of the 32-bit sum of the parts before; see run.
func (h *half256) part(m, v int) int { return 2*h.m + h.sum(m, v) }

// other returns a register for the magnitudes of weights, or for minima, of vector v.
func (h *half256) other(v int) int {
	switch {
	case v == 1:
		return 14
	case h.k.mins:
		return yTemp
	case len(h.k.planes) == 1:
		return yHigh
	case h.m == 1:
		return 2
	}
	return yWeights - 1
}

// at returns the memory operand of byte off of the current block.
func (h *half256) at(off int) string {
	return fmt.Sprintf("%d(BX)", off+h.group*h.k.blockBytes())
}

// signed reports whether weights are used as signed bytes from which the zero point is already subtracted.
func (h *half256) signed() bool { return h.s == avx2 && h.k.wide() }

// run returns how many dwords of products are added in 16 bits before they are widened: all that fit, or one if there are no registers for the sums.
func (h *half256) run() int {
	n := min(8/h.k.halves, many{k: h.k}.run())
	if h.k.wide() || n < 8/h.k.halves && h.m > 2 {
		return 1
	}
	return n
}

// table loads the table of levels, less the zero point if weights are signed.
func (h *half256) table() {
	h.f.i("MOVQ table+72(FP), AX\n\tVBROADCASTI128 (AX), Y%d", yTable)
	if h.signed() {
		signBits(h.f, yProduct)
		h.f.i("VPXOR Y%d, Y%d, Y%[2]d", yProduct, yTable)
	}
}

// spare returns a register for the bits of the second plane.
func (h *half256) spare() int {
	if h.k.table {
		return yProduct
	}
	return yTemp
}

// dots computes the integer accumulators of half i, or of the whole block if it has one scale.
func (h *half256) dots(i int) {
	n := 8 / h.k.halves
	if h.s == vnni {
		h.start(i)
	}
	run := h.run()
	for d := range n {
		if ahead256(h.k, h.m) {
			prefetch(h.f, h.k, 8*h.group+n*i+d)
		}
		if h.m == 1 && h.s == avx2 {
			stream(h.f, h.k, 8*h.group+n*i+d)
		}
		for v := range 2 {
			h.weights(n*i+d, v)
		}
		for m := range h.m {
			h.f.i("VPBROADCASTD %s, Y%d", h.a(m, 4*(n*i+d)), yBroadcast)
			h.dot(m, d%run == 0, d == 0)
		}
		if h.s == avx2 && run > 1 && d%run == run-1 {
			h.widen(d == run-1, d == n-1)
		}
	}
	if h.s == avx2 && !h.signed() && h.k.zero > 0 {
		h.less(i)
	}
}

// start initialises the integer accumulators to -zero·Σa (see half512.start).
func (h *half256) start(i int) {
	for m := range h.m {
		r := h.sum(m, 0)
		if h.k.zero == 0 {
			h.f.i("VPXOR Y%d, Y%[1]d, Y%[1]d", r)
		} else {
			h.zero(r, m, i)
		}
		h.f.i("VMOVDQA Y%d, Y%d", r, r+1)
	}
}

// less adds -zero·Σa to the integer accumulators.
func (h *half256) less(i int) {
	for m := range h.m {
		h.zero(yProduct, m, i)
		for v := range 2 {
			h.f.i("VPADDD Y%d, Y%d, Y%[2]d", yProduct, h.sum(m, v))
		}
	}
}

// zero sets register r to -zero·Σa of half i of token m.
func (h *half256) zero(r, m, i int) {
	off := aNegSum
	if h.k.halves == 2 && i == 0 {
		off = aNegFirst
	}
	h.f.i("VPBROADCASTD %s, Y%d", h.a(m, off), r)
	if h.k.halves == 2 && i == 1 {
		h.f.i("VPBROADCASTD %s, Y%d\n\tVPSUBD Y%[2]d, Y%d, Y%[3]d", h.a(m, aNegFirst), yBroadcast, r)
	}
	if h.k.zero > 1 {
		h.f.i("VPSLLD $%d, Y%d, Y%[2]d", h.k.shift(), r)
	}
}

// weights emits the unpacking of dword j of rows v into bytes.
func (h *half256) weights(j, v int) {
	w := yWeights + v
	if h.signed() && !h.k.table {
		h.f.i("VPXOR %s, Y%d, Y%d\n\tVPABSB Y%d, Y%d", h.at(64*j+32*v), yMask, w, w, h.other(v))
		return
	}
	h.planes(j, v, w)
	if !h.k.table {
		return
	}
	h.f.i("VPSHUFB Y%d, Y%d, Y%d", w, yTable, w)
	if h.signed() {
		h.f.i("VPABSB Y%d, Y%d", w, h.other(v))
	}
}

// planes emits the combination of the bits of all planes in register w.
func (h *half256) planes(j, v, w int) {
	for i, p := range h.k.planes {
		off, right, _ := p.field(j)
		from := h.at(off + 32*v)
		x, mask := w, yMask
		if i > 0 {
			x, mask = h.spare(), yHigh
		}
		switch {
		case p.width == 8:
			h.f.i("VMOVDQU %s, Y%d", from, w)
			continue
		case right > 0:
			h.f.i("VMOVDQU %s, Y%d\n\tVPSRLW $%d, Y%d, Y%d\n\tVPAND Y%d, Y%d, Y%d", from, x, right, x, x, mask, x, x)
		case right < 0:
			h.f.i("VMOVDQU %s, Y%d\n\tVPSLLW $%d, Y%d, Y%d\n\tVPAND Y%d, Y%d, Y%d", from, x, -right, x, x, mask, x, x)
		default:
			h.f.i("VPAND %s, Y%d, Y%d", from, mask, x)
		}
		if i > 0 {
			h.f.i("VPOR Y%d, Y%d, Y%d", x, w, w)
		}
	}
}

// dot adds the products of the broadcast activations with the weights to the accumulators of token m, or stores them in them: in those of a run if
// they are the first of the run, in those of the half if they are the first of all. Each step is done for both vectors of rows before the next one, so that
// multiplications come before additions (see many.product).
func (h *half256) dot(m int, first, all bool) {
	f, products := h.f, [2]int{yProduct, yBroadcast}
	each := func(g func(v, t, w, r int)) {
		for v, t := range products {
			g(v, t, yWeights+v, h.sum(m, v))
		}
	}
	switch {
	case h.s == vnni:
		each(func(_, _, w, r int) { vpdpbusd(f, yBroadcast, w, r) })
		return
	case h.run() > 1 && first:
		each(func(_, _, w, r int) { f.i("VPMADDUBSW Y%d, Y%d, Y%d", yBroadcast, w, r) })
		return
	case h.run() > 1:
		each(func(_, t, w, _ int) { f.i("VPMADDUBSW Y%d, Y%d, Y%d", yBroadcast, w, t) })
		each(func(_, t, _, r int) { f.i("VPADDW Y%d, Y%d, Y%[2]d", t, r) })
		return
	case h.signed():
		each(func(_, t, w, _ int) { f.i("VPSIGNB Y%d, Y%d, Y%d", w, yBroadcast, t) })
		each(func(v, t, _, _ int) { f.i("VPMADDUBSW Y%d, Y%d, Y%[1]d", t, h.other(v)) })
	default: // here that order is slower (five and six bits, four tokens)
		each(func(_, _, w, r int) {
			f.i("VPMADDUBSW Y%d, Y%d, Y%d", yBroadcast, w, yProduct)
			widenProduct(f, yProduct, r, all)
		})
		return
	}
	if all {
		each(func(_, t, _, r int) { widenProduct(f, t, r, true) })
		return
	}
	each(func(_, t, _, _ int) { f.i("VPMADDWD ·ones256(SB), Y%d, Y%[1]d", t) })
	each(func(_, t, _, r int) { f.i("VPADDD Y%d, Y%d, Y%[2]d", t, r) })
}

// widenProduct adds pairs of the 16-bit products of register t to those of r, or, with all, stores them in r.
func widenProduct(f *file, t, r int, all bool) {
	if all {
		f.i("VPMADDWD ·ones256(SB), Y%d, Y%d", t, r)
		return
	}
	f.i("VPMADDWD ·ones256(SB), Y%d, Y%[1]d\n\tVPADDD Y%[1]d, Y%d, Y%[2]d", t, r)
}

// widen converts the sums of a run to 32 bits and adds those of the runs before.
func (h *half256) widen(first, last bool) {
	for m := range h.m {
		for v := range 2 {
			widen16(h.f, h.sum(m, v), h.part(m, v), first, last)
		}
	}
}

// fold converts the int32 accumulators of half i to float32, multiplies them by the activation and weight
// scales, and adds them, and the minima's share, to the float32 accumulators.
func (h *half256) fold(i int) {
	f, k := h.f, h.k
	for v := range 2 {
		h.scales(k.quantBytes()+k.scaleSize()*(16*i+8*v), yWeights+v)
		if k.mins {
			f.i("VCVTPH2PS %s, Y%d", h.at(k.quantBytes()+32*(k.halves+i)+16*v), h.other(v))
		}
	}
	for m := range h.m {
		f.i("VBROADCASTSS %s, Y%d", h.a(m, aScale), yBroadcast)
		for v := range 2 {
			r := h.sum(m, v)
			f.i("VCVTDQ2PS Y%d, Y%[1]d\n\tVMULPS Y%d, Y%d, Y%d", r, yWeights+v, yBroadcast, yProduct)
			if h.m == 1 {
				f.i("VFMADD231PS Y%d, Y%d, Y%d", yProduct, r, h.total(h.group, v))
			} else {
				f.i("VFMADD213PS %s, Y%d, Y%d", h.inMemory(m, v), yProduct, r)
			}
		}
		if k.mins {
			h.min(m, i)
		}
		if h.m > 1 {
			for v := range 2 {
				f.i("VMOVUPS Y%d, %s", h.sum(m, v), h.inMemory(m, v))
			}
		}
	}
}

// scales converts the eight scales at byte off to float32 in register r.
func (h *half256) scales(off, r int) {
	if h.k.powers {
		h.f.i("VPMOVZXBD %s, Y%d\n\tVPSLLD $23, Y%d, Y%d", h.at(off), r, r, r)
		return
	}
	h.f.i("VCVTPH2PS %s, Y%d", h.at(off), r)
}

// min adds the minima of half i multiplied by the sum of its activations, as half512.min16 does.
func (h *half256) min(m, i int) {
	op, t := "VFMADD231PS", yProduct
	switch {
	case h.k.halves == 1:
		h.f.i("VBROADCASTSS %s, Y%d", h.a(m, aSum), t)
	default:
		h.f.i("VPBROADCASTD %s, Y%d\n\tVCVTDQ2PS Y%[2]d, Y%[2]d\n\tVMULPS Y%[2]d, Y%d, Y%[2]d", h.a(m, aNegFirst), t, yBroadcast)
		if i == 0 {
			op = "VFNMADD231PS"
		} else {
			h.f.i("VBROADCASTSS %s, Y%d\n\tVADDPS Y%[2]d, Y%d, Y%[3]d", h.a(m, aSum), yBroadcast, t)
		}
	}
	for v := range 2 {
		r := h.sum(m, v)
		if h.m == 1 {
			r = h.total(h.group, v)
		}
		h.f.i("%s Y%d, Y%d, Y%d", op, t, h.other(v), r)
	}
}
