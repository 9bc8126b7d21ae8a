package asr

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"soberano/asr/whisper"
	"soberano/kernels"
)

// Live is a stream of samples that arrives as it is spoken: asr/mic's Stream. Read waits for at
// least one sample or the end of ctx, and returns io.EOF when the microphone is closed.
type Live interface {
	Read(ctx context.Context, p []float32) (int, error)
}

const (
	partialEvery    = 6 * SampleRate / 10 / chunk // pieces of new speech between partial results
	shortPause      = 2 * SampleRate / 10 / chunk // pieces of a pause in which the utterance may have ended
	releasePatience = 200 * time.Millisecond      // longest pass, by the previous one, that a user waits for after releasing the key
	likelyTime      = 5 * time.Second             // as how much speech Params.Likely counts
	longestWait     = 270 * time.Millisecond      // the same where quick passes are doubtful; cancelling a pass takes the rest of 300 ms
)

// Listen transcribes what is spoken into src. While someone speaks, about every 0.6 seconds and
// as often as the machine can, it yields a segment that is not Final and holds the utterance so
// far. After a pause, or when src ends, it yields the final segment, which begins with the Stable
// part of those before. If an utterance turns out to hold no text, an empty segment that is not
// Final takes it back. For silence it yields nothing.
//
// When ctx ends or the loop is left, text that was not final is lost; to keep it, end src. The
// last pair holds the error that ended the loop: src's, ctx's, ErrLanguage or ErrClosed; after
// io.EOF there is none.
func (m *Model) Listen(ctx context.Context, src Live, p Params) iter.Seq2[Segment, error] {
	return func(yield func(Segment, error) bool) {
		p, err := m.check(p)
		if err != nil {
			yield(Segment{}, err)
			return
		}
		inner, cancel := context.WithCancel(ctx)
		c := newCapture(src)
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.run(inner)
		}()
		l := &listener{m: m, c: c, o: m.options(p.live()), unheard: p.Unheard, yield: yield}
		l.o.Priority = kernels.Dictation
		if p.Likely != "" {
			l.spoke(map[string]float64{p.Likely: 1}, likelyTime)
		}
		err = l.run(ctx)
		cancel()
		<-done
		if err != nil && err != io.EOF {
			yield(Segment{}, err)
		}
	}
}

// errLeft ends a loop over segments that the caller has left.
var errLeft = errors.New("left")

// listener runs the network for Listen, in the caller's goroutine:
//
//	capture    chunks of 32 ms → segmenter → utterance so far ─┐ pause of 0.7 s,
//	                                                           ├ 28 s, or the end
//	listener   a pass every 0.6 s and 0.2 s into a pause:      │
//	           text that may change after its Stable part     ◀┤
//	           final text ◀──────────── finished utterances ◀──┘
//
// Capture continues while a pass runs, so no audio is lost. A pass that does not cover the last
// word of its utterance is cancelled when the utterance finishes. One that does is its final
// text, so a user who pauses before releasing the key need not wait. Audio is kept until its
// final text has been delivered.
//
// A careful pass encodes a window of 30 s, most of which is silence. A quick pass encodes the
// audio and three seconds more, in a quarter of the time, and is a little less accurate: 2.8% of
// the words of testdata's English clips are wrong instead of 1.6%. Quick passes are therefore
// used for text that is replaced soon. In a pause a careful pass follows, or comes at once if
// this machine needs less than releasePatience for it. The text of a quick pass is final only if
// the user has released the key and would wait longer than that for a careful one. If it is
// doubtful, a pass follows over as much of a window as longestWait allows, at least half of it.
type listener struct {
	m     *Model
	c     *capture
	o     whisper.Options
	yield func(Segment, error) bool

	unheard func(Unheard) // see Params.Unheard; nil: nobody asks
	heard   tally         // languages of the utterances so far, which decide where that of a further one is doubtful

	shown   bool  // a partial result of the utterance has been yielded
	covered int64 // last piece that the last pass covers
	wait    int64 // pieces to wait for before the next pass, so that the machine keeps up

	agreement localAgreement
	last      *pass         // over the utterance that is being spoken
	doubts    int           // quick passes over it that were doubtful, less those that were not; see partial
	careful   time.Duration // estimated time of a pass over a whole window; 0: not known
	encoder   time.Duration // the encoder's part of careful
}

// pass is the result of a pass over an utterance up to a piece.
type pass struct {
	first, to  int64 // numbers of its first and last piece
	segments   []whisper.Segment
	language   string
	languages  map[string]float64 // probabilities, if it was detected
	quick      bool
	doubtful   bool
	incomplete bool // the model has left out speech at the end
}

// covers reports whether the pass covers all speech in p, and a little more.
func (s *pass) covers(p []piece) bool {
	return s != nil && s.first == p[0].at && !voicedAfter(p, s.to-shortPause/2)
}

func (l *listener) run(ctx context.Context) error {
	for {
		err := l.step(ctx)
		if err == errLeft {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// step does what is due next, or waits for more audio.
func (l *listener) step(ctx context.Context) error {
	if p := l.c.apart(); p != nil {
		return l.alone(ctx, p)
	}
	finished, current, err := l.c.state()
	switch {
	case finished != nil:
		heard, err := l.final(ctx, finished)
		for _, p := range l.c.drop(heard) {
			if err == nil {
				err = l.alone(ctx, p)
			}
		}
		return err
	case len(current) > 0 && l.due(current):
		return l.partial(ctx, current)
	case err != nil:
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.m.done:
		return ErrClosed
	case <-l.c.wake:
		return nil
	}
}

// due reports whether the next pass is due: after enough new speech, or in a pause that may end
// the utterance.
func (l *listener) due(current []piece) bool {
	first, last := current[0].at, current[len(current)-1].at
	if trailingSilence(current) >= shortPause {
		if l.last.covers(current) {
			return l.last.quick
		}
		if voicedAfter(current, l.covered-shortPause/2) {
			return l.covered < last
		}
	}
	return last-max(first, l.covered) >= max(partialEvery, l.wait)
}

// partial yields the text so far, unless the utterance finishes meanwhile with more in it.
func (l *listener) partial(ctx context.Context, current []piece) error {
	began := time.Now()
	samples := join(current)
	first, to := current[0].at, current[len(current)-1].at
	quick := trailingSilence(current) < shortPause || !l.last.covers(current) && (l.careful == 0 || l.careful > releasePatience)
	inner, cancel := l.c.passContext(ctx, to, l.estimate(len(samples), quick))
	defer cancel()
	r, err := l.pass(inner, current, 0, samples, l.frames(len(samples), quick))
	l.covered = to
	// As much time again stays free for what finishes in between.
	l.wait = int64(time.Since(began) * SampleRate / time.Second / chunk)
	if inner.Err() != nil && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return err
	}
	l.last = &pass{first: first, to: to, segments: r.segments, language: r.Language, languages: r.Languages, quick: quick,
		doubtful: quick && (r.doubtful() || len(r.segments) == 0), incomplete: r.consumed(current, 0) < len(samples)}
	switch {
	case !quick || r.Looped: // a word cut in two can make the model loop
	case r.doubtful():
		l.doubts++
	default:
		l.doubts = max(0, l.doubts-1)
	}
	if r.doubtful() {
		return nil
	}
	return l.show(current, r)
}

// show yields the text of a partial pass.
func (l *listener) show(current []piece, r windowResult) error {
	s := l.segment(current, r.segments, r.Language)
	// What follows the earliest place for a cut may belong to the next utterance.
	if len(current) <= longest-cutWithin {
		s.Text, s.Stable = l.agreement.add(s.Text, r.Language)
	} else {
		s.Text, s.Stable = l.agreement.freeze(s.Text)
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

// report reports speech without text, if detection is sure of it.
func (l *listener) report(p []piece) {
	if l.unheard != nil && clearSpeech(p) {
		l.unheard(Unheard{place(p, 0, false), place(p, len(p)*chunk, true), Unclear})
	}
}

// alone yields the text of short speech for which the network wrote nothing and after which nothing follows: where
// detection is sure of it, the network's doubts count less. Speech without text is reported.
func (l *listener) alone(ctx context.Context, p []piece) error {
	if !brief(p) {
		l.report(p)
		return nil
	}
	l.o.Brief = true
	r, err := l.finalPass(ctx, p, 0, join(p), false)
	l.o.Brief = false
	if err != nil {
		return err
	}
	s := l.segment(p, r.segments, r.Language)
	if s.Text == "" {
		l.report(p)
		return nil
	}
	l.spoke(r.Languages, spokenTime(p))
	s.Sure, s.Final = r.Languages[r.Language], true
	if !l.yield(s, nil) {
		return errLeft
	}
	return nil
}

// spoke takes in the probabilities of the languages of so much speech, if they are known.
func (l *listener) spoke(languages map[string]float64, spoken time.Duration) {
	if len(languages) > 0 {
		l.heard.add(languages, max(spoken, duration(chunk)))
		l.o.Likely = l.heard.likelihoods()[0].Language
	}
}

// final yields the text of a finished utterance and reports whether it has any.
func (l *listener) final(ctx context.Context, p []piece) (heard bool, err error) {
	all, language, languages, err := l.decide(ctx, p)
	if err != nil {
		return false, err
	}
	if len(all) > 0 {
		l.spoke(languages, spokenTime(p))
	}
	l.report(l.c.missing(all))
	s := l.segment(p, all, language)
	s.Sure = languages[language]
	s.Text = l.agreement.finish(s.Text)
	l.last, l.doubts = nil, 0
	s.Final = s.Text != ""
	if !s.Final && !l.shown {
		return false, nil
	}
	l.shown = false
	if !l.yield(s, nil) {
		return s.Final, errLeft
	}
	return s.Final, nil
}

// decide returns the segments of a finished utterance, its language and the probabilities of all languages, if they are known: those of the last pass, if it covers the
// last word and is good enough, or those of new passes over all of it.
func (l *listener) decide(ctx context.Context, p []piece) (all []whisper.Segment, language string, languages map[string]float64, err error) {
	if s := l.last; s.covers(p) && !s.doubtful && !s.incomplete && (!s.quick || l.c.released()) {
		return s.segments, s.language, s.languages, nil
	}
	samples := join(p)
	if voices(p, 0, len(samples)) == 0 {
		return nil, "", nil, nil
	}
	language = l.o.Language
	l.o.Brief = brief(p) && l.c.released() // nothing follows
	defer func() { l.o.Brief = false }()
	quick := l.c.released() && (l.careful == 0 || l.careful > releasePatience)
	if l.doubts > 0 {
		quick = false // it would be doubtful again
	}
	for from := 0; from == 0 || speechLeft(p, from); {
		r, err := l.finalPass(ctx, p, from, samples[from:min(len(samples), from+window)], quick)
		if err != nil {
			return nil, "", nil, err
		}
		for _, s := range r.segments {
			s.Start += duration(from)
			s.End += duration(from)
			all = append(all, s)
		}
		language, languages = r.Language, r.Languages
		from += max(r.consumed(p, from), SampleRate)
	}
	return all, language, languages, nil
}

// finalPass transcribes samples, which begin at sample from of the joined pieces, with a careful pass
// where a quick one is doubtful.
func (l *listener) finalPass(ctx context.Context, p []piece, from int, samples []float32, quick bool) (windowResult, error) {
	began := time.Now()
	if quick {
		r, err := l.pass(ctx, p, from, samples, l.frames(len(samples), true))
		if err != nil || !r.doubtful() && len(r.segments) > 0 {
			return r, err
		}
	}
	whole := l.m.net.Frames()
	frames := l.affordable(len(samples), time.Since(began))
	r, err := l.pass(ctx, p, from, samples, frames)
	if err == nil && r.Looped && frames < whole {
		r, err = l.pass(ctx, p, from, samples, whole)
	}
	return r, err
}

// affordable returns how many mel frames a careful pass encodes: a whole window, or, if the user
// has released the key, as many as the rest of longestWait allows, at least half a window.
func (l *listener) affordable(samples int, spent time.Duration) int {
	whole := l.m.net.Frames()
	if !l.c.released() || l.encoder == 0 {
		return whole
	}
	rest := longestWait - spent - (l.careful - l.encoder)
	n := int(float64(whole) * float64(rest) / float64(l.encoder))
	if n = max(n, whole/2, quickFrames(samples, whole)); n >= whole {
		return whole
	}
	return n &^ 31
}

// pass transcribes samples, which begin at sample from of the joined pieces, in one pass and records how
// long one over a whole window would take. A pass over less than a window is a single greedy attempt.
func (l *listener) pass(ctx context.Context, p []piece, from int, samples []float32, frames int) (windowResult, error) {
	o, whole := l.o, l.m.net.Frames()
	o.Length, o.Speech = duration(len(samples)), speechTicks(p, from, len(samples))
	if o.Quick = frames < whole; o.Quick {
		o.Beam = 1
	}
	r, err := l.m.transcribeFrames(ctx, samples, frames, o)
	if err == nil {
		l.encoder = r.Encoder * time.Duration(whole) / time.Duration(frames)
		l.careful = l.encoder + r.Decoder
	}
	return r, err
}

// estimate returns how long a pass will probably take; 0: not known.
func (l *listener) estimate(samples int, quick bool) time.Duration {
	part := float64(l.frames(samples, quick)) / float64(l.m.net.Frames())
	return l.careful - l.encoder + time.Duration(float64(l.encoder)*part)
}

// frames returns how many mel frames a pass encodes.
func (l *listener) frames(samples int, quick bool) int {
	whole := l.m.net.Frames()
	if !quick {
		return whole
	}
	return quickFrames(samples, whole)
}

// segment joins the segments of an utterance.
func (l *listener) segment(p []piece, all []whisper.Segment, language string) Segment {
	out := Segment{Text: joinText(all, func(s whisper.Segment) string { return s.Text }), Language: language}
	if len(all) > 0 {
		out.Start = place(p, samplesOf(all[0].Start), false)
		out.End = place(p, samplesOf(all[len(all)-1].End), true)
	}
	return out
}
