// Package voice is dictation: from the microphone button to words in the entry.
//
//	Press ──▶ opening ──▶ recording ──Release──▶ finishing ──▶ idle
//	             ╰─────────────┴───────Discard (Esc)──────────────╯
//
// A press of less than 0.4 s latches: recording goes on until the next one. The microphone
// is opened before the speech model, and keeps what it hears until the model is ready, so
// the first words are not lost. Final text is never taken back; partial text may change.
// The words land where they were begun (Place), whatever is on the screen by then. What is
// heard is on a tape until its text has landed: where that fails it can be tried again.
package voice

import (
	"context"
	"errors"
	"iter"
	"time"

	"soberano/asr"
	"soberano/asr/wording"
)

// Microphone is an open microphone: *mic.Stream, or a scripted one in tests. After Close
// Read gives what was still captured, then io.EOF.
type Microphone interface {
	asr.Live
	Level() float32
	Close() error
}

// Place is where the words of one dictation land. Its methods are called on the UI goroutine.
type Place interface {
	Partial(text string, stable int) // may still change behind the first stable bytes; "": nothing
	Final(text string)               // is never taken back
	End()                            // nothing more comes; not called where the rest is discarded
}

// Window is what dictation needs from the program around it. Post, Open and Listen are called
// from any goroutine, the others from the UI goroutine.
type Window interface {
	Post(func())               // runs a function on the UI goroutine, later
	Open() (Microphone, error) // opens the chosen microphone
	Listen(context.Context, asr.Live, asr.Params) iter.Seq2[asr.Segment, error]
	Params() asr.Params
	Words() wording.Options // how final text is edited
}

// Config is what a Talk is made from.
type Config struct {
	Window
	Tapes string        // the folder of what has not become text; "": kept in memory only
	Every time.Duration // between two looks at the level
	Now   func() time.Time
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
	OnProblem func(error)
	Begin     func() Place // where the words of a Press land

	state    State
	latched  bool
	pressed  time.Time
	began    time.Time
	language string
	lost     bool
	place    Place
	session  *session
	running  []*session
	kept     []*tape // of dictations that failed, the latest last
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

// Place is where the words of the latest dictation land; nil before the first.
func (t *Talk) Place() Place { return t.place }

// Language is the language heard last, as a word; "" before the first words.
func (t *Talk) Language() string { return t.language }

// Lost says that sound was lost in the latest dictation: the machine was too slow for the
// microphone.
func (t *Talk) Lost() bool { return t.lost }

// Press is the button or the keys going down.
func (t *Talk) Press() { t.PressFor(nil) }

// PressFor is Press for words that land in place; nil is where Begin says.
func (t *Talk) PressFor(place Place) {
	switch t.state {
	case Idle:
		t.pressed, t.latched = t.Now(), false
		t.start(place, nil)
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
	s := t.session
	if s == nil {
		return
	}
	s.discarded.Store(true)
	s.cancel()
	t.session = nil
	s.place.Partial("", 0)
	t.set(Idle)
}

// Failed is how much sound of the latest dictation that failed can be tried again.
func (t *Talk) Failed() time.Duration {
	if n := len(t.kept); n > 0 {
		return t.kept[n-1].rest()
	}
	return 0
}

// Retry hears the latest dictation that failed again. Its words land where it was begun, or
// where Begin says, if that was in an earlier run.
func (t *Talk) Retry() {
	n := len(t.kept)
	if n == 0 || t.state != Idle {
		return
	}
	tape := t.kept[n-1]
	t.kept = t.kept[:n-1]
	tape.rewind()
	t.start(tape.place, tape)
}

// Forget drops the dictation that Retry would hear.
func (t *Talk) Forget() error {
	n := len(t.kept)
	if n == 0 {
		return nil
	}
	tape := t.kept[n-1]
	t.kept = t.kept[:n-1]
	return tape.drop()
}

// Recover finds what an earlier run of the program has heard and not written down, for
// Retry, and calls then. The error names files that can't be read.
func (t *Talk) Recover(then func(error)) {
	if t.Tapes == "" {
		return
	}
	go func() {
		tapes, err := left(t.Tapes, time.Now())
		t.Post(func() {
			t.kept = append(tapes, t.kept...)
			then(err)
		})
	}()
}

// Close ends what is heard, waits until the microphone is closed, and leaves what has not
// become text for the next start.
func (t *Talk) Close() error {
	if s := t.session; s != nil {
		s.cancel()
		t.session = nil
		t.set(Idle)
	}
	for _, s := range t.running {
		<-s.done
	}
	t.running = nil
	var err error
	for _, tape := range t.kept {
		err = errors.Join(err, tape.keep())
	}
	t.kept = nil
	return err
}

func (t *Talk) set(s State) {
	t.state = s
	if t.OnState != nil {
		t.OnState(s)
	}
}
