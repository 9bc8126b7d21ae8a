package cpu

import (
	"errors"
	"fmt"

	"soberano/kernels"
)

// Options of a device.
type Options struct {
	// Pool is the workers, which several devices may share and which must outlive them;
	// nil: the device has a pool of its own, of Threads workers.
	Pool *Pool
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
	// Forget, if there, is told which bytes of files, of weights in the file's form or of
	// Packed.Map, will hardly be needed any more (models.Forget).
	Forget func(data []byte)
	// Packed says where repacked weights are kept for the next run.
	Packed Packed
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
	// fine, float16.
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
	pool   *Pool
	own    bool // pool ends with the device
	turn   turn // at the pool
	closed bool
	arena  arena
	steps  [stepsKept]step
	step   int     // the last of steps
	store  reserve // of matrices
	pages  pages   // of states

	file     packedFile
	packed   *packedWeights
	segments []*segment // of all matrices, in the order of Load
	repacked int        // of them, not found in packed
	move     mover      // of those that were found

	mm  matmulJob
	at  attendJob
	row rowJob

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
	pool, own := o.Pool, false
	if pool == nil {
		var err error
		if pool, err = startPool(lv, o.Threads); err != nil {
			return nil, err
		}
		own = true
	}
	d := &device{lv: lv, exact: o.Exact, floats: o.Floats, cached: o.Cache, forget: o.Forget,
		pool: pool, own: own, turn: newTurn(kernels.Recording)}
	pool.devices.Add(1)
	d.mm.init(d)
	d.at.init(d)
	d.row.init(d)
	for i := range d.steps {
		d.steps[i].d = d
	}
	if err := d.openPacked(o.Packed); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// do runs a job on the workers when it is the device's turn.
func (d *device) do(chunks int, fn *job) { d.pool.do(&d.turn, chunks, fn) }

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

// Close frees the device's memory, and ends the workers unless they are shared.
func (d *device) Close() error {
	if d.closed {
		return nil
	}
	if s := &d.steps[d.step]; s.open {
		s.release()
	}
	d.closed = true
	d.pool.devices.Add(-1)
	err := d.file.close()
	d.arena, d.store, d.segments, d.packed, d.move = arena{}, reserve{}, nil, nil, mover{}
	if d.own {
		err = errors.Join(err, d.pool.Close())
	}
	return err
}
