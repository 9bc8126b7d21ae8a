package cpu

import (
	"encoding/binary"
	"math"

	"soberano/kernels/quant"
)

// In 4 bits, keys and values are panels of layout q4s32, which the same integer microkernel multiplies; the rest is as in 8 bits
// (keysvalues8.go). A key is a row of blocks of 32 columns with the scale of Q4_0, the signed value of the largest magnitude divided by -8. A value has one scale
// for all dimensions, the largest magnitude divided by 7, and the nibbles of two positions, 16 apart, are in one byte: positions of a block of 32
// must be written by one goroutine.

// nibble is where the integer of column x of row r of a block is: its byte, and by how many bits it is shifted.
func nibble(r, x int) (at, shift int) { return x/4%4*64 + 4*r + x%4, x / 16 * 4 }

// setNibble writes the integer of column x of row r of a block.
func setNibble(b []byte, r, x int, q byte) {
	at, shift := nibble(r, x)
	b[at] = b[at]&^(15<<shift) | q<<shift
}

// put4Key quantizes key and writes it as row r of a panel of keys.
func put4Key(panel []byte, r int, key []float32) {
	l := &layouts[q4s32]
	for i := range len(key) / 32 {
		x := key[32*i:][:32]
		b := panel[(2*i+r/16)*l.blockBytes():][:l.blockBytes()]
		d, inv := scale4(x)
		for c, v := range x {
			setNibble(b, r%16, c, byte(min(15, int(v*inv+8.5))))
		}
		binary.LittleEndian.PutUint16(b[l.quantBytes()+r%16*2:], quant.F32ToF16(d))
	}
}

// scale4 returns the scale of a block as Q4_0 has it, and what values are multiplied by; NaN and 0 if a value is not finite.
func scale4(x []float32) (d, inv float32) {
	top, signed := float32(0), float32(0)
	for _, v := range x {
		if v-v != 0 {
			return float32(math.NaN()), 0
		}
		if a := abs(v); a > top {
			top, signed = a, v
		}
	}
	if top < tiny {
		return 0, 0
	}
	return signed / -8, -8 / signed
}

// put4Value quantizes value and writes it as column x of the blocks of a position; the panels are stride bytes apart. It returns the scale of the position, NaN if a
// value is not finite.
func put4Value(panel []byte, stride, x int, value []float32) float32 {
	top := float32(0)
	for _, v := range value {
		if v-v != 0 {
			top = float32(math.NaN())
			break
		}
		top = max(top, abs(v))
	}
	inv := float32(0)
	if top >= tiny {
		inv = 7 / top
	} else if top == top {
		top = 0
	}
	l := &layouts[q4s32]
	for r, v := range value {
		b := panel[r/32*stride+r%32/16*l.blockBytes():]
		q := byte(8)
		if inv != 0 {
			q = byte(int(v*inv + 8.5))
		}
		setNibble(b, r%16, x, q)
	}
	return top / 7
}
