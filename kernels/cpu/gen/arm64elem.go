package main

// elemConstants lists registers and the constant that each of their words holds.
var elemConstants = []struct {
	reg  int
	name string
}{
	{16, "log2e"}, {17, "ln2hi"}, {18, "ln2lo"}, {19, "p0"}, {20, "p1"}, {21, "p2"}, {22, "p3"}, {23, "p4"}, {24, "p5"},
	{25, "one"}, {26, "lowest"}, {27, "highest"}, {28, "bias"},
}

// tableARM64 returns the offset of a constant in the table.
func tableARM64(name string) int {
	for i, c := range table {
		if c.name == name {
			return 4 * i
		}
	}
	return map[string]int{"bias": 4 * len(table)}[name]
}

// elemsARM64 writes the functions of elem.go for arm64, which process one row: exponentials, activations, norms. Every function
// processes whole pairs of registers of values; the Go code processes the remaining values. The formulas are
// those of gen/elem.go. The constants stay in registers.
func elemsARM64(f *file) {
	f.p("")
	for i, c := range table {
		f.p("DATA ·elemTable+%d(SB)/4, $(%s)", 4*i, c.value)
	}
	f.p("DATA ·elemTable+%d(SB)/4, $127", 4*len(table))
	f.p("GLOBL ·elemTable(SB), RODATA|NOPTR, $%d", 4*len(table)+4)
	e := &e64{asm{f}}
	e.reductions()
	e.expSum()
	e.maps()
	e.softCap()
	for _, a := range []string{"silu", "sigmoid", "geluTanh", "geluErf", "swiGLU7"} {
		e.activation(a)
	}
}

// e64 emits the functions. R0 … R4 hold the arguments, R15 points to the table of constants.
type e64 struct{ asm }

// head begins a function and loads its arguments; args are their names and offsets.
func (e *e64) head(name, decl string, size int, args ...string) {
	e.text(name+"NEON", decl, size)
	for i, a := range args {
		e.i("MOVD %s(FP), R%d", a, i)
	}
}

// splat fills all lanes of d with the float32 argument arg.
func (e *e64) splat(arg string, d int) {
	e.i("FMOVS %s(FP), F%d", arg, d)
	e.dup(d, d, 0)
}

// constant fills all lanes of d with a constant.
func (e *e64) constant(name string, d int) {
	e.load4(d, tableARM64(name), "R15")
	e.dup(d, d, 0)
}

// expReady loads the constants that exp needs to registers.
func (e *e64) expReady() {
	e.i("MOVD $·elemTable(SB), R15")
	for _, c := range elemConstants {
		e.constant(c.name, c.reg)
	}
}

// next loads the next four values at b and advances b.
func (e *e64) next(b reg, d int) { e.i("FMOVQ.P 16(%s), F%d", b, d) }

// put stores four values at b and advances b.
func (e *e64) put(d int, b reg) { e.i("FMOVQ.P F%d, 16(%s)", d, b) }

// loop emits a loop over n values, n in register count. body processes that many values.
func (e *e64) loop(label string, count reg, values int, body func()) {
	e.p("%s:", label)
	body()
	e.i("SUBS $%d, %s\n\tBNE %s", values, count, label)
}

// horner emits acc = acc·x + c for each constant register c. acc and t are used alternately; it returns
// the register of the result.
func (e *e64) horner(acc, t, x int, constants ...int) int {
	for _, c := range constants {
		e.move(t, c)
		e.op3(fmla, t, acc, x)
		acc, t = t, acc
	}
	return acc
}

// exp emits x = exp(x), with registers t, n and u as scratch; expReady must come before. It computes n = round(x/ln 2),
// a polynomial of the remainder, and multiplies it by 2^⌊n/2⌋ and by 2^(n-⌊n/2⌋), so
// that denormal results are rounded only once. NaN gives NaN.
func (e *e64) exp(x, t, n, u int) {
	e.op3(fmin, x, x, 27)
	e.op3(fmax, x, x, 26)
	e.op3(fmul, n, x, 16)
	e.op2(fcvtns, n, n)
	e.op2(scvtf, t, n)
	e.op3(fmla, x, t, 17)
	e.op3(fmla, x, t, 18)
	e.move(t, 19)
	t = e.horner(t, u, x, 20, 21, 22, 23, 24, 25, 25)
	e.halve(x, n)
	e.sub(n, n, x)
	for _, half := range []int{x, n} {
		e.add(half, half, 28)
		e.shl(half, half, 23)
	}
	e.op3(fmul, x, x, t)
	e.op3(fmul, x, x, n)
}

// reductions emits the functions for the maximum, Σx and Σ(x-mean)².
func (e *e64) reductions() {
	e.head("maxOf", "(x *float32, n int) float32", 20, "x+0", "n+8")
	e.load(0, 0, "R0")
	e.load(1, 0, "R0")
	e.loop("loop", "R1", 8, func() {
		for r := range 2 {
			e.next("R0", 2+r)
			e.op3(fmaxnm, r, r, 2+r)
		}
	})
	e.op3(fmaxnm, 0, 0, 1)
	e.opV(fmaxnmv, 0, 0)
	e.i("FMOVS F0, ret+16(FP)\n\tRET")

	e.head("sum", "(x *float32, n int) float32", 20, "x+0", "n+8")
	e.zero(0)
	e.zero(1)
	e.loop("loop", "R1", 8, func() {
		for r := range 2 {
			e.next("R0", 2+r)
			e.op3(fadd, r, r, 2+r)
		}
	})
	e.fold("ret+16")

	e.head("squares", "(x *float32, n int, mean float32) float32", 28, "x+0", "n+8")
	e.splat("mean+16", 4)
	e.zero(0)
	e.zero(1)
	e.loop("loop", "R1", 8, func() {
		for r := range 2 {
			e.next("R0", 2+r)
			e.op3(fsub, 2+r, 2+r, 4)
			e.op3(fmla, r, 2+r, 2+r)
		}
	})
	e.fold("ret+24")
}

// fold stores the sum of all lanes of registers 0 and 1 in the result ret.
func (e *e64) fold(ret string) {
	e.op3(fadd, 0, 0, 1)
	e.op3(faddp, 0, 0, 0)
	e.pairSum(0, 0)
	e.i("FMOVS F0, %s(FP)\n\tRET", ret)
}

func (e *e64) expSum() {
	e.head("expSum", "(x *float32, n int, top float32) float32", 28, "x+0", "n+8")
	e.splat("top+16", 8)
	e.expReady()
	e.zero(9)
	e.zero(10)
	e.loop("loop", "R1", 8, func() {
		for r := range 2 {
			x := 4 * r
			e.load(x, 16*r, "R0")
			e.op3(fsub, x, x, 8)
			e.exp(x, x+1, x+2, x+3)
			e.op3(fadd, 9+r, 9+r, x)
			e.store(x, 16*r, "R0")
		}
		e.i("ADD $32, R0")
	})
	e.move(0, 9)
	e.move(1, 10)
	e.fold("ret+24")
}

// maps emits the functions that write one value for each value read.
func (e *e64) maps() {
	e.head("scaleTo", "(dst, x *float32, n int, s float32)", 28, "dst+0", "x+8", "n+16")
	e.splat("s+24", 1)
	e.loop("loop", "R2", 4, func() {
		e.next("R1", 0)
		e.op3(fmul, 0, 0, 1)
		e.put(0, "R0")
	})
	e.i("RET")

	e.head("addTo", "(dst, x *float32, n int)", 24, "dst+0", "x+8", "n+16")
	e.loop("loop", "R2", 4, func() {
		e.next("R1", 0)
		e.load(1, 0, "R0")
		e.op3(fadd, 0, 0, 1)
		e.put(0, "R0")
	})
	e.i("RET")

	e.head("scaleMul", "(dst, x, w *float32, n int, s float32)", 36, "dst+0", "x+8", "w+16", "n+24")
	e.splat("s+32", 1)
	e.loop("loop", "R3", 4, func() {
		e.next("R1", 0)
		e.next("R2", 2)
		e.op3(fmul, 0, 0, 1)
		e.op3(fmul, 0, 0, 2)
		e.put(0, "R0")
	})
	e.i("RET")

	e.head("affine", "(dst, x, gamma, beta *float32, n int, mean, s float32)", 48, "dst+0", "x+8", "gamma+16", "beta+24", "n+32")
	e.splat("mean+40", 1)
	e.splat("s+44", 2)
	e.loop("loop", "R4", 4, func() {
		e.next("R1", 0)
		e.next("R2", 3)
		e.next("R3", 4)
		e.op3(fsub, 0, 0, 1)
		e.op3(fmul, 0, 0, 2)
		e.op3(fmla, 4, 0, 3)
		e.put(4, "R0")
	})
	e.i("RET")
}

// activation emits dst = f(x)·up, where a nil up stands for 1. The code for f reads x in register 6 and leaves f(x) in register 0; its
// own constants are in registers from 8 on.
func (e *e64) activation(name string) {
	e.head(name, "(dst, x, up *float32, n int)", 32, "dst+0", "x+8", "up+16", "n+24")
	e.expReady()
	f := map[string]func(){"silu": e.silu, "sigmoid": e.sigmoid, "geluTanh": e.geluTanh, "geluErf": e.geluErf, "swiGLU7": e.swiGLU7}[name]
	up := func() { e.next("R2", 1) }
	if name == "swiGLU7" {
		up = e.up7
	}
	for i, c := range map[string][]string{
		"geluTanh": {"tanh1", "tanh3"}, "geluErf": {"sqrt½", "e0", "e1", "e2", "e3", "e4", "e5", "half"},
		"swiGLU7": {"seven", "minus7", "swish7"},
	}[name] {
		e.constant(c, 8+i)
	}
	e.i("CBZ R2, plain")
	e.loop("gated", "R3", 4, func() {
		e.next("R1", 6)
		f()
		up()
		e.op3(fmul, 0, 0, 1)
		e.put(0, "R0")
	})
	e.i("RET")
	e.loop("plain", "R3", 4, func() {
		e.next("R1", 6)
		f()
		e.put(0, "R0")
	})
	e.i("RET")
}

// silu emits x / (1 + exp(-x)).
func (e *e64) silu() {
	e.op2(fneg, 0, 6)
	e.logistic()
}

// sigmoid emits 1 / (1 + exp(-x)).
func (e *e64) sigmoid() {
	e.op2(fneg, 0, 6)
	e.move(6, 25)
	e.logistic()
}

// logistic emits register 0 = register 6 / (1 + exp(register 0)).
func (e *e64) logistic() {
	e.exp(0, 1, 2, 3)
	e.op3(fadd, 0, 0, 25)
	e.op3(fdiv, 0, 6, 0)
}

// swiGLU7 emits g / (1 + exp(-1.702·g)) with g = min(x, 7).
func (e *e64) swiGLU7() {
	e.op3(fmin, 6, 6, 8)
	e.op3(fmul, 0, 6, 10)
	e.logistic()
}

// up7 emits register 1 = 1 + up, with up limited to -7 … 7.
func (e *e64) up7() {
	e.next("R2", 1)
	e.op3(fmin, 1, 1, 8)
	e.op3(fmax, 1, 1, 9)
	e.op3(fadd, 1, 1, 25)
}

// softCap emits limit·tanh(x/limit), as in gen/elem.go.
func (e *e64) softCap() {
	e.head("softCap", "(dst, x *float32, n int, limit float32)", 28, "dst+0", "x+8", "n+16")
	e.splat("limit+24", 7)
	e.i("MOVD $·elemTable(SB), R15")
	for i, c := range []string{"t13", "t11", "t9", "t7", "t5", "t3", "t1", "u6", "u4", "u2", "u0", "tanhMax", "tanhMin"} {
		e.constant(c, 16+i)
	}
	e.loop("loop", "R2", 4, func() {
		e.next("R1", 0)
		e.op3(fdiv, 0, 0, 7)
		e.op3(fmin, 0, 0, 27)
		e.op3(fmax, 0, 0, 28)
		e.op3(fmul, 1, 0, 0)
		e.move(2, 16)
		t := e.horner(2, 3, 1, 17, 18, 19, 20, 21, 22)
		e.op3(fmul, 4, t, 0)
		e.move(5, 23)
		u := e.horner(5, 6, 1, 24, 25, 26)
		e.op3(fdiv, 0, 4, u)
		e.op3(fmul, 0, 0, 7)
		e.put(0, "R0")
	})
	e.i("RET")
}

// geluTanh emits ½x(1 + tanh u) as x / (1 + exp(-2u)), where u = √(2/π)(x + 0.044715x³).
func (e *e64) geluTanh() {
	e.op3(fmul, 0, 6, 6)
	e.move(1, 8)
	e.op3(fmla, 1, 0, 9)
	e.op3(fmul, 0, 1, 6)
	e.logistic()
}

// geluErf emits max(x, 0) - ½|x|·erfc(|x|/√2), as in gen/elem.go.
func (e *e64) geluErf() {
	e.op2(fabs, 4, 6)
	e.op3(fmul, 5, 4, 8) // z
	e.zero(0)
	e.op3(fmls, 0, 5, 5) // -z²
	e.move(7, 25)
	e.op3(fmla, 7, 5, 9)  // 1 + pz
	e.op3(fdiv, 7, 25, 7) // t
	e.move(2, 14)
	e.op3(fmul, 5, 7, e.horner(2, 1, 7, 13, 12, 11, 10)) // poly
	e.exp(0, 1, 2, 3)
	e.op3(fmul, 0, 0, 5)
	e.op3(fmul, 0, 0, 4)
	e.zero(1)
	e.op3(fmax, 1, 1, 6) // NaN in x gives NaN
	e.op3(fmls, 1, 0, 15)
	e.move(0, 1)
}
