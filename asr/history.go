package asr

import (
	"slices"

	"soberano/asr/whisper"
)

const (
	// reliableTemperature is the highest temperature at which a text is still reliable enough to
	// be a prompt (openai/whisper).
	reliableTemperature = 0.5
	// repeatedTokens is how many tokens a window has to share with the previous one to be taken
	// for a repetition of it.
	repeatedTokens = 4
)

// history is the text before a window, from which its prompt is made: the user's vocabulary and
// prompt, and, where windows follow each other (Params.Follow), the text of the previous ones.
// With it names stay spelled alike and sentences continue.
//
//	[the user's words][the user's prompt][the last words of the previous windows] │ window
//	└──────────── for every window ─────┘└─ what room is left of 223 tokens ──┘
//
// The previous text includes its times: after a text without times the model writes none.
//
// A wrong text would mislead the next window, and that the one after it. Therefore the history
// is cleared after a window that looped or was sampled at a high temperature, and a window that
// loops or repeats the previous one is decoded again without history.
type history struct {
	fixed  []int32 // before every window
	recent []int32 // tokens of the previous windows, the newest last
	last   []int32 // text tokens of the previous window
	room   int     // tokens that fit before a window
}

// prompt returns the tokens before the next window.
func (h *history) prompt() []int32 {
	return append(slices.Clone(h.fixed), tail(h.recent, h.room-len(h.fixed))...)
}

// misled reports whether the history may have caused an error in r.
func (h *history) misled(r windowResult) bool {
	if len(h.recent) == 0 {
		return false
	}
	return r.Looped || len(h.last) >= repeatedTokens && slices.Equal(h.last, textOf(r.segments))
}

// add appends the segments of a window.
func (h *history) add(r windowResult) {
	h.last = textOf(r.segments)
	switch {
	case r.Looped, r.Temperature > reliableTemperature:
		h.recent = nil
	default:
		h.recent = tail(append(h.recent, r.tokens...), h.room)
	}
}

// textOf returns the tokens of the segments' text.
func textOf(segments []whisper.Segment) (ids []int32) {
	for _, s := range segments {
		ids = append(ids, s.Tokens...)
	}
	return ids
}
