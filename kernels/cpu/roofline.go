package cpu

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/klauspost/cpuid/v2"

	"soberano/kernels"
	"soberano/kernels/quant"
)

// Share is the speed of a kernel on a shape, compared with the limit of the machine.
type Share struct {
	Kernel   string  `json:"kernel"` // "matrix × vector Q4_0"
	Shape    string  `json:"shape"`  // rows × columns of the matrix, heads, …
	Threads  int     `json:"threads"`
	Achieved float64 `json:"achieved"`
	Limit    float64 `json:"limit"`
	Unit     string  `json:"unit"`  // "GB/s", "Gop/s" (a multiply-add is two), "Gvalues/s"
	Bound    string  `json:"bound"` // the resource that limits the kernel: "memory", "dot", …
}

// Share returns Achieved as a fraction of Limit.
func (s Share) Share() float64 { return s.Achieved / s.Limit }

// Peak is a limit of the machine. A multiply-add counts as two operations.
type Peak struct {
	Resource string  `json:"resource"`
	Threads  int     `json:"threads"`
	Rate     float64 `json:"rate"`
	Unit     string  `json:"unit"`
}

// Shares is the result of Roofline.
type Shares struct {
	Peaks   []Peak  `json:"peaks"`
	Kernels []Share `json:"kernels,omitempty"`
}

var resourceNames = [resources]string{"memory", "cache", "float32", "bfloat16", "dot", "low dot"}

func (r resource) unit() string {
	if r <= useCache {
		return "GB/s"
	}
	return "Gop/s"
}

// bench is a measurement with one number of threads.
type bench struct {
	ctx    context.Context
	d      *device
	s      *step
	spell  time.Duration
	far    []byte
	limit  rates
	trials []trial
	said   func(kernel, shape string)
}

// trial is a measured kernel: what a call needs of each resource, and the time of the fastest call.
type trial struct {
	kernel, shape string
	need          rates
	values        float64 // of a row operation, whose speed is given in values a second
	seconds       float64
}

// Roofline measures all kernels with one thread and, if threads is greater, with threads threads; 0
// stands for the default of a device. It takes a minute or two. said, unless nil, is called before each
// measurement.
//
// Each kernel is measured through the public operations of the device, with weights from memory
// or activations from the cache, as in a model:
//
//	achieved   the speed of the fastest of several calls
//	limit      the measured limit of the resource that the kernel needs longest (see
//	           Limits): its bytes, its multiply-adds or its 8-bit dot products
//	share      achieved / limit
//
// Both are the best of many measurements, since on a shared machine a slow one says nothing
// about the kernel. The limits are measured again after each group, and the highest are kept.
// The bytes of a matrix are those of its layout in memory.
func Roofline(ctx context.Context, threads int, said func(kernel, shape string)) (Shares, error) {
	lv, err := chosen()
	if err != nil {
		return Shares{}, err
	}
	if threads == 0 {
		threads = defaultThreads()
	}
	if said == nil {
		said = func(string, string) {}
	}
	return roofline(ctx, lv, threads, farBytes(), spell, said)
}

// spell is the duration of each measurement.
const spell = 80 * time.Millisecond

// farBytes returns the size of a buffer that is no longer in the caches when it is read again from the start.
func farBytes() int { return min(max(256<<20, 4*cpuid.CPU.Cache.L3), 1<<30) }

// touched returns n bytes of memory, each page of which has been written, so that it is resident.
func touched(n int) []byte {
	b := alignedBytes(n)
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	return b
}

// Limits measures only the limits, with that many threads. It takes a second or two.
func Limits(threads int) ([]Peak, error) {
	lv, err := chosen()
	if err != nil {
		return nil, err
	}
	d, err := newDevice(Options{Threads: threads}, lv)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	b := &bench{d: d, spell: spell, far: touched(farBytes()), said: func(string, string) {}}
	b.refresh()
	return b.peaks(), nil
}

// roofline measures level lv. Matrices that are read from memory have far bytes in total; spell is the duration
// of each measurement.
func roofline(ctx context.Context, lv level, threads, far int, spell time.Duration, said func(kernel, shape string)) (out Shares, err error) {
	buffer := touched(far)
	counts := []int{1}
	if threads > 1 {
		counts = append(counts, threads)
	}
	for _, n := range counts {
		d, err := newDevice(Options{Threads: n}, lv)
		if err != nil {
			return out, err
		}
		b := &bench{ctx: ctx, d: d, spell: spell, far: buffer, said: said}
		err = b.all()
		_ = d.Close()
		if err != nil {
			return out, err
		}
		out.Peaks = append(out.Peaks, b.peaks()...)
		out.Kernels = append(out.Kernels, b.shares()...)
	}
	slices.SortStableFunc(out.Kernels, func(a, b Share) int { return order(out.Kernels, a) - order(out.Kernels, b) })
	return out, nil
}

// order returns the first index of a kernel and shape in all, by which results with different numbers of threads are grouped.
func order(all []Share, s Share) int {
	return slices.IndexFunc(all, func(x Share) bool { return x.Kernel == s.Kernel && x.Shape == s.Shape })
}

func (b *bench) all() error {
	b.refresh()
	for _, group := range []func() error{b.vectors, b.matrices, b.attention, b.encoder, b.rows} {
		if err := group(); err != nil {
			return err
		}
		b.refresh()
	}
	return nil
}

// refresh measures the limits again and keeps the higher values.
func (b *bench) refresh() {
	b.said("limits", "")
	now := peaks(b.d.lv, b.d.pool, b.far, b.spell)
	for r := range now {
		b.limit[r] = max(b.limit[r], now[r])
	}
}

// try measures f and records the result.
func (b *bench) try(kernel, shape string, need rates, values int, f func()) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	b.said(kernel, shape)
	b.trials = append(b.trials, trial{kernel, shape, need, float64(values), fastest(b.spell, f)})
	return nil
}

// fresh runs f with a new device with the same number of threads, whose matrices are freed afterwards.
func (b *bench) fresh(o Options, f func() error) error {
	old := b.d
	o.Threads = old.pool.threads
	d, err := newDevice(o, old.lv)
	if err != nil {
		return err
	}
	b.d = d
	err = f()
	b.d = old
	_ = d.Close()
	d = nil
	runtime.GC() // frees up to a quarter of a gigabyte
	return err
}

func (b *bench) peaks() []Peak {
	var out []Peak
	for r, v := range b.limit {
		if v > 0 {
			out = append(out, Peak{resourceNames[r], b.d.pool.threads, v / 1e9, resource(r).unit()})
		}
	}
	return out
}

func (b *bench) shares() []Share {
	var out []Share
	for _, t := range b.trials {
		least, by := b.limit.seconds(t.need)
		s := Share{t.kernel, t.shape, b.d.pool.threads, t.need[by] / t.seconds / 1e9, b.limit[by] / 1e9, by.unit(), resourceNames[by]}
		if t.values > 0 {
			s.Achieved, s.Limit, s.Unit = t.values/t.seconds/1e9, t.values/least/1e9, "Gvalues/s"
		}
		out = append(out, s)
	}
	return out
}

// ordinary returns a matrix of type t whose bytes are chosen so that scales, wherever a format has them and of
// whatever width, are finite numbers of ordinary size.
func ordinary(t quant.Type, rows, cols int) kernels.Weights {
	data := make([]byte, rows*t.RowBytes(cols))
	x := uint32(1)
	for i := range data {
		x = x*1664525 + 1013904223
		data[i] = 0x20 | byte(x>>24)&0x1f
	}
	return kernels.Weights{Type: t, Rows: rows, Cols: cols, Data: data}
}

// begin starts a step, which the following measurements use, and ends the previous one.
func (b *bench) begin(batch *kernels.Batch) error {
	if s := &b.d.steps[b.d.step]; s.IsOpen() {
		if err := s.End(); err != nil {
			return err
		}
	}
	b.s = b.d.begin(batch)
	return nil
}

// tensor returns a tensor of activations.
func (b *bench) tensor(rows, cols int) kernels.Tensor {
	t := b.s.New(rows, cols)
	for i := range t.F32 {
		t.F32[i] = float32(i%23-11) / 8
	}
	return t
}
