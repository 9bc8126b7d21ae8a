package main

import (
	"fmt"
	"math/bits"
)

const (
	qArgs      = "(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int)"
	qTableArgs = "(c *float32, ldc int, a *block, lda int, w *byte, nb, m int, scale float32, add int, table *levels)"
)

// qkind describes an integer weight layout to the generator. It holds the same facts as type layout
// in layout.go: bits of a value, bit planes, zero point, scales for 32 columns (halves), whether the layout has
// minima, whether its integers are codes of a table of levels, and whether its scales are powers of two.
//
// A kernel of a layout with levels has a further argument, the table, and looks up each byte in it after it has unpacked
// the code. From then on its weights are those of q8s32.
//
// The microkernels of this file compute the integer tile: m tokens × 32 rows of weights. One iteration
// of the inner loop multiplies one block, which is 32 columns.
type qkind struct {
	name   string
	bits   int
	planes []plane
	zero   int // zero point, a power of two; 0 if the layout has none
	halves int
	mins   bool
	table  bool // codes, which the kernel replaces by levels: integers of 8 bits with the zero point 128
	powers bool // scales are exponents of one byte
}

// plane is a bit plane: it holds width bits of each integer, the lowest of which has weight 2^shift,
// and starts at byte off of a block. Dword j of a row is its four columns 4j … 4j+3, one byte each.
// The plane's bits of dword j are in 64-byte vector j mod width, from bit width·⌊j/width⌋ of each
// byte on.
type plane struct{ width, shift, off int }

var qkinds = []qkind{
	{name: "q2a16", bits: 2, planes: []plane{{2, 0, 0}}, halves: 2, mins: true},
	{name: "q3s16", bits: 3, planes: []plane{{2, 0, 0}, {1, 2, 128}}, zero: 4, halves: 2},
	{name: "q4s32", bits: 4, planes: []plane{{4, 0, 0}}, zero: 8, halves: 1},
	{name: "q4a32", bits: 4, planes: []plane{{4, 0, 0}}, halves: 1, mins: true},
	{name: "q5s32", bits: 5, planes: []plane{{4, 0, 0}, {1, 4, 256}}, zero: 16, halves: 1},
	{name: "q5a32", bits: 5, planes: []plane{{4, 0, 0}, {1, 4, 256}}, halves: 1, mins: true},
	{name: "q6s16", bits: 6, planes: []plane{{4, 0, 0}, {2, 4, 256}}, zero: 32, halves: 2},
	{name: "q8s32", bits: 8, planes: []plane{{8, 0, 0}}, zero: 128, halves: 1},
	{name: "q2s32", bits: 2, planes: []plane{{2, 0, 0}}, zero: 1, halves: 1},
	{name: "t3s32", bits: 3, planes: []plane{{2, 0, 0}, {1, 2, 128}}, zero: 128, halves: 1, table: true},
	{name: "t3s16", bits: 3, planes: []plane{{2, 0, 0}, {1, 2, 128}}, zero: 128, halves: 2, table: true},
	{name: "t4s32", bits: 4, planes: []plane{{4, 0, 0}}, zero: 128, halves: 1, table: true},
	{name: "t4s16", bits: 4, planes: []plane{{4, 0, 0}}, zero: 128, halves: 2, table: true},
	{name: "t4e32", bits: 4, planes: []plane{{4, 0, 0}}, zero: 128, halves: 1, table: true, powers: true},
}

// quantBytes returns the size of the bit planes of a block.
func (k qkind) quantBytes() int { return 64 * k.bits }

// blockBytes returns the size of a block of 16 rows × 32 columns.
func (k qkind) blockBytes() int {
	n := k.quantBytes() + 16*k.scaleSize()*k.halves
	if k.mins {
		n += 32 * k.halves
	}
	return n
}

// scaleSize returns the size of a scale.
func (k qkind) scaleSize() int {
	if k.powers {
		return 1
	}
	return 2
}

// wide reports whether the kernel multiplies with integers of 8 bits.
func (k qkind) wide() bool { return k.bits == 8 || k.table }

// shift returns the logarithm of the zero point.
func (k qkind) shift() int { return bits.TrailingZeros(uint(k.zero)) }

// text begins the function of a layout for one instruction set; frame is the size of its stack frame.
func (k qkind) text(f *file, isa string, frame int) {
	args, size, flags := qArgs, 72, "NOSPLIT"
	if k.table {
		args, size = qTableArgs, 80
	}
	if frame > 0 {
		flags = "0"
	}
	f.p("\n// func %s%s%s", k.name, isa, args)
	f.p("TEXT ·%s%s(SB), %s, $%d-%d", k.name, isa, flags, frame, size)
}

// field returns where the plane's bits of dword j are: in the vector at byte off of the block. The
// vector must be shifted right by right bits (left if right is negative), then each byte must be
// masked with mask.
func (p plane) field(j int) (off, right int, mask byte) {
	return p.off + 64*(j%p.width), p.width*(j/p.width) - p.shift, byte(1<<p.width-1) << p.shift
}

// masks are the byte masks that the kernels need. Each is stored as a dword of four equal bytes in qMasks.
var masks = []byte{0x0f, 0x03, 0x10, 0x30, 0x04}

// maskAt returns the memory operand of the dword that holds mask m.
func maskAt(m byte) string {
	for i, v := range masks {
		if v == m {
			return fmt.Sprintf("·qMasks+%d(SB)", 4*i)
		}
	}
	panic("mask")
}

// Byte offsets in a block of activations, after its 32 int8 values (type block in block.go): the scale,
// -Σ of the 32 integers, the sum of the dequantized values as a float32, and -Σ of the first 16 integers.
const (
	aScale, aNegSum, aSum, aNegFirst = 32, 36, 40, 44
	aBytes                           = 48
)

// qtiles writes the integer microkernels of amd64.
func qtiles(f *file) {
	f.p("\n// Masks of fields.")
	for i, m := range masks {
		f.p("DATA ·qMasks+%d(SB)/4, $0x%08X", 4*i, uint32(m)*0x01010101)
	}
	f.p("GLOBL ·qMasks(SB), RODATA|NOPTR, $%d", 4*len(masks))
	for _, k := range qkinds {
		for _, s := range []isa{avx512, avx2, vnni} {
			qtile(f, s, k)
		}
	}
}

// qtile emits the function that multiplies m tokens with a panel of 32 rows. It processes the tokens in
// the largest tiles that fit. Registers of AVX-512 (half256 has those of the others):
//
//	DI, DX        c of the first token left, ldc in bytes
//	SI, R10       a of the first token left, lda in bytes
//	R12, R11, R8  a of tokens 0, 3 and 6 of the tile, at the current block
//	BX, R9        weights of the current block of the two groups of 16 rows
//	CX            blocks left
//	R13           tokens left
//	R14, R15      what is prefetched, and by how much that advances with a block
func qtile(f *file, s isa, k qkind) {
	frame := 0
	if s != avx512 {
		frame = 4*128 + 32
	}
	k.text(f, s.name, frame)
	f.i("MOVQ c+0(FP), DI\n\tMOVQ ldc+8(FP), DX\n\tMOVQ a+16(FP), SI\n\tMOVQ lda+24(FP), R10\n\tMOVQ m+48(FP), R13")
	tokens := []int{8, 6, 4, 3, 2, 1}
	if s == avx512 {
		pace(f, k, 3)
	} else {
		f.i("LEAQ 31(SP), R9\n\tANDQ $~31, R9")
		tokens = []int{4, 3, 2, 1}[4-tokens256(k):]
		if ahead256(k, tokens[0]) {
			pace(f, k, 2)
		}
	}
	for i, m := range tokens {
		next := "done"
		if i+1 < len(tokens) {
			next = fmt.Sprintf("tile%d", tokens[i+1])
		}
		f.p("tile%d:", m)
		f.i("CMPQ R13, $%d\n\tJLT %s", m, next)
		if s == avx512 {
			qshape{m, 2, max(m, 2)}.pass512(f, k)
		} else {
			tile256(f, s, k, m)
		}
		f.i("IMUL3Q $%d, R10, AX\n\tADDQ AX, SI\n\tIMUL3Q $%d, DX, AX\n\tADDQ AX, DI\n\tSUBQ $%d, R13\n\tJMP tile%d", m, m, m, m)
	}
	f.p("done:")
	f.i("VZEROUPPER\n\tRET")
}

// qshape is the register blocking of a tile: m tokens × nv vector registers of rows. The first registers are the int32 accumulators,
// those from floats on the float32 accumulators.
type qshape struct{ m, nv, floats int }

// sum and total return the registers of the two accumulators of token m, rows v.
func (t qshape) sum(m, v int) int   { return m*t.nv + v }             // register of the int32 accumulator
func (t qshape) total(m, v int) int { return t.floats + t.sum(m, v) } // register of the float32 accumulator

// bases returns the registers that point to the activations of tokens 0, 3 and 6, as far as the tile has them.
func (t qshape) bases() []string { return []string{"R12", "R11", "R8"}[:(t.m+2)/3] }

// a returns the memory operand at byte off of the current activation block of token m.
func (t qshape) a(m, off int) string {
	return fmt.Sprintf("%d(%s)%s", off, t.bases()[m/3], []string{"", "(R10*1)", "(R10*2)"}[m%3])
}

// begin emits the start of a tile with 512-bit registers: it points the registers at the first block, clears the float32 accumulators and opens the loop.
func (t qshape) begin(f *file, k qkind, label string) {
	f.i("MOVQ w+32(FP), BX\n\tLEAQ %d(BX), R9\n\tMOVQ SI, R12", k.blockBytes())
	if t.m > 3 {
		f.i("LEAQ (R10)(R10*2), AX")
	}
	for i, base := range t.bases()[1:] {
		f.i("LEAQ (%s)(AX*1), %s", t.bases()[i], base)
	}
	t.each(func(_, _, r int) { f.i("VXORPS Z%d, Z%d, Z%d", r, r, r) })
	f.i("MOVQ nb+40(FP), CX")
	f.p("%s:", label)
}

// each calls g for every token and vector of rows, with the register of its float32 accumulator.
func (t qshape) each(g func(m, v, total int)) {
	for m := range t.m {
		for v := range t.nv {
			g(m, v, t.total(m, v))
		}
	}
}

// end emits the end of the tile: it advances to the next block, and after the last one multiplies the accumulators by scale and stores them in c, or adds
// them to c.
func (t qshape) end(f *file, k qkind, label string) {
	for _, base := range t.bases() {
		f.i("ADDQ $%d, %s", aBytes, base)
	}
	f.i("ADDQ $%d, BX\n\tADDQ $%[1]d, R9", 2*k.blockBytes())
	if t.ahead() {
		f.i("ADDQ R15, R14")
	}
	f.i("DECQ CX\n\tJNZ %s", label)
	f.i("VBROADCASTSS scale+56(FP), Z0")
	t.each(func(_, _, r int) { f.i("VMULPS Z0, Z%d, Z%d", r, r) })
	f.i("MOVQ DI, R12\n\tCMPQ add+64(FP), $0\n\tJEQ %s_store", label)
	row := func(v int) { // advances to the next token behind the last vector of one
		if v == t.nv-1 {
			f.i("ADDQ DX, R12")
		}
	}
	t.each(func(_, v, r int) {
		f.i("VADDPS %d(R12), Z%d, Z%d", 64*v, r, r)
		row(v)
	})
	f.i("MOVQ DI, R12")
	f.p("%s_store:", label)
	t.each(func(_, v, r int) {
		f.i("VMOVUPS Z%d, %d(R12)", r, 64*v)
		row(v)
	})
}

// pass512 emits a tile of both groups (32 rows) with AVX512-VNNI. VPDPBUSD adds the products of four
// columns directly to the int32 accumulators, which cannot overflow.
//
// The rows of one group are multiplied after those of the other, so that a panel is read in the order in which it lies in memory, which the hardware
// prefetcher follows (8-bit weights, six tokens, Zen 4, one thread: 26 GB/s, instead of 7 where the groups alternate, and 16 with software prefetch besides).
// The activations of several tokens are read twice for that, but need no registers, so that up to eight tokens share the unpacking of a weight.
func (t qshape) pass512(f *file, k qkind) {
	label := fmt.Sprintf("q%d", t.m)
	if k.table {
		f.i("MOVQ table+72(FP), AX\n\tVBROADCASTI32X4 (AX), Z%d", zTable)
	}
	h := &half512{t, k, f, t.total(t.m, 0), 0, t.m == 1}
	if k.bits < 8 {
		f.i("VPBROADCASTD %s, Z31", maskAt(byte(1<<k.planes[0].width-1)))
	}
	if h.high() {
		f.i("VPSLLD $4, Z31, Z%d", zHigh)
	}
	t.begin(f, k, label)
	if h.one {
		h.oneToken()
	} else {
		for v := range 2 {
			h.tokens(v)
		}
	}
	t.end(f, k, label)
}

// oneToken emits the products of a block of both groups with one token.
func (h *half512) oneToken() {
	n := 8 / h.k.halves
	for i := range h.k.halves {
		for v := range 2 {
			h.start(i, v)
		}
		h.single(n*i, n)
		for v := range 2 {
			h.fold(i, v)
		}
	}
}

// tokens emits the products of a block of group v with several tokens.
func (h *half512) tokens(v int) {
	n := 8 / h.k.halves
	for i := range h.k.halves {
		h.start(i, v)
		for j := n * i; j < n*i+n; j++ {
			if h.ahead() {
				prefetch(h.f, h.k, 8*v+j)
			}
			h.weight(j, v)
			for m := range h.m {
				h.f.i("VPDPBUSD.BCST %s, Z%d, Z%d", h.a(m, 4*j), h.w(j), h.sum(m, v))
			}
		}
		h.fold(i, v)
	}
}

// half512 emits the code for the columns under one scale: all 32 columns of a block, or 16 of them.
// The registers free and free+1 hold the weights, alternately, those behind them temporaries. The int32 accumulators are those of one group,
// unless the tile has one token.
// Z31 holds the mask of the first plane, Z30 the table of levels.
type half512 struct {
	qshape
	k    qkind
	f    *file
	free int
	n    int  // number of temporaries taken so far
	one  bool // the tile of one token
}

// zTable is the register of the table of levels. A tile of one token has its activations in eight registers from zActivations on; if it is high,
// zHigh is the mask of the high nibbles, and the vectors of weights are in four registers from zLoaded on.
const (
	zTable       = 30
	zActivations = 16
	zLoaded      = 24
	zHigh        = 30
)

// base returns the register that points to the current block of group v.
func (h *half512) base(v int) string { return []string{"BX", "R9"}[v] }

// temp returns the next register for a temporary value, in rotation.
func (h *half512) temp() int {
	first, end := h.free+2, 31
	switch {
	case h.one:
		end = zActivations
	case h.k.table:
		end = zTable
	}
	h.n++
	return first + h.n%(end-first)
}

// ahead reports whether the tile prefetches the next panel, which begins where this one ends. A tile of so many tokens takes longer for a panel than
// reading the next one does, but the hardware prefetcher does not keep up with it (8-bit weights, eight tokens, Zen 4: 1.51 µs instead of 1.09; with
// PREFETCHT0 1.73).
func (t qshape) ahead() bool { return t.m >= 6 }

// pace emits the computation of R14, where prefetching begins, and R15, by how much it advances with each block. A panel that is multiplied with
// several tiles of the most tokens, 1<<log, is prefetched that many times as slowly.
func pace(f *file, k qkind, log int) {
	f.i("MOVQ nb+40(FP), R14\n\tIMULQ $%d, R14\n\tADDQ w+32(FP), R14", 2*k.blockBytes())
	f.i("MOVQ $%d, R15\n\tMOVQ R13, R8\n\tSHRQ $%d, R8\n\tCMPQ R8, $1\n\tJLE tile%d", 2*k.blockBytes(), log, 1<<log)
	f.i("MOVQ R15, AX\n\tMOVQ DX, R11\n\tXORQ DX, DX\n\tDIVQ R8\n\tMOVQ AX, R15\n\tMOVQ R11, DX")
}

// prefetch prefetches lines of the next panel into the second-level cache: part i of 16 of as many bytes as the blocks of both groups have.
func prefetch(f *file, k qkind, i int) {
	lines := (2*k.blockBytes() + 63) / 64
	for l := i * lines / 16; l < (i+1)*lines/16; l++ {
		f.i("PREFETCHT1 %d(R14)", 64*l)
	}
}

// sum returns the register of the int32 accumulator of token m.
func (h *half512) sum(m, v int) int {
	if h.one {
		return v
	}
	return m
}

// start initialises the int32 accumulators of half i of group v to -zero·Σa. That subtracts the zero point, since
// Σ(q-zero)·a = Σq·a - zero·Σa.
func (h *half512) start(i, v int) {
	for m := range h.m {
		r := h.sum(m, v)
		switch {
		case h.k.zero == 0:
			h.f.i("VPXORD Z%d, Z%d, Z%d", r, r, r)
		case h.k.halves == 1:
			h.f.i("VPBROADCASTD %s, Z%d", h.a(m, aNegSum), r)
		case i == 0:
			h.f.i("VPBROADCASTD %s, Z%d", h.a(m, aNegFirst), r)
		default:
			h.f.i("VPBROADCASTD %s, Z%d\n\tVPSUBD.BCST %s, Z%d, Z%d", h.a(m, aNegSum), r, h.a(m, aNegFirst), r, r)
		}
		if h.k.zero > 1 {
			shift := h.k.shift()
			if h.high() {
				shift += 4
			}
			h.f.i("VPSLLD $%d, Z%d, Z%d", shift, r, r)
		}
	}
}

// w returns the register that holds dword j of the weights of a group.
func (h *half512) w(j int) int { return h.free + j%2 }

// single emits dwords j … j+n-1 of a tile of one token: first all of one group, then all of the other, in the
// order in which they lie in memory. The activations of both are loaded once.
func (h *half512) single(j, n int) {
	for i := j; i < j+n; i++ {
		h.f.i("VPBROADCASTD %s, Z%d", h.a(0, 4*i), zActivations+i)
	}
	for v := range 2 {
		if h.high() {
			h.nibbles(v)
			continue
		}
		for i := j; i < j+n; i++ {
			h.weight(i, v)
			h.f.i("VPDPBUSD Z%d, Z%d, Z%d", zActivations+i, h.w(i), h.sum(0, v))
		}
	}
}

// high reports whether the tile multiplies with the high nibbles where they are, which are 16 times their value: it has one token, whose time is that of
// unpacking.
func (h *half512) high() bool { return h.one && h.k.bits == 4 && h.k.halves == 1 && !h.k.table }

// nibbles emits the products of group v with weights of four bits: those of the high nibbles, which are then divided by 16, and those of the low
// ones. Each vector of weights is loaded once.
func (h *half512) nibbles(v int) {
	sum := h.sum(0, v)
	for i := range 4 {
		x, w := zLoaded+i, h.temp()
		h.f.i("VMOVDQU32 %d(%s), Z%d\n\tVPANDD Z%d, Z%d, Z%d", 64*i, h.base(v), x, zHigh, x, w)
		h.f.i("VPDPBUSD Z%d, Z%d, Z%d", zActivations+4+i, w, sum)
	}
	h.f.i("VPSRAD $4, Z%d, Z%[1]d", sum)
	for i := range 4 {
		w := h.temp()
		h.f.i("VPANDD Z31, Z%d, Z%d\n\tVPDPBUSD Z%d, Z%d, Z%d", zLoaded+i, w, zActivations+i, w, sum)
	}
}

// weight emits the unpacking of dword j of group v into bytes: it combines the bits of all planes, and looks up levels.
func (h *half512) weight(j, v int) {
	w := h.w(j)
	h.planes(j, v, w)
	if h.k.table {
		h.f.i("VPSHUFB Z%d, Z%d, Z%d", w, zTable, w)
	}
}

// planes emits the combination of the bits of all planes in register w.
func (h *half512) planes(j, v, w int) {
	for i, p := range h.k.planes {
		off, right, mask := p.field(j)
		from := fmt.Sprintf("%d(%s)", off, h.base(v))
		x := w
		if i > 0 {
			x = h.temp()
		}
		switch {
		case p.width == 8:
			h.f.i("VMOVDQU32 %s, Z%d", from, w)
			continue
		case right > 0:
			h.f.i("VPSRLW $%d, %s, Z%d", right, from, x)
		case right < 0:
			h.f.i("VPSLLW $%d, %s, Z%d", -right, from, x)
		case i == 0:
			h.f.i("VPANDD %s, Z31, Z%d", from, w)
			continue
		default:
			h.f.i("VMOVDQU32 %s, Z%d", from, x)
		}
		if i == 0 {
			h.f.i("VPANDD Z31, Z%d, Z%d", w, w)
		} else { // w | x & mask
			h.f.i("VPTERNLOGD.BCST $0xF8, %s, Z%d, Z%d", maskAt(mask), x, w)
		}
	}
}

// fold converts the int32 accumulators of half i of group v to float32, multiplies them by the activation and weight
// scales, and adds them, and the minima's share, to the float32 accumulators.
func (h *half512) fold(i, v int) {
	d, mn := h.free, h.free+1
	h.scales(h.k.quantBytes()+16*h.k.scaleSize()*i, v, d)
	if h.k.mins {
		h.f.i("VCVTPH2PS %d(%s), Z%d", h.k.quantBytes()+32*(h.k.halves+i), h.base(v), mn)
	}
	for m := range h.m {
		x, r := h.temp(), h.sum(m, v)
		h.f.i("VCVTDQ2PS Z%d, Z%d", r, r)
		h.f.i("VMULPS.BCST %s, Z%d, Z%d", h.a(m, aScale), d, x)
		h.f.i("VFMADD231PS Z%d, Z%d, Z%d", x, r, h.total(m, v))
		switch {
		case h.k.mins && h.k.halves == 1:
			h.f.i("VFMADD231PS.BCST %s, Z%d, Z%d", h.a(m, aSum), mn, h.total(m, v))
		case h.k.mins:
			h.min16(m, i, v, mn)
		}
	}
}

// scales converts the 16 scales at byte off of the block of group v to float32 in register r.
func (h *half512) scales(off, v, r int) {
	scales512(h.f, h.k, fmt.Sprintf("%d(%s)", off, h.base(v)), r)
}

// scales512 converts 16 scales in memory to float32 in register r.
func scales512(f *file, k qkind, from string, r int) {
	if k.powers {
		f.i("VPMOVZXBD %s, Z%d\n\tVPSLLD $23, Z%d, Z%d", from, r, r, r)
		return
	}
	f.i("VCVTPH2PS %s, Z%d", from, r)
}

// min16 adds the minima of half i of token m and group v, multiplied by the sum of the half's dequantized activations.
// That sum is -negFirst·d for the first half, and sum - (-negFirst·d) for the second.
func (h *half512) min16(m, i, v, mn int) {
	x := h.temp()
	h.f.i("VPBROADCASTD %s, Z%d\n\tVCVTDQ2PS Z%d, Z%d\n\tVMULPS.BCST %s, Z%d, Z%d", h.a(m, aNegFirst), x, x, x, h.a(m, aScale), x, x)
	op := "VFNMADD231PS"
	if i == 1 {
		h.f.i("VADDPS.BCST %s, Z%d, Z%d", h.a(m, aSum), x, x)
		op = "VFMADD231PS"
	}
	h.f.i("%s Z%d, Z%d, Z%d", op, x, mn, h.total(m, v))
}
