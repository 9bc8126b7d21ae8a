package cpu

import (
	"math"

	"soberano/kernels"
	"soberano/kernels/contract"
)

// step implements kernels.Step. Operations run when they are called; End only fills the results of
// Read.
type step struct {
	contract.Step
	d     *device
	holds bool // users of lower priorities wait until the step ends

	choices     []choice // the first choicesUsed of them belong to this step
	choicesUsed int
}

// Begin starts a step.
func (d *device) Begin(b *kernels.Batch) kernels.Step { return d.begin(b) }

func (d *device) begin(b *kernels.Batch) *step {
	last := &d.steps[d.step].Step
	d.step = (d.step + 1) % contract.StepsKept
	s := &d.steps[d.step]
	s.Start(last, &d.closed, b)
	s.d, s.choicesUsed = d, 0
	b = s.Batch
	d.arena.reset()
	d.turn.priority = b.Priority // must come before moveSome: the caller may hold this priority
	if len(d.move.left) > 0 {
		d.moveSome()
	}
	// Between two operations of the step the workers are always free for a moment. Without this hold,
	// each operation would have to wait for an operation of a recording.
	if s.holds = b.Priority > kernels.Recording && d.pool.devices.Load() > 1; s.holds {
		d.pool.hold(b.Priority)
	}
	return s
}

// End ends the step.
func (s *step) End() error {
	s.Check("End")
	if s.d.file.damage.Load() {
		s.d.protect(s.d.mend)
	}
	s.release()
	s.Finish()
	for _, r := range s.Asked() {
		r.Rows.Values = r.T.F32
	}
	return s.d.fault
}

// release lets users of lower priorities use the workers again.
func (s *step) release() {
	if s.holds {
		s.d.pool.unhold(s.Batch.Priority)
		s.holds = false
	}
}

// New returns a tensor of undefined content. Its rows begin on cache lines, and the distance between rows is not
// a multiple of 2 KiB, which would map the twelve rows of a tile to the same few sets of the
// cache.
func (s *step) New(rows, cols int) kernels.Tensor {
	s.Check("New")
	if rows < 0 || cols < 0 || cols > 0 && rows > math.MaxInt/8/(cols+32) {
		panic("cpu: New: impossible shape")
	}
	stride := (cols + 15) &^ 15
	if rows > 1 && stride%512 == 0 {
		stride += 16
	}
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: stride, F32: s.d.arena.take(max(rows, 1) * stride), Step: s.ID}
}

// Const returns a tensor over the values of v, without copying.
func (s *step) Const(v kernels.Vector, rows, cols int) kernels.Tensor {
	s.Check("Const")
	x := s.d.values("Const", v)
	if rows < 0 || cols < 0 || rows*cols > len(x) {
		panic("cpu: Const: more values than the vector has")
	}
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: cols, F32: x, Step: s.ID, Const: true}
}

// Write copies rows × cols values from src to t.
func (s *step) Write(t kernels.Tensor, src []float32) {
	s.Out("Write", &t)
	if len(src) < t.Rows*t.Cols {
		panic("cpu: Write: fewer values than the tensor has")
	}
	for r := range t.Rows {
		copy(t.Row(r), src[r*t.Cols:][:t.Cols])
	}
}

// Read requests t. Nothing is copied: the rows use the tensor's memory.
func (s *step) Read(t kernels.Tensor) *kernels.Rows { return s.Ask(t) }
