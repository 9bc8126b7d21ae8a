package flac

import (
	"io"
	"math/bits"

	"soberano/asr/audio/input"
)

// bitReader reads bits, most significant first, and computes both CRCs over the bytes it
// consumes. It consumes no byte before it is needed.
type bitReader struct {
	in    *input.Reader
	acc   uint64 // its low n bits are still to be read
	n     uint
	crc8  byte
	crc16 uint16
	err   error // the first one; after it, all bits are 0
}

var crc8Table, crc16Table = crcTables()

// crcTables returns the tables of CRC-8 and CRC-16, polynomials x⁸+x²+x+1 and x¹⁶+x¹⁵+x²+1, most significant bit first.
func crcTables() (t8 [256]byte, t16 [256]uint16) {
	for i := range 256 {
		a, b := byte(i), uint16(i)<<8
		for range 8 {
			a = a<<1 ^ a>>7*0x07
			b = b<<1 ^ b>>15*0x8005
		}
		t8[i], t16[i] = a, b
	}
	return t8, t16
}

// begin starts a frame: it clears the CRCs and the error.
func (b *bitReader) begin() { b.acc, b.n, b.crc8, b.crc16, b.err = 0, 0, 0, 0, nil }

// more consumes one byte; it returns false at the end of the file.
func (b *bitReader) more() bool {
	if b.err != nil {
		return false
	}
	c, err := b.in.ReadByte()
	if err != nil {
		b.err = err
		if err == io.EOF {
			b.err = io.ErrUnexpectedEOF
		}
		b.n = 0 // the bits that are left belong to a truncated number
		return false
	}
	b.crc8 = crc8Table[b.crc8^c]
	b.crc16 = b.crc16<<8 ^ crc16Table[byte(b.crc16>>8)^c]
	b.acc = b.acc<<8 | uint64(c)
	b.n += 8
	return true
}

// bits returns the next n bits, at most 40.
func (b *bitReader) bits(n uint) uint64 {
	for b.n < n {
		if !b.more() {
			return 0
		}
	}
	b.n -= n
	return b.acc >> b.n & (1<<n - 1)
}

// signed returns the next n bits, 0 to 40, as a two's complement number.
func (b *bitReader) signed(n uint) int64 {
	if n == 0 {
		return 0
	}
	return int64(b.bits(n)<<(64-n)) >> (64 - n)
}

// unary returns the number of zeros before the next one bit and consumes both.
func (b *bitReader) unary() uint64 {
	var zeros uint64
	for {
		if rest := b.acc & (1<<b.n - 1); rest != 0 {
			lead := b.n - uint(bits.Len64(rest))
			b.n -= lead + 1
			return zeros + uint64(lead)
		}
		zeros += uint64(b.n)
		b.n = 0
		if !b.more() {
			return 0
		}
	}
}

// align drops the bits up to the next whole byte.
func (b *bitReader) align() { b.n &^= 7 }
