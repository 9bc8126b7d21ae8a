package transcribe

// Support for the tests: the page in a window in memory, a queue that stands for the UI goroutine, and scripted recordings and
// models.

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/app/ui/uitest"
	"soberano/app/voice"
	"soberano/asr"
	"soberano/asr/audio"
	"soberano/models"
	"soberano/models/registry"
)

// recording is a file in memory: silence of a given length, with an error at a given position.
type recording struct {
	length  time.Duration
	at      time.Duration
	fail    error
	failAt  time.Duration
	damage  audio.Damage
	remarks []audio.Remark
}

func (r *recording) Read(p []float32) (int, error) {
	if r.fail != nil && r.at >= r.failAt {
		return 0, r.fail
	}
	if r.at >= r.length {
		return 0, io.EOF
	}
	n := min(len(p), int((r.length-r.at)*asr.SampleRate/time.Second)+1)
	r.at += samples(int64(n))
	return n, nil
}

func (r *recording) Duration() time.Duration    { return r.length }
func (r *recording) Skip(d time.Duration) error { r.at += d; return nil }
func (r *recording) Damage() audio.Damage       { return r.damage }
func (r *recording) Remarks() []audio.Remark    { return r.remarks }
func (r *recording) Close() error               { return nil }

// scripted yields a sentence for every ten seconds; each one waits for the gate.
type scripted struct {
	mu     sync.Mutex
	gate   chan struct{}         // nil: no waiting
	rest   chan struct{}         // when it is stopped, it yields one more segment after this; nil: none
	heard  string                // the detected language; "": English
	late   map[int]time.Duration // index of a segment → the time by which it is shifted
	silent map[int]asr.Reason    // index of a segment → why it is reported as unheard instead
	asked  []asr.Params
	opened int
	closed int
	taken  error // the error that ends the transcription
}

func (m *scripted) Name() string { return "whisper-base" }
func (m *scripted) Release()     { m.mu.Lock(); defer m.mu.Unlock(); m.closed++ }

func (m *scripted) Transcribe(ctx context.Context, src asr.Source, p asr.Params) iter.Seq2[asr.Segment, error] {
	return func(yield func(asr.Segment, error) bool) {
		m.mu.Lock()
		m.asked = append(m.asked, p)
		m.mu.Unlock()
		buf := make([]float32, 10*asr.SampleRate)
		for at := time.Duration(0); ; {
			n, err := src.Read(buf)
			if n > 0 {
				if m.gate != nil {
					select {
					case <-m.gate:
					case <-ctx.Done():
						yield(asr.Segment{}, ctx.Err())
						return
					case <-p.Stop:
						if m.rest != nil {
							select {
							case <-m.rest:
								yield(asr.Segment{Text: said[0], Start: at, End: at + time.Second, Language: "en", Final: true}, nil)
							case <-ctx.Done():
							}
						}
						yield(asr.Segment{}, asr.ErrStopped)
						return
					}
				}
				m.mu.Lock()
				taken := m.taken
				m.mu.Unlock()
				if taken != nil {
					yield(asr.Segment{}, taken)
					return
				}
				i := int(at / (10 * time.Second))
				language := cmp.Or(m.heard, "en")
				s := asr.Segment{Text: said[i%len(said)], Start: at + 200*time.Millisecond, End: at + samples(int64(n)) - 100*time.Millisecond, Language: language, Final: true,
					Words: []asr.Word{{Text: "Welcome", Start: at, End: at + time.Second, Prob: 0.9}}}
				s.Start, s.End = s.Start+m.late[i], s.End+m.late[i]
				if reason, ok := m.silent[i]; ok {
					p.Unheard(asr.Unheard{Start: s.Start, End: s.End, Reason: reason})
				} else if !yield(s, nil) {
					return
				}
				at += samples(int64(n))
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(asr.Segment{}, err)
				return
			}
			if ctx.Err() != nil {
				yield(asr.Segment{}, ctx.Err())
				return
			}
		}
	}
}

var said = []string{
	"Welcome to the show. Today we talk about boats, and about what it takes to build one with your own hands.",
	"My guest has built four of them.",
	"The first one sank in the harbour on the day it was launched, in front of the mayor, two photographers and, I am told, a brass band that went on playing.",
	"It did not sink. It settled.",
	"Let us begin with the wood. What does one look for in a tree?",
	"You look for a straight one, and then you look for a second one, since the boat builder next door has seen the first one too.",
}

// speaker plays nothing, but reports that it does.
type speaker struct {
	mu     sync.Mutex
	played time.Duration
	done   chan struct{}
	err    error
	once   sync.Once
}

func (s *speaker) Played() time.Duration { s.mu.Lock(); defer s.mu.Unlock(); return s.played }
func (s *speaker) Done() <-chan struct{} { return s.done }
func (s *speaker) Err() error            { return s.err }
func (s *speaker) Close() error          { s.once.Do(func() { close(s.done) }); return nil }

func (s *speaker) to(d time.Duration) { s.mu.Lock(); s.played = d; s.mu.Unlock() }

type stage struct {
	*uitest.Stage
	page      *Page
	store     *store.Store
	model     *scripted
	files     map[string]*recording
	noModel   error
	lang      string
	english   bool   // the following files are to be translated
	title     string // of the speech model
	languages registry.Languages
	copied    string
	saved     map[string]string
	unsaved   error // the error of writing a file
	speaker   *speaker
	played    []time.Duration
	silent    error
	chosen    int
	opening   int   // number of calls of Open
	tracks    []int // that were opened
	mu        sync.Mutex
}

func newStage(t *testing.T, mode ui.Mode, s *store.Store) *stage {
	t.Helper()
	looks := uitest.New(t, "transcribe", mode)
	if s == nil {
		var err error
		if s, err = store.Memory(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
	}
	st := &stage{Stage: looks, store: s, model: &scripted{}, files: map[string]*recording{}, saved: map[string]string{}, title: "Whisper base"}
	st.page = NewPage(Config{Window: frame{st.Stage, st}, Choices: choices{st}, Machine: machine{st}, Store: s, Work: store.Inline(s), Languages: []string{"en", "de", "fr", "fa", "yue"}})
	st.Show(st.page.Object)
	st.page.Refresh()
	t.Cleanup(st.end)
	return st
}

// frame is the window around the page.
type frame struct {
	*uitest.Stage
	st *stage
}

func (f frame) Copy(text string)            { f.st.copied = text }
func (f frame) ShowFile(string)             {}
func (f frame) Shortcut(fyne.Shortcut) bool { return false }
func (f frame) Changed()                    {}
func (f frame) ChooseFile()                 { f.st.chosen++ }
func (f frame) ShowModels()                 {}

func (f frame) Focus(w fyne.Focusable) {
	if w == nil {
		f.Win.Canvas().Unfocus()
		return
	}
	f.Win.Canvas().Focus(w)
}

func (f frame) Menu(m *fyne.Menu, _ fyne.CanvasObject) {
	widget.ShowPopUpMenuAtPosition(m, f.Win.Canvas(), fyne.NewPos(500, 60))
}

func (f frame) Ask(_, now string, then func(string)) { then(" Renamed " + now) }

func (f frame) Save(dir, name string, write func(io.Writer) error, done func(string, error)) {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		f.T.Error(err)
	}
	path := filepath.Join(dir, name)
	f.st.saved[path] = b.String()
	done(path, f.st.unsaved)
}

// choices implements Choices with the values of the test.
type choices struct{ st *stage }

func (c choices) Language() string        { return c.st.lang }
func (c choices) SetLanguage(code string) { c.st.lang = code }
func (c choices) Translate() bool         { return c.st.english }
func (c choices) SetTranslate(on bool)    { c.st.english = on }
func (c choices) Words() []string         { return []string{"Dashwoode"} }

// machine provides one speech model and the recordings of the test.
type machine struct{ st *stage }

func (machine) ModelTitle(name string) string { return strings.ReplaceAll(name, "-", " ") }

func (m machine) Chosen() (registry.Entry, error) {
	m.st.mu.Lock()
	defer m.st.mu.Unlock()
	return registry.Entry{Name: "whisper-base", Info: registry.Info{Kind: registry.Speech, Title: m.st.title, Languages: m.st.languages}}, m.st.noModel
}

func (m machine) Speech(context.Context) (Speech, error) {
	m.st.mu.Lock()
	defer m.st.mu.Unlock()
	if m.st.noModel != nil {
		return nil, m.st.noModel
	}
	m.st.model.mu.Lock()
	defer m.st.model.mu.Unlock()
	m.st.model.opened++
	return m.st.model, nil
}

func (m machine) Play(a Audio) (Speaker, error) { return m.st.play(a) }

func (m machine) Open(_ context.Context, path string, track int) (Audio, error) {
	return m.st.open(path, track)
}

// end closes the page while posted functions are run.
func (s *stage) end() {
	done := make(chan struct{})
	go func() { s.page.End(); close(done) }()
	for {
		select {
		case <-done:
			return
		case <-s.Q:
		}
	}
}

func (s *stage) open(path string, track int) (Audio, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening++
	s.tracks = append(s.tracks, track)
	r := s.files[path]
	if r == nil {
		return nil, fmt.Errorf("audio: open %s: %w", path, os.ErrNotExist)
	}
	c := *r
	return &c, nil
}

func (s *stage) play(a Audio) (Speaker, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.played = append(s.played, a.(*recording).at)
	s.speaker = &speaker{done: make(chan struct{})}
	return s.speaker, s.silent
}

// file creates a file for a recording of that length.
func (s *stage) file(name string, length time.Duration) string {
	path := "/home/ada/Recordings/" + name
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[path] = &recording{length: length}
	return path
}

// state waits until a transcript has a state.
func (s *stage) state(name string, want store.State) (found store.Transcript) {
	s.T.Helper()
	s.Until(name+" to be "+string(want), func() bool {
		list, err := s.store.Transcripts()
		if err != nil {
			s.T.Fatal(err)
		}
		for _, t := range list {
			if t.Title == name && t.State == want {
				found = t
				return true
			}
		}
		return false
	})
	return found
}

// openFirst taps the first finished transcript.
func (s *stage) openFirst() {
	s.T.Helper()
	var found *past
	s.Walk(func(o fyne.CanvasObject) {
		if r, ok := o.(*past); ok && found == nil {
			found = r
		}
	})
	if found == nil {
		s.T.Fatalf("there is no transcript in:\n%s", s.Words())
	}
	test.Tap(found)
}

var noModel = voice.ErrNoModel

var brokenModel = models.Corrupt("/models/whisper/model.bin", "is cut short: it has 1,024 bytes")
