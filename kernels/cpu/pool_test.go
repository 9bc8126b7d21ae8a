package cpu

import (
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"soberano/kernels"
)

// TestPool checks that every chunk of every job runs exactly once, before do returns.
func TestPool(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPool(generic, rapid.IntRange(1, 5).Draw(t, "threads"))
		defer p.Close()
		me := newTurn(kernels.Answer)
		counts := make([]int32, 40)
		f := job(func(_, c int) { counts[c]++ })
		jobs := rapid.SliceOfN(rapid.IntRange(0, len(counts)), 1, 200).Draw(t, "jobs")
		want := make([]int32, len(counts))
		for i, n := range jobs {
			if i == len(jobs)/2 {
				time.Sleep(time.Duration(rapid.IntRange(0, 300).Draw(t, "µs")) * time.Microsecond) // lets workers fall asleep
			}
			p.do(&me, n, &f)
			for c := range n {
				want[c]++
			}
		}
		for c := range counts {
			if counts[c] != want[c] {
				t.Fatalf("chunk %d ran %d times, not %d", c, counts[c], want[c])
			}
		}
	})
}

// TestPoolPanic checks that a panic in a chunk, on any worker, reaches the caller, and that the
// pool works afterwards.
func TestPoolPanic(t *testing.T) {
	p := newPool(generic, 3)
	defer p.Close()
	me := newTurn(kernels.Answer)
	for bad := range 20 {
		f := job(func(_, c int) {
			if c == bad {
				panic("broken chunk")
			}
		})
		if v := recovered(func() { p.do(&me, 20, &f) }); v == nil || !strings.Contains(v.(string), "broken chunk") {
			t.Fatalf("chunk %d: do panicked with %v", bad, v)
		}
		n := make([]int32, 20)
		g := job(func(_, c int) { n[c]++ })
		p.do(&me, 20, &g)
		for c := range n {
			if n[c] != 1 {
				t.Fatalf("afterwards chunk %d ran %d times", c, n[c])
			}
		}
	}
}

func recovered(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// TestPoolClose checks that the workers end, and that closing twice has no effect.
func TestPoolClose(t *testing.T) {
	me := newTurn(kernels.Answer)
	before := runtime.NumGoroutine()
	for range 20 {
		p := newPool(generic, 4)
		f := job(func(int, int) {})
		p.do(&me, 8, &f)
		p.Close()
		p.Close()
	}
	if after := runtime.NumGoroutine(); after > before+2 {
		t.Fatalf("%d goroutines before, %d after", before, after)
	}
}

// TestPoolCloseAfterJob checks that workers end even if the pool is closed just when they have found a job.
func TestPoolCloseAfterJob(t *testing.T) {
	const threads = 2
	nothing := job(func(int, int) {})
	for range 2000 {
		p := newPool(generic, threads)
		var arrived atomic.Int32
		meet := job(func(int, int) { // all workers are awake afterwards
			arrived.Add(1)
			for arrived.Load() < threads {
				pause()
			}
		})
		p.all(threads, &meet)
		p.all(threads, &nothing)
		late := time.AfterFunc(20*time.Second, func() { panic("a worker has not ended") })
		p.end()
		late.Stop()
	}
}
