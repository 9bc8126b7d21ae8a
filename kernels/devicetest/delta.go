package devicetest

import (
	"math"
	"slices"

	"soberano/kernels"
)

// deltaSequence is a sequence to which DeltaRule is applied, with what the reference implementation keeps of it.
type deltaSequence struct {
	state kernels.State
	s     []float64 // [Heads][KeyDim][ValueDim]
	n     int       // rows so far
	got   []float32
	want  []float64
}

func (s *suite) deltaSequence(r *kernels.DeltaRule) *deltaSequence {
	s.Helper()
	state, err := s.d.NewState(kernels.StateShape{Cap: 1000, Layers: []kernels.Layer{
		{KVHeads: 1, KeyDim: 32, ValueDim: 32}, r.Layer(), {Kind: kernels.Recurrent, Rows: 1, Cols: 3},
	}})
	if err != nil {
		s.Fatalf("NewState: %v", err)
	}
	return &deltaSequence{state: state, s: make([]float64, r.Heads*r.KeyDim*r.ValueDim)}
}

// fork returns a copy of q.
func (s *suite) forkDelta(q *deltaSequence) *deltaSequence {
	s.Helper()
	state, err := q.state.Fork()
	if err != nil {
		s.Fatalf("Fork: %v", err)
	}
	return &deltaSequence{state, slices.Clone(q.s), q.n, slices.Clone(q.got), slices.Clone(q.want)}
}

// deltaInput is the input of some rows.
type deltaInput struct{ q, k, v, decay, beta []float32 }

// deltaInput returns random rows: unit keys, as the networks that use the rule have them, and decays between none and
// all but everything.
func (s *suite) deltaInput(r *kernels.DeltaRule, n int, perKey bool) deltaInput {
	in := deltaInput{q: Gauss(s.r, n*r.KeyHeads*r.KeyDim), k: Gauss(s.r, n*r.KeyHeads*r.KeyDim), v: Gauss(s.r, n*r.Heads*r.ValueDim)}
	for at := 0; at < len(in.k); at += r.KeyDim {
		for _, x := range [][]float32{in.q[at:][:r.KeyDim], in.k[at:][:r.KeyDim]} {
			size := 1e-9
			for _, v := range x {
				size += float64(v) * float64(v)
			}
			for i := range x {
				x[i] /= float32(math.Sqrt(size))
			}
		}
	}
	in.beta, in.decay = make([]float32, n*r.Heads), make([]float32, n*r.Heads)
	if perKey {
		in.decay = make([]float32, n*r.Heads*r.KeyDim)
	}
	for i := range in.beta {
		in.beta[i] = s.r.Float32()
	}
	for i := range in.decay {
		switch g := s.r.Float32(); {
		case g < 0.02:
			in.decay[i] = -40
		case g > 0.1:
			in.decay[i] = -0.3 * g
		}
	}
	return in
}

// delta computes n rows of a sequence in float64.
func (q *deltaSequence) delta(r *kernels.DeltaRule, in deltaInput, n int) {
	perKey := len(in.decay) > n*r.Heads
	for t := range n {
		for h := range r.Heads {
			from := (t*r.KeyHeads + r.KeyHead(h)) * r.KeyDim
			query, key := in.q[from:][:r.KeyDim], in.k[from:][:r.KeyDim]
			s, at := q.s[h*r.KeyDim*r.ValueDim:][:r.KeyDim*r.ValueDim], t*r.Heads+h
			for i := range r.KeyDim {
				g := at
				if perKey {
					g = at*r.KeyDim + i
				}
				decay := math.Exp(float64(in.decay[g]))
				for c := range r.ValueDim {
					s[i*r.ValueDim+c] *= decay
				}
			}
			for c := range r.ValueDim {
				sum := 0.0
				for i, x := range key {
					sum += s[i*r.ValueDim+c] * float64(x)
				}
				step, out := float64(in.beta[at])*(float64(in.v[at*r.ValueDim+c])-sum), 0.0
				for i, x := range key {
					s[i*r.ValueDim+c] += float64(x) * step
					out += s[i*r.ValueDim+c] * float64(query[i])
				}
				q.want = append(q.want, out)
			}
		}
	}
	q.n += n
}

// add appends b to a.
func (a *deltaInput) add(b deltaInput) {
	a.q, a.k, a.v = append(a.q, b.q...), append(a.k, b.k...), append(a.v, b.v...)
	a.decay, a.beta = append(a.decay, b.decay...), append(a.beta, b.beta...)
}

// runDelta adds n[i] rows to sequence i, all in one step. The rows between those of the sequences belong to no sequence.
func (s *suite) runDelta(r *kernels.DeltaRule, perKey bool, n []int, all ...*deltaSequence) {
	s.Helper()
	b, in, rows := &kernels.Batch{}, s.deltaInput(r, 1, perKey), 1
	for i, q := range all {
		b.Spans = append(b.Spans, kernels.Span{State: q.state, Row: rows, N: n[i], Pos: q.n})
		own := s.deltaInput(r, n[i], perKey)
		q.delta(r, own, n[i])
		in.add(own)
		in.add(s.deltaInput(r, 1, perKey))
		rows += n[i] + 1
	}
	cols := r.Heads * r.ValueDim
	before := Gauss(s.r, rows*cols)
	y := s.step(b, func(st kernels.Step) []kernels.Tensor {
		dst := view(st, before, rows, cols)
		st.DeltaRule(dst, view(st, in.q, rows, len(in.q)/rows), tensor(st, in.k, rows, len(in.k)/rows), view(st, in.v, rows, cols),
			tensor(st, in.decay, rows, len(in.decay)/rows), view(st, in.beta, rows, r.Heads), 1, r)
		return []kernels.Tensor{dst}
	})[0]
	free := 0
	for i, q := range all {
		at := b.Spans[i].Row * cols
		if !slices.Equal(y[free:at], before[free:at]) {
			s.Errorf("DeltaRule: a row of no sequence was written")
		}
		free = at + n[i]*cols
		q.got = append(q.got, y[at:free]...)
		if q.state.Len() != q.n {
			s.Fatalf("a state of %d positions says that it has %d", q.n, q.state.Len())
		}
	}
}

// deltaRules checks DeltaRule with sequences that are divided into steps in different places and share steps, with few and
// many rows, with forks and after a restart.
func (s *suite) deltaRules() {
	for _, r := range []kernels.DeltaRule{
		{Heads: 1, KeyHeads: 1, KeyDim: 16, ValueDim: 16},
		{Heads: 4, KeyHeads: 2, KeyDim: 32, ValueDim: 64},
		{Heads: 6, KeyHeads: 2, KeyDim: 33, ValueDim: 32, Cyclic: true},
		{Heads: 2, KeyHeads: 1, KeyDim: 128, ValueDim: 128},
		{Heads: 3, KeyHeads: 3, KeyDim: 24, ValueDim: 40},
	} {
		for _, perKey := range []bool{false, true} {
			s.deltaCase(&r, perKey)
		}
	}
}

func (s *suite) deltaCase(r *kernels.DeltaRule, perKey bool) {
	s.Helper()
	near := func(what string, q *deltaSequence) {
		s.near(name("DeltaRule %+v, a decay for each dimension %v, %s", *r, perKey, what), q.got, q.want, Float)
	}
	a, b := s.deltaSequence(r), s.deltaSequence(r)
	for _, rows := range [][]int{{1, 30}, {0, 1}, {7, 64}, {1, 2}, {1, 0}, {150, 3}, {2, 97}} {
		s.runDelta(r, perKey, rows, a, b)
	}
	near("short steps", a)
	near("long steps", b)
	f := s.forkDelta(a)
	s.runDelta(r, perKey, []int{5, 2}, a, b)
	s.runDelta(r, perKey, []int{33}, f)
	near("a fork", f)
	near("beside a fork", a)
	if a.state.Truncate(3) || !a.state.Truncate(0) {
		s.Error("the state of a delta rule is forgotten all or not at all")
	}
	a.n, a.got, a.want = 0, nil, nil
	clear(a.s)
	s.runDelta(r, perKey, []int{4}, a)
	near("a sequence that began anew", a)
}

// rule is the delta rule of badDeltaRules: two heads of 32 × 32 values.
var rule = &kernels.DeltaRule{Heads: 2, KeyHeads: 2, KeyDim: 32, ValueDim: 32}

// deltaStep begins a step of four rows of a sequence.
func (w *wrong) deltaStep(row, n, pos int) {
	w.again(w.span(kernels.Span{State: w.deltaSequence(rule).state, Row: row, N: n, Pos: pos}))
}

// delta runs DeltaRule on the tensors of w, with the columns of decay and beta that are right.
func (w *wrong) delta(layer int, r *kernels.DeltaRule) {
	w.st.DeltaRule(w.y, w.x, w.x, w.x, w.x.Slice(0, 2), w.x.Slice(2, 2), layer, r)
}

// badDeltaRules lists misuses of DeltaRule.
var badDeltaRules = []wrongCase{
	{"DeltaRule", "after End", ended, func(w *wrong) { w.delta(1, rule) }},
	{"DeltaRule", "dst is v", nil, func(w *wrong) {
		w.deltaStep(0, 4, 0)
		w.st.DeltaRule(w.x, w.y, w.y, w.x, w.y.Slice(0, 2), w.y.Slice(2, 2), 1, rule)
	}},
	{"DeltaRule", "keys of another step", nil, func(w *wrong) {
		w.deltaStep(0, 4, 0)
		w.st.DeltaRule(w.y, w.x, w.old, w.x, w.x.Slice(0, 2), w.x.Slice(2, 2), 1, rule)
	}},
	{"DeltaRule", "a layer of keys and values", nil, func(w *wrong) { w.deltaStep(0, 4, 0); w.delta(0, rule) }},
	{"DeltaRule", "a layer that is not there", nil, func(w *wrong) { w.deltaStep(0, 4, 0); w.delta(3, rule) }},
	{"DeltaRule", "a layer of another shape", nil, func(w *wrong) { w.deltaStep(0, 4, 0); w.delta(2, rule) }},
	{"DeltaRule", "heads that do not share", nil, func(w *wrong) {
		w.deltaStep(0, 4, 0)
		r := *rule
		r.KeyHeads = 3
		w.delta(1, &r)
	}},
	{"DeltaRule", "no heads", nil, func(w *wrong) { w.deltaStep(0, 4, 0); w.delta(1, &kernels.DeltaRule{}) }},
	{"DeltaRule", "columns of keys", nil, func(w *wrong) {
		w.deltaStep(0, 4, 0)
		w.st.DeltaRule(w.y, w.x, w.x.Slice(0, 32), w.x, w.x.Slice(0, 2), w.x.Slice(2, 2), 1, rule)
	}},
	{"DeltaRule", "columns of the decay", nil, func(w *wrong) {
		w.deltaStep(0, 4, 0)
		w.st.DeltaRule(w.y, w.x, w.x, w.x, w.x.Slice(0, 3), w.x.Slice(2, 2), 1, rule)
	}},
	{"DeltaRule", "columns of beta", nil, func(w *wrong) {
		w.deltaStep(0, 4, 0)
		w.st.DeltaRule(w.y, w.x, w.x, w.x, w.x.Slice(0, 2), w.x, 1, rule)
	}},
	{"DeltaRule", "rows", nil, func(w *wrong) {
		w.deltaStep(0, 3, 0)
		w.st.DeltaRule(w.y.Sub(0, 3), w.x, w.x, w.x, w.x.Slice(0, 2), w.x.Slice(2, 2), 1, rule)
	}},
	{"DeltaRule", "rows beyond the tensor", nil, func(w *wrong) { w.deltaStep(1, 4, 0); w.delta(1, rule) }},
	{"DeltaRule", "positions that the state has not reached", nil, func(w *wrong) { w.deltaStep(0, 4, 3); w.delta(1, rule) }},
	{"DeltaRule", "positions that the state has passed", nil, func(w *wrong) { w.deltaStep(0, 4, 0); w.delta(1, rule); w.delta(1, rule) }},
	{"DeltaRule", "two spans of one state", nil, func(w *wrong) {
		q := w.deltaSequence(rule)
		w.again(&kernels.Batch{Spans: []kernels.Span{{State: q.state, N: 2}, {State: q.state, Row: 2, N: 2, Pos: 2}}})
		w.delta(1, rule)
	}},
}
