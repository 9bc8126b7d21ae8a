//go:build (linux || windows) && cgo

package gl

import (
	"fmt"
	"math"
	"time"
	"unsafe"

	"soberano/kernels"
	"soberano/kernels/contract"
)

// step implements kernels.Step. Operations check their arguments and are recorded as commands; End runs them. After an error,
// nothing more is recorded and End returns the error.
type step struct {
	contract.Step
	d        *device
	err      error
	commands []command
	words    []uint32 // what the step uploads: a mark, the batch, tables of operations, values of Write
	lists    lists
	order    order
	work     float64 // multiplications since the last flush
	total    float64 // all of them
	rows     []int   // of an attention
	kept     []kept  // of a recurrent operation
	pager    pager
	rotation rotation
	choices  []choice // the first choicesUsed of them belong to this step

	choicesUsed int
}

// Begin starts a step.
func (d *device) Begin(b *kernels.Batch) kernels.Step {
	last := &d.steps[d.step].Step
	d.step = (d.step + 1) % contract.StepsKept
	s := &d.steps[d.step]
	s.Start(last, &d.closed, b)
	d.arena.reset()
	s.rotation = rotation{}
	s.err, s.choicesUsed, s.order.accesses, s.order.end, s.work, s.total = nil, 0, s.order.accesses[:0], 0, 0, 0
	s.commands, s.words = s.commands[:0], append(s.words[:0], s.mark())
	if idle := d.pages.idle(); idle != nil {
		s.fail(d.release(idle...))
	}
	return s
}

// mark returns a number that differs from that of the steps before. The commands of a step copy it from what is uploaded to
// what is read: if another number comes back, the driver has not run them, as after the loss of a context.
func (s *step) mark() uint32 { return uint32(s.ID)*2654435761 + 1 }

// End runs the commands and reads the rows that Read asked for.
func (s *step) End() error {
	s.Check("End")
	d := s.d
	s.collect()
	if s.err == nil {
		s.err = d.execute(s)
	}
	s.Finish()
	at := 1
	for _, r := range s.Asked() {
		n := r.T.Rows * r.T.Cols
		if r.Rows.Values = d.rows[:0]; s.err == nil {
			r.Rows.Values = d.rows[at : at+n]
		}
		at += n
	}
	if s.err != nil {
		return fmt.Errorf("gl: %w", s.err)
	}
	return nil
}

// collect records the copies of the tensors that Read asked for, and of the mark, to the buffer that is read.
func (s *step) collect() {
	n := 1
	for _, r := range s.Asked() {
		n += r.T.Rows * r.T.Cols
	}
	d := s.d
	if cap(d.host) < n {
		d.host = make([]uint32, n)
	}
	d.host = d.host[:n]
	d.rows = unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(d.host))), n)
	s.fail(d.grow(&d.down, 4*n))
	at := 1
	for _, r := range s.Asked() {
		t := r.T
		s.element(opCopy, kernels.Tensor{Rows: t.Rows, Cols: t.Cols, Stride: t.Cols, Buffer: d.down, Offset: at}, t, kernels.Tensor{})
		at += t.Rows * t.Cols
	}
	s.fail(d.grow(&d.up, 4*len(s.words))) // must be the last: recorded commands name the buffer by number
	s.copyWords(d.down, 0, d.up, 0, 1)
	s.resolve()
}

// grow replaces the buffer *b by a larger one if it has less than bytes.
func (d *device) grow(b **buffer, bytes int) error {
	if *b != nil && (*b).bytes >= bytes {
		return nil
	}
	n := max(bytes, min(bytes+bytes/2, 4*d.gpu.most))
	grown, err := d.allocate(n)
	if err != nil {
		return err
	}
	old := *b
	*b = grown
	if old == nil {
		return nil
	}
	return d.release(old)
}

// execute runs the commands of s.
func (d *device) execute(s *step) error {
	began := time.Now()
	err := d.gpu.do(func(c context) error {
		return failure(c.execute(s.commands, d.up.id, s.words, d.down.id, d.host))
	})
	d.paced(s.total, time.Since(began))
	if err == nil && d.host[0] != s.mark() {
		return fmt.Errorf("%w: a step came back without its mark", ErrLost)
	}
	return err
}

// fail keeps the first error of the step.
func (s *step) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

func sameShape(a, b kernels.Tensor) bool { return a.Rows == b.Rows && a.Cols == b.Cols }

// New returns a tensor of undefined content.
func (s *step) New(rows, cols int) kernels.Tensor {
	s.Check("New")
	if rows < 0 || cols < 0 || cols > 0 && rows > math.MaxInt/8/(cols+4) {
		panic("gl: New: impossible shape")
	}
	stride := (cols + 3) &^ 3
	t := kernels.Tensor{Rows: rows, Cols: cols, Stride: stride, Step: s.ID}
	if b, at := s.take(rows * stride); b != nothing {
		t.Buffer, t.Offset = b, at
	}
	return t
}

// Const returns a tensor over the values of v, without copying.
func (s *step) Const(v kernels.Vector, rows, cols int) kernels.Tensor {
	s.Check("Const")
	x := s.d.vector("Const", v)
	if rows < 0 || cols < 0 || rows*cols > len(x.x) {
		panic("gl: Const: more values than the vector has")
	}
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: cols, Buffer: x.b, Step: s.ID, Const: true}
}

// Write copies rows × cols values from src to t.
func (s *step) Write(t kernels.Tensor, src []float32) {
	s.Out("Write", &t)
	n := t.Rows * t.Cols
	if len(src) < n {
		panic("gl: Write: fewer values than the tensor has")
	}
	at := len(s.words)
	for _, v := range src[:n] {
		s.words = append(s.words, math.Float32bits(v))
	}
	s.element(opCopy, t, s.uploaded(at, t.Rows, t.Cols), kernels.Tensor{})
}

// uploaded returns a tensor over words of the step that begin at number at.
func (s *step) uploaded(at, rows, cols int) kernels.Tensor {
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: cols, Buffer: uploads, Offset: at, Step: s.ID}
}

// Read requests t. A command copies it to the buffer that End reads.
func (s *step) Read(t kernels.Tensor) *kernels.Rows {
	r := s.Ask(t)
	r.Stride = t.Cols
	return r
}
