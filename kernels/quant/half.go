package quant

import (
	"encoding/binary"
	"math"
)

// F16ToF32 converts a binary16 number (IEEE 754), which is always exact. Its bits, like those
// of the other types with one value a block, which are all little-endian:
//
//	F32   s eeeeeeee fffffffffffffffffffffff    4 bytes, IEEE 754 binary32
//	F16   s eeeee ffffffffff                    2 bytes, IEEE 754 binary16
//	BF16  s eeeeeeee fffffff                    2 bytes, the upper half of binary32
func F16ToF32(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp := uint32(h>>10) & 0x1f
	frac := uint32(h & 0x3ff)
	switch exp {
	case 0: // zero or denormal: frac · 2⁻²⁴, exact
		return math.Float32frombits(math.Float32bits(float32(frac)*0x1p-24) | sign)
	case 0x1f: // infinity or NaN; the payload is kept
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
}

// F32ToF16 returns the binary16 number nearest to f, ties to even. Numbers that are too
// large become infinite. A NaN becomes a quiet NaN.
func F32ToF16(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b>>16) & 0x8000
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000: // NaN
		return sign | 0x7e00 | uint16(b>>13)&0x3ff
	case b >= 0x47800000: // at least 65536, or infinity
		return sign | 0x7c00
	case b < 0x38800000: // below 2⁻¹⁴: denormal or zero
		return sign | f16Denormal(b)
	}
	// Change the exponent's bias. Rounding may carry into the exponent, and so give infinity.
	b -= (127 - 15) << 23
	return sign | uint16((b+0xfff+b>>13&1)>>13)
}

// f16Denormal rounds a float32 below 2⁻¹⁴, given as bits, to a multiple of 2⁻²⁴.
func f16Denormal(b uint32) uint16 {
	exp := b >> 23
	if exp < 127-25 { // less than half of 2⁻²⁴
		return 0
	}
	frac := b&0x7fffff | 0x800000
	shift := 126 - exp // 14 … 24: the value is frac · 2^(exp-150) = frac>>shift · 2⁻²⁴
	half := uint32(1)<<(shift-1) - 1
	return uint16((frac + half + frac>>shift&1) >> shift)
}

// BF16ToF32 converts a bfloat16 number, which is always exact.
func BF16ToF32(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// F32ToBF16 returns the bfloat16 number nearest to f, ties to even. A NaN becomes a
// quiet NaN.
func F32ToBF16(f float32) uint16 {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

func dequantizeF32(dst []float32, src []byte) {
	src = src[:4*len(dst)]
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}

func quantizeF32(dst []byte, src []float32) {
	dst = dst[:4*len(src)]
	for i, x := range src {
		binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(x))
	}
}

func dequantizeF16(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = F16ToF32(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

func quantizeF16(dst []byte, src []float32) {
	dst = dst[:2*len(src)]
	for i, x := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], F32ToF16(x))
	}
}

func dequantizeBF16(dst []float32, src []byte) {
	src = src[:2*len(dst)]
	for i := range dst {
		dst[i] = BF16ToF32(binary.LittleEndian.Uint16(src[2*i:]))
	}
}

func quantizeBF16(dst []byte, src []float32) {
	dst = dst[:2*len(src)]
	for i, x := range src {
		binary.LittleEndian.PutUint16(dst[2*i:], F32ToBF16(x))
	}
}
