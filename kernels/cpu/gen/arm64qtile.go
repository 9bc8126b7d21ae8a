package main

import "fmt"

// isa64 is an instruction set of arm64, named as in the functions' suffixes.
type isa64 string

const (
	neon    isa64 = "NEON"
	dotprod isa64 = "DotProd"
	i8mm    isa64 = "I8MM"
)

// qtilesARM64 writes the integer microkernels of arm64, which compute m tokens × 32 rows. A register of weights
// holds four columns of four rows as 16 bytes, and the activations of those columns are one 32-bit element of a vector:
//
//	neon      SMULL, SMLAL and their forms for the upper half: 16 products into 16-bit accumulators, those of two rows in a register
//	dotprod   SDOT with an element of activations: 16 products into four 32-bit accumulators
//	i8mm      USDOT in the same way, and USMMLA: see arm64i8mm.go
//
// SMULL and SDOT multiply signed by signed bytes. Weights of up to six bits are nonnegative signed bytes
// already; those of eight bits become signed, less the zero point, when their sign bit is flipped, and so do levels, in their
// table. With SMULL the products of a half must fit into 16-bit accumulators:
//
//	up to 4 bits   8 · 15·127 = 15240
//	5 bits         8 · 31·127 = 31496
//	6 bits         4 · 63·127 = 32004; a half has 16 columns
//	8 bits, levels 2 · 128·127 = 32512; widened to 32 bits after two products
//
// The speed of these kernels has never been measured, since no arm64 machine was available. They were designed by
// counting instructions. Vector instructions for 32 columns of four rows and eight tokens of q4s32: 284 with NEON,
// 114 with SDOT, 80 with USMMLA (73 in tiles of twelve tokens), not counting the interleaving of activations.
func qtilesARM64(f *file) {
	for _, k := range qkinds {
		for _, s := range []isa64{neon, dotprod, i8mm} {
			qtileARM64(asm{f}, s, k)
		}
	}
}

// tile64 is the register blocking of a tile: m tokens × nv vector registers of four rows. Each of these has sets
// accumulators, which consecutive columns use in turn, so that small tiles are not limited by the latency of the
// additions.
type tile64 struct{ m, nv, sets int }

// tiles lists the tile shapes of an instruction set, largest first.
func (s isa64) tiles() []tile64 {
	switch s {
	case neon: // two accumulator registers for four rows
		return []tile64{{4, 1, 1}, {2, 2, 1}, {1, 4, 1}}
	case i8mm: // fewer than four tokens
		return []tile64{{2, 4, 1}, {1, 4, 2}}
	}
	return []tile64{{8, 1, 1}, {4, 2, 1}, {2, 4, 1}, {1, 4, 2}}
}

// qtileARM64 emits the function of one layout. It processes the tokens in the largest tiles that fit.
func qtileARM64(f asm, s isa64, k qkind) {
	frame := 0
	if s == i8mm {
		frame = k.frame()
	}
	k.text(f.file, string(s), frame)
	f.i("MOVD c+0(FP), %s\n\tMOVD ldc+8(FP), %s\n\tMOVD a+16(FP), %s\n\tMOVD lda+24(FP), %s", rC, rLdc, rA, rLda)
	f.i("MOVD m+48(FP), %s\n\tMOVD add+64(FP), %s", rM, rAdd)
	if s == i8mm {
		for _, t := range pairTiles {
			f.tile(2*t.pairs, newMM64(f, k, t).panel)
		}
	}
	for _, t := range s.tiles() {
		q := &q64{asm: f, tile64: t, s: s, k: k}
		q.registers()
		f.tile(t.m, q.panel)
	}
	f.i("RET")
}

// q64 emits one tile. Vector registers hold, in this order: integer accumulators, float32 accumulators, activations of
// each token, mask, table of levels, weights, temporaries.
type q64 struct {
	asm
	tile64
	s isa64
	k qkind

	totals, acts, mask int
	table              int   // the table of levels, if the layout has one
	w                  []int // weights of each v, twice if there are enough registers
	t                  []int // temporaries
	n                  int   // number of temporaries taken so far
}

// registers assigns the registers of a tile.
func (q *q64) registers() {
	sums := q.m * q.nv * q.sets
	if q.s == neon {
		sums *= 2
	}
	q.totals = sums
	q.acts = q.totals + q.m*q.nv
	q.mask = q.acts + q.m
	free := q.mask + 1
	if q.k.table {
		q.table, free = free, free+1
	}
	nw := q.nv
	if free+2*q.nv+4 <= 32 {
		nw *= 2
	}
	for range nw {
		q.w = append(q.w, free)
		free++
	}
	for ; free < 32; free++ {
		q.t = append(q.t, free)
	}
	if len(q.t) < 3 {
		panic("registers")
	}
}

// sum, total, act and weight return the registers of the integer accumulator and the float32 accumulator of token m, rows
// v, of the activations of token m, and of dword j of the weights of rows v.
func (q *q64) sum(m, v, set int) int { return (set*q.m+m)*q.nv + v }
func (q *q64) total(m, v int) int    { return q.totals + m*q.nv + v }
func (q *q64) act(m int) int         { return q.acts + m }
func (q *q64) weight(j, v int) int   { return q.w[(j*q.nv+v)%len(q.w)] }

// temp returns the next register for a temporary value, in rotation.
func (q *q64) temp() int {
	q.n++
	return q.t[q.n%len(q.t)]
}

// flipped reports whether the weights' sign bits are flipped, which subtracts their zero point.
func (q *q64) flipped() bool { return q.k.wide() && q.s != i8mm }

// constants loads the mask and the table of levels, which is flipped if weights are.
func (q *q64) constants() {
	if q.k.table {
		q.i("MOVD table+72(FP), %s", rTemp)
		q.load(q.table, 0, rTemp)
		if q.flipped() {
			q.bytes(q.mask, 0x80)
			q.eor(q.table, q.table, q.mask)
		}
	}
	switch {
	case q.k.bits < 8:
		q.bytes(q.mask, byte(1<<q.k.bits-1))
	case q.flipped():
		q.bytes(q.mask, 0x80)
	}
}

// mins16 reports whether the minima need the sum of the activations of each half.
func (q *q64) mins16() bool { return q.k.mins && q.k.halves == 2 }

// panel emits the product with 32 rows: a loop over the two groups, in it one over passes of 4·nv rows.
func (q *q64) panel() {
	label := fmt.Sprintf("t%d", q.m)
	q.i("MOVD w+32(FP), %s\n\tMOVD %s, %s\n\tMOVD $2, %s", rW, rC, rOut, rGroup)
	q.constants()
	q.p("%s_group:", label)
	q.i("MOVD %s, %s\n\tADD $%d, %s, %s\n\tMOVD $%d, %s", rW, rQuants, q.k.quantBytes(), rW, rScales, 4/q.nv, rPass)
	q.p("%s_pass:", label)
	q.pass(label)
	q.i("MOVD nb+40(FP), %s\n\tMOVD $%d, %s\n\tMUL %s, %s", rN, 2*q.k.blockBytes(), rTemp, rTemp, rN) // return to the first block, for the next rows
	q.i("SUB %s, %s\n\tADD $%d, %s\n\tSUB %s, %s\n\tADD $%d, %s", rN, rQuants, 16*q.nv, rQuants, rN, rScales, 4*q.k.scaleSize()*q.nv, rScales)
	q.i("ADD $%d, %s\n\tSUBS $1, %s\n\tBNE %s_pass", 16*q.nv, rOut, rPass, label)
	q.i("ADD $%d, %s\n\tSUBS $1, %s\n\tBNE %s_group", q.k.blockBytes(), rW, rGroup, label)
}

// pass emits the product of m tokens with 4·nv rows, over all blocks.
func (q *q64) pass(label string) {
	q.i("MOVD %s, %s", rA, rToken[0])
	for m := 1; m < q.m; m++ {
		q.i("ADD %s, %s, %s", rLda, rToken[m-1], rToken[m])
	}
	for m := range q.m {
		for v := range q.nv {
			q.zero(q.total(m, v))
		}
	}
	q.i("MOVD nb+40(FP), %s", rCount)
	q.p("%s_block:", label)
	for h := range q.k.halves {
		q.half(h)
	}
	for m := range q.m {
		q.i("ADD $%d, %s", aBytes, rToken[m])
	}
	q.i("ADD $%d, %s\n\tADD $%d, %s", 2*q.k.blockBytes(), rQuants, 2*q.k.blockBytes(), rScales)
	q.i("SUBS $1, %s\n\tBNE %s_block", rCount, label)
	q.finish(label)
}

// finish multiplies the float32 accumulators by scale and stores them in c, or adds them to c.
func (q *q64) finish(label string) {
	x := q.temp()
	q.i("FMOVS scale+56(FP), F%d", x)
	for m := range q.m {
		for v := range q.nv {
			q.opE(fmulE, q.total(m, v), q.total(m, v), x, 0)
		}
	}
	q.i("MOVD %s, %s\n\tCBZ %s, %s_store", rOut, rRow, rAdd, label)
	for m := range q.m {
		for v := range q.nv {
			x := q.temp()
			q.load(x, 16*v, rRow)
			q.op3(fadd, q.total(m, v), q.total(m, v), x)
		}
		q.i("ADD %s, %s", rLdc, rRow)
	}
	q.i("MOVD %s, %s", rOut, rRow)
	q.p("%s_store:", label)
	for m := range q.m {
		for v := range q.nv {
			q.store(q.total(m, v), 16*v, rRow)
		}
		q.i("ADD %s, %s", rLdc, rRow)
	}
}

// half emits the columns under one scale: all 32 columns of a block, or 16 of them.
func (q *q64) half(h int) {
	if q.s != neon {
		q.start(h)
	}
	n := 8 / q.k.halves
	for j := n * h; j < n*h+n; j++ {
		if j%4 == 0 {
			for m := range q.m {
				q.load(q.act(m), 4*j, rToken[m])
			}
		}
		for v := range q.nv {
			q.unpack(j, v)
		}
		if q.s == neon {
			q.products(j, j == n*h, j == n*h+n-1)
		} else {
			q.dots(j)
		}
	}
	q.fold(h)
}

// zeroPoint sets register d to -zero·Σa of half h of token m. It overwrites the register of the token's activations.
func (q *q64) zeroPoint(d, m, h int) {
	a := q.act(m)
	q.load(a, aScale, rToken[m])
	switch {
	case q.k.halves == 1:
		q.dup(d, a, (aNegSum-aScale)/4)
	case h == 0:
		q.dup(d, a, (aNegFirst-aScale)/4)
	default:
		q.secondHalf(d, a)
		q.dup(d, d, 1)
	}
	q.shl(d, d, q.k.shift())
}

// secondHalf sets lane 1 of d to -Σ of the last 16 activations. Register a holds the end of the block: the
// scale, -Σ, the sum as a float32, and -Σ of the first 16.
func (q *q64) secondHalf(d, a int) {
	q.swapHalves(d, a)
	q.sub(d, a, d)
}

// start initialises the integer accumulators to -zero·Σa, which subtracts the zero point.
func (q *q64) start(h int) {
	for m := range q.m {
		first := q.sum(m, 0, 0)
		if q.k.zero == 0 || q.flipped() {
			q.zero(first)
		} else {
			q.zeroPoint(first, m, h)
		}
		for v := 1; v < q.nv; v++ {
			q.move(q.sum(m, v, 0), first)
		}
		for set := 1; set < q.sets; set++ {
			for v := range q.nv {
				q.zero(q.sum(m, v, set))
			}
		}
	}
}

// unpack emits the unpacking of dword j of rows v. The bits of the second plane are inserted above those of the first
// by a shift (SLI) that overwrites whatever is there, and one mask clears the excess bits.
func (q *q64) unpack(j, v int) {
	w := q.weight(j, v)
	top := 0 // number of low bits of each byte of w that may be set
	for i, p := range q.k.planes {
		off, _, _ := p.field(j)
		right := j / p.width * p.width
		x := w
		if i > 0 {
			x = q.temp()
		}
		q.load(x, off+16*v, rQuants)
		if right > 0 {
			q.ushr8(x, x, right)
		}
		top = 8 - right
		if i > 0 {
			q.sli8(w, x, p.shift)
			top = min(8, p.shift+8-right)
		}
	}
	switch {
	case q.k.bits == 8 && q.flipped():
		q.eor(w, w, q.mask)
	case top > q.k.bits:
		q.and(w, w, q.mask)
	}
	if q.k.table {
		q.lookUp(w, q.table)
	}
}

// dots multiplies dword j of the activations with the weights and adds to the integer accumulators.
func (q *q64) dots(j int) {
	op := sdot
	if q.s == i8mm {
		op = usdot
	}
	for v := range q.nv {
		for m := range q.m {
			q.opE(op, q.sum(m, v, j%q.sets), q.weight(j, v), q.act(m), j%4)
		}
	}
}

// fold converts the integer accumulators to float32, multiplies them by the scales of half h, and adds them, and the
// minima's share, to the float32 accumulators.
func (q *q64) fold(h int) {
	var d, mn []int // scales and minima; they use the registers of the weights and some of the temporaries
	free := append(append([]int{}, q.w...), q.t...)
	for v := range q.nv {
		d = append(d, free[v])
		q.scales4(d[v], h, v)
	}
	free = free[q.nv:]
	if q.k.mins {
		for v := range q.nv {
			mn = append(mn, free[v])
			q.load8(mn[v], 32*(q.k.halves+h)+8*v, rScales)
			q.op2(fcvtl, mn[v], mn[v])
		}
		free = free[q.nv:]
	}
	if len(free) < 2 {
		panic("registers")
	}
	for m := range q.m {
		a := q.act(m)
		zero := -1
		if q.s == neon && q.k.zero > 0 && !q.flipped() {
			zero, free = free[0], free[1:]
			q.zeroPoint(zero, m, h)
		} else {
			q.load(a, aScale, rToken[m])
		}
		for v := range q.nv {
			s := q.whole(m, v, zero)
			x := free[v%len(free)]
			q.op2(scvtf, s, s)
			q.opE(fmulE, x, d[v], a, 0)
			q.op3(fmla, q.total(m, v), s, x)
			if q.k.mins && q.k.halves == 1 {
				q.opE(fmlaE, q.total(m, v), mn[v], a, (aSum-aScale)/4)
			}
		}
		if q.mins16() {
			q.min16(m, h, mn, free[0])
		}
		if zero >= 0 {
			free = append(free, zero)
		}
	}
}

// scales4 loads the scales of half h of rows 4v … 4v+3 to register d.
func (q *q64) scales4(d, h, v int) {
	off := q.k.scaleSize() * (16*h + 4*v)
	if q.k.powers {
		q.load4(d, off, rScales)
		q.exponents(d)
		return
	}
	q.load8(d, off, rScales)
	q.op2(fcvtl, d, d)
}

// min16 adds the minima of one half multiplied by the sum of the half's activations.
func (q *q64) min16(m, h int, mn []int, x int) {
	a, at := q.act(m), 3 // -Σ of the first 16
	q.move(x, a)
	if h == 1 {
		q.secondHalf(x, a)
		at = 1
	}
	q.op2(scvtf, x, x)
	q.opE(fmulE, x, x, a, 0)
	for v := range q.nv {
		q.opE(fmlsE, q.total(m, v), mn[v], x, at)
	}
}

// whole returns the register that holds the four complete integer sums of token m, rows v.
func (q *q64) whole(m, v, zero int) int {
	if q.s == neon {
		return q.wholeNEON(m, v, zero)
	}
	s := q.sum(m, v, 0)
	for set := 1; set < q.sets; set++ {
		q.add(s, s, q.sum(m, v, set))
	}
	return s
}
