package audio

import (
	"bufio"
	"bytes"
	"io"
)

// input is a buffered file that knows its name and where it is.
type input struct {
	src  io.Reader // beneath r
	r    *bufio.Reader
	path string
	size int64       // of the file, or -1
	pos  int64       // bytes consumed
	at   io.ReaderAt // the file, if it can be read at any place; else nil

	unchecked bool // checksums don't count; for the fuzz targets
}

func newInput(r io.Reader, path string, size int64) *input {
	return &input{src: r, r: bufio.NewReaderSize(r, 1<<16), path: path, size: size}
}

// peek returns the next n bytes without consuming them, fewer and an error at the end.
func (in *input) peek(n int) ([]byte, error) { return in.r.Peek(n) }

// full fills p; io.ErrUnexpectedEOF if the file ends inside it, io.EOF if before it.
func (in *input) full(p []byte) error {
	n, err := io.ReadFull(in.r, p)
	in.pos += int64(n)
	return err
}

// skip consumes n bytes without keeping them.
func (in *input) skip(n int64) error {
	for n > 0 {
		k, err := in.r.Discard(int(min(n, 1<<30)))
		in.pos += int64(k)
		n -= int64(k)
		if err != nil {
			return err
		}
	}
	return nil
}

// find goes to where mark stands next: from a byte on, if the file lets one go back to it, else
// from here on. false: at the file's end.
func (in *input) find(from int64, mark string) bool {
	in.back(from)
	for {
		b, err := in.peek(in.r.Size())
		if i := bytes.Index(b, []byte(mark)); i >= 0 {
			return in.skip(int64(i)) == nil
		}
		if err != nil {
			in.skip(int64(len(b)))
			return false
		}
		in.skip(int64(len(b) - len(mark) + 1))
	}
}

// back goes back to a byte, if the file lets one.
func (in *input) back(to int64) {
	file, ok := in.src.(io.Seeker)
	if !ok || in.size < 0 || to >= in.pos {
		return
	}
	if _, err := file.Seek(to, io.SeekStart); err == nil {
		in.r.Reset(in.src)
		in.pos = to
	}
}

// byte consumes one byte.
func (in *input) byte() (byte, error) {
	b, err := in.r.ReadByte()
	if err == nil {
		in.pos++
	}
	return b, err
}

// left returns how many bytes of the file follow, or -1 if its size is unknown.
func (in *input) left() int64 {
	if in.size < 0 {
		return -1
	}
	return max(0, in.size-in.pos)
}

// short turns the end of a file into the end at a wrong place.
func short(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
