package devicetest

import (
	"math"
	"slices"

	"soberano/kernels"
)

// wkvSequence is a sequence over which WKV runs, with what the reference implementation keeps of it.
type wkvSequence struct {
	state kernels.State
	s     []float64 // [heads][dim][dim]
	n     int       // rows so far
	got   []float32
	want  []float64
}

func (s *suite) wkvSequence(heads, dim int) *wkvSequence {
	s.Helper()
	state, err := s.d.NewState(kernels.StateShape{Cap: 1000, Layers: []kernels.Layer{
		{KVHeads: 1, KeyDim: 32, ValueDim: 32}, {Kind: kernels.Recurrent, Rows: heads * dim, Cols: dim}, {Kind: kernels.Recurrent, Rows: 1, Cols: 3},
	}})
	if err != nil {
		s.Fatalf("NewState: %v", err)
	}
	return &wkvSequence{state: state, s: make([]float64, heads*dim*dim)}
}

func (s *suite) forkWKV(q *wkvSequence) *wkvSequence {
	s.Helper()
	state, err := q.state.Fork()
	if err != nil {
		s.Fatalf("Fork: %v", err)
	}
	return &wkvSequence{state, slices.Clone(q.s), q.n, slices.Clone(q.got), slices.Clone(q.want)}
}

// wkvRow is the input of one row: r, decay, k, v, a and b.
type wkvRow [6][]float32

// advance computes one row in float64.
func (q *wkvSequence) advance(in wkvRow, heads, dim int) {
	for h := range heads {
		var x [6][]float32
		for i := range in {
			x[i] = in[i][h*dim:][:dim]
		}
		s, y, sum := q.s[h*dim*dim:], make([]float64, dim), make([]float64, dim)
		for i := range dim {
			for c := range dim {
				sum[c] += float64(x[4][i]) * s[i*dim+c]
			}
		}
		for i := range dim {
			for c := range dim {
				s[i*dim+c] = s[i*dim+c]*math.Exp(float64(x[1][i])) + float64(x[5][i])*sum[c] + float64(x[2][i])*float64(x[3][c])
				y[c] += float64(x[0][i]) * s[i*dim+c]
			}
		}
		q.want = append(q.want, y...)
	}
	q.n++
}

// wkv adds n[i] rows to sequence i, all in one step. The rows between those of the sequences belong to no sequence.
func (s *suite) wkv(heads, dim int, n []int, all ...*wkvSequence) {
	s.Helper()
	batch, rows, cols := &kernels.Batch{}, 1, heads*dim
	for i, q := range all {
		batch.Spans = append(batch.Spans, kernels.Span{State: q.state, Row: rows, N: n[i], Pos: q.n})
		rows += n[i] + 1
	}
	var in [6][]float32
	for i := range in {
		in[i] = Gauss(s.r, rows*cols)
	}
	for i := range in[1] {
		in[1][i] = -0.7 * s.r.Float32() // decays
		in[4][i] /= float32(2 * dim)    // a and b in proportion, so that S does not grow
	}
	before := Gauss(s.r, rows*cols)
	y := s.step(batch, func(st kernels.Step) []kernels.Tensor {
		var t [6]kernels.Tensor
		for i := range t {
			t[i] = view(st, in[i], rows, cols)
		}
		dst := view(st, before, rows, cols)
		st.WKV(dst, t[0], t[1], t[2], t[3], t[4], t[5], 1, heads)
		return []kernels.Tensor{dst}
	})[0]
	free := 0
	for i, q := range all {
		at := batch.Spans[i].Row
		if !slices.Equal(y[free*cols:at*cols], before[free*cols:at*cols]) {
			s.Errorf("WKV: a row of no sequence was written")
		}
		free = at + n[i]
		for t := at; t < free; t++ {
			var row wkvRow
			for i := range row {
				row[i] = in[i][t*cols:][:cols]
			}
			q.advance(row, heads, dim)
		}
		q.got = append(q.got, y[at*cols:free*cols]...)
	}
}

// wkvs checks WKV with sequences that are divided into steps in different places and share steps, and with forks.
func (s *suite) wkvs() {
	for _, shape := range [][2]int{{3, 64}, {2, 40}, {5, 8}} {
		heads, dim := shape[0], shape[1]
		a, b := s.wkvSequence(heads, dim), s.wkvSequence(heads, dim)
		for _, rows := range [][]int{{1, 30}, {0, 1}, {7, 1}, {1, 0}, {33, 3}} {
			s.wkv(heads, dim, rows, a, b)
		}
		f := s.forkWKV(a)
		s.wkv(heads, dim, []int{5, 2}, a, b)
		s.wkv(heads, dim, []int{3}, f)
		for _, q := range []*wkvSequence{a, b, f} {
			s.near(name("WKV of %d heads of %d", heads, dim), q.got, q.want, Float)
		}
	}
}

// wkving begins a step of four rows of a sequence for WKV with two heads of 32.
func (w *wrong) wkving(pos int) {
	w.again(w.span(kernels.Span{State: w.wkvSequence(2, 32).state, Row: 0, N: 4, Pos: pos}))
}

func (w *wrong) wkvWith(layer, heads int) { w.st.WKV(w.y, w.x, w.x, w.x, w.x, w.x, w.x, layer, heads) }

// badWKVs lists uses of WKV that do not match their tensors or what a layer keeps.
var badWKVs = []wrongCase{
	{"WKV", "after End", ended, func(w *wrong) { w.wkvWith(1, 2) }},
	{"WKV", "dst is an input", nil, func(w *wrong) { w.wkving(0); w.st.WKV(w.x, w.x, w.x, w.x, w.x, w.x, w.x, 1, 2) }},
	{"WKV", "columns", nil, func(w *wrong) {
		w.wkving(0)
		w.st.WKV(w.y, w.x, w.x.Slice(0, 32), w.x, w.x, w.x, w.x, 1, 2)
	}},
	{"WKV", "heads", nil, func(w *wrong) { w.wkving(0); w.wkvWith(1, 3) }},
	{"WKV", "no heads", nil, func(w *wrong) { w.wkving(0); w.wkvWith(1, 0) }},
	{"WKV", "other heads than the layer has", nil, func(w *wrong) { w.wkving(0); w.wkvWith(1, 4) }},
	{"WKV", "a layer of keys and values", nil, func(w *wrong) { w.wkving(0); w.wkvWith(0, 2) }},
	{"WKV", "positions that the state has not reached", nil, func(w *wrong) { w.wkving(2); w.wkvWith(1, 2) }},
}
