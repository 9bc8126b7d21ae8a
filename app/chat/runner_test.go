package chat

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"soberano/app/store"
	"soberano/engine"
	"soberano/models/registry"
)

// counted is a model that says words until it is stopped, and knows how many are open.
type counted struct {
	open *atomic.Int32
	used atomic.Int32
	name string
}

func (m *counted) Info() engine.Info { return engine.Info{Name: m.name, Context: 100} }

func (m *counted) Close() error {
	if m.used.Load() != 0 {
		panic("closed while in use")
	}
	m.open.Add(-1)
	return nil
}

func (m *counted) Generate(ctx context.Context, r engine.Request) iter.Seq2[engine.Piece, error] {
	return func(yield func(engine.Piece, error) bool) {
		if m.used.Add(1) != 1 {
			panic("two use the model at once")
		}
		defer m.used.Add(-1)
		for i := range r.MaxTokens {
			if ctx.Err() != nil {
				yield(engine.Piece{}, ctx.Err())
				return
			}
			p := engine.Piece{Text: m.name + " ", Usage: engine.Usage{Generated: i + 1}}
			if i == r.MaxTokens-1 {
				p.Reason = engine.Length
			}
			if !yield(p, nil) {
				return
			}
			runtime.Gosched()
		}
	}
}

func entry(name string) registry.Entry {
	return registry.Entry{Name: name, Info: registry.Info{Title: name}}
}

func ask(n int) func(Status) (engine.Request, error) {
	return func(Status) (engine.Request, error) { return engine.Request{MaxTokens: n}, nil }
}

func TestAskWaitsForAModel(t *testing.T) {
	var open atomic.Int32
	ready := make(chan struct{})
	r := NewRunner(func(_ context.Context, e registry.Entry, _ engine.Options) (Model, error) {
		if e.Name == "broken" {
			return nil, errors.New("cut short")
		}
		<-ready
		open.Add(1)
		return &counted{open: &open, name: e.Name}, nil
	}, nil)
	defer r.Close()
	got := make(chan string, 1)
	go func() {
		var s strings.Builder
		err := r.Ask(context.Background(), ask(3), func(_ Status, p engine.Piece) { s.WriteString(p.Text) })
		if err != nil {
			s.WriteString(err.Error())
		}
		got <- s.String()
	}()
	r.Use(entry("broken"), engine.Options{})
	for r.Status().Phase != Broken {
		time.Sleep(time.Millisecond)
	}
	r.Use(entry("good"), engine.Options{})
	close(ready)
	if s := <-got; s != "good good good " {
		t.Fatalf("got %q", s)
	}
}

func TestSwitchingEndsAnAnswer(t *testing.T) {
	var open atomic.Int32
	r := NewRunner(func(_ context.Context, e registry.Entry, _ engine.Options) (Model, error) {
		if open.Add(1) > 1 {
			t.Error("two models are open")
		}
		return &counted{open: &open, name: e.Name}, nil
	}, nil)
	defer r.Close()
	r.Use(entry("one"), engine.Options{})
	first := sync.OnceFunc(func() { r.Use(entry("two"), engine.Options{}) })
	err := r.Ask(context.Background(), ask(1e9), func(Status, engine.Piece) { first() })
	if !errors.Is(err, errSwitched) {
		t.Fatalf("got %v", err)
	}
	if err := r.Ask(context.Background(), ask(1), func(s Status, _ engine.Piece) {
		if s.Entry.Name != "two" {
			t.Errorf("%s answers", s.Entry.Name)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// Whatever is asked, switched, dropped and cancelled at once, no two models are open, none
// is closed in use, and at the end nothing is left.
func TestRunnerInAnyOrder(t *testing.T) {
	before := runtime.NumGoroutine()
	var open atomic.Int32
	r := NewRunner(func(ctx context.Context, e registry.Entry, _ engine.Options) (Model, error) {
		if open.Add(1) > 1 {
			t.Error("two models are open")
		}
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		if e.Name == "c" {
			open.Add(-1)
			return nil, errors.New("broken")
		}
		return &counted{open: &open, name: e.Name}, nil
	}, func(Status) {})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				c, stop := context.WithTimeout(ctx, time.Duration(rand.IntN(3000))*time.Microsecond)
				r.Ask(c, ask(rand.IntN(200)+1), func(Status, engine.Piece) {})
				stop()
			}
		})
	}
	for range 300 {
		switch n := rand.IntN(6); n {
		case 0:
			r.Drop()
		default:
			r.Use(entry(string(rune('a'+n%3))), engine.Options{})
		}
		time.Sleep(time.Duration(rand.IntN(500)) * time.Microsecond)
	}
	cancel()
	wg.Wait()
	r.Close()
	r.Close()
	if n := open.Load(); n != 0 {
		t.Errorf("%d models are left open", n)
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
}

// An answer is in the file while it is written, and its state afterwards says how it ended.
func TestJobIsStoredWhileItIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	s, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := s.New()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(store.Message{Conversation: c.ID, Role: store.User, Content: "say words"}); err != nil {
		t.Fatal(err)
	}
	r := NewRunner(func(_ context.Context, e registry.Entry, _ engine.Options) (Model, error) { return endless{}, nil }, nil)
	defer r.Close()
	r.Use(entry("m"), engine.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	j := &job{conversation: c.ID, cancel: cancel, saved: time.Now(), message: store.Message{Conversation: c.ID, Role: store.Assistant}}
	done := make(chan struct{})
	go func() { defer close(done); j.run(ctx, r, s, 10*time.Millisecond, func() {}) }()
	other, err := store.Open(path) // as another program would see the file
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var m []store.Message
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if m, err = other.Messages(c.ID); err != nil {
			t.Fatal(err)
		}
		if len(m) == 2 && m[1].State == store.Partial && m[1].Content != "" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("not stored while it was written: %+v", m)
		}
	}
	cancel()
	<-done
	m, err = s.Messages(c.ID)
	if err != nil || len(m) != 2 || m[1].State != store.Stopped || m[1].Model != "m" || m[1].Tokens == 0 {
		t.Fatalf("%v: %+v", err, m)
	}
	if p := j.look(); p.message.ID != m[1].ID || p.stage != ended {
		t.Fatalf("%+v", p)
	}
}

// endless says a word every few milliseconds until it is stopped.
type endless struct{}

func (endless) Info() engine.Info { return engine.Info{Context: 100} }
func (endless) Close() error      { return nil }
func (endless) Generate(ctx context.Context, _ engine.Request) iter.Seq2[engine.Piece, error] {
	return func(yield func(engine.Piece, error) bool) {
		for i := 1; ; i++ {
			select {
			case <-ctx.Done():
				yield(engine.Piece{}, ctx.Err())
				return
			case <-time.After(5 * time.Millisecond):
			}
			if !yield(engine.Piece{Text: "word ", Usage: engine.Usage{Prompt: 5, Generated: i}}, nil) {
				return
			}
		}
	}
}

func TestTurnsTakeTurns(t *testing.T) {
	got := turns([]store.Message{{Role: store.User, Content: "a"}, {Role: store.Assistant, State: store.Failed}, {Role: store.User, Content: "b"},
		{Role: store.Assistant, Content: "c", State: store.Stopped}, {Role: store.User, Content: "d"}})
	want := []engine.Message{{Role: "user", Content: "a\n\nb"}, {Role: "assistant", Content: "c"}, {Role: "user", Content: "d"}}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %+v", got)
		}
	}
}
