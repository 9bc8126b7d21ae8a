package cpu

import (
	"math"

	"soberano/kernels"
)

const (
	unitRows = 12       // query rows in a unit
	keyBlock = 4 * page // keys in a block
	// scoreStride is the distance between rows of scores. It is not a power of two, which would map all
	// twelve rows to the same cache sets.
	scoreStride = keyBlock + 16
)

// unit is a piece of work: twelve query rows of one span and one key/value head, and of the keys that these
// rows attend to, part number part of parts.
type unit struct{ span, head, row, part, parts int32 }

// wideSlots is how many pages a worker keeps converted to float32. leastWideRows is the number of query rows of a
// head from which on that is faster: in a prompt the same page is multiplied with many
// units, and converting it for each of them takes a sixth of the time.
const (
	wideSlots     = 8
	leastWideRows = 48
)

// widePage has the keys and values of one head in a page, converted from float16 to float32.
type widePage struct {
	pageID
	keys   []float32 // [page/32][headDim][32]
	values []float32 // [headDim rounded up to 32, /32][page][32]
}

// attendJob is an attention operation over cached keys and values.
//
// Each key/value head serves a group of query heads. The query rows of a group are ordered by token, then by head,
// and twelve of them make a unit of work (one tile of dtile.go). All heads of a group therefore share each
// key that is loaded, for a prompt as well as for a single token:
//
//	rows (token, head of the group)     keys, four pages at a time
//	12 × headDim  q·scale  ──▶  12 × 1024 scores ──▶ exp(score - max) ──▶ · values
//	                                                 running max and sum   12 × headDim
//
// If a step has too few units to keep all workers busy, such as a single token over a long context, the keys of
// each unit are split into parts, whose results are combined at the end (Dao et al. 2023, "Flash-Decoding for
// long-context inference").
//
// The scores of a unit stay in the second-level cache, whatever the length of the context
// (Dao et al. 2022, arXiv:2205.14135; the running softmax is Milakov and
// Gimelshein's, arXiv:1805.02867).
type attendJob struct {
	lv      level
	number  int // number of attention operations so far
	dst, q  kernels.Tensor
	spans   []kernels.Span
	layer   int
	a       kernels.Attention
	slopes  []float32 // values of a.Slopes; nil: none
	sinks   []float32 // of the query heads; nil if there are none
	units   []unit
	parts   []partial // results of the parts, indexed like units
	step    int       // units in a chunk
	scratch []attendScratch
	run     job
}

// attendScratch is the scratch memory of one worker.
type attendScratch struct {
	q      []float32 // [12][headDim]
	scores []float32 // [12][scoreStride]
	out    []float32 // [12][headDim rounded up to 32]
	lo, hi [unitRows]int
	max    [unitRows]float32
	sum    [unitRows]float32
	wide   [wideSlots]widePage
	b8     scratch8
	b16    scratch16
}

// init prepares the job for the workers of d.
func (j *attendJob) init(d *device) {
	j.lv = d.lv
	j.scratch = make([]attendScratch, d.pool.threads)
	j.run = j.chunk
}

// Attend writes softmax(scale·q·kᵀ)·v of each span to dst. q is [rows][heads × key dimensions] and dst [rows][heads ×
// value dimensions].
func (s *step) Attend(dst, q kernels.Tensor, layer int, a *kernels.Attention) {
	s.attend("Attend", dst, q, layer, a, s.Spans(a), kernels.KeysValues)
}

// AttendLatent is Attend for a latent layer.
func (s *step) AttendLatent(dst, q kernels.Tensor, layer int, a *kernels.Attention) {
	s.attend("AttendLatent", dst, q, layer, a, s.Batch.Spans, kernels.Latent)
}

// attend checks the arguments, divides the work into units, runs them on the workers, and joins their parts.
func (s *step) attend(op string, dst, q kernels.Tensor, layer int, a *kernels.Attention, spans []kernels.Span, kind kernels.LayerKind) {
	key, value := a.Dims()
	if key == value {
		s.Same(op, &dst, &q)
	} else {
		s.Apart(op, &dst, &q)
	}
	if q.Cols != a.Heads*key || dst.Cols != a.Heads*value || dst.Rows != q.Rows || a.KVHeads <= 0 || a.Heads%a.KVHeads != 0 {
		panic("cpu: " + op + ": shapes differ")
	}
	d := s.d
	j := &d.at
	j.number++
	j.dst, j.q, j.spans, j.layer, j.a, j.sinks, j.slopes = dst, q, spans, layer, *a, nil, nil
	if a.Slopes != nil {
		if a.SoftCap > 0 {
			panic("cpu: " + op + ": slopes and a soft cap")
		}
		j.slopes = d.each(op, a.Slopes, a.Heads)
	}
	if a.Sinks != nil {
		j.sinks = d.each(op, a.Sinks, a.Heads)
	}
	for _, sp := range j.spans {
		d.stateOf(op, sp).CheckAttend(op, sp, layer, q.Rows, a, kind)
	}
	j.cut(d.pool.threads)
	j.step = 1 + len(j.units)/(maxChunks/2)
	d.do((len(j.units)+j.step-1)/j.step, &j.run)
	j.join()
	j.spans = nil
}

// cut divides the operation into units.
func (j *attendJob) cut(threads int) {
	group := j.a.Heads / j.a.KVHeads
	j.units = j.units[:0]
	for i, s := range j.spans {
		rows := s.N * group
		parts := 1
		if n := (rows + unitRows - 1) / unitRows * j.a.KVHeads * len(j.spans); n > 0 && threads > 1 && n < 4*threads {
			parts = max(1, min(4*threads/n, j.seen(s)/leastPart))
		}
		for h := range j.a.KVHeads {
			for r := 0; r < rows; r += unitRows {
				for p := range parts {
					j.units = append(j.units, unit{int32(i), int32(h), int32(r), int32(p), int32(parts)})
				}
			}
		}
	}
	for len(j.parts) < len(j.units) {
		j.parts = append(j.parts, partial{})
	}
}

// seen returns how many keys the last row of a span attends to.
func (j *attendJob) seen(s kernels.Span) int {
	switch n := s.Pos + s.N; {
	case !j.a.Causal && j.a.Window > 0:
		return min(s.Len-s.From, j.a.Window+1)
	case !j.a.Causal:
		return s.Len - s.From
	default:
		return n - j.a.First(n-1)
	}
}

// layerOf returns what the state of a span holds for the job's layer.
func (j *attendJob) layerOf(s kernels.Span) keysValues { return s.State.(*state).layer(j.layer) }

// chunk computes the units of chunk c.
func (j *attendJob) chunk(worker, c int) {
	for i := c * j.step; i < min((c+1)*j.step, len(j.units)); i++ {
		j.unit(&j.scratch[worker], i)
	}
}

// grow makes the buffers large enough for a unit with these dimensions.
func (w *attendScratch) grow(headDim, dims int) {
	if len(w.scores) == 0 {
		w.scores = alignedF32(unitRows * scoreStride)
	}
	if len(w.out) < unitRows*dims {
		w.q, w.out = alignedF32(unitRows*headDim), alignedF32(unitRows*dims)
	}
	if len(w.q) < unitRows*headDim {
		w.q = alignedF32(unitRows * headDim)
	}
}

// unit computes unit number at of the operation: up to twelve rows, or one part of them.
func (j *attendJob) unit(w *attendScratch, at int) {
	u := j.units[at]
	s := j.spans[u.span]
	c := j.layerOf(s)
	group := j.a.Heads / j.a.KVHeads
	n := min(unitRows, s.N*group-int(u.row))
	w.grow(j.a.HeadDim, c.dims)
	lo, hi := j.load(w, &c, s, u, n, group)
	if u.parts > 1 {
		lo, hi = u.piece(lo, hi)
	}
	clear(w.out[:n*c.dims])
	in8 := c.ints()
	if in8 {
		w.b8.grow(j.a.HeadDim)
		j.load8(w, s, u, n, group)
	}
	wide := c.kind == kindF16 && j.lv.x86() && s.N*group >= leastWideRows && (hi-1)/page-lo/page < wideSlots
	in16 := wide && c.words
	if in16 {
		w.b16.grow(j.a.HeadDim)
		j.load16(w, n)
	}
	for b := lo &^ 31; b < hi; b += keyBlock {
		switch e := min(b+keyBlock, hi); {
		case in8:
			j.block8(w, &c, u, n, b, e)
		case in16:
			j.block16(w, &c, s, u, n, b, e)
		default:
			j.block(w, &c, u, wide, n, b, e)
		}
	}
	if u.parts > 1 {
		p := &j.parts[at]
		p.out = append(p.out[:0], w.out[:n*c.dims]...)
		p.max, p.sum = w.max, w.sum
		return
	}
	_, d := j.a.Dims()
	for i := range n {
		t, h := j.place(s, u, i, group)
		scaleTo(j.lv, j.dst.Row(t)[h*d:][:d], w.out[i*c.dims:], j.share(h, w.max[i], w.sum[i]))
	}
}

// place returns the tensor row and the query head of row i of a unit.
func (j *attendJob) place(s kernels.Span, u unit, i, group int) (row, head int) {
	at := int(u.row) + i
	return s.Row + at/group, int(u.head)*group + at%group
}

// load copies the queries of a unit, multiplied by the scale, to w.q, unless load8 reads them where they are, and determines
// which keys each row attends to (w.lo, w.hi). lo and hi span the keys of all rows.
func (j *attendJob) load(w *attendScratch, c *keysValues, s kernels.Span, u unit, n, group int) (lo, hi int) {
	d := j.a.HeadDim
	lo = math.MaxInt
	for i := range n {
		t, h := j.place(s, u, i, group)
		pos := s.Pos + t - s.Row
		if !c.ints() || j.a.Temperature.Length > 0 {
			scaleTo(j.lv, w.q[i*d:][:d], j.q.Row(t)[h*d:], j.a.Scale*j.a.Temperature.At(pos))
		}
		if c.kind == kindPairs {
			pairs(j.lv, asWords(w.q[i*d:][:d]), w.q[i*d:][:d])
		}
		from, to := j.span(s, pos)
		w.lo[i], w.hi[i] = from, to
		w.max[i], w.sum[i] = float32(math.Inf(-1)), 0
		lo, hi = min(lo, from), max(hi, to)
	}
	return lo, hi
}

// span returns the range of positions of s that position p attends to.
func (j *attendJob) span(s kernels.Span, p int) (from, to int) {
	switch {
	case j.a.Causal && s.Whole:
		return j.a.First(p), s.Pos + s.N
	case j.a.Causal:
		return j.a.First(p), p + 1
	case j.a.Window > 0:
		to = min(s.Len, p+j.a.Window/2+1)
		return min(to, max(s.From, p-j.a.Window/2)), to
	}
	return s.From, s.Len
}

// block processes the keys b … e, where b is a multiple of 32: it computes their scores, updates the running
// softmax, and adds the weighted values to w.out.
func (j *attendJob) block(w *attendScratch, c *keysValues, u unit, wide bool, n, b, e int) {
	d, width := j.a.HeadDim, (e-b+31)&^31
	for p := b; p < b+width; {
		next := min((p/page+1)*page, b+width)
		v := j.view(w, c, u, p/page, wide)
		for ; p < next; p += 32 {
			v.tile(j.lv, w.scores[p-b:], scoreStride, w.q, d, v.keys[p%page/32*v.keyPanel:], d, n, false)
		}
	}
	for i := range n {
		row := w.scores[i*scoreStride:][:width]
		j.slope(u, i, b, row)
		j.softmax(w, c, i, row, max(w.lo[i]-b, 0), min(w.hi[i]-b, width))
		if c.kind == kindPairs {
			toPairs(j.lv, asWords(row), row)
		}
	}
	for p := b; p < e; {
		next := min((p/page+1)*page, e)
		v := j.view(w, c, u, p/page, wide)
		values, scores := v.values[p%page*v.valuePanel/page:], w.scores[c.scoreAt(p-b):]
		for i := 0; i < c.dims; i += 32 {
			v.tile(j.lv, w.out[i:], c.dims, scores, scoreStride, values[i/32*v.valuePanel:], next-p, n, true)
		}
		p = next
	}
}

// view is the memory of one head in a page, as the state has it or converted to float32.
type view struct {
	kind                 kind
	keys, values         []byte
	keyPanel, valuePanel int
}

// view returns page i of the unit's head. With wide, it converts the page to float32 unless the worker has it already.
func (j *attendJob) view(w *attendScratch, c *keysValues, u unit, i int, wide bool) view {
	keys, values := c.keys(i, int(u.head)), c.values(i, int(u.head))
	if !wide {
		return view{c.kind, keys, values, c.keyPanel(), c.valuePanel()}
	}
	p, id := &w.wide[i%wideSlots], pageID{j.number, int(u.span), int(u.head), i}
	if p.pageID != id {
		p.pageID = id
		if len(p.keys) != len(keys)/2 || len(p.values) != len(values)/2 {
			p.keys, p.values = alignedF32(len(keys)/2), alignedF32(len(values)/2)
		}
		widen(j.lv, c.kind, p.keys, keys)
		widen(j.lv, c.kind, p.values, values)
	}
	return view{kindF32, asBytes(p.keys), asBytes(p.values), 2 * c.keyPanel(), 2 * c.valuePanel()}
}

// scoreAt returns the offset of the softmax weight of key i of a block in its row. Weights in pairs of bfloat16
// take half the space of scores.
func (c *keysValues) scoreAt(i int) int {
	if c.kind == kindPairs {
		return i / 2
	}
	return i
}

// tile multiplies n rows of a, each of cols values, with a panel w of 32 rows, a part of v.
func (v *view) tile(lv level, out []float32, ldo int, a []float32, lda int, w []byte, cols, n int, add bool) {
	if v.kind == kindPairs {
		pTile(lv, out, ldo, asWords(a), lda, w, (cols+1)/2, n, add)
		return
	}
	dTile(lv, v.kind, out, ldo, a, lda, w, cols, n, add)
}

// slope subtracts the slope of the head of row i of a unit, times the distance of each key from the row, from its scores of the
// keys b and later.
func (j *attendJob) slope(u unit, i, b int, row []float32) {
	if j.slopes == nil {
		return
	}
	s := j.spans[u.span]
	t, h := j.place(s, u, i, j.a.Heads/j.a.KVHeads)
	slope, distance := j.slopes[h], s.Pos+t-s.Row-b
	for x := range row {
		row[x] -= slope * float32(max(distance-x, x-distance))
	}
}

// softmax replaces the scores from … to of row i by weights exp(score - max) and all others by zeros. It returns the sum of
// the weights.
func (j *attendJob) softmax(w *attendScratch, c *keysValues, i int, row []float32, from, to int) float32 {
	if !j.prepare(w, c, i, row, from, to) {
		clear(row)
		return 0
	}
	sum := expSum(j.lv, row, w.max[i])
	w.sum[i] += sum
	return sum
}

// prepare caps the scores of row i and sets all but from … to to -∞. If the running maximum rises, it rescales the output and
// the sum that were accumulated so far. It returns false if there are no scores in this range.
func (j *attendJob) prepare(w *attendScratch, c *keysValues, i int, row []float32, from, to int) bool {
	if from >= to {
		return false
	}
	if j.a.SoftCap > 0 {
		softCap(j.lv, row, row, j.a.SoftCap)
	}
	fill(row[:from], float32(math.Inf(-1)))
	fill(row[to:], float32(math.Inf(-1)))
	if top := maxOf(j.lv, row); top > w.max[i] {
		if w.sum[i] > 0 {
			shrink := float32(math.Exp(float64(w.max[i] - top)))
			out := w.out[i*c.dims:][:c.dims]
			scaleTo(j.lv, out, out, shrink)
			w.sum[i] *= shrink
		}
		w.max[i] = top
	}
	return true
}

func fill(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

// inverse returns 1/x, and 0 for 0: the output of a row that attends to no key is zero.
func inverse(x float32) float32 {
	if x == 0 {
		return 0
	}
	return 1 / x
}
