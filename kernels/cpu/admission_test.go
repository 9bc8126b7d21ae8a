package cpu

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"soberano/kernels"
	"soberano/kernels/devicetest"
	"soberano/kernels/quant"
)

// waits waits until n users are waiting for p.
func waits(t *testing.T, p *Pool, n int) {
	t.Helper()
	for range 5000 {
		p.mu.Lock()
		have := 0
		for _, line := range p.waiting {
			have += len(line)
		}
		p.mu.Unlock()
		if have == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%d users do not wait", n)
}

// TestAdmissionOrder checks that waiting users are admitted by priority, then by the time they have waited.
func TestAdmissionOrder(t *testing.T) {
	p := newPool(generic, 2)
	defer p.Close()
	var users sync.WaitGroup
	var mu sync.Mutex
	var order []string
	use := func(name string, priority kernels.Priority, before func()) {
		users.Go(func() {
			me := newTurn(priority)
			run := job(func(_, c int) {
				if c == 0 {
					before()
					mu.Lock()
					order = append(order, name)
					mu.Unlock()
				}
			})
			p.do(&me, 3, &run)
		})
	}
	begun, end := make(chan struct{}), make(chan struct{})
	use("first", kernels.Recording, func() {
		close(begun)
		<-end
	})
	<-begun
	for i, u := range []struct {
		name     string
		priority kernels.Priority
	}{{"recording", kernels.Recording}, {"answer", kernels.Answer}, {"another recording", kernels.Recording},
		{"another answer", kernels.Answer}, {"dictation", kernels.Dictation}} {
		use(u.name, u.priority, func() {})
		waits(t, p, i+1)
	}
	close(end)
	users.Wait()
	if want := []string{"first", "dictation", "answer", "another answer", "recording", "another recording"}; !slices.Equal(order, want) {
		t.Errorf("%q, expected %q", order, want)
	}
	if p.admission.state.Load() != free {
		t.Error("a pool that nobody wants is not free")
	}
}

// TestHold checks that while a priority is held, users of lower priorities wait, and users of this and higher ones do not.
func TestHold(t *testing.T) {
	p := newPool(generic, 2)
	defer p.Close()
	run := job(func(_, _ int) {})
	use := func(priority kernels.Priority) <-chan struct{} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			me := newTurn(priority)
			for range 3 {
				p.do(&me, 3, &run)
			}
		}()
		return done
	}
	release := p.Hold(kernels.Answer)
	again := p.Hold(kernels.Answer)
	low := use(kernels.Recording)
	waits(t, p, 1)
	<-use(kernels.Answer)
	<-use(kernels.Dictation)
	again()
	again() // has no effect
	<-use(kernels.Answer)
	select {
	case <-low:
		t.Fatal("a lower priority went ahead")
	case <-time.After(20 * time.Millisecond):
	}
	release()
	<-low
	if p.admission.state.Load() != free {
		t.Error("a pool that nobody wants is not free")
	}
}

// TestAdmission checks, with many users, holds and panics, that only one user at a time has the workers, and that all
// finish. The race detector checks that the writes of one user are visible to the next.
func TestAdmission(t *testing.T) {
	p := newPool(generic, 3)
	defer p.Close()
	var in atomic.Int32
	var users sync.WaitGroup
	shared := 0 // written by the user who has the workers
	for i := range 8 {
		users.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			me := newTurn(kernels.Priority(r.IntN(int(kernels.Priorities))))
			for n := range 200 {
				release := func() {}
				if r.IntN(4) == 0 {
					release = p.Hold(me.priority)
				}
				run := job(func(_, c int) {
					if c != 0 {
						return
					}
					if in.Add(1) != 1 {
						t.Error("two users at once")
					}
					shared++
					in.Add(-1)
					if n%50 == 7 {
						panic("broken chunk")
					}
				})
				broke := recovered(func() { p.do(&me, 1+r.IntN(5), &run) }) != nil
				if broke != (n%50 == 7) {
					t.Errorf("round %d panicked: %v", n, broke)
				}
				release()
			}
		})
	}
	users.Wait()
	if shared != 8*200 || p.admission.state.Load() != free {
		t.Errorf("%d uses, the pool's state is %d", shared, p.admission.state.Load())
	}
}

// TestSharedPool checks that devices of several goroutines that share workers compute the same as each
// of them alone.
func TestSharedPool(t *testing.T) {
	p := newPool(best(), 3)
	defer p.Close()
	var users sync.WaitGroup
	for i := range 3 {
		users.Go(func() {
			d, err := newDevice(Options{Pool: p}, best())
			if err != nil {
				t.Error(err)
				return
			}
			r := rand.New(rand.NewPCG(uint64(i), 2))
			m, err := d.Load(devicetest.RandomWeights(r, quant.Q4_1, 300, 256))
			if err != nil {
				t.Error(err)
				return
			}
			x := devicetest.Gauss(r, 40*256)
			var want []float32
			for n := range 30 {
				s := d.begin(&kernels.Batch{Priority: kernels.Priority(i)})
				xt, y := tensorOf(s, x, 40, 256), s.New(40, 300)
				s.MatMul(y, xt, m)
				s.Activate(y, y, kernels.Tensor{}, kernels.SiLU)
				if got := flat(y); n == 0 {
					want = got
				} else if !slices.Equal(got, want) {
					t.Errorf("device %d, step %d: other values", i, n)
				}
				if err := s.End(); err != nil {
					t.Error(err)
				}
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	users.Wait()
	me, ran := newTurn(kernels.Answer), false
	run := job(func(_, _ int) { ran = true })
	if p.do(&me, 1, &run); !ran { // closing a device does not close a shared pool
		t.Error("the workers have ended")
	}
}

// BenchmarkPool measures a fork and join, with and without the admission that shared pools need.
func BenchmarkPool(b *testing.B) {
	p := newPool(generic, 1)
	me, run := newTurn(kernels.Answer), job(func(_, _ int) {})
	b.Run("do", func(b *testing.B) {
		for b.Loop() {
			p.do(&me, 2, &run)
		}
	})
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			p.all(2, &run)
		}
	})
}

// TestHoldWithOneThread checks that a device whose operations run only on its caller's thread waits for higher priorities too,
// except in operations so small that they don't ask for the workers.
func TestHoldWithOneThread(t *testing.T) {
	pool, err := NewPool(1)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	d := withOptions(t, best(), Options{Pool: pool})
	release := pool.Hold(kernels.Dictation)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s := d.Begin(nil)
		x := s.New(64, 1024)
		s.Write(x, make([]float32, 64*1024))
		s.Add(x, x)
		_ = s.End()
	}()
	select {
	case <-done:
		t.Error("a recording has come in while dictation holds the workers")
	case <-time.After(50 * time.Millisecond):
	}
	release()
	<-done
}

// TestLend checks that answers don't delay a recording while dictation waits for something that the recording has.
func TestLend(t *testing.T) {
	pool, err := NewPool(2)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	recording := func() chan struct{} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			pool.Each(kernels.Recording, 2, func(int) {})
		}()
		return done
	}
	waits := func(done chan struct{}) {
		t.Helper()
		select {
		case <-done:
			t.Error("a recording has come in while an answer holds the workers")
		case <-time.After(20 * time.Millisecond):
		}
	}
	release := pool.Hold(kernels.Answer)
	first := recording()
	waits(first)
	back := pool.Lend(kernels.Dictation)
	<-first
	<-recording()
	back()
	back()
	last := recording()
	waits(last)
	release()
	<-last
	if pool.admission.state.Load() != free {
		t.Error("the pool is still managed though nobody waits and nothing is held")
	}
	<-recording()
}
