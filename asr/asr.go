// Package asr is speech to text: Open a Whisper model, Transcribe a file, Listen to a
// microphone. The journey of speech: audio or mic → 16 kHz mono → vad → mel → whisper
// encoder → decoder → Segment.
package asr

import "time"

// SampleRate is the rate of all audio inside this package, in Hz.
const SampleRate = 16000

// Options says how a model is opened. Zero values mean the default.
type Options struct {
	Threads int  // 0: physical cores, from 4 up one less
	Exact   bool // float32 throughout
}

// Params says how speech is transcribed.
type Params struct {
	Language string // "en", "de", …; "": detected from the audio
	Beam     int    // hypotheses kept while decoding; 0 or 1: greedy
}

// Segment is a stretch of text. A segment that is not Final may be replaced by the
// next one; a final one is never taken back.
type Segment struct {
	Text       string
	Start, End time.Duration // from the beginning of the audio
	Language   string
	Final      bool
}

// Info describes an opened model.
type Info struct {
	Name         string // "Whisper base"
	Multilingual bool
	Languages    []string
	Mels         int
	WeightBytes  int64
	Device       string
}
