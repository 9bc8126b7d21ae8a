package main

import "fmt"

// General registers by the numbers by which instructions encode them.
const (
	rAX = iota
	rCX
	rDX
	rBX
	_ // SP; SP and BP as base registers need encodings that are not implemented here
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

// mem is the memory operand of a tile: its first row is at off(base), and consecutive rows are index
// bytes apart.
//
// This file encodes the AMX instructions as bytes, since Go's assembler knows none of them.
type mem struct{ off, base, index int }

// String returns the operand in the form in which objdump prints it.
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

// vexTile returns the prefix and opcode of a VEX.128.0F38.W0 instruction. pp selects the mandatory prefix:
// 0 none, 1 66, 2 F3, 3 F2. vvvv is a tile register, or 0 if unused (VEX stores it inverted, so 0 becomes
// the required 15).
func vexTile(pp, vvvv int, op byte) []byte {
	return []byte{0xc4, 0xe2, byte(0x78 ^ vvvv<<3 | pp), op}
}

// modrm appends the ModRM and SIB bytes and the displacement for the operands reg and off(base)(index*1).
func (m mem) modrm(b []byte, reg int) []byte {
	b[1] ^= byte(m.index>>3<<6 | m.base>>3<<5)
	b = append(b, byte(reg<<3|4), byte(m.index&7<<3|m.base&7))
	return displace(b, len(b)-2, m.off)
}

// displace appends the displacement off in no, one or four bytes, and sets the size in the ModRM byte b[at].
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

// ldtilecfg emits LDTILECFG: it loads the shapes of all tile registers from off(base) and zeroes the tiles.
func ldtilecfg(f *file, base, off int) {
	b := append(vexTile(0, 0, 0x49), byte(base&7))
	b[1] ^= byte(base >> 3 << 5)
	text := fmt.Sprintf("(%s)", gnuNames[base])
	if off != 0 {
		text = fmt.Sprintf("%#x", off) + text
	}
	hand(f, displace(b, 4, off), "LDTILECFG %s", text)
}

// tilerelease emits TILERELEASE: it returns the tile registers to their initial, unconfigured state.
func tilerelease(f *file) { hand(f, append(vexTile(0, 0, 0x49), 0xc0), "TILERELEASE") }

// tilezero emits TILEZERO: it sets tile register t to zero.
func tilezero(f *file, t int) {
	hand(f, append(vexTile(3, 0, 0x49), byte(0xc0|t<<3)), "TILEZERO tmm%d", t)
}

// tileload emits TILELOADD: it loads tile register t from memory.
func tileload(f *file, from mem, t int) {
	hand(f, from.modrm(vexTile(3, 0, 0x4b), t), "TILELOADD %v, tmm%d", from, t)
}

// tilestore emits TILESTORED: it stores tile register t to memory.
func tilestore(f *file, t int, to mem) {
	hand(f, to.modrm(vexTile(2, 0, 0x4b), t), "TILESTORED tmm%d, %v", t, to)
}

// tdp emits a product of tile registers, c += a·b: TDPBSSD multiplies signed bytes, TDPBF16PS pairs of
// bfloat16.
func tdp(f *file, op string, a, b, c int) {
	code := map[string][2]int{"TDPBSSD": {3, 0x5e}, "TDPBF16PS": {2, 0x5c}}[op]
	hand(f, append(vexTile(code[0], b, byte(code[1])), byte(0xc0|c<<3|a)), "%s tmm%d, tmm%d, tmm%d", op, b, a, c)
}
