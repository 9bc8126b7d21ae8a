package asr

// One window of audio through the network.

import (
	"context"
	"errors"
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
	tokens   []int32 // of the segments, with their times
	end      int     // of the last segment as the model says it
	done     int
}

// hear transcribes samples, at most a window, when the network is free.
func (m *Model) hear(ctx context.Context, samples []float32, o whisper.Options) (heard, error) {
	return m.hearFrames(ctx, samples, m.net.Frames(), o)
}

// hearFrames encodes so many mel frames, an even number, instead of a whole window.
func (m *Model) hearFrames(ctx context.Context, samples []float32, frames int, o whisper.Options) (heard, error) {
	if err := m.take(ctx); err != nil {
		return heard{}, err
	}
	defer m.give()
	s, err := m.slot()
	if err != nil {
		return heard{}, err
	}
	defer func() { m.slots = append(m.slots, s) }()
	if _, err = s.Window(ctx, m.mel.Frames(samples, frames), o); err != nil {
		return heard{}, err
	}
	return m.heardIn(ctx, s, len(samples), o)
}

// heardIn returns what a slot has heard in samples.
func (m *Model) heardIn(ctx context.Context, s *whisper.Slot, samples int, o whisper.Options) (heard, error) {
	r, err := s.Result()
	if err != nil {
		return heard{}, err
	}
	segments, done := s.Segments(r, duration(samples))
	h := heard{Result: r, segments: segments, done: min(samplesOf(done), samples)}
	for _, seg := range segments {
		h.end = samplesOf(seg.End)
		h.tokens = append(h.tokens, s.Timed(seg, o)...)
	}
	if o.WordTimes {
		err = s.Align(ctx, r, o, segments, duration(samples))
	}
	return h, err
}

// slot returns a slot of the network that nobody uses. Who holds the network calls it.
func (m *Model) slot() (*whisper.Slot, error) {
	if n := len(m.slots); n > 0 {
		s := m.slots[n-1]
		m.slots = m.slots[:n-1]
		return s, nil
	}
	return m.net.NewSlot()
}

// take waits until the network is free, give frees it.
func (m *Model) take(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-m.done:
		return ErrClosed
	case m.turn <- struct{}{}:
		return nil
	}
}

func (m *Model) give() { <-m.turn }

// quickFrames is the number of mel frames of a quick pass: the audio and three seconds of
// silence, at least five seconds, instead of 30 s. With two seconds there are as many wrong
// words, with one second a fifth more.
func quickFrames(samples, most int) int {
	frames := samples/mel.Hop + 300
	return min(max((frames+31)&^31, 512), most)
}

func duration(samples int) time.Duration {
	return time.Duration(samples) * time.Second / SampleRate
}

func samplesOf(d time.Duration) int { return int(d * SampleRate / time.Second) }
