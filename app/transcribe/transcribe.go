// Package transcribe is the page on which recordings become text: the queue of dropped audio files, the list of transcripts, and
// the view of a transcript with its sound.
//
//	drop ──Queue: one file at a time──▶ segments ──▶ store ──▶ View: read, listen, edit, export
//	            └─▶ why a file can't be read, and what to do; the other files continue
//
// A segment is stored as soon as it is recognised. A file that was being transcribed when the program ended continues at the
// next start, where its last segment ended.
package transcribe

import (
	"context"
	"iter"
	"time"

	"soberano/app/problem"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/asr"
	"soberano/asr/audio"
	"soberano/models/registry"
)

// Speech is the use of an opened speech model: a model of package host, or a scripted one in tests.
type Speech interface {
	Name() string // the library name of the model
	Transcribe(context.Context, asr.Source, asr.Params) iter.Seq2[asr.Segment, error]
	Release()
}

// Audio is an opened recording: *audio.Source, or a scripted one in tests.
type Audio interface {
	Read(p []float32) (int, error)
	Duration() time.Duration // to be called before Read; 0: unknown
	Skip(time.Duration) error
	problem.Recording // of the audio read so far
	Close() error
}

// Speaker is a playback that is running: *mic.Speaker, or a scripted one in tests.
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
	Changed()    // the page's title or the number of waiting files has changed
	ChooseFile() // asks the user for a recording
	ShowModels()
}

// Choices says how further files are transcribed. The getters are called from any goroutine.
type Choices interface {
	Language() string // "": detected from the audio
	SetLanguage(code string)
	Translate() bool // into English, whatever language is spoken
	SetTranslate(bool)
	Words() []string // the user's own words
}

// Machine opens speech models and recordings. Its methods are called from any goroutine.
type Machine interface {
	Chosen() (registry.Entry, error) // the speech model that Speech will open
	Speech(context.Context) (Speech, error)
	Open(ctx context.Context, path string, track int) (Audio, error) // the audio ends with ctx; for track see store.Transcript
	Play(Audio) (Speaker, error)
	ModelTitle(name string) string // of a model with that name in the library; called on the UI goroutine only
}

// Config holds what the page needs.
type Config struct {
	Window
	Choices
	Machine
	Store     *store.Store  // for the queue
	Work      *store.Worker // for the UI goroutine
	Languages []string      // the codes of the languages that can be chosen
	Silent    bool          // this build can't play sound
	Retry     time.Duration // after which what could not be stored is tried again; 0: retryTime
}

// englishOnly returns the name of the speech model if it supports English only, so that it can't translate; "" if it can, or if
// there is no model yet.
func (c *Config) englishOnly() string {
	if e, err := c.Chosen(); err == nil && e.EnglishOnly() {
		return e.Title
	}
	return ""
}

// OpenAudio opens a recording in a file, or one of its tracks; see store.Transcript.
func OpenAudio(ctx context.Context, path string, track int) (Audio, error) {
	s, err := audio.OpenTrack(ctx, path, track)
	if err != nil {
		return nil, err
	}
	return s, nil
}
