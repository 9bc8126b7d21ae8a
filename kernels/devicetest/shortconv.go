package devicetest

import "soberano/kernels"

// convState makes a state of a layer that keeps keys and values and one for convolutions
// of cols columns and that width.
func (s *suite) convState(width, cols int) kernels.State {
	s.Helper()
	state, err := s.d.NewState(kernels.StateShape{Cap: 512, Layers: []kernels.Layer{
		{KVHeads: 1, KeyDim: 32, ValueDim: 32}, {Kind: kernels.Recurrent, Rows: width - 1, Cols: cols},
	}})
	if err != nil {
		s.Fatalf("NewState: %v", err)
	}
	return state
}

// convolved is the convolution of a whole sequence in float64.
func convolved(x, w []float32, cols int) []float64 {
	width, out := len(w)/cols, make([]float64, len(x))
	for i := range out {
		p, c := i/cols, i%cols
		for tap := range width {
			if from := p - width + 1 + tap; from >= 0 {
				out[i] += float64(w[tap*cols+c]) * float64(x[from*cols+c])
			}
		}
	}
	return out
}

// shortConv checks ShortConv: sequences that are cut into steps in different places and
// share them, of fewer rows and of more than the state keeps, are convolved as each by
// itself and whole; rows of no span stay as they are.
func (s *suite) shortConv() {
	for _, n := range [][2]int{{2, 5}, {3, 64}, {4, 700}} {
		width, cols := n[0], n[1]
		w := Gauss(s.r, width*cols)
		kernel := s.vector(w)
		cuts := [2][]int{{1, 0, 7, 1, 1, 90, 2}, {30, 1, 1, 2, 0, 3, 100}}
		var x, got [2][]float32
		states := [2]kernels.State{s.convState(width, cols), s.convState(width, cols)}
		for i, cut := range cuts {
			for _, c := range cut {
				x[i] = append(x[i], Gauss(s.r, c*cols)...)
			}
		}
		for i := range cuts[0] {
			a, b := cuts[0][i], cuts[1][i]
			spans := []kernels.Span{
				{State: states[0], Row: 1, N: a, Pos: len(got[0]) / cols},
				{State: states[1], Row: 2 + a, N: b, Pos: len(got[1]) / cols},
			}
			out := s.step(&kernels.Batch{Spans: spans}, func(st kernels.Step) []kernels.Tensor {
				zeros := make([]float32, (a+b+2)*cols)
				in, y := tensor(st, zeros, a+b+2, cols), tensor(st, zeros, a+b+2, cols)
				for k, sp := range spans {
					st.Write(in.Sub(sp.Row, sp.N), x[k][sp.Pos*cols:])
				}
				st.Write(y.Sub(1+a, 1).Slice(0, 1), []float32{77})
				st.ShortConv(y, in, kernel, 1)
				return []kernels.Tensor{y}
			})[0]
			if out[(1+a)*cols] != 77 {
				s.Error("a row of no span was written to")
			}
			for k, sp := range spans {
				got[k] = append(got[k], out[sp.Row*cols:][:sp.N*cols]...)
			}
		}
		for i := range got {
			s.near(name("ShortConv %v", n), got[i], convolved(x[i], w, cols), Float)
		}
	}
	s.convForks()
}

// convForks: a fork goes its own way, and a state begins anew after Truncate(0).
func (s *suite) convForks() {
	const width, cols = 3, 4
	x, w := Gauss(s.r, 8*cols), Gauss(s.r, width*cols)
	kernel := s.vector(w)
	conv := func(state kernels.State, x []float32) []float32 {
		n := len(x) / cols
		return s.step(&kernels.Batch{Spans: []kernels.Span{{State: state, N: n, Pos: state.Len()}}}, func(st kernels.Step) []kernels.Tensor {
			y := st.New(n, cols)
			st.ShortConv(y, tensor(st, x, n, cols), kernel, 1)
			return []kernels.Tensor{y}
		})[0]
	}
	state := s.convState(width, cols)
	conv(state, x[:3*cols])
	fork, err := state.Fork()
	if err != nil {
		s.Fatalf("Fork: %v", err)
	}
	conv(state, x[5*cols:])
	want := convolved(x[:5*cols], w, cols)
	s.near("the fork", conv(fork, x[3*cols:5*cols]), want[3*cols:], Float)
	if state.Truncate(3) || !state.Truncate(0) {
		s.Error("a convolution's rows can't be forgotten but for all of them")
	}
	s.near("begun anew", conv(state, x[:5*cols]), want, Float)
}
