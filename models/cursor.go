package models

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"soberano/kernels/quant"
)

// Cursor walks through the bytes of a file that nobody has checked yet. Its first error
// stays: from then on reads give zeros and move nothing, so a parser reads a whole
// structure and asks Err once, before it uses a number as a size or an index.
type Cursor struct {
	// Field is what is being read, for the error: `the header`, `tensor "a.weight"`.
	Field string

	path string
	b    []byte
	at   uint64
	err  error
}

// NewCursor begins at the first byte of b; path is for the errors.
func NewCursor(path string, b []byte) *Cursor { return &Cursor{Field: "the header", path: path, b: b} }

// Err is the first error, a *FileError.
func (c *Cursor) Err() error { return c.err }

// At is the place of the next byte, Left how many are left.
func (c *Cursor) At() uint64   { return c.at }
func (c *Cursor) Left() uint64 { return uint64(len(c.b)) - c.at }

// Fail ends the reading with err, unless it has ended before.
func (c *Cursor) Fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Corrupt ends the reading: "is damaged: <field> <format>".
func (c *Cursor) Corrupt(format string, args ...any) {
	c.Fail(Corrupt(c.path, "is damaged: %s %s", c.Field, fmt.Sprintf(format, args...)))
}

// Next returns the next n bytes, a part of the file; nil after an error.
func (c *Cursor) Next(n uint64) []byte {
	if c.err != nil {
		return nil
	}
	if n > c.Left() {
		c.Fail(Corrupt(c.path, "is cut short: %s needs %s bytes from byte %s on, but the file has %s",
			c.Field, Grouped(n), Grouped(c.at), Grouped(len(c.b))))
		return nil
	}
	b := c.b[c.at : c.at+n : c.at+n]
	c.at += n
	return b
}

// U8, U16, U32 and U64 read little-endian numbers.
func (c *Cursor) U8() uint8 {
	if b := c.Next(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *Cursor) U16() uint16 {
	if b := c.Next(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (c *Cursor) U32() uint32 {
	if b := c.Next(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *Cursor) U64() uint64 {
	if b := c.Next(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Count checks a number of things of at least size bytes each: the rest of the file must
// hold them. It returns 0 after an error.
func (c *Cursor) Count(n, size uint64) int {
	if c.err == nil && n > c.Left()/size {
		c.Corrupt("is %s, more than the file can hold", Grouped(n))
	}
	if c.err != nil {
		return 0
	}
	return int(n)
}

// mostValues in one tensor, so that sizes in bytes can't overflow.
const mostValues = 1 << 40

// Values is the product of a shape's sizes; false where one is zero or it is too large.
func Values(shape []int) (int, bool) {
	n := uint64(1)
	for _, d := range shape {
		high, low := bits.Mul64(n, uint64(d))
		if d <= 0 || high != 0 || low > mostValues {
			return 0, false
		}
		n = low
	}
	return int(n), true
}

// Bytes is the size of a tensor of a known type; false where its rows are not whole
// blocks or its shape is impossible.
func Bytes(t quant.Type, shape []int) (uint64, bool) {
	n, ok := Values(shape)
	if !ok || !t.Known() {
		return 0, false
	}
	if cols := (Tensor{Shape: shape}).Cols(); cols%t.BlockValues() != 0 {
		return 0, false
	}
	return uint64(n) / uint64(t.BlockValues()) * uint64(t.BlockBytes()), true
}
