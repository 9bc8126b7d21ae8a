// Package input is what the decoders of sound files share: the file as a buffered Reader that
// knows its position, the limits that hold for every format, and Losses, which counts the
// samples that could not be decoded.
package input

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// ErrFormat is wrapped by the errors for a file that is not a sound file, or one in a form that
// is not supported.
var ErrFormat = errors.New("not an audio format that can be read")

// Limits of the sound files that are read.
const (
	MinRate     = 1000   // Hz
	MaxRate     = 768000 // Hz
	MaxChannels = 64
)

// Reader is a buffered sound file that knows its name and its position. It belongs to one
// goroutine.
type Reader struct {
	Path string
	Size int64       // bytes of the file, or -1
	Pos  int64       // bytes consumed
	At   io.ReaderAt // the same file, if any position can be read; else nil

	Unchecked bool // checksums are not verified; for fuzz targets

	src io.Reader // below r
	r   *bufio.Reader
}

// New returns a reader of r, whose size is -1 if it is unknown.
func New(r io.Reader, path string, size int64) *Reader {
	return &Reader{src: r, r: bufio.NewReaderSize(r, 1<<16), Path: path, Size: size}
}

// Peek returns the next n bytes without consuming them; at the end of the file fewer, and an
// error.
func (in *Reader) Peek(n int) ([]byte, error) { return in.r.Peek(n) }

// Full fills p. It returns io.ErrUnexpectedEOF if the file ends inside p and io.EOF if it ends
// before p.
func (in *Reader) Full(p []byte) error {
	n, err := io.ReadFull(in.r, p)
	in.Pos += int64(n)
	return err
}

// ReadByte consumes one byte.
func (in *Reader) ReadByte() (byte, error) {
	b, err := in.r.ReadByte()
	if err == nil {
		in.Pos++
	}
	return b, err
}

// Skip consumes n bytes without keeping them.
func (in *Reader) Skip(n int64) error {
	for n > 0 {
		k, err := in.r.Discard(int(min(n, 1<<30)))
		in.Pos += int64(k)
		n -= int64(k)
		if err != nil {
			return err
		}
	}
	return nil
}

// Leap consumes n bytes, by seeking where the file allows it.
func (in *Reader) Leap(n int64) error {
	file, ok := in.src.(io.Seeker)
	if !ok || in.Size < 0 || n <= int64(in.r.Buffered()) {
		return in.Skip(n)
	}
	if _, err := file.Seek(in.Pos+n, io.SeekStart); err != nil {
		return err
	}
	in.r.Reset(in.src)
	in.Pos += n
	return nil
}

// Find moves to the next occurrence of mark. The search begins at byte from if the file allows
// seeking back to it, else at the present position. It returns false at the end of the file.
func (in *Reader) Find(from int64, mark string) bool {
	in.back(from)
	for {
		b, err := in.Peek(in.r.Size())
		if i := bytes.Index(b, []byte(mark)); i >= 0 {
			return in.Skip(int64(i)) == nil
		}
		if err != nil {
			_ = in.Skip(int64(len(b))) // these bytes are buffered
			return false
		}
		_ = in.Skip(int64(len(b) - len(mark) + 1))
	}
}

// back seeks back to a byte, if the file allows it.
func (in *Reader) back(to int64) {
	file, ok := in.src.(io.Seeker)
	if !ok || in.Size < 0 || to >= in.Pos {
		return
	}
	if _, err := file.Seek(to, io.SeekStart); err == nil {
		in.r.Reset(in.src)
		in.Pos = to
	}
}

// Left returns how many bytes of the file follow, or -1 if its size is unknown.
func (in *Reader) Left() int64 {
	if in.Size < 0 {
		return -1
	}
	return max(0, in.Size-in.Pos)
}

// Short returns io.ErrUnexpectedEOF for io.EOF, and err for every other error.
func Short(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Clip returns v limited to -1 … 1, and 0 for NaN.
func Clip(v float32) float32 {
	if v != v {
		return 0
	}
	return min(max(v, -1), 1)
}
