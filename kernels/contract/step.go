package contract

import "soberano/kernels"

// StepsKept is the number of steps of a device, which are used in rotation. A step that has ended is recognised until it is
// reused, and nothing is allocated.
const StepsKept = 4

// Step is what the steps of all devices have in common.
type Step struct {
	ID    uint64 // see kernels.NextStep
	Batch *kernels.Batch
	open  bool
	// closed tells whether the device is closed.
	closed *bool
	reads  []Asked // the first used of them belong to this step
	used   int
}

// Asked is a tensor that was passed to Read, and what Read returned.
type Asked struct {
	T    kernels.Tensor
	Rows *kernels.Rows
}

var noBatch kernels.Batch

// Start begins a step after the device's last one, which may be the same. A nil batch is an empty one.
func (s *Step) Start(last *Step, closed *bool, b *kernels.Batch) {
	if b == nil {
		b = &noBatch
	}
	last.checkStart(*closed, b)
	for _, r := range last.Asked() {
		r.Rows.Values = nil
	}
	s.ID, s.Batch, s.open, s.closed, s.used = kernels.NextStep(), b, true, closed, 0
}

// checkStart panics if no step may begin after s.
func (s *Step) checkStart(closed bool, b *kernels.Batch) {
	const op = "Begin"
	switch {
	case closed:
		Misuse(op, "the device is closed")
	case s.open:
		Misuse(op, "the step before has not ended")
	case b.Priority < 0 || b.Priority >= kernels.Priorities:
		Misuse(op, "unknown priority")
	case b.Tokens != nil && b.Positions != nil && len(b.Tokens) != len(b.Positions):
		Misuse(op, "not as many tokens as positions")
	}
	for _, axis := range b.Axes {
		if len(axis) != len(b.Positions) {
			Misuse(op, "not as many positions on an axis as rows")
		}
	}
}

// Finish ends the step. What Read asked for remains until the next one begins.
func (s *Step) Finish() { s.open, s.Batch = false, &noBatch }

// IsOpen reports whether the step has begun and not ended.
func (s *Step) IsOpen() bool { return s.open }

// Asked returns what Read asked for.
func (s *Step) Asked() []Asked { return s.reads[:s.used] }

// Ask adds a tensor to what Read has asked for. The rows have its size, and no values before the step ends.
func (s *Step) Ask(t kernels.Tensor) *kernels.Rows {
	if s.In("Read", &t); t.Const {
		Misuse("Read", "the tensor is read only")
	}
	if s.used == len(s.reads) {
		s.reads = append(s.reads, Asked{Rows: new(kernels.Rows)})
	}
	r := &s.reads[s.used]
	s.used++
	r.T = t
	*r.Rows = kernels.Rows{Len: t.Rows, Cols: t.Cols, Stride: t.Stride}
	return r.Rows
}

// Check panics unless the step is open.
func (s *Step) Check(op string) {
	switch {
	case s.closed != nil && *s.closed:
		Misuse(op, "the device is closed")
	case !s.open:
		Misuse(op, "the step has ended")
	}
}

// Spans returns the spans on which an attention operates.
func (s *Step) Spans(a *kernels.Attention) []kernels.Span {
	if a.Cross {
		return s.Batch.Cross
	}
	return s.Batch.Spans
}
