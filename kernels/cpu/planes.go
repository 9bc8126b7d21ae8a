package cpu

import (
	"encoding/binary"
)

// The functions planes… write the bit planes of a row of a block of the file, eight bytes at a time, without unpacking its integers. dst is where the row begins in the first of the
// blocks of 32 columns of the layout, which are stride bytes apart. They write what unpacker.quants and putPlanes do.

// putPair writes the two words of v to words k and k+1 of a plane.
func putPair(plane []byte, k int, v uint64) {
	binary.LittleEndian.PutUint32(plane[64*k:], uint32(v))
	binary.LittleEndian.PutUint32(plane[64*k+64:], uint32(v>>32))
}

// low4 writes the plane of four bits of a run of 32 columns, of which column j has its bits in byte j of q, from bit shift on.
func low4(dst, q []byte, shift int) {
	const m = 15 * every
	dst, q = dst[:3*64+4], q[:32]
	putPair(dst, 0, eight(q)>>shift&m|eight(q[16:])>>shift&m<<4)
	putPair(dst, 2, eight(q[8:])>>shift&m|eight(q[24:])>>shift&m<<4)
}

// groups4 writes the planes of four bits of Q4_K and Q5_K: byte l of group g holds columns 64g+l (low nibble) and 64g+32+l (high nibble).
func groups4(dst []byte, stride int, qs []byte) {
	for run := range 8 {
		low4(dst[run*stride:], qs[run/2*32:], run%2*4)
	}
}

func planesQ4_K(dst []byte, stride int, b []byte) { groups4(dst, stride, b[16:144]) }

func planesQ5_K(dst []byte, stride int, b []byte) {
	groups4(dst, stride, b[48:176])
	for run := range 8 {
		plane1(dst[run*stride+256:], b[16:48], run)
	}
}

// plane1 writes the plane of one bit of a run of 32 columns, of which column j has its bit in byte j of q, at shift.
func plane1(dst, q []byte, shift int) {
	q = q[:32]
	v := eight(q)>>shift&every | eight(q[8:])>>shift&every<<2 | eight(q[16:])>>shift&every<<4 | eight(q[24:])>>shift&every<<6
	binary.LittleEndian.PutUint32(dst, uint32(v)|uint32(v>>32)<<1)
}

// plane2 writes the plane of two bits of a run of 32 columns, of which column j has its bits in byte j of q, from bit shift on.
func plane2(dst, q []byte, shift int) {
	const m = 3 * every
	q = q[:32]
	putPair(dst, 0, eight(q)>>shift&m|eight(q[8:])>>shift&m<<2|eight(q[16:])>>shift&m<<4|eight(q[24:])>>shift&m<<6)
}

func planesQ2_K(dst []byte, stride int, b []byte) {
	for run := range 8 {
		plane2(dst[run*stride:], b[16+run/4*32:], run%4*2)
	}
}

func planesQ3_K(dst []byte, stride int, b []byte) {
	for run := range 8 {
		at := dst[run*stride:]
		plane2(at, b[32+run/4*32:], run%4*2)
		plane1(at[128:], b[:32], run)
	}
}

func planesQ5_0(dst []byte, _ int, b []byte) { planesQ5(dst, b[2:22]) }
func planesQ5_1(dst []byte, _ int, b []byte) { planesQ5(dst, b[4:24]) }

// planesQ5 writes the planes of a block of 32 columns: b has a fifth bit for each of them (4 bytes), then nibbles in the order of the layout.
func planesQ5(dst, b []byte) {
	b = b[:20]
	putPair(dst, 0, eight(b[4:]))
	putPair(dst, 2, eight(b[12:]))
	q := uint64(word(b))
	binary.LittleEndian.PutUint32(dst[256:], uint32(fourths(q|q>>1<<32)|fourths(q>>2|q>>3<<32)<<16))
}

// fourths returns bits 0, 4, …, 28 of the lower half of v as the lowest byte, and those of the upper half as the next one.
func fourths(v uint64) uint64 {
	v &= 0x1111111111111111
	v = (v | v>>3) & 0x0303030303030303
	v = (v | v>>6) & 0x000f000f000f000f
	v = (v | v>>12) & 0x000000ff000000ff
	return (v | v>>24) & 0xffff
}

func planesQ6_K(dst []byte, stride int, b []byte) {
	for run := range 8 { // four runs in a half
		h, p := run/4, run%4
		at := dst[run*stride:]
		low4(at, b[64*h+p%2*32:], p/2*4)
		plane2(at[256:], b[128+32*h:], 2*p)
	}
}
