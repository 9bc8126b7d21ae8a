package remote

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"soberano/kernels"
)

// Errors of the connection. Those of the device itself wrap the one of Options.Errors that it wrapped in the other process.
var (
	// ErrTimeout: the other process did not answer in time, and was ended.
	ErrTimeout = errors.New("the process of the device does not answer")
	// ErrEnded: the other process ended, or what it sent can't be read.
	ErrEnded = errors.New("the process of the device has ended")
	// ErrPanic: the other process reports a bug.
	ErrPanic = errors.New("the process of the device failed")
	// errClosed is the error of everything after Close.
	errClosed = errors.New("remote: the device is closed")
)

// Options are the options of a device.
type Options struct {
	// Timeout is how long a step, or another request, may take; 0: a minute. To it comes the time that the weights of a request take at
	// 10 MB a second.
	Timeout time.Duration
	// Locate returns the file in which data lies, if it does, its size and the offset of the data. nil: weights are copied through the connection.
	Locate func(data []byte) (path string, size, offset int64, ok bool)
	// Errors are errors that keep their identity (errors.Is); those of Serve are the same ones in the same order.
	Errors []error
	// Immediate sends every operation at once, so that misuse panics in the operation and not, as ErrPanic, in End. It is meant for tests.
	Immediate bool
}

// weightSpeed is the least speed at which weights are expected to be read and sent, in bytes a second.
const weightSpeed = 10_000_000

// device implements kernels.Device.
type device struct {
	conn    io.ReadWriteCloser
	in      *bufio.Reader
	out     *bufio.Writer
	o       Options
	name    string
	broken  error // of the connection
	closed  bool
	expired atomic.Bool
	w       writer // of a request
	steps   writer // of the step
	answer  []byte
	last    int // the latest number of a matrix, vector or state
	states  map[int]*state
	fresh   bool // what states knows of lengths and sizes is true
	step    *step
	values  []float32 // of the rows of the latest step
}

// Open returns the device at the other end of conn, where Serve runs. Closing the device closes conn, and closing conn must end the
// other process.
func Open(conn io.ReadWriteCloser, o Options) (kernels.Device, error) {
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	d := &device{conn: conn, in: bufio.NewReaderSize(conn, 1<<16), out: bufio.NewWriterSize(conn, 1<<16), o: o, states: map[int]*state{}}
	d.step = &step{d: d}
	r, err := d.request(kindHello, 0)
	if err == nil {
		err = d.read(r, func() { d.name = r.text() })
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return d, nil
}

// Name returns the name of the real device.
func (d *device) Name() string { return d.name }

// number returns a new number for an object of the other process.
func (d *device) number() int {
	d.last++
	return d.last
}

// begin begins a request.
func (d *device) begin(k kind) *writer {
	d.w.reset()
	d.w.byte(byte(k))
	return &d.w
}

// request sends a request that consists of numbers.
func (d *device) request(k kind, size int64, numbers ...int) (*reader, error) {
	w := d.begin(k)
	for _, n := range numbers {
		w.int(n)
	}
	return d.exchange(w, size)
}

// exchange sends w and returns the answer. size is the number of bytes of weights of which the request speaks.
func (d *device) exchange(w *writer, size int64) (*reader, error) {
	if d.broken != nil {
		return nil, d.broken
	}
	limit := d.o.Timeout + time.Duration(size/weightSpeed)*time.Second
	timer := time.AfterFunc(limit, func() {
		d.expired.Store(true)
		d.cut()
	})
	defer timer.Stop()
	err := w.send(d.out)
	if err == nil {
		err = d.out.Flush()
	}
	if err == nil {
		d.answer, err = receive(d.in, d.answer)
	}
	if err != nil {
		return nil, d.fail(err)
	}
	return d.outcome()
}

// cut makes a request that is under way fail.
func (d *device) cut() {
	if p, ok := d.conn.(interface{ Kill() }); ok {
		p.Kill()
	} else {
		_ = d.conn.Close() // its error adds nothing
	}
}

// fail notes that the connection is of no use any more.
func (d *device) fail(err error) error {
	switch {
	case d.broken != nil:
	case d.expired.Load():
		d.broken = fmt.Errorf("remote: %w: it had %v", ErrTimeout, d.o.Timeout)
	default:
		d.broken = fmt.Errorf("remote: %w: %v", ErrEnded, err)
	}
	d.cut()
	_ = d.conn.Close() // its error adds nothing
	return d.broken
}

// outcome reads the outcome of a request and returns the rest of the answer.
func (d *device) outcome() (r *reader, err error) {
	r = &reader{d.answer}
	var text string
	var outcome byte
	which := -1
	if e := d.read(r, func() {
		if outcome = r.byte(); outcome != succeeded {
			which, text = r.int(), r.text()
		}
	}); e != nil {
		return nil, e
	}
	switch {
	case outcome == succeeded:
		return r, nil
	case outcome == panicked && d.o.Immediate:
		panic(text)
	case outcome == panicked:
		return nil, fmt.Errorf("remote: %w: %s", ErrPanic, text)
	case which >= 0 && which < len(d.o.Errors):
		return nil, &deviceError{text, d.o.Errors[which]}
	}
	return nil, errors.New(text)
}

// deviceError is an error of the real device.
type deviceError struct {
	text string
	is   error
}

func (e *deviceError) Error() string { return e.text }
func (e *deviceError) Unwrap() error { return e.is }

// read runs f, which reads r.
func (d *device) read(_ *reader, f func()) (err error) {
	defer func() {
		if v := recover(); v == errMalformed { //nolint:errorlint // it is the value of a panic
			err = d.fail(errMalformed)
		} else if v != nil {
			panic(v)
		}
	}()
	f()
	return nil
}

// Load loads a matrix in the other process.
func (d *device) Load(parts ...kernels.Weights) (kernels.Matrix, error) {
	if d.closed {
		return nil, errClosed
	}
	if err := kernels.CheckParts(parts); err != nil {
		return nil, fmt.Errorf("remote: Load: %w", err)
	}
	m := &matrix{d: d, number: d.number(), cols: parts[0].Cols}
	w := d.begin(kindLoad)
	w.int(m.number)
	w.int(len(parts))
	size := int64(0)
	for _, p := range parts {
		d.writeWeights(w, p)
		m.rows += p.Rows
		size += int64(len(p.Data))
	}
	r, err := d.exchange(w, size)
	if err != nil {
		return nil, err
	}
	return m, d.read(r, func() { m.bytes = int64(r.int()) })
}

func (d *device) writeWeights(w *writer, p kernels.Weights) {
	for _, n := range []int{int(p.Type), p.Rows, p.Cols, p.Experts, p.ExpertBytes} {
		w.int(n)
	}
	w.bool(p.Lookup)
	w.bool(p.Bias != nil)
	w.floats(p.Bias)
	if d.o.Locate != nil {
		if path, size, offset, ok := d.o.Locate(p.Data); ok {
			w.bool(true)
			w.text(path)
			for _, n := range []int{int(size), int(offset), len(p.Data)} {
				w.int(n)
			}
			return
		}
	}
	w.bool(false)
	w.bytes(p.Data)
}

// NewVector copies values to the other process.
func (d *device) NewVector(values []float32) (kernels.Vector, error) {
	if d.closed {
		return nil, errClosed
	}
	v := &vector{d: d, number: d.number(), n: len(values)}
	w := d.begin(kindVector)
	w.int(v.number)
	w.floats(values)
	r, err := d.exchange(w, 4*int64(len(values)))
	if err != nil {
		return nil, err
	}
	return v, d.read(r, func() { v.bytes = int64(r.int()) })
}

// Loaded tells the device in the other process that the model is complete.
func (d *device) Loaded() error {
	if d.closed {
		return errClosed
	}
	_, err := d.request(kindLoaded, 0)
	return err
}

// Close ends the other process. That the connection has failed is no error of Close: then nothing is left to be freed.
func (d *device) Close() error {
	if d.closed {
		return nil
	}
	d.closed = true
	d.step.end()
	if d.broken != nil {
		return nil
	}
	_, err := d.request(kindClose, 0)
	if d.broken != nil {
		return nil
	}
	return errors.Join(err, d.conn.Close())
}

// matrix implements kernels.Matrix.
type matrix struct {
	d          *device
	number     int
	rows, cols int
	bytes      int64
	closed     bool
}

func (m *matrix) Rows() int    { return m.rows }
func (m *matrix) Cols() int    { return m.cols }
func (m *matrix) Bytes() int64 { return m.bytes }

// Close frees the matrix.
func (m *matrix) Close() error { return m.d.free(kindCloseMatrix, m.number, &m.closed) }

// vector implements kernels.Vector.
type vector struct {
	d         *device
	number, n int
	bytes     int64
	closed    bool
}

func (v *vector) Len() int     { return v.n }
func (v *vector) Bytes() int64 { return v.bytes }

// Close frees the vector.
func (v *vector) Close() error { return v.d.free(kindCloseVector, v.number, &v.closed) }

// free closes an object of the other process. If that has failed there is nothing to close.
func (d *device) free(k kind, number int, closed *bool) error {
	if *closed || d.closed || d.broken != nil {
		*closed = true
		return nil
	}
	*closed = true
	_, err := d.request(k, 0, number)
	return err
}
