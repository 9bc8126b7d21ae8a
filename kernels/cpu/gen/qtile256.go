// The integer tile with AVX2. VPMADDUBSW multiplies unsigned weights with signed
// activations and adds pairs to 16 bits, saturating:
//
//	nibbles      at most 15·127·2 = 3810: eight of them fit into 16 bits
//	bytes < 32   at most 31·127·2 = 7874
//	bytes        up to 255·127·2, too large: the weight's sign goes to the activation
//	             (VPSIGNB), which leaves at most 128·127·2 = 32512
package main

import "fmt"

// Constants of the AVX2 tiles, beside the sums: nibble mask or sign bits, ones.
const (
	yMask = 15
	yOnes = 14
)

// pass256 emits m tokens × nv·8 rows.
func (t qshape) pass256(f *file, k qkind, pass int) {
	label := fmt.Sprintf("q%d_%d", t.m, pass)
	row := pass * t.nv * 8
	t.begin(f, avx2, row/16, row%16*4, label)
	mask := 0x0F0F0F0F
	if k.bits == 8 {
		mask = 0x80808080
	}
	f.i("MOVL $0x%08X, AX\n\tVMOVD AX, X15\n\tVPBROADCASTD X15, Y15\n\tVPBROADCASTD ·ones16(SB), Y14", mask)
	h := &half256{t, k, f, 2 * t.m * t.nv, row % 16}
	for i := range k.halves {
		h.dots(i)
		h.fold(i)
	}
	t.end(f, avx2, k, 4*row, label)
}

// half256 emits the columns under one scale. Registers from free on: weights of
// each v, a broadcast, a product, then magnitudes (or minima) of each v.
type half256 struct {
	qshape
	k    qkind
	f    *file
	free int
	row  int // first row within the group
}

func (h *half256) w(v int) int     { return h.free + v }
func (h *half256) bc() int         { return h.free + h.nv }
func (h *half256) t() int          { return h.free + h.nv + 1 }
func (h *half256) other(v int) int { return h.free + h.nv + 2 + v }

// dots computes the integer sums of half i, or of both halves under one scale.
func (h *half256) dots(i int) {
	from, to := 0, 8
	if h.k.halves == 2 {
		from, to = 4*i, 4*i+4
	}
	for m := range h.m {
		for v := range h.nv {
			r := h.sum(m, v)
			h.f.i("VPXOR Y%d, Y%d, Y%d", r, r, r)
		}
	}
	for j := from; j < to; j++ {
		h.weights(j)
		for m := range h.m {
			h.f.i("VPBROADCASTD %s, Y%d", h.a(m, 4*j), h.bc())
			for v := range h.nv {
				h.dot(m, v)
			}
		}
	}
	if h.k.bits == 4 {
		h.widen(i)
	}
}

// weights loads dword j of each v.
func (h *half256) weights(j int) {
	for v := range h.nv {
		w := h.w(v)
		switch {
		case h.k.bits == 4 && j < 4:
			h.f.i("VPAND %d(BX), Y%d, Y%d", 64*j+32*v, yMask, w)
		case h.k.bits == 4:
			h.f.i("VMOVDQU %d(BX), Y%d\n\tVPSRLW $4, Y%d, Y%d\n\tVPAND Y%d, Y%d, Y%d", 64*(j-4)+32*v, w, w, w, yMask, w, w)
		case h.k.shift > 0:
			h.f.i("VPXOR %d(BX), Y%d, Y%d\n\tVPABSB Y%d, Y%d", 64*j+32*v, yMask, w, w, h.other(v))
		default:
			h.f.i("VMOVDQU %d(BX), Y%d", 64*j+32*v, w)
		}
	}
}

// dot adds the products of the broadcast with the weights: in 16 bits for nibbles.
func (h *half256) dot(m, v int) {
	t, r := h.t(), h.sum(m, v)
	switch {
	case h.k.bits == 4:
		h.f.i("VPMADDUBSW Y%d, Y%d, Y%d\n\tVPADDW Y%d, Y%d, Y%d", h.bc(), h.w(v), t, t, r, r)
		return
	case h.k.shift > 0:
		h.f.i("VPSIGNB Y%d, Y%d, Y%d\n\tVPMADDUBSW Y%d, Y%d, Y%d", h.w(v), h.bc(), t, t, h.other(v), t)
	default:
		h.f.i("VPMADDUBSW Y%d, Y%d, Y%d", h.bc(), h.w(v), t)
	}
	h.f.i("VPMADDWD Y%d, Y%d, Y%d\n\tVPADDD Y%d, Y%d, Y%d", yOnes, t, t, t, r, r)
}

// widen turns the 16-bit sums of nibbles into 32-bit ones and takes the zero point off.
func (h *half256) widen(i int) {
	t := h.t()
	for m := range h.m {
		if h.k.shift > 0 {
			off := aNegSum
			if h.k.halves == 2 && i == 0 {
				off = aNegFirst
			}
			h.f.i("VPBROADCASTD %s, Y%d", h.a(m, off), t)
			if h.k.halves == 2 && i == 1 {
				h.f.i("VPBROADCASTD %s, Y%d\n\tVPSUBD Y%d, Y%d, Y%d", h.a(m, aNegFirst), h.bc(), h.bc(), t, t)
			}
			h.f.i("VPSLLD $%d, Y%d, Y%d", h.k.shift, t, t)
		}
		for v := range h.nv {
			r := h.sum(m, v)
			h.f.i("VPMADDWD Y%d, Y%d, Y%d", yOnes, r, r)
			if h.k.shift > 0 {
				h.f.i("VPADDD Y%d, Y%d, Y%d", t, r, r)
			}
		}
	}
}

// fold adds the integer sums, times the scales of half i, to the totals.
func (h *half256) fold(i int) {
	at := h.k.quantBytes() - 2*h.row // BX is 4·row into the block, scales are 2·row in
	for v := range h.nv {
		h.f.i("VCVTPH2PS %d(BX), Y%d", at+32*i+16*v, h.w(v))
		if h.k.mins {
			h.f.i("VCVTPH2PS %d(BX), Y%d", at+32*(h.k.halves+i)+16*v, h.other(v))
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

// min adds the minima of half i times the activations' sum: as in min16.
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
