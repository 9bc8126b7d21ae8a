package cpu

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// maxChunks is the largest number of chunks of a job.
const maxChunks = 1<<16 - 1

// spins is how many times an idle worker checks for work before it sleeps. Between checks it pauses for
// about 150 ns.
const spins = 700

// job computes one chunk of an operation. worker is the number of the worker, which selects its scratch memory.
type job func(worker, chunk int)

// Pool is a fork-join pool of workers that one or several devices share. It also has methods for arithmetic on what
// devices return. do runs a job for chunks 0 … n-1 on all workers and returns when every chunk has run. The
// calling goroutine is worker 0.
//
// A decode step joins hundreds of times, each time after about 20 µs of work, so a fork and join must
// cost less than a microsecond. A go statement with a WaitGroup costs 5 to 40 µs on a
// busy machine, this pool 0.3 to 0.8 µs. Workers spin for about 100 µs after their last
// job, then sleep.
//
// Workers claim a chunk with one compare-and-swap of a word that holds the whole state:
//
//	63 …………………… 32 │ 31 ………… 16 │ 15 ………… 0
//	job number    │ chunks     │ next chunk
//
// The job number prevents a worker from claiming a chunk of one job as that of another. do waits until all chunks are done,
// not until all workers are idle, so a worker that the system has descheduled delays it only if the worker has claimed
// a chunk. (Waiting for all workers reduced the speed to a thousandth on a busy machine.)
//
// One job runs at a time. If several goroutines want the workers, the one with the
// highest kernels.Priority is first; see admission.
type Pool struct {
	lv      level
	threads int
	devices atomic.Int32 // devices that use the pool
	admission
	_      [64]byte // all workers write the following words: keep each on a cache line of its own
	state  atomic.Uint64
	_      [56]byte
	done   atomic.Int32
	_      [60]byte
	fn     atomic.Pointer[job]
	failed atomic.Pointer[failure]
	stop   atomic.Bool
	asleep []atomic.Bool
	wake   []chan struct{}
	ended  sync.WaitGroup
}

// NewPool starts a pool of threads workers, which include the calling goroutine. 0 means one for each
// physical core, or one fewer if there are at least four cores. It fails if threads is negative or exceeds
// 1024, or if SOBERANO_CPU names a level that this machine does not have.
func NewPool(threads int) (*Pool, error) {
	lv, err := chosen()
	if err != nil {
		return nil, err
	}
	return startPool(lv, threads)
}

// startPool is NewPool for a given level.
func startPool(lv level, threads int) (*Pool, error) {
	if threads < 0 || threads > 1024 {
		return nil, fmt.Errorf("cpu: %d threads: use 1 to 1024, or 0 for the default", threads)
	}
	if threads == 0 {
		threads = defaultThreads()
	}
	return newPool(lv, threads), nil
}

// newPool starts the goroutines of workers 1 … threads-1.
func newPool(lv level, threads int) *Pool {
	p := &Pool{lv: lv, threads: threads, asleep: make([]atomic.Bool, threads), wake: make([]chan struct{}, threads)}
	for i := 1; i < threads; i++ {
		p.wake[i] = make(chan struct{}, 1)
		p.ended.Add(1)
		go p.worker(i)
	}
	return p
}

// Threads returns the number of workers, including the calling goroutine.
func (p *Pool) Threads() int { return p.threads }

// do waits until t may use the workers, runs (*fn)(worker, c) for every chunk c, and returns when all have run. fn
// is a pointer so that a job that was created once can be passed without an allocation. A panic in
// a chunk is raised again here, after all chunks have ended.
func (p *Pool) do(t *turn, chunks int, fn *job) {
	if chunks > maxChunks {
		panic("cpu: too many chunks")
	}
	p.enter(t)
	defer p.leave()
	p.all(chunks, fn)
}

// all runs a job. The caller must have exclusive use of the workers.
func (p *Pool) all(chunks int, fn *job) {
	if p.threads == 1 || chunks <= 1 {
		for c := range chunks {
			(*fn)(0, c)
		}
		return
	}
	p.start(chunks, fn)
	p.take(0)
	for s := 0; p.done.Load() != int32(chunks); s++ {
		if s < spins {
			pause()
		} else {
			runtime.Gosched()
		}
	}
	if f := p.failed.Swap(nil); f != nil {
		f.again()
	}
}

// start publishes a job and wakes sleeping workers.
func (p *Pool) start(chunks int, fn *job) {
	p.fn.Store(fn)
	p.done.Store(0)
	p.state.Store((p.state.Load()>>32+1)<<32 | uint64(chunks)<<16)
	for i := 1; i < p.threads; i++ {
		if p.asleep[i].Load() && p.asleep[i].CompareAndSwap(true, false) {
			p.wake[i] <- struct{}{}
		}
	}
}

// take claims and runs chunks until none is left.
func (p *Pool) take(worker int) {
	for {
		s := p.state.Load()
		fn, c := p.fn.Load(), s&0xffff
		if c >= s>>16&0xffff {
			return
		}
		if p.state.CompareAndSwap(s, s+1) {
			p.run(fn, worker, int(c))
		}
	}
}

// run runs one chunk and counts it as done, even if it panics.
func (p *Pool) run(fn *job, worker, c int) {
	defer func() {
		if v := recover(); v != nil {
			p.failed.CompareAndSwap(nil, &failure{v, debug.Stack()})
		}
		p.done.Add(1)
	}()
	(*fn)(worker, c)
}

// worker is the goroutine of worker i: it takes part in every job until the pool is closed.
func (p *Pool) worker(i int) {
	defer p.ended.Done()
	debug.SetPanicOnFault(true)
	var seen uint64
	for {
		for s := 0; p.state.Load()>>32 == seen; s++ {
			if s < spins {
				pause()
				continue
			}
			p.sleep(i, seen)
			s = 0
		}
		seen = p.state.Load() >> 32
		if p.stop.Load() { // checked after the job number was read, since end sets stop before it increments the number
			return
		}
		p.take(i)
	}
}

// sleep blocks worker i until start wakes it. The worker sets its flag before it checks the job number for the last
// time, and start checks the flag after it has incremented that number, so
// at least one of them sees the other's change.
func (p *Pool) sleep(i int, seen uint64) {
	p.asleep[i].Store(true)
	if p.state.Load()>>32 != seen && p.asleep[i].CompareAndSwap(true, false) {
		return
	}
	<-p.wake[i]
}

// Close stops the workers and waits for them. All devices that use the pool must be closed
// before. Further calls have no effect.
func (p *Pool) Close() error {
	p.end()
	return nil
}

// end stops the workers with an empty job and waits for them.
func (p *Pool) end() {
	if p.threads == 1 || p.stop.Swap(true) {
		return
	}
	fn := job(func(int, int) {})
	p.start(1, &fn)
	p.take(0)
	p.ended.Wait()
}
