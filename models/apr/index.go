package apr

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"
	"unicode/utf8"

	"soberano/models"
)

const (
	headerBytes = 64
	maxMetadata = 16 << 20
	maxTensors  = 1 << 18
	maxName     = 256
	maxDims     = 8
)

// refused lists the flags that change how a file must be read, with the text of the error.
var refused = []struct {
	flag uint16
	what string
}{
	{flagColMajor, "stores its matrices column by column"},
}

var le = binary.LittleEndian

// header is the beginning of a file, 64 bytes, little-endian:
//
//	 0  magic "APR\0" (some files have "APR2")   4  u8 major 2, u8 minor    6  u16 flags
//	 8  u32 tensors    12  u64 offset of the metadata, 20 u32 its size
//	24  u64 offset of the index   32  u64 offset of the data
//	40  u32 CRC-32 of bytes 0 … 39 and 44 … 63   44  zeros
//
// It also holds the index, once that has been read.
type header struct {
	path                    string
	flags                   uint16
	count                   uint32
	metaAt, indexAt, dataAt uint64
	metaSize                uint32
	tensors                 []entry
	tensorEnd               uint64 // end of the last tensor and its padding, from the start of the file
	end                     uint64 // end of the trailer, or tensorEnd if there is none
	trailer                 trailer
}

// entry is a tensor in the index. The names of the entries are in strictly increasing order:
//
//	u16 length · name · u8 dtype · u8 rank · rank × u64 sizes, outermost first
//	u64 offset from the start of the data · u64 bytes
type entry struct {
	name         string
	dtype        dtype
	shape        []int
	offset, size uint64
	data         []byte
	source       models.Source // of a file to be written
}

// parse reads the header and the index of a file with the bytes b. Each tensor's data is a
// part of the returned bytes, which are b or b without compression, and has the length that its type and shape require.
func parse(path string, b []byte) (*header, []byte, error) {
	h := &header{path: path}
	if err := h.read(b); err != nil {
		return nil, nil, err
	}
	b, err := unpacked(path, b, h.flags)
	if err == nil {
		err = h.checkOffsets(b)
	}
	if err == nil {
		err = h.readIndex(b)
	}
	if err == nil {
		h.tensorEnd = h.end
		err = h.readTrailer(b)
	}
	return h, b, err
}

// readIndex reads the index of the file b and finds the bytes of the tensors.
func (h *header) readIndex(b []byte) error {
	path := h.path
	c := models.NewCursor(path, b)
	c.Next(h.indexAt)
	c.Field = "the count of tensors"
	if h.count > maxTensors {
		c.Corrupt("is %s", models.Grouped(uint64(h.count)))
	}
	n := c.Count(uint64(h.count), 2+1+1+8+8)
	for i := 0; i < n && c.Err() == nil; i++ {
		c.Field = fmt.Sprintf("the name of tensor %d", i+1)
		x := readEntry(c)
		if i > 0 && c.Err() == nil && x.name <= h.tensors[i-1].name {
			c.Corrupt("does not stand in order behind %s", models.Quote(h.tensors[i-1].name))
		}
		h.tensors = append(h.tensors, x)
	}
	if c.Err() == nil && c.At() > h.dataAt {
		c.Field = "the index"
		c.Corrupt("ends at byte %s, behind the beginning of the data at %s", models.Grouped(c.At()), models.Grouped(h.dataAt))
	}
	if c.Err() != nil {
		return c.Err()
	}
	return h.place(b)
}

// read reads and checks the first 64 bytes.
func (h *header) read(b []byte) error {
	c := models.NewCursor(h.path, b)
	magic := string(c.Next(4))
	major, _ := c.U8(), c.U8()
	h.flags, h.count = c.U16(), c.U32()
	h.metaAt, h.metaSize = c.U64(), c.U32()
	h.indexAt, h.dataAt = c.U64(), c.U64()
	sum := c.U32()
	c.Next(headerBytes - 44)
	switch {
	case c.Err() == nil && !slices.Contains(Magics, magic):
		return &models.FileError{Path: h.path, Reason: "does not begin as an APR file does", Kind: models.ErrUnknownFormat}
	case magic == "APRN" || c.Err() == nil && major != 2:
		return models.Unsupported(h.path, "write it again as version 2", "is an APR file of another version than 2")
	case c.Err() != nil:
		return c.Err()
	}
	if got := crc32.Update(crc32.ChecksumIEEE(b[:40]), crc32.IEEETable, b[44:headerBytes]); got != sum {
		return models.Corrupt(h.path, "is damaged: the header's checksum is %08x, and its bytes give %08x", sum, got)
	}
	for _, r := range refused {
		if h.flags&r.flag != 0 {
			return models.Unsupported(h.path, "write it again as one plain file", "%s, which this program can't read", r.what)
		}
	}
	return nil
}

// checkOffsets checks that the parts lie in order in the file b.
func (h *header) checkOffsets(b []byte) error {
	if h.metaAt < headerBytes || h.metaSize > maxMetadata || h.metaAt > h.indexAt || h.indexAt-h.metaAt < uint64(h.metaSize) ||
		h.indexAt > h.dataAt || h.dataAt > uint64(len(b)) {
		return models.Corrupt(h.path, "is damaged or cut short: metadata of %s bytes at byte %s, index at %s, data at %s, in a file of %s",
			models.Grouped(int64(h.metaSize)), models.Grouped(h.metaAt), models.Grouped(h.indexAt), models.Grouped(h.dataAt), models.Grouped(len(b)))
	}
	return nil
}

func readEntry(c *models.Cursor) entry {
	n := c.U16()
	if n > maxName {
		c.Corrupt("has %s bytes, more than %s", models.Grouped(uint64(n)), models.Grouped(maxName))
	}
	x := entry{name: string(c.Next(uint64(n)))}
	if !utf8.ValidString(x.name) {
		c.Corrupt("is no UTF-8")
	}
	c.Field = "tensor " + models.Quote(x.name)
	x.dtype = current(dtype(c.U8()))
	rank := c.U8()
	if rank > maxDims {
		c.Corrupt("has %d dimensions, more than the %d allowed", rank, maxDims)
		return x
	}
	x.shape = make([]int, rank)
	for i := range x.shape {
		x.shape[i] = int(min(c.U64(), 1<<62))
	}
	x.offset, x.size = c.U64(), c.U64()
	if c.Err() != nil {
		return x
	}
	switch want, ok := x.dtype.bytes(x.shape); {
	case !ok:
		c.Corrupt("has an impossible shape %v for %v", x.shape, x.dtype)
	case want != x.size && x.dtype.sized():
		c.Corrupt("has %s bytes, but shape %v of %v needs %s", models.Grouped(x.size), x.shape, x.dtype, models.Grouped(want))
	}
	return x
}

// place finds each tensor's bytes in the file b and checks that b holds them all and that
// no two overlap.
func (h *header) place(b []byte) error {
	order := make([]*entry, len(h.tensors))
	for i := range h.tensors {
		order[i] = &h.tensors[i]
	}
	slices.SortFunc(order, func(x, y *entry) int { return cmp.Compare(x.offset, y.offset) })
	h.end = h.dataAt
	last := uint64(0) // end of the previous tensor, without padding
	for i, x := range order {
		begin, o1 := bits.Add64(h.dataAt, x.offset, 0)
		end, o2 := bits.Add64(begin, x.size, 0)
		size := uint64(len(b))
		switch padded := (end + 63) &^ 63; {
		case o1 != 0 || o2 != 0 || end > size || padded > size:
			return models.Corrupt(h.path, "is cut short: tensor %s should end at byte %s of the data, but the file has only %s",
				models.Quote(x.name), models.Grouped(x.offset+x.size), models.Grouped(size-h.dataAt))
		case begin < last:
			return models.Corrupt(h.path, "is damaged: tensors %s and %s share bytes", models.Quote(order[i-1].name), models.Quote(x.name))
		default:
			h.end = max(h.end, padded)
		}
		last = end
		x.data = b[begin:end:end]
	}
	return nil
}
