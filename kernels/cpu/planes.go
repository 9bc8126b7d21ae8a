package cpu

import (
	"encoding/binary"
)

// The functions planes… write the bit planes of a row of a block of 256 columns, eight bytes at a time, without unpacking its integers. dst is where the row begins in the first of the eight
// blocks of the layout, which are stride bytes apart. They write what unpacker.quants and putPlanes do.

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
	fifth := b[16:48]
	for run := range 8 {
		f := func(k int) uint64 { return eight(fifth[8*k:]) >> run & every }
		v := f(0) | f(1)<<2 | f(2)<<4 | f(3)<<6
		binary.LittleEndian.PutUint32(dst[run*stride+256:], uint32(v)|uint32(v>>32)<<1)
	}
}

func planesQ6_K(dst []byte, stride int, b []byte) {
	for run := range 8 { // four runs in a half
		h, p := run/4, run%4
		at := dst[run*stride:]
		low4(at, b[64*h+p%2*32:], p/2*4)
		high := b[128+32*h:][:32]
		f := func(k int) uint64 { return eight(high[8*k:]) >> (2 * p) & (3 * every) }
		putPair(at[256:], 0, f(0)|f(1)<<2|f(2)<<4|f(3)<<6)
	}
}
