package chat

import (
	"strings"
	"unicode"

	"soberano/app/store"
	"soberano/app/voice"
	"soberano/asr/wording"
)

// pending is a message that is sent when the last words of a dictation have been written into it:
//
//	Enter while dictating ──▶ pending ──the words are complete──▶ sent
//	                             ╰──Esc, or the dictation fails──▶ back in the entry
//
// What is typed meanwhile belongs to the next message. Until it is sent, the message is part of the stored draft.
type pending struct {
	conversation  int64
	before, after string // the text on both sides of the place of the dictation
	rest          string // the text of the entry, while another conversation is open
	images        []store.Image
	question      *store.Message // of which it is another version; nil: it is a new message
}

func (p *pending) text() string { return p.before + p.after }

// add writes words at the place of the dictation.
func (p *pending) add(words string) {
	p.before += between(lastRune(p.before), words, firstRune(p.after))
}

// between returns words with the spaces that they need between two characters, which are 0 at the ends of a text.
func between(before rune, words string, after rune) string {
	if before != 0 {
		words = wording.Join(string(before), words)[len(string(before)):]
	}
	if (unicode.IsLetter(after) || unicode.IsDigit(after)) && !unicode.IsSpace(lastRune(words)) {
		words += " "
	}
	return words
}

func lastRune(s string) (last rune) {
	for _, r := range s[max(0, len(s)-4):] {
		last = r
	}
	return last
}

func firstRune(s string) rune {
	for _, r := range s {
		return r
	}
	return 0
}

// dictating reports whether words of a dictation are still to come for a conversation.
func (s *Screen) dictating(conversation int64) bool {
	if s.Talk == nil || s.Talk.State() == voice.Idle {
		return false
	}
	p, ok := s.Talk.Place().(*spot)
	return ok && p.conversation == conversation
}

// pendingIn returns the message of a conversation that waits for its last words; nil if there is none.
func (s *Screen) pendingIn(conversation int64) *pending {
	if s.pending == nil || s.pending.conversation != conversation {
		return nil
	}
	return s.pending
}

// sendLater ends the recording, and sends the text of the entry when its last words have been written.
func (s *Screen) sendLater() {
	e, at := s.Composer.Entry, s.spotIn(s.conversation.ID).mark.At()
	s.pending = &pending{conversation: s.conversation.ID, before: e.Text[:at], after: e.Text[at:], images: s.takeImages(s.conversation.ID)}
	rest := ""
	if s.editing != nil {
		s.pending.question, rest = &s.editing.question, s.editing.draft
		s.images.of[s.conversation.ID] = s.editing.images
		s.editing = nil
		s.showImages()
	}
	e.SetText(rest)
	s.keepPending()
	s.Talk.Finish()
	s.showWords()
}

// keepPending stores the pending message as part of the draft of its conversation.
func (s *Screen) keepPending() {
	p := s.pending
	if p.conversation == s.conversation.ID {
		s.SaveDraft()
		return
	}
	s.storeDraft(p.conversation, below(p.text(), p.rest))
}

// sendPending sends the pending message. It is put back into the entry if another answer of its conversation is being written.
func (s *Screen) sendPending() {
	p := s.pending
	text := strings.TrimSpace(p.text())
	if s.jobs[p.conversation] != nil {
		s.unsend()
		s.busy(p.conversation)
		return
	}
	s.pending = nil
	s.showWords()
	if text == "" && len(p.images) == 0 {
		return
	}
	if p.question != nil {
		s.change(*p.question, text, p.images)
	} else {
		s.append(p.conversation, text, p.images)
	}
	if p.conversation == s.conversation.ID {
		s.SaveDraft()
		return
	}
	s.storeDraft(p.conversation, p.rest)
}

// unsend puts the pending message back into the entry, before what was typed since. In another conversation it is in the draft.
func (s *Screen) unsend() {
	p := s.pending
	s.pending = nil
	s.putImages(p.conversation, p.images)
	place := s.spotIn(p.conversation)
	if p.conversation == s.conversation.ID {
		e := s.Composer.Entry
		e.SetText(below(p.text(), e.Text))
		e.SetCaret(len(p.before))
		if place != nil { // where the words that are still to come belong
			place.enter(len(p.before))
		}
	} else if place != nil {
		place.tail = len(below(p.text(), p.rest)) - len(p.before)
	}
	s.showWords()
}
