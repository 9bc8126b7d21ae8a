package asr

import (
	"slices"
	"strings"
)

const (
	skipLeast   = 3 * SampleRate / 2 // samples between two segments from which on speech was perhaps skipped
	skipVoices  = SampleRate / chunk // pieces of speech among them
	sameSound   = SampleRate / 2     // by how much the times of a word may be wrong
	skipPadding = SampleRate / 5     // kept around what was skipped
)

const (
	halfLeast  = 3 * SampleRate / 2 / chunk // pieces of the shorter part of a window that is divided
	halfPauses = 3                          // pieces of the pause in which it is divided
)

// halve replaces w, within whose text the model has left out words, by two windows, which meet in the
// longest pause of its middle half. It returns false if there is none.
func (t *transcription) halve(w *fileWindow) bool {
	p := w.pieces
	best, at := halfPauses-1, 0
	for i := max(len(p)/4, halfLeast); i < min(len(p)-len(p)/4, len(p)-halfLeast); i++ {
		from := i
		for i < len(p) && p[i].voice < quiet {
			i++
		}
		if i-from > best {
			best, at = i-from, (from+i)/2
		}
	}
	if at == 0 {
		return false
	}
	first := &fileWindow{pieces: p[:at], length: w.length, pause: w.pause, language: w.language, sure: w.sure, said: w.said, rest: w.rest, unheard: w.unheard}
	second := &fileWindow{pieces: p[at:], pause: best / 2 * chunk, language: w.language, sure: w.sure, said: moved(w.said, at*chunk), rest: w.rest}
	i := slices.Index(t.order, w)
	t.order = slices.Replace(t.order, i, i+1, first, second)
	return true
}

// skip is speech between two segments of a window that the model has left out: samples [from, to) of the
// joined pieces, whole pieces, after so many segments.
type skip struct{ after, from, to int }

// skipped returns the speech between segments that the model has left out: its times go on behind it.
// This happens most where the same words are said again and again.
func (r windowResult) skipped(p []piece) (out []skip) {
	for i := 1; i < len(r.segments); i++ {
		from, to := samplesOf(r.segments[i-1].End), samplesOf(r.segments[i].Start)
		if to-from < skipLeast || voices(p, from, to) < skipVoices {
			continue
		}
		from, to = max(0, from-skipPadding)/chunk*chunk, min((to+skipPadding)/chunk, len(p))*chunk
		out = append(out, skip{i, from, to})
	}
	return out
}

// without returns p with what was skipped as silence: it is decoded again.
func without(p []piece, skips []skip) []piece {
	out := slices.Clone(p)
	for _, x := range skips {
		for i := x.from / chunk; i < min(x.to/chunk, len(out)); i++ {
			out[i].voice = 0
		}
	}
	return out
}

// saidWord is a word of a window, and where it begins, in samples from the beginning of a window.
type saidWord struct {
	bare string
	at   int
}

// moved returns words with times from sample from on.
func moved(words []saidWord, from int) []saidWord {
	out := slices.Clone(words)
	for i := range out {
		out[i].at -= from
	}
	return out
}

// said returns the words of w's segments by the alignment, if speech was left out.
func (t *transcription) said(w *fileWindow, r windowResult, skips []skip) (out []saidWord, err error) {
	if len(skips) == 0 || len(r.segments) == 0 {
		return nil, nil
	}
	segments := slices.Clone(r.segments)
	if !w.o.WordTimes {
		if err := w.slot.Align(t.ctx, r.Result, w.o, segments, duration(len(w.pieces)*chunk)); err != nil {
			return nil, err
		}
	}
	for _, s := range segments {
		for _, word := range s.Words {
			if b := bare(word.Text); b != "" {
				out = append(out, saidWord{b, samplesOf(word.Start)})
			}
		}
	}
	return out, nil
}

// repeats reports whether the text of w, speech that was left out of another window, are words that the
// other window has and that are spoken in w: the model's times there were wrong. The same words that are
// spoken elsewhere in the other window are no reason.
func (w *fileWindow) repeats() bool {
	text, end := bare(textOfSegments(w.segments)), len(w.pieces)*chunk
	for i, first := range w.said {
		if text == "" || first.at < -sameSound {
			continue
		}
		part := ""
		for _, word := range w.said[i:] {
			if part += word.bare; word.at >= end || !strings.HasPrefix(text, part) {
				break
			}
			if part == text {
				return true
			}
		}
	}
	return false
}
