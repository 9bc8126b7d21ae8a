package chat

import (
	"slices"
	"strings"

	"soberano/app/store"
)

// leftEdit is a change of an earlier message that was left because another conversation was opened. Its text is a part of the stored
// draft, from which it is taken when the conversation is opened again.
type leftEdit struct {
	editing
	text   string      // that was written
	images []*attached // that it has
	stored []*attached // the images of the draft in the meantime
}

// leaveEdit ends the edit of the open conversation so that resumeEdit can continue it.
func (s *Screen) leaveEdit() {
	e, id := s.editing, s.conversation.ID
	if e == nil {
		return
	}
	left := &leftEdit{*e, s.Composer.Entry.Text, s.images.of[id], e.attached(s.images.of[id])}
	s.edits[id] = left
	s.images.of[id] = left.stored
	s.editing = nil
}

// resumeEdit continues the edit that was left when the conversation that is opened was, unless its message is not shown any more. It
// returns the text for the entry in place of the draft.
func (s *Screen) resumeEdit(draft string) string {
	id := s.conversation.ID
	left := s.edits[id]
	delete(s.edits, id)
	if left == nil || !slices.ContainsFunc(s.messages, func(m store.Message) bool { return m.ID == left.question.ID }) {
		return draft
	}
	text, rest, ok := left.split(draft)
	if !ok {
		return draft
	}
	for _, a := range s.images.of[id] {
		if !has(left.stored, a.Hash) {
			left.editing.images = append(slices.Clone(left.editing.images), a)
		}
	}
	s.editing = &editing{left.question, rest, left.editing.images}
	s.images.of[id] = left.images
	return text
}

// split takes the text of the edit out of a draft. Words that were dictated since belong to the part into which they were dictated; a
// message that could not be stored, and so came before both, belongs to the draft.
func (l *leftEdit) split(now string) (text, draft string, ok bool) {
	const gap = "\n\n"
	if l.text == l.question.Content { // and so is not in the draft
		return l.text, now, true
	}
	if before, found := strings.CutSuffix(now, l.editing.stored(l.text)); found && (before == "" || strings.HasSuffix(before, gap)) {
		return l.text, below(strings.TrimSuffix(before, gap), l.draft), true
	}
	if rest, found := strings.CutPrefix(now, l.text+gap); found && l.text != "" && l.draft != "" {
		return l.text, rest, true
	}
	if l.draft == "" {
		return now, "", true
	}
	text, found := strings.CutSuffix(now, gap+l.draft)
	return text, l.draft, found
}

// behindEdit is the length of what follows the text of the entry in the stored draft while a message is edited, in bytes.
func (s *Screen) behindEdit() int {
	text := s.Composer.Entry.Text
	if s.editing == nil || text == s.editing.question.Content {
		return 0
	}
	return len(s.editing.stored(text)) - len(text)
}
