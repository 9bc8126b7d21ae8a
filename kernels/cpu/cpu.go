package cpu

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"soberano/kernels"
	"soberano/kernels/contract"
)

// Options are the options of a device.
type Options struct {
	// Pool is the worker pool. Several devices may share it, and it must outlive them. With nil, the device has its own
	// pool of Threads workers.
	Pool *Pool
	// Threads is the number of workers, which include the calling goroutine. 0 means one for each physical
	// core, or one fewer if there are at least four cores.
	Threads int
	// Exact keeps weights, activations and states in float32. It is slow, and meant for
	// comparisons with reference values.
	Exact bool
	// Floats says how matrices of floating-point weights are stored and multiplied.
	Floats Floats
	// Cache says how keys and values are stored.
	Cache Cached
	// Forget, unless nil, is called with bytes of files (weights in a model's file, or files mapped with
	// Packed.Map) that will hardly be needed any more (models.Forget).
	Forget func(data []byte)
	// Lost, unless nil, is called with an address that can't be read. If a file is mapped there, it returns an error that says so,
	// which the device then returns from Load and from the End of every step: the file was cut short, or its drive removed.
	// Otherwise it returns nil, and the device panics.
	Lost func(addr uintptr) error
	// Packed says where repacked weights are kept for the next run.
	Packed Packed
	// AnyLevel selects the best level if SOBERANO_CPU names one that this machine does not have.
	AnyLevel bool
}

// Floats is a way to multiply floating-point weights. Weights of other formats are always multiplied as integers.
type Floats int

const (
	Keep     Floats = iota // in the file's type, with float32 activations
	BFloat16               // in bfloat16 if the CPU has products of it, otherwise as Keep
	Bits8                  // in 8 bits, with a scale for 32 columns
)

// Cached is a way to store keys and values. Queries and softmax weights are converted to the same
// type before they are multiplied with them, except as noted.
type Cached int

const (
	// Cached8 stores 8 bits if the dimensions of a head are multiples of 32 and the layer is not Fine; otherwise it is
	// CachedF16, where many queries may be multiplied with a Fine layer in 16-bit integers.
	Cached8    Cached = iota
	CachedF16         // float16, multiplied with queries in float32
	CachedBF16        // bfloat16 if the CPU has products of it, otherwise CachedF16
	Cached4           // as Cached8, with 4 bits instead of 8
)

// device implements kernels.Device.
type device struct {
	lv     level
	exact  bool
	floats Floats
	cached Cached
	forget func([]byte)
	onLost func(uintptr) error
	fault  error // of a file that can't be read any longer
	pool   *Pool
	own    bool // the pool is the device's own and is closed with it
	turn   turn // the device's turn at the pool
	closed bool
	arena  arena
	steps  [contract.StepsKept]step
	step   int     // index of the latest of steps
	store  reserve // memory of matrices
	pages  pages   // memory of states

	file     packedFile
	packed   *packedWeights
	segments []*segment // of all matrices, in the order of Load
	repacked int        // number of segments that were not found in packed
	move     mover      // copying of the segments that were found

	ways  atomic.Pointer[ways]
	quiet time.Duration // how long to wait before ways are measured in the background
	quit  chan struct{} // closed by Close

	mm    matmulJob
	heads choice // of MatMulHeads: row h belongs to expert h
	at    attendJob
	row   rowJob
	delta deltaJob
	scan  scanJob
	wkv   wkvJob

	x8     []block     // activations of a product in 8 bits
	words  []wordBlock // the same in 16 bits
	xp     []uint32    // activations of a product in bfloat16
	halves []float32   // results of gate and up, for few tokens
}

// New returns a device. It fails if SOBERANO_CPU names a level that this machine does not have (unless
// AnyLevel is set), or if Threads is negative or exceeds 1024.
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
	d := &device{lv: lv, exact: o.Exact, floats: o.Floats, cached: o.Cache, forget: o.Forget, onLost: o.Lost,
		pool: pool, own: own, turn: newTurn(kernels.Recording), quiet: quietStart, quit: make(chan struct{})}
	d.ways.Store(defaultWays())
	pool.devices.Add(1)
	d.mm.init(d)
	d.at.init(d)
	d.row.init(d)
	d.delta.init(d)
	d.scan.init(d)
	d.wkv.init(d)
	for i := range d.steps {
		d.steps[i].d = d
	}
	if err := d.openPacked(o.Packed); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// BatchInvariant implements kernels.BatchInvariant.
func (d *device) BatchInvariant() bool { return d.lv.alike() }

// Name returns a description for people: "AVX-512, 2 threads".
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

// Close frees the device's memory, and closes the pool unless it is shared.
func (d *device) Close() error {
	if d.closed {
		return nil
	}
	if s := &d.steps[d.step]; s.IsOpen() {
		s.release()
	}
	d.closed = true
	close(d.quit)
	d.pool.devices.Add(-1)
	err := d.file.close()
	d.arena, d.store, d.segments, d.packed, d.move = arena{}, reserve{}, nil, nil, mover{}
	if d.own {
		err = errors.Join(err, d.pool.Close())
	}
	return err
}
