package batch

import (
	"errors"
	"math"
	"slices"

	"soberano/engine/arch"
	"soberano/engine/arch/tiny"
	"soberano/engine/nn"
	"soberano/kernels"
)

// recurrence is a model, and a device for it, of one recurrent layer: each token turns and
// moves a vector, on which the logits depend.
type recurrence struct{ kernels.Device }

// memory is its state: the vector, which cannot go back.
type memory struct {
	n, positions int
	v            [recurrent]float64
	closed       bool
}

const recurrent = 8 // values

func (m *recurrence) Shape() arch.Shape {
	return arch.Shape{Vocabulary: tiny.Vocabulary, Context: 4096, Scratch: 1,
		Layers: []kernels.Layer{{Kind: kernels.Recurrent, Rows: 1, Cols: recurrent}}}
}

func (m *recurrence) NewState(s kernels.StateShape) (kernels.State, error) {
	return &memory{positions: s.Cap}, nil
}

func (m *recurrence) Forward(s *nn.Step) (*kernels.Rows, error) {
	var rows []float32
	for _, span := range s.Spans {
		st := span.State.(*memory)
		if st.closed || span.Pos != st.n {
			panic("a step does not go on where the state is")
		}
		for i := range span.N {
			st.add(s.Tokens[span.Row+i])
			if slices.Contains(s.Out, span.Row+i) {
				rows = append(rows, st.logits()...)
			}
		}
	}
	return &kernels.Rows{Len: len(s.Out), Cols: tiny.Vocabulary, Stride: tiny.Vocabulary, Values: rows}, nil
}

func (s *memory) add(token int32) {
	before := s.v[recurrent-1]
	for i := range s.v {
		s.v[i], before = math.Sin(1.7*before+float64(token+1)*float64(i+1)), s.v[i]
	}
	s.n++
}

func (s *memory) logits() []float32 {
	out := make([]float32, tiny.Vocabulary)
	for i := range out {
		for j, x := range s.v {
			out[i] += float32(x * math.Sin(float64((i+1)*(j+1))))
		}
	}
	return out
}

func (s *memory) Cap() int           { return s.positions }
func (s *memory) Len() int           { return s.n }
func (s *memory) Bytes() int64       { return 8 * recurrent }
func (s *memory) MaxBytes(int) int64 { return 8 * recurrent }
func (s *memory) Truncate(n int) bool {
	if n == 0 {
		*s = memory{positions: s.positions}
	}
	return n == s.n
}

func (s *memory) Fork() (kernels.State, error) {
	if s.closed {
		return nil, errors.New("a fork of a closed state")
	}
	f := *s
	return &f, nil
}

func (s *memory) Close() error {
	if s.closed {
		return errors.New("a state is closed twice")
	}
	s.closed = true
	return nil
}
