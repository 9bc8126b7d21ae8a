package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// The sizes of the headers of a file, of its write-ahead log and of a frame of the log, in bytes.
const (
	fileHeader  = 100
	logHeader   = 32
	frameHeader = 24
)

// contentOf returns the content of the file at path, with that of its log, as of a file without a log. It only reads, so it works
// where nothing can be written. The error is fs.ErrNotExist if there is no file, or an empty one.
func contentOf(path string) ([]byte, error) {
	content, err := readFile(path)
	if err != nil {
		return nil, err
	}
	log, err := readFile(path + "-wal")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if content = fold(content, log); len(content) == 0 {
		return nil, fmt.Errorf("store: %s: %w", path, fs.ErrNotExist)
	}
	if len(content) >= fileHeader {
		content[18], content[19] = 1, 1 // a database in memory can't have a log
	}
	return content, nil
}

// readFile reads a regular file; of anything else it reports that there is no file.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fs.ErrNotExist)
	}
	return io.ReadAll(f)
}

// fold returns the content of a file after the transactions in its log. The log ends where a checksum is wrong, or at the last
// transaction that is complete.
//
//	log    magic(4) version(4) page size(4) checkpoint(4) salt(8) checksum(8)  frame…
//	frame  page number(4) size of the file after a transaction in pages, or 0(4) salt(8) checksum(8) page
//
// Numbers are big-endian. The format: https://www.sqlite.org/fileformat2.html#walformat
func fold(content, log []byte) []byte {
	if len(log) < logHeader || binary.BigEndian.Uint32(log)&^1 != 0x377f0682 {
		return content
	}
	var order binary.ByteOrder = binary.LittleEndian
	if log[3]&1 != 0 {
		order = binary.BigEndian
	}
	size := int(binary.BigEndian.Uint32(log[8:]))
	sum := checksum{order: order}
	sum.add(log[:24])
	if !sum.is(log[24:]) || size < 512 || size > 65536 || size&(size-1) != 0 {
		return content
	}
	salt := string(log[16:24])
	pages := map[uint32][]byte{} // of the transaction that is being read
	for log = log[logHeader:]; len(log) >= frameHeader+size; log = log[frameHeader+size:] {
		page := log[frameHeader : frameHeader+size]
		sum.add(log[:8])
		sum.add(page)
		number, after := binary.BigEndian.Uint32(log), binary.BigEndian.Uint32(log[4:])
		if string(log[8:16]) != salt || !sum.is(log[16:]) || number == 0 {
			break
		}
		pages[number] = page
		if after > 0 {
			content = put(content, pages, size, int(after))
			clear(pages)
		}
	}
	return content
}

// put returns the content of a file of so many pages after pages have been written into it.
func put(content []byte, pages map[uint32][]byte, size, count int) []byte {
	if more := size*count - len(content); more > 0 {
		content = append(content, make([]byte, more)...)
	}
	content = content[:size*count]
	for number, page := range pages {
		if int(number) <= count {
			copy(content[size*(int(number)-1):], page)
		}
	}
	return content
}

// checksum is that of a log, of all that was added.
type checksum struct {
	order binary.ByteOrder
	a, b  uint32
}

func (c *checksum) add(data []byte) {
	for ; len(data) >= 8; data = data[8:] {
		c.a += c.order.Uint32(data) + c.b
		c.b += c.order.Uint32(data[4:]) + c.a
	}
}

// is reports whether the checksum is the one that is stored.
func (c *checksum) is(stored []byte) bool {
	return binary.BigEndian.Uint32(stored) == c.a && binary.BigEndian.Uint32(stored[4:]) == c.b
}
