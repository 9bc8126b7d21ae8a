package cpu

import (
	"math"
	"unsafe"

	"soberano/kernels"
)

// stepsKept is the number of steps of a device, which are used in rotation. A step that has ended is recognised until it is
// reused, and nothing is allocated.
const stepsKept = 4

// step implements kernels.Step. Operations run when they are called; End only fills the results of
// Read.
type step struct {
	d     *device
	id    uint64 // see kernels.NextStep
	open  bool
	holds bool // users of lower priorities wait until the step ends
	batch *kernels.Batch
	reads []asked // the first used of them belong to this step
	used  int

	choices     []choice // the first choicesUsed of them belong to this step
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
	return d.begin(b)
}

func (d *device) begin(b *kernels.Batch) *step {
	switch {
	case d.closed:
		panic("cpu: Begin: the device is closed")
	case d.steps[d.step].open:
		panic("cpu: Begin: the step before has not ended")
	case b.Priority < 0 || b.Priority >= kernels.Priorities:
		panic("cpu: Begin: unknown priority")
	case b.Tokens != nil && b.Positions != nil && len(b.Tokens) != len(b.Positions):
		panic("cpu: Begin: not as many tokens as positions")
	}
	for _, axis := range b.Axes {
		if len(axis) != len(b.Positions) {
			panic("cpu: Begin: not as many positions on an axis as rows")
		}
	}
	for _, r := range d.steps[d.step].reads[:d.steps[d.step].used] {
		r.rows.Values = nil
	}
	d.arena.reset()
	d.turn.priority = b.Priority // must come before moveSome: the caller may hold this priority
	if len(d.move.left) > 0 {
		d.moveSome()
	}
	d.step = (d.step + 1) % stepsKept
	s := &d.steps[d.step]
	s.d, s.id, s.open, s.batch, s.used, s.choicesUsed = d, kernels.NextStep(), true, b, 0, 0
	// Between two operations of the step the workers are always free for a moment. Without this hold,
	// each operation would have to wait for an operation of a recording.
	if s.holds = b.Priority > kernels.Recording && d.pool.devices.Load() > 1; s.holds {
		d.pool.hold(b.Priority)
	}
	return s
}

// End ends the step.
func (s *step) End() error {
	s.check("End")
	if s.d.file.damage.Load() {
		s.d.protect(s.d.mend)
	}
	s.release()
	s.open, s.batch = false, &noBatch
	for i := range s.reads[:s.used] {
		r := &s.reads[i]
		r.rows.Values, r.t = r.t.F32, kernels.Tensor{}
	}
	return s.d.fault
}

// release lets users of lower priorities use the workers again.
func (s *step) release() {
	if s.holds {
		s.d.pool.unhold(s.batch.Priority)
		s.holds = false
	}
}

// check panics unless the step is open.
func (s *step) check(op string) {
	switch {
	case s.d.closed:
		panic("cpu: " + op + ": the device is closed")
	case !s.open:
		panic("cpu: " + op + ": the step has ended")
	}
}

// in panics unless the operation may read x.
func (s *step) in(op string, x *kernels.Tensor) {
	if s.check(op); x.Step != s.id {
		panic("cpu: " + op + ": a tensor of another step")
	}
}

// out panics unless the operation may write to t.
func (s *step) out(op string, t *kernels.Tensor) {
	if s.in(op, t); t.Const {
		panic("cpu: " + op + ": the tensor is read only")
	}
	for i := range s.reads[:s.used] {
		if overlap(t, &s.reads[i].t) {
			panic("cpu: " + op + ": writes to a tensor that Read has asked for")
		}
	}
}

// apart panics if dst shares values with x.
func apart(op string, dst, x *kernels.Tensor) {
	if overlap(dst, x) {
		panic("cpu: " + op + ": dst shares values with an input")
	}
}

// same panics if dst shares values with x and is not the same tensor.
func same(op string, dst, x *kernels.Tensor) {
	if overlap(dst, x) && (dst.Rows != x.Rows || dst.Cols != x.Cols || dst.Stride != x.Stride || distanceOf(dst, x) != 0) {
		panic("cpu: " + op + ": dst shares values with an input and is another tensor")
	}
}

func overlap(t, u *kernels.Tensor) bool { return t.Overlaps(*u, distanceOf(t, u)) }

// distanceOf returns the distance from the start of t to the start of u in memory, in values.
func distanceOf(t, u *kernels.Tensor) int {
	a, b := unsafe.Pointer(unsafe.SliceData(t.F32)), unsafe.Pointer(unsafe.SliceData(u.F32))
	return (int(uintptr(b)) - int(uintptr(a))) / 4
}

// New returns a tensor of undefined content. Its rows begin on cache lines, and the distance between rows is not
// a multiple of 2 KiB, which would map the twelve rows of a tile to the same few sets of the
// cache.
func (s *step) New(rows, cols int) kernels.Tensor {
	s.check("New")
	if rows < 0 || cols < 0 || cols > 0 && rows > math.MaxInt/8/(cols+32) {
		panic("cpu: New: impossible shape")
	}
	stride := (cols + 15) &^ 15
	if rows > 1 && stride%512 == 0 {
		stride += 16
	}
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: stride, F32: s.d.arena.take(max(rows, 1) * stride), Step: s.id}
}

// Const returns a tensor over the values of v, without copying.
func (s *step) Const(v kernels.Vector, rows, cols int) kernels.Tensor {
	s.check("Const")
	x := s.d.values("Const", v)
	if rows < 0 || cols < 0 || rows*cols > len(x) {
		panic("cpu: Const: more values than the vector has")
	}
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: cols, F32: x, Step: s.id, Const: true}
}

// Write copies rows × cols values from src to t.
func (s *step) Write(t kernels.Tensor, src []float32) {
	s.out("Write", &t)
	if len(src) < t.Rows*t.Cols {
		panic("cpu: Write: fewer values than the tensor has")
	}
	for r := range t.Rows {
		copy(t.Row(r), src[r*t.Cols:][:t.Cols])
	}
}

// Read requests t. Nothing is copied: the rows use the tensor's memory.
func (s *step) Read(t kernels.Tensor) *kernels.Rows {
	s.in("Read", &t)
	if t.Const {
		panic("cpu: Read: the tensor is read only")
	}
	if s.used == len(s.reads) {
		s.reads = append(s.reads, asked{rows: new(kernels.Rows)})
	}
	r := &s.reads[s.used]
	s.used++
	r.t = t
	*r.rows = kernels.Rows{Len: t.Rows, Cols: t.Cols, Stride: t.Stride}
	return r.rows
}
