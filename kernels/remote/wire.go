package remote

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unsafe"
)

// kind says what a request asks for.
type kind byte

const (
	kindHello kind = iota
	kindLoad
	kindCloseMatrix
	kindVector
	kindCloseVector
	kindState
	kindTruncate
	kindFork
	kindCloseState
	kindStates
	kindMaxBytes
	kindLoaded
	kindStep
	kindClose
)

// Outcomes of a request: the first byte of an answer.
const (
	succeeded byte = iota
	failed         // an error follows
	panicked       // the text of a panic follows
)

// mostFrame is the largest number of bytes of a request or an answer; a longer one is a mistake.
const mostFrame = 1 << 40

// errMalformed is the panic of a reader whose bytes do not hold what is read.
var errMalformed = errors.New("remote: a malformed message")

// writer writes values as bytes. Both sides are the same program on the same machine, so numbers of several bytes are in the machine's
// order.
type writer struct {
	b    []byte
	long [][]byte // long byte sequences, which are not copied: the first follows b[:at[0]]
	at   []int
}

func (w *writer) reset() { w.b, w.long, w.at = w.b[:0], w.long[:0], w.at[:0] }

func (w *writer) byte(v byte)     { w.b = append(w.b, v) }
func (w *writer) int(v int)       { w.b = binary.AppendVarint(w.b, int64(v)) }
func (w *writer) text(s string)   { w.int(len(s)); w.b = append(w.b, s...) }
func (w *writer) float(v float32) { w.raw([]float32{v}) }

func (w *writer) bool(v bool) {
	if v {
		w.byte(1)
	} else {
		w.byte(0)
	}
}

// floats writes the number of values and the values.
func (w *writer) floats(x []float32) {
	w.int(len(x))
	w.raw(x)
}

func (w *writer) raw(x []float32) {
	w.b = append(w.b, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))...)
}

// numbers writes the number of values and the values; nil differs from an empty slice.
func (w *writer) numbers(x []int32) {
	if x == nil {
		w.int(-1)
		return
	}
	w.int(len(x))
	for _, v := range x {
		w.int(int(v))
	}
}

// bytes writes the number of bytes and the bytes, which must not change until they are sent.
func (w *writer) bytes(b []byte) {
	const short = 4096
	if w.int(len(b)); len(b) <= short {
		w.b = append(w.b, b...)
		return
	}
	w.long, w.at = append(w.long, b), append(w.at, len(w.b))
}

// send writes the length of what was written, and then that.
func (w *writer) send(to io.Writer) error {
	n := len(w.b)
	for _, l := range w.long {
		n += len(l)
	}
	if _, err := to.Write(binary.NativeEndian.AppendUint64(nil, uint64(n))); err != nil {
		return err
	}
	from := 0
	for i, l := range w.long {
		if _, err := to.Write(w.b[from:w.at[i]]); err != nil {
			return err
		}
		if _, err := to.Write(l); err != nil {
			return err
		}
		from = w.at[i]
	}
	_, err := to.Write(w.b[from:])
	return err
}

// receive reads what send has written. It reuses the memory of b.
func receive(from io.Reader, b []byte) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return nil, err
	}
	n := binary.NativeEndian.Uint64(head[:])
	if n > mostFrame {
		return nil, fmt.Errorf("%w: %d bytes", errMalformed, n)
	}
	if uint64(cap(b)) < n {
		b = make([]byte, n)
	}
	b = b[:n]
	_, err := io.ReadFull(from, b)
	return b, err
}

// reader reads what a writer has written. It panics with errMalformed if that is something else.
type reader struct{ b []byte }

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		panic(errMalformed)
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte   { return r.take(1)[0] }
func (r *reader) bool() bool   { return r.byte() != 0 }
func (r *reader) text() string { return string(r.take(r.int())) }

// bytes returns bytes of the message itself.
func (r *reader) bytes() []byte { return r.take(r.int()) }

func (r *reader) int() int {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		panic(errMalformed)
	}
	r.b = r.b[n:]
	return int(v)
}

func (r *reader) float() float32 {
	var v [1]float32
	r.copy(v[:])
	return v[0]
}

// copy reads as many values as x has.
func (r *reader) copy(x []float32) {
	copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x)), r.take(4*len(x)))
}

func (r *reader) floats() []float32 {
	n := r.int()
	if n < 0 || n > len(r.b)/4 {
		panic(errMalformed)
	}
	x := make([]float32, n)
	r.copy(x)
	return x
}

func (r *reader) numbers() []int32 {
	n := r.int()
	if n < 0 {
		return nil
	}
	if n > len(r.b) {
		panic(errMalformed)
	}
	x := make([]int32, n)
	for i := range x {
		x[i] = int32(r.int())
	}
	return x
}
