// Package voice is dictation, from the microphone button to text in an entry.
//
//	Press ──▶ opening ──▶ recording ──Release──▶ finishing ──▶ idle
//	             ╰─────────────┴───────Cancel (Esc)───────────────╯
//
// A press of less than 0.4 s latches: recording continues until the next press. The microphone is opened before the speech
// model, and the audio is kept until the model is ready, so the first words are not lost. Final text is never changed later;
// partial text may change. The text is written to the Place chosen at the start, whatever the screen shows by then. The audio
// is kept on a tape until its text is stored; if that fails, it can be transcribed again.
package voice

import (
	"context"
	"errors"
	"iter"
	"time"

	"soberano/asr"
	"soberano/asr/wording"
)

// Microphone is an open microphone: *mic.Stream, or a scripted one in tests. After Close, Read returns the audio captured
// before, then io.EOF.
type Microphone interface {
	asr.Live
	Level() float32
	Close() error
}

// Place receives the text of one dictation. Its methods are called on the UI goroutine.
type Place interface {
	Partial(text string, stable int) // may still change after the first stable bytes; "": none
	Final(text string, kept func())  // does not change later; kept is to be called once the text is where a killed program does not lose it
	End()                            // there will be no more text (Talk.Err says whether it is all); not called if the rest is discarded
}

// Discarder is a Place that is told that a dictation was ended without the words that are still to come. With again it may be
// transcribed once more, what the Place has not kept included; without, the Place gets nothing more.
type Discarder interface{ Discarded(again bool) }

// ErrDiscarded is the error of a dictation that was ended by Cancel.
var ErrDiscarded = errors.New("the dictation was discarded")

// Window is what dictation needs from the program around it. Post, Open and Listen are called from any goroutine, the others
// from the UI goroutine.
type Window interface {
	Post(func())               // runs a function later on the UI goroutine
	Open() (Microphone, error) // opens the chosen microphone
	Listen(context.Context, asr.Live, asr.Params) iter.Seq2[asr.Segment, error]
	Params() asr.Params
	Words() wording.Options // how final text is edited
}

// Config holds what a Talk needs.
type Config struct {
	Window
	Tapes string        // the folder for audio without text yet; "": such audio is kept in memory only
	Every time.Duration // the interval between two measurements of the level
	Now   func() time.Time
}

// ClosingError says why a microphone could not be closed after a dictation of which all text has been given.
type ClosingError struct{ Err error }

func (e *ClosingError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *ClosingError) Unwrap() error { return e.Err }

// State is the state of a dictation.
type State int

// The states.
const (
	Idle State = iota
	Opening
	Recording
	Finishing
)

// hold is the time below which a press counts as a click.
const hold = 400 * time.Millisecond

// Talk is the dictation of one window. Its methods and callbacks are for the UI goroutine.
type Talk struct {
	Config
	OnState   func(State)
	OnLevel   func(level float32, since time.Duration)
	OnProblem func(err error, kept *Kept) // kept is the audio of the dictation that has failed; nil: none
	OnDiscard func(*Kept)                 // gets the audio without text of a dictation that was ended by Cancel, if something is said in it
	OnUnclear func(*Kept)                 // gets the audio of what was said in a dictation and could not be understood; Retry writes a guess
	Begin     func() Place                // returns the Place for the text of a Press

	state    State
	latched  bool
	pressed  time.Time
	began    time.Time
	language string
	spoken   string // code of the language of the latest text of which the language is sure
	lost     bool
	err      error // of the latest dictation
	place    Place
	session  *session
	running  []*session
	writing  []*session // whose texts are complete, and not all kept yet
	kept     []*Kept    // of dictations that failed, the latest last
}

// New returns a Talk without a dictation.
func New(c Config) *Talk {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Every == 0 {
		c.Every = 60 * time.Millisecond
	}
	return &Talk{Config: c}
}

// State returns the state of the dictation.
func (t *Talk) State() State { return t.state }

// Latched reports whether recording continues without a held button.
func (t *Talk) Latched() bool { return t.latched }

// Place returns the Place of the latest dictation; nil before the first one.
func (t *Talk) Place() Place { return t.place }

// Language returns the English name of the language that was detected last; "" before the first text.
func (t *Talk) Language() string { return t.language }

// Lost reports whether audio was lost in the latest dictation because the machine was too slow for the microphone.
func (t *Talk) Lost() bool { return t.lost }

// Err returns why the latest dictation has failed; ErrDiscarded after Cancel; nil if it is running or has given all its text.
func (t *Talk) Err() error { return t.err }

// Press is called when the button or the keys go down.
func (t *Talk) Press() { t.PressFor(nil) }

// PressFor is Press for text that is to go to place; nil means the result of Begin.
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

// Release is called when the button or the keys come up.
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

// Finish ends the recording; the text of what was recorded still arrives.
func (t *Talk) Finish() {
	if t.session != nil && t.state != Finishing {
		close(t.session.finish)
		t.set(Finishing)
	}
}

// Discard ends the recording and deletes the audio that has no text yet.
func (t *Talk) Discard() { t.discard(false) }

// Cancel ends the recording without the text that is still to come. Its audio can be transcribed until it is forgotten; see OnDiscard.
func (t *Talk) Cancel() { t.discard(true) }

func (t *Talk) discard(again bool) {
	s := t.session
	if s == nil {
		return
	}
	s.again = again
	s.discarded.Store(true)
	s.cancel()
	t.session = nil
	if again {
		t.err = ErrDiscarded
	}
	s.place.Partial("", 0)
	tell(s.place, again)
	t.set(Idle)
}

// tell calls Discarded of a Place that has it.
func tell(p Place, again bool) {
	if p, ok := p.(Discarder); ok {
		p.Discarded(again)
	}
}

// Close ends the dictation, waits until the microphone is closed, and keeps the audio that has no text yet for the next start.
func (t *Talk) Close() error {
	if s := t.session; s != nil {
		s.cancel()
		t.session = nil
		t.set(Idle)
	}
	var err error
	for _, s := range t.running {
		<-s.done
		if s.discarded.Load() && s.tape != nil {
			err = errors.Join(err, s.tape.drop())
		}
	}
	t.running = nil
	return errors.Join(err, t.keepAll())
}

func (t *Talk) set(s State) {
	t.state = s
	if t.OnState != nil {
		t.OnState(s)
	}
}
