package asr

// A microphone: utterances, and text while they are spoken.
//
//	hearing   (its own goroutine)  chunks of 32 ms → vad → utterance so far ─┐ pause of 0.7 s,
//	                                                                        ├ 28 s, or the end
//	Listen    (the caller's)       a pass every 0.6 s and 0.2 s into a pause:
//	                               text that may change but for its Stable ◀┤
//	                               final text ◀───── finished utterances ◀──┘
//
// The network needs a moment for each pass. Meanwhile hearing goes on: nothing is lost, and
// a pass that does not hear the last word of an utterance is broken off when that has
// finished. One that does is its final text: who pauses before the key is released, or
// pauses at all, need not wait. Audio is kept until its final text has been given.
//
// A pass encodes a window of 30 s, of which most is silence. A quick one encodes the audio
// and three seconds more, in a quarter of the time, and hears a little worse: 2.8% of the
// words of testdata's English clips are wrong instead of 1.6%. So quick is what is replaced
// soon. In a pause a careful pass follows, or comes at once where the machine needs less than
// a fifth of a second for it; what is quick stays only for somebody who has let go of the
// key and would wait longer than that. Where quick passes are doubtful, as much of a window is
// heard for them as a wait of 0.3 s allows, at least half of it.

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"time"

	"soberano/asr/vad"
	"soberano/asr/whisper"
	"soberano/kernels"
)

// Live is a stream of samples that arrives as it is spoken: asr/mic's Stream. Read waits
// for at least one sample or the end of ctx; io.EOF comes when the speaker has stopped.
type Live interface {
	Read(ctx context.Context, p []float32) (int, error)
}

// liveSpeech ends an utterance after 0.7 s of silence; half a second from before it is kept.
var liveSpeech = vad.Options{MinSilence: 700 * time.Millisecond, Before: 500 * time.Millisecond, After: 300 * time.Millisecond}

const (
	partialEvery = 6 * SampleRate / 10 / chunk // chunks of new speech before the text is renewed
	breath       = 2 * SampleRate / 10 / chunk // chunks of a pause in which the utterance may have ended
	patience     = 200 * time.Millisecond      // for the last words after the key was released, by what the pass before took
	longestWait  = 270 * time.Millisecond      // where quick passes are doubtful: of 300 ms some are gone until a pass is broken off
	longest      = 28 * SampleRate / chunk     // chunks of an utterance without a pause
	cutWithin    = 6 * SampleRate / chunk      // it is cut where these last ones are quietest
)

// Listen gives the text of what is spoken into src: while someone speaks, about every 0.6
// seconds and as often as the machine can, a segment that is not Final and holds the
// utterance so far; after a pause, or when src ends, the final one, which begins with what
// was Stable before. An utterance that turned out to hold no text is taken back by a
// segment that is not Final and empty.
// Nothing comes on silence. When ctx ends or the loop is left, what was not final is
// lost; end src instead to keep it. The last pair holds the error that ended it: src's,
// ctx's, ErrLanguage or ErrClosed; none after io.EOF.
func (m *Model) Listen(ctx context.Context, src Live, p Params) iter.Seq2[Segment, error] {
	return func(yield func(Segment, error) bool) {
		p, err := m.check(p)
		if err != nil {
			yield(Segment{}, err)
			return
		}
		inner, cancel := context.WithCancel(ctx)
		h := &hearing{src: src, seg: vad.NewSegmenter(liveSpeech), wake: make(chan struct{}, 1)}
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.run(inner)
		}()
		l := &listener{m: m, h: h, o: m.options(p.live()), yield: yield}
		l.o.Priority = kernels.Dictation
		err = l.run(ctx)
		cancel()
		<-done
		if err != nil && err != io.EOF {
			yield(Segment{}, err)
		}
	}
}

// errLeft ends a listener whose caller has left the loop.
var errLeft = errors.New("left")

// listener is the caller's side of Listen.
type listener struct {
	m     *Model
	h     *hearing
	o     whisper.Options
	yield func(Segment, error) bool
	shown bool  // text that may change has been given
	heard int64 // the chunk up to which it goes
	pause int64 // chunks to wait for before the next, so that the machine keeps up

	agreed  agreement
	last    *pass         // over the utterance that is being spoken
	unsure  int           // quick passes over it that were doubtful, less those that were not; see partial
	careful time.Duration // what a pass over a whole window would take, by the latest; 0: not known
	encoder time.Duration // and of that the encoder
}

// pass is what the network made of an utterance up to a chunk.
type pass struct {
	first, to int64 // numbers of its first and last chunk
	segments  []whisper.Segment
	language  string
	quick     bool
	doubtful  bool
	partly    bool // something that is spoken was left out
}

// covers reports whether it hears all that is spoken in p, and a little more.
func (s *pass) covers(p []piece) bool {
	return s != nil && s.first == p[0].at && !spokenAfter(p, s.to-breath/2)
}

func (l *listener) run(ctx context.Context) error {
	for {
		finished, current, err := l.h.state()
		switch {
		case finished != nil:
			err = l.final(ctx, finished)
			l.h.landed()
		case len(current) > 0 && l.due(current):
			err = l.partial(ctx, current)
		case err == nil:
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-l.m.done:
				return ErrClosed
			case <-l.h.wake:
			}
		}
		if err == errLeft {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// due reports whether enough has been said since the last pass, or the last word perhaps.
func (l *listener) due(current []piece) bool {
	first, last := current[0].at, current[len(current)-1].at
	if pausing(current) >= breath {
		if l.last.covers(current) {
			return l.last.quick
		}
		if spokenAfter(current, l.heard-breath/2) {
			return l.heard < last
		}
	}
	return last-max(first, l.heard) >= max(partialEvery, l.pause)
}

// partial gives the text so far, unless the utterance finishes meanwhile with more in it.
func (l *listener) partial(ctx context.Context, current []piece) error {
	began := time.Now()
	samples := join(current)
	first, to := current[0].at, current[len(current)-1].at
	quick := pausing(current) < breath || !l.last.covers(current) && (l.careful == 0 || l.careful > patience)
	brief, cancel := l.h.interruptible(ctx, to, l.takes(len(samples), quick))
	defer cancel()
	h, err := l.hear(brief, samples, l.frames(len(samples), quick))
	l.heard = to
	// As much time again stays free for what finishes in between.
	l.pause = int64(time.Since(began) * SampleRate / time.Second / chunk)
	if brief.Err() != nil && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return err
	}
	l.last = &pass{first: first, to: to, segments: h.segments, language: h.Language, quick: quick,
		doubtful: quick && (h.doubtful() || len(h.segments) == 0), partly: h.until(current, 0) < len(samples)}
	switch {
	case !quick || h.Looped: // of a word cut in two the model may run in circles
	case h.doubtful():
		l.unsure++
	default:
		l.unsure = max(0, l.unsure-1)
	}
	if h.doubtful() {
		return nil
	}
	s := l.segment(current, h.segments, h.Language)
	// What lies behind the earliest place for a cut may belong to the next utterance.
	if len(current) <= longest-cutWithin {
		s.Text, s.Stable = l.agreed.take(s.Text, h.Language)
	} else {
		s.Text, s.Stable = l.agreed.freeze(s.Text)
	}
	if s.Text == "" {
		return nil
	}
	l.shown = true
	if !l.yield(s, nil) {
		return errLeft
	}
	return nil
}

// doubtful reports whether a quick pass is better heard again in a whole window.
func (h heard) doubtful() bool {
	return h.Looped || h.AvgLogprob < -1 || h.NoSpeech > 0.6 && h.AvgLogprob < -0.5
}

// final gives the text of a finished utterance.
func (l *listener) final(ctx context.Context, p []piece) error {
	all, language, err := l.decide(ctx, p)
	if err != nil {
		return err
	}
	s := l.segment(p, all, language)
	s.Text = l.agreed.end(s.Text)
	l.last, l.unsure = nil, 0
	s.Final = s.Text != ""
	if !s.Final && !l.shown {
		return nil
	}
	l.shown = false
	if !l.yield(s, nil) {
		return errLeft
	}
	return nil
}

// decide returns what was said: what the last pass heard, if it heard the last word, or
// what the network makes of the whole.
func (l *listener) decide(ctx context.Context, p []piece) (all []whisper.Segment, language string, err error) {
	if s := l.last; s.covers(p) && !s.doubtful && !s.partly && (!s.quick || l.h.released()) {
		if len(s.segments) > 0 {
			l.o.Likely = s.language
		}
		return s.segments, s.language, nil
	}
	samples := join(p)
	if voices(p, 0, len(samples)) == 0 {
		return nil, "", nil
	}
	language = l.o.Language
	quick := l.h.released() && (l.careful == 0 || l.careful > patience)
	if l.unsure > 0 {
		quick = false // it would be in vain
	}
	for from := 0; from == 0 || left(p, from); {
		h, err := l.window(ctx, samples[from:min(len(samples), from+window)], quick)
		if err != nil {
			return nil, "", err
		}
		for _, s := range h.segments {
			s.Start += duration(from)
			s.End += duration(from)
			all = append(all, s)
		}
		if language = h.Language; len(h.segments) > 0 {
			l.o.Likely = language
		}
		from += max(h.until(p, from), SampleRate)
	}
	return all, language, nil
}

// left reports whether sample from of the joined pieces is followed by more speech that the
// model has left out. A word may be short; but the model writes its times early, and of the
// last syllables, heard without what they belong to, it makes a "Thank you.".
func left(p []piece, from int) bool {
	rest := len(p)*chunk - from
	return rest >= SampleRate && voices(p, from, from+rest) >= 8
}

// window hears samples, with more care where a quick pass is doubtful.
func (l *listener) window(ctx context.Context, samples []float32, quick bool) (heard, error) {
	began := time.Now()
	if quick {
		h, err := l.hear(ctx, samples, l.frames(len(samples), true))
		if err != nil || !h.doubtful() && len(h.segments) > 0 {
			return h, err
		}
	}
	whole := l.m.net.Frames()
	frames := l.affordable(len(samples), time.Since(began))
	h, err := l.hear(ctx, samples, frames)
	if err == nil && h.Looped && frames < whole {
		h, err = l.hear(ctx, samples, whole)
	}
	return h, err
}

// affordable is how many frames are heard with care: a whole window, or, for somebody who has
// let go of the key, as many as the rest of the longest wait is enough for, at least half.
func (l *listener) affordable(samples int, spent time.Duration) int {
	whole := l.m.net.Frames()
	if !l.h.released() || l.encoder == 0 {
		return whole
	}
	rest := longestWait - spent - (l.careful - l.encoder)
	n := int(float64(whole) * float64(rest) / float64(l.encoder))
	if n = max(n, whole/2, quickFrames(samples, whole)); n >= whole {
		return whole
	}
	return n &^ 31
}

// hear is one pass; it notes how long one over a whole window takes. One over less is a single
// attempt.
func (l *listener) hear(ctx context.Context, samples []float32, frames int) (heard, error) {
	o, whole := l.o, l.m.net.Frames()
	if o.Quick = frames < whole; o.Quick {
		o.Beam = 1
	}
	h, err := l.m.hearFrames(ctx, samples, frames, o)
	if err == nil {
		l.encoder = h.Encoder * time.Duration(whole) / time.Duration(frames)
		l.careful = l.encoder + h.Decoder
	}
	return h, err
}

// takes is how long a pass will probably take; 0: not known.
func (l *listener) takes(samples int, quick bool) time.Duration {
	part := float64(l.frames(samples, quick)) / float64(l.m.net.Frames())
	return l.careful - l.encoder + time.Duration(float64(l.encoder)*part)
}

// frames is how many mel frames the encoder hears.
func (l *listener) frames(samples int, quick bool) int {
	whole := l.m.net.Frames()
	if !quick {
		return whole
	}
	return quickFrames(samples, whole)
}

// segment joins the segments of an utterance.
func (l *listener) segment(p []piece, all []whisper.Segment, language string) Segment {
	var texts []string
	for _, s := range all {
		texts = append(texts, s.Text)
	}
	out := Segment{Text: strings.Join(texts, " "), Language: language}
	if len(all) > 0 {
		out.Start = place(p, samplesOf(all[0].Start), false)
		out.End = place(p, samplesOf(all[len(all)-1].End), true)
	}
	return out
}
