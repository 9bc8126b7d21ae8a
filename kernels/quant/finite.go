package quant

import (
	"encoding/binary"
	"slices"
)

var le = binary.LittleEndian

// halves are the places of the float16 scales and minima in a block of each format that has such ones, in bytes.
var halves = map[Type][]int{
	Q4_0: {0}, Q4_1: {0, 2}, Q5_0: {0}, Q5_1: {0, 2}, Q8_0: {0},
	Q2_K: {80, 82}, Q3_K: {108}, Q4_K: {0, 2}, Q5_K: {0, 2}, Q6_K: {208},
	IQ1_S: {0}, IQ2_XXS: {0}, IQ2_XS: {0}, IQ2_S: {0}, IQ3_XXS: {0}, IQ3_S: {0}, IQ4_NL: {0}, IQ4_XS: {0},
	TQ1_0: {52}, TQ2_0: {64},
}

// NonFinite returns the index of the first block of src, which has format t, that holds a NaN or an infinity: as a value (F32, F16,
// BF16) or as a scale; -1 if there is none. In MXFP4 and NVFP4 the scales that stand for NaN count, although GGML reads
// numbers from them (OCP Microscaling Formats 1.0, section 5.4.1). A rest of src that is shorter than a block is ignored.
func NonFinite(t Type, src []byte) int {
	switch t {
	case F32:
		return special(src, 4, 0x7f800000_7f800000, 0x00800000_00800000, 0x80000000_80000000)
	case F16:
		return special(src, 2, 0x7c007c00_7c007c00, 0x04000400_04000400, 0x80008000_80008000)
	case BF16:
		return special(src, 2, 0x7f807f80_7f807f80, 0x00800080_00800080, 0x80008000_80008000)
	case IQ1_M, MXFP4, NVFP4:
		return specialBlock(t, src)
	}
	return specialHalf(src, t.BlockBytes(), halves[t])
}

// special finds the first number of so many bytes whose exponent, the bits of mask, has all bits set. Eight bytes are tested at once: one, the lowest bit of each
// exponent, is added to all exponents, of which those with all bits set carry into the bit of the sign.
func special(src []byte, width int, mask, one, sign uint64) int {
	const step = 64
	b := src
	for ; len(b) >= step; b = b[step:] {
		w := b[:step:step]
		if ((le.Uint64(w)&mask+one)|(le.Uint64(w[8:])&mask+one)|(le.Uint64(w[16:])&mask+one)|(le.Uint64(w[24:])&mask+one)|
			(le.Uint64(w[32:])&mask+one)|(le.Uint64(w[40:])&mask+one)|(le.Uint64(w[48:])&mask+one)|(le.Uint64(w[56:])&mask+one))&sign != 0 {
			break
		}
	}
	lane := uint64(1)<<(8*width) - 1
	for ; len(b) >= width; b = b[width:] {
		x := uint64(le.Uint16(b))
		if width == 4 {
			x = uint64(le.Uint32(b))
		}
		if (x&mask&lane+one&lane)&sign&lane != 0 {
			return (len(src) - len(b)) / width
		}
	}
	return -1
}

// specialHalf finds the first block with a float16 at one of the places that is not finite. Four blocks are tested at once.
func specialHalf(src []byte, size int, places []int) int {
	const mask, one, sign = 0x7c00, 0x0400, 0x8000
	first, last := places[0], places[len(places)-1]
	b := src
	for ; len(b) >= 4*size; b = b[4*size:] {
		x, y := b[first:], b[last:]
		any := (le.Uint16(x)&mask + one) | (le.Uint16(x[size:])&mask + one) | (le.Uint16(x[2*size:])&mask + one) | (le.Uint16(x[3*size:])&mask + one)
		if first != last {
			any |= (le.Uint16(y)&mask + one) | (le.Uint16(y[size:])&mask + one) | (le.Uint16(y[2*size:])&mask + one) | (le.Uint16(y[3*size:])&mask + one)
		}
		if any&sign != 0 {
			break
		}
	}
	for ; len(b) >= size; b = b[size:] {
		if ((le.Uint16(b[first:])&mask+one)|(le.Uint16(b[last:])&mask+one))&sign != 0 {
			return (len(src) - len(b)) / size
		}
	}
	return -1
}

// specialBlock finds the first such block of a format whose scales are no float16.
func specialBlock(t Type, src []byte) int {
	size := t.BlockBytes()
	for i := 0; len(src) >= size; i, src = i+1, src[size:] {
		switch b := src[:size]; t {
		case IQ1_M:
			if d := scaleIQ1_M(b); d-d != 0 {
				return i
			}
		case MXFP4:
			if b[0] == 0xff {
				return i
			}
		case NVFP4:
			if slices.ContainsFunc(b[:4], func(e byte) bool { return e&0x7f == 0x7f }) {
				return i
			}
		}
	}
	return -1
}

// Zero reports whether all values of src, which has format t, are zero. src has whole blocks.
func Zero(t Type, src []byte) bool {
	var values [512]float32
	size := len(values) / t.BlockValues() * t.BlockBytes()
	for len(src) > 0 {
		b := src[:min(size, len(src))]
		dst := values[:len(b)/t.BlockBytes()*t.BlockValues()]
		Dequantize(t, dst, b)
		for _, x := range dst {
			if x != 0 {
				return false
			}
		}
		src = src[len(b):]
	}
	return true
}
