package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"soberano/app/store/pages"
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
	content, log, err := readBoth(path)
	if err != nil {
		return nil, err
	}
	if content, _ = fold(content, log); len(content) == 0 {
		return nil, fmt.Errorf("store: %s: %w", path, fs.ErrNotExist)
	}
	if len(content) >= fileHeader {
		content[18], content[19] = 1, 1 // a database in memory can't have a log
	}
	return content, nil
}

// readBoth reads a file and its log, if it has one.
func readBoth(path string) (content, log []byte, err error) {
	if content, err = readFile(path); err != nil {
		return nil, nil, err
	}
	if log, err = readFile(path + "-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	return content, log, nil
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

// fold returns the content of a file after the transactions in its log, and the rest of the log. The log ends where a checksum is
// wrong, or at the last transaction that is complete.
//
//	log    magic(4) version(4) page size(4) checkpoint(4) salt(8) checksum(8)  frame…
//	frame  page number(4) size of the file after a transaction in pages, or 0(4) salt(8) checksum(8) page
//
// Numbers are big-endian. The format: https://www.sqlite.org/fileformat2.html#walformat
func fold(content, log []byte) ([]byte, rest) {
	if len(log) < logHeader {
		return content, rest{}
	}
	var order binary.ByteOrder = binary.LittleEndian
	if log[3]&1 != 0 {
		order = binary.BigEndian
	}
	sum := checksum{order: order}
	sum.add(log[:24])
	r := rest{log[logHeader:], string(log[16:24]), int(binary.BigEndian.Uint32(log[8:]))}
	if binary.BigEndian.Uint32(log)&^1 != 0x377f0682 || !sum.is(log[24:]) || r.size < 512 || r.size > 65536 || r.size&(r.size-1) != 0 {
		r.size = pages.Size(content)
		r.salt = r.mostSalt()
		return content, r
	}
	transaction, read := map[uint32][]byte{}, r.frames
	for f, data := range r.all() {
		sum.add(data[:8])
		sum.add(f.page)
		if f.salt != r.salt || !sum.is(data[16:]) || f.number == 0 {
			break
		}
		transaction[f.number] = f.page
		read = read[len(data):]
		if f.after > 0 {
			content = put(content, transaction, r.size, int(f.after))
			clear(transaction)
			r.frames = read
		}
	}
	return content, r
}

// rest is what of a log is not read, because a frame is damaged or the last transaction is not complete.
type rest struct {
	frames []byte
	salt   string // of the frames that belong to the log; others are of earlier ones
	size   int    // of a page in bytes
}

// frame is a page in a log.
type frame struct {
	number, after uint32 // after is the size of the file in pages if the frame ends a transaction, or 0
	salt          string
	page          []byte
}

// all returns the frames, each with its bytes.
func (r rest) all() iter.Seq2[frame, []byte] {
	return func(yield func(frame, []byte) bool) {
		for data := r.frames; len(data) >= frameHeader+r.size; data = data[frameHeader+r.size:] {
			f := frame{binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:]), string(data[8:16]), data[frameHeader : frameHeader+r.size]}
			if !yield(f, data[:frameHeader+r.size]) {
				return
			}
		}
	}
}

// mostSalt returns the salt that most frames have.
func (r rest) mostSalt() (salt string) {
	count := map[string]int{}
	for f := range r.all() {
		if count[f.salt]++; count[f.salt] > count[salt] {
			salt = f.salt
		}
	}
	return salt
}

// damaged reports whether transactions that were once complete are in the rest. A write that was interrupted leaves one at most: each
// is on the disk before the next one begins.
func (r rest) damaged() bool {
	ends := 0
	for f := range r.all() {
		if f.salt == r.salt && f.number > 0 && f.after > 0 {
			ends++
		}
	}
	return ends > 1
}

// fold returns the content of a file with all pages of the rest, of which some may be damaged.
func (r rest) fold(content []byte) []byte {
	for f := range r.all() {
		if count := uint64(max(len(content)/r.size, int(f.number))); f.salt == r.salt && f.number > 0 && count*uint64(r.size) <= uint64(len(content)+len(r.frames)) {
			content = put(content, map[uint32][]byte{f.number: f.page}, r.size, int(count))
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
