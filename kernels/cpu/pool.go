package cpu

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// maxChunks is the most chunks one job may have.
const maxChunks = 1<<16 - 1

// spins is how often an idle worker looks for work before it sleeps; one look is a
// pause of some 150 ns.
const spins = 700

// job is the work of one chunk; worker numbers scratch memory.
type job func(worker, chunk int)

// Pool is workers that one or several devices share, and the host arithmetic on what
// devices return. It is a fork-join pool: do runs fn for chunks 0 … n-1 on all workers
// and returns when every chunk has run. The caller is worker 0.
//
// A decode step makes hundreds of joins of about 20 µs of work each, so a join must
// cost less than a microsecond: a go statement with a WaitGroup costs 5 to 40 on a
// busy machine, this pool 0.3 to 0.8. Workers spin for about 100 µs after their last
// job and then sleep.
//
// Chunks are claimed by one compare-and-swap of a word that holds everything:
//
//	63 …………………… 32 │ 31 ………… 16 │ 15 ………… 0
//	job number    │ chunks     │ next chunk
//
// so no worker can take a chunk of one job for another's. do waits for chunks, not
// for workers: a worker that the system has put aside costs nothing unless it holds
// a chunk (waiting for workers fell to a thousandth of the speed on a busy machine).
//
// One job runs at a time. Where several goroutines want the workers, the one of the
// highest kernels.Priority goes first, see admission.
type Pool struct {
	lv      level
	threads int
	devices atomic.Int32 // that use it
	admission
	_      [64]byte // the words below are written by all: keep them on lines of their own
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

// failure is a panic in a chunk.
type failure struct {
	value any
	stack []byte
}

// NewPool starts the workers: threads of them, the callers' goroutine included; 0 means
// the physical cores, from four up all but one. It fails if threads is negative or beyond
// 1024, or SOBERANO_CPU names a level that is not there.
func NewPool(threads int) (*Pool, error) {
	lv, err := chosen()
	if err != nil {
		return nil, err
	}
	return startPool(lv, threads)
}

// startPool is NewPool for a level.
func startPool(lv level, threads int) (*Pool, error) {
	if threads < 0 || threads > 1024 {
		return nil, fmt.Errorf("cpu: %d threads: use 1 to 1024, or 0 for the default", threads)
	}
	if threads == 0 {
		threads = defaultThreads()
	}
	return newPool(lv, threads), nil
}

func newPool(lv level, threads int) *Pool {
	p := &Pool{lv: lv, threads: threads, asleep: make([]atomic.Bool, threads), wake: make([]chan struct{}, threads)}
	for i := 1; i < threads; i++ {
		p.wake[i] = make(chan struct{}, 1)
		p.ended.Add(1)
		go p.worker(i)
	}
	return p
}

// Threads is the number of workers, the caller included.
func (p *Pool) Threads() int { return p.threads }

// do runs (*fn)(worker, c) for every chunk c and waits, after those that go before t. fn
// is a pointer so that a job made once is handed over without an allocation. A panic in
// a chunk appears here, after all chunks have ended.
func (p *Pool) do(t *turn, chunks int, fn *job) {
	if chunks > maxChunks {
		panic("cpu: too many chunks")
	}
	p.enter(t)
	defer p.leave()
	p.all(chunks, fn)
}

// all runs a job; the caller has the workers for itself.
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
		panic(fmt.Sprintf("cpu: a worker panicked: %v\n%s", f.value, f.stack))
	}
}

// start publishes a job and wakes the sleepers.
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

// take runs chunks until none is left.
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

// run runs one chunk and counts it, even when it panics.
func (p *Pool) run(fn *job, worker, c int) {
	defer func() {
		if v := recover(); v != nil {
			p.failed.CompareAndSwap(nil, &failure{v, debug.Stack()})
		}
		p.done.Add(1)
	}()
	(*fn)(worker, c)
}

func (p *Pool) worker(i int) {
	defer p.ended.Done()
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
		if p.stop.Load() { // asked after the number was read: end sets it before it raises the number
			return
		}
		p.take(i)
	}
}

// sleep parks worker i until start wakes it. The flag goes up before the last look
// at the job number, and start looks at the flag after it has raised that number, so
// one of the two always sees the other.
func (p *Pool) sleep(i int, seen uint64) {
	p.asleep[i].Store(true)
	if p.state.Load()>>32 != seen && p.asleep[i].CompareAndSwap(true, false) {
		return
	}
	<-p.wake[i]
}

// Close ends the workers and waits for them. The devices that use the pool must have
// been closed. Closing twice is allowed.
func (p *Pool) Close() error {
	p.end()
	return nil
}

func (p *Pool) end() {
	if p.threads == 1 || p.stop.Swap(true) {
		return
	}
	fn := job(func(int, int) {})
	p.start(1, &fn)
	p.take(0)
	p.ended.Wait()
}
