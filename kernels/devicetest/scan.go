package devicetest

import (
	"math"
	"slices"

	"soberano/kernels"
)

// scanCase is a scan with the values of its vectors.
type scanCase struct {
	kernels.Scan
	a, bias, d []float32
}

// scanCases lists scans: heads of several widths, some of them with a rate for each state.
var scanCases = []kernels.Scan{
	{Heads: 3, Dim: 64, States: 16, Groups: 1}, {Heads: 4, Dim: 80, States: 7, Groups: 2}, {Heads: 2, Dim: 8, States: 5, Groups: 2},
	{Heads: 70, Dim: 1, States: 16, Groups: 1}, {Heads: 130, Dim: 1, States: 3, Groups: 2},
}

func (s *suite) scanCase(p kernels.Scan, extras bool) *scanCase {
	c := &scanCase{Scan: p}
	rates := p.Heads
	if p.Dim == 1 {
		rates *= p.States
	}
	for range rates {
		c.a = append(c.a, -2*s.r.Float32())
	}
	c.A = s.vector(c.a)
	c.bias, c.d = make([]float32, p.Heads), make([]float32, p.Heads)
	if extras {
		c.bias, c.d = Gauss(s.r, p.Heads), Gauss(s.r, p.Heads)
		c.Bias, c.D = s.vector(c.bias), s.vector(c.d)
	}
	return c
}

// scanned is a sequence over which a scan runs, with what the reference implementation keeps of it.
type scanned struct {
	state kernels.State
	s     []float64 // [Heads·Dim][States]
	n     int       // rows so far
	got   []float32
	want  []float64
}

func (s *suite) scanned(p *kernels.Scan) *scanned {
	s.Helper()
	state, err := s.d.NewState(kernels.StateShape{Cap: 1000, Layers: []kernels.Layer{
		{KVHeads: 1, KeyDim: 32, ValueDim: 32}, p.Layer(), {Kind: kernels.Recurrent, Rows: 1, Cols: 3},
	}})
	if err != nil {
		s.Fatalf("NewState: %v", err)
	}
	return &scanned{state: state, s: make([]float64, p.Heads*p.Dim*p.States)}
}

func (s *suite) forkScanned(q *scanned) *scanned {
	s.Helper()
	state, err := q.state.Fork()
	if err != nil {
		s.Fatalf("Fork: %v", err)
	}
	return &scanned{state, slices.Clone(q.s), q.n, slices.Clone(q.got), slices.Clone(q.want)}
}

// advance computes one row in float64.
func (q *scanned) advance(p *scanCase, x, dt, b, c []float32) {
	for h := range p.Heads {
		delta := float64(dt[h]) + float64(p.bias[h])
		delta = max(delta, 0) + math.Log1p(math.Exp(-math.Abs(delta)))
		group := h / (p.Heads / p.Groups) * p.States
		for col := h * p.Dim; col < (h+1)*p.Dim; col++ {
			y := float64(p.d[h]) * float64(x[col])
			for i := range p.States {
				rate := p.a[min(h, len(p.a)-1)]
				if len(p.a) > p.Heads {
					rate = p.a[h*p.States+i]
				}
				v := &q.s[col*p.States+i]
				*v = *v*math.Exp(delta*float64(rate)) + delta*float64(x[col])*float64(b[group+i])
				y += *v * float64(c[group+i])
			}
			q.want = append(q.want, y)
		}
	}
	q.n++
}

// scan adds n[i] rows to sequence i, all in one step. The rows between those of the sequences belong to no sequence.
func (s *suite) scan(p *scanCase, n []int, all ...*scanned) {
	s.Helper()
	batch, rows := &kernels.Batch{}, 1
	for i, q := range all {
		batch.Spans = append(batch.Spans, kernels.Span{State: q.state, Row: rows, N: n[i], Pos: q.n})
		rows += n[i] + 1
	}
	cols, shared := p.Heads*p.Dim, p.Groups*p.States
	x, dt, b, c := Gauss(s.r, rows*cols), Gauss(s.r, rows*p.Heads), Gauss(s.r, rows*shared), Gauss(s.r, rows*shared)
	before := Gauss(s.r, rows*cols)
	y := s.step(batch, func(st kernels.Step) []kernels.Tensor {
		dst := view(st, before, rows, cols)
		st.Scan(dst, view(st, x, rows, cols), view(st, dt, rows, p.Heads), view(st, b, rows, shared), view(st, c, rows, shared), 1, &p.Scan)
		return []kernels.Tensor{dst}
	})[0]
	free := 0
	for i, q := range all {
		at := batch.Spans[i].Row
		if !slices.Equal(y[free*cols:at*cols], before[free*cols:at*cols]) {
			s.Errorf("Scan: a row of no sequence was written")
		}
		free = at + n[i]
		for t := at; t < free; t++ {
			q.advance(p, x[t*cols:], dt[t*p.Heads:], b[t*shared:], c[t*shared:])
		}
		q.got = append(q.got, y[at*cols:free*cols]...)
	}
}

// scans checks Scan with sequences that are divided into steps in different places and share steps, and with forks.
func (s *suite) scans() {
	for i, shape := range scanCases {
		p := s.scanCase(shape, i%2 == 0)
		a, b := s.scanned(&p.Scan), s.scanned(&p.Scan)
		for _, rows := range [][]int{{1, 30}, {0, 1}, {7, 1}, {1, 0}, {33, 3}} {
			s.scan(p, rows, a, b)
		}
		f := s.forkScanned(a)
		s.scan(p, []int{5, 2}, a, b)
		s.scan(p, []int{3}, f)
		for _, q := range []*scanned{a, b, f} {
			s.near(name("Scan of %d heads of %d columns", p.Heads, p.Dim), q.got, q.want, Float)
		}
		if a.state.Truncate(3) || !a.state.Truncate(0) {
			s.Error("the states of a scan are forgotten all or not at all")
		}
		a.s, a.n, a.got, a.want = make([]float64, len(a.s)), 0, nil, nil
		s.scan(p, []int{4}, a)
		s.near("Scan of a sequence that began anew", a.got, a.want, Float)
	}
}

// scanning begins a step of four rows of a sequence for a scan of two heads of 32 columns with 8 states.
func (w *wrong) scanning(pos int) *kernels.Scan {
	p := w.scanCase(kernels.Scan{Heads: 2, Dim: 32, States: 8, Groups: 1}, true)
	w.again(w.span(kernels.Span{State: w.scanned(&p.Scan).state, Row: 0, N: 4, Pos: pos}))
	return &p.Scan
}

// scanWith runs a scan whose tensors have the right shapes.
func (w *wrong) scanWith(layer int, p *kernels.Scan) {
	w.st.Scan(w.y, w.x, w.x.Slice(0, 2), w.x.Slice(0, 8), w.x.Slice(8, 8), layer, p)
}

// badScans lists scans that do not match their tensors or what a layer keeps.
var badScans = []wrongCase{
	{"Scan", "after End", ended, func(w *wrong) { w.scanWith(1, &kernels.Scan{Heads: 2, Dim: 32, States: 8, Groups: 1, A: w.one}) }},
	{"Scan", "dst is x", nil, func(w *wrong) {
		p := w.scanning(0)
		w.st.Scan(w.x, w.x, w.x.Slice(0, 2), w.x.Slice(0, 8), w.x.Slice(8, 8), 1, p)
	}},
	{"Scan", "a layer of keys and values", nil, func(w *wrong) { w.scanWith(0, w.scanning(0)) }},
	{"Scan", "a layer of another operation", nil, func(w *wrong) { w.scanWith(2, w.scanning(0)) }},
	{"Scan", "a layer that is not there", nil, func(w *wrong) { w.scanWith(3, w.scanning(0)) }},
	{"Scan", "positions that the state has not reached", nil, func(w *wrong) { w.scanWith(1, w.scanning(2)) }},
	{"Scan", "columns of b", nil, func(w *wrong) {
		p := w.scanning(0)
		w.st.Scan(w.y, w.x, w.x.Slice(0, 2), w.x.Slice(0, 7), w.x.Slice(8, 8), 1, p)
	}},
	{"Scan", "columns of dt", nil, func(w *wrong) {
		p := w.scanning(0)
		w.st.Scan(w.y, w.x, w.x.Slice(0, 3), w.x.Slice(0, 8), w.x.Slice(8, 8), 1, p)
	}},
	{"Scan", "rates of other heads", nil, func(w *wrong) { p := w.scanning(0); p.A = w.one; w.scanWith(1, p) }},
	{"Scan", "a bias of other heads", nil, func(w *wrong) { p := w.scanning(0); p.Bias = w.one; w.scanWith(1, p) }},
	{"Scan", "no groups", nil, func(w *wrong) { p := w.scanning(0); p.Groups = 0; w.scanWith(1, p) }},
}
