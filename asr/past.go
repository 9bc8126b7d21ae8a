package asr

// The text before a window is its prompt: the user's words and prompt, and where windows
// follow each other (Params.Follow) what was said before. Names stay spelled alike, sentences
// go on.
//
//	[the user's words][the user's prompt][the last words of the windows before] │ window
//	└──────────── for every window ─────┘└─ what room is left of 223 tokens ──┘
//
// The times belong to it: after a text without them the model writes none.
//
// A text that has gone wrong would lead the next astray, and that the one after it. So it
// ends where it is doubtful (openai/whisper: sampled at a temperature above 0.5), and a
// window that runs in circles or says again what the last one said is heard once more
// without any past.

import (
	"slices"

	"soberano/asr/whisper"
)

// doubtful is the temperature above which a text leads nobody.
const doubtful = 0.5

// echo is how many tokens a window has to share with the last to be taken for its echo.
const echo = 4

// past is what was said before a window.
type past struct {
	fixed []int32 // before every window
	said  []int32 // in the windows before, the newest last
	last  []int32 // in the last one
	room  int     // tokens that fit before a window
}

func (p *past) prompt() []int32 {
	return append(slices.Clone(p.fixed), tail(p.said, p.room-len(p.fixed))...)
}

// strayed reports whether h may be the past's fault.
func (p *past) strayed(h heard) bool {
	if len(p.said) == 0 {
		return false
	}
	return h.Looped || len(p.last) >= echo && slices.Equal(p.last, textOf(h.segments))
}

// add makes the segments the newest of the past.
func (p *past) add(h heard) {
	p.last = textOf(h.segments)
	switch {
	case h.Looped, h.Temperature > doubtful:
		p.said = nil
	default:
		p.said = tail(append(p.said, h.tokens...), p.room)
	}
}

// textOf returns the tokens of the segments' text.
func textOf(segments []whisper.Segment) (ids []int32) {
	for _, s := range segments {
		ids = append(ids, s.Tokens...)
	}
	return ids
}
