package cpu

import (
	"math"

	"soberano/kernels"
)

const (
	// deltaChunk is the number of rows that are taken at once, as matrix products.
	deltaChunk = 64
	// leastDelta is the number of rows from which on they are.
	leastDelta = 8
)

// deltaJob is a DeltaRule in progress. A unit of work is one head of queries and keys of one span, with all heads of values
// that use it.
//
// The state of a head, S, [KeyDim × ValueDim], lies in panels of 32 columns, each [KeyDim][32]; if ValueDim is not a
// multiple of 32, the last panel is narrower. It is the layout of a panel of float32 weights (dTileGo), so that products with S, and
// with the transposed keys in the same layout, are tiles. A single row takes each panel through the first-level cache
// once: S is read from memory once and written once.
type deltaJob struct {
	lv      level
	rule    kernels.DeltaRule
	dst     kernels.Tensor
	q, k, v kernels.Tensor
	decay   kernels.Tensor
	beta    kernels.Tensor
	perKey  bool // there is a decay for each dimension of a key
	spans   []kernels.Span
	states  [][]float32 // of each span: S of each head
	scratch []deltaScratch
	run     job
}

// deltaScratch is the memory of one worker.
type deltaScratch struct {
	// For one row.
	kq   []float32 // [2][KeyDim]: the key and the query, each multiplied by the decay
	both []float32 // [KeyDim]: products of query and key
	wide []float32 // [KeyDim][32]: the decay of each dimension of a key, 32 times
	out  [2 * 32]float32
	step [32]float32 // β·(v - Sᵀ·k)
	// For a chunk of rows.
	keys   []float32           // [2][KeyDim][32]: transposed keys in panels of 32 rows
	kk, qk []float32           // [deltaChunk][deltaChunk]: products of keys, and of queries, with keys
	lower  []float32           // [deltaChunk][deltaChunk]: how a row's step depends on those of the rows before it
	mixed  []float32           // [deltaChunk][deltaChunk]: how a row's output depends on the steps
	steps  []float32           // [deltaChunk][32]: β·(v - Sᵀ·k) of each row, a panel
	since  []float32           // [deltaChunk]: decay from after each row to the current one
	all    [deltaChunk]float32 // decay from the chunk's beginning to each row
}

func (j *deltaJob) init(d *device) {
	j.lv = d.lv
	j.scratch = make([]deltaScratch, d.pool.threads)
	j.run = j.chunk
}

// grow makes the memory large enough for keys of n dimensions.
func (w *deltaScratch) grow(n int) {
	if len(w.kk) == 0 {
		const square = deltaChunk * deltaChunk
		w.kk, w.qk, w.lower, w.mixed = alignedF32(square), alignedF32(square), alignedF32(square), alignedF32(square)
		w.steps, w.since = alignedF32(deltaChunk*32), alignedF32(deltaChunk)
	}
	if len(w.kq) < 2*n {
		w.kq, w.both, w.wide, w.keys = alignedF32(2*n), alignedF32(n), alignedF32(32*n), alignedF32(deltaChunk*n)
	}
}

// DeltaRule runs the gated delta rule over the rows of each span.
func (s *step) DeltaRule(dst, q, k, v, decay, beta kernels.Tensor, layer int, r *kernels.DeltaRule) {
	const op = "DeltaRule"
	for _, x := range []*kernels.Tensor{&q, &k, &v, &decay, &beta} {
		s.Apart(op, &dst, x)
		if x.Rows != dst.Rows {
			panic("cpu: DeltaRule: shapes differ")
		}
	}
	if r.Heads <= 0 || r.KeyHeads <= 0 || r.Heads%r.KeyHeads != 0 || r.KeyDim <= 0 || r.ValueDim <= 0 {
		panic("cpu: DeltaRule: impossible heads")
	}
	perKey := decay.Cols == r.Heads*r.KeyDim && r.KeyDim > 1
	if q.Cols != r.KeyHeads*r.KeyDim || k.Cols != q.Cols || v.Cols != r.Heads*r.ValueDim || dst.Cols != v.Cols ||
		beta.Cols != r.Heads || decay.Cols != r.Heads && !perKey {
		panic("cpu: DeltaRule: shapes differ")
	}
	j := &s.d.delta
	l := r.Layer()
	j.states = s.recurrent(op, j.states[:0], layer, l.Rows, l.Cols, dst.Rows)
	j.rule, j.dst, j.q, j.k, j.v, j.decay, j.beta, j.perKey, j.spans = *r, dst, q, k, v, decay, beta, perKey, s.Batch.Spans
	s.d.do(len(j.spans)*r.KeyHeads, &j.run)
	j.spans = nil
	clear(j.states)
}

// chunk computes unit c.
func (j *deltaJob) chunk(worker, c int) {
	w, r := &j.scratch[worker], &j.rule
	span, head := c/r.KeyHeads, c%r.KeyHeads
	w.grow(r.KeyDim)
	sp := &j.spans[span]
	for from := 0; from < sp.N; from += deltaChunk {
		j.rows(w, head, j.states[span], sp.Row+from, min(deltaChunk, sp.N-from))
	}
}

// rows computes rows row … row+n-1 for a head of queries and keys.
func (j *deltaJob) rows(w *deltaScratch, head int, states []float32, row, n int) {
	r := &j.rule
	tiles := r.ValueDim%32 == 0
	together := tiles && !j.perKey && n >= leastDelta
	if together {
		j.products(w, head, row, n)
	}
	for h := range r.Heads {
		if r.KeyHead(h) != head {
			continue
		}
		s := states[h*r.KeyDim*r.ValueDim:][:r.KeyDim*r.ValueDim]
		switch {
		case together:
			j.together(w, h, s, row, n)
		case tiles:
			j.oneByOne(w, h, s, row, n)
		default:
			j.plain(w, h, s, row, n)
		}
	}
}

// head returns the columns of head h of row r of x, whose heads have n columns.
func head(x kernels.Tensor, r, h, n int) []float32 { return x.Row(r)[h*n:][:n] }

// plain computes n rows of head h as the rule is defined, for heads of any width.
func (j *deltaJob) plain(w *deltaScratch, h int, s []float32, row, n int) {
	keyDim, valueDim, from := j.rule.KeyDim, j.rule.ValueDim, j.rule.KeyHead(h)
	decay := w.kq[:keyDim]
	for t := row; t < row+n; t++ {
		q, k := head(j.q, t, from, keyDim), head(j.k, t, from, keyDim)
		for i := range decay {
			decay[i] = j.decayOf(t, h, i)
		}
		beta := j.beta.Row(t)[h]
		for at := 0; at < valueDim; at += 32 {
			width := min(32, valueDim-at)
			panel := s[at*keyDim:][:width*keyDim]
			v, y := head(j.v, t, h, valueDim)[at:][:width], head(j.dst, t, h, valueDim)[at:][:width]
			plainPanel(panel, decay, q, k, v, y, beta)
		}
	}
}

// decayOf returns the factor of dimension i of the keys of head h at row t.
func (j *deltaJob) decayOf(t, h, i int) float32 {
	if j.perKey {
		h = h*j.rule.KeyDim + i
	}
	return float32(math.Exp(float64(j.decay.Row(t)[h])))
}

// plainPanel computes the columns of one row that belong to a panel of the state, [len(k)][len(v)].
func plainPanel(panel, decay, q, k, v, y []float32, beta float32) {
	width := len(v)
	clear(y)
	for i, x := range k {
		s := panel[i*width:][:width]
		for c := range s {
			s[c] *= decay[i]
			y[c] += s[c] * x
		}
	}
	var step [32]float32
	for c := range v {
		step[c] = beta * (v[c] - y[c])
	}
	clear(y)
	for i, x := range k {
		s := panel[i*width:][:width]
		for c := range s {
			s[c] += x * step[c]
			y[c] += s[c] * q[i]
		}
	}
}

// oneByOne computes n rows of head h one after the other. A panel is read for the products of the decayed state with key and
// query at once; the output follows from the latter and q·k.
func (j *deltaJob) oneByOne(w *deltaScratch, h int, s []float32, row, n int) {
	keyDim, valueDim, from := j.rule.KeyDim, j.rule.ValueDim, j.rule.KeyHead(h)
	for t := row; t < row+n; t++ {
		q, k, beta := head(j.q, t, from, keyDim), head(j.k, t, from, keyDim), j.beta.Row(t)[h]
		w.decay(j, q, k, t, h)
		scaleMul(j.lv, w.both[:keyDim], q, k, 1)
		qk := sum(j.lv, w.both[:keyDim])
		for at := 0; at < valueDim; at += 32 {
			panel := s[at*keyDim:][:32*keyDim]
			v, y := head(j.v, t, h, valueDim)[at:][:32], head(j.dst, t, h, valueDim)[at:][:32]
			dTile(j.lv, kindF32, w.out[:], 32, w.kq, keyDim, asBytes(panel), keyDim, 2, false)
			for c := range w.step {
				w.step[c] = beta * (v[c] - w.out[c])
				y[c] = w.out[32+c] + qk*w.step[c]
			}
			if j.perKey {
				scaleMul(j.lv, panel, panel, w.wide, 1)
			} else {
				scaleTo(j.lv, panel, panel, j.decayOf(t, h, 0))
			}
			dTile(j.lv, kindF32, panel, 32, k, 1, asBytes(w.step[:]), 1, keyDim, true)
		}
	}
}

// decay multiplies key and query of head h by the decay of row t and, if there is one for each dimension, sets w.wide.
func (w *deltaScratch) decay(j *deltaJob, q, k []float32, t, h int) {
	n := len(k)
	if !j.perKey {
		d := j.decayOf(t, h, 0)
		scaleTo(j.lv, w.kq[:n], k, d)
		scaleTo(j.lv, w.kq[n:2*n], q, d)
		return
	}
	for i := range k {
		d := j.decayOf(t, h, i)
		w.kq[i], w.kq[n+i] = k[i]*d, q[i]*d
		wide := w.wide[32*i:][:32]
		for c := range wide {
			wide[c] = d
		}
	}
}
