package main

import "fmt"

// Registers as instructions number them.
const (
	rAX = iota
	rCX
	rDX
	rBX
	_ // SP: as a base it needs what is not here, and so does BP
	_
	rSI
	rDI
	rR8
	rR9
	rR10
	rR11
	rR12
)

var gnuNames = []string{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12"}

// mem is the memory of a tile: rows from off(base) on, index bytes apart.
//
// The instructions of AMX, none of which Go's assembler knows, as bytes.
type mem struct{ off, base, index int }

// String is the operand as objdump prints it.
func (m mem) String() string {
	s := fmt.Sprintf("(%s,%s,1)", gnuNames[m.base], gnuNames[m.index])
	switch {
	case m.off < 0:
		return fmt.Sprintf("-%#x", -m.off) + s
	case m.off > 0:
		return fmt.Sprintf("%#x", m.off) + s
	}
	return s
}

// vexTile is VEX.128.0F38.W0 op: pp 0 none, 1 66, 2 F3, 3 F2; vvvv a tile register (0 if
// unused, which is 15 inverted twice).
func vexTile(pp, vvvv int, op byte) []byte {
	return []byte{0xc4, 0xe2, byte(0x78 ^ vvvv<<3 | pp), op}
}

// modrm appends the operands reg and off(base)(index*1).
func (m mem) modrm(b []byte, reg int) []byte {
	b[1] ^= byte(m.index>>3<<6 | m.base>>3<<5)
	b = append(b, byte(reg<<3|4), byte(m.index&7<<3|m.base&7))
	return displace(b, len(b)-2, m.off)
}

// displace appends off in one byte or four, or none, and says so in the ModRM byte at at.
func displace(b []byte, at, off int) []byte {
	switch {
	case off == 0:
		return b
	case off == int(int8(off)):
		b[at] |= 0x40
		return append(b, byte(off))
	}
	b[at] |= 0x80
	return append(b, byte(off), byte(off>>8), byte(off>>16), byte(off>>24))
}

// ldtilecfg loads the shapes of all tiles from off(base), and clears the tiles.
func ldtilecfg(f *file, base, off int) {
	b := append(vexTile(0, 0, 0x49), byte(base&7))
	b[1] ^= byte(base >> 3 << 5)
	text := fmt.Sprintf("(%s)", gnuNames[base])
	if off != 0 {
		text = fmt.Sprintf("%#x", off) + text
	}
	hand(f, displace(b, 4, off), "LDTILECFG %s", text)
}

// tilerelease forgets shapes and tiles.
func tilerelease(f *file) { hand(f, append(vexTile(0, 0, 0x49), 0xc0), "TILERELEASE") }

func tilezero(f *file, t int) {
	hand(f, append(vexTile(3, 0, 0x49), byte(0xc0|t<<3)), "TILEZERO tmm%d", t)
}

func tileload(f *file, from mem, t int) {
	hand(f, from.modrm(vexTile(3, 0, 0x4b), t), "TILELOADD %v, tmm%d", from, t)
}

func tilestore(f *file, t int, to mem) {
	hand(f, to.modrm(vexTile(2, 0, 0x4b), t), "TILESTORED tmm%d, %v", t, to)
}

// tdp adds the product of tiles a and b to c: TDPBSSD of signed bytes, TDPBF16PS of pairs
// of bfloat16.
func tdp(f *file, op string, a, b, c int) {
	code := map[string][2]int{"TDPBSSD": {3, 0x5e}, "TDPBF16PS": {2, 0x5c}}[op]
	hand(f, append(vexTile(code[0], b, byte(code[1])), byte(0xc0|c<<3|a)), "%s tmm%d, tmm%d, tmm%d", op, b, a, c)
}
