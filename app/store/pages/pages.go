// Package pages reads rows from the pages of a damaged SQLite file. It does not follow the trees of the file, so a damaged page costs
// only the rows that are stored in it.
//
// The format: https://www.sqlite.org/fileformat2.html
package pages

import (
	"encoding/binary"
	"iter"
	"math"
)

// Row is a row of a table.
type Row struct {
	ID     int64 // the rowid; 0 if Keyed
	Keyed  bool  // the row is of a table WITHOUT ROWID, or of an index
	Values []any // nil, int64, float64, string or []byte, as stored: a column INTEGER PRIMARY KEY is nil
	Whole  int   // so many values are whole; if a page on which the row continues is damaged, the next one is cut and the others are nil
}

// The types of pages that hold rows.
const (
	indexInterior = 0x02
	indexLeaf     = 0x0a
	tableLeaf     = 0x0d
)

// header is the length in bytes of the header of a file, which is in its first page.
const header = 100

// file is the content of a file.
type file struct {
	content []byte
	size    int          // of a page
	usable  int          // bytes of a page without those that are reserved at its end
	used    map[int]bool // overflow pages of records that were read; each belongs to one record
}

// Size returns the size of the pages in bytes that the header of a file gives, or 4096 if it gives none that is possible.
func Size(content []byte) int {
	if len(content) < header {
		return 4096
	}
	size := int(binary.BigEndian.Uint16(content[16:]))
	if size == 1 {
		size = 65536
	}
	if size < 512 || size&(size-1) != 0 {
		return 4096
	}
	return size
}

// Rows returns the rows of all tables and indexes in the order of the pages. A cell that is not well-formed is left out.
func Rows(content []byte) iter.Seq[Row] {
	f := file{content: content, size: Size(content)}
	f.usable = f.size
	if len(content) >= header && content[20] < 32 {
		f.usable -= int(content[20])
	}
	return func(yield func(Row) bool) {
		f.used = map[int]bool{}
		for n := 1; n*f.size <= len(content); n++ {
			for row := range f.page(n) {
				if !yield(row) {
					return
				}
			}
		}
	}
}

// page returns the rows in a page, counted from 1.
//
//	type(1) free block(2) cells(2) content(2) fragments(1) [right child(4)]  offset of a cell(2)…  …cells
func (f *file) page(n int) iter.Seq[Row] {
	page, at := f.at(n), 0
	if n == 1 {
		at = header
	}
	return func(yield func(Row) bool) {
		kind, begin := page[at], at+8
		switch kind {
		case indexInterior:
			begin += 4
		case indexLeaf, tableLeaf:
		default:
			return
		}
		cells := int(binary.BigEndian.Uint16(page[at+3:]))
		for i := range cells {
			if begin+2*(i+1) > f.usable {
				return
			}
			offset := int(binary.BigEndian.Uint16(page[begin+2*i:]))
			if offset < begin+2*cells || offset >= f.usable {
				continue
			}
			if row, ok := f.cell(kind, page[offset:f.usable]); ok && !yield(row) {
				return
			}
		}
	}
}

// exists reports whether the file has a page that may be an overflow page: the first is the root of the schema.
func (f *file) exists(n int) bool { return n >= 2 && n*f.size <= len(f.content) }

func (f *file) at(n int) []byte { return f.content[(n-1)*f.size : n*f.size] }

// cell reads the cell with which a part of a page begins.
//
//	[left child(4)] length of the record(varint) [rowid(varint)] record [first overflow page(4)]
func (f *file) cell(kind byte, data []byte) (row Row, ok bool) {
	row.Keyed = kind != tableLeaf
	if kind == indexInterior {
		data = data[min(4, len(data)):]
	}
	length, data, ok := varint(data)
	if !ok || length < 2 || length > int64(len(f.content)) {
		return row, false
	}
	if !row.Keyed {
		if row.ID, data, ok = varint(data); !ok {
			return row, false
		}
	}
	record, ok := f.record(data, int(length), row.Keyed)
	if !ok {
		return row, false
	}
	row.Values, row.Whole, ok = values(record, int(length))
	return row, ok
}

// record returns a record of a length, of which data holds the beginning. It is shorter if an overflow page is damaged.
func (f *file) record(data []byte, length int, keyed bool) ([]byte, bool) {
	local := f.local(length, keyed)
	if local == length {
		return data[:min(length, len(data))], length <= len(data)
	}
	if local+4 > len(data) {
		return nil, false
	}
	record, next := append([]byte(nil), data[:local]...), int(binary.BigEndian.Uint32(data[local:]))
	for len(record) < length {
		if !f.exists(next) || f.used[next] {
			return record, true
		}
		f.used[next] = true
		page := f.at(next)
		next = int(binary.BigEndian.Uint32(page))
		part := min(length-len(record), f.usable-4)
		if last := len(record)+part == length; last != (next == 0) || !last && !f.exists(next) {
			return record, true // it is no page of this record
		}
		record = append(record, page[4:4+part]...)
	}
	return record, true
}

// local returns how many bytes of a record are stored in its cell.
func (f *file) local(length int, keyed bool) int {
	most := f.usable - 35
	if keyed {
		most = (f.usable-12)*64/255 - 23
	}
	if length <= most {
		return length
	}
	least := (f.usable-12)*32/255 - 23
	if local := least + (length-least)%(f.usable-4); local <= most {
		return local
	}
	return least
}

// values reads the values of a record, which has fewer bytes than its length if it is cut, and returns how many of them are whole.
//
//	length of the header(varint) type(varint)…  value…
func values(record []byte, length int) (list []any, whole int, ok bool) {
	begin, rest, ok := varint(record)
	own := int64(len(record) - len(rest)) // bytes of the length of the header
	if !ok || begin < own || begin > int64(len(record)) {
		return nil, 0, false
	}
	types, body, left := rest[:begin-own], record[begin:], int64(length)-begin
	for len(types) > 0 {
		var t int64
		if t, types, ok = varint(types); !ok || t < 0 {
			return nil, 0, false
		}
		n := width(t)
		if left -= n; n < 0 || left < 0 {
			return nil, 0, false
		}
		part := body[:min(n, int64(len(body)))]
		body = body[len(part):]
		switch {
		case whole < len(list):
			list = append(list, nil)
		case len(part) == int(n):
			list, whole = append(list, value(t, part)), whole+1
		case t >= 12:
			list = append(list, value(t, part))
		default:
			list = append(list, nil)
		}
	}
	return list, whole, left == 0 && len(list) > 0
}

// width returns the bytes of a value of a type, or -1 if there is no such type.
func width(t int64) int64 {
	switch {
	case t >= 12:
		return (t - 12) / 2
	case t >= 10:
		return -1
	}
	return []int64{0, 1, 2, 3, 4, 6, 8, 8, 0, 0}[t]
}

// value returns the value of a type that is stored in data.
func value(t int64, data []byte) any {
	switch {
	case t == 0:
		return nil
	case t == 7:
		return math.Float64frombits(binary.BigEndian.Uint64(data))
	case t == 8 || t == 9:
		return t - 8
	case t < 7:
		n := int64(int8(data[0]))
		for _, b := range data[1:] {
			n = n<<8 | int64(b)
		}
		return n
	case t%2 == 1:
		return string(data)
	}
	return append([]byte{}, data...)
}

// varint reads an integer of 1 to 9 bytes, seven bits in each but eight in the ninth, and returns what follows.
func varint(data []byte) (n int64, rest []byte, ok bool) {
	for i, b := range data {
		if i == 8 {
			return n<<8 | int64(b), data[9:], true
		}
		n = n<<7 | int64(b&0x7f)
		if b < 0x80 {
			return n, data[i+1:], true
		}
	}
	return 0, nil, false
}
