package quant

import (
	"encoding/binary"
	"sync"
)

const (
	iq3_XXSBytes = 98
	iq3_SBytes   = 110
)

// The formats IQ3_XXS and IQ3_S have eight magnitudes with a sign each. A number selects the magnitudes of four
// values from a grid (grids.go). Code 8+g is magnitude g, code 7-g its negative.

// levelsIQ3_XXS and levelsIQ3_S: the magnitudes are in GGML's iq3xxs_grid and iq3s_grid.
var (
	levelsIQ3_XXS = []int8{-62, -52, -44, -36, -28, -20, -12, -4, 4, 12, 20, 28, 36, 44, 52, 62}
	levelsIQ3_S   = []int8{-15, -13, -11, -9, -7, -5, -3, -1, 1, 3, 5, 7, 9, 11, 13, 15}
)

// The grids as the codes of positive values, one in each byte.
var (
	codesIQ3_XXS = sync.OnceValue(func() []uint32 { return fours(gridIQ3_XXS[:]) })
	codesIQ3_S   = sync.OnceValue(func() []uint32 { return fours(gridIQ3_S[:]) })
)

// fours spreads entries of four magnitudes of three bits.
func fours(grid []uint16) []uint32 {
	out := make([]uint32, len(grid))
	for i, g := range grid {
		for j := range 4 {
			out[i] |= uint32(8+g>>(3*j)&7) << (8 * j)
		}
	}
	return out
}

// putFours stores eight codes at code[at]: two entries of a grid, with signs.
func putFours(code *[256]uint8, at int, first, second uint32, signs uint8) {
	put8(code, at, (uint64(first)|uint64(second)<<32)^spread(signs)*15)
}

// iq3_XXS is the format IQ3_XXS: 256 values in 8 runs of 32, each with a 4-bit scale;
// value = d · (sc + ½) · ½ · levelsIQ3_XXS[code].
//
//	byte  0  1 │ 2 ……… 65                    │ 66 ……… 97
//	      d f16│ byte i: entry of the grid   │ 4 bytes for each run: 7 bits of signs for eight values,
//	           │ for values 4i … 4i+3        │ four times (evenSigns); above them sc
//
// 98 bytes, 3.0625 bits a value. Source: ggml-common.h, block_iq3_xxs.
var iq3_XXS = &coded{levelsIQ3_XXS, 32, func(code *[256]uint8, scale *[16]float32, b []byte) {
	d, grid, qs := f16At(b), codesIQ3_XXS(), b[2:66]
	for r := range 8 {
		v := binary.LittleEndian.Uint32(b[66+4*r:])
		scale[r] = d * (0.5 + float32(v>>28)) * 0.5
		for j := range 4 {
			q := qs[8*r+2*j:][:2]
			putFours(code, 32*r+8*j, grid[q[0]], grid[q[1]], evenSigns(v>>(7*j)))
		}
	}
}}

// iq3_S is the format IQ3_S: 256 values in 8 runs of 32, each with a 4-bit scale; value = d · (2·sc + 1) · levelsIQ3_S[code].
//
//	byte  0  1 │ 2 ……… 65               │ 66 ……… 73          │ 74 ……… 105     │ 106 ……… 109
//	      d f16│ byte i: entry of the   │ bit j of byte r:   │ bit i: sign of │ byte r/2: sc of run r,
//	           │ grid for values 4i …   │ bit 8 of entry     │ value i        │ low nibble first
//	           │ 4i+3, the lower 8 bits │ 8r+j               │                │
//
// 110 bytes, 3.4375 bits a value. Source: ggml-common.h, block_iq3_s.
var iq3_S = &coded{levelsIQ3_S, 32, func(code *[256]uint8, scale *[16]float32, b []byte) {
	d, grid, qs, high, signs := f16At(b), codesIQ3_S(), b[2:66], b[66:74], b[74:106]
	for r := range 8 {
		scale[r] = d * float32(1+2*(b[106+r/2]>>(r%2*4)&15))
		for j := range 4 {
			q := qs[8*r+2*j:][:2]
			first := int(q[0]) | int(high[r]>>(2*j)&1)<<8
			second := int(q[1]) | int(high[r]>>(2*j+1)&1)<<8
			putFours(code, 32*r+8*j, grid[first], grid[second], signs[4*r+j])
		}
	}
}}
