package quant

import (
	"encoding/binary"
	"sync"
)

const (
	iq2_XXSBytes = 66
	iq2_XSBytes  = 74
	iq2_SBytes   = 82
)

// The formats IQ2_XXS, IQ2_XS and IQ2_S have three magnitudes with a sign each. A number selects the magnitudes of eight
// values from a grid (grids.go). Code 4+g is magnitude g, code 3-g its negative; codes 0 and 7 do not occur.

// levelsIQ2: the magnitudes are those in GGML's iq2xxs_grid.
var levelsIQ2 = []int8{0, -43, -25, -8, 8, 25, 43, 0}

// The grids as the codes of positive values, one in each byte.
var (
	codesIQ2_XXS = sync.OnceValue(func() []uint64 { return eights(gridIQ2_XXS[:], 1, 4) })
	codesIQ2_XS  = sync.OnceValue(func() []uint64 { return eights(gridIQ2_XS[:], 1, 4) })
	codesIQ2_S   = sync.OnceValue(func() []uint64 { return eights(gridIQ2_S[:], 1, 4) })
)

// eights spreads entries of eight numbers g of two bits to the bytes factor·g + first.
func eights(grid []uint16, factor, first uint64) []uint64 {
	out := make([]uint64, len(grid))
	for i, g := range grid {
		for j := range 8 {
			out[i] |= (factor*uint64(g>>(2*j)&3) + first) << (8 * j)
		}
	}
	return out
}

// putEights stores eight codes at code[at]: an entry of a grid, with signs.
func putEights(code *[256]uint8, at int, entry uint64, signs uint8) {
	put8(code, at, entry^spread(signs)*7)
}

// iq2_XXS is the format IQ2_XXS: 256 values in 8 runs of 32, each with a 4-bit scale;
// value = d · (sc + ½) · ¼ · levelsIQ2[code].
//
//	byte  0  1 │ 2 ……… 65
//	      d f16│ 8 bytes for each run: four entries of the grid, each for eight values;
//	           │ 7 bits of signs for eight values, four times (evenSigns); above them sc
//
// 66 bytes, 2.0625 bits a value. Source: ggml-common.h, block_iq2_xxs.
var iq2_XXS = &coded{levelsIQ2, 32, func(code *[256]uint8, scale *[16]float32, b []byte) {
	d, grid := f16At(b), codesIQ2_XXS()
	for r := range 8 {
		q, v := b[2+8*r:][:4], binary.LittleEndian.Uint32(b[6+8*r:])
		scale[r] = d * (0.5 + float32(v>>28)) * 0.25
		for j := range 4 {
			putEights(code, 32*r+8*j, grid[q[j]], evenSigns(v>>(7*j)))
		}
	}
}}

// scalesIQ2 decodes the scales of 16 runs of 16 values, 4 bits each, the low nibble of a byte first.
func scalesIQ2(scale *[16]float32, d float32, b []byte) {
	for r := range scale {
		scale[r] = d * (0.5 + float32(b[r/2]>>(r%2*4)&15)) * 0.25
	}
}

// iq2_XS is the format IQ2_XS: 256 values in 16 runs of 16, each with a 4-bit scale;
// value = d · (sc + ½) · ¼ · levelsIQ2[code].
//
//	byte  0  1 │ 2 ……… 65                           │ 66 ……… 73
//	      d f16│ 2 bytes for eight values: 9 bits,  │ byte r/2: sc of run r,
//	           │ entry of the grid; 7 bits of signs │ low nibble first
//	           │ (evenSigns)                        │
//
// 74 bytes, 2.3125 bits a value. Source: ggml-common.h, block_iq2_xs.
var iq2_XS = &coded{levelsIQ2, 16, func(code *[256]uint8, scale *[16]float32, b []byte) {
	scalesIQ2(scale, f16At(b), b[66:])
	grid := codesIQ2_XS()
	for i := range 32 {
		q := binary.LittleEndian.Uint16(b[2+2*i:])
		putEights(code, 8*i, grid[q&511], evenSigns(uint32(q>>9)))
	}
}}

// iq2_S is the format IQ2_S: 256 values in 16 runs of 16, each with a 4-bit scale;
// value = d · (sc + ½) · ¼ · levelsIQ2[code].
//
//	byte  0  1 │ 2 ……… 33                │ 34 ……… 65      │ 66 ……… 73              │ 74 ……… 81
//	      d f16│ byte i: entry of the    │ bit i: sign of │ byte i/4: bits 8 and 9 │ byte r/2: sc of run r,
//	           │ grid for values 8i …    │ value i        │ of entry i, from bit   │ low nibble first
//	           │ 8i+7, the lower 8 bits  │                │ 2·(i mod 4) on         │
//
// 82 bytes, 2.5625 bits a value. Source: ggml-common.h, block_iq2_s.
var iq2_S = &coded{levelsIQ2, 16, func(code *[256]uint8, scale *[16]float32, b []byte) {
	scalesIQ2(scale, f16At(b), b[74:])
	grid, qs, signs, high := codesIQ2_S(), b[2:34], b[34:66], b[66:74]
	for i := range 32 {
		q := int(qs[i]) | int(high[i/4]>>(i%4*2)&3)<<8
		putEights(code, 8*i, grid[q], signs[i])
	}
}}
