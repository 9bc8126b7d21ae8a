package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"soberano/engine/arch/tiny"
)

// TestManyRequests sends 1,000 requests, 64 at a time, of which some are cancelled at any time and some can't be answered. Each must end as it should, and afterwards no
// page of a state is held, no goroutine is left, and memory has not grown from the first half to the second. There are few prompts, and the most probable tokens are
// chosen, so that the idle states that the queue keeps are soon all there.
func TestManyRequests(t *testing.T) {
	for _, kind := range []string{"llama", "gemma3", "mamba"} { // states that go back, with windows, recurrent
		t.Run(kind, func(t *testing.T) { manyRequests(t, kind, 1000/3+1) })
	}
}

func manyRequests(t *testing.T, kind string, requests int) {
	goroutines := runtime.NumGoroutine()
	m := openTiny(t, tiny.New(kind), settings{Context: 128})
	pages := m.dev.(interface{ PagesInUse() int })
	heap := func() int64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	half := func(seed uint64) int64 {
		var wg sync.WaitGroup
		work := make(chan uint64)
		for range 64 {
			wg.Go(func() {
				for seed := range work {
					if err := randomRequest(m, rand.New(rand.NewPCG(seed, 1))); err != nil {
						t.Errorf("request %d: %v", seed, err)
					}
				}
			})
		}
		for i := range uint64(requests / 2) {
			work <- seed + i
		}
		close(work)
		wg.Wait()
		return heap()
	}
	first, second := half(0), half(1e6)
	if v := os.Getenv("SOBERANO_SOAK"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			t.Fatal(err)
		}
		for seed, end := uint64(2e6), time.Now().Add(d); time.Now().Before(end) && !t.Failed(); seed += 1e6 {
			second = half(seed)
		}
	}
	if second > first+first/10+4<<20 {
		t.Errorf("the heap has grown from %d to %d bytes", first, second)
	}
	if pages.PagesInUse() == 0 {
		t.Error("no idle state is kept, or the pages are not counted")
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if n := pages.PagesInUse(); n != 0 {
		t.Errorf("%d pages were not released", n)
	}
	for range 500 {
		if runtime.NumGoroutine() <= goroutines {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
}

// randomRequest sends a request and returns an error if it does not end as it should.
func randomRequest(m *Model, r *rand.Rand) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	long := r.IntN(10) == 0
	req := Request{
		Prompt: fmt.Sprint(r.IntN(3), strings.Repeat("abc ", 4*r.IntN(3))), MaxTokens: 1 + r.IntN(12), N: 1 + r.IntN(3), Background: r.IntN(2) == 0,
		Overflow: []Overflow{Refuse, DropMiddle, Rolling}[r.IntN(3)],
	}
	if long {
		req.Prompt = strings.Repeat("a very long prompt ", 12)
	}
	pieces, leave := 0, r.IntN(12) // after so many pieces, if it is less than 6
	switch r.IntN(8) {
	case 0:
		cancel()
	case 1:
		time.AfterFunc(time.Duration(r.IntN(3000))*time.Microsecond, cancel)
	}
	ended := 0
	for p, err := range m.Generate(ctx, req) {
		switch {
		case err == nil:
		case errors.Is(err, context.Canceled) && ctx.Err() != nil, errors.Is(err, ErrContextFull) && long && req.Overflow == Refuse:
			return nil
		default:
			return err
		}
		if pieces++; pieces > leave && leave < 6 {
			return nil // the caller goes away
		}
		if p.Reason != "" {
			ended++
		}
	}
	if ended != req.N {
		return fmt.Errorf("%d of %d answers ended", ended, req.N)
	}
	return nil
}
