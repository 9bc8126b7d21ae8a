package asr

import (
	"slices"
	"strings"
	"time"

	"soberano/asr/whisper"
)

// finish makes segments of a decoded window. Speech that the model has left out, at the end or between
// two segments, becomes a window of its own in its place.
func (t *transcription) finish(w *fileWindow) error {
	samples := len(w.pieces)*chunk - chunk + len(w.pieces[len(w.pieces)-1].samples)
	if err := t.hearApart(w); err != nil {
		return err
	}
	r, err := t.m.result(t.ctx, w.slot, samples, w.o)
	if err != nil {
		return err
	}
	if t.history != nil && t.history.misled(r) {
		t.history.recent = nil
		return t.start(w, false)
	}
	if r.Swallowed && t.halve(w) {
		return nil
	}
	w.done = true
	// Each window advances by at least a second, whatever its times are.
	next := min(max(r.consumed(w.pieces, 0), SampleRate), samples)
	if at := onset(w.pieces, next); next < samples && at >= SampleRate {
		next = at
	}
	if w.rest && r.doubtfulRest() {
		r.segments = nil
	}
	r.segments = slices.DeleteFunc(r.segments, func(s whisper.Segment) bool {
		return !voiced(w.pieces, samplesOf(s.Start)-SampleRate/2, samplesOf(s.End)+SampleRate/2)
	})
	if t.history != nil {
		t.history.add(r)
	}
	skips := r.skipped(w.pieces)
	if speechLeft(w.pieces, next) {
		next -= next % chunk
		skips = append(skips, skip{len(r.segments), next, len(w.pieces) * chunk})
	}
	said, err := t.said(w, r, skips)
	if err != nil {
		return err
	}
	for _, s := range r.segments {
		out := r.segment(w.pieces, next, s)
		out.Sure = w.sure
		w.segments = append(w.segments, out)
	}
	if w.repeats() {
		w.segments = nil // nothing was left out: the model's times were wrong
	}
	w.unheard = append(w.unheard, unclear(without(w.pieces, skips), r.segments)...)
	t.insert(w, skips, said)
	w.pieces = nil
	return nil
}

// insert divides w at what it has skipped: each becomes a window, to be decoded, with the segments after
// it in another one.
func (t *transcription) insert(w *fileWindow, skips []skip, said []saidWord) {
	at := slices.Index(t.order, w) + 1
	p, segments, unheard, from := w.pieces, w.segments, inOrder(w.unheard), 0
	for i, x := range skips {
		part := w
		if i > 0 {
			part = &fileWindow{started: true, done: true}
			t.order = slices.Insert(t.order, at, part)
			at++
		}
		part.segments, from = segments[min(from, len(segments)):min(x.after, len(segments))], x.after
		part.end = place(p, x.from, true)
		n := 0
		for n < len(unheard) && unheard[n].Start < part.end {
			n++
		}
		part.unheard, unheard = unheard[:n], unheard[n:]
		rest := &fileWindow{pieces: p[x.from/chunk : x.to/chunk], pause: w.pause + x.from, language: w.language, sure: w.sure, said: moved(said, x.from), rest: true}
		if n := len(part.segments); n > 0 {
			rest.pause = max(0, samplesOf(place(p, x.from, false)-part.segments[n-1].End))
		}
		t.order = slices.Insert(t.order, at, rest)
		at++
	}
	if len(skips) == 0 {
		w.end = place(p, len(p)*chunk, true)
		return
	}
	if from < len(segments) || len(unheard) > 0 {
		last := &fileWindow{started: true, done: true, segments: segments[min(from, len(segments)):], unheard: unheard, end: place(p, len(p)*chunk, true)}
		t.order = slices.Insert(t.order, at, last)
	}
}

func textOfSegments(all []Segment) string {
	return joinText(all, func(s Segment) string { return s.Text })
}

// joinText joins the texts of segments with spaces.
func joinText[S any](all []S, text func(S) string) string {
	var texts []string
	for _, s := range all {
		texts = append(texts, text(s))
	}
	return strings.Join(texts, " ")
}

// deliver yields the segments of the windows that are done, up to the first that is not.
func (t *transcription) deliver() error {
	for len(t.order) > 0 && t.order[0].done {
		w := t.order[0]
		rest := inOrder(w.unheard)
		for _, s := range w.segments {
			n := 0
			for n < len(rest) && rest[n].Start <= s.Start {
				n++
			}
			t.unheard(rest[:n])
			rest = rest[n:]
			if !t.yield(t.following(s), nil) {
				return errLeft
			}
		}
		t.unheard(rest)
		t.delivered, t.order = w.end, t.order[1:]
		t.progress()
	}
	return nil
}

// encodingShare is how much of the time for a window its encoding takes.
const encodingShare = 0.7

// progress reports how much of the audio is done. It never reports less than before.
func (t *transcription) progress() {
	done := t.delivered
	for _, w := range t.order {
		switch {
		case w.done:
			done += w.length
		case w.encoded:
			done += time.Duration(encodingShare * float64(w.length))
		}
	}
	t.reported = max(t.reported, done)
	if t.p.Progress != nil {
		t.p.Progress(t.reported)
	}
}

// following returns s, not before the end of the segment that was delivered last: windows of speech that was left
// out begin a little before the end of the segment before it.
func (t *transcription) following(s Segment) Segment {
	s.Start = max(s.Start, t.last)
	s.End = max(s.End, s.Start)
	for i := range s.Words {
		w := &s.Words[i]
		w.Start = max(w.Start, t.last)
		w.End = max(w.End, w.Start)
	}
	t.last = s.End
	return s
}

// unheard reports stretches without text.
func (t *transcription) unheard(all []Unheard) {
	for _, u := range all {
		if t.p.Unheard != nil {
			t.p.Unheard(u)
		}
	}
}
