package devicetest

import (
	"slices"

	"soberano/kernels"
)

// convolved is a sequence that is convolved step by step, with its inputs and outputs so far.
type convolved struct {
	state   kernels.State
	in, out []float32
}

func (s *suite) convolved(width, cols int) *convolved {
	s.Helper()
	state, err := s.d.NewState(kernels.StateShape{Cap: 512, Layers: []kernels.Layer{
		{KVHeads: 1, KeyDim: 32, ValueDim: 32}, {Kind: kernels.Recurrent, Rows: width - 1, Cols: cols},
	}})
	if err != nil {
		s.Fatalf("NewState: %v", err)
	}
	return &convolved{state: state}
}

// convolution computes the convolution of a whole sequence in float64: x [n × cols], w [width × cols].
func convolution(x, w []float32, cols int) []float64 {
	width, out := len(w)/cols, make([]float64, len(x))
	for i := range out {
		for tap := range width {
			if from := i/cols - width + 1 + tap; from >= 0 {
				out[i] += float64(w[tap*cols+i%cols]) * float64(x[from*cols+i%cols])
			}
		}
	}
	return out
}

// convolve adds n[i] rows to sequence i, all in one step. The rows between those of the
// sequences belong to no sequence.
func (s *suite) convolve(w kernels.Vector, cols int, n []int, all ...*convolved) {
	s.Helper()
	b, x := &kernels.Batch{}, Gauss(s.r, cols)
	for i, q := range all {
		b.Spans = append(b.Spans, kernels.Span{State: q.state, Row: len(x) / cols, N: n[i], Pos: len(q.in) / cols})
		rows := Gauss(s.r, n[i]*cols)
		q.in = append(q.in, rows...)
		x = append(append(x, rows...), Gauss(s.r, cols)...)
	}
	rows := len(x) / cols
	y := s.step(b, func(st kernels.Step) []kernels.Tensor {
		dst := view(st, x, rows, cols)
		st.ShortConv(dst, tensor(st, x, rows, cols), w, 1)
		return []kernels.Tensor{dst}
	})[0]
	free := 0
	for i, q := range all {
		at := b.Spans[i].Row * cols
		if !slices.Equal(y[free:at], x[free:at]) {
			s.Errorf("ShortConv: a row of no sequence was written")
		}
		free = at + n[i]*cols
		q.out = append(q.out, y[at:free]...)
		if q.state.Len() != len(q.in)/cols {
			s.Fatalf("a state of %d positions says that it has %d", len(q.in)/cols, q.state.Len())
		}
	}
}

// convolutions checks ShortConv with sequences that are divided into steps in different places and
// share steps, with fewer and more rows than the state keeps, with forks and after a restart.
func (s *suite) convolutions() {
	for _, n := range [][2]int{{2, 5}, {3, 64}, {4, 700}} {
		width, cols := n[0], n[1]
		w := Gauss(s.r, width*cols)
		kernel := s.vector(w)
		a, b := s.convolved(width, cols), s.convolved(width, cols)
		for _, rows := range [][]int{{1, 30}, {0, 1}, {7, 1}, {1, 2}, {1, 0}, {90, 3}, {2, 100}} {
			s.convolve(kernel, cols, rows, a, b)
		}
		for _, q := range []*convolved{a, b} {
			s.near("ShortConv", q.out, convolution(q.in, w, cols), Float)
		}
		fork, err := a.state.Fork()
		if err != nil {
			s.Fatalf("Fork: %v", err)
		}
		f := &convolved{fork, slices.Clone(a.in), slices.Clone(a.out)}
		s.convolve(kernel, cols, []int{5, 2}, a, b)
		s.convolve(kernel, cols, []int{3}, f)
		s.near("ShortConv of a fork", f.out, convolution(f.in, w, cols), Float)
		s.near("ShortConv beside a fork", a.out, convolution(a.in, w, cols), Float)
		if a.state.Truncate(3) || !a.state.Truncate(0) {
			s.Error("the rows of a convolution are forgotten all or not at all")
		}
		a.in, a.out = nil, nil
		s.convolve(kernel, cols, []int{4}, a)
		s.near("ShortConv of a sequence that began anew", a.out, convolution(a.in, w, cols), Float)
	}
}
