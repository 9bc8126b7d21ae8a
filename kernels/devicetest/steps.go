package devicetest

import (
	"fmt"
	"slices"
	"strings"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// rows checks the results of Read: several tensors of a step, views, consecutive steps, and
// values that are changed by their owner.
func (s *suite) rows() {
	for n := range 3 {
		x, y := Gauss(s.r, 4*33), Gauss(s.r, 1000*3)
		st := s.d.Begin(nil)
		xt, yt := tensor(st, x, 4, 33), view(st, y, 1000, 3)
		whole, part, other := st.Read(xt), st.Read(xt.Sub(1, 2).Slice(30, 3)), st.Read(yt)
		s.panics("Row", "Rows.Row before End", func() { whole.Row(0) })
		if err := st.End(); err != nil {
			s.Fatalf("End: %v", err)
		}
		if whole.Len != 4 || whole.Cols != 33 || part.Len != 2 || part.Cols != 3 || other.Len != 1000 {
			s.Fatalf("step %d: %d × %d, %d × %d, %d rows", n, whole.Len, whole.Cols, part.Len, part.Cols, other.Len)
		}
		for r := range 4 {
			if !slices.Equal(whole.Row(r), x[33*r:][:33]) {
				s.Errorf("step %d: row %d was read as %v", n, r, whole.Row(r))
			}
		}
		if !slices.Equal(part.Row(1), x[33*2+30:][:3]) || !slices.Equal(other.Row(999), y[2997:]) {
			s.Errorf("step %d: a view was read as %v, %v", n, part.Row(1), other.Row(999))
		}
		s.panics("Row", "a row behind the last", func() { whole.Row(4) })
		s.panics("Row", "a row before the first", func() { whole.Row(-1) })
		other.Row(0)[0] = 77
		if other.Row(0)[0] != 77 {
			s.Error("a value was not changed")
		}
		next := s.d.Begin(&kernels.Batch{})
		s.panics("Row", "Rows.Row after the next Begin", func() { whole.Row(0) })
		if err := next.End(); err != nil {
			s.Fatalf("End: %v", err)
		}
	}
}

// closing checks that closed objects can't be used any more, and that all others still can.
func (s *suite) closing() {
	if s.d.Name() == "" {
		s.Error("a device without a name")
	}
	w := RandomWeights(s.r, quant.F32, 8, 16)
	gone, kept := s.load(w), s.load(w)
	old, vector := s.vector(make([]float32, 16)), s.vector(slices.Repeat([]float32{1}, 16))
	for range 2 { // twice is allowed
		if err := gone.Close(); err != nil {
			s.Errorf("Matrix.Close: %v", err)
		}
		if err := old.Close(); err != nil {
			s.Errorf("Vector.Close: %v", err)
		}
	}
	x := Gauss(s.r, 16)
	got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
		y, xt := st.New(1, 8), tensor(st, x, 1, 16)
		st.MatMul(y, xt, kept)
		st.RMSNorm(xt, xt, vector, 1)
		return []kernels.Tensor{y}
	})
	s.near("a matrix beside one that was closed", got[0], Product(x, 1, w), s.limit(w))
	for what, w := range map[string]kernels.Weights{
		"an unknown format":    {Type: 77, Rows: 1, Cols: 32, Data: make([]byte, 99)},
		"negative rows":        {Type: quant.F32, Rows: -1, Cols: 64},
		"too little data":      {Type: quant.F32, Rows: 1, Cols: 64, Data: make([]byte, 255)},
		"too many biases":      {Type: quant.F32, Rows: 1, Cols: 64, Data: make([]byte, 256), Bias: make([]float32, 2)},
		"parts of blocks":      {Type: quant.Q4_K, Rows: 1, Cols: 64, Data: make([]byte, 144)},
		"columns of their own": {Type: quant.F32, Rows: 1, Cols: 32, Data: make([]byte, 128)},
	} {
		if _, err := s.d.Load(RandomWeights(s.r, quant.Q4_0, 4, 64), w); err == nil {
			s.Errorf("weights with %s were loaded", what)
		}
	}
	if _, err := s.d.Load(); err == nil {
		s.Error("nothing was loaded")
	}
	if err := s.d.Loaded(); err != nil {
		s.Errorf("Loaded: %v", err)
	}
}

// panics checks that f panics with a message that names op.
func (s *suite) panics(op, what string, f func()) {
	s.Helper()
	defer func() {
		if v := recover(); v == nil {
			s.Errorf("%s: no panic", what)
		} else if text := fmt.Sprint(v); !strings.Contains(text, op) {
			s.Errorf("%s: panic %q does not name %s", what, text, op)
		}
	}()
	f()
}
