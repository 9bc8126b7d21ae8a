package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"soberano/asr"
	"soberano/asr/audio"
	"soberano/engine"
	"soberano/engine/arch/tiny"
	"soberano/engine/sample"
	"soberano/models/defaults"
	"soberano/models/registry"
)

// resolve describes a model file.
func resolve(t *testing.T, path string) registry.Entry {
	t.Helper()
	t.Setenv("SOBERANO_PACKED", "off")
	e, err := registry.Resolve(nil, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// hostOf returns a host that is closed at the end of the test.
func hostOf(t *testing.T, o Options) *Host {
	h := New(o)
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if l := h.Loaded(); len(l) != 0 {
			t.Errorf("left: %+v", l)
		}
	})
	return h
}

// generate answers a prompt and calls each with every piece.
func generate(ctx context.Context, l *Lease[*engine.Model], prompt string, n int, each func(engine.Piece)) (string, error) {
	ctx, stop := l.Context(ctx)
	defer stop()
	var text strings.Builder
	for p, err := range l.Model.Generate(ctx, engine.Request{Prompt: prompt, MaxTokens: n, Sampling: sample.Params{}}) {
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return text.String(), err
		}
		text.WriteString(p.Text)
		each(p)
	}
	return text.String(), nil
}

// meet returns a function that blocks until n goroutines have called it.
func meet(n int) func() {
	var all sync.WaitGroup
	all.Add(n)
	return func() {
		all.Done()
		all.Wait()
	}
}

// Two answers of one model are generated at the same time, and each has the same text as alone.
func TestTwoAnswersAtOnce(t *testing.T) {
	e := resolve(t, tiny.New("llama").Write(t))
	testTwoAnswers(t, e, "abc", "xyz")
}

// The same test with a real model.
func TestTwoRealAnswersAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("a real model takes seconds")
	}
	e := resolve(t, defaults.Need(t, "smollm2"))
	testTwoAnswers(t, e, "The capital of France is", "One, two, three, four,")
}

func testTwoAnswers(t *testing.T, e registry.Entry, prompts ...string) {
	h := hostOf(t, Options{})
	models := Chats(h)
	const tokens = 12
	alone := make([]string, len(prompts))
	get := func() *Lease[*engine.Model] {
		l, err := models.Acquire(context.Background(), e, Settings{Context: 200, Threads: 2}, nil)
		if err != nil {
			t.Error(err)
		}
		return l
	}
	for i, p := range prompts {
		l := get()
		if t.Failed() {
			return
		}
		var err error
		if alone[i], err = generate(context.Background(), l, p, tokens, func(engine.Piece) {}); err != nil {
			t.Fatal(err)
		}
		l.Release()
	}
	var wg sync.WaitGroup
	both := meet(len(prompts))
	for i, p := range prompts {
		wg.Go(func() {
			l := get()
			if l == nil {
				both()
				return
			}
			defer l.Release()
			first := sync.OnceFunc(both) // no goroutine continues before the other one has started, too
			got, err := generate(context.Background(), l, p, tokens, func(engine.Piece) { first() })
			first()
			if err != nil || got != alone[i] {
				t.Errorf("%q: beside another %q, alone %q, %v", p, got, alone[i], err)
			}
		})
	}
	wg.Wait()
	if l := h.Loaded(); len(l) != 1 || l[0].Users != 0 || l[0].Bytes <= 0 {
		t.Errorf("loaded: %+v", l)
	}
}

// A load reports its progress, and ends early when it is cancelled.
func TestCancelRealLoad(t *testing.T) {
	h := hostOf(t, Options{})
	e := resolve(t, tiny.New("llama").Write(t))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	last := 0.0
	_, err := h.OpenChat(ctx, e, Settings{Threads: 1}, func(share float64) {
		if share < last || share > 1 {
			t.Errorf("%g of the load is done after %g", share, last)
		}
		if last = share; share > 0.5 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || last == 0 || last == 1 {
		t.Errorf("after %g of the load: %v", last, err)
	}
	m, err := h.OpenChat(context.Background(), e, Settings{Threads: 1}, func(share float64) { last = share })
	if err != nil || last < 0.9 { // vectors are not counted
		t.Fatalf("after %g of the load: %v", last, err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// Removing a model during an answer ends the answer and closes the model.
func TestRemoveDuringAnAnswer(t *testing.T) {
	e := resolve(t, tiny.New("llama").Write(t))
	h := hostOf(t, Options{})
	l, err := Chats(h).Acquire(context.Background(), e, Settings{Threads: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	removed := make(chan error)
	begin := sync.OnceFunc(func() { go func() { removed <- h.Remove(context.Background(), e) }() })
	for range 1000 { // an answer may end by itself
		if _, err = generate(context.Background(), l, "abc", 0, func(engine.Piece) { begin() }); err != nil {
			break
		}
		begin()
	}
	if !errors.Is(err, ErrRemoved) {
		t.Errorf("got %v", err)
	}
	l.Release()
	if err := <-removed; err != nil {
		t.Error(err)
	}
	if l := h.Loaded(); len(l) != 0 {
		t.Errorf("left: %+v", l)
	}
}

// Dictation is transcribed while an answer is generated, and both have the same text as alone.
func TestDictationDuringAnAnswer(t *testing.T) {
	if testing.Short() {
		t.Skip("real models take seconds")
	}
	h := hostOf(t, Options{})
	chat, err := Chats(h).Acquire(context.Background(), resolve(t, defaults.Need(t, "smollm2")), Settings{Context: 1000, Threads: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer chat.Release()
	speech, err := Speech(h).Acquire(context.Background(), resolve(t, defaults.Need(t, "whisper-base")), Settings{Threads: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer speech.Release()
	heard := func() string {
		text, err := dictate(speech.Model, filepath.Join("..", "..", "asr", "testdata", "audio", "goforward.wav"))
		if err != nil {
			t.Error(err)
		}
		return text
	}
	alone := heard()
	if !strings.Contains(strings.ToLower(alone), "forward") {
		t.Fatalf("heard %q", alone)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	writing, answered := make(chan struct{}), make(chan error)
	var pieces atomic.Int64
	go func() {
		first := sync.OnceFunc(func() { close(writing) })
		var err error
		for err == nil { // an answer may end by itself
			_, err = generate(ctx, chat, "Once upon a time", 0, func(engine.Piece) { pieces.Add(1); first() })
		}
		first()
		answered <- err
	}()
	<-writing
	before := pieces.Load()
	if got := heard(); got != alone {
		t.Errorf("during an answer %q, alone %q", got, alone)
	}
	stop()
	if err := <-answered; !errors.Is(err, context.Canceled) {
		t.Errorf("the answer: %v", err)
	}
	if pieces.Load() == before {
		t.Error("the answer did not go on while it was dictated")
	}
}

// dictate transcribes a file as if it came from a microphone.
func dictate(m *asr.Model, path string) (string, error) {
	src, err := audio.Open(path)
	if err != nil {
		return "", err
	}
	defer src.Close()
	var text []string
	for s, err := range m.Listen(context.Background(), played{src}, asr.Params{Language: "en"}) {
		if err != nil {
			return "", fmt.Errorf("after %q: %w", text, err)
		}
		if s.Final {
			text = append(text, s.Text)
		}
	}
	return strings.Join(text, " "), nil
}

// played reads a file like a microphone, but without waiting in real time.
type played struct{ src *audio.Source }

func (p played) Read(ctx context.Context, buf []float32) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.src.Read(buf[:min(len(buf), 3200)])
	if errors.Is(err, io.EOF) {
		err = io.EOF
	}
	return n, err
}
