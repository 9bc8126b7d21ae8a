package main

import "fmt"

// dtilesARM64 writes the float microkernels of arm64, which compute m tokens × 32 rows, in two groups of 16
// rows. One iteration multiplies four columns: the four activations of a token are in one register, and FMLA takes
// one of its elements.
func dtilesARM64(f *file) {
	for _, kind := range []string{"F32", "F16", "BF16"} {
		dtileARM64(asm{f}, kind)
	}
}

// d64 emits one tile of m tokens × 16 rows. Each register of four rows has sets accumulators, which consecutive
// columns use in turn. Vector registers hold, in this order, the accumulators, the activations of each token, and the weights
// of eight or more rows.
type d64 struct {
	asm
	kind    string
	m, sets int
}

// dtileARM64 emits the function of one weight type. It processes the tokens in the largest tiles that fit. The tile
// of six tokens has 24 accumulators and 6 registers of activations, which leaves two registers for weights.
func dtileARM64(f asm, kind string) {
	f.text("d"+kind+"NEON", dArgs, 64)
	f.i("MOVD c+0(FP), %s\n\tMOVD ldc+8(FP), %s\n\tMOVD a+16(FP), %s\n\tMOVD lda+24(FP), %s", rC, rLdc, rA, rLda)
	f.i("MOVD n+40(FP), %s\n\tMOVD m+48(FP), %s\n\tMOVD add+56(FP), %s", rN, rM, rAdd)
	for _, t := range []d64{{f, kind, 6, 1}, {f, kind, 2, 1}, {f, kind, 1, 2}} {
		f.tile(t.m, t.panel)
	}
	f.i("RET")
}

// acc returns the register of the accumulator of token m, rows 4v … 4v+3, for column k.
func (d *d64) acc(k, m, v int) int { return (k%d.sets*d.m+m)*4 + v }
func (d *d64) act(m int) int       { return d.sets*d.m*4 + m }

// weight returns the register for the i-th load of weights; at least two registers are used in rotation.
func (d *d64) weight(i int) int {
	first := d.sets*d.m*4 + d.m
	return first + i%min(4, 32-first)
}

// column returns the size in bytes of one column of a panel.
func (d *d64) column() int { return 32 * widths[d.kind] }

// panel emits the product with both groups of 16 rows of a panel.
func (d *d64) panel() {
	label := fmt.Sprintf("t%d", d.m)
	d.i("MOVD w+32(FP), %s\n\tMOVD %s, %s\n\tMOVD $2, %s", rW, rC, rOut, rGroup)
	d.p("%s_group:", label)
	d.i("MOVD %s, %s", rW, rQuants)
	d.i("MOVD %s, %s", rA, rToken[0])
	for m := 1; m < d.m; m++ {
		d.i("ADD %s, %s, %s", rLda, rToken[m-1], rToken[m])
	}
	for i := range d.sets * d.m * 4 {
		d.zero(i)
	}
	d.i("LSR $2, %s, %s\n\tCBZ %s, %s_rest", rN, rCount, rCount, label)
	d.p("%s_loop:", label)
	for m := range d.m {
		d.i("FMOVQ.P 16(%s), F%d", rToken[m], d.act(m))
	}
	for k := range 4 {
		d.step(k, k*d.column())
	}
	d.i("ADD $%d, %s\n\tSUBS $1, %s\n\tBNE %s_loop", 4*d.column(), rQuants, rCount, label)
	d.p("%s_rest:", label)
	d.i("AND $3, %s, %s\n\tCBZ %s, %s_end", rN, rCount, rCount, label)
	d.p("%s_one:", label)
	for m := range d.m {
		d.i("FMOVS.P 4(%s), F%d", rToken[m], d.act(m))
	}
	d.step(0, 0)
	d.i("ADD $%d, %s\n\tSUBS $1, %s\n\tBNE %s_one", d.column(), rQuants, rCount, label)
	d.p("%s_end:", label)
	d.finish(label)
	d.i("ADD $64, %s\n\tADD $%d, %s\n\tSUBS $1, %s\n\tBNE %s_group", rOut, d.column()/2, rW, rGroup, label)
}

// step emits the multiplication and accumulation of column k of four, whose weights are at byte off, eight
// rows at a time.
func (d *d64) step(k, off int) {
	for v := 0; v < 4; v += 2 {
		w0, w1 := d.weight(v), d.weight(v+1)
		switch d.kind {
		case "F32":
			d.load(w0, off+16*v, rQuants)
			d.load(w1, off+16*v+16, rQuants)
		case "F16":
			d.load(w0, off+8*v, rQuants)
			d.op2(fcvtl2, w1, w0)
			d.op2(fcvtl, w0, w0)
		case "BF16":
			d.load(w0, off+8*v, rQuants)
			d.widenBF16(w1, w0, true)
			d.widenBF16(w0, w0, false)
		}
		for m := range d.m {
			d.opE(fmlaE, d.acc(k, m, v), w0, d.act(m), k)
			d.opE(fmlaE, d.acc(k, m, v+1), w1, d.act(m), k)
		}
	}
}

// finish adds up the accumulators of all sets and stores the tile in c, or adds it to c.
func (d *d64) finish(label string) {
	for k := 1; k < d.sets; k++ {
		for m := range d.m {
			for v := range 4 {
				d.op3(fadd, d.acc(0, m, v), d.acc(0, m, v), d.acc(k, m, v))
			}
		}
	}
	d.i("MOVD %s, %s\n\tCBZ %s, %s_store", rOut, rRow, rAdd, label)
	for m := range d.m {
		for v := range 4 {
			x := d.act(m)
			d.load(x, 16*v, rRow)
			d.op3(fadd, d.acc(0, m, v), d.acc(0, m, v), x)
		}
		d.i("ADD %s, %s", rLdc, rRow)
	}
	d.i("MOVD %s, %s", rOut, rRow)
	d.p("%s_store:", label)
	for m := range d.m {
		for v := range 4 {
			d.store(d.acc(0, m, v), 16*v, rRow)
		}
		d.i("ADD %s, %s", rLdc, rRow)
	}
}
