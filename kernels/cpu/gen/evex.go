package main

import (
	"fmt"
	"strings"
)

// hand prints an instruction as bytes, with its text as the comment. It serves for instructions that Go's
// assembler does not know. A test disassembles the bytes and compares them with the text.
func hand(f *file, b []byte, text string, a ...any) {
	var s []string
	for _, x := range b {
		s = append(s, fmt.Sprintf("BYTE $0x%02x", x))
	}
	f.i("%s // %s", strings.Join(s, "; "), fmt.Sprintf(text, a...))
}

// evexF3 encodes EVEX.512.F3.0F38.W0 op /r with register operands only: rm, vvvv (0 if unused) and reg.
func evexF3(op byte, rm, vvvv, reg int) []byte {
	b := []byte{0x62, 0xf2, 0x7e, 0x48, op, byte(0xc0 | reg&7<<3 | rm&7)}
	b[1] ^= byte(reg>>3&1<<7 | rm>>4&1<<6 | rm>>3&1<<5 | reg>>4&1<<4)
	b[2] ^= byte(vvvv & 15 << 3)
	b[3] ^= byte(vvvv >> 4 & 1 << 3)
	return b
}

// vdpbf16ps emits VDPBF16PS: it adds the products of the bfloat16 pairs of Zx and Zw to the float32 lanes of Zr.
func vdpbf16ps(f *file, x, w, r int) {
	hand(f, evexF3(0x52, x, w, r), "VDPBF16PS Z%d, Z%d, Z%d", x, w, r)
}

// vcvtneps2bf16 emits VCVTNEPS2BF16: it rounds the float32 lanes of Zx to bfloat16 in Yr.
func vcvtneps2bf16(f *file, x, r int) {
	hand(f, evexF3(0x72, x, 0, r), "VCVTNEPS2BF16 Z%d, Y%d", x, r)
}

// vpdpbusd emits VPDPBUSD in its VEX form: it multiplies 32 signed bytes of Yx by the unsigned bytes of Yw
// and adds each four products to an int32 lane of Yr. The encoding is VEX.256.66.0F38.W0 50 /r. Go's
// assembler has only the EVEX form, which faults on CPUs without AVX-512.
func vpdpbusd(f *file, x, w, r int) {
	b := []byte{0xc4, 0xe2, byte(0x7d ^ w<<3), 0x50, byte(0xc0 | r&7<<3 | x&7)}
	b[1] ^= byte(r>>3&1<<7 | x>>3&1<<5)
	hand(f, b, "VPDPBUSD Y%d, Y%d, Y%d", x, w, r)
}
