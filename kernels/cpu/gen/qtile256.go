package main

import "fmt"

// Registers of the AVX2 tiles that are not accumulators: the mask of the first plane (for 8-bit weights
// the sign bits 0x80), words of ones, the mask of the second plane, and a temporary.
const (
	yMask = 15
	yOnes = 14
	yHigh = 13
	yTemp = 12
)

// yTable is the register of the table of levels, in layouts that have one; these use the register of products as the temporary.
const yTable = yTemp

// pass256 emits the tile of m tokens × 8·nv rows with AVX2, over all blocks; pass selects the rows.
//
// VPMADDUBSW multiplies unsigned weights by signed activations and adds pairs of products to 16 bits
// with saturation. Saturation must not occur, which depends on the bits of a weight:
//
//	up to 4 bits   a pair is at most 15·127·2 = 3810: the sum of eight pairs fits into 16 bits
//	5 and 6 bits   a pair is at most 63·127·2 = 16002: each is widened to 32 bits at once
//	8 bits, levels a pair could reach 255·127·2, which is too large. The sign of the weight is
//	               moved to the activation (VPSIGNB), so that a pair is at most 128·127·2 = 32512
//
// With AVX-VNNI, one VPDPBUSD does all of this without saturation.
func (t qshape) pass256(f *file, s isa, k qkind, pass int) {
	label := fmt.Sprintf("q%d_%d", t.m, pass)
	row := pass * t.nv * 8
	h := &half256{t, s, k, f, 2 * t.m * t.nv, row % 16, -1}
	if k.table {
		h.table()
	}
	h.constants()
	t.begin(f, s, k, row/16, row%16*4, label)
	for i := range k.halves {
		h.dots(i)
		h.fold(i)
	}
	t.end(f, s, k, 4*row, label)
}

// one256 emits the tile of one token × 32 rows. The time of such products is that of reading the weights, so it reads a panel in the order in which it
// lies in memory: the 16 rows of one group of a block, then those of the other. (With a pass for each group, every second block at a time, one
// thread read 10 GB/s instead of 24; Zen 4, SmolLM2 Q8_0.)
func (t qshape) one256(f *file, s isa, k qkind) {
	h := &half256{qshape{1, 2, 2}, s, k, f, 0, 0, 0}
	if k.table {
		h.table()
	}
	h.constants()
	t.begin(f, s, k, 0, 0, "q1")
	for h.group = range 2 {
		for i := range k.halves {
			h.dots(i)
			h.fold(i)
		}
	}
	t.end(f, s, k, 0, "q1")
}

// constants loads the masks and the words of ones.
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
	if h.s == avx2 {
		f.i("VPBROADCASTD ·ones16(SB), Y%d", yOnes)
	}
}

// signBits sets all bytes of register r to 0x80.
func signBits(f *file, r int) {
	f.i("MOVL $0x80808080, AX\n\tVMOVD AX, X%d\n\tVPBROADCASTD X%d, Y%d", r, r, r)
}

// half256 emits the code for the columns under one scale. Registers from free on hold: the weights of
// each v, a broadcast activation, a product, then the weights' magnitudes (or minima) of each v.
type half256 struct {
	qshape
	s    isa
	k    qkind
	f    *file
	free int
	row  int // first row of the pass within the group
	// group is the group of rows in a pass over both of them (one256), -1 in other passes. In such a pass the registers 0 and 1 are the integer
	// accumulators of both groups, 2 and 3 the weights, 4 to 7 the float32 accumulators, and 8 to 11 the others.
	group int
}

// w, bc, t and other return the registers described at half256: weights, broadcast, product, magnitudes or minima.
func (h *half256) w(v int) int {
	if h.group >= 0 {
		return 2 + v
	}
	return h.free + v
}
func (h *half256) bc() int         { return h.others() }
func (h *half256) t() int          { return h.others() + 1 }
func (h *half256) other(v int) int { return h.others() + 2 + v }

// others returns the first of the registers behind the weights.
func (h *half256) others() int {
	if h.group >= 0 {
		return 8
	}
	return h.free + h.nv
}

// total returns the register of a float32 accumulator.
func (h *half256) total(m, v int) int {
	if h.group >= 0 {
		return 4 + 2*h.group + v
	}
	return h.qshape.total(m, v)
}

// at returns the memory operand of byte off of the current block.
func (h *half256) at(off int) string {
	return fmt.Sprintf("%d(BX)", off+max(h.group, 0)*h.k.blockBytes())
}

// signed reports whether weights are used as signed bytes from which the zero point is already subtracted.
func (h *half256) signed() bool { return h.s == avx2 && h.k.wide() }

// short reports whether the products of a half fit into 16-bit accumulators.
func (h *half256) short() bool { return h.s == avx2 && h.k.bits <= 4 && !h.k.wide() }

// table loads the table of levels, less the zero point if weights are signed.
func (h *half256) table() {
	h.f.i("MOVQ table+72(FP), AX\n\tVBROADCASTI128 (AX), Y%d", yTable)
	if h.signed() {
		signBits(h.f, h.t())
		h.f.i("VPXOR Y%d, Y%d, Y%d", h.t(), yTable, yTable)
	}
}

// spare returns a register for the bits of the second plane.
func (h *half256) spare() int {
	if h.k.table {
		return h.t()
	}
	return yTemp
}

// dots computes the integer accumulators of half i, or of the whole block if it has one scale.
func (h *half256) dots(i int) {
	for m := range h.m {
		h.start(m, i)
	}
	n := 8 / h.k.halves
	for j := n * i; j < n*i+n; j++ {
		for v := range h.nv {
			h.weights(j, v)
		}
		for m := range h.m {
			h.f.i("VPBROADCASTD %s, Y%d", h.a(m, 4*j), h.bc())
			for v := range h.nv {
				h.dot(m, v)
			}
		}
	}
	if h.short() {
		h.widen(i)
	}
}

// start clears the integer accumulators of token m, or initialises them to -zero·Σa (see half512.start).
func (h *half256) start(m, i int) {
	r := h.sum(m, 0)
	if h.short() || h.signed() || h.k.zero == 0 {
		for v := range h.nv {
			h.f.i("VPXOR Y%d, Y%d, Y%d", r+v, r+v, r+v)
		}
		return
	}
	h.zero(r, m, i)
	for v := 1; v < h.nv; v++ {
		h.f.i("VMOVDQA Y%d, Y%d", r, r+v)
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
		h.f.i("VPBROADCASTD %s, Y%d\n\tVPSUBD Y%d, Y%d, Y%d", h.a(m, aNegFirst), h.bc(), h.bc(), r, r)
	}
	if h.k.zero > 1 {
		h.f.i("VPSLLD $%d, Y%d, Y%d", h.k.shift(), r, r)
	}
}

// weights emits the unpacking of dword j of rows v into bytes.
func (h *half256) weights(j, v int) {
	w := h.w(v)
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

// dot adds the products of the broadcast activations with the weights to the accumulator of token m, rows v.
func (h *half256) dot(m, v int) {
	t, r := h.t(), h.sum(m, v)
	switch {
	case h.s == vnni:
		vpdpbusd(h.f, h.bc(), h.w(v), r)
		return
	case h.short():
		h.f.i("VPMADDUBSW Y%d, Y%d, Y%d\n\tVPADDW Y%d, Y%d, Y%d", h.bc(), h.w(v), t, t, r, r)
		return
	case h.signed():
		h.f.i("VPSIGNB Y%d, Y%d, Y%d\n\tVPMADDUBSW Y%d, Y%d, Y%d", h.w(v), h.bc(), t, t, h.other(v), t)
	default:
		h.f.i("VPMADDUBSW Y%d, Y%d, Y%d", h.bc(), h.w(v), t)
	}
	h.f.i("VPMADDWD Y%d, Y%d, Y%d\n\tVPADDD Y%d, Y%d, Y%d", yOnes, t, t, t, r, r)
}

// widen converts the 16-bit accumulators to 32 bits and subtracts the zero point.
func (h *half256) widen(i int) {
	t := h.t()
	for m := range h.m {
		if h.k.zero > 0 {
			h.zero(t, m, i)
		}
		for v := range h.nv {
			r := h.sum(m, v)
			h.f.i("VPMADDWD Y%d, Y%d, Y%d", yOnes, r, r)
			if h.k.zero > 0 {
				h.f.i("VPADDD Y%d, Y%d, Y%d", t, r, r)
			}
		}
	}
}

// fold converts the int32 accumulators of half i to float32, multiplies them by the activation and weight
// scales, and adds them, and the minima's share, to the float32 accumulators.
func (h *half256) fold(i int) {
	at := h.k.quantBytes() + (h.k.scaleSize()-4)*h.row // BX points 4·row bytes into the block, scales begin at their own size times row
	for v := range h.nv {
		h.scales(at+h.k.scaleSize()*(16*i+8*v), h.w(v))
		if h.k.mins {
			h.f.i("VCVTPH2PS %s, Y%d", h.at(at+32*(h.k.halves+i)+16*v), h.other(v))
		}
	}
	for m := range h.m {
		h.f.i("VBROADCASTSS %s, Y%d", h.a(m, aScale), h.bc())
		for v := range h.nv {
			r := h.sum(m, v)
			h.f.i("VCVTDQ2PS Y%d, Y%d\n\tVMULPS Y%d, Y%d, Y%d", r, r, h.w(v), h.bc(), h.t())
			h.f.i("VFMADD231PS Y%d, Y%d, Y%d", h.t(), r, h.total(m, v))
		}
		if h.k.mins {
			h.min(m, i)
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
	op, t := "VFMADD231PS", h.t()
	switch {
	case h.k.halves == 1:
		h.f.i("VBROADCASTSS %s, Y%d", h.a(m, aSum), t)
	default:
		h.f.i("VPBROADCASTD %s, Y%d\n\tVCVTDQ2PS Y%d, Y%d\n\tVMULPS Y%d, Y%d, Y%d", h.a(m, aNegFirst), t, t, t, h.bc(), t, t)
		if i == 0 {
			op = "VFNMADD231PS"
		} else {
			h.f.i("VBROADCASTSS %s, Y%d\n\tVADDPS Y%d, Y%d, Y%d", h.a(m, aSum), h.bc(), h.bc(), t, t)
		}
	}
	for v := range h.nv {
		h.f.i("%s Y%d, Y%d, Y%d", op, t, h.other(v), h.total(m, v))
	}
}
