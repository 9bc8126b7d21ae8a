package cpu

import (
	"math"
	"slices"
	"time"

	"soberano/kernels"
)

// ways says which of two ways an operation takes where both compute the same bits and which is faster depends on the CPU. Without
// measurements they are defaultWays. With a folder of repacked weights the device measures them when it first loads weights of
// a kind, and keeps them there (waysFile), so that later starts read them.
//
// Ways that differ in bits are constants instead, since a seed must give the same text after each start: leastWide, leastWideRows
// and amxLeast.
type ways struct {
	many  [kinds]int // fewest tokens for which a panel of a kind is unpacked once for all of them, where hasMTile
	words int        // least of many among the kinds whose activations are widened to 16 bits
	rows  int        // values of an operation on rows below which the caller computes it without the workers
	short int        // bytes of weights × tokens of a product below which the caller multiplies without the workers
	known [kinds]bool
	pool  bool // rows and short are measured
}

// never is a number of tokens that no step has.
const never = math.MaxInt32

// defaultWays returns the ways without measurements.
func defaultWays() *ways {
	w := &ways{rows: alone}
	for k := range w.many {
		w.many[k] = leastMany
	}
	w.update()
	return w
}

// update computes the fields that follow from others.
func (w *ways) update() {
	w.words = never
	for k := q2a16; k < kinds; k++ {
		if layouts[k].wide() {
			w.words = min(w.words, w.many[k])
		}
	}
}

// Sizes at which two ways are compared, ascending. leastMany and alone are among them.
var (
	manySizes  = []int{6, 8, 12, leastMany, 24, 32, 48, 64, 96}
	rowsSizes  = []int{2 << 10, 4 << 10, 8 << 10, alone, 32 << 10, 64 << 10, 128 << 10}
	shortSizes = []int{8 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10}
)

// missing returns the kinds of the device's weights whose way is not known, and whether those of the pool are not.
func (d *device) missing() (list []kind, pool bool) {
	w := d.ways.Load()
	if hasMTile(d.lv) {
		for _, s := range d.segments {
			if !s.kind.float() && !w.known[s.kind] && !slices.Contains(list, s.kind) {
				list = append(list, s.kind)
			}
		}
	}
	return list, !w.pool && d.pool.threads > 1
}

// quietStart is how long a device whose weights were not repacked computes with the ways that it has before it measures missing ones,
// so that the first answer does not wait for that.
const quietStart = 3 * time.Second

// measureWays measures the ways that are missing, some milliseconds for each kind of weights, and writes them to the folder. After weights
// were repacked, which takes far longer, the caller waits for it; otherwise it is done in the background.
func (d *device) measureWays() {
	list, pool := d.missing()
	if len(list) == 0 && !pool {
		return
	}
	measure := func() { d.takeWays(measuredWays(newContest(d.pool, d.quit), *d.ways.Load(), list, pool)) }
	if d.repacked > 0 {
		measure()
		return
	}
	d.file.busy.Go(func() {
		select {
		case <-d.quit:
		case <-time.After(d.quiet):
			measure()
		}
	})
}

// takeWays uses w from the next operation on and writes it to the folder, unless the measurement was given up. A folder that can't be
// written only costs the next start the measurement.
func (d *device) takeWays(w *ways) {
	if w != nil {
		d.ways.Store(w)
		_ = d.waysFile().write(w)
	}
}

// measuredWays returns w with the ways of some kinds and, with pool, those that depend on the workers; nil if c was ended.
func measuredWays(c *contest, w ways, list []kind, pool bool) *ways {
	c.margin = margin
	for _, k := range list {
		w.many[k] = c.threshold(manySizes, leastMany, c.manyWays(k))
		w.known[k] = true
	}
	if c.margin = poolMargin; pool {
		w.rows = c.threshold(rowsSizes, alone, c.rowsWays())
		w.short = c.threshold(shortSizes, 0, c.shortWays())
		w.pool = true
	}
	if c.ended() {
		return nil
	}
	w.update()
	return &w
}

// manyWays returns the products of a number of tokens with panels of kind k: unpacked for each tile, and once for all tokens. The panels, of
// 1,024 columns, take 2 MiB, more than the second-level cache of most CPUs.
func (c *contest) manyWays(k kind) func(tokens int) (small, large func()) {
	const nb = 32
	most := manySizes[len(manySizes)-1]
	size := k.panelBytes(32 * nb)
	panels := max(2, 2<<20/size)
	weights, out := touched(panels*size), alignedF32(32*most)
	j := &matmulJob{lv: c.pool.lv, x8: make([]block, most*nb), words: make([]wordBlock, most*nb), many: make([][]byte, 1)}
	s := &segment{kind: k, cols: 32 * nb, panels: panels, size: size, data: weights, scale: 1}
	next := 0
	panel := func() int { next = (next + 1) % panels; return next }
	return func(n int) (small, large func()) {
		return func() { j.tile(s, panel(), out, 32, 0, n, false) }, func() {
			if layouts[k].wide() {
				toWordBlocks(j.lv, j.words[:nb], j.x8[:nb]) // its share of widening the activations, which all panels use
			}
			j.manyTile(0, s, panel(), out, 32, 0, n, false)
		}
	}
}

// rowsWays returns an operation on a number of values: by the caller, and by all workers.
func (c *contest) rowsWays() func(values int) (small, large func()) {
	const cols = 1024
	most := rowsSizes[len(rowsSizes)-1]
	x, y, w := alignedF32(most), alignedF32(most), alignedF32(cols)
	return func(n int) (small, large func()) {
		step := max(1, n/cols/(4*c.pool.threads)) // as rowJob.start
		rows := func(from, to int) {
			for i := from * cols; i < to*cols; i += cols {
				scaleMul(c.pool.lv, y[i:i+cols], x[i:i+cols], w, 0.5)
			}
		}
		chunk := job(func(_, r int) { rows(r*step, min((r+1)*step, n/cols)) })
		return func() { rows(0, n/cols) }, func() { c.pool.all((n/cols+step-1)/step, &chunk) }
	}
}

// shortWays returns products of one token with weights of a number of bytes: by the caller, and by all workers.
func (c *contest) shortWays() func(bytes int) (small, large func()) {
	const k, nb = q8s32, 8
	size := k.panelBytes(32 * nb)
	weights := touched(2 << 20)
	x, y := make([]block, nb), alignedF32(32*(shortSizes[len(shortSizes)-1]/size+1))
	at := 0
	panel := job(func(_, p int) {
		qTile(c.pool.lv, k, y[32*p:], 32, x, nb, weights[at+p*size:][:size], nb, 1, 1, false)
	})
	return func(n int) (small, large func()) {
		panels := max(2, n/size)
		advance := func() {
			if at += panels * size; at+panels*size > len(weights) {
				at = 0
			}
		}
		return func() {
				advance()
				for p := range panels {
					panel(0, p)
				}
			}, func() {
				advance()
				c.pool.all(panels, &panel)
			}
	}
}

// contest compares ways by timing them in turn.
type contest struct {
	pool *Pool
	turn turn
	quit <-chan struct{}
	now  func() time.Duration // a clock that does not go back

	margin float64
}

// newContest returns a contest for the workers of p, which ends early when quit is closed.
func newContest(p *Pool, quit <-chan struct{}) *contest {
	start := time.Now()
	return &contest{pool: p, turn: newTurn(kernels.Recording), quit: quit, now: func() time.Duration { return time.Since(start) }}
}

func (c *contest) ended() bool {
	select {
	case <-c.quit:
		return true
	default:
		return false
	}
}

// threshold returns the least of sizes, ascending, from which on the second of two ways is used, where it is usual without
// measurements: usual itself unless the other way is faster at it, or the second one below it. usual is one of sizes, or 0 if the
// second way is used for all. never means that the first way is faster for all sizes.
func (c *contest) threshold(sizes []int, usual int, ways func(size int) (small, large func())) int {
	i := max(0, slices.Index(sizes, usual))
	first := i
	for i > 0 && usual > 0 {
		small, large := ways(sizes[i-1])
		if !c.faster(large, small) {
			break
		}
		i--
	}
	if i < first {
		return sizes[i]
	}
	for i < len(sizes) {
		small, large := ways(sizes[i])
		if !c.faster(small, large) {
			break
		}
		i++
	}
	switch {
	case i == len(sizes):
		return never
	case i == first:
		return usual
	}
	return sizes[i]
}

// Rules of a comparison: the ways are timed in turn, pairsTimed times, each for at least shortest. The other way is chosen if it is faster by
// margin in three of four pairs and if its best time is better by margin than that of the usual way: other programs, which delay one
// worker more than the other, do not change what is the best of many times.
const (
	pairsTimed = 12
	shortest   = 20 * time.Microsecond
	margin     = 1.05
	poolMargin = 1.25 // of ways that wait for all workers, which other programs delay
)

// faster reports whether a takes clearly less time than b.
func (c *contest) faster(a, b func()) bool {
	if c.ended() {
		return false
	}
	c.pool.enter(&c.turn)
	defer c.pool.leave()
	c.time(a, 1) // fills caches and wakes the workers
	calls := 1 + int(shortest/max(c.time(b, 1), 1))
	won := 0
	bestA, bestB := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for range pairsTimed {
		ta, tb := c.time(a, calls), c.time(b, calls)
		if c.wins(ta, tb) {
			won++
		}
		bestA, bestB = min(bestA, ta), min(bestB, tb)
	}
	return won >= pairsTimed*3/4 && c.wins(bestA, bestB)
}

// wins reports whether a is less than b by the margin.
func (c *contest) wins(a, b time.Duration) bool { return float64(a)*c.margin < float64(b) }

// time returns the duration of some calls of f.
func (c *contest) time(f func(), calls int) time.Duration {
	start := c.now()
	for range calls {
		f()
	}
	return c.now() - start
}
