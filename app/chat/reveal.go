package chat

import (
	"fyne.io/fyne/v2"

	"soberano/app/search"
	"soberano/app/store"
	"soberano/app/ui"
)

// around is the space above and below the words that stays visible.
const around = 48

// Reveal scrolls to a message of the open conversation, to the first place in it where the words are found, and selects them there.
func (s *Screen) Reveal(message int64, words string) {
	o := s.objectOf(message)
	if o == nil {
		return
	}
	s.thread.Reveal(o)
	f, from, to := findIn(o, words)
	if f == nil { // the words are in what is folded, or partly in the marks of the text
		return
	}
	s.thread.Selection.Select(f, from, to)
	s.thread.RevealPart(o, f, f.PositionOf(from).Y-around, f.LineHeight()+2*around)
}

// findIn returns the first text in an object that contains the words, and where.
func findIn(o fyne.CanvasObject, words string) (found *ui.Flow, from, to int) {
	ui.Visit(o, func(x fyne.CanvasObject) {
		f, ok := x.(*ui.Flow)
		if !ok || found != nil {
			return
		}
		if hits := search.Find(f.Text(0, f.Len()), search.Key(words), 1); len(hits) > 0 {
			found, from, to = f, hits[0].From, hits[0].To
		}
	})
	return found, from, to
}

// objectOf returns the object that shows a message, unfolded; nil if the message is not shown.
func (s *Screen) objectOf(message int64) fyne.CanvasObject {
	if a := s.asked[message]; a != nil {
		a.object.Content()
		a.unfold()
		return a.object
	}
	for _, m := range s.messages {
		if a := s.answers[m.Turn]; m.ID == message && m.Role == store.Assistant && a != nil && a.lazy != nil {
			return a.lazy
		}
	}
	return nil
}
