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
	"io"
	"iter"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/store"
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

// Config is what the page needs from the window around it.
type Config struct {
	Store *store.Store
	Open  func(ctx context.Context, path string) (Audio, error) // the audio ends with ctx
	// Chosen is the speech model that Speech opens; both are called from any goroutine.
	Chosen     func() (registry.Entry, error)
	Speech     func(ctx context.Context) (Speech, error)
	Words      func() []string              // the person's own, from any goroutine; nil: none
	Play       func(Audio) (Speaker, error) // nil: this build has no sound
	Languages  []string                     // codes of those that can be chosen
	Language   func() string                // of the next file; "": heard from the audio
	OnLanguage func(code string)
	// Translate says whether the next file is written in English, whatever is spoken.
	Translate   func() bool
	OnTranslate func(bool)
	Post        func(func()) // runs a function on the UI goroutine, later
	Changed     func()       // what the page is about has changed: its title, or how many wait
	ChooseFile  func()
	AddModel    func()
	ShowFile    func(path string)
	Copy        func(text string)
	Focus       func(fyne.Focusable)     // nil: nothing
	Shortcut    func(fyne.Shortcut) bool // the program's own; nil: there are none
	Menu        func(menu *fyne.Menu, below fyne.CanvasObject)
	// Ask asks for a text, beginning with one that is there.
	Ask func(title, now string, then func(string))
	// Save asks for a file beside the audio, with that name to begin with, calls write, and
	// says where that was.
	Save func(dir, name string, write func(io.Writer) error, done func(path string, err error))
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
