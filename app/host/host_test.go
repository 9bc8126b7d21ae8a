package host

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// All callers that ask for a model while it is loading get that one model.
func TestOneLoadForAll(t *testing.T) {
	_, m, f := newFakes(t, Options{})
	f.gate = make(chan struct{})
	var wg sync.WaitGroup
	var shares atomic.Int32 // number of reported shares
	for range 5 {
		wg.Go(func() {
			l, err := m.Acquire(context.Background(), entry("a"), Settings{}, func(share float64) {
				if share == 0.5 {
					shares.Add(1)
				}
			})
			if err != nil {
				t.Error(err)
				return
			}
			l.Release()
			l.Release()
		})
	}
	until(t, "five to wait", func() bool { return waiting(m.host) == 5 })
	until(t, "progress", func() bool { return shares.Load() > 0 })
	close(f.gate)
	wg.Wait()
	acquire(t, m, "a").Release()
	if got := f.history(); !slices.Equal(got, []string{"open a"}) {
		t.Errorf("history: %q", got)
	}
}

func waiting(h *Host) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.models {
		n += len(m.waiters)
	}
	return n
}

// A failed load returns its error to all callers that wait for it, and can be tried again.
func TestFailedLoad(t *testing.T) {
	_, m, f := newFakes(t, Options{})
	f.gate, f.fail["a"] = make(chan struct{}), errBroken
	errs := make(chan error)
	for range 3 {
		go func() {
			_, err := m.Acquire(context.Background(), entry("a"), Settings{}, nil)
			errs <- err
		}()
	}
	until(t, "three to wait", func() bool { return waiting(m.host) == 3 })
	close(f.gate)
	for range 3 {
		if err := <-errs; !errors.Is(err, errBroken) {
			t.Errorf("got %v", err)
		}
	}
	f.mu.Lock()
	delete(f.fail, "a")
	f.mu.Unlock()
	acquire(t, m, "a").Release()
	if got := f.history(); !slices.Equal(got, []string{"open a", "open a"}) {
		t.Errorf("history: %q", got)
	}
}

// A load continues as long as one caller waits for it, and is cancelled when none does.
func TestCancelledLoad(t *testing.T) {
	h, m, f := newFakes(t, Options{})
	f.gate = make(chan struct{})
	errs := make(chan error)
	wait := func() context.CancelFunc {
		n := waiting(h)
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			_, err := m.Acquire(ctx, entry("a"), Settings{}, nil)
			errs <- err
		}()
		until(t, "one more to wait", func() bool { return waiting(h) == n+1 })
		return cancel
	}
	first, second := wait(), wait()
	first()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if l := h.Loaded(); len(l) != 1 || l[0].Open {
		t.Errorf("with one who still waits: %+v", l)
	}
	second()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	until(t, "the memory to come back", func() bool { return len(h.Loaded()) == 0 })
	go func() { f.gate <- struct{}{} }()
	acquire(t, m, "a").Release() // a new load
	if got := f.history(); !slices.Equal(got, []string{"open a", "open a"}) {
		t.Errorf("history: %q", got)
	}
}

// The least recently used idle model is closed first, and never a model in use.
func TestEvictionOrder(t *testing.T) {
	h, m, f := newFakes(t, Options{Budget: 3 * unit})
	for _, name := range []string{"a", "b", "c", "a"} { // then b is the oldest
		acquire(t, m, name).Release()
	}
	acquire(t, m, "d").Release()
	inUse := acquire(t, m, "c") // then a is the oldest
	acquire(t, m, "e").Release()
	acquire(t, m, "f").Release()
	inUse.Release()
	want := []string{"open a", "open b", "open c", "close b", "open d", "close a", "open e", "close d", "open f"}
	if got := f.history(); !slices.Equal(got, want) {
		t.Errorf("history: %q, expected %q", got, want)
	}
	if f.most > 3*unit {
		t.Errorf("%d bytes were used at once, allowed are %d", f.most, 3*unit)
	}
	h.SetBudget(unit)
	until(t, "models to be closed", func() bool { return len(h.Loaded()) == 1 })
	if l := h.Loaded(); l[0].Name != "c" {
		t.Errorf("%s was kept, expected the one used last", l[0].Name)
	}
}

// A model that does not fit is refused with the numbers, and no other model is closed for it.
func TestBudget(t *testing.T) {
	h, m, f := newFakes(t, Options{Budget: 2*unit + unit/2})
	one := acquire(t, m, "one")
	acquire(t, m, "idle").Release()
	big := entry("big")
	big.Bytes = unit
	_, err := m.Acquire(context.Background(), big, Settings{}, nil)
	var full *MemoryError
	if !errors.As(err, &full) {
		t.Fatalf("got %v", err)
	}
	if full.Title != "big" || full.Needed != estimate(big, Settings{}) || full.Free != unit+unit/2 || full.Budget != 2*unit+unit/2 || !slices.Equal(full.InUse, []string{"one"}) {
		t.Errorf("got %+v", full)
	}
	if got := f.history(); !slices.Equal(got, []string{"open one", "open idle"}) {
		t.Errorf("history: %q", got)
	}
	huge := entry("huge")
	huge.Bytes = 10 * unit
	forced, err := m.Acquire(context.Background(), huge, Settings{Anyway: true}, nil) // the idle model makes room, the one in use stays
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.Acquire(context.Background(), huge, Settings{}, nil)
	if err != nil || again.Model != forced.Model {
		t.Errorf("it is opened a second time: %v", err)
	}
	again.Release()
	forced.Release()
	if got := f.history(); !slices.Equal(got, []string{"open one", "open idle", "close idle", "open huge"}) {
		t.Errorf("history: %q", got)
	}
	one.Release()
	l, err := m.Acquire(context.Background(), big, Settings{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.Release()
	h.SetBudget(Unlimited)
	acquire(t, m, "one").Release()
	acquire(t, m, "idle").Release()
	if n := len(h.Loaded()); n != 3 {
		t.Errorf("%d models without a limit", n)
	}
}

// Without a chosen budget the limit is the memory that the system has available.
func TestSystemMemory(t *testing.T) {
	var f *opens
	total := 2*unit + unit/2
	_, m, f := newFakes(t, Options{Available: func() int64 {
		f.mu.Lock()
		defer f.mu.Unlock()
		return total - f.held
	}})
	for _, name := range []string{"a", "b", "c"} {
		acquire(t, m, name).Release()
	}
	if got, want := f.history(), []string{"open a", "open b", "close a", "open c"}; !slices.Equal(got, want) {
		t.Errorf("history: %q, expected %q", got, want)
	}
	b, c := acquire(t, m, "b"), acquire(t, m, "c")
	_, err := m.Acquire(context.Background(), entry("d"), Settings{}, nil)
	var full *MemoryError
	if !errors.As(err, &full) || full.Needed != unit || full.Free != unit/2 || full.Budget != 0 {
		t.Errorf("got %v", err)
	}
	b.Release()
	c.Release()
}

// If the available memory is unknown, no model is refused.
func TestUnknownMemory(t *testing.T) {
	_, m, _ := newFakes(t, Options{Available: func() int64 { return 0 }})
	for _, name := range []string{"a", "b", "c"} {
		defer acquire(t, m, name).Release()
	}
}

// A model that is removed while it is loading is not loaded to its end, and the callers that wait for it get the reason.
func TestRemoveWhileLoading(t *testing.T) {
	h, m, f := newFakes(t, Options{})
	f.gate = make(chan struct{})
	errs := make(chan error)
	go func() {
		_, err := m.Acquire(context.Background(), entry("a"), Settings{}, nil)
		errs <- err
	}()
	until(t, "the load", func() bool { return len(f.history()) == 1 })
	if err := h.Remove(context.Background(), entry("a")); err != nil {
		t.Error(err)
	}
	if err := <-errs; !errors.Is(err, ErrRemoved) {
		t.Errorf("got %v", err)
	}
	if l := h.Loaded(); len(l) != 0 {
		t.Errorf("left: %+v", l)
	}
}

// A model that is removed while it is in use is closed after its users have released it.
func TestRemoveWhileInUse(t *testing.T) {
	h, m, f := newFakes(t, Options{})
	l := acquire(t, m, "a")
	ctx, cancel := l.Context(context.Background())
	defer cancel()
	short, stop := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer stop()
	var in *InUseError
	if err := h.Remove(short, entry("a")); !errors.As(err, &in) || in.Title != "a" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if <-ctx.Done(); context.Cause(ctx) != ErrRemoved {
		t.Errorf("the cause is %v", context.Cause(ctx))
	}
	removed := make(chan error)
	go func() { removed <- h.Remove(context.Background(), entry("a")) }()
	if got := f.history(); !slices.Equal(got, []string{"open a"}) {
		t.Errorf("history: %q", got)
	}
	l.Release()
	if err := <-removed; err != nil {
		t.Error(err)
	}
	if l := h.Loaded(); len(l) != 0 {
		t.Errorf("left: %+v", l)
	}
	if err := h.Remove(context.Background(), entry("never there")); err != nil {
		t.Error(err)
	}
}

// Other settings open an idle model again; a model in use is shared with its present settings.
func TestOtherSettings(t *testing.T) {
	_, m, f := newFakes(t, Options{})
	get := func(threads int) *Lease[*fake] {
		l, err := m.Acquire(context.Background(), entry("a"), Settings{Threads: threads}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	one := get(1)
	two := get(2)
	if two.Model.settings.Threads != 1 {
		t.Error("a model in use was opened again")
	}
	one.Release()
	two.Release()
	two = get(2)
	if two.Model.settings.Threads != 2 {
		t.Error("an idle model was not opened again")
	}
	two.Release()
	f.gate = make(chan struct{})
	old, leave := context.WithCancel(context.Background())
	go func() {
		if l, err := m.Acquire(old, entry("a"), Settings{Threads: 3}, nil); err == nil {
			l.Release()
		}
	}()
	until(t, "the load", func() bool { return waiting(m.host) == 1 })
	got := make(chan *Lease[*fake])
	leave()
	go func() { got <- get(4) }()
	close(f.gate)
	l := <-got
	if l.Model.settings.Threads != 4 {
		t.Errorf("opened with %d threads, expected 4", l.Model.settings.Threads)
	}
	l.Release()
}

// With Idle set, a model that has not been used for that time is closed.
func TestIdle(t *testing.T) {
	h, m, f := newFakes(t, Options{})
	m.Idle = 20 * time.Millisecond
	l := acquire(t, m, "a")
	time.Sleep(3 * m.Idle)
	if n := len(h.Loaded()); n != 1 {
		t.Error("a model in use was closed")
	}
	l.Release()
	until(t, "the model to be closed", func() bool { return len(h.Loaded()) == 0 })
	acquire(t, m, "a").Release()
	if got, want := f.history(), []string{"open a", "close a", "open a"}; !slices.Equal(got[:3], want) {
		t.Errorf("history: %q, expected %q", got, want)
	}
}

// Close cancels loads, ends uses and waits for them, in any situation.
func TestCloseDuringALoad(t *testing.T) {
	h, m, f := newFakes(t, Options{})
	used := acquire(t, m, "used")
	ctx, cancel := used.Context(context.Background())
	defer cancel()
	acquire(t, m, "idle").Release()
	f.gate = make(chan struct{})
	errs := make(chan error)
	go func() {
		_, err := m.Acquire(context.Background(), entry("loading"), Settings{}, nil)
		errs <- err
	}()
	until(t, "the load", func() bool { return waiting(h) == 1 })
	closed := make(chan error)
	go func() { closed <- h.Close() }()
	if err := <-errs; !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	if <-ctx.Done(); context.Cause(ctx) != ErrClosed {
		t.Errorf("the cause is %v", context.Cause(ctx))
	}
	select {
	case <-closed:
		t.Error("closed while a model is in use")
	case <-time.After(10 * time.Millisecond):
	}
	used.Release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if l := h.Loaded(); len(l) != 0 {
		t.Errorf("left: %+v", l)
	}
	if _, err := m.Acquire(context.Background(), entry("a"), Settings{}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// The error of closing a model is returned by Host.Close.
func TestCloseError(t *testing.T) {
	h, m, f := newFakes(t, Options{Budget: unit})
	f.closeErr = errBroken
	acquire(t, m, "a").Release()
	acquire(t, m, "b").Release()
	f.mu.Lock()
	f.closeErr = nil
	f.mu.Unlock()
	if err := h.Close(); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

// In any order of acquiring, cancelling, removing and changing the budget, the budget is kept, no model is open twice or closed
// while in use, and at the end none is left.
func TestAnyOrder(t *testing.T) {
	before := runtime.NumGoroutine()
	h, m, f := newFakes(t, Options{Budget: 2 * unit})
	f.fail["c"] = errBroken
	end := time.Now().Add(time.Second)
	var wg sync.WaitGroup
	var served atomic.Int32
	for range 6 {
		wg.Go(func() {
			for time.Now().Before(end) {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(3000))*time.Microsecond)
				l, err := m.Acquire(ctx, entry(string(rune('a'+rand.IntN(4)))), Settings{Threads: rand.IntN(2)}, func(float64) {})
				if err == nil {
					served.Add(1)
					use, stop := l.Context(ctx)
					for range rand.IntN(20) {
						if use.Err() != nil {
							break
						}
						f.mu.Lock()
						if f.open[l.Model.name] != 1 {
							t.Errorf("%s is used and not open", l.Model.name)
						}
						f.mu.Unlock()
						runtime.Gosched()
					}
					stop()
					l.Release()
				}
				cancel()
			}
		})
	}
	wg.Go(func() {
		for time.Now().Before(end) {
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			if err := h.Remove(context.Background(), entry(string(rune('a'+rand.IntN(4))))); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if served.Load() < 10 {
		t.Errorf("only %d uses", served.Load())
	}
	if f.most > 2*unit {
		t.Errorf("%d bytes were used at once, allowed are %d", f.most, 2*unit)
	}
	until(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}
