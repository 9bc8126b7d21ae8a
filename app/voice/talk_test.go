package voice

import (
	"context"
	"errors"
	"io"
	"iter"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"soberano/asr"
	"soberano/asr/wording"
)

// fakeMic is a microphone that is open until it is closed.
type fakeMic struct {
	once   sync.Once
	done   chan struct{}
	closed *atomic.Int32
}

func (m *fakeMic) Read(ctx context.Context, p []float32) (int, error) {
	select {
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-m.done:
		return 0, io.EOF
	case <-time.After(time.Millisecond):
		return len(p), nil
	}
}

func (m *fakeMic) Level() float32 { return 0.5 }
func (m *fakeMic) Close() error   { m.once.Do(func() { m.closed.Add(1); close(m.done) }); return nil }

// testTalk is a Talk whose UI goroutine is the test's own.
type testTalk struct {
	*Talk
	window  *testWindow
	t       *testing.T
	posts   chan func()
	now     time.Time
	closed  atomic.Int32
	opened  atomic.Int32
	final   []string
	partial string
	err     error
	ended   int
	keep    *[]func() // texts that are not kept yet; nil: they are kept at once
}

func newTestTalk(t *testing.T, listen func(context.Context, asr.Live, asr.Params) iter.Seq2[asr.Segment, error], openErr error) *testTalk {
	s := &testTalk{t: t, posts: make(chan func(), 1000), now: time.Unix(0, 0)}
	s.window = &testWindow{s, listen, openErr, nil}
	s.Talk = New(Config{Window: s.window, Tapes: t.TempDir(), Every: time.Millisecond, Now: func() time.Time { return s.now }})
	s.Begin = func() Place { return s }
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	s.OnProblem = func(err error, _ *Kept) { s.err = err }
	return s
}

// testWindow is the Window of a testTalk.
type testWindow struct {
	s       *testTalk
	listen  func(context.Context, asr.Live, asr.Params) iter.Seq2[asr.Segment, error]
	openErr error
	open    func() (Microphone, error) // nil: a fakeMic
}

func (b *testWindow) Post(f func())          { b.s.posts <- f }
func (b *testWindow) Params() asr.Params     { return asr.Params{Likely: "fr"} }
func (b *testWindow) Words() wording.Options { return wording.Options{} }

func (b *testWindow) Listen(ctx context.Context, src asr.Live, p asr.Params) iter.Seq2[asr.Segment, error] {
	return b.listen(ctx, src, p)
}

func (b *testWindow) Open() (Microphone, error) {
	if b.open != nil {
		return b.open()
	}
	if b.openErr != nil {
		return nil, b.openErr
	}
	b.s.opened.Add(1)
	return &fakeMic{done: make(chan struct{}), closed: &b.s.closed}, nil
}

// left returns how much audio can be transcribed again.
func (s *testTalk) left() (sum time.Duration) {
	for _, k := range s.Kept() {
		sum += k.Length()
	}
	return sum
}

func (s *testTalk) Partial(text string, _ int) { s.partial = text }

func (s *testTalk) Final(text string, kept func()) {
	s.final = append(s.final, text)
	if s.keep == nil {
		kept()
	} else {
		*s.keep = append(*s.keep, kept)
	}
}

func (s *testTalk) End() { s.ended++ }

func (s *testTalk) until(ok func() bool) {
	s.t.Helper()
	end := time.After(time.Minute)
	for !ok() {
		select {
		case f := <-s.posts:
			f()
		case <-end:
			s.t.Fatalf("waited in vain; state %v", s.State())
		}
	}
}

// listen yields partial text, and final text when the audio has ended.
func listen(ctx context.Context, src asr.Live, _ asr.Params) iter.Seq2[asr.Segment, error] {
	return func(yield func(asr.Segment, error) bool) {
		if !yield(asr.Segment{Text: "partial words", Language: "de"}, nil) {
			return
		}
		for {
			if _, err := src.Read(ctx, make([]float32, 16)); err == io.EOF {
				yield(asr.Segment{Text: " final words", Final: true}, nil)
				return
			} else if err != nil {
				yield(asr.Segment{}, err)
				return
			}
		}
	}
}

func TestHoldToTalk(t *testing.T) {
	s := newTestTalk(t, listen, nil)
	s.Press()
	s.until(func() bool { return s.State() == Recording && s.partial == "partial words" })
	s.now = s.now.Add(2 * time.Second)
	s.Release()
	if s.State() != Finishing {
		t.Fatalf("state %v", s.State())
	}
	s.until(func() bool { return s.State() == Idle })
	if len(s.final) != 1 || s.final[0] != "final words" || s.partial != "" || s.Language() != "German" || s.closed.Load() != 1 || s.err != nil {
		t.Fatalf("%+v", s)
	}
}

func TestClickToStartAndStop(t *testing.T) {
	s := newTestTalk(t, listen, nil)
	s.Press()
	s.now = s.now.Add(100 * time.Millisecond)
	s.Release()
	if !s.Latched() {
		t.Fatal("a click does not latch")
	}
	s.until(func() bool { return s.State() == Recording })
	s.now = s.now.Add(5 * time.Second)
	s.Press()
	s.Release()
	s.until(func() bool { return s.State() == Idle })
	if len(s.final) != 1 || s.opened.Load() != 1 || s.closed.Load() != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestDiscard(t *testing.T) {
	s := newTestTalk(t, listen, nil)
	s.Press()
	s.until(func() bool { return s.partial != "" })
	s.Discard()
	if s.State() != Idle || s.partial != "" {
		t.Fatalf("%+v", s)
	}
	s.Press() // immediately again: the old session is ignored
	s.until(func() bool { return s.State() == Recording })
	s.now = s.now.Add(time.Second)
	s.Release()
	s.until(func() bool { return s.State() == Idle })
	for s.closed.Load() != 2 { // the first one is closed with a delay
		time.Sleep(time.Millisecond)
	}
	if len(s.final) != 1 || s.err != nil {
		t.Fatalf("%+v", s)
	}
}

func TestProblems(t *testing.T) {
	none := errors.New("no microphone")
	s := newTestTalk(t, listen, none)
	s.Press()
	s.Release()
	s.until(func() bool { return s.err != nil })
	if !errors.Is(s.err, none) || s.State() != Idle {
		t.Fatalf("%+v", s)
	}
	s = newTestTalk(t, func(context.Context, asr.Live, asr.Params) iter.Seq2[asr.Segment, error] {
		return func(yield func(asr.Segment, error) bool) { yield(asr.Segment{}, ErrNoModel) }
	}, nil)
	s.Press()
	s.until(func() bool { return s.err != nil })
	if !errors.Is(s.err, ErrNoModel) || s.closed.Load() != 1 {
		t.Fatalf("%+v", s)
	}
	if len(s.Kept()) != 0 || len(files(t, s.Tapes)) != 0 { // nothing can have been said in a moment
		t.Errorf("%d dictations are kept, in %q", len(s.Kept()), files(t, s.Tapes))
	}
}

// stuck is a microphone that gives all it has heard and can't be closed.
type stuck struct {
	fakeMic
	why error
}

func (m *stuck) Close() error { return errors.Join(m.fakeMic.Close(), m.why) }

// A microphone that can't be closed after everything was heard is reported; there is nothing to transcribe again.
func TestMicrophoneIsNotClosed(t *testing.T) {
	s := newTestTalk(t, listen, nil)
	why := errors.New("busy")
	s.window.open = func() (Microphone, error) {
		return &stuck{fakeMic{done: make(chan struct{}), closed: &s.closed}, why}, nil
	}
	s.Press()
	s.until(func() bool { return s.partial != "" })
	s.now = s.now.Add(time.Second)
	s.Release()
	s.until(func() bool { return s.State() == Idle })
	if e, ok := errors.AsType[*ClosingError](s.err); !ok || !errors.Is(e, why) {
		t.Errorf("reported is %v", s.err)
	}
	if len(s.final) != 1 || s.Err() != nil || len(s.Kept()) != 0 || len(files(t, s.Tapes)) != 0 {
		t.Errorf("texts %q, error %v, %d dictations are kept, in %q", s.final, s.Err(), len(s.Kept()), files(t, s.Tapes))
	}
}

// Closing during a dictation leaves no goroutine and no open microphone.
func TestClose(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newTestTalk(t, listen, nil)
	for range 5 {
		s.Press()
		s.until(func() bool { return s.State() == Recording })
		s.Discard()
	}
	s.Press()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s.opened.Load() != s.closed.Load() {
		t.Errorf("%d opened, %d closed", s.opened.Load(), s.closed.Load())
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<16)
			t.Fatalf("goroutines are left:\n%s", strings.TrimSpace(string(buf[:runtime.Stack(buf, true)])))
		}
	}
}

// The audio is kept until the place has kept its text, also after the end of the dictation and of the program.
func TestAudioIsKeptUntilTheTextIs(t *testing.T) {
	s := newTestTalk(t, listen, nil)
	s.keep = &[]func(){}
	speak := func() {
		t.Helper()
		s.Press()
		s.until(func() bool { return s.partial != "" })
		for s.session.tape.rest() == 0 {
			time.Sleep(time.Millisecond)
		}
		s.now = s.now.Add(2 * time.Second)
		s.Release()
		s.until(func() bool { return s.State() == Idle })
	}
	speak()
	if left := files(t, s.Tapes); len(*s.keep) != 1 || len(left) != 1 {
		t.Fatalf("%d texts, not kept yet; the audio is in %v", len(*s.keep), left)
	}
	(*s.keep)[0]()
	if left := files(t, s.Tapes); len(left) != 0 || s.err != nil {
		t.Errorf("after the text is kept there are %v, error %v", left, s.err)
	}
	speak()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left := files(t, s.Tapes)
	if len(left) != 1 {
		t.Fatalf("after the end of the program there are %v", left)
	}
	if tape, err := openTape(left[0]); err != nil || tape.rest() == 0 {
		t.Errorf("what is left can't be transcribed: %v", err)
	}
}
