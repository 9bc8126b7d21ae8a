package cpu

import (
	"testing"

	"soberano/kernels"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// convState makes a state of one layer that keeps keys and values and one for
// convolutions of cols columns and that width.
func convState(t *testing.T, d *device, width, cols int) kernels.State {
	t.Helper()
	s, err := d.NewState(kernels.StateShape{Cap: 512, Layers: []kernels.Layer{
		{KVHeads: 1, KeyDim: 32, ValueDim: 32}, {Kind: kernels.Recurrent, Rows: width - 1, Cols: cols},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// plainConv is the convolution of a whole sequence in float64.
func plainConv(x, w []float32, cols int) []float64 {
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

// TestShortConv: sequences that are cut into steps in different places and share them, of
// fewer rows and more than the state keeps, are convolved as each by itself and whole. Rows
// of no span stay as they are.
func TestShortConv(t *testing.T) {
	opsOn(t, func(t *testing.T, d *device) {
		for _, s := range [][2]int{{2, 5}, {3, 64}, {4, 700}} {
			width, cols := s[0], s[1]
			r := devicetest.Rand()
			w := devicetest.Gauss(r, width*cols)
			kernel := vectorOf(t, d, w)
			cuts := [][]int{{1, 0, 7, 1, 1, 90, 2}, {30, 1, 1, 2, 0, 3, 100}}
			var x, got [2][]float32
			var states [2]kernels.State
			for i := range states {
				n := 0
				for _, c := range cuts[i] {
					n += c
				}
				x[i], states[i] = devicetest.Gauss(r, n*cols), convState(t, d, width, cols)
			}
			for step := range cuts[0] {
				a, b := cuts[0][step], cuts[1][step]
				batch := &kernels.Batch{Spans: []kernels.Span{
					{State: states[0], Row: 1, N: a, Pos: len(got[0]) / cols},
					{State: states[1], Row: 2 + a, N: b, Pos: len(got[1]) / cols},
				}}
				st := begin(d, batch)
				in, out := st.New(a+b+2, cols), st.New(a+b+2, cols)
				st.Write(in, make([]float32, (a+b+2)*cols))
				st.Write(out, make([]float32, (a+b+2)*cols))
				for i, sp := range batch.Spans {
					st.Write(in.Sub(sp.Row, sp.N), x[i][sp.Pos*cols:])
				}
				out.Row(1 + a)[0] = 77
				st.ShortConv(out, in, kernel, 1)
				if out.Row(1 + a)[0] != 77 {
					t.Error("a row of no span was written to")
				}
				for i, sp := range batch.Spans {
					got[i] = append(got[i], flat(out.Sub(sp.Row, sp.N))...)
				}
			}
			for i := range got {
				closeTo(t, "ShortConv", got[i], plainConv(x[i], w, cols))
			}
		}
	})
}

// A fork goes its own way, and a state begins anew after Truncate(0).
func TestShortConvForks(t *testing.T) {
	d := device2(t, generic, 1, false)
	const width, cols = 3, 4
	r := devicetest.Rand()
	x, w := devicetest.Gauss(r, 8*cols), devicetest.Gauss(r, width*cols)
	kernel := vectorOf(t, d, w)
	conv := func(s kernels.State, x []float32) []float32 {
		n := len(x) / cols
		st := begin(d, &kernels.Batch{Spans: []kernels.Span{{State: s, N: n, Pos: s.Len()}}})
		y := st.New(n, cols)
		st.ShortConv(y, tensorOf(st, x, n, cols), kernel, 1)
		return flat(y)
	}
	s := convState(t, d, width, cols)
	conv(s, x[:3*cols])
	fork, err := s.Fork()
	if err != nil {
		t.Fatal(err)
	}
	conv(s, x[5*cols:])
	want := plainConv(x[:5*cols], w, cols)
	closeTo(t, "the fork", conv(fork, x[3*cols:5*cols]), want[3*cols:])
	if s.Truncate(3) || !s.Truncate(0) {
		t.Error("a convolution's rows can't be forgotten but for all of them")
	}
	closeTo(t, "begun anew", conv(s, x[:5*cols]), want)
}

func TestShortConvMisuse(t *testing.T) {
	d := device2(t, generic, 1, false)
	r := devicetest.Rand()
	s := convState(t, d, 3, 8)
	kernel, narrow := vectorOf(t, d, devicetest.Gauss(r, 24)), vectorOf(t, d, devicetest.Gauss(r, 8))
	for name, f := range map[string]func(st *step, y, x kernels.Tensor){
		"dst is x":                 func(st *step, _, x kernels.Tensor) { st.ShortConv(x, x, kernel, 1) },
		"a layer of keys":          func(st *step, y, x kernels.Tensor) { st.ShortConv(y, x, kernel, 0) },
		"no such layer":            func(st *step, y, x kernels.Tensor) { st.ShortConv(y, x, kernel, 2) },
		"a convolution of width 1": func(st *step, y, x kernels.Tensor) { st.ShortConv(y, x, narrow, 1) },
		"another width":            func(st *step, y, x kernels.Tensor) { st.ShortConv(y, x, vectorOf(t, d, devicetest.Gauss(r, 32)), 1) },
		"other columns":            func(st *step, y, x kernels.Tensor) { st.ShortConv(y.Slice(0, 4), x.Slice(0, 4), kernel, 1) },
		"rows beyond the tensor":   func(st *step, y, x kernels.Tensor) { st.ShortConv(y.Sub(0, 1), x.Sub(0, 1), kernel, 1) },
		"not where the state stands": func(st *step, y, x kernels.Tensor) {
			st.ShortConv(y, x, kernel, 1)
			st.ShortConv(y, x, kernel, 1)
		},
	} {
		st := begin(d, &kernels.Batch{Spans: []kernels.Span{{State: s, N: 2, Pos: s.Len()}}})
		y, x := st.New(2, 8), tensorOf(st, devicetest.Gauss(r, 16), 2, 8)
		if recovered(func() { f(st, y, x) }) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// A step with experts and a convolution allocates nothing after its first times.
func TestNoAllocationsMore(t *testing.T) {
	const n, cols, experts, used = 9, 64, 4, 2
	d := device2(t, best(), 2, false)
	r := devicetest.Rand()
	load := func(w ...kernels.Weights) kernels.Matrix {
		m, err := d.Load(w...)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	gateUp := load(expertsOf(r, quant.Q8_0, experts, 96, cols, false), expertsOf(r, quant.Q8_0, experts, 96, cols, false))
	down, kernel := load(expertsOf(r, quant.F32, experts, cols, 96, false)), vectorOf(t, d, devicetest.Gauss(r, 3*cols))
	values, logits := devicetest.Gauss(r, n*cols), devicetest.Gauss(r, n*experts)
	batch := &kernels.Batch{Spans: []kernels.Span{{State: convState(t, d, 3, cols), N: n}}}
	route := &kernels.Routing{Used: used, Scale: 1, Normalize: true, Bias: vectorOf(t, d, make([]float32, experts))}
	var dev kernels.Device = d
	step := func() {
		st := dev.Begin(batch)
		x, h, l := st.New(n, cols), st.New(n, cols), st.New(n, experts)
		rows, hidden := st.New(n*used, cols), st.New(n*used, 96)
		st.Write(x, values)
		st.Write(l, logits)
		st.ShortConv(h, x, kernel, 1)
		st.Mul(h, x)
		c := st.Route(l, route)
		st.Gather(rows, h, c)
		st.MatMulGatedExperts(hidden, rows, gateUp, c, kernels.SiLU)
		st.MatMulExperts(rows, hidden, down, c)
		st.Combine(x, rows, c)
		if st.Read(x); st.End() != nil {
			panic("no end")
		}
		batch.Spans[0].Pos += n
	}
	for range stepsKept {
		step()
	}
	if got := testing.AllocsPerRun(20, step); got != 0 {
		t.Errorf("%g allocations a step", got)
	}
}
