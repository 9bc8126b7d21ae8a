package main

import "fmt"

// table lists the constants. Each is stored eight times, so that AVX2 can use it as a memory operand.
var table = []struct{ name, value string }{
	{"log2e", "1.44269504"}, {"ln2hi", "-0.693359375"}, {"ln2lo", "2.12194440e-4"},
	{"p0", "1.9875691500e-4"}, {"p1", "1.3981999507e-3"}, {"p2", "8.3334519073e-3"},
	{"p3", "4.1665795894e-2"}, {"p4", "1.6666665459e-1"}, {"p5", "5.0000001201e-1"},
	{"one", "1.0"}, {"two", "2.0"}, {"half", "0.5"}, {"lowest", "-104.0"}, {"low256", "-86.6"}, {"highest", "89.0"},
	{"tanh1", "-1.5957691216"}, {"tanh3", "-0.07135481628"}, // -2√(2/π); the same · 0.044715
	{"sqrt½", "0.70710678"},
	{"e0", "0.3275911"}, {"e1", "0.254829592"}, {"e2", "-0.284496736"}, {"e3", "1.421413741"}, {"e4", "-1.453152027"}, {"e5", "1.061405429"},
	{"seven", "7.0"}, {"minus7", "-7.0"}, {"swish7", "-1.702"},
	{"tanhMax", "7.90531110763549805"}, {"tanhMin", "-7.90531110763549805"},
	{"t1", "4.89352455891786e-3"}, {"t3", "6.37261928875436e-4"}, {"t5", "1.48572235717979e-5"}, {"t7", "5.12229709037114e-8"},
	{"t9", "-8.60467152213735e-11"}, {"t11", "2.00018790482477e-13"}, {"t13", "-2.76076847742355e-16"},
	{"-log2e", "-1.44269504"}, {"lowest2", "-126.0"}, {"below2", "-200.0"}, {"127", "127.0"}, {"1/127", "0.00787401575"},
	{"x0", "0.99999926145"}, {"x1", "0.69312181474"}, {"x2", "0.24024744828"}, {"x3", "5.5917860319e-2"}, {"x4", "9.5701019081e-3"},
	{"u0", "4.89352518554385e-3"}, {"u2", "2.26843463243900e-3"}, {"u4", "1.18534705686654e-4"}, {"u6", "1.19825839466702e-6"},
}

// constant returns the memory operand of a constant.
func constant(name string) string {
	for i, c := range table {
		if c.name == name {
			return fmt.Sprintf("%d(R15)", 32*i)
		}
	}
	panic(name)
}

// elems writes the functions of elem.go, which process one row: exponentials, activations, norms. Every function
// processes whole registers of values; the Go code processes the remaining values.
func elems(f *file) {
	f.p("")
	for i, c := range table {
		for lane := range 8 {
			f.p("DATA ·elemTable+%d(SB)/4, $(%s)", 32*i+4*lane, c.value)
		}
	}
	f.p("DATA ·elemTable+%d(SB)/4, $0x7fffffff", 32*len(table))
	f.p("DATA ·elemTable+%d(SB)/4, $127", 32*len(table)+4)
	f.p("GLOBL ·elemTable(SB), RODATA|NOPTR, $%d", 32*len(table)+8)
	for _, s := range []isa{avx512, avx2} {
		e := &elem{f, s}
		e.max()
		e.expSum()
		e.sums()
		e.maps()
		e.turns()
		e.half()
		e.medians()
		e.softCap()
		for _, a := range []string{"silu", "sigmoid", "geluTanh", "geluErf", "swiGLU7"} {
			e.activation(a)
		}
	}
}

// elem emits the functions of one instruction set.
type elem struct {
	*file
	isa
}

// op emits an instruction with register operands in Go's order: sources, then destination.
func (e *elem) op(op string, regs ...int) {
	s := "\t" + op + " "
	for i, r := range regs {
		if i > 0 {
			s += ", "
		}
		s += fmt.Sprintf("%s%d", e.reg, r)
	}
	e.p("%s", s)
}

// opC emits an instruction whose first source is a constant.
func (e *elem) opC(op, name string, regs ...int) {
	if e.isa == avx512 {
		op += ".BCST"
	}
	s := "\t" + op + " " + constant(name)
	for _, r := range regs {
		s += fmt.Sprintf(", %s%d", e.reg, r)
	}
	e.p("%s", s)
}

func (e *elem) load(from string, r int)  { e.i("VMOVUPS %s, %s%d", from, e.reg, r) }
func (e *elem) store(r int, to string)   { e.i("VMOVUPS %s%d, %s", e.reg, r, to) }
func (e *elem) splat(from string, r int) { e.i("VBROADCASTSS %s, %s%d", from, e.reg, r) }
func (e *elem) zero(r int)               { e.op(map[isa]string{avx512: "VPXORD", avx2: "VXORPS"}[e.isa], r, r, r) }

// head begins a function and sets R15 to the table of constants.
func (e *elem) head(name, decl string, args int) {
	e.text(name+e.name, decl, args)
	e.i("LEAQ ·elemTable(SB), R15")
}

// loop emits a loop over n values, n in CX. body processes one register of values; the registers in ptrs
// then advance by the size of a register.
func (e *elem) loop(label string, body func(), ptrs ...string) {
	e.p("%s:", label)
	body()
	for _, r := range ptrs {
		e.i("ADDQ $%d, %s", e.bytes(), r)
	}
	e.i("SUBQ $%d, CX\n\tJNZ %s", e.lanes, label)
}

// exp emits x = exp(x), with registers t and n as scratch; expReady must come before.
//
// It computes n = round(x/ln 2), r = x - n·ln 2 in two steps, a polynomial of degree 5 in r (Cephes,
// expf), and its product with 2^n. The error is at most 0.85 ulp. NaN gives NaN.
func (e *elem) exp(x, t, n int) {
	if e.isa == avx2 {
		e.i("VCMPPS $1, Y15, Y%d, Y13", x) // the result would be denormal: it becomes zero
	}
	hi, lo := e.clamps()
	e.op("VMINPS", x, hi, x)
	e.op("VMAXPS", x, lo, x)
	e.opC("VMULPS", "log2e", x, n)
	if e.isa == avx512 {
		e.i("VRNDSCALEPS $8, Z%d, Z%d", n, n)
	} else {
		e.i("VROUNDPS $8, Y%d, Y%d", n, n)
	}
	e.opC("VFMADD231PS", "ln2hi", n, x)
	e.opC("VFMADD231PS", "ln2lo", n, x)
	e.splat(constant("p0"), t)
	for _, c := range []string{"p1", "p2", "p3", "p4", "p5", "one", "one"} {
		e.opC("VFMADD213PS", c, x, t)
	}
	if e.isa == avx512 {
		e.op("VSCALEFPS", n, t, x)
		return
	}
	// Multiply by 2^(n-1), then by 2, so that the factor does not overflow for n = 128.
	e.opC("VSUBPS", "one", n, n)
	e.i("VCVTPS2DQ Y%d, Y%d\n\tVPADDD Y12, Y%d, Y%d\n\tVPSLLD $23, Y%d, Y%d", n, n, n, n, n, n)
	e.op("VMULPS", n, t, x)
	e.op("VADDPS", x, x, x)
	e.i("VANDNPS Y%d, Y13, Y%d", x, x)
}

// clamps returns the registers of the bounds of the argument of exp.
func (e *elem) clamps() (hi, lo int) {
	if e.isa == avx512 {
		return 30, 31
	}
	return 14, 15
}

// expReady loads the constants that exp needs in registers: the bounds of x and, with AVX2, 127.
func (e *elem) expReady() {
	hi, lo := e.clamps()
	e.splat(constant("highest"), hi)
	if e.isa == avx512 {
		e.splat(constant("lowest"), lo)
		return
	}
	e.splat(constant("low256"), lo)
	e.i("VPBROADCASTD %d(R15), Y12", 32*len(table)+4)
}

// fold leaves the reduction by op of all lanes of register 0 in its lane 0. Register 1 is scratch.
func (e *elem) fold(op string) {
	if e.isa == avx512 {
		e.i("VEXTRACTF64X4 $1, Z0, Y1\n\t%s Y1, Y0, Y0", op)
	}
	e.i("VEXTRACTF128 $1, Y0, X1\n\t%s X1, X0, X0\n\tVPERMILPS $0x4E, X0, X1\n\t%s X1, X0, X0\n\tVPERMILPS $0xB1, X0, X1\n\t%s X1, X0, X0", op, op, op)
}

// max emits the largest of n values. Four registers at a time hide the latency of comparisons.
func (e *elem) max() {
	e.head("maxOf", "(x *float32, n int) float32", 20)
	e.i("MOVQ x+0(FP), SI\n\tMOVQ n+8(FP), CX")
	for r := range 4 {
		e.load("(SI)", r)
	}
	e.i("SUBQ $%d, CX\n\tJLT rest", 4*e.lanes)
	e.p("loop:")
	for r := range 4 {
		e.i("VMAXPS %d(SI), %s%d, %s%d", r*e.bytes(), e.reg, r, e.reg, r)
	}
	e.i("ADDQ $%d, SI\n\tSUBQ $%d, CX\n\tJGE loop", 4*e.bytes(), 4*e.lanes)
	e.op("VMAXPS", 2, 0, 0)
	e.op("VMAXPS", 3, 1, 1)
	e.op("VMAXPS", 1, 0, 0)
	e.p("rest:")
	e.i("ADDQ $%d, CX\n\tJZ end", 4*e.lanes)
	e.loop("single", func() { e.i("VMAXPS (SI), %s0, %s0", e.reg, e.reg) }, "SI")
	e.p("end:")
	e.fold("VMAXPS")
	e.i("VMOVSS X0, ret+16(FP)\n\tVZEROUPPER\n\tRET")
}

func (e *elem) expSum() {
	e.head("expSum", "(x *float32, n int, top float32) float32", 28)
	e.i("MOVQ x+0(FP), SI\n\tMOVQ n+8(FP), CX")
	e.splat("top+16(FP)", 7)
	e.zero(8)
	e.expReady()
	e.loop("loop", func() {
		e.load("(SI)", 0)
		e.op("VSUBPS", 7, 0, 0)
		e.exp(0, 1, 2)
		e.op("VADDPS", 0, 8, 8)
		e.store(0, "(SI)")
	}, "SI")
	e.op("VMOVAPS", 8, 0)
	e.fold("VADDPS")
	e.i("VMOVSS X0, ret+24(FP)\n\tVZEROUPPER\n\tRET")
}

// sums emits the functions for Σx and Σ(x-mean)².
func (e *elem) sums() {
	e.head("sum", "(x *float32, n int) float32", 20)
	e.i("MOVQ x+0(FP), SI\n\tMOVQ n+8(FP), CX")
	e.zero(0)
	e.loop("loop", func() { e.i("VADDPS (SI), %s0, %s0", e.reg, e.reg) }, "SI")
	e.fold("VADDPS")
	e.i("VMOVSS X0, ret+16(FP)\n\tVZEROUPPER\n\tRET")

	e.head("squares", "(x *float32, n int, mean float32) float32", 28)
	e.i("MOVQ x+0(FP), SI\n\tMOVQ n+8(FP), CX")
	e.splat("mean+16(FP)", 2)
	e.zero(0)
	e.loop("loop", func() {
		e.load("(SI)", 3)
		e.op("VSUBPS", 2, 3, 3)
		e.op("VFMADD231PS", 3, 3, 0)
	}, "SI")
	e.fold("VADDPS")
	e.i("VMOVSS X0, ret+24(FP)\n\tVZEROUPPER\n\tRET")
}

// maps emits the functions that write one value for each value read.
func (e *elem) maps() {
	ret := func() { e.i("VZEROUPPER\n\tRET") }
	e.head("scaleTo", "(dst, x *float32, n int, s float32)", 28)
	e.i("MOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX")
	e.splat("s+24(FP)", 1)
	e.loop("loop", func() {
		e.i("VMULPS (SI), %s1, %s0", e.reg, e.reg)
		e.store(0, "(DI)")
	}, "SI", "DI")
	ret()

	e.head("addTo", "(dst, x *float32, n int)", 24)
	e.i("MOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX")
	e.loop("loop", func() {
		e.load("(SI)", 0)
		e.i("VADDPS (DI), %s0, %s0", e.reg, e.reg)
		e.store(0, "(DI)")
	}, "SI", "DI")
	ret()

	e.text("addRows"+e.name, "(c *float32, ldc int, b *float32, m int)", 32)
	e.i("MOVQ c+0(FP), DI\n\tMOVQ ldc+8(FP), DX\n\tMOVQ b+16(FP), BX\n\tMOVQ m+24(FP), CX")
	n := 32 / e.lanes
	for v := range n {
		e.load(fmt.Sprintf("%d(BX)", v*e.bytes()), n+v)
	}
	e.p("loop:")
	for v := range n {
		e.i("VADDPS %d(DI), %s%d, %s%d", v*e.bytes(), e.reg, n+v, e.reg, v)
		e.store(v, fmt.Sprintf("%d(DI)", v*e.bytes()))
	}
	e.i("ADDQ DX, DI\n\tDECQ CX\n\tJNZ loop")
	ret()

	e.head("scaleMul", "(dst, x, w *float32, n int, s float32)", 36)
	e.i("MOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ w+16(FP), BX\n\tMOVQ n+24(FP), CX")
	e.splat("s+32(FP)", 1)
	e.loop("loop", func() {
		e.i("VMULPS (SI), %s1, %s0\n\tVMULPS (BX), %s0, %s0", e.reg, e.reg, e.reg, e.reg)
		e.store(0, "(DI)")
	}, "SI", "BX", "DI")
	ret()

	e.head("affine", "(dst, x, gamma, beta *float32, n int, mean, s float32)", 48)
	e.i("MOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ gamma+16(FP), BX\n\tMOVQ beta+24(FP), DX\n\tMOVQ n+32(FP), CX")
	e.splat("mean+40(FP)", 1)
	e.splat("s+44(FP)", 2)
	e.loop("loop", func() {
		e.load("(SI)", 0)
		e.op("VSUBPS", 1, 0, 0)
		e.op("VMULPS", 2, 0, 0)
		e.load("(BX)", 3)
		e.i("VFMADD213PS (DX), %s3, %s0", e.reg, e.reg)
		e.store(0, "(DI)")
	}, "SI", "BX", "DX", "DI")
	ret()
}

// turns emits the functions that rotate pairs of values; see rope.go.
func (e *elem) turns() {
	e.text("turnPairs"+e.name, "(x, cs *float32, n int)", 24)
	e.i("MOVQ x+0(FP), SI\n\tMOVQ cs+8(FP), BX\n\tMOVQ n+16(FP), CX")
	e.loop("loop", func() {
		e.load("(SI)", 0)
		e.load("(BX)", 1)
		e.op("VMOVSLDUP", 1, 2) // c, c
		e.op("VMOVSHDUP", 1, 3) // s, s
		e.i("VPERMILPS $0xB1, %s0, %s4", e.reg, e.reg)
		e.op("VMULPS", 3, 4, 4)
		e.op("VFMADDSUB213PS", 4, 2, 0) // a·c - b·s, b·c + a·s
		e.store(0, "(SI)")
	}, "SI", "BX")
	e.i("VZEROUPPER\n\tRET")

	e.text("turnHalves"+e.name, "(lo, hi, cos, sin *float32, n int)", 40)
	e.i("MOVQ lo+0(FP), SI\n\tMOVQ hi+8(FP), DI\n\tMOVQ cos+16(FP), BX\n\tMOVQ sin+24(FP), DX\n\tMOVQ n+32(FP), CX")
	e.loop("loop", func() {
		e.load("(SI)", 0)
		e.load("(DI)", 1)
		e.load("(BX)", 2)
		e.load("(DX)", 3)
		e.op("VMULPS", 1, 3, 4) // b·s
		e.op("VMULPS", 0, 3, 5) // a·s
		e.op("VFMSUB213PS", 4, 2, 0)
		e.op("VFMADD213PS", 5, 2, 1)
		e.store(0, "(SI)")
		e.store(1, "(DI)")
	}, "SI", "DI", "BX", "DX")
	e.i("VZEROUPPER\n\tRET")
}

// half emits the conversion to float16, rounded to nearest even.
func (e *elem) half() {
	e.text("toHalf"+e.name, "(dst *uint16, x *float32, n int)", 24)
	e.i("MOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX")
	e.p("loop:")
	e.load("(SI)", 0)
	e.i("VCVTPS2PH $0, %s0, (DI)", e.reg)
	e.i("ADDQ $%d, SI\n\tADDQ $%d, DI\n\tSUBQ $%d, CX\n\tJNZ loop\n\tVZEROUPPER\n\tRET", e.bytes(), e.bytes()/2, e.lanes)
}

// medianOrder is a network of comparisons after which value 3 of seven is the median. Each pair is put in order.
var medianOrder = [][2]int{{0, 5}, {0, 3}, {1, 6}, {2, 4}, {0, 1}, {3, 5}, {2, 6}, {2, 3}, {3, 6}, {4, 5}, {1, 4}, {1, 3}, {3, 4}}

// medians emits sum[i] += share · the median of x[i … i+6].
func (e *elem) medians() {
	e.text("addMedians"+e.name, "(sum, x *float32, n int, share float32)", 28)
	e.i("MOVQ sum+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX")
	e.splat("share+24(FP)", 8)
	e.loop("loop", func() {
		at, free := []int{0, 1, 2, 3, 4, 5, 6}, 7 // registers of the values, and an unused one
		for i, r := range at {
			e.load(fmt.Sprintf("%d(SI)", 4*i), r)
		}
		for _, p := range medianOrder {
			low, high := at[p[0]], at[p[1]]
			e.op("VMINPS", low, high, free)
			e.op("VMAXPS", low, high, high)
			at[p[0]], free = free, low
		}
		e.load("(DI)", 9)
		e.op("VFMADD231PS", 8, at[3], 9)
		e.store(9, "(DI)")
	}, "SI", "DI")
	e.i("VZEROUPPER\n\tRET")
}

// activation emits dst = f(x)·up, where a nil up stands for 1. The code for f reads x in register 6 and leaves f(x) in register 0.
func (e *elem) activation(name string) {
	e.head(name, "(dst, x, up *float32, n int)", 32)
	e.i("MOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ up+16(FP), BX\n\tMOVQ n+24(FP), CX")
	e.expReady()
	f := map[string]func(){"silu": e.silu, "sigmoid": e.sigmoid, "geluTanh": e.geluTanh, "geluErf": e.geluErf, "swiGLU7": e.swiGLU7}[name]
	times := func() { e.i("VMULPS (BX), %s0, %s0", e.reg, e.reg) }
	if name == "swiGLU7" {
		e.splat(constant("seven"), 7)
		e.splat(constant("minus7"), 8)
		times = e.timesUp7
	}
	e.i("TESTQ BX, BX\n\tJZ plain")
	e.loop("gated", func() {
		e.load("(SI)", 6)
		f()
		times()
		e.store(0, "(DI)")
	}, "SI", "BX", "DI")
	e.i("VZEROUPPER\n\tRET")
	e.loop("plain", func() {
		e.load("(SI)", 6)
		f()
		e.store(0, "(DI)")
	}, "SI", "DI")
	e.i("VZEROUPPER\n\tRET")
}

// silu emits x / (1 + exp(-x)).
func (e *elem) silu() {
	e.zero(0)
	e.op("VSUBPS", 6, 0, 0)
	e.logistic()
}

// sigmoid emits 1 / (1 + exp(-x)).
func (e *elem) sigmoid() {
	e.zero(0)
	e.op("VSUBPS", 6, 0, 0)
	e.splat(constant("one"), 6)
	e.logistic()
}

// logistic emits register 0 = register 6 / (1 + exp(register 0)).
func (e *elem) logistic() {
	e.exp(0, 1, 2)
	e.opC("VADDPS", "one", 0, 0)
	e.op("VDIVPS", 0, 6, 0)
}

// swiGLU7 emits g / (1 + exp(-1.702·g)) with g = min(x, 7). Register 7 holds 7.
func (e *elem) swiGLU7() {
	e.op("VMINPS", 6, 7, 6) // NaN stays
	e.opC("VMULPS", "swish7", 6, 0)
	e.logistic()
}

// timesUp7 emits the multiplication of register 0 by 1 + up, with up limited to the values of registers 8 and 7.
func (e *elem) timesUp7() {
	e.load("(BX)", 3)
	e.op("VMINPS", 3, 7, 3)
	e.op("VMAXPS", 3, 8, 3)
	e.opC("VADDPS", "one", 3, 3)
	e.op("VMULPS", 3, 0, 0)
}

// softCap emits limit·tanh(x/limit). The hyperbolic tangent is a quotient of polynomials, x·t(x²)/u(x²), with
// an error of some units in the last place; beyond tanhMax it is 1.
func (e *elem) softCap() {
	e.head("softCap", "(dst, x *float32, n int, limit float32)", 28)
	e.i("MOVQ dst+0(FP), DI\n\tMOVQ x+8(FP), SI\n\tMOVQ n+16(FP), CX")
	e.splat("limit+24(FP)", 5)
	e.splat(constant("tanhMax"), 7)
	e.splat(constant("tanhMin"), 8)
	e.loop("loop", func() {
		e.load("(SI)", 0)
		e.op("VDIVPS", 5, 0, 0)
		e.op("VMINPS", 0, 7, 0) // NaN stays
		e.op("VMAXPS", 0, 8, 0)
		e.op("VMULPS", 0, 0, 1)
		e.splat(constant("t13"), 2)
		for _, c := range []string{"t11", "t9", "t7", "t5", "t3", "t1"} {
			e.opC("VFMADD213PS", c, 1, 2)
		}
		e.splat(constant("u6"), 3)
		for _, c := range []string{"u4", "u2", "u0"} {
			e.opC("VFMADD213PS", c, 1, 3)
		}
		e.op("VMULPS", 0, 2, 2)
		e.op("VDIVPS", 3, 2, 2)
		e.op("VMULPS", 5, 2, 2)
		e.store(2, "(DI)")
	}, "SI", "DI")
	e.i("VZEROUPPER\n\tRET")
}

// geluTanh emits ½x(1 + tanh u) as x / (1 + exp(-2u)), where u = √(2/π)(x + 0.044715x³).
func (e *elem) geluTanh() {
	e.op("VMULPS", 6, 6, 0)
	e.splat(constant("tanh3"), 3)
	e.opC("VFMADD213PS", "tanh1", 3, 0)
	e.op("VMULPS", 6, 0, 0)
	e.logistic()
}

// geluErf emits max(x, 0) - ½|x|·erfc(|x|/√2), which is accurate for large negative x too.
// erfc(z) = poly(1/(1+0.3275911z))·exp(-z²) within 1.5e-7 (Abramowitz and Stegun 7.1.26).
func (e *elem) geluErf() {
	e.splat(fmt.Sprintf("%d(R15)", 32*len(table)), 3)
	e.op("VANDPS", 6, 3, 3)          // |x|
	e.opC("VMULPS", "sqrt½", 3, 4)   // z
	e.zero(0)                        //
	e.op("VFNMADD231PS", 4, 4, 0)    // -z²
	e.splat(constant("one"), 5)      //
	e.splat(constant("one"), 7)      //
	e.opC("VFMADD231PS", "e0", 4, 5) // 1 + pz
	e.op("VDIVPS", 5, 7, 5)          // t
	e.splat(constant("e5"), 4)       //
	for _, c := range []string{"e4", "e3", "e2", "e1"} {
		e.opC("VFMADD213PS", c, 5, 4)
	}
	e.op("VMULPS", 5, 4, 4) // poly
	e.exp(0, 1, 2)
	e.op("VMULPS", 4, 0, 0)
	e.op("VMULPS", 3, 0, 0)
	e.zero(1)
	e.op("VMAXPS", 6, 1, 1) // NaN in x gives NaN
	e.splat(constant("half"), 2)
	e.op("VFNMADD231PS", 2, 0, 1)
	e.op("VMOVAPS", 1, 0)
}
