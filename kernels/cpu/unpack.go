package cpu

import (
	"encoding/binary"

	"soberano/kernels/quant"
)

// unpacked is one unpacked block of a file: at most 256 columns of one row.
type unpacked struct {
	d, m [16]float32 // a scale (and minimum) for each run of columns that has one in the layout
	q    [256]uint8  // unsigned integers, zero point included
}

// unpacker describes how a file format is repacked into a layout.
//
// It converts the blocks of a file to small unsigned integers or codes, scales and minima, which pack writes in the
// new layout. Except for codes, it repeats what kernels/quant knows about the blocks, but returns integers
// instead of values; a test compares the two. A format without an entry in the table is converted
// to float16. The formats are those of ggml-common.h; kernels/quant has their diagrams.
type unpacker struct {
	kind kind
	// top returns a bound of the magnitudes of a block's scales and minima. It is nil unless scales are products of two
	// numbers, which float16 represents only approximately.
	top    func(b []byte) float32
	scales func(u *unpacked, b []byte) // nil if quants decodes the scales too
	quants func(u *unpacked, b []byte)
	// planes writes the integers as they are in the layout, see planes.go; nil: quants and putPlanes do.
	planes func(dst []byte, stride int, b []byte)
}

var unpackers = map[quant.Type]unpacker{
	quant.Q4_0: {q4s32, nil, scaleOnly, func(u *unpacked, b []byte) { nibbles(u, b[2:]) }, nil},
	quant.Q4_1: {q4a32, nil, scaleMin, func(u *unpacked, b []byte) { nibbles(u, b[4:]) }, nil},
	quant.Q5_0: {q5s32, nil, scaleOnly, func(u *unpacked, b []byte) { fives(u, b[2:]) }, planesQ5_0},
	quant.Q5_1: {q5a32, nil, scaleMin, func(u *unpacked, b []byte) { fives(u, b[4:]) }, planesQ5_1},
	quant.Q8_0: {q8s32, nil, scaleOnly, quantsQ8_0, nil},
	quant.Q2_K: {q2a16, topOf(80, 15, 82, 15), scalesQ2_K, func(u *unpacked, b []byte) { twos(u, b[16:80]) }, planesQ2_K},
	quant.Q3_K: {q3s16, topOf(108, 32, 108, 0), scalesQ3_K, quantsQ3_K, planesQ3_K},
	quant.Q4_K: {q4a32, topOf(0, 63, 2, 63), scalesQ4_K, quantsQ4_K, planesQ4_K},
	quant.Q5_K: {q5a32, topOf(0, 63, 2, 63), scalesQ4_K, quantsQ5_K, planesQ5_K},
	quant.Q6_K: {q6s16, topOf(208, 128, 208, 0), scalesQ6_K, quantsQ6_K, planesQ6_K},

	quant.IQ1_S:   {t3s32iq1, topOf(0, 15.0/8, 0, 0), nil, codesOf(quant.IQ1_S), nil},
	quant.IQ1_M:   {t3s16iq1, topIQ1_M, nil, codesOf(quant.IQ1_M), nil},
	quant.IQ2_XXS: {t3s32iq2, topOf(0, 15.5/4, 0, 0), nil, codesOf(quant.IQ2_XXS), nil},
	quant.IQ2_XS:  {t3s16iq2, topOf(0, 15.5/4, 0, 0), nil, codesOf(quant.IQ2_XS), nil},
	quant.IQ2_S:   {t3s16iq2, topOf(0, 15.5/4, 0, 0), nil, codesOf(quant.IQ2_S), nil},
	quant.IQ3_XXS: {t4s32xxs, topOf(0, 15.5/2, 0, 0), nil, codesOf(quant.IQ3_XXS), nil},
	quant.IQ3_S:   {t4s32iq3, topOf(0, 31, 0, 0), nil, codesOf(quant.IQ3_S), nil},
	quant.IQ4_NL:  {t4s32iq4, nil, nil, codesOf(quant.IQ4_NL), nil},
	quant.IQ4_XS:  {t4s32iq4, topOf(0, 32, 0, 0), nil, codesOf(quant.IQ4_XS), nil},
	quant.TQ1_0:   {q2s32, topOf(52, 1, 52, 0), nil, codesOf(quant.TQ1_0), nil},
	quant.TQ2_0:   {q2s32, topOf(64, 1, 64, 0), nil, codesOf(quant.TQ2_0), nil},
	quant.MXFP4:   {t4e32fp4, nil, nil, codesOf(quant.MXFP4), nil},
	quant.NVFP4:   {t4s16fp4, func([]byte) float32 { return 240 }, nil, codesOf(quant.NVFP4), nil}, // scales of 7 bits are at most 480/2
}

// codesOf returns a function that decodes the codes and scales of format t.
func codesOf(t quant.Type) func(u *unpacked, b []byte) {
	return func(u *unpacked, b []byte) { quant.Codes(t, &u.q, &u.d, b) }
}

// topIQ1_M bounds the scales of a block of IQ1_M, whose d is in the upper nibbles of the last eight bytes.
func topIQ1_M(b []byte) float32 {
	d := uint16(b[49])>>4 | uint16(b[51])>>4<<4 | uint16(b[53])>>4<<8 | uint16(b[55])>>4<<12
	return 15.0 / 8 * abs(quant.F16ToF32(d))
}

func word(b []byte) uint32  { return binary.LittleEndian.Uint32(b) }
func half(b []byte) float32 { return quant.F16ToF32(binary.LittleEndian.Uint16(b)) }

// topOf returns a function that bounds scales of at most scale times the float16 at byte d, and minima of at most
// m times the float16 at byte dmin.
func topOf(d int, scale float32, dmin int, m float32) func(b []byte) float32 {
	return func(b []byte) float32 { return max(scale*abs(half(b[d:])), m*abs(half(b[dmin:]))) }
}

// scaleOnly and scaleMin read the scale, and the minimum, of a block that begins with them.
func scaleOnly(u *unpacked, b []byte) { u.d[0] = half(b) }
func scaleMin(u *unpacked, b []byte)  { u.d[0], u.m[0] = half(b), half(b[2:]) }

// eight and putEight read and write eight bytes at a time, for fields that have the same place in each byte.
func eight(b []byte) uint64       { return binary.LittleEndian.Uint64(b) }
func putEight(b []byte, v uint64) { binary.LittleEndian.PutUint64(b, v) }

// every has eight bytes of 1: its product with a byte is that byte, eight times.
const every = 0x0101010101010101

// nibbles unpacks 16 bytes, of which byte j holds columns j (low nibble) and 16+j (high nibble).
func nibbles(u *unpacked, qs []byte) {
	for j := 0; j < 16; j += 8 {
		v := eight(qs[j:])
		putEight(u.q[j:], v&(15*every))
		putEight(u.q[16+j:], v>>4&(15*every))
	}
}

// fives unpacks 32 fifth bits (4 bytes) and the nibbles that follow them.
func fives(u *unpacked, b []byte) {
	nibbles(u, b[4:20])
	for j := range 4 {
		fifth := uint64(b[j]) * every & 0x8040201008040201 // bit k of b[j] in byte k
		putEight(u.q[8*j:], eight(u.q[8*j:])|(fifth+0x7f*every)>>7&every<<4)
	}
}

func quantsQ8_0(u *unpacked, b []byte) {
	for j := 0; j < 32; j += 8 {
		putEight(u.q[j:], eight(b[2+j:])^0x80*every)
	}
}

// scalesQ2_K: Q2_K has 16 bytes of scale (low nibble) and minimum (high nibble), 64 bytes of 2-bit fields, d, dmin.
func scalesQ2_K(u *unpacked, b []byte) {
	d, dmin := half(b[80:]), half(b[82:])
	for i, s := range b[:16] {
		u.d[i], u.m[i] = d*float32(s&15), -dmin*float32(s>>4)
	}
}

// twos unpacks 2-bit fields: field p of byte l of half h is column 128h+32p+l.
func twos(u *unpacked, qs []byte) {
	for run := range 8 {
		q, from := u.q[32*run:][:32], qs[run/4*32:][:32]
		for l := 0; l < 32; l += 8 {
			putEight(q[l:], eight(from[l:])>>(run%4*2)&(3*every))
		}
	}
}

// scalesQ3_K: Q3_K has 32 bytes of third bits, 64 bytes of 2-bit fields, 12 bytes of 6-bit scales, d.
func scalesQ3_K(u *unpacked, b []byte) {
	d, s := half(b[108:]), b[96:108]
	for i := range 16 {
		low := s[i%8] >> (i / 8 * 4) & 15
		high := s[8+i%4] >> (i / 4 * 2) & 3
		u.d[i] = d * float32(int(low|high<<4)-32)
	}
}

func quantsQ3_K(u *unpacked, b []byte) {
	twos(u, b[32:96])
	for run := range 8 { // a third bit of 0 subtracts 4, which is the zero point
		q := u.q[32*run:][:32]
		for l := 0; l < 32; l += 8 {
			putEight(q[l:], eight(q[l:])|eight(b[l:])>>run&every<<2)
		}
	}
}

// scalesQ4_K is for Q4_K and Q5_K, which begin with d, dmin, 12 bytes of eight 6-bit scales and minima.
func scalesQ4_K(u *unpacked, b []byte) {
	d, dmin, s := half(b), half(b[2:]), b[4:16]
	for i := range 8 {
		sc, mn := s[i%4]&63, s[4+i%4]&63
		if i >= 4 {
			sc = s[8+i-4]&15 | s[i-4]>>6<<4
			mn = s[8+i-4]>>4 | s[i]>>6<<4
		}
		u.d[i], u.m[i] = d*float32(sc), -dmin*float32(mn)
	}
}

func quantsQ4_K(u *unpacked, b []byte) {
	lowNibbles(u, b[16:144])
}

// lowNibbles unpacks nibbles: byte l of group g holds columns 64g+l (low nibble) and 64g+32+l (high nibble).
func lowNibbles(u *unpacked, qs []byte) {
	for g := range 4 {
		lo, hi, from := u.q[64*g:][:32], u.q[64*g+32:][:32], qs[32*g:][:32]
		for l := 0; l < 32; l += 8 {
			v := eight(from[l:])
			putEight(lo[l:], v&(15*every))
			putEight(hi[l:], v>>4&(15*every))
		}
	}
}

func quantsQ5_K(u *unpacked, b []byte) {
	lowNibbles(u, b[48:176])
	for r := range 8 {
		q := u.q[32*r:][:32]
		for l := 0; l < 32; l += 8 {
			putEight(q[l:], eight(q[l:])|eight(b[16+l:])>>r&every<<4)
		}
	}
}

// scalesQ6_K: Q6_K has 128 bytes of low nibbles, 64 bytes of upper 2-bit fields, 16 int8 scales, d.
func scalesQ6_K(u *unpacked, b []byte) {
	d := half(b[208:])
	for i, s := range b[192:208] {
		u.d[i] = d * float32(int8(s))
	}
}

func quantsQ6_K(u *unpacked, b []byte) {
	for run := range 8 { // 32 columns each; four runs in a half
		h, p := run/4, run%4
		low, high := b[64*h+p%2*32:][:32], b[128+32*h:][:32]
		q := u.q[32*run:][:32]
		for l := 0; l < 32; l += 8 {
			putEight(q[l:], eight(low[l:])>>(p/2*4)&(15*every)|eight(high[l:])>>(2*p)&(3*every)<<4)
		}
	}
}
