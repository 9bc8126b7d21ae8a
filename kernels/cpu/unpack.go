// From a file's blocks to small unsigned integers, scales and minima, which pack
// lays out anew. This repeats what kernels/quant knows about the blocks, in another
// form (integers, not values); a test holds the two together. A format without a
// line in the table is multiplied as float16 instead.
//
// The formats are those of ggml-common.h; their drawings are in kernels/quant.
package cpu

import (
	"encoding/binary"

	"soberano/kernels/quant"
)

// unpacked is one block of a file: at most 256 columns of one row.
type unpacked struct {
	d, m [16]float32 // a scale (and minimum) for each run of columns, as the kind wants
	q    [256]uint8  // zero point added
}

// unpacker says how a format becomes a kind.
type unpacker struct {
	kind kind
	// nested: scales are products of two, which float16 holds only nearly.
	nested bool
	scales func(u *unpacked, b []byte)
	quants func(u *unpacked, b []byte)
}

var unpackers = map[quant.Type]unpacker{
	quant.Q4_0: {q4s32, false, scaleOnly, func(u *unpacked, b []byte) { nibbles(u, b[2:]) }},
	quant.Q4_1: {q4a32, false, scaleMin, func(u *unpacked, b []byte) { nibbles(u, b[4:]) }},
	quant.Q5_0: {q8s32, false, scaleOnly, func(u *unpacked, b []byte) { fives(u, b[2:], 128-16) }},
	quant.Q5_1: {q8a32, false, scaleMin, func(u *unpacked, b []byte) { fives(u, b[4:], 0) }},
	quant.Q8_0: {q8s32, false, scaleOnly, quantsQ8_0},
	quant.Q2_K: {q4a16, true, scalesQ2_K, func(u *unpacked, b []byte) { twos(u, b[16:80]) }},
	quant.Q3_K: {q4s16, true, scalesQ3_K, quantsQ3_K},
	quant.Q4_K: {q4a32, true, scalesQ4_K, quantsQ4_K},
	quant.Q5_K: {q8a32, true, scalesQ4_K, quantsQ5_K},
	quant.Q6_K: {q8s16, true, scalesQ6_K, quantsQ6_K},
}

func half(b []byte) float32 { return quant.F16ToF32(binary.LittleEndian.Uint16(b)) }

func scaleOnly(u *unpacked, b []byte) { u.d[0] = half(b) }
func scaleMin(u *unpacked, b []byte)  { u.d[0], u.m[0] = half(b), half(b[2:]) }

// nibbles: byte j holds columns j (low) and 16+j (high).
func nibbles(u *unpacked, qs []byte) {
	for j, v := range qs[:16] {
		u.q[j], u.q[16+j] = v&15, v>>4
	}
}

// fives: 32 fifth bits, then nibbles; zero is added.
func fives(u *unpacked, b []byte, zero uint8) {
	high := binary.LittleEndian.Uint32(b)
	for j, v := range b[4:20] {
		u.q[j] = v&15 | uint8(high>>j&1)<<4
		u.q[16+j] = v>>4 | uint8(high>>(16+j)&1)<<4
	}
	for j := range 32 {
		u.q[j] += zero
	}
}

func quantsQ8_0(u *unpacked, b []byte) {
	for j, v := range b[2:34] {
		u.q[j] = v ^ 0x80
	}
}

// Q2_K: 16 bytes of scale (low nibble) and minimum (high), 64 of pairs of bits, d, dmin.
func scalesQ2_K(u *unpacked, b []byte) {
	d, dmin := half(b[80:]), half(b[82:])
	for i, s := range b[:16] {
		u.d[i], u.m[i] = d*float32(s&15), -dmin*float32(s>>4)
	}
}

// twos: pair p of byte l of half h is column 128h+32p+l.
func twos(u *unpacked, qs []byte) {
	for run := range 8 {
		q := u.q[32*run:][:32]
		for l, v := range qs[run/4*32:][:32] {
			q[l] = v >> (run % 4 * 2) & 3
		}
	}
}

// Q3_K: 32 bytes of third bits, 64 of pairs, 12 of 6-bit scales, d.
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
	for run := range 8 { // the third bit takes away -4; 8 is the zero point
		q := u.q[32*run:][:32]
		for l, v := range b[:32] {
			q[l] += 4 + v>>run&1*4
		}
	}
}

// scalesQ4_K serves Q5_K too: d, dmin, 12 bytes of eight 6-bit scales and minima.
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

// lowNibbles: byte l of group g holds columns 64g+l (low) and 64g+32+l (high).
func lowNibbles(u *unpacked, qs []byte) {
	for g := range 4 {
		lo, hi := u.q[64*g:][:32], u.q[64*g+32:][:32]
		for l, v := range qs[32*g:][:32] {
			lo[l], hi[l] = v&15, v>>4
		}
	}
}

func quantsQ5_K(u *unpacked, b []byte) {
	lowNibbles(u, b[48:176])
	for r := range 8 {
		q := u.q[32*r:][:32]
		for l, v := range b[16:48] {
			q[l] |= v >> r & 1 << 4
		}
	}
}

// Q6_K: 128 bytes of low nibbles, 64 of upper pairs, 16 int8 scales, d.
func scalesQ6_K(u *unpacked, b []byte) {
	d := half(b[208:])
	for i, s := range b[192:208] {
		u.d[i] = d * float32(int8(s))
	}
}

func quantsQ6_K(u *unpacked, b []byte) {
	for run := range 8 { // 32 columns each, four runs to a half
		h, p := run/4, run%4
		low, high := b[64*h+p%2*32:][:32], b[128+32*h:][:32]
		q := u.q[32*run:][:32]
		for l := range q {
			q[l] = low[l]>>(p/2*4)&15 | high[l]>>(2*p)&3<<4 + (128 - 32)
		}
	}
}
