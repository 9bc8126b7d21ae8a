// Package transcribe is the page where recordings become text: what happens to dropped
// audio, the list of what was written down, and the transcript with its sound.
//
//	drop ──Queue: one file at a time──▶ segments ──▶ store ──▶ View: read, hear, mend, export
//	            └─▶ why a file can't be read, and what to do; the others go on
//
// A segment is kept as soon as it is heard. What was going on when the program ended goes on
// at the next start, where it ended.
package transcribe

import (
	"context"
	"iter"
	"time"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/asr"
	"soberano/asr/audio"
	"soberano/models/registry"
)

// Speech is the use of an opened speech model: of a model in app/host, or a scripted one in
// tests.
type Speech interface {
	Name() string // of the model, in the library
	Transcribe(context.Context, asr.Source, asr.Params) iter.Seq2[asr.Segment, error]
	Release()
}

// Audio is an opened recording: *audio.Source, or a scripted one in tests.
type Audio interface {
	Read(p []float32) (int, error)
	Duration() time.Duration // to be asked before Read; 0: not known
	Skip(time.Duration) error
	Damage() audio.Damage // of what was read
	Close() error
}

// Speaker is sound that is being played: *mic.Speaker, or a scripted one in tests.
type Speaker interface {
	Played() time.Duration
	Done() <-chan struct{}
	Err() error
	Close() error
}

// Window is what the page needs from the window around it.
type Window interface {
	ui.Window
	ui.Dialogs
	Changed()    // what the page is about has changed: its title, or how many wait
	ChooseFile() // asks for a recording
	ShowModels()
}

// Choices are how the next files are transcribed. The getters are called from any goroutine.
type Choices interface {
	Language() string // "": heard from the audio
	SetLanguage(code string)
	Translate() bool // into English, whatever is spoken
	SetTranslate(bool)
	Words() []string // the person's own
}

// Machine opens speech models and recordings. Its methods are called from any goroutine.
type Machine interface {
	Chosen() (registry.Entry, error) // the speech model that Speech opens
	Speech(context.Context) (Speech, error)
	Open(ctx context.Context, path string) (Audio, error) // the audio ends with ctx
	Play(Audio) (Speaker, error)
}

// Config is what the page is made from.
type Config struct {
	Window
	Choices
	Machine
	Store     *store.Store  // for the queue
	Work      *store.Worker // for the UI goroutine
	Languages []string      // codes of those that can be chosen
	Silent    bool          // this build has no sound
}

// englishOnly is the name of the speech model if it knows English only, so that it can't
// translate; "" if it can, or if there is none yet.
func (c *Config) englishOnly() string {
	if e, err := c.Chosen(); err == nil && e.EnglishOnly() {
		return e.Title
	}
	return ""
}

// OpenAudio opens a recording on the disk.
func OpenAudio(ctx context.Context, path string) (Audio, error) {
	s, err := audio.OpenContext(ctx, path)
	if err != nil {
		return nil, err
	}
	return s, nil
}
