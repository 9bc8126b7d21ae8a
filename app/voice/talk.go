// Package voice is dictation: from the microphone button to words in the entry.
//
//	Press ──▶ opening ──▶ recording ──Release──▶ finishing ──▶ idle
//	             ╰─────────────┴───────Discard (Esc)──────────────╯
//
// A press of less than 0.4 s latches: recording goes on until the next one. The microphone
// is opened before the speech model, and keeps what it hears until the model is ready, so
// the first words are not lost. Final text is never taken back; partial text may change.
package voice

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"soberano/asr"
)

// Microphone is an open microphone: *mic.Stream, or a scripted one in tests. After Close
// Read gives what was still captured, then io.EOF.
type Microphone interface {
	asr.Live
	Level() float32
	Close() error
}

// Config is what dictation needs from the outside.
type Config struct {
	Open   func() (Microphone, error)
	Listen func(context.Context, asr.Live, asr.Params) iter.Seq2[asr.Segment, error]
	Params func() asr.Params
	Post   func(func())  // runs a function on the UI goroutine, later
	Every  time.Duration // between two looks at the level
	Now    func() time.Time
}

// State is how far dictation is.
type State int

// The states.
const (
	Idle State = iota
	Opening
	Recording
	Finishing
)

// hold is how long a press is a click.
const hold = 400 * time.Millisecond

// Talk is the dictation of one window. Its methods and callbacks are for the UI goroutine.
type Talk struct {
	Config
	OnState   func(State)
	OnLevel   func(level float32, since time.Duration)
	OnPartial func(text string)
	OnFinal   func(text string)
	OnProblem func(error)

	state    State
	latched  bool
	pressed  time.Time
	began    time.Time
	language string
	session  *session
	running  []*session
}

// session is one dictation; an abandoned one has no say any more.
type session struct {
	ctx    context.Context
	cancel context.CancelFunc
	finish chan struct{} // closed: no more audio, please
	done   chan struct{}
}

// New is dictation at rest.
func New(c Config) *Talk {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Every == 0 {
		c.Every = 60 * time.Millisecond
	}
	return &Talk{Config: c}
}

// State is how far dictation is.
func (t *Talk) State() State { return t.state }

// Latched says that recording goes on without a held button.
func (t *Talk) Latched() bool { return t.latched }

// Language is the language heard last, as a word; "" before the first words.
func (t *Talk) Language() string { return t.language }

// Press is the button or the keys going down.
func (t *Talk) Press() {
	switch t.state {
	case Idle:
		t.pressed, t.latched = t.Now(), false
		t.start()
	case Opening, Recording:
		if t.latched {
			t.Finish()
		}
	}
}

// Release is the button or the keys coming up.
func (t *Talk) Release() {
	if t.latched || t.state != Opening && t.state != Recording {
		return
	}
	if t.Now().Sub(t.pressed) < hold {
		t.latched = true
		t.set(t.state)
		return
	}
	t.Finish()
}

// Finish ends the recording; the words that are still to come will come.
func (t *Talk) Finish() {
	if t.session != nil && t.state != Finishing {
		close(t.session.finish)
		t.set(Finishing)
	}
}

// Discard ends the recording and drops what has not become text yet.
func (t *Talk) Discard() {
	if t.session == nil {
		return
	}
	t.session.cancel()
	t.session = nil
	t.partial("")
	t.set(Idle)
}

// Close discards and waits until the microphone is closed.
func (t *Talk) Close() {
	t.Discard()
	for _, s := range t.running {
		<-s.done
	}
	t.running = nil
}

func (t *Talk) set(s State) {
	t.state = s
	if t.OnState != nil {
		t.OnState(s)
	}
}

func (t *Talk) partial(text string) {
	if t.OnPartial != nil {
		t.OnPartial(text)
	}
}

func (t *Talk) start() {
	s := &session{finish: make(chan struct{}), done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	t.session, t.language = s, ""
	t.running = append(t.running, s)
	t.set(Opening)
	go t.run(s, t.Params())
}

// post runs f on the UI goroutine, if the session still counts then.
func (t *Talk) post(s *session, f func()) {
	t.Post(func() {
		if t.session == s {
			f()
		}
	})
}

func (t *Talk) run(s *session, p asr.Params) {
	defer close(s.done)
	defer s.cancel()
	mic, err := t.Open()
	if err != nil {
		t.end(s, err)
		return
	}
	t.post(s, func() {
		t.began = t.Now()
		if t.state == Opening {
			t.set(Recording)
		}
	})
	closed := make(chan error, 1)
	go func() { closed <- t.watch(s, mic) }()
	err = t.listen(s, mic, p)
	s.cancel()
	closeErr := <-closed
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	t.end(s, errors.Join(err, closeErr))
}

// watch reports the level and closes the microphone when the session wants no more.
func (t *Talk) watch(s *session, mic Microphone) error {
	tick := time.NewTicker(t.Every)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return mic.Close()
		case <-s.finish:
			return mic.Close()
		case <-tick.C:
			level := mic.Level()
			t.post(s, func() {
				if t.OnLevel != nil && t.state == Recording {
					t.OnLevel(level, t.Now().Sub(t.began))
				}
			})
		}
	}
}

func (t *Talk) listen(s *session, mic Microphone, p asr.Params) error {
	for seg, err := range t.Listen(s.ctx, mic, p) {
		if err != nil {
			return err
		}
		text := strings.TrimSpace(seg.Text)
		t.post(s, func() {
			if seg.Language != "" {
				t.language = asr.LanguageName(seg.Language)
			}
			if !seg.Final {
				t.partial(text)
				return
			}
			t.partial("")
			if text != "" && t.OnFinal != nil {
				t.OnFinal(text)
			}
		})
	}
	return nil
}

func (t *Talk) end(s *session, err error) {
	t.Post(func() {
		for i, r := range t.running {
			if r == s {
				t.running = append(t.running[:i], t.running[i+1:]...)
				break
			}
		}
		if t.session != s {
			return
		}
		t.session = nil
		t.partial("")
		t.set(Idle)
		if err != nil && t.OnProblem != nil {
			t.OnProblem(err)
		}
	})
}
