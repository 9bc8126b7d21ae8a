package quant

import (
	"encoding/binary"
	"sync"
)

const (
	iq1_SBytes = 50
	iq1_MBytes = 56
)

// The formats IQ1_S and IQ1_M have values g + δ with g of −1, 0, 1 and δ of ±⅛. A number selects the g of eight values from
// a grid of 2048 entries (grids.go). Code 2·(g+1), plus 1 for a positive δ, is the level 8·(g+δ); codes 6 and 7 do not occur.
var levelsIQ1 = []int8{-9, -7, -1, 1, 7, 9, 0, 0}

// codesIQ1 is the grid as codes for a negative δ, one in each byte.
var codesIQ1 = sync.OnceValue(func() []uint64 { return eights(gridIQ1[:], 2, 0) })

// iq1_S is the format IQ1_S: 256 values in 8 runs of 32, each with a 3-bit scale and a δ; value = d · (2·sc + 1) · (g + δ).
//
//	byte  0  1 │ 2 ……… 33               │ 34 ……… 49
//	      d f16│ byte i: entry of the   │ 2 bytes for each run: bits 8 to 10 of its four entries,
//	           │ grid for values 8i …   │ three bits of sc, the sign of δ
//	           │ 8i+7, the lower 8 bits │
//
// 50 bytes, 1.5625 bits a value. Source: ggml-common.h, block_iq1_s.
var iq1_S = &coded{levelsIQ1, 32, func(code *[256]uint8, scale *[16]float32, b []byte) {
	d, grid := f16At(b), codesIQ1()
	for r := range 8 {
		h := binary.LittleEndian.Uint16(b[34+2*r:])
		scale[r] = d * float32(2*(h>>12&7)+1) * 0.125
		for j := range 4 {
			q := int(b[2+4*r+j]) | int(h>>(3*j)&7)<<8
			putOnes(code, 32*r+8*j, grid[q], h>>15 != 0)
		}
	}
}}

// putOnes stores eight codes at code[at]: an entry of the grid, with the sign of δ.
func putOnes(code *[256]uint8, at int, entry uint64, negative bool) {
	if !negative {
		entry |= every
	}
	put8(code, at, entry)
}

// iq1_M is the format IQ1_M: 256 values in 16 runs of 16, each with a 3-bit scale, and a δ for eight values;
// value = d · (2·sc + 1) · (g + δ).
//
//	byte  0 ……… 31               │ 32 ……… 47                 │ 48 ……… 55
//	      byte i: entry of the   │ nibble i, low one first:  │ four times 2 bytes: sc of four runs,
//	      grid for values 8i …   │ bits 8 to 10 of entry i,  │ 3 bits each; above them 4 bits
//	      8i+7, the lower 8 bits │ the sign of its δ         │ of d, an f16, the lowest ones first
//
// 56 bytes, 1.75 bits a value. Source: ggml-common.h, block_iq1_m.
var iq1_M = &coded{levelsIQ1, 16, func(code *[256]uint8, scale *[16]float32, b []byte) {
	grid, d := codesIQ1(), scaleIQ1_M(b)
	for r := range scale {
		sc := binary.LittleEndian.Uint16(b[48+r/4*2:]) >> (r % 4 * 3) & 7
		scale[r] = d * float32(2*sc+1) * 0.125
	}
	for i := range 32 {
		h := b[32+i/2] >> (i % 2 * 4)
		putOnes(code, 8*i, grid[int(b[i])|int(h&7)<<8], h&8 != 0)
	}
}}

// scaleIQ1_M returns d of a block.
func scaleIQ1_M(b []byte) float32 {
	var d uint16
	for i := range 4 {
		d |= binary.LittleEndian.Uint16(b[48+2*i:]) >> 12 << (4 * i)
	}
	return F16ToF32(d)
}
