package asr

// A microphone: utterances, and text while they are spoken.
//
//	hearing   (its own goroutine)  chunks of 32 ms → vad → utterance so far ─┐ pause of 0.7 s,
//	                                                                        ├ 28 s, or the end
//	Listen    (the caller's)       every 0.6 s: text that may change ◀──────┤
//	                               final text ◀───── finished utterances ◀──┘
//
// The network needs a moment for each text. Meanwhile hearing goes on: nothing is lost, and
// an utterance that has finished is heard before any text that may change, which is broken
// off for it. Audio is kept until its final text has been given.

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"sync"
	"time"

	"soberano/asr/vad"
	"soberano/asr/whisper"
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
	longest      = 28 * SampleRate / chunk     // chunks of an utterance without a pause
	cutWithin    = 6 * SampleRate / chunk      // it is cut where these last ones are quietest
)

// hearing collects utterances. mu guards all but src and seg, which its goroutine owns.
type hearing struct {
	src  Live
	seg  *vad.Segmenter
	mu   sync.Mutex
	wake chan struct{} // holds a value when something has changed

	raw      []piece // the last seconds, in case speech began in them
	next     int64
	current  []piece   // the utterance that is being spoken
	talking  bool      // current is speech
	finished [][]piece // utterances without final text yet
	err      error     // why it ended: io.EOF, src's or ctx's
	breakOff context.CancelFunc
}

// run reads until the end.
func (h *hearing) run(ctx context.Context) {
	buf := make([]float32, chunk)
	n := 0
	for {
		k, err := h.src.Read(ctx, buf[n:])
		if n += k; n == chunk || err != nil && n > 0 {
			clear(buf[n:])
			h.take(buf)
			n = 0
		}
		if err != nil {
			h.end(err)
			return
		}
	}
}

// take adds a chunk.
func (h *hearing) take(samples []float32) {
	events := h.seg.Push(samples)
	h.mu.Lock()
	defer h.mu.Unlock()
	p := piece{at: h.next, samples: append([]float32(nil), samples...), voice: h.seg.Prob()}
	h.next++
	if h.talking {
		h.current = append(h.current, p)
	} else if h.raw = append(h.raw, p); len(h.raw) > lookback {
		h.raw = h.raw[1:]
	}
	h.events(events)
	if h.talking && len(h.current) >= longest {
		h.finish(quietest(h.current))
	}
	h.signal()
}

// events begins and ends utterances.
func (h *hearing) events(events []vad.Event) {
	for _, e := range events {
		at := (e.At + chunk - 1) / chunk
		switch {
		case e.Start:
			for len(h.raw) > 0 && h.raw[0].at < e.At/chunk {
				h.raw = h.raw[1:]
			}
			h.current, h.raw, h.talking = h.raw, nil, true
		case h.talking:
			n := 0
			for n < len(h.current) && h.current[n].at < at {
				n++
			}
			h.finish(n)
			h.raw, h.current, h.talking = h.current, nil, false
		}
	}
}

// finish hands over the first n chunks of the utterance.
func (h *hearing) finish(n int) {
	if n > 0 {
		h.finished = append(h.finished, h.current[:n:n])
		h.current = h.current[n:]
	}
	if h.breakOff != nil {
		h.breakOff()
	}
}

// quietest returns after which of the last chunks a long utterance is best cut.
func quietest(p []piece) int {
	at := len(p) - 1
	for i := at; i >= len(p)-cutWithin; i-- {
		if p[i].voice < p[at].voice {
			at = i
		}
	}
	return at + 1
}

func (h *hearing) end(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events(h.seg.Flush())
	h.err = err
	h.signal()
}

func (h *hearing) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// state returns the oldest finished utterance, or a copy of the list of chunks of the one
// that is being spoken, or why nothing more comes.
func (h *hearing) state() (finished, current []piece, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case len(h.finished) > 0:
		return h.finished[0], nil, nil
	case h.err != nil:
		return nil, nil, h.err
	case h.talking:
		return nil, append([]piece(nil), h.current...), nil
	}
	return nil, nil, nil
}

// landed drops the oldest finished utterance: its text has been given.
func (h *hearing) landed() {
	h.mu.Lock()
	h.finished = h.finished[1:]
	h.mu.Unlock()
}

// interruptible returns a context that ends when an utterance finishes.
func (h *hearing) interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	h.mu.Lock()
	h.breakOff = cancel
	if len(h.finished) > 0 {
		cancel()
	}
	h.mu.Unlock()
	return ctx, cancel
}

// Listen gives the text of what is spoken into src: while someone speaks, about every 0.6
// seconds and as often as the machine can, a segment that is not Final and holds the
// utterance so far; after a pause, or when src ends, the final one. An utterance that
// turned out to hold no text is taken back by a segment that is not Final and empty.
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

// due reports whether enough has been said since the last text.
func (l *listener) due(current []piece) bool {
	first, last := current[0].at, current[len(current)-1].at
	return last-max(first, l.heard) >= max(partialEvery, l.pause)
}

// partial gives the text so far, unless the utterance finishes meanwhile.
func (l *listener) partial(ctx context.Context, current []piece) error {
	began := time.Now()
	brief, cancel := l.h.interruptible(ctx)
	defer cancel()
	o := l.o
	o.Quick, o.Beam = true, 1
	h, err := l.m.hear(brief, join(current), o)
	l.heard = current[len(current)-1].at
	// As much time again stays free for what finishes in between.
	l.pause = int64(time.Since(began) * SampleRate / time.Second / chunk)
	if brief.Err() != nil && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return err
	}
	if h.Looped || h.NoSpeech > 0.6 && h.AvgLogprob < -1 {
		return nil
	}
	s := l.segment(current, h.segments, h.Language)
	if s.Text == "" {
		return nil
	}
	l.shown = true
	if !l.yield(s, nil) {
		return errLeft
	}
	return nil
}

// final gives the text of a finished utterance.
func (l *listener) final(ctx context.Context, p []piece) error {
	var all []whisper.Segment
	language := l.o.Language
	samples := join(p)
	// A word may be short, but what is left of a long utterance may hold none.
	for from, least := 0, 1; from < len(samples) && voices(p, from, len(samples)) >= least; least = 3 {
		h, err := l.m.hear(ctx, samples[from:min(len(samples), from+window)], l.o)
		if err != nil {
			return err
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
	s := l.segment(p, all, language)
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
