package transcribe

import (
	"encoding/json"

	"soberano/app/problem"
	"soberano/app/store"
	"soberano/asr"
)

// missing is the details of a stored segment that stands for a section with sound but without text.
type missing struct {
	Unheard asr.Reason
}

// keptUnheard converts a section without text for the store: a segment whose text is empty, so that the user can write
// what they hear there.
func keptUnheard(u asr.Unheard) store.Segment {
	g := store.Segment{Start: u.Start, End: u.End}
	if details, err := json.Marshal(missing{u.Reason}); err == nil {
		g.Details = string(details)
	}
	return g
}

// unheard returns the section without text that a segment stands for; false if it has text.
func unheard(g store.Segment) (asr.Unheard, bool) {
	var m missing
	if g.Text != "" || g.Heard != "" || json.Unmarshal([]byte(g.Details), &m) != nil || m.Unheard == "" {
		return asr.Unheard{}, false
	}
	return asr.Unheard{Start: g.Start, End: g.End, Reason: m.Unheard}, true
}

// shownText returns the text of a segment as the list shows it, and whether it is a note that there is none.
func shownText(g store.Segment) (text string, note bool) {
	if u, ok := unheard(g); ok {
		return problem.Unheard(u).Text(), true
	}
	return g.Text, false
}
