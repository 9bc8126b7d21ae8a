package models

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"soberano/kernels/quant"
)

// Cursor reads the bytes of an unchecked file in order. After its first error every read
// returns zero and does not advance. So a parser can read a whole structure and check Err
// once, before it uses a number as a size or an index.
type Cursor struct {
	// Field names what is being read, for errors: `the header`, `tensor "a.weight"`.
	Field string

	path string
	b    []byte
	at   uint64
	err  error
}

// NewCursor returns a Cursor at the first byte of b. path is used in errors.
func NewCursor(path string, b []byte) *Cursor { return &Cursor{Field: "the header", path: path, b: b} }

// Err returns the first error, a *FileError, or nil.
func (c *Cursor) Err() error { return c.err }

// At returns the offset of the next byte, Left the number of bytes from there on.
func (c *Cursor) At() uint64   { return c.at }
func (c *Cursor) Left() uint64 { return uint64(len(c.b)) - c.at }

// Fail sets the error, unless there is one already.
func (c *Cursor) Fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Corrupt sets the error "is damaged: <Field> <format>", unless there is one already.
func (c *Cursor) Corrupt(format string, args ...any) {
	c.Fail(Corrupt(c.path, "is damaged: %s %s", c.Field, fmt.Sprintf(format, args...)))
}

// Next returns the next n bytes as a part of the file's bytes; nil after an error.
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

// U8, U16, U32 and U64 read little-endian unsigned integers.
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

// Count checks that the rest of the file can hold n items of at least size bytes each, and
// returns n; 0 after an error.
func (c *Cursor) Count(n, size uint64) int {
	if c.err == nil && n > c.Left()/size {
		c.Corrupt("is %s, more than the file can hold", Grouped(n))
	}
	if c.err != nil {
		return 0
	}
	return int(n)
}

// maxValues is the largest number of values of a tensor; sizes in bytes can't overflow.
const maxValues = 1 << 40

// Values returns the product of a shape's sizes, and false where one of them is below 1 or
// the product is too large.
func Values(shape []int) (int, bool) {
	n := uint64(1)
	for _, d := range shape {
		high, low := bits.Mul64(n, uint64(d))
		if d <= 0 || high != 0 || low > maxValues {
			return 0, false
		}
		n = low
	}
	return int(n), true
}

// Bytes returns the size of a tensor of a known type in bytes, and false where its rows are
// not whole blocks or its shape is impossible.
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
