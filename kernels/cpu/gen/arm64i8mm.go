package main

import "fmt"

// stretch is how many activation blocks are interleaved on the stack at a time. After that many blocks, the
// accumulators are added to c. 16 blocks of twelve tokens take at most 14 KB, which leaves room for the weights in
// a first-level cache of 32 KB.
const stretch = 16

// pairTiles are the tile shapes, largest first: pairs of tokens × vector registers of four rows.
var pairTiles = []mm64{{pairs: 6, nv: 1}, {pairs: 4, nv: 1}, {pairs: 2, nv: 2}}

// mm64 emits one tile with USMMLA. Vector registers hold, in this order: integer accumulators, float32
// accumulators, mask, table of levels, weights (two, and one for interleaving), temporaries.
//
// USMMLA multiplies a 2 × 8 matrix of unsigned weights (two rows, eight columns) by an 8 × 2 matrix of
// signed activations (eight columns, two tokens). It computes 32 products, SDOT computes 16:
//
//	w: row r    c0 … c7       a: token t    c0 … c7        sum: r·t   r·t'
//	   row r'   c0 … c7          token t'   c0 … c7             r'·t  r'·t'
//
// The layout has four columns of four rows in a register, so two registers are interleaved (ZIP) to get eight
// columns, once for all tokens. Tokens must be interleaved too. Doing that for every four rows would cost
// as much as USMMLA saves (of 64 instructions, it removes 32 and adds 32). Therefore up to stretch blocks of
// activations are interleaved on the stack once and used for all 32 rows of the panel:
//
//	[block][pair of tokens]   [4] eight columns of both, scales, zero points, minima
//
// Vectors of values of two tokens t, t' have the order t t' t t'; vectors of scales of two rows have r r r' r'.
// Fewer than four tokens are multiplied with USDOT, as in arm64qtile.go.
type mm64 struct {
	q64   // its weights and short-lived values
	pairs int
	nv    int
	z     int
}

// General registers of these tiles, in addition to those that all tiles use.
const (
	rPairs, rFirst, rSecond        reg = "R17", "R19", "R20"
	rBlocks, rAdding, rBuf, rStart reg = "R21", "R22", "R23", "R24"
	rDone                          reg = "R25" // bytes of the panel's blocks that are already processed
)

// pairBytes returns the size of one interleaved block of a pair of tokens.
func (k qkind) pairBytes() int {
	n := 64 + 16
	if k.zero > 0 {
		n += 16 * k.halves
	}
	if k.mins {
		n += 16 * k.halves
	}
	return n
}

// pairZero and pairMin return the offsets in that block of the zero points of half h and of the factors of its minima.
func (k qkind) pairZero(h int) int { return 80 + 16*h }
func (k qkind) pairMin(h int) int  { return k.pairBytes() - 16*(k.halves-h) }

// frame returns the size of the stack frame of a function.
func (k qkind) frame() int { return 16 + stretch*pairTiles[0].pairs*k.pairBytes() }

// newMM64 assigns the registers of a tile.
func newMM64(f asm, k qkind, t mm64) *mm64 {
	t.q64 = q64{asm: f, s: i8mm, k: k}
	t.q64.nv = 1
	t.totals = 2 * t.pairs * t.nv
	t.mask = 2 * t.totals
	free := t.mask + 1
	if k.table {
		t.table, free = free, free+1
	}
	t.w = []int{free, free + 1}
	t.z = free + 2
	for r := t.z + 1; r < 32; r++ {
		t.t = append(t.t, r)
	}
	if len(t.t) < 3 {
		panic("registers")
	}
	return &t
}

// sum returns the register of the integer accumulator of pair p, rows 4v+2r and 4v+2r+1; total that of the float32 accumulator.
func (t *mm64) sum(p, v, r int) int   { return (p*t.nv+v)*2 + r }
func (t *mm64) total(p, v, r int) int { return t.totals + t.sum(p, v, r) }

// panel emits the product with 32 rows: a loop over stretches of blocks, in it one over the two groups, in it one over passes of rows.
func (t *mm64) panel() {
	label := fmt.Sprintf("pairs%d", t.pairs)
	t.constants()
	t.i("MOVD $buf-%d(SP), %s\n\tADD $15, %s\n\tAND $~15, %s", t.k.frame(), rBuf, rBuf, rBuf)
	t.i("MOVD nb+40(FP), %s\n\tMOVD %s, %s\n\tMOVD %s, %s\n\tMOVD ZR, %s", rN, rAdd, rAdding, rA, rStart, rDone)
	t.p("%s_stretch:", label)
	t.i("MOVD $%d, %s\n\tCMP %s, %s\n\tCSEL LT, %s, %s, %s", stretch, rBlocks, rBlocks, rN, rN, rBlocks, rBlocks)
	t.gather(label)
	t.i("MOVD w+32(FP), %s\n\tADD %s, %s\n\tMOVD %s, %s\n\tMOVD $2, %s", rW, rDone, rW, rC, rOut, rGroup)
	t.p("%s_group:", label)
	t.i("MOVD %s, %s\n\tADD $%d, %s, %s\n\tMOVD $%d, %s", rW, rQuants, t.k.quantBytes(), rW, rScales, 4/t.nv, rPass)
	t.p("%s_pass:", label)
	t.pass(label)
	t.i("MOVD $%d, %s\n\tMUL %s, %s", 2*t.k.blockBytes(), rTemp, rBlocks, rTemp) // return to the first block, for the next rows
	t.i("SUB %s, %s\n\tADD $%d, %s\n\tSUB %s, %s\n\tADD $%d, %s", rTemp, rQuants, 16*t.nv, rQuants, rTemp, rScales, 4*t.k.scaleSize()*t.nv, rScales)
	t.i("ADD $%d, %s\n\tSUBS $1, %s\n\tBNE %s_pass", 16*t.nv, rOut, rPass, label)
	t.i("ADD $%d, %s\n\tSUBS $1, %s\n\tBNE %s_group", t.k.blockBytes(), rW, rGroup, label)
	t.i("ADD %s, %s\n\tMOVD $1, %s", rTemp, rDone, rAdding)
	t.i("SUBS %s, %s\n\tBNE %s_stretch", rBlocks, rN, label)
}

// gather emits the interleaving of rBlocks blocks of all tokens on the stack, and advances rStart. It runs
// while no accumulators are in registers.
func (t *mm64) gather(label string) {
	t.i("MOVD %s, %s", rStart, rRow)
	for p := range t.pairs {
		t.i("MOVD %s, %s\n\tADD %s, %s, %s\n\tADD %s, %s, %s", rRow, rFirst, rLda, rFirst, rSecond, rLda, rSecond, rRow)
		t.i("ADD $%d, %s, %s\n\tMOVD %s, %s", p*t.k.pairBytes(), rBuf, rPairs, rBlocks, rCount)
		t.p("%s_gather%d:", label, p)
		for half := range 2 {
			t.load(0, 16*half, rFirst)
			t.load(1, 16*half, rSecond)
			t.zip(2, 0, 1, dwords)
			t.zip2(3, 0, 1, dwords)
			t.store(2, 32*half, rPairs)
			t.store(3, 32*half+16, rPairs)
		}
		t.factors()
		t.i("ADD $%d, %s\n\tADD $%d, %s\n\tADD $%d, %s", aBytes, rFirst, aBytes, rSecond, t.pairs*t.k.pairBytes(), rPairs)
		t.i("SUBS $1, %s\n\tBNE %s_gather%d", rCount, label, p)
	}
	t.i("ADD $%d, %s", stretch*aBytes, rStart)
}

// factors stores the initial values of the integer accumulators (-zero·Σa), the scales, and the factors of the minima.
func (t *mm64) factors() {
	const a, b, d, zero, first, x = 2, 3, 4, 5, 6, 7
	t.load(0, aScale, rFirst)
	t.load(1, aScale, rSecond)
	t.zip(a, 0, 1, words)  // scales, -Σ
	t.zip2(b, 0, 1, words) // sums as floats, -Σ of the first 16
	t.dup2(d, a, 0)
	t.store(d, 64, rPairs)
	t.dup2(zero, a, 1)
	t.dup2(first, b, 1)
	t.sub(zero, zero, first) // -Σ of the last 16
	halves := []int{first, zero}
	if t.k.halves == 1 {
		t.add(zero, zero, first)
		halves = []int{zero}
	}
	for h, r := range halves {
		if t.k.zero > 0 {
			t.shl(x, r, t.k.shift())
			t.store(x, t.k.pairZero(h), rPairs)
		}
		if t.k.mins && t.k.halves == 2 {
			t.op2(scvtf, x, r)
			t.op2(fneg, x, x)
			t.op3(fmul, x, x, d)
			t.store(x, t.k.pairMin(h), rPairs)
		}
	}
	if t.k.mins && t.k.halves == 1 {
		t.dup2(x, b, 0)
		t.store(x, t.k.pairMin(0), rPairs)
	}
}

// pass emits the product of all tokens with 4·nv rows, over rBlocks blocks.
func (t *mm64) pass(label string) {
	for i := range t.totals {
		t.zero(t.totals + i)
	}
	t.i("MOVD %s, %s\n\tMOVD %s, %s", rBuf, rPairs, rBlocks, rCount)
	t.p("%s_block:", label)
	for h := range t.k.halves {
		t.half(h)
	}
	t.i("ADD $%d, %s\n\tADD $%d, %s\n\tADD $%d, %s", t.pairs*t.k.pairBytes(), rPairs, 2*t.k.blockBytes(), rQuants, 2*t.k.blockBytes(), rScales)
	t.i("SUBS $1, %s\n\tBNE %s_block", rCount, label)
	t.finish(label)
}

// at returns the offset of byte off of pair p in a block.
func (t *mm64) at(p, off int) int { return p*t.k.pairBytes() + off }

// half emits the columns under one scale, eight per step.
func (t *mm64) half(h int) {
	for p := range t.pairs {
		first := t.sum(p, 0, 0)
		if t.k.zero > 0 {
			t.load(first, t.at(p, t.k.pairZero(h)), rPairs)
		} else {
			t.zero(first)
		}
		for i := 1; i < 2*t.nv; i++ {
			t.move(first+i, first)
		}
	}
	n := 4 / t.k.halves
	for step := n * h; step < n*h+n; step++ {
		for v := range t.nv {
			t.rows(step, v)
			for p := range t.pairs {
				x := t.temp()
				t.load(x, t.at(p, 16*step), rPairs)
				t.op3(usmmla, t.sum(p, v, 0), t.z, x)
				t.op3(usmmla, t.sum(p, v, 1), t.w[0], x)
			}
		}
	}
	for v := range t.nv {
		t.fold(h, v)
	}
}

// rows emits the unpacking of eight columns of rows 4v … 4v+3: the first two rows to register z, the others to w[0].
func (t *mm64) rows(step, v int) {
	t.unpack(2*step, v)
	t.unpack(2*step+1, v)
	left, right := t.weight(2*step, v), t.weight(2*step+1, v)
	t.zip(t.z, left, right, words)
	t.zip2(t.w[0], left, right, words)
}

// fold converts the integer accumulators of rows v to float32, multiplies them by the scales of half h, and adds them,
// and the minima's share, to the float32 accumulators.
func (t *mm64) fold(h, v int) {
	d := []int{t.z, t.w[0]}
	t.scales(d, h, v)
	mn, free := d, append([]int{t.w[1]}, t.t...)
	if t.k.mins {
		mn, free = free[:2], free[2:]
		t.scales(mn, t.k.halves+h, v)
	}
	if len(free) < 2 {
		panic("registers")
	}
	for p := range t.pairs {
		x, y := free[0], free[1]
		if n := len(free); n >= 4 && p%2 == 1 {
			x, y = free[2], free[3]
		}
		t.load(x, t.at(p, 64), rPairs)
		for r := range 2 {
			s := t.sum(p, v, r)
			t.op2(scvtf, s, s)
			t.op3(fmul, y, d[r], x)
			t.op3(fmla, t.total(p, v, r), s, y)
		}
		if t.k.mins {
			t.load(x, t.at(p, t.k.pairMin(h)), rPairs)
			for r := range 2 {
				t.op3(fmla, t.total(p, v, r), mn[r], x)
			}
		}
	}
}

// scales loads the scales (or minima) of half h of rows 4v … 4v+3 to two registers, each scale twice.
func (t *mm64) scales(d []int, h, v int) {
	t.scales4(d[0], h, v)
	t.zip2(d[1], d[0], d[0], words)
	t.zip(d[0], d[0], d[0], words)
}

// finish separates the tokens of each pair, multiplies by scale, and stores the tile in c or adds it to c. The
// registers of the integer accumulators are free then.
func (t *mm64) finish(label string) {
	const scale, x = 0, 1
	t.i("FMOVS scale+56(FP), F%d", scale)
	for p := range t.pairs {
		for v := range t.nv {
			lo, hi := t.total(p, v, 0), t.total(p, v, 1)
			t.uzp(x, lo, hi)
			t.uzp2(hi, lo, hi)
			t.opE(fmulE, lo, x, scale, 0)
			t.opE(fmulE, hi, hi, scale, 0)
		}
	}
	t.i("MOVD %s, %s\n\tCBZ %s, %s_store", rOut, rRow, rAdding, label)
	t.tokens(func(total, off int) {
		t.load(x, off, rRow)
		t.op3(fadd, total, total, x)
	})
	t.i("MOVD %s, %s", rOut, rRow)
	t.p("%s_store:", label)
	t.tokens(func(total, off int) { t.store(total, off, rRow) })
}

// tokens calls f for each register of each token. rRow points to the token's row of c.
func (t *mm64) tokens(f func(total, off int)) {
	for p := range t.pairs {
		for r := range 2 {
			for v := range t.nv {
				f(t.total(p, v, r), 16*v)
			}
			t.i("ADD %s, %s", rLdc, rRow)
		}
	}
}
