// Package cpu runs the operations of kernels.Device on the processor: plain Go for
// everything, SIMD assembly for what is hot.
//
//	device (cpu.go, ops.go)       the interface, row operations spread over workers
//	matrix, unpack, pack, packed  weights repacked at Load into groups of 16 rows
//	matmul, gated → qtile, dtile, ptile, amx
//	                              tiles: 8-bit activations × quantised weights,
//	                              float32 activations × float weights, bfloat16
//	state, pages, keysvalues      what layers keep of a sequence
//	attend                        attention over keys and values, by dtile too
//	weights                       what attention looks at, for word times
//	elem, rope, logits            exp, activations, norms, rotation, sums on one row
//	pool, arena, memory           workers, memory of a step, huge pages
//	level, cores                  instruction sets
//	peak, roofline                what kernels reach of the machine's limits
//
// Each kernel is a Go file with its story and its plain twin, a ladder of ifs for
// the architecture, and assembly written by gen (go generate).
package cpu

import (
	"fmt"
	"math"

	"soberano/kernels"
)

//go:generate go run ./gen

// Options of a device.
type Options struct {
	// Threads is the number of workers, the caller included; 0 means the physical
	// cores, from four up all but one.
	Threads int
	// Exact keeps weights, activations and states in float32 throughout: slow, for
	// comparison with reference values.
	Exact bool
	// Floats says how matrices of floating-point weights are multiplied.
	Floats Floats
	// Cache says how keys and values are kept.
	Cache Cached
	// Forget, if there, is told which weights in the file's form are done with.
	Forget func(data []byte)
	// Packed holds weights that an earlier run has repacked; nil for none.
	Packed *Packed
	// AnyLevel takes the best level where SOBERANO_CPU names one that is not there.
	AnyLevel bool
}

// Floats is a way to multiply floating-point weights (those of other formats have one).
type Floats int

const (
	Keep     Floats = iota // as the file has them, with float32 activations
	BFloat16               // as bfloat16 where the CPU multiplies it; otherwise Keep
	Bits8                  // in 8 bits, a scale to 32 columns
)

// Cached is a way to keep keys and values. Queries and the weights of attention are
// rounded likewise, so that products are of the same kind.
type Cached int

const (
	// 8 bits where heads are a multiple of 32 wide; otherwise, and where a cache is to be
	// fine, float16, or bfloat16 if weights may be rounded to it.
	Cached8    Cached = iota
	CachedF16         // float16, with queries in float32
	CachedBF16        // bfloat16 where the CPU multiplies it; otherwise CachedF16
)

// device implements kernels.Device.
type device struct {
	lv     level
	exact  bool
	floats Floats
	cached Cached
	forget func([]byte)
	pool   *pool
	arena  arena
	store  reserve // of matrices
	pages  pages   // of states

	packed   *Packed
	segments []*segment // of all matrices, in the order of Load
	repacked int        // of them, not found in packed
	move     mover      // of those that were found

	mm   matmulJob
	at   attendJob
	row  rowJob
	rope ropeTables

	x8     []block   // the quantised activations of one product
	xp     []uint32  // or in bfloat16
	halves []float32 // results of gate and up, for a few tokens
}

// New makes a device. It fails if SOBERANO_CPU names a level that is not there (unless
// AnyLevel) or Threads is negative or beyond 1024.
func New(o Options) (kernels.Device, error) {
	lv, err := chosen()
	if err != nil && o.AnyLevel {
		lv, err = best(), nil
	}
	if err != nil {
		return nil, err
	}
	d, err := newDevice(o, lv)
	if err != nil {
		return nil, err // not a nil *device in an interface
	}
	return d, nil
}

func newDevice(o Options, lv level) (*device, error) {
	if o.Threads < 0 || o.Threads > 1024 {
		return nil, fmt.Errorf("cpu: %d threads: use 1 to 1024, or 0 for the default", o.Threads)
	}
	if o.Threads == 0 {
		o.Threads = defaultThreads()
	}
	d := &device{lv: lv, exact: o.Exact, floats: o.Floats, cached: o.Cache, forget: o.Forget, packed: o.Packed, pool: newPool(o.Threads)}
	d.mm.init(d)
	d.at.init(d)
	d.row.init(d)
	return d, nil
}

// Name is for people: "AVX-512, 2 threads".
func (d *device) Name() string {
	s := fmt.Sprintf("%s, %d threads", levelTitles[d.lv], d.pool.threads)
	if d.pool.threads == 1 {
		s = levelTitles[d.lv] + ", 1 thread"
	}
	if d.exact {
		s += ", exact"
	}
	return s
}

// Close ends the workers. The device must not be used afterwards; its memory goes
// with the last reference to it.
func (d *device) Close() error {
	d.pool.close()
	d.arena, d.store, d.segments, d.packed, d.move = arena{}, reserve{}, nil, nil, mover{}
	return nil
}

// Begin starts a step: tensors made before it are gone.
func (d *device) Begin() {
	d.arena.reset()
	if len(d.move.left) > 0 {
		d.moveSome()
	}
}

// New returns a tensor of undefined content. Its rows start on cache lines, and not
// a multiple of 2 KiB apart: the twelve rows of a tile would fall on the same few
// lines of the cache.
func (d *device) New(rows, cols int) kernels.Tensor {
	if rows < 0 || cols < 0 || cols > 0 && rows > math.MaxInt/8/(cols+32) {
		panic("cpu: New: impossible shape")
	}
	stride := (cols + 15) &^ 15
	if rows > 1 && stride%512 == 0 {
		stride += 16
	}
	t := kernels.Tensor{Rows: rows, Cols: cols, Stride: stride}
	t.F32 = d.arena.take(max(rows, 1) * stride)
	return t
}

// Write copies rows × cols values from src to t.
func (d *device) Write(t kernels.Tensor, src []float32) {
	for r := range t.Rows {
		copy(t.Row(r), src[r*t.Cols:][:t.Cols])
	}
}

// Read copies row r of t to dst.
func (d *device) Read(dst []float32, t kernels.Tensor, r int) {
	copy(dst[:t.Cols], t.Row(r))
}
