package cpu

import "soberano/kernels"

// stretchBytes is the most bytes of activations that are multiplied with one panel before the next panel is read.
// The activations need not fit into the second-level cache: a tile uses each activation for so many
// multiplications that the third-level cache is fast enough, and a panel that is used longer costs
// less to unpack (512 tokens × 2048 columns, Zen 4, against 384 KiB: 109
// instead of 99 GFLOPS for float16, 337 instead of 294 GOPS for Q8_0).
const stretchBytes = 4 << 20

// quantRows is the number of rows of x that one chunk quantizes or rounds.
const quantRows = 8

// leastWide is the number of tokens from which on a panel of 16-bit floats is converted to float32 once for all of
// them. wideCols is the number of columns of a panel that are converted at a time (64 KiB).
const (
	leastWide = 48
	wideCols  = 512
)

// matmulJob is a matrix product in progress. The device has one, which it reuses, so that a product allocates
// nothing.
//
// A product x·wᵀ is divided into panels of 32 rows of w and stretches of tokens (rows of x), which the workers process
// in parallel. Integer weights are multiplied with x in 8 bits (block), pairs of bfloat16 with x in bfloat16; the conversion is
// done once for all segments of the matrix. Other float weights are multiplied with x in float32. A stretch has so many
// tokens that their activations stay in the cache while all panels are processed.
type matmulJob struct {
	lv      level
	ways    *ways // of the product in progress
	dst, x  kernels.Tensor
	w       *matrix
	panels  int // number of panels of w to multiply with
	add     bool
	f       kernels.Activation
	x8      []block  // [x.Rows][cols/32]
	xp      []uint32 // [x.Rows][ldp] pairs of bfloat16
	ldp     int
	stretch int // tokens in a stretch
	step    int // panels in a chunk
	perRow  int // chunks in a stretch
	run     job
	wide    [][]float32 // of each worker: columns of a panel in float32, [wideCols][32]
	words   []wordBlock // x8 in 16 bits, if w needs them
	many    [][]byte    // of each worker: a panel that unpackPanel has unpacked
	widen   job
	both    [][]float32 // of each worker: results of a panel of gate and one of up, [2][tokens][32]
	before  [][]float32 // of each worker: the previous content of c while a panel is checked, [tokens][32]
	gated   job
	quant   job
	round   job

	pieces        []expertPiece
	byExpert      job
	gatedByExpert job
}

// init prepares the job for the workers of d.
func (j *matmulJob) init(d *device) {
	j.lv = d.lv
	j.wide = make([][]float32, d.pool.threads)
	j.many = make([][]byte, d.pool.threads)
	j.both = make([][]float32, d.pool.threads)
	j.before = make([][]float32, d.pool.threads)
	j.run = j.chunk
	j.gated = j.gatedChunk
	j.quant = j.quantChunk
	j.widen = j.widenChunk
	j.round = j.roundChunk
	j.byExpert = j.expertChunk
	j.gatedByExpert = j.gatedExpertChunk
}

// MatMul writes x·wᵀ (+ bias) to dst.
func (s *step) MatMul(dst, x kernels.Tensor, w kernels.Matrix) { s.matmul("MatMul", dst, x, w, false) }

// MatMulAdd adds x·wᵀ (+ bias) to dst.
func (s *step) MatMulAdd(dst, x kernels.Tensor, w kernels.Matrix) {
	s.matmul("MatMulAdd", dst, x, w, true)
}

// matmul writes (or, with add, adds) x·wᵀ to dst.
func (s *step) matmul(op string, dst, x kernels.Tensor, w kernels.Matrix, add bool) {
	m := s.product(op, &dst, &x, w)
	if dst.Cols != m.rows {
		panic("cpu: " + op + ": shapes differ")
	}
	s.d.multiply(dst, x, m, m.panels, add, &s.d.mm.run)
}

// product checks the arguments that all products have in common, and returns the matrix.
func (s *step) product(op string, dst, x *kernels.Tensor, w kernels.Matrix) *matrix {
	s.Apart(op, dst, x)
	m := s.d.matrix(op, w)
	if m.lookup {
		panic("cpu: " + op + ": a matrix for lookup only")
	}
	if x.Cols != m.cols || dst.Rows != x.Rows {
		panic("cpu: " + op + ": shapes differ")
	}
	return m
}

// multiply runs a job over all chunks of a product with so many panels, after it has converted x as m needs it.
func (d *device) multiply(dst, x kernels.Tensor, m *matrix, panels int, add bool, run *job) {
	if x.Rows == 0 {
		return
	}
	j := &d.mm
	j.dst, j.x, j.w, j.panels, j.add = dst, x, m, panels, add
	j.plan(d.pool.threads, d.convertX(j, m))
	if m.bytes*int64(x.Rows) < int64(j.ways.short) {
		j.step, j.perRow = panels, 1 // one chunk, which the caller computes
	}
	d.do(j.perRow*((x.Rows+j.stretch-1)/j.stretch), run)
}

// convertX converts x to the types that m needs, and returns the size of a converted row in bytes.
func (d *device) convertX(j *matmulJob, m *matrix) int {
	j.ways = d.ways.Load()
	rowBytes := 4 * j.x.Cols
	if m.ints {
		rowBytes = j.x.Cols / 32 * blockSize
		d.quantizeX(j)
		d.widenX(j, m)
	}
	if m.pairs {
		rowBytes = 2 * j.x.Cols
		d.roundX(j)
	}
	return rowBytes
}

// plan divides the product into about eight chunks for each worker.
func (j *matmulJob) plan(threads, rowBytes int) {
	j.stretch = max(96, stretchBytes/rowBytes/12*12)
	stretches := (j.x.Rows + j.stretch - 1) / j.stretch
	j.stretch = ((j.x.Rows+stretches-1)/stretches + 11) / 12 * 12 // make the stretches equally long
	stretches = (j.x.Rows + j.stretch - 1) / j.stretch
	j.step = max(1, j.panels*stretches/(8*threads))
	if least := (j.panels*stretches + maxChunks/2 - 1) / (maxChunks / 2); j.step < least {
		j.step = least
	}
	j.perRow = (j.panels + j.step - 1) / j.step
}

// piece returns the tokens t0 … t1 and the panels p0 … p1 of chunk c.
func (j *matmulJob) piece(c int) (t0, t1, p0, p1 int) {
	t0, p0 = c/j.perRow*j.stretch, c%j.perRow*j.step
	return t0, min(t0+j.stretch, j.x.Rows), p0, min(p0+j.step, j.panels)
}

// rows runs a job over chunks of quantRows rows of x. If x is small, the caller runs it alone.
func (j *matmulJob) rows(d *device, run *job) {
	chunks := (j.x.Rows + quantRows - 1) / quantRows
	if j.x.Rows*j.x.Cols >= j.ways.rows {
		d.do(chunks, run)
		return
	}
	for c := range chunks {
		(*run)(0, c)
	}
}

// moreBlocks is the most blocks that are allocated beyond those that are needed, so that activations that grow from step to
// step need no memory of their own each time.
const moreBlocks = 4096

// quantizeX quantizes x to 8 bits.
func (d *device) quantizeX(j *matmulJob) {
	n := j.x.Rows * (j.x.Cols / 32)
	if cap(d.x8) < n {
		d.x8 = make([]block, n+min(n/4, moreBlocks))
	}
	j.x8 = d.x8[:n]
	j.rows(d, &j.quant)
}

// quantChunk quantizes the rows of chunk c.
func (j *matmulJob) quantChunk(_, c int) {
	nb := j.x.Cols / 32
	for r := c * quantRows; r < min((c+1)*quantRows, j.x.Rows); r++ {
		quantize(j.lv, j.x8[r*nb:][:nb], j.x.Row(r))
	}
}

// roundX rounds x to bfloat16. The distance between rows is not a multiple of 2 KiB (see New).
func (d *device) roundX(j *matmulJob) {
	j.ldp = ((j.x.Cols+1)/2 + 15) &^ 15
	if j.x.Rows > 1 && j.ldp%512 == 0 {
		j.ldp += 16
	}
	if n := j.x.Rows * j.ldp; len(d.xp) < n {
		d.xp = asWords(alignedF32(n + n/4))
	}
	j.xp = d.xp
	j.rows(d, &j.round)
}

// roundChunk rounds the rows of chunk c to bfloat16.
func (j *matmulJob) roundChunk(_, c int) {
	for r := c * quantRows; r < min((c+1)*quantRows, j.x.Rows); r++ {
		pairs(j.lv, j.xp[r*j.ldp:], j.x.Row(r))
	}
}

// chunk multiplies one stretch of tokens with a range of panels.
func (j *matmulJob) chunk(worker, c int) {
	t0, t1, p0, p1 := j.piece(c)
	j.multiply(worker, j.w, t0, t1, p0, p1)
}

// multiply multiplies tokens t0 … t1 with panels p0 … p1 of w.
func (j *matmulJob) multiply(worker int, w *matrix, t0, t1, p0, p1 int) {
	first := 0 // panel that s begins with
	for _, s := range w.segments {
		for p := max(p0, first); p < min(p1, first+s.panels); p++ {
			j.panel(worker, s, p-first, t0, t1)
		}
		first += s.panels
	}
}

// panel multiplies tokens t0 … t1 with panel p of s and writes the result to dst.
func (j *matmulJob) panel(worker int, s *segment, p, t0, t1 int) {
	rows := min(32, s.rows-32*p)
	col := s.first + 32*p
	if rows < 32 {
		j.edge(s, p, t0, t1, rows, col)
		return
	}
	c := j.dst.F32[t0*j.dst.Stride+col:]
	j.full(worker, s, p, c, j.dst.Stride, t0, t1, j.add)
}

// full multiplies tokens t0 … t1 with panel p of s, adds the biases, and writes to (or, with add, adds to) c, [t1-t0][32] with
// rows ldc values apart.
func (j *matmulJob) full(worker int, s *segment, p int, c []float32, ldc, t0, t1 int, add bool) {
	if s.guard != nil && s.guard.unchecked(p) {
		j.checked(worker, s, p, c, ldc, t0, t1, add)
	} else {
		j.tiles(worker, s, p, c, ldc, t0, t1, add)
	}
	if s.bias == nil {
		return
	}
	b := s.bias[32*p:]
	if len(b) >= 32 {
		addRows(j.lv, c, ldc, b[:32], t1-t0)
		return
	}
	for t := range t1 - t0 {
		addTo(j.lv, c[t*ldc:][:len(b)], b)
	}
}

// tiles multiplies tokens t0 … t1 with panel p of s by the microkernel that is fastest for that many tokens.
func (j *matmulJob) tiles(worker int, s *segment, p int, c []float32, ldc, t0, t1 int, add bool) {
	switch {
	case s.widened() && t1-t0 >= leastWide && j.lv.x86():
		j.wideTile(worker, s, p, c, ldc, t0, t1, add)
	case j.manyTokens(s, t1-t0):
		j.manyTile(worker, s, p, c, ldc, t0, t1, add)
	default:
		j.tile(s, p, c, ldc, t0, t1, add)
	}
}

// checked is tiles for a panel whose checksum has not been verified yet; see guard. If the panel turns out to be
// damaged, it restores c and multiplies with the repaired panel.
func (j *matmulJob) checked(worker int, s *segment, p int, c []float32, ldc, t0, t1 int, add bool) {
	n := t1 - t0
	if add {
		if len(j.before[worker]) < 32*n {
			j.before[worker] = make([]float32, 32*n)
		}
		copyRows(j.before[worker], 32, c, ldc, n)
	}
	j.tiles(worker, s, p, c, ldc, t0, t1, add)
	if s.guard.sound(s, p) {
		return
	}
	if add {
		copyRows(c, ldc, j.before[worker], 32, n)
	}
	j.tiles(worker, s, p, c, ldc, t0, t1, add)
}

// copyRows copies n rows of 32 values.
func copyRows(dst []float32, ldd int, src []float32, lds, n int) {
	for i := range n {
		copy(dst[i*ldd:][:32], src[i*lds:])
	}
}

// widened reports whether s holds 16-bit floats that are multiplied as float32.
func (s *segment) widened() bool { return s.kind == kindF16 || s.kind == kindBF16 }

// wideTile multiplies with a panel of 16-bit floats that it first converts to float32, wideCols columns at a time. With
// many tokens that is faster than converting the weights in each tile
// (float16, 512 tokens, Zen 4: 106 instead of 92 GFLOPS).
func (j *matmulJob) wideTile(worker int, s *segment, p int, c []float32, ldc, t0, t1 int, add bool) {
	w := s.weights(p)
	wide := &j.wide[worker]
	if *wide == nil {
		*wide = alignedF32(32 * wideCols)
	}
	for k := 0; k < s.cols; k += wideCols {
		n := min(wideCols, s.cols-k)
		widen(j.lv, s.kind, (*wide)[:32*n], w[64*k:])
		dTile(j.lv, kindF32, c, ldc, j.x.F32[t0*j.x.Stride+k:], j.x.Stride, asBytes(*wide), n, t1-t0, add || k > 0)
	}
}

// edge multiplies with the last panel of a segment, which has fewer than 32 rows. The tile is computed in a buffer on the
// stack, and the rows that exist are copied to dst.
func (j *matmulJob) edge(s *segment, p, t0, t1, rows, col int) {
	var buf [12 * 32]float32
	for t := t0; t < t1; t += 12 {
		m := min(12, t1-t)
		j.tile(s, p, buf[:], 32, t, t+m, false)
		if s.guard != nil && s.guard.unchecked(p) && !s.guard.sound(s, p) {
			j.tile(s, p, buf[:], 32, t, t+m, false)
		}
		for i := range m {
			out := j.dst.Row(t + i)[col:][:rows]
			for r := range out {
				v := buf[32*i+r]
				if s.bias != nil {
					v += s.bias[32*p+r]
				}
				if j.add {
					v += out[r]
				}
				out[r] = v
			}
		}
	}
}

// tile calls the microkernel for the layout of panel p.
func (j *matmulJob) tile(s *segment, p int, c []float32, ldc, t0, t1 int, add bool) {
	w := s.weights(p)
	if s.kind == kindPairs {
		pTile(j.lv, c, ldc, j.xp[t0*j.ldp:], j.ldp, w, (s.cols+1)/2, t1-t0, add)
		return
	}
	if s.kind.float() {
		a := j.x.F32[t0*j.x.Stride:]
		dTile(j.lv, s.kind, c, ldc, a, j.x.Stride, w, s.cols, t1-t0, add)
		return
	}
	nb := s.cols / 32
	qTile(j.lv, s.kind, c, ldc, j.x8[t0*nb:t1*nb], nb, w, nb, t1-t0, s.scale, add)
}
