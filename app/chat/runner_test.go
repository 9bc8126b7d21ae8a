package chat

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"soberano/app/host"
	"soberano/app/store"
	"soberano/engine"
	"soberano/models/registry"
)

// counted is a model that generates words until it is stopped, and counts how many such models are open.
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
		m.used.Add(1)
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
	return registry.Entry{Name: name, Info: registry.Info{Title: name, Kind: registry.Chat}}
}

func ask(n int) func(Status) (engine.Request, error) {
	return func(Status) (engine.Request, error) { return engine.Request{MaxTokens: n}, nil }
}

// newRunner returns a Runner with a host that has a memory budget and opens models with open.
func newRunner(t *testing.T, budget int64, open host.Open[Model]) *Runner {
	h := host.New(host.Options{Budget: budget})
	r := NewRunner(host.NewModels(h, open, nil), func(Status) {})
	t.Cleanup(func() {
		r.Close()
		r.Close()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// counting opens counted models; if gate is not nil, each opening waits for a value.
func counting(open *atomic.Int32, gate chan struct{}) host.Open[Model] {
	return func(ctx context.Context, e registry.Entry, _ host.Settings, _ func(float64)) (Model, error) {
		if e.Name == "broken" {
			return nil, errors.New("cut short")
		}
		if gate != nil {
			select {
			case <-gate:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		open.Add(1)
		return &counted{open: open, name: e.Name}, nil
	}
}

func TestAskWaitsForAModel(t *testing.T) {
	gate := make(chan struct{})
	r := newRunner(t, host.Unlimited, counting(new(atomic.Int32), gate))
	got := make(chan string, 1)
	go func() {
		var s strings.Builder
		err := r.Ask(context.Background(), ask(3), func(_ Status, p engine.Piece) { s.WriteString(p.Text) })
		if err != nil {
			s.WriteString(err.Error())
		}
		got <- s.String()
	}()
	r.Use(entry("broken"), host.Settings{})
	for r.Status().Phase != Broken {
		time.Sleep(time.Millisecond)
	}
	r.Use(entry("good"), host.Settings{})
	close(gate)
	if s := <-got; s != "good good good " {
		t.Fatalf("got %q", s)
	}
}

// An answer continues if another model is chosen that fits in memory beside its own.
func TestSwitchingLetsAnAnswerGoOn(t *testing.T) {
	r := newRunner(t, host.Unlimited, counting(new(atomic.Int32), nil))
	r.Use(entry("one"), host.Settings{})
	ctx, stop := context.WithCancel(context.Background())
	after := 0 // number of pieces after the other model was ready
	first := sync.OnceFunc(func() { r.Use(entry("two"), host.Settings{}) })
	err := r.Ask(ctx, ask(1e9), func(_ Status, p engine.Piece) {
		if first(); r.Status().Phase == Ready {
			after++
		}
		if after == 10 {
			stop()
		}
		if p.Text != "one " {
			t.Errorf("the answer goes on with %q", p.Text)
		}
	})
	if !errors.Is(err, context.Canceled) || after < 10 {
		t.Errorf("got %v after %d pieces", err, after)
	}
}

// The answer ends if there is not enough memory for both models.
func TestSwitchingEndsAnAnswer(t *testing.T) {
	var open atomic.Int32
	r := newRunner(t, budgetOfOne, counting(&open, nil))
	r.Use(entry("one"), host.Settings{})
	first := sync.OnceFunc(func() { r.Use(entry("two"), host.Settings{}) })
	err := r.Ask(context.Background(), ask(1e9), func(Status, engine.Piece) {
		if open.Load() > 1 {
			t.Error("two models are open")
		}
		first()
	})
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

// Two questions are answered at the same time, and each answer can be stopped separately.
func TestTwoAnswersAtOnce(t *testing.T) {
	r := newRunner(t, host.Unlimited, counting(new(atomic.Int32), nil))
	r.Use(entry("m"), host.Settings{})
	var writing [2]atomic.Bool
	errs := [2]chan error{make(chan error), make(chan error)}
	var stops [2]context.CancelFunc
	for i := range 2 {
		var ctx context.Context
		ctx, stops[i] = context.WithCancel(context.Background())
		go func() {
			errs[i] <- r.Ask(ctx, ask(1e9), func(Status, engine.Piece) { writing[i].Store(true) })
		}()
	}
	for !writing[0].Load() || !writing[1].Load() {
		time.Sleep(time.Millisecond)
	}
	stops[0]()
	if err := <-errs[0]; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	writing[1].Store(false)
	for !writing[1].Load() {
		time.Sleep(time.Millisecond)
	}
	stops[1]()
	if err := <-errs[1]; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A model that was closed to make memory free is opened again for the next question.
func TestClosedModelIsOpenedAgain(t *testing.T) {
	var open atomic.Int32
	load := counting(&open, nil)
	h := host.New(host.Options{Budget: budgetOfOne})
	models := host.NewModels(h, load, nil)
	r := NewRunner(models, nil)
	defer h.Close()
	defer r.Close()
	r.Use(entry("m"), host.Settings{})
	if err := r.Ask(context.Background(), ask(1), func(Status, engine.Piece) {}); err != nil {
		t.Fatal(err)
	}
	other, err := models.Acquire(context.Background(), entry("other"), host.Settings{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	errs := make(chan error)
	go func() { errs <- r.Ask(context.Background(), ask(1), func(Status, engine.Piece) {}) }()
	for r.Status().Phase != Broken { // no memory while the other model is in use
		time.Sleep(time.Millisecond)
	}
	if _, ok := errors.AsType[*host.MemoryError](r.Status().Err); !ok {
		t.Errorf("got %v", r.Status().Err)
	}
	other.Release()
	r.Again() // now the question is answered
	if err := <-errs; err != nil {
		t.Error(err)
	}
}

// A model that may not fit is opened if the person wants that, and answers.
func TestAnyway(t *testing.T) {
	var open atomic.Int32
	h := host.New(host.Options{Budget: budgetOfOne / 4})
	defer h.Close()
	r := NewRunner(host.NewModels(h, counting(&open, nil), nil), nil)
	defer r.Close()
	r.Use(entry("m"), host.Settings{})
	for r.Status().Phase != Broken {
		time.Sleep(time.Millisecond)
	}
	r.Anyway()
	if err := r.Ask(context.Background(), ask(1), func(Status, engine.Piece) {}); err != nil {
		t.Error(err)
	}
}

// budgetOfOne is enough memory for one model whose file does not state its size, but not for two.
var budgetOfOne = func() int64 {
	weights, cache, scratch := engine.Estimate(entry("").Info, 0, "")
	return (weights + cache + scratch) * 3 / 2
}()

// In any order of questions, choices, drops and cancellations the budget is kept, no model is closed while in use, and at the end
// none is open.
func TestRunnerInAnyOrder(t *testing.T) {
	before := runtime.NumGoroutine()
	var open atomic.Int32
	h := host.New(host.Options{Budget: budgetOfOne})
	load := func(ctx context.Context, e registry.Entry, s host.Settings, report func(float64)) (Model, error) {
		if open.Add(1) > 1 {
			t.Error("two models are open")
		}
		time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		if e.Name == "c" {
			open.Add(-1)
			return nil, errors.New("broken")
		}
		return &counted{open: &open, name: e.Name}, nil
	}
	r := NewRunner(host.NewModels(h, load, nil), func(Status) {})
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
			r.Use(entry(string(rune('a'+n%3))), host.Settings{})
		}
		time.Sleep(time.Duration(rand.IntN(500)) * time.Microsecond)
	}
	cancel()
	wg.Wait()
	r.Close()
	r.Close()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
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
	r := newRunner(t, host.Unlimited, func(context.Context, registry.Entry, host.Settings, func(float64)) (Model, error) {
		return endless{}, nil
	})
	r.Use(entry("m"), host.Settings{})
	ctx, cancel := context.WithCancel(context.Background())
	j := &job{conversation: c.ID, cancel: cancel, saved: time.Now(), message: store.Message{Conversation: c.ID, Role: store.Assistant}}
	done := make(chan struct{})
	go func() { defer close(done); j.run(ctx, r, s, 10*time.Millisecond, func() {}) }()
	other, err := store.Open(path) // opened as another program would
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

// endless generates a word every few milliseconds until it is stopped.
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
	picture := []store.Image{{Hash: "p"}}
	messages := []store.Message{{Role: store.User, Content: "a"}, {Role: store.Assistant, State: store.Failed}, {Role: store.User, Content: "b", Images: picture},
		{Role: store.Assistant, Content: "c", State: store.Stopped}, {Role: store.User, Images: picture}, {Role: store.User, Content: "d"}}
	got, places := turns(messages, true)
	want := []engine.Message{{Role: "user", Content: "a\n\nb"}, {Role: "assistant", Content: "c"}, {Role: "user", Content: "d"}}
	if !reflect.DeepEqual(got, want) || !slices.Equal(places, []place{{0, "p"}, {2, "p"}}) {
		t.Errorf("got %+v, images at %+v", got, places)
	}
	if got, places := turns(messages[4:5], false); len(got) != 0 || len(places) != 0 {
		t.Errorf("an image that is not seen: %+v, %+v", got, places)
	}
}
