package cpu

import (
	"math"

	"soberano/kernels"
)

// rowOp is the operation that a rowJob performs.
type rowOp int

const (
	opAdd rowOp = iota
	opRMSNorm
	opLayerNorm
	opActivate
	opRotate
	opStore
	opUnfold
	opMul
	opRoute
	opGather
	opCombine
	opShortConv
	opXIELU
	opClamp
	opScale
	opSoftCap
	opMix
	opMatchNorm
	opCutoff
	opCopyHeads
)

// alone is the number of values below which the caller runs an operation alone, unless another was measured (ways): it would take less time than a fork
// and join of the workers.
const alone = 1 << 14

// rowJob is a row operation in progress. op determines which fields it uses.
//
// All operations that process rows independently are jobs of this type: norms, activations, sums,
// unfolding, storing keys and values. The workers share the rows; if there are few values, the caller processes them alone.
type rowJob struct {
	lv       level
	op       rowOp
	dst, x   kernels.Tensor
	up       kernels.Tensor
	w, beta  []float32
	eps      float32
	f        kernels.Activation
	rope     *kernels.RoPE
	table    []float32 // cosines and sines of the first positions; see rope.go
	pos      []int32
	axes     [][]int32 // positions on the axes of rope; nil: those of pos on all of them
	spans    []kernels.Span
	layer    int
	width    int
	stride   int
	pad      int
	routing  *kernels.Routing
	choice   *choice
	groups   kernels.Tensor // scratch memory of Route: a value for each group of experts
	kept     [][]float32    // of each span: the rows before it; see ShortConv
	factor   float32
	low      float32 // of Clamp
	xielu    kernels.XIELU
	heads    headCopy
	rows     int
	step     int // rows in a chunk
	runChunk job
}

func (j *rowJob) init(d *device) {
	j.lv = d.lv
	j.runChunk = j.chunk
}

// start runs the job over rows rows, each with the work of about cols values.
func (j *rowJob) start(d *device, rows, cols int) {
	j.rows = rows
	if rows*cols < d.ways.Load().rows {
		j.step = rows
		if rows > 0 {
			j.chunk(0, 0)
		}
		return
	}
	j.step = max(1, min(rows/(4*d.pool.threads), alone/max(cols, 1)), rows/(maxChunks/2))
	d.do((rows+j.step-1)/j.step, &j.runChunk)
}

// chunk processes the rows of chunk c.
func (j *rowJob) chunk(_, c int) {
	for r := c * j.step; r < min((c+1)*j.step, j.rows); r++ {
		switch j.op {
		case opAdd:
			addTo(j.lv, j.dst.Row(r), j.x.Row(min(r, j.x.Rows-1)))
		case opRMSNorm:
			j.rmsNorm(r)
		case opLayerNorm:
			j.layerNorm(r)
		case opActivate:
			j.activate(r)
		case opRotate:
			j.rotate(r)
		case opStore:
			j.store(r)
		case opUnfold:
			j.unfold(r)
		case opMul:
			j.mul(r)
		case opRoute:
			j.route(r)
		case opGather:
			j.gather(r)
		case opCombine:
			j.combine(r)
		case opShortConv:
			j.shortConv(r)
		case opScale:
			scaleTo(j.lv, j.dst.Row(r), j.x.Row(r), j.factor)
		case opXIELU:
			xielu(j.dst.Row(r), j.x.Row(r), &j.xielu)
		case opClamp:
			clamp(j.dst.Row(r), j.x.Row(r), j.low, j.factor)
		case opSoftCap:
			softCap(j.lv, j.dst.Row(r), j.x.Row(r), j.factor)
		case opMix:
			j.mix(r)
		case opMatchNorm:
			j.matchNorm(r)
		case opCutoff:
			j.cutoff(r)
		case opCopyHeads:
			j.copyHeads(r)
		}
	}
}

func sameShape(a, b kernels.Tensor) bool { return a.Rows == b.Rows && a.Cols == b.Cols }

// Add adds x to dst. If x has one row, it is added to every row.
func (s *step) Add(dst, x kernels.Tensor) { s.elements("Add", opAdd, dst, x) }

// Mul multiplies dst by x, value by value. If x has one row, every row is multiplied by it; if it has one column, every column.
func (s *step) Mul(dst, x kernels.Tensor) { s.elements("Mul", opMul, dst, x) }

// mul multiplies row r of dst.
func (j *rowJob) mul(r int) {
	dst, x := j.dst.Row(r), j.x.Row(min(r, j.x.Rows-1))
	if len(x) == len(dst) {
		scaleMul(j.lv, dst, dst, x, 1)
		return
	}
	scaleTo(j.lv, dst, dst, x[0])
}

// elements runs an operation that combines values of dst and x at the same place.
func (s *step) elements(name string, op rowOp, dst, x kernels.Tensor) {
	s.Same(name, &dst, &x)
	if dst.Cols != x.Cols && (op != opMul || x.Cols != 1) || dst.Rows != x.Rows && x.Rows != 1 {
		panic("cpu: " + name + ": shapes differ")
	}
	j := &s.d.row
	j.op, j.dst, j.x = op, dst, x
	j.start(s.d, dst.Rows, dst.Cols)
}

// RMSNorm normalises each run of weight.Len() columns of each row (Zhang and Sennrich 2019,
// arXiv:1910.07467).
func (s *step) RMSNorm(dst, x kernels.Tensor, weight kernels.Vector, eps float32) {
	s.Rowwise("RMSNorm", &dst, &x)
	w := s.d.values("RMSNorm", weight)
	if len(w) == 0 || x.Cols%len(w) != 0 {
		panic("cpu: RMSNorm: shapes differ")
	}
	j := &s.d.row
	j.op, j.dst, j.x, j.w, j.eps = opRMSNorm, dst, x, w, eps
	j.start(s.d, x.Rows, x.Cols)
}

func (j *rowJob) rmsNorm(r int) {
	n := len(j.w)
	x, dst := j.x.Row(r), j.dst.Row(r)
	for i := 0; i < len(x); i += n {
		mean := squares(j.lv, x[i:i+n], 0) / float32(n)
		scaleMul(j.lv, dst[i:i+n], x[i:i+n], j.w, float32(1/math.Sqrt(float64(mean+j.eps))))
	}
}

// LayerNorm normalises each run of gamma.Len() columns of each row (Ba et al. 2016, arXiv:1607.06450).
func (s *step) LayerNorm(dst, x kernels.Tensor, gamma, beta kernels.Vector, eps float32) {
	s.Rowwise("LayerNorm", &dst, &x)
	g, b := s.d.values("LayerNorm", gamma), s.d.values("LayerNorm", beta)
	if len(g) == 0 || x.Cols%len(g) != 0 || len(b) != len(g) {
		panic("cpu: LayerNorm: shapes differ")
	}
	j := &s.d.row
	j.op, j.dst, j.x, j.w, j.beta, j.eps = opLayerNorm, dst, x, g, b, eps
	j.start(s.d, x.Rows, x.Cols)
}

func (j *rowJob) layerNorm(r int) {
	n := len(j.w)
	row, dst := j.x.Row(r), j.dst.Row(r)
	for i := 0; i < len(row); i += n {
		x := row[i : i+n]
		mean := sum(j.lv, x) / float32(n)
		variance := squares(j.lv, x, mean) / float32(n)
		affine(j.lv, dst[i:i+n], x, j.w, j.beta, mean, float32(1/math.Sqrt(float64(variance+j.eps))))
	}
}

// Activate writes f(gate)·up to dst, or f(gate) if up.Rows is 0.
func (s *step) Activate(dst, gate, up kernels.Tensor, f kernels.Activation) {
	s.Rowwise("Activate", &dst, &gate)
	if up.Rows != 0 {
		s.Rowwise("Activate", &dst, &up)
	}
	s.d.activate(dst, gate, up, f)
}

func (d *device) activate(dst, gate, up kernels.Tensor, f kernels.Activation) {
	j := &d.row
	j.op, j.dst, j.x, j.up, j.f = opActivate, dst, gate, up, f
	j.start(d, gate.Rows, 4*gate.Cols)
}

func (j *rowJob) activate(r int) {
	var up []float32
	if j.up.Rows != 0 {
		up = j.up.Row(r)
	}
	activate(j.lv, j.f, j.dst.Row(r), j.x.Row(r), up)
}

// Store writes the rows of k and v to the states of the spans at layer.
func (s *step) Store(k, v kernels.Tensor, layer int, a *kernels.Attention) {
	s.In("Store", &k)
	s.In("Store", &v)
	key, value := a.Dims()
	if k.Rows != v.Rows || k.Cols != a.KVHeads*key || v.Cols != a.KVHeads*value {
		panic("cpu: Store: shapes differ")
	}
	s.store("Store", k, v, layer, s.Spans(a), func(c *state, sp kernels.Span) { c.CheckStore("Store", sp, layer, k.Rows, a) })
}

// StoreLatent writes the rows of x to the states of the spans at layer.
func (s *step) StoreLatent(x kernels.Tensor, layer int) {
	s.In("StoreLatent", &x)
	s.store("StoreLatent", x, x, layer, s.Batch.Spans, func(c *state, sp kernels.Span) {
		c.CheckStoreLatent("StoreLatent", sp, layer, x.Rows, x.Cols)
	})
}

// storeWork is the work of storing a key and a value beside that of one value of other operations: their bytes go to many lines, which are in memory
// and not in a cache if each row has a state of its own (eight rows of SmolLM2, 30 layers: 0.43 ms by two workers, 0.6 ms by one).
const storeWork = 32

// store writes the rows of k and v, one for each position, to the states of the spans at layer. check panics if a
// span does not fit its state. If v has more columns than the layer's values, the first ones are stored.
func (s *step) store(op string, k, v kernels.Tensor, layer int, spans []kernels.Span, check func(*state, kernels.Span)) {
	for _, sp := range spans {
		c := s.d.stateOf(op, sp)
		check(c, sp)
		c.extend(layer, sp.Pos, sp.N)
	}
	j := &s.d.row
	j.op, j.dst, j.x, j.spans, j.layer = opStore, k, v, spans, layer
	j.start(s.d, k.Rows, storeWork*k.Cols)
	j.spans = nil
}

// store stores row r of keys (j.dst) and values (j.x) in the state of its span.
func (j *rowJob) store(r int) {
	for _, s := range j.spans {
		if r < s.Row || r >= s.Row+s.N {
			continue
		}
		c := s.State.(*state).layer(j.layer)
		if c.kind != q4s32 {
			j.put(&c, s, r)
			continue
		}
		// Positions share bytes: the first of a block writes all.
		if p := s.Pos + r - s.Row; r == s.Row || p%32 == 0 {
			for at := r; at < min(s.Row+s.N, r+32-p%32); at++ {
				j.put(&c, s, at)
			}
		}
	}
}

// put stores row r in the state of s.
func (j *rowJob) put(c *keysValues, s kernels.Span, r int) {
	k, v := j.dst.Row(r), j.x.Row(r)
	for h := range c.KVHeads {
		c.put(j.lv, h, s.Pos+r-s.Row, k[h*c.KeyDim:][:c.KeyDim], v[h*c.ValueDim:][:c.ValueDim])
	}
}

// Unfold concatenates width neighbouring rows of x to each row of dst.
func (s *step) Unfold(dst, x kernels.Tensor, width, stride, pad int) {
	s.Apart("Unfold", &dst, &x)
	if width <= 0 || stride <= 0 || pad < 0 || dst.Cols != width*x.Cols || dst.Rows != (x.Rows+2*pad-width)/stride+1 {
		panic("cpu: Unfold: shapes differ")
	}
	j := &s.d.row
	j.op, j.dst, j.x, j.width, j.stride, j.pad = opUnfold, dst, x, width, stride, pad
	j.start(s.d, dst.Rows, dst.Cols)
}

// unfold writes row r of dst; rows before or after x are zeros.
func (j *rowJob) unfold(r int) {
	dst, n := j.dst.Row(r), j.x.Cols
	for i := range j.width {
		from, to := r*j.stride-j.pad+i, dst[i*n:][:n]
		if from < 0 || from >= j.x.Rows {
			clear(to)
		} else {
			copy(to, j.x.Row(from))
		}
	}
}
