package asr

// One window of audio through the network.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"soberano/asr/mel"
	"soberano/asr/whisper"
)

// window is the most audio that the network hears at once, in samples.
const window = 30 * SampleRate

// ErrClosed is returned by calls on a model that was closed.
var ErrClosed = errors.New("asr: the speech model was closed")

// heard is what a window holds: segments with times from its start, and how much of the
// window, in samples, is done with.
type heard struct {
	*whisper.Result
	segments []whisper.Segment
	done     int
}

// hear transcribes samples, at most a window, when the network is free.
func (m *Model) hear(ctx context.Context, samples []float32, o whisper.Options) (heard, error) {
	select {
	case <-ctx.Done():
		return heard{}, ctx.Err()
	case <-m.done:
		return heard{}, ErrClosed
	case m.turn <- struct{}{}:
	}
	defer func() { <-m.turn }()
	frames := m.net.Frames()
	if o.Quick {
		frames = quickFrames(len(samples), frames)
	}
	r, err := m.net.Window(ctx, m.mel.Frames(samples, frames), o)
	if err != nil {
		return heard{}, err
	}
	segments, done := m.net.Segments(r, duration(len(samples)))
	return heard{Result: r, segments: segments, done: min(samplesOf(done), len(samples))}, nil
}

// quickFrames is the number of mel frames of a quick pass: the audio and three seconds of
// silence, at least five seconds, instead of 30 s. With two seconds there are as many wrong
// words, with one second a fifth more.
func quickFrames(samples, most int) int {
	frames := samples/mel.Hop + 300
	return min(max((frames+31)&^31, 512), most)
}

// check returns p with its language checked.
func (m *Model) check(p Params) (Params, error) {
	if p.Beam < 0 {
		return p, fmt.Errorf("asr: a beam of %d; use 1 to 8", p.Beam)
	}
	if p.Language == "" || p.Language == "auto" {
		p.Language = ""
		return p, nil
	}
	if _, ok := m.net.Specials.Language(p.Language); !ok {
		if !m.net.Multilingual {
			return p, fmt.Errorf("%s: %w %q; it knows English (en) only", m.info.Name, ErrLanguage, p.Language)
		}
		return p, fmt.Errorf("%s: %w %q; use a code like en, de, fr, es or zh", m.info.Name, ErrLanguage, p.Language)
	}
	return p, nil
}

func duration(samples int) time.Duration {
	return time.Duration(samples) * time.Second / SampleRate
}

func samplesOf(d time.Duration) int { return int(d * SampleRate / time.Second) }
