package asr

import (
	"context"
	"errors"

	"soberano/asr/mel"
	"soberano/asr/whisper"
	"soberano/kernels"
)

// window is the most audio, in samples, that the network takes at once.
const window = 30 * SampleRate

// ErrStopped ends the loop over the segments of a file after Params.Stop.
var ErrStopped = errors.New("asr: the transcription was stopped before the end")

// ErrClosed is returned by calls on a model that was closed.
var ErrClosed = errors.New("asr: the speech model was closed")

// windowResult is the transcription of one window of audio. Positions are in samples from the
// window's start.
type windowResult struct {
	*whisper.Result
	segments []whisper.Segment
	tokens   []int32 // of the segments, with their times
	end      int     // where the last segment ends by the model's times
	done     int     // how much of the window needs no further pass
}

// transcribeWindow transcribes samples, at most a window, when the network is free.
func (m *Model) transcribeWindow(ctx context.Context, samples []float32, o whisper.Options) (windowResult, error) {
	return m.transcribeFrames(ctx, samples, m.net.Frames(), o)
}

// transcribeFrames is transcribeWindow with an encoder pass over so many mel frames, an even
// number, instead of a whole window.
func (m *Model) transcribeFrames(ctx context.Context, samples []float32, frames int, o whisper.Options) (windowResult, error) {
	if err := m.acquireFor(ctx, o.Priority); err != nil {
		return windowResult{}, err
	}
	defer m.release()
	s, err := m.slot()
	if err != nil {
		return windowResult{}, err
	}
	defer func() { m.slots = append(m.slots, s) }()
	if o.Priority > kernels.Recording { // also between its steps; not before the network is acquired
		defer m.pool.Hold(o.Priority)()
	}
	if _, err = s.Window(ctx, m.mel.Window(samples, frames), o); err != nil {
		return windowResult{}, err
	}
	return m.result(ctx, s, len(samples), o)
}

// result returns what a slot has decoded of a window of so many samples.
func (m *Model) result(ctx context.Context, s *whisper.Slot, samples int, o whisper.Options) (windowResult, error) {
	r, err := s.Result()
	if err != nil {
		return windowResult{}, err
	}
	segments, done := s.Segments(r, duration(samples))
	h := windowResult{Result: r, segments: segments, done: min(samplesOf(done), samples)}
	for _, seg := range segments {
		h.end = samplesOf(seg.End)
		h.tokens = append(h.tokens, s.Timed(seg, o)...)
	}
	if o.WordTimes {
		err = s.Align(ctx, r, o, segments, duration(samples))
	}
	return h, err
}

// slot returns an unused slot of the network. The caller has acquired the network.
func (m *Model) slot() (*whisper.Slot, error) {
	if n := len(m.slots); n > 0 {
		s := m.slots[n-1]
		m.slots = m.slots[:n-1]
		return s, nil
	}
	return m.net.NewSlot()
}

// acquire waits until the network is free and reserves it; release frees it.
func (m *Model) acquire(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-m.done:
		return ErrClosed
	case m.turn <- struct{}{}:
		return nil
	}
}

// acquireFor is acquire for a priority, which who uses the network has meanwhile: a recording
// would otherwise wait for answers between its operations, and dictation for the recording.
func (m *Model) acquireFor(ctx context.Context, p kernels.Priority) error {
	if p > kernels.Recording {
		defer m.pool.Lend(p)()
	}
	return m.acquire(ctx)
}

func (m *Model) release() { <-m.turn }

// doubtful reports whether the text is probably wrong: a loop, a guess, or text for audio in
// which the model itself finds no speech. A quick pass is then repeated over a whole window.
func (r windowResult) doubtful() bool {
	return r.Looped || r.AvgLogprob < -1 || r.NoSpeech > 0.6 && r.AvgLogprob < -0.5
}

// doubtfulRest reports whether the text of speech that was left out by another pass is a guess: the
// model writes a "Thank you." for the last syllables of a word.
func (r windowResult) doubtfulRest() bool {
	return r.Looped || r.Temperature > reliableTemperature || r.AvgLogprob < -0.8
}

// consumed returns how much of the window, which begins at sample from of the joined pieces,
// needs no further pass. The model may report all of it as done and leave out what is spoken at
// the end; if speech is detected more than half a second after the last segment, the window ends
// with that segment.
func (r windowResult) consumed(p []piece, from int) int {
	if r.end > 0 && voiced(p, from+r.end+SampleRate/2, from+r.done) {
		return r.end
	}
	return r.done
}

// speechLeft reports whether speech that the model has left out follows sample from of the joined
// pieces. Less than a second, or than eight voiced pieces, does not count: the model's times are
// early, and it transcribes the last syllables of a word on their own as a "Thank you.".
func speechLeft(p []piece, from int) bool {
	rest := len(p)*chunk - from
	return rest >= SampleRate && voices(p, from, from+rest) >= 8
}

// quickFrames returns the number of mel frames of a quick pass: the audio and three seconds of
// silence, at least five seconds in all, instead of 30 s. With two seconds of silence as many
// words are wrong, with one second a fifth more.
func quickFrames(samples, most int) int {
	frames := samples/mel.Hop + 300
	return min(max((frames+31)&^31, 512), most)
}
