package quant

import (
	"encoding/binary"
	"math/bits"
)

// coded describes a format with few levels: a value is the product of the scale of its run and of an integer level, and the
// block stores the level's place in a table, its code. Devices multiply codes; see Levels and Codes.
type coded struct {
	levels []int8 // 4, 8 or 16
	run    int    // values that share a scale, 16 or 32
	// codes decodes the block b: one code for each value, one scale for each run.
	codes func(code *[256]uint8, scale *[16]float32, b []byte)
}

// format returns the entry of such a format in the table of formats.
func (c *coded) format(name string, values, bytes int, quantize func(dst []byte, src []float32)) Format {
	dequantize := func(dst []float32, src []byte) {
		var code [256]uint8
		var scale [16]float32
		for ; len(dst) >= values; dst, src = dst[values:], src[bytes:] {
			c.codes(&code, &scale, src[:bytes])
			for i, q := range code[:values] {
				dst[i] = scale[i/c.run] * float32(c.levels[q])
			}
		}
	}
	return Format{name, values, bytes, dequantize, quantize, nil, false, c}
}

// searched returns f with a search for its scales.
func (f Format) searched(encode func(dst []byte, src, weights []float32)) Format {
	f.encode, f.searches = encode, true
	return f
}

// Levels returns the levels of a format whose values are scale · level, and the number of values that share a scale; nil for
// the other formats. The levels must not be changed.
func (t Type) Levels() (levels []int8, run int) {
	if c := formats[t].coded; c != nil {
		return c.levels, c.run
	}
	return nil, 0
}

// Codes decodes one block of a format that has levels: value i is scale[i/run] · levels[code[i]]. It panics if the format
// has no levels or block is shorter than t.BlockBytes().
func Codes(t Type, code *[256]uint8, scale *[16]float32, block []byte) {
	formats[t].coded.codes(code, scale, block[:formats[t].Bytes])
}

// every has eight bytes of 1: its product with a byte is that byte, eight times.
const every = 0x0101010101010101

// spread returns the bits of b in eight bytes of 0 or 1, the lowest bit in the first byte.
func spread(b uint8) uint64 {
	return (uint64(b)*every&0x8040201008040201 + 0x7f*every) >> 7 & every
}

// evenSigns returns the eight signs for which the formats IQ2_XXS, IQ2_XS and IQ3_XXS store seven bits: the number of negative
// signs is even.
func evenSigns(seven uint32) uint8 {
	s := uint8(seven & 127)
	return s | uint8(bits.OnesCount8(s)&1)<<7
}

// put8 stores eight codes at code[at].
func put8(code *[256]uint8, at int, v uint64) { binary.LittleEndian.PutUint64(code[at:], v) }

// nibbles unpacks 16 bytes to 32 codes: byte i has code i in its low nibble and code i+16 in its high one.
func nibbles(code []uint8, qs []byte) {
	lo, hi := code[:16], code[16:32]
	for i, q := range qs[:16] {
		lo[i], hi[i] = q&15, q>>4
	}
}

// nearest returns the code of the level that is nearest to x, the first of several; NaN gives 0.
func (c *coded) nearest(x float32) uint8 {
	best := 0
	for i, l := range c.levels {
		if abs(x-float32(l)) < abs(x-float32(c.levels[best])) {
			best = i
		}
	}
	return uint8(best)
}

// Grid returns the grid of a format whose blocks hold places in one: IQ1_S and IQ1_M with eight numbers g+1 of two bits in each
// entry, IQ2_XXS, IQ2_XS and IQ2_S with eight magnitudes of two bits, IQ3_XXS and IQ3_S with four magnitudes of three bits, the lowest
// bits first. It returns nil for the other formats. The grid must not be changed.
func (t Type) Grid() []uint16 {
	switch t {
	case IQ1_S, IQ1_M:
		return gridIQ1[:]
	case IQ2_XXS:
		return gridIQ2_XXS[:]
	case IQ2_XS:
		return gridIQ2_XS[:]
	case IQ2_S:
		return gridIQ2_S[:]
	case IQ3_XXS:
		return gridIQ3_XXS[:]
	case IQ3_S:
		return gridIQ3_S[:]
	}
	return nil
}
