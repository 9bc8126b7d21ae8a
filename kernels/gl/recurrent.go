//go:build (linux || windows) && cgo

package gl

import (
	"soberano/kernels"
	"soberano/kernels/contract"
)

// kept is what the state of a span keeps at a Recurrent layer: a buffer, and the place of the layer's values in it.
type kept struct {
	b  *buffer
	at int
}

// recurrent returns what the states of the spans keep at layer, a Recurrent layer of rows × cols values, to an operation that
// advances them by the rows of the spans, which lie within tensors of n rows.
func (s *step) recurrent(op string, layer, rows, cols, n int) []kept {
	s.kept = s.kept[:0]
	contract.CheckDistinct(op, s.Batch.Spans)
	for _, sp := range s.Batch.Spans {
		c := s.stateOf(op, sp)
		c.CheckRecurrent(op, sp, layer, rows, cols, n)
		s.kept = append(s.kept, s.advance(c, layer, sp))
	}
	return s.kept
}

// advance returns what a state keeps at a layer. It is not shared with other states.
func (s *step) advance(c *state, layer int, sp kernels.Span) kept {
	s.pager = pager{s, c}
	m := c.Advance(&s.pager, layer, sp.Pos, sp.N)
	if s.err != nil {
		return kept{nothing, 0}
	}
	f := &c.plan.layers[layer]
	return kept{m.slab.buffers[f.slot], m.index * f.words}
}

// slower is how many times as long as a multiplication with weights one of a recurrence takes, which reads and writes memory for it.
const slower = 8

// overSpan records dispatches for the rows of a span, each of which does so many multiplications for each of the columns. Their parameters are
// the number of rows, numbers, the beginning and the stride of each tensor, and more; their buffers are b, those of the tensors, and last.
func (s *step) overSpan(kernel string, cols, work int, sp kernels.Span, b *buffer, tensors []kernels.Tensor, last []*buffer, numbers []int, more ...int) {
	each := max(1, int(s.d.bound()/(slower*float64(cols)*float64(work))))
	for first := 0; first < sp.N; first += each {
		rows := min(each, sp.N-first)
		params, buffers := append([]int{rows}, numbers...), []*buffer{b}
		for i := range tensors {
			t := &tensors[i]
			params, buffers = append(params, t.Offset+(sp.Row+first)*t.Stride, t.Stride), append(buffers, bufferOf(t))
		}
		s.weigh(slower * float64(rows) * float64(cols) * float64(work))
		s.run(program{kernel: kernel}, over(cols), append(buffers, last...), append(params, more...)...)
	}
}

// ShortConv convolves the rows of each span with w along the sequence, separately for each column.
func (s *step) ShortConv(dst, x kernels.Tensor, w kernels.Vector, layer int) {
	const op = "ShortConv"
	s.Apart(op, &dst, &x)
	taps := s.d.vector(op, w)
	if !sameShape(dst, x) || x.Cols == 0 || len(taps.x) < 2*x.Cols || len(taps.x)%x.Cols != 0 {
		panic("gl: ShortConv: shapes differ")
	}
	width := len(taps.x) / x.Cols
	for i, k := range s.recurrent(op, layer, width-1, x.Cols, x.Rows) {
		sp := s.Batch.Spans[i]
		s.overSpan("shortconv", x.Cols, width, sp, k.b, []kernels.Tensor{dst, x}, []*buffer{taps.b}, []int{x.Cols, width, k.at})
	}
}

// Scan runs selective state spaces over the rows of each span.
func (s *step) Scan(dst, x, dt, b, c kernels.Tensor, layer int, p *kernels.Scan) {
	const op = "Scan"
	s.Apart(op, &dst, &x)
	s.Apart(op, &dst, &dt)
	s.Apart(op, &dst, &b)
	s.Apart(op, &dst, &c)
	if p.Heads <= 0 || p.Dim <= 0 || p.States <= 0 || p.Groups <= 0 || p.Heads%p.Groups != 0 {
		panic("gl: Scan: impossible heads")
	}
	for _, t := range []kernels.Tensor{x, dt, b, c} {
		if t.Rows != dst.Rows {
			panic("gl: Scan: shapes differ")
		}
	}
	if x.Cols != p.Heads*p.Dim || dst.Cols != x.Cols || dt.Cols != p.Heads || b.Cols != p.Groups*p.States || c.Cols != b.Cols {
		panic("gl: Scan: shapes differ")
	}
	a, bias, d := s.d.vector(op, p.A), s.d.each(op, p.Bias, p.Heads), s.d.each(op, p.D, p.Heads)
	each := p.Dim == 1 && len(a.x) == p.Heads*p.States
	if !each && len(a.x) != p.Heads {
		panic("gl: Scan: rates of other heads")
	}
	// A kernel may have eight bindings: the biases and D are copied into one tensor.
	extras := s.New(2, p.Heads)
	biasAt, dAt := s.extra(extras.Sub(0, 1), bias), s.extra(extras.Sub(1, 1), d)
	l := p.Layer()
	for i, k := range s.recurrent(op, layer, l.Rows, l.Cols, dst.Rows) {
		sp := s.Batch.Spans[i]
		s.overSpan("scan", x.Cols, 3*p.States, sp, k.b, []kernels.Tensor{dst, x, dt, b, c}, []*buffer{a.b, bufferOf(&extras)},
			[]int{p.Heads, p.Dim, p.States, p.Groups, k.at}, flag(each), biasAt, dAt)
	}
}

// extra copies the values of v to t and returns their place; -1 if v is nil.
func (s *step) extra(t kernels.Tensor, v *vector) int {
	if v == nil {
		return -1
	}
	s.element(opCopy, t, kernels.Tensor{Rows: 1, Cols: t.Cols, Stride: t.Cols, Buffer: v.b}, kernels.Tensor{})
	return t.Offset
}

// DeltaRule runs the gated delta rule over the rows of each span.
func (s *step) DeltaRule(dst, q, k, v, decay, beta kernels.Tensor, layer int, r *kernels.DeltaRule) {
	const op = "DeltaRule"
	s.Apart(op, &dst, &q)
	s.Apart(op, &dst, &k)
	s.Apart(op, &dst, &v)
	s.Apart(op, &dst, &decay)
	s.Apart(op, &dst, &beta)
	for _, t := range []kernels.Tensor{q, k, v, decay, beta} {
		if t.Rows != dst.Rows {
			panic("gl: DeltaRule: shapes differ")
		}
	}
	if r.Heads <= 0 || r.KeyHeads <= 0 || r.Heads%r.KeyHeads != 0 || r.KeyDim <= 0 || r.ValueDim <= 0 {
		panic("gl: DeltaRule: impossible heads")
	}
	perKey := decay.Cols == r.Heads*r.KeyDim && r.KeyDim > 1
	if q.Cols != r.KeyHeads*r.KeyDim || k.Cols != q.Cols || v.Cols != r.Heads*r.ValueDim || dst.Cols != v.Cols ||
		beta.Cols != r.Heads || decay.Cols != r.Heads && !perKey {
		panic("gl: DeltaRule: shapes differ")
	}
	l := r.Layer()
	for i, have := range s.recurrent(op, layer, l.Rows, l.Cols, dst.Rows) {
		sp := s.Batch.Spans[i]
		s.overSpan("delta", dst.Cols, 4*r.KeyDim, sp, have.b, []kernels.Tensor{dst, q, k, v, decay, beta}, nil,
			[]int{r.Heads, r.KeyHeads, r.KeyDim, r.ValueDim, flag(r.Cyclic), flag(perKey), have.at})
	}
}

// WKV runs the recurrence of RWKV-7 over the rows of each span.
func (s *step) WKV(dst, r, decay, k, v, a, b kernels.Tensor, layer, heads int) {
	const op = "WKV"
	s.Apart(op, &dst, &r)
	s.Apart(op, &dst, &decay)
	s.Apart(op, &dst, &k)
	s.Apart(op, &dst, &v)
	s.Apart(op, &dst, &a)
	s.Apart(op, &dst, &b)
	for _, t := range []kernels.Tensor{r, decay, k, v, a, b} {
		if !sameShape(t, dst) {
			panic("gl: WKV: shapes differ")
		}
	}
	if heads <= 0 || dst.Cols == 0 || dst.Cols%heads != 0 {
		panic("gl: WKV: impossible heads")
	}
	dim := dst.Cols / heads
	for i, have := range s.recurrent(op, layer, dst.Cols, dim, dst.Rows) {
		sp := s.Batch.Spans[i]
		s.overSpan("wkv", dst.Cols, 5*dim, sp, have.b, []kernels.Tensor{dst, r, decay, k, v, a, b}, nil,
			[]int{dst.Cols, dim, have.at})
	}
}
