package asr

import (
	"context"
	"slices"
	"sync"
	"time"

	"soberano/asr/whisper"
)

const (
	belongTogether = 2 * SampleRate / chunk // most pieces between two utterances that may be one sentence
	unheardPadding = 6                      // pieces that are kept before and after speech that was not heard
)

// capture reads a live source in a goroutine of its own, which never waits for the network, and
// collects its utterances. mu guards all fields but src, and in seg all but speech detection.
type capture struct {
	src  Live
	mu   sync.Mutex
	wake chan struct{} // holds a value when something has changed

	seg      *segmenter
	finished [][]piece // utterances without final text yet
	unheard  []piece   // speech of the utterance before them, if the network wrote nothing for it; see drop
	err      error     // why it ended: io.EOF, src's or ctx's
	cutOff   bool      // it ended while someone spoke: the user waits for the last utterance

	cancelPass context.CancelFunc // ends the running pass
	covered    int64              // number of the last piece that the running pass covers
	due        time.Time          // when the running pass will probably be done
}

func newCapture(src Live) *capture {
	return &capture{src: src, seg: newSegmenter(liveSegments), wake: make(chan struct{}, 1)}
}

// run reads src until its end.
func (c *capture) run(ctx context.Context) {
	buf := make([]float32, chunk)
	n := 0
	for {
		k, err := c.src.Read(ctx, buf[n:])
		if n += k; n == chunk || err != nil && n > 0 {
			clear(buf[n:])
			c.push(buf)
			n = 0
		}
		if err != nil {
			c.end(err)
			return
		}
	}
}

// push adds a chunk.
func (c *capture) push(samples []float32) {
	p, events := c.seg.detect(samples)
	c.mu.Lock()
	defer c.mu.Unlock()
	spoke := c.seg.active
	c.finish(c.seg.add(p, events), spoke)
	c.signal()
}

// end flushes the segmenter when src has ended with err.
func (c *capture) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cutOff = c.seg.active
	c.finish(c.seg.flush(), c.cutOff)
	c.err = err
	c.signal()
}

// finish queues utterances. It cancels the running pass if that does not cover all that was
// spoken in them, or if it takes longer than the user would wait; also where speech, which
// someone spoke before, has ended without an utterance.
func (c *capture) finish(done []utterance, spoke bool) {
	for _, u := range done {
		c.finished = append(c.finished, u.pieces)
		if c.cancelPass != nil && (voicedAfter(u.pieces, c.covered) || c.late()) {
			c.cancelPass()
		}
	}
	if len(done) == 0 && spoke && !c.seg.active && c.cancelPass != nil {
		c.cancelPass()
	}
}

// late reports whether the user waits for the last utterance and the running pass takes longer
// than releasePatience.
func (c *capture) late() bool { return c.cutOff && time.Until(c.due) > releasePatience }

func (c *capture) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// state returns the oldest finished utterance, or a copy of the pieces of the one that is being
// spoken, or why nothing more comes.
func (c *capture) state() (finished, current []piece, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case len(c.finished) > 0:
		return c.withUnheard(c.finished[0]), nil, nil
	case c.err != nil:
		return nil, nil, c.err
	case c.seg.active:
		return nil, c.withUnheard(c.seg.speech), nil
	}
	return nil, nil, nil
}

// withUnheard returns a copy of an utterance, after the speech before it for which the network wrote
// nothing, if they belong together.
func (c *capture) withUnheard(p []piece) []piece {
	if !c.belongs(p) {
		return slices.Clone(p)
	}
	u := c.unheard
	first := slices.IndexFunc(u, func(x piece) bool { return x.voice >= quiet })
	return slices.Concat(u[max(0, first-unheardPadding):min(len(u), len(u)-trailingSilence(u)+unheardPadding)], p)
}

// belongs reports whether an utterance is heard together with the speech before it for which the network wrote nothing.
func (c *capture) belongs(p []piece) bool {
	n := len(c.unheard)
	return n > 0 && len(p) > 0 && p[0].at-c.unheard[n-1].at <= belongTogether
}

// apart returns speech for which the network wrote nothing, once, when it is certain that no utterance will be heard
// together with it; else nil.
func (c *capture) apart() []piece {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.unheard
	if len(p) == 0 {
		return nil
	}
	switch {
	case len(c.finished) > 0:
		if c.belongs(c.finished[0]) {
			return nil
		}
	case c.err != nil: // nothing follows
	case c.seg.active:
		if c.belongs(c.seg.speech) {
			return nil
		}
	case c.seg.next-p[len(p)-1].at <= belongTogether:
		return nil
	}
	c.unheard = nil
	return p
}

// missing returns the speech before the oldest finished utterance, with which it was heard again, if it is missing in the
// segments of both.
func (c *capture) missing(all []whisper.Segment) []piece {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(all) == 0 || !c.belongs(c.finished[0]) || len(unclear(c.unheard, all)) == 0 {
		return nil
	}
	return c.unheard
}

// released reports whether the oldest finished utterance is the last one and src ended in it:
// the user has released the key and waits for the text.
func (c *capture) released() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cutOff && len(c.finished) == 1
}

// drop removes the oldest finished utterance, whose text has been delivered. If the network wrote nothing
// for it, although it has speech, and it is short, it is heard again with what follows it: Whisper is
// sometimes silent on one or two words, which it writes if a sentence follows them. What is not heard with anything that
// follows is returned.
func (c *capture) drop(heard bool) (apart [][]piece) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.finished[0]
	if !heard && c.belongs(p) {
		apart = append(apart, c.unheard)
	}
	c.finished, c.unheard = c.finished[1:], nil
	switch {
	case heard || voices(p, 0, len(p)*chunk) < briefLeast:
	case len(p)+longest > window/chunk:
		apart = append(apart, p)
	default:
		c.unheard = p
	}
	return apart
}

// passContext returns a context for a pass over the utterance up to piece number at, which takes
// about as long as takes says. It ends when the utterance finishes with more speech in it than
// the pass covers, or when the user would wait too long for the pass.
func (c *capture) passContext(ctx context.Context, at int64, takes time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	c.mu.Lock()
	c.cancelPass, c.covered, c.due = cancel, at, time.Now().Add(takes)
	if len(c.finished) > 0 && (voicedAfter(c.finished[0], at) || c.late()) {
		cancel()
	}
	c.mu.Unlock()
	return ctx, cancel
}
