package cpu

import (
	"math"

	"soberano/kernels"
)

const (
	unitRows = 12       // query rows of a unit
	keyBlock = 4 * page // keys of a block
	// scoreStride is the distance of score rows: off the power of two that would put
	// all twelve on the same cache lines.
	scoreStride = keyBlock + 16
)

// unit is twelve rows of one span and one key/value head, and of the keys that they see
// part part of parts.
type unit struct{ span, head, row, part, parts int32 }

// A part is not worth its join below leastPart keys.
const leastPart = 256

// partial is what a part of a unit has found.
type partial struct {
	out      []float32 // [12][headDim rounded up to 32]
	max, sum [unitRows]float32
}

// wideSlots is how many pages a worker keeps in float32, leastWideRows from how many rows
// of a head on that is worth while: in a prompt the same page is multiplied with many
// units, and widening it for each takes a sixth of the time.
const (
	wideSlots     = 8
	leastWideRows = 48
)

// widePage is a page's keys and values of one head, widened from float16.
type widePage struct {
	job              int // of the device
	span, head, page int
	keys             []float32 // [page/32][headDim][32]
	values           []float32 // [headDim rounded up to 32, /32][page][32]
}

// attendJob is an attention in progress.
//
// Attention over cached keys and values.
//
// The rows of a key/value head are its query heads' rows, token by token; twelve of
// them make a unit of work (a tile of dtile.go), so grouped heads share each key that
// is loaded, in a prompt as in a single token:
//
//	rows (token, head of the group)     keys, four pages at a time
//	12 × headDim  q·scale  ──▶  12 × 1024 scores ──▶ exp(score - max) ──▶ · values
//	                                                 running max and sum   12 × headDim
//
// Where a step has fewer units than the workers could share, as a single token over a
// long context does, the keys of each are cut into parts that are joined at the end
// (Dao et al. 2023, "Flash-Decoding for long-context inference").
//
// The scores of a unit never leave the second-level cache, however long the context
// (Dao et al. 2022, arXiv:2205.14135; the running softmax is Milakov and
// Gimelshein's, arXiv:1805.02867).
type attendJob struct {
	lv      level
	number  int // of attentions so far
	dst, q  kernels.Tensor
	spans   []kernels.Span
	layer   int
	a       kernels.Attention
	units   []unit
	parts   []partial // of each unit that has several
	step    int       // units a chunk
	scratch []attendScratch
	run     job
}

// attendScratch is a worker's memory.
type attendScratch struct {
	q      []float32 // [12][headDim]
	scores []float32 // [12][scoreStride]
	out    []float32 // [12][headDim rounded up to 32]
	lo, hi [unitRows]int
	max    [unitRows]float32
	sum    [unitRows]float32
	wide   [wideSlots]widePage
	b8     scratch8
}

func (j *attendJob) init(d *device) {
	j.lv = d.lv
	j.scratch = make([]attendScratch, d.pool.threads)
	j.run = j.chunk
}

// Attend writes softmax(scale·q·kᵀ)·v of each span to dst.
func (s *step) Attend(dst, q kernels.Tensor, layer int, a *kernels.Attention) {
	s.attend("Attend", dst, q, layer, a, s.spans(a), false)
}

// AttendLatent is Attend at a latent layer.
func (s *step) AttendLatent(dst, q kernels.Tensor, layer int, a *kernels.Attention) {
	s.attend("AttendLatent", dst, q, layer, a, s.batch.Spans, true)
}

func (s *step) attend(op string, dst, q kernels.Tensor, layer int, a *kernels.Attention, spans []kernels.Span, latent bool) {
	key, value := a.Dims()
	s.in(op, &q)
	s.out(op, &dst)
	if key == value {
		same(op, &dst, &q)
	} else {
		apart(op, &dst, &q)
	}
	if q.Cols != a.Heads*key || dst.Cols != a.Heads*value || dst.Rows != q.Rows || a.KVHeads <= 0 || a.Heads%a.KVHeads != 0 {
		panic("cpu: " + op + ": shapes differ")
	}
	d := s.d
	j := &d.at
	j.number++
	j.dst, j.q, j.spans, j.layer, j.a = dst, q, spans, layer, *a
	for _, sp := range j.spans {
		j.check(op, d, sp, latent)
	}
	j.cut(d.pool.threads)
	j.step = 1 + len(j.units)/(maxChunks/2)
	d.do((len(j.units)+j.step-1)/j.step, &j.run)
	j.join()
	j.spans = nil
}

// cut makes the units.
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

// seen is how many keys the last row of a span sees.
func (j *attendJob) seen(s kernels.Span) int {
	switch n := s.Pos + s.N; {
	case !j.a.Causal:
		return s.Len
	case j.a.Window > 0:
		return min(n, j.a.Window)
	default:
		return n
	}
}

// join adds up the parts of units that were cut.
func (j *attendJob) join() {
	for i := 0; i < len(j.units); i += int(j.units[i].parts) {
		if u := j.units[i]; u.parts > 1 {
			j.joinUnit(u, j.parts[i:][:u.parts])
		}
	}
}

func (j *attendJob) joinUnit(u unit, parts []partial) {
	s := j.spans[u.span]
	_, d := j.a.Dims()
	dims, group := j.layerOf(s).dims, j.a.Heads/j.a.KVHeads
	for i := range min(unitRows, s.N*group-int(u.row)) {
		top, sum := float32(math.Inf(-1)), float32(0)
		for p := range parts {
			top = max(top, parts[p].max[i])
		}
		t, h := j.place(s, u, i, group)
		dst := j.dst.Row(t)[h*d:][:d]
		clear(dst)
		for p := range parts {
			part := &parts[p]
			if part.sum[i] == 0 {
				continue
			}
			share := float32(math.Exp(float64(part.max[i] - top)))
			sum += share * part.sum[i]
			out := part.out[i*dims:][:d]
			scaleTo(j.lv, out, out, share)
			addTo(j.lv, dst, out)
		}
		scaleTo(j.lv, dst, dst, inverse(sum))
	}
}

// layerOf returns what the state of a span holds for the job's layer.
func (j *attendJob) layerOf(s kernels.Span) keysValues { return s.State.(*state).layer(j.layer) }

func (j *attendJob) check(op string, d *device, s kernels.Span, latent bool) {
	c := d.stateOf(op, s)
	if j.layer < 0 || j.layer >= len(c.plan.layers) {
		panic("cpu: " + op + ": the state has another shape")
	}
	l, from, end := j.layerOf(s), 0, s.Pos+s.N
	if !j.a.Causal {
		end = s.Len
	} else if j.a.Window > 0 {
		from = max(0, s.Pos-j.a.Window+1)
	}
	switch {
	case !l.holds(&j.a, latent):
		panic("cpu: " + op + ": the state has another shape")
	case end > c.n || s.Pos < 0 || s.N < 0 || s.Len < 0:
		panic("cpu: " + op + ": positions beyond the state")
	case s.N > 0 && from < l.first*page:
		panic("cpu: " + op + ": positions that the state has let go of")
	case s.Row < 0 || s.Row+s.N > j.q.Rows || s.Row+s.N > j.dst.Rows:
		panic("cpu: " + op + ": rows beyond the tensor")
	}
}

func (j *attendJob) chunk(worker, c int) {
	for i := c * j.step; i < min((c+1)*j.step, len(j.units)); i++ {
		j.unit(&j.scratch[worker], i)
	}
}

// grow makes room for a unit of the present shape.
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

// unit computes up to twelve rows, or a part of them.
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
	in8 := c.kind == q8s32
	if in8 {
		w.b8.grow(j.a.HeadDim)
		j.load8(w, n)
	}
	wide := c.kind == kindF16 && j.lv.x86() && s.N*group >= leastWideRows && (hi-1)/page-lo/page < wideSlots
	for b := lo &^ 31; b < hi; b += keyBlock {
		if e := min(b+keyBlock, hi); in8 {
			j.block8(w, &c, u, n, b, e)
		} else {
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
		scaleTo(j.lv, j.dst.Row(t)[h*d:][:d], w.out[i*c.dims:], inverse(w.sum[i]))
	}
}

// piece cuts the keys lo … hi at multiples of 32 and returns the unit's part.
func (u unit) piece(lo, hi int) (from, to int) {
	lo &^= 31
	n := (hi - lo + 31) / 32
	from = lo + n*int(u.part)/int(u.parts)*32
	to = lo + n*int(u.part+1)/int(u.parts)*32
	return from, min(to, hi)
}

// place returns the tensor row and the query head of row i of a unit.
func (j *attendJob) place(s kernels.Span, u unit, i, group int) (row, head int) {
	at := int(u.row) + i
	return s.Row + at/group, int(u.head)*group + at%group
}

// load copies the scaled queries of a unit and finds which keys each row sees; lo
// and hi span them all.
func (j *attendJob) load(w *attendScratch, c *keysValues, s kernels.Span, u unit, n, group int) (lo, hi int) {
	d := j.a.HeadDim
	lo = math.MaxInt
	for i := range n {
		t, h := j.place(s, u, i, group)
		scaleTo(j.lv, w.q[i*d:][:d], j.q.Row(t)[h*d:], j.a.Scale)
		if c.kind == kindPairs {
			pairs(j.lv, asWords(w.q[i*d:][:d]), w.q[i*d:][:d])
		}
		from, to := 0, s.Len
		if j.a.Causal {
			to = s.Pos + t - s.Row + 1
			if j.a.Window > 0 {
				from = max(0, to-j.a.Window)
			}
		}
		w.lo[i], w.hi[i] = from, to
		w.max[i], w.sum[i] = float32(math.Inf(-1)), 0
		lo, hi = min(lo, from), max(hi, to)
	}
	return lo, hi
}

// block adds the part of keys b … e, b a multiple of 32.
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

// view is a page of one head, as the state has it or widened.
type view struct {
	kind                 kind
	keys, values         []byte
	keyPanel, valuePanel int
}

func (j *attendJob) view(w *attendScratch, c *keysValues, u unit, i int, wide bool) view {
	keys, values := c.keys(i, int(u.head)), c.values(i, int(u.head))
	if !wide {
		return view{c.kind, keys, values, c.keyPanel(), c.valuePanel()}
	}
	p := &w.wide[i%wideSlots]
	if p.job != j.number || p.span != int(u.span) || p.head != int(u.head) || p.page != i {
		p.job, p.span, p.head, p.page = j.number, int(u.span), int(u.head), i
		if len(p.keys) != len(keys)/2 || len(p.values) != len(values)/2 {
			p.keys, p.values = alignedF32(len(keys)/2), alignedF32(len(values)/2)
		}
		widen(j.lv, c.kind, p.keys, keys)
		widen(j.lv, c.kind, p.values, values)
	}
	return view{kindF32, asBytes(p.keys), asBytes(p.values), 2 * c.keyPanel(), 2 * c.valuePanel()}
}

// scoreAt is where the score of key i of a block is, once it is a weight: pairs of
// bfloat16 take half the room.
func (c *keysValues) scoreAt(i int) int {
	if c.kind == kindPairs {
		return i / 2
	}
	return i
}

// tile multiplies n rows of a, of cols values, with 32 rows of w, a part of v.
func (v *view) tile(lv level, out []float32, ldo int, a []float32, lda int, w []byte, cols, n int, add bool) {
	if v.kind == kindPairs {
		pTile(lv, out, ldo, asWords(a), lda, w, (cols+1)/2, n, add)
		return
	}
	dTile(lv, v.kind, out, ldo, a, lda, w, cols, n, add)
}

// softmax turns row i's scores from … to into weights, the others into zeros, and
// rescales what has been summed so far if the maximum rises.
func (j *attendJob) softmax(w *attendScratch, c *keysValues, i int, row []float32, from, to int) {
	if from >= to {
		clear(row)
		return
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
	w.sum[i] += expSum(j.lv, row, w.max[i])
}

func fill(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}

// inverse returns 1/x, and 0 for 0: a row that sees nothing is zero.
func inverse(x float32) float32 {
	if x == 0 {
		return 0
	}
	return 1 / x
}
