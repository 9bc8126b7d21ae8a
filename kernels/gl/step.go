//go:build linux && cgo

package gl

import (
	"fmt"
	"math"
	"unsafe"

	"soberano/kernels"
)

// step implements kernels.Step. Operations check their arguments and are recorded as commands; End runs them. After an error,
// nothing more is recorded and End returns the error.
type step struct {
	d        *device
	id       uint64 // see kernels.NextStep
	open     bool
	batch    *kernels.Batch
	err      error
	commands []command
	words    []uint32 // what the step uploads: a mark, the batch, tables of operations, values of Write
	reads    []asked  // the first used of them belong to this step
	used     int
	lists    lists
	rows     []int    // of an attention
	kept     []kept   // of a recurrent operation
	choices  []choice // the first choicesUsed of them belong to this step

	choicesUsed int
}

// asked is a tensor that was passed to Read, and what Read returned.
type asked struct {
	t    kernels.Tensor
	rows *kernels.Rows
}

var noBatch kernels.Batch

// Begin starts a step.
func (d *device) Begin(b *kernels.Batch) kernels.Step {
	if b == nil {
		b = &noBatch
	}
	switch {
	case d.closed:
		panic("gl: Begin: the device is closed")
	case d.steps[d.step].open:
		panic("gl: Begin: the step before has not ended")
	case b.Priority < 0 || b.Priority >= kernels.Priorities:
		panic("gl: Begin: unknown priority")
	case b.Tokens != nil && b.Positions != nil && len(b.Tokens) != len(b.Positions):
		panic("gl: Begin: not as many tokens as positions")
	}
	for _, axis := range b.Axes {
		if len(axis) != len(b.Positions) {
			panic("gl: Begin: not as many positions on an axis as rows")
		}
	}
	for _, r := range d.steps[d.step].reads[:d.steps[d.step].used] {
		r.rows.Values = nil
	}
	d.arena.reset()
	d.step = (d.step + 1) % stepsKept
	s := &d.steps[d.step]
	s.id, s.open, s.batch, s.err, s.used, s.choicesUsed = kernels.NextStep(), true, b, nil, 0, 0
	s.commands, s.words = s.commands[:0], append(s.words[:0], s.mark())
	if idle := d.pages.idle(); idle != nil {
		s.fail(d.release(idle...))
	}
	return s
}

// mark returns a number that differs from that of the steps before. The commands of a step copy it from what is uploaded to
// what is read: if another number comes back, the driver has not run them, as after the loss of a context.
func (s *step) mark() uint32 { return uint32(s.id)*2654435761 + 1 }

// End runs the commands and reads the rows that Read asked for.
func (s *step) End() error {
	s.check("End")
	d := s.d
	s.collect()
	if s.err == nil {
		s.err = d.execute(s)
	}
	s.open, s.batch = false, &noBatch
	at := 1
	for i := range s.reads[:s.used] {
		r := &s.reads[i]
		n := r.t.Rows * r.t.Cols
		if r.rows.Values, r.t = d.rows[:0], (kernels.Tensor{}); s.err == nil {
			r.rows.Values = d.rows[at : at+n]
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
	for i := range s.reads[:s.used] {
		n += s.reads[i].t.Rows * s.reads[i].t.Cols
	}
	d := s.d
	if cap(d.host) < n {
		d.host = make([]uint32, n)
	}
	d.host = d.host[:n]
	d.rows = unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(d.host))), n)
	s.fail(d.grow(&d.down, 4*n))
	at := 1
	for i := range s.reads[:s.used] {
		t := &s.reads[i].t
		s.element(opCopy, kernels.Tensor{Rows: t.Rows, Cols: t.Cols, Stride: t.Cols, Buffer: d.down, Offset: at}, *t, kernels.Tensor{})
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
	err := d.gpu.do(func(c context) error {
		return failure(c.execute(s.commands, d.up.id, s.words, d.down.id, d.host))
	})
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

// check panics unless the step is open.
func (s *step) check(op string) {
	switch {
	case s.d.closed:
		panic("gl: " + op + ": the device is closed")
	case !s.open:
		panic("gl: " + op + ": the step has ended")
	}
}

// in panics unless the operation may read x.
func (s *step) in(op string, x *kernels.Tensor) {
	if s.check(op); x.Step != s.id {
		panic("gl: " + op + ": a tensor of another step")
	}
}

// out panics unless the operation may write to t.
func (s *step) out(op string, t *kernels.Tensor) {
	if s.in(op, t); t.Const {
		panic("gl: " + op + ": the tensor is read only")
	}
	for i := range s.reads[:s.used] {
		if overlap(t, &s.reads[i].t) {
			panic("gl: " + op + ": writes to a tensor that Read has asked for")
		}
	}
}

// apart checks dst, and inputs with which it must not share values.
func (s *step) apart(op string, dst *kernels.Tensor, inputs ...*kernels.Tensor) {
	s.out(op, dst)
	for _, x := range inputs {
		if s.in(op, x); overlap(dst, x) {
			panic("gl: " + op + ": dst shares values with an input")
		}
	}
}

// same checks dst, and an input that may be the same tensor but must not overlap it otherwise.
func (s *step) same(op string, dst, x *kernels.Tensor) {
	s.in(op, x)
	s.out(op, dst)
	if overlap(dst, x) && (dst.Rows != x.Rows || dst.Cols != x.Cols || dst.Stride != x.Stride || dst.Offset != x.Offset) {
		panic("gl: " + op + ": dst shares values with an input and is another tensor")
	}
}

// rowwise is same for tensors of equal shape.
func (s *step) rowwise(op string, dst, x *kernels.Tensor) {
	if s.same(op, dst, x); !sameShape(*dst, *x) {
		panic("gl: " + op + ": shapes differ")
	}
}

func sameShape(a, b kernels.Tensor) bool { return a.Rows == b.Rows && a.Cols == b.Cols }

func overlap(t, u *kernels.Tensor) bool {
	return t.Buffer == u.Buffer && t.Buffer != nothing && t.Overlaps(*u, u.Offset-t.Offset)
}

// New returns a tensor of undefined content.
func (s *step) New(rows, cols int) kernels.Tensor {
	s.check("New")
	if rows < 0 || cols < 0 || cols > 0 && rows > math.MaxInt/8/(cols+4) {
		panic("gl: New: impossible shape")
	}
	stride := (cols + 3) &^ 3
	b, at := s.take(rows * stride)
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: stride, Buffer: b, Offset: at, Step: s.id}
}

// Const returns a tensor over the values of v, without copying.
func (s *step) Const(v kernels.Vector, rows, cols int) kernels.Tensor {
	s.check("Const")
	x := s.d.vector("Const", v)
	if rows < 0 || cols < 0 || rows*cols > len(x.x) {
		panic("gl: Const: more values than the vector has")
	}
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: cols, Buffer: x.b, Step: s.id, Const: true}
}

// Write copies rows × cols values from src to t.
func (s *step) Write(t kernels.Tensor, src []float32) {
	s.out("Write", &t)
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
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: cols, Buffer: uploads, Offset: at, Step: s.id}
}

// Read requests t. A command copies it to the buffer that End reads.
func (s *step) Read(t kernels.Tensor) *kernels.Rows {
	s.in("Read", &t)
	if t.Const {
		panic("gl: Read: the tensor is read only")
	}
	if s.used == len(s.reads) {
		s.reads = append(s.reads, asked{rows: new(kernels.Rows)})
	}
	r := &s.reads[s.used]
	s.used++
	r.t = t
	*r.rows = kernels.Rows{Len: t.Rows, Cols: t.Cols, Stride: t.Cols}
	return r.rows
}
