package devicetest

import (
	"slices"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// latent checks StoreLatent and AttendLatent with sequences of several lengths, stored in pieces, forked and truncated, and with
// rows of different widths.
func (s *suite) latent() {
	for _, c := range []kernels.Attention{
		{Heads: 5, KVHeads: 1, HeadDim: 96, ValueDim: 64, Scale: 0.1, Causal: true},
		{Heads: 16, KVHeads: 1, HeadDim: 576, ValueDim: 512, Scale: 0.05, Causal: true},
		{Heads: 3, KVHeads: 1, HeadDim: 40, ValueDim: 33, Scale: 0.2, Causal: true},
		{Heads: 2, KVHeads: 1, HeadDim: 32, Scale: 0.2},
	} {
		s.latentCase(&c)
	}
	for what, l := range map[string]kernels.Layer{
		"no values": {KeyDim: 64}, "values wider than rows": {KeyDim: 32, ValueDim: 64}, "a window": {KeyDim: 64, ValueDim: 64, Window: 8},
	} {
		l.Kind = kernels.Latent
		if _, err := s.d.NewState(kernels.StateShape{Layers: []kernels.Layer{l}, Cap: 5}); err == nil {
			s.Errorf("a latent layer with %s was made", what)
		}
	}
}

// latentOptions checks the temperature of latent attention.
func (s *suite) latentOptions() {
	s.latentCase(&kernels.Attention{Heads: 5, KVHeads: 1, HeadDim: 96, ValueDim: 64, Scale: 0.1, Causal: true,
		Temperature: kernels.Temperature{Scale: 0.3, Length: 20}})
}

// latentSequence returns a sequence whose layer 1 is latent.
func (s *suite) latentSequence(a *kernels.Attention, positions int) *sequence {
	s.Helper()
	key, value := a.Dims()
	l := kernels.Layer{Kind: kernels.Latent, KeyDim: key, ValueDim: value}
	state, err := s.d.NewState(kernels.StateShape{Layers: []kernels.Layer{{KVHeads: 1, KeyDim: 32, ValueDim: 32}, l}, Cap: positions})
	if err != nil {
		s.Fatalf("NewState: %v", err)
	}
	return &sequence{state: state}
}

// addLatent stores n more positions of each sequence, all in one step.
func (s *suite) addLatent(a *kernels.Attention, n []int, all ...*sequence) {
	s.Helper()
	key, value := a.Dims()
	b := &kernels.Batch{}
	var x []float32
	for i, q := range all {
		b.Spans = append(b.Spans, kernels.Span{State: q.state, Row: len(x) / key, N: n[i], Pos: len(q.k) / key})
		rows := s.halves(n[i] * key)
		q.k, x = append(q.k, rows...), append(x, rows...)
		for at := 0; at < len(rows); at += key {
			q.v = append(q.v, rows[at:][:value]...)
		}
	}
	s.step(b, func(st kernels.Step) []kernels.Tensor {
		st.StoreLatent(view(st, x, len(x)/key, key), 1)
		return nil
	})
}

// lastLatent checks attention of the last n positions of q.
func (s *suite) lastLatent(a *kernels.Attention, what string, n int, q *sequence) {
	s.Helper()
	key, value := a.Dims()
	cols, out, end := a.Heads*key, a.Heads*value, len(q.k)/key
	x := Gauss(s.r, n*cols)
	got := s.step(&kernels.Batch{Spans: []kernels.Span{{State: q.state, N: n, Pos: end - n, Len: end}}}, func(st kernels.Step) []kernels.Tensor {
		y := st.New(n, out)
		st.AttendLatent(y, tensor(st, x, n, cols), 1, a)
		return []kernels.Tensor{y}
	})
	s.near(name("AttendLatent, %s, %+v", what, *a), got[0], q.attended(a, x, n, end-n, end), s.s.Attention(a))
}

func (s *suite) latentCase(a *kernels.Attention) {
	s.Helper()
	key, value := a.Dims()
	p, q := s.latentSequence(a, 700), s.latentSequence(a, 700)
	s.addLatent(a, []int{1, 40}, p, q)
	s.addLatent(a, []int{30, 300}, p, q)
	s.lastLatent(a, "a short sequence", 3, p)
	s.lastLatent(a, "a long sequence", 1, q)
	s.lastLatent(a, "many rows", 60, q)
	state, err := q.state.Fork()
	if err != nil {
		s.Fatalf("Fork: %v", err)
	}
	if !state.Truncate(33) || q.state.Len() != 340 {
		s.Fatalf("a fork does not go back")
	}
	f := &sequence{state, slices.Clone(q.k[:33*key]), slices.Clone(q.v[:33*value])}
	s.addLatent(a, []int{9}, f)
	s.lastLatent(a, "a fork that went back", 1, f)
	s.lastLatent(a, "beside a fork", 1, q)
	for _, q := range []*sequence{p, q, f} {
		if err := q.state.Close(); err != nil {
			s.Errorf("State.Close: %v", err)
		}
	}
}

// headProducts checks MatMulHeads.
func (s *suite) headProducts() {
	s.widerHeads()
	for _, c := range []struct{ heads, rows, cols, n int }{{1, 64, 32, 3}, {5, 48, 64, 1}, {16, 512, 128, 2}, {4, 33, 96, 40}} {
		for _, t := range []quant.Type{quant.F32, quant.Q8_0} {
			w := ExpertWeights(s.r, t, c.heads, c.rows, c.cols, false)
			m := s.load(w)
			x := Gauss(s.r, c.n*c.heads*c.cols)
			got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
				y := view(st, nil, c.n, c.heads*c.rows)
				st.MatMulHeads(y, view(st, x, c.n, c.heads*c.cols), m)
				return []kernels.Tensor{y}
			})
			want := make([]float64, c.n*c.heads*c.rows)
			for h := range c.heads {
				values := Values(expert(w, h))
				for r := range c.n {
					for o := range c.rows {
						sum := 0.0
						for i, v := range values[o*c.cols:][:c.cols] {
							sum += float64(v) * float64(x[(r*c.heads+h)*c.cols+i])
						}
						want[(r*c.heads+h)*c.rows+o] = sum
					}
				}
			}
			s.near(name("MatMulHeads of %+v, %v", c, t), got[0], want, s.s.Product(t, c.cols))
		}
	}
}

// widerHeads checks MatMulHeads with heads of x and dst that are wider than the matrices.
func (s *suite) widerHeads() {
	const heads, rows, cols, xWidth, width = 3, 40, 64, 80, 47
	for _, n := range []int{1, 5} {
		s.widerHeadsCase(n, heads, rows, cols, xWidth, width)
	}
}

func (s *suite) widerHeadsCase(n, heads, rows, cols, xWidth, width int) {
	w := ExpertWeights(s.r, quant.F32, heads, rows, cols, false)
	m, x, before := s.load(w), Gauss(s.r, n*heads*xWidth), Gauss(s.r, n*heads*width)
	got := s.step(nil, func(st kernels.Step) []kernels.Tensor {
		y := view(st, before, n, heads*width)
		st.MatMulHeads(y, view(st, x, n, heads*xWidth), m)
		return []kernels.Tensor{y}
	})
	want := floats(before)
	for r := range n {
		for h := range heads {
			copy(want[(r*heads+h)*width:], Product(x[(r*heads+h)*xWidth:][:cols], 1, expert(w, h)))
		}
	}
	s.near("MatMulHeads of wider heads", got[0], want, s.s.Product(quant.F32, cols))
}

// latentStep begins a step of four rows of a sequence with a latent layer of 32 values.
func (w *wrong) latentStep() *kernels.Attention {
	a := &kernels.Attention{Heads: 2, KVHeads: 1, HeadDim: 32, Scale: 1, Causal: true}
	w.again(&kernels.Batch{Spans: []kernels.Span{{State: w.latentSequence(a, 10).state, N: 4}}})
	return a
}

// badLatent lists misuses of latent layers and of products by heads.
var badLatent = []wrongCase{
	{"StoreLatent", "after End", ended, func(w *wrong) { w.st.StoreLatent(w.x, 1) }},
	{"StoreLatent", "a layer of keys and values", nil, func(w *wrong) { w.latentStep(); w.st.StoreLatent(w.x.Slice(0, 32), 0) }},
	{"StoreLatent", "a layer that is not there", nil, func(w *wrong) { w.latentStep(); w.st.StoreLatent(w.x.Slice(0, 32), 2) }},
	{"StoreLatent", "columns", nil, func(w *wrong) { w.latentStep(); w.st.StoreLatent(w.x, 1) }},
	{"Store", "a latent layer", nil, func(w *wrong) { a := w.latentStep(); w.st.Store(w.x.Slice(0, 32), w.y.Slice(0, 32), 1, a) }},
	{"Attend", "a latent layer", nil, func(w *wrong) {
		a := w.latentStep()
		w.st.StoreLatent(w.x.Slice(0, 32), 1)
		w.st.Attend(w.x, w.x, 1, a)
	}},
	{"AttendLatent", "a layer of keys and values", nil, func(w *wrong) { a := w.latentStep(); w.st.AttendLatent(w.x, w.x, 0, a) }},
	{"AttendLatent", "positions that are not there", nil, func(w *wrong) { a := w.latentStep(); w.st.AttendLatent(w.x, w.x, 1, a) }},
	{"AttendLatent", "a tensor of another step", nil, func(w *wrong) { a := w.latentStep(); w.st.AttendLatent(w.x, w.old, 1, a) }},
	{"MatMulHeads", "a matrix without experts", nil, func(w *wrong) { w.st.MatMulHeads(w.y, w.x, w.square) }},
	{"MatMulHeads", "columns of x", nil, func(w *wrong) { w.st.MatMulHeads(tensor(w.st, make([]float32, 4*256), 4, 256), w.x, w.experts(4)) }},
	{"MatMulHeads", "dst is x", nil, func(w *wrong) { w.st.MatMulHeads(w.x, w.x, w.experts(1)) }},
	{"MatMulHeads", "a closed matrix", nil, func(w *wrong) {
		x := tensor(w.st, make([]float32, 4*256), 4, 256)
		w.st.MatMulHeads(tensor(w.st, make([]float32, 4*256), 4, 256), x, w.closedExperts())
	}},
}
