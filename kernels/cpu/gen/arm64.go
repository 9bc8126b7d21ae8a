package main

import "fmt"

// asm is an arm64 assembly file being generated.
//
// It has a method for each instruction that the kernels need. Instructions that Go's assembler does not know
// are encoded here and printed as a WORD, with the instruction in GNU syntax as its comment; a test in
// bytes_test.go disassembles the words and compares.
//
// Operands are in the order of Arm's manual (DDI 0487): the destination comes first.
type asm struct{ *file }

// word prints an instruction as its 32-bit encoding.
func (f asm) word(code uint32, format string, a ...any) {
	f.i("WORD $0x%08x // %s", code, fmt.Sprintf(format, a...))
}

// vec is an instruction on whole vectors: its encoding with all operands zero, its name, and the arrangements
// of destination and sources (v0.4s has "4s").
type vec struct {
	code     uint32
	name     string
	dst, src string
}

var (
	smull   = vec{0x0e20c000, "smull", "8h", "8b"}
	smull2  = vec{0x4e20c000, "smull2", "8h", "16b"}
	smlal   = vec{0x0e208000, "smlal", "8h", "8b"}
	smlal2  = vec{0x4e208000, "smlal2", "8h", "16b"}
	usmmla  = vec{0x4e80ac00, "usmmla", "4s", "16b"}
	addp    = vec{0x4ea0bc00, "addp", "4s", "4s"}
	fadd    = vec{0x4e20d400, "fadd", "4s", "4s"}
	faddp   = vec{0x6e20d400, "faddp", "4s", "4s"}
	fsub    = vec{0x4ea0d400, "fsub", "4s", "4s"}
	fmul    = vec{0x6e20dc00, "fmul", "4s", "4s"}
	fdiv    = vec{0x6e20fc00, "fdiv", "4s", "4s"}
	fmla    = vec{0x4e20cc00, "fmla", "4s", "4s"}
	fmls    = vec{0x4ea0cc00, "fmls", "4s", "4s"}
	fmax    = vec{0x4e20f400, "fmax", "4s", "4s"}
	fmin    = vec{0x4ea0f400, "fmin", "4s", "4s"}
	fmaxnm  = vec{0x4e20c400, "fmaxnm", "4s", "4s"}
	umax    = vec{0x6ea06400, "umax", "4s", "4s"}
	saddlp  = vec{0x4e602800, "saddlp", "4s", "8h"}
	sadalp  = vec{0x4e606800, "sadalp", "4s", "8h"}
	scvtf   = vec{0x4e21d800, "scvtf", "4s", "4s"}
	fcvtns  = vec{0x4e21a800, "fcvtns", "4s", "4s"}
	fcvtl   = vec{0x0e217800, "fcvtl", "4s", "4h"}
	fcvtl2  = vec{0x4e217800, "fcvtl2", "4s", "8h"}
	fabs    = vec{0x4ea0f800, "fabs", "4s", "4s"}
	fneg    = vec{0x6ea0f800, "fneg", "4s", "4s"}
	sqxtnH  = vec{0x0e614800, "sqxtn", "4h", "4s"}
	sqxtnH2 = vec{0x4e614800, "sqxtn2", "8h", "4s"}
	sqxtnB  = vec{0x0e214800, "sqxtn", "8b", "8h"}
	sqxtnB2 = vec{0x4e214800, "sqxtn2", "16b", "8h"}
)

// op3 prints an instruction with destination d and sources n and m.
func (f asm) op3(v vec, d, n, m int) {
	f.word(v.code|uint32(m<<16|n<<5|d), "%s v%d.%s, v%d.%s, v%d.%s", v.name, d, v.dst, n, v.src, m, v.src)
}

// op2 prints an instruction with destination d and source n.
func (f asm) op2(v vec, d, n int) {
	f.word(v.code|uint32(n<<5|d), "%s v%d.%s, v%d.%s", v.name, d, v.dst, n, v.src)
}

// lane is an instruction whose last operand is one of the four 32-bit elements of a vector.
type lane struct {
	code     uint32
	name     string
	src, elt string
}

var (
	sdot  = lane{0x4f80e000, "sdot", "16b", "4b"}
	usdot = lane{0x4f80f000, "usdot", "16b", "4b"}
	fmlaE = lane{0x4f801000, "fmla", "4s", "s"}
	fmlsE = lane{0x4f805000, "fmls", "4s", "s"}
	fmulE = lane{0x4f809000, "fmul", "4s", "s"}
)

// opE prints an instruction with destination d, source n and element i of m.
func (f asm) opE(l lane, d, n, m, i int) {
	f.word(l.code|uint32(i&1<<21|i>>1<<11|m<<16|n<<5|d), "%s v%d.4s, v%d.%s, v%d.%s[%d]", l.name, d, n, l.src, m, l.elt, i)
}

// across is a reduction of a vector to one 32-bit element.
type across struct {
	code uint32
	name string
}

var (
	addv    = across{0x4eb1b800, "addv"}
	umaxv   = across{0x6eb0a800, "umaxv"}
	fmaxnmv = across{0x6e30c800, "fmaxnmv"}
)

func (f asm) opV(v across, d, n int) {
	f.word(v.code|uint32(n<<5|d), "%s s%d, v%d.4s", v.name, d, n)
}

// pairSum prints FADDP of the two lower elements of n: their sum in d.
func (f asm) pairSum(d, n int) {
	f.word(0x7e30d800|uint32(n<<5|d), "faddp s%d, v%d.2s", d, n)
}

// widenBF16 prints the conversion of the lower (or upper) four bfloat16 values of n to float32.
func (f asm) widenBF16(d, n int, upper bool) {
	if upper {
		f.word(0x6e613800|uint32(n<<5|d), "shll2 v%d.4s, v%d.8h, #16", d, n)
		return
	}
	f.word(0x2e613800|uint32(n<<5|d), "shll v%d.4s, v%d.4h, #16", d, n)
}

// halve prints an arithmetic shift right by one of each 32-bit element.
func (f asm) halve(d, n int) {
	f.word(0x4f3f0400|uint32(n<<5|d), "sshr v%d.4s, v%d.4s, #1", d, n)
}

// The following instructions are known to Go's assembler. Loads and stores take a base register and a byte offset.

func (f asm) zero(r int)               { f.i("VEOR V%d.B16, V%d.B16, V%d.B16", r, r, r) }
func (f asm) move(d, n int)            { f.i("VORR V%d.B16, V%d.B16, V%d.B16", n, n, d) }
func (f asm) load(d, off int, b reg)   { f.i("FMOVQ %d(%s), F%d", off, b, d) }
func (f asm) load8(d, off int, b reg)  { f.i("FMOVD %d(%s), F%d", off, b, d) }
func (f asm) load4(d, off int, b reg)  { f.i("FMOVS %d(%s), F%d", off, b, d) }
func (f asm) store(n, off int, b reg)  { f.i("FMOVQ F%d, %d(%s)", n, off, b) }
func (f asm) dup(d, n, i int)          { f.i("VDUP V%d.S[%d], V%d.S4", n, i, d) }
func (f asm) dup2(d, n, i int)         { f.i("VDUP V%d.D[%d], V%d.D2", n, i, d) }
func (f asm) and(d, n, m int)          { f.i("VAND V%d.B16, V%d.B16, V%d.B16", m, n, d) }
func (f asm) eor(d, n, m int)          { f.i("VEOR V%d.B16, V%d.B16, V%d.B16", m, n, d) }
func (f asm) add(d, n, m int)          { f.i("VADD V%d.S4, V%d.S4, V%d.S4", m, n, d) }
func (f asm) sub(d, n, m int)          { f.i("VSUB V%d.S4, V%d.S4, V%d.S4", m, n, d) }
func (f asm) ushr8(d, n, by int)       { f.i("VUSHR $%d, V%d.B16, V%d.B16", by, n, d) }
func (f asm) sli8(d, n, by int)        { f.i("VSLI $%d, V%d.B16, V%d.B16", by, n, d) }
func (f asm) zip(d, n, m int, w word)  { f.i("VZIP1 V%d.%s, V%d.%s, V%d.%s", m, w, n, w, d, w) }
func (f asm) zip2(d, n, m int, w word) { f.i("VZIP2 V%d.%s, V%d.%s, V%d.%s", m, w, n, w, d, w) }
func (f asm) uzp(d, n, m int)          { f.i("VUZP1 V%d.S4, V%d.S4, V%d.S4", m, n, d) }
func (f asm) uzp2(d, n, m int)         { f.i("VUZP2 V%d.S4, V%d.S4, V%d.S4", m, n, d) }

// shl shifts each 32-bit element left.
func (f asm) shl(d, n, by int) {
	switch {
	case by > 0:
		f.i("VSHL $%d, V%d.S4, V%d.S4", by, n, d)
	case d != n:
		f.move(d, n)
	}
}

// lookUp replaces each byte of d by the element of the table that it numbers.
func (f asm) lookUp(d, table int) { f.i("VTBL V%d.B16, [V%d.B16], V%d.B16", d, table, d) }

// exponents converts the lower four bytes of d to the float32 numbers that have them as exponents.
func (f asm) exponents(d int) {
	f.i("VUXTL V%d.B8, V%d.H8\n\tVUXTL V%d.H4, V%d.S4", d, d, d, d)
	f.shl(d, d, 23)
}

// swapHalves exchanges the two 64-bit halves of n.
func (f asm) swapHalves(d, n int) { f.i("VEXT $8, V%d.B16, V%d.B16, V%d.B16", n, n, d) }

// bytes fills d with the byte b.
func (f asm) bytes(d int, b byte) { f.i("VMOVI $%d, V%d.B16", b, d) }

// reg is the name of a general register.
type reg string

// word is the arrangement of a vector operand in Go's syntax.
type word string

const (
	words  word = "S4"
	dwords word = "D2"
)

// General registers of the integer and float tiles. R18 and R27 to R30 are reserved by the system, the assembler and Go.
const (
	rC, rLdc, rA, rLda, rW    reg = "R0", "R1", "R2", "R3", "R4"
	rN, rM, rAdd              reg = "R6", "R7", "R8"
	rGroup, rQuants, rScales  reg = "R9", "R10", "R11"
	rCount, rOut, rPass, rRow reg = "R12", "R13", "R14", "R16"
	rTemp                     reg = "R15"
)

// rToken are the registers that point to the activations of the tokens of a tile.
var rToken = []reg{"R17", "R19", "R20", "R21", "R22", "R23", "R24", "R25"}

// tile emits a loop that runs panel for m tokens at a time, while at least m tokens are left.
func (f asm) tile(m int, panel func()) {
	f.p("tile%d:", m)
	f.i("CMP $%d, %s\n\tBLT below%d", m, rM, m)
	panel()
	f.i("MOVD $%d, %s\n\tMADD %s, %s, %s, %s\n\tMADD %s, %s, %s, %s", m, rTemp, rTemp, rA, rLda, rA, rTemp, rC, rLdc, rC)
	f.i("SUB $%d, %s\n\tB tile%d", m, rM, m)
	f.p("below%d:", m)
}
