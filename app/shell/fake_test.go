package shell

// A scripted machine for the tests: models, a microphone and a library.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"

	"soberano/app/chat"
	"soberano/app/host"
	"soberano/app/library"
	"soberano/app/store"
	"soberano/app/transcribe"
	"soberano/app/voice"
	"soberano/asr"
	"soberano/engine"
	"soberano/engine/reply"
	"soberano/models"
	"soberano/models/registry"
)

// queue stands for the UI goroutine: posted functions run in the test's own goroutine.
type queue chan func()

func (q queue) post(f func()) { q <- f }

// until runs posted functions until the condition holds.
func (q queue) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for !ok() {
		select {
		case f := <-q:
			f()
		case <-time.After(10 * time.Millisecond): // the condition may also become true without a posted function
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// settle runs all functions posted so far.
func (q queue) settle() {
	for {
		select {
		case f := <-q:
			f()
		default:
			return
		}
	}
}

// scripted is a model that generates the words given by the test.
type scripted struct {
	info    engine.Info
	words   chan string // each one is a piece, of kind Thinking if it begins with "(thinks) "; closed at the end
	reason  engine.Reason
	dropped int // tokens that are left out if the request allows it
	err     error
	asked   chan engine.Request
	closed  *atomic.Bool
}

func (m *scripted) Info() engine.Info { return m.info }
func (m *scripted) Close() error      { m.closed.Store(true); return nil }

func (m *scripted) Generate(ctx context.Context, r engine.Request) iter.Seq2[engine.Piece, error] {
	return func(yield func(engine.Piece, error) bool) {
		m.asked <- r
		u := engine.Usage{Prompt: 700, Context: m.info.Context, PromptSeconds: 0.5}
		if r.Overflow == engine.DropMiddle {
			u.Dropped = m.dropped
		}
		if m.err != nil {
			yield(engine.Piece{}, m.err)
			return
		}
		for {
			select {
			case <-ctx.Done():
				yield(engine.Piece{}, ctx.Err())
				return
			case w, ok := <-m.words:
				u.Generated++
				u.GenerateSeconds = float64(u.Generated) / 118
				if !ok {
					yield(engine.Piece{Reason: m.reason, Usage: u}, nil)
					return
				}
				p := engine.Piece{Text: w, Usage: u}
				if thought, ok := strings.CutPrefix(w, "(thinks) "); ok {
					p.Kind, p.Text = reply.Thinking, thought
				}
				if !yield(p, nil) {
					return
				}
			}
		}
	}
}

// shelf is a library in memory.
type shelf struct {
	library.Records // none
	mu              sync.Mutex
	entries         []registry.Entry
	broken          []error
	gate            chan struct{} // a value lets an import continue
	removed         []string
}

func (s *shelf) Inspect(path string) (registry.Info, error) { return inspect(path) }

func (s *shelf) List() ([]registry.Entry, []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]registry.Entry(nil), s.entries...), s.broken
}

func (s *shelf) Import(ctx context.Context, path string, how registry.How, o registry.ImportOptions, progress func(done, total int64)) (registry.Entry, error) {
	info, err := inspect(path)
	if err != nil {
		return registry.Entry{}, err
	}
	progress(info.Bytes*64/100, info.Bytes)
	select {
	case <-ctx.Done():
		return registry.Entry{}, ctx.Err()
	case <-s.gate:
	}
	e := registry.Entry{Name: "dropped", Info: info, Linked: how == registry.Link, Files: []registry.Stored{{Path: path}}}
	s.mu.Lock()
	s.entries = append(s.entries, e)
	s.mu.Unlock()
	return e, nil
}

func (s *shelf) Attach(_ context.Context, name, path string, _ registry.How, _ func(done, total int64)) (registry.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, e := range s.entries {
		if e.Name == name {
			s.entries[i].Projector = &registry.Stored{Path: path}
			return s.entries[i], nil
		}
	}
	return registry.Entry{}, models.ErrNotFound
}

func (s *shelf) Verify(_ context.Context, name string, progress func(done, total int64)) error {
	progress(1, 1)
	if name == "bad" {
		return models.Corrupt("bad.gguf", "is not as it was: its sha256 differs")
	}
	return nil
}

func (s *shelf) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removed = append(s.removed, name)
	for i, e := range s.entries {
		if e.Name == name {
			s.entries = append(s.entries[:i], s.entries[i+1:]...)
			return nil
		}
	}
	return models.ErrNotFound
}

// inspect recognises files by their names.
func inspect(path string) (registry.Info, error) {
	switch base := filepath.Base(path); {
	case strings.HasPrefix(base, "Qwen3"):
		return qwen, nil
	case strings.HasPrefix(base, "mmproj"):
		return registry.Info{Kind: registry.Vision, Format: "gguf", Family: "clip", Title: "mmproj", Bytes: 800_000_000, Reason: "it is a vision encoder"}, nil
	case strings.HasPrefix(base, "other"):
		i := qwen
		i.Title, i.Runs, i.Reason = "Falcon 7B", false, "the family falcon is not known to this version"
		return i, nil
	case base == "ggml-tiny.en.bin":
		return registry.Info{Kind: registry.Speech, Format: "ggml", Family: "whisper", Title: "Whisper tiny.en", Languages: registry.EnglishAlone, Bytes: 78_000_000, Runs: true}, nil
	case base == "cut.gguf":
		return registry.Info{}, models.Corrupt(path, "is cut short: tensor \"blk.17.ffn_up.weight\" should end at byte 1,911,234,560, but the file has 1,610,612,736 bytes")
	}
	return registry.Info{}, fmt.Errorf("%s: %w", path, models.ErrUnknownFormat)
}

var qwen = registry.Info{Kind: registry.Chat, Format: "gguf", Family: "llama", Title: "Qwen3 4B Instruct", Quantization: "Q4_K_M", Parameters: 4_000_000_000,
	Context: 32768, Licence: "Apache-2.0", Bytes: 2_500_000_000, Runs: true, Template: true, Layers: 36, KVHeads: 8, HeadDim: 128}

var smol = registry.Entry{Name: "smollm2-135m", Included: true, Note: "This model is very small: it answers at once, and is often wrong. Drop a larger GGUF model on the window for better answers.",
	Files: []registry.Stored{{Path: "smollm2.gguf"}},
	Info: registry.Info{Kind: registry.Chat, Format: "gguf", Family: "llama", Title: "SmolLM2 135M", Quantization: "Q4_1", Parameters: 135_000_000, Context: 2048,
		Licence: "Apache-2.0", Bytes: 98_000_000, Runs: true, Template: true, Layers: 30, KVHeads: 3, HeadDim: 64}}

var base = registry.Entry{Name: "whisper-base", Included: true, Files: []registry.Stored{{Path: "model.bin"}},
	Info: registry.Info{Kind: registry.Speech, Format: "ctranslate2", Family: "whisper", Title: "Whisper base", Quantization: "F16", Parameters: 74_000_000, Licence: "MIT", Bytes: 145_000_000, Runs: true}}

// fakeSpeech yields the segments given by the test, after the microphone was opened.
type fakeSpeech struct {
	segments chan asr.Segment
	fail     chan error
	hold     chan struct{} // if not nil, the last words wait for it
	unheard  bool          // the beginning of the next dictation can't be understood
}

func (e *fakeSpeech) Close() error { return nil }

// Transcribe yields the same two segments for every recording.
func (e *fakeSpeech) Transcribe(ctx context.Context, src asr.Source, _ asr.Params) iter.Seq2[asr.Segment, error] {
	return func(yield func(asr.Segment, error) bool) {
		p := make([]float32, 4096)
		for {
			if _, err := src.Read(p); err == io.EOF {
				break
			} else if err != nil {
				yield(asr.Segment{}, err)
				return
			}
		}
		_ = yield(asr.Segment{Text: "And so, my fellow Americans.", End: 3 * time.Second, Language: "en", Final: true}, nil) &&
			yield(asr.Segment{Text: "Ask not.", Start: 4 * time.Second, End: 5 * time.Second, Language: "en", Final: true}, nil)
	}
}

func (e *fakeSpeech) Listen(ctx context.Context, src asr.Live, p asr.Params) iter.Seq2[asr.Segment, error] {
	return func(yield func(asr.Segment, error) bool) {
		unheard := e.unheard
		e.unheard = false
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				if _, err := src.Read(ctx, make([]float32, 320)); err != nil {
					return
				}
			}
		}()
		for {
			select {
			case s := <-e.segments:
				if !yield(s, nil) {
					return
				}
			case err := <-e.fail:
				yield(asr.Segment{}, err)
				return
			case <-ended:
				if unheard {
					p.Unheard(asr.Unheard{End: time.Second, Reason: asr.Unclear})
				}
				if e.hold != nil {
					select {
					case <-e.hold:
					case err := <-e.fail:
						yield(asr.Segment{}, err)
						return
					case <-ctx.Done():
					}
				}
				if ctx.Err() == nil {
					yield(asr.Segment{Text: "and that is all.", Language: "en", Final: true}, nil)
				}
				return
			}
		}
	}
}

// microphone delivers a sound, and then silence until it is closed.
type microphone struct {
	once  sync.Once
	done  chan struct{}
	sound []float32
	n     int
}

func (m *microphone) Read(ctx context.Context, p []float32) (int, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-m.done:
		return 0, io.EOF
	case <-time.After(5 * time.Millisecond):
	}
	n := copy(p, m.sound)
	m.sound = m.sound[n:]
	clear(p[n:])
	return len(p), nil
}

func (m *microphone) Level() float32 {
	m.n++
	return []float32{0.02, 0.3, 0.6, 0.1, 0.5, 0.25, 0.05, 0.4}[m.n%8]
}

func (m *microphone) Close() error { m.once.Do(func() { close(m.done) }); return nil }

func fileURI(path string) fyne.URI { return storage.NewFileURI(path) }

// stage is a shell in a window in memory.
type stage struct {
	*Shell
	t          *testing.T
	q          queue
	shelf      *shelf
	model      *scripted
	fakeSpeech *fakeSpeech
	win        fyne.Window
	fail       map[string]error // by model: the error of opening it
	hold       chan struct{}    // if not nil, opening a model waits for it
	noMic      error
	sound      []float32                  // what the microphone gives
	sight      atomic.Pointer[host.Sight] // what the models see
	clipboard  []byte                     // the image in the clipboard

	clipboardText atomic.Value     // the whole text there, a string
	fitting       []registry.Entry // the models to which each vision encoder belongs
	apart         bool             // the store has a goroutine of its own

	elsewhere bool // another program has the focus
	pasted    chan string
	pasteErr  error
	signs     []string // the texts shown on the overlay
	grabbed   []string
	keys      [2]func() // the functions for the reserved keys: pressed, released
	socket    func(string) string
}

// worker returns a worker that does the store's work at once, or one with a goroutine if the test wants that.
func (s *stage) worker(db *store.Store, post func(func())) *store.Worker {
	if s.apart {
		return store.NewWorker(db, post)
	}
	return store.Inline(db)
}

func newStage(t *testing.T, dir string, entries ...registry.Entry) *stage {
	t.Helper()
	return newStageOf(t, dir, false, entries...)
}

// newStageOf is newStage; with apart, the store has a goroutine of its own, as in the program.
func newStageOf(t *testing.T, dir string, apart bool, entries ...registry.Entry) *stage {
	t.Helper()
	app := test.NewTempApp(t)
	s := &stage{t: t, q: make(queue, 4096), shelf: &shelf{entries: entries, gate: make(chan struct{})}, fakeSpeech: &fakeSpeech{segments: make(chan asr.Segment), fail: make(chan error)}, fail: map[string]error{"damaged": errors.New("the file is damaged")}, apart: apart}
	s.win = test.NewTempWindow(t, nil)
	s.win.SetPadded(false)
	s.win.Resize(fyne.NewSize(1200, 760))
	s.model = &scripted{words: make(chan string), asked: make(chan engine.Request, 10), reason: engine.Ended, closed: new(atomic.Bool),
		info: engine.Info{Name: "SmolLM2 135M", Context: 2048, Template: true}}
	if dir == "" {
		dir = t.TempDir()
	}
	s.pasted = make(chan string, 10)
	s.sight.Store(&host.Sight{Takes: true, Folder: "/models"})
	h := host.New(host.Options{Budget: host.Unlimited, States: filepath.Join(dir, host.StatesFolder)})
	d, err := New(app, s.win, Machine{Data: dir, Outside: s.outside(), Shelf: s.shelf, Post: s.q.post, Worker: s.worker, Retry: 50 * time.Millisecond,
		Host: h, Chats: host.NewModels(h, s.loadChat, nil),
		Speech: host.NewModels(h, func(context.Context, registry.Entry, host.Settings, func(float64)) (Speech, error) {
			return s.fakeSpeech, nil
		}, nil),
		OpenAudio: transcribe.OpenAudio,
		OpenMic: func(string) (voice.Microphone, error) {
			if s.noMic != nil {
				return nil, s.noMic
			}
			return &microphone{done: make(chan struct{}), sound: s.sound}, nil
		},
		Microphones:    func() ([]string, error) { return []string{"Built-in microphone", "USB headset"}, nil },
		OpenPath:       func(string) error { return nil },
		Look:           func(registry.Entry) host.Sight { return *s.sight.Load() },
		Fitting:        func(string, []registry.Entry) ([]registry.Entry, error) { return s.fitting, nil },
		ClipboardImage: func() ([]byte, error) { return s.clipboard, nil },
		ClipboardText: func() (string, error) {
			text, _ := s.clipboardText.Load().(string)
			return text, nil
		},
		OpenURL: func(string) error { return errors.New("no browser here") },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Shell = d
	t.Cleanup(func() {
		done := make(chan error)
		go func() { done <- d.Close() }()
		for {
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
				return
			case <-s.q:
			}
		}
	})
	return s
}

// loadChat opens the model of the test.
func (s *stage) loadChat(ctx context.Context, e registry.Entry, _ host.Settings, _ func(float64)) (chat.Model, error) {
	if s.hold != nil {
		select {
		case <-s.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := s.fail[e.Name]; err != nil {
		return nil, err
	}
	return s.model, nil
}

// outside is a desktop with one other program.
func (s *stage) outside() *Outside {
	return &Outside{Hotkeys: []string{"Ctrl+Alt+D", "F9"}, Toggle: "toggle", Finish: "finish", Finishing: "finishing", Focused: func() (bool, error) { return s.elsewhere, nil },
		Paste: func(text string) error { s.pasted <- text; return s.pasteErr },
		Sign:  func(text string, _ bool) { s.signs = append(s.signs, text) },
		Grab: func(keys string, pressed, released func()) (func(), error) {
			if keys == "F9" {
				return nil, errors.New("another program uses F9 already; choose other keys")
			}
			s.grabbed = append(s.grabbed, keys)
			s.keys = [2]func(){pressed, released}
			return func() { s.grabbed = s.grabbed[:len(s.grabbed)-1] }, nil
		},
		Serve: func(handle func(string) string) (io.Closer, error) { s.socket = handle; return io.NopCloser(nil), nil }}
}

// say makes the model generate words, and waits until they are shown.
func (s *stage) say(words ...string) {
	s.t.Helper()
	for _, w := range words {
		for sent := false; !sent; {
			select {
			case s.model.words <- w:
				sent = true
			case f := <-s.q:
				f()
			case <-time.After(time.Minute):
				s.t.Fatal("nobody asks the model")
			}
		}
	}
}

func (s *stage) send(text string) {
	s.chat.Composer.Entry.SetText(text)
	s.chat.Send()
}

func (s *stage) ready() {
	s.t.Helper()
	s.q.until(s.t, "the model to be ready", func() bool { return s.runner.Status().Phase == chat.Ready && len(s.q) == 0 })
}
