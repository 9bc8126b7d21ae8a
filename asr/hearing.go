package asr

// The side of Listen that never waits for the network: chunks of audio become utterances.

import (
	"context"
	"sync"
	"time"

	"soberano/asr/vad"
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
	cutOff   bool      // it ended while someone spoke: the last utterance is waited for

	breakOff context.CancelFunc // ends the pass that is under way
	covered  int64              // the chunk up to which that pass hears
	due      time.Time          // when it will probably be done
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
	said := true
	if n > 0 {
		said = spokenAfter(h.current[:n], h.covered)
		h.finished = append(h.finished, h.current[:n:n])
		h.current = h.current[n:]
	}
	if h.breakOff != nil && (said || h.late()) {
		h.breakOff()
	}
}

// late reports whether somebody waits who has no patience for the pass that is under way.
func (h *hearing) late() bool { return h.cutOff && time.Until(h.due) > patience }

// quiet is the probability under which nobody speaks, as in vad.
const quiet = 0.35

// spokenAfter reports whether someone speaks in p behind chunk number at.
func spokenAfter(p []piece, at int64) bool {
	for i := len(p) - 1; i >= 0 && p[i].at > at; i-- {
		if p[i].voice >= quiet {
			return true
		}
	}
	return false
}

// pausing returns for how many chunks nobody has spoken at the end of p.
func pausing(p []piece) int {
	n := 0
	for n < len(p) && p[len(p)-1-n].voice < quiet {
		n++
	}
	return n
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
	h.cutOff = h.talking
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

// released reports whether the oldest finished utterance is the last and ended with src.
func (h *hearing) released() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cutOff && len(h.finished) == 1
}

// landed drops the oldest finished utterance: its text has been given.
func (h *hearing) landed() {
	h.mu.Lock()
	h.finished = h.finished[1:]
	h.mu.Unlock()
}

// interruptible returns a context for a pass over the utterance up to chunk number at, which
// will take some time. It ends when the utterance finishes with more in it than the pass
// hears, or sooner than can be waited for.
func (h *hearing) interruptible(ctx context.Context, at int64, takes time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	h.mu.Lock()
	h.breakOff, h.covered, h.due = cancel, at, time.Now().Add(takes)
	if len(h.finished) > 0 && (spokenAfter(h.finished[0], at) || h.late()) {
		cancel()
	}
	h.mu.Unlock()
	return ctx, cancel
}
