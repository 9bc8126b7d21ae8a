package chat

import (
	"soberano/app/store"
	"soberano/asr/wording"
)

// spot is the entry of the conversation in which a dictation was begun, whether or not it is still open; it implements
// voice.Place.
type spot struct {
	screen       *Screen
	conversation int64
	partial      string
	stable       int
}

func (p *spot) here() bool { return p.screen.conversation.ID == p.conversation }

// Partial shows partial text in its conversation.
func (p *spot) Partial(text string, stable int) {
	p.partial, p.stable = text, stable
	if p.here() {
		p.screen.showWords()
	}
}

// showWords shows the partial text of the dictation into this conversation: after the message that waits for it, or else after the
// text of the entry.
func (s *Screen) showWords() {
	text, stable := "", 0
	if s.dictating(s.conversation.ID) {
		p := s.Talk.Place().(*spot)
		text, stable = p.partial, p.stable
	}
	q, was := s.pendingIn(s.conversation.ID), s.Composer.strip.Sending
	if q == nil {
		s.Composer.SetPending("", "", false)
		s.Composer.SetPartial(text, stable)
	} else {
		s.Composer.SetPartial("", 0)
		s.Composer.SetPending(q.text(), text, true)
	}
	if s.Talk != nil && was != (q != nil) {
		s.Composer.ShowTalk(s.Talk)
	}
}

// Final writes text at the cursor, or at the end of the draft if the conversation is not open. If the conversation was deleted,
// the text goes to the open one.
func (p *spot) Final(text string) {
	s := p.screen
	if q := s.pendingIn(p.conversation); q != nil {
		q.add(text)
		s.keepPending()
		s.showWords()
		return
	}
	if p.here() {
		s.Composer.Insert(text)
		return
	}
	s.Work.Do(func(db *store.Store) error {
		c, err := db.Conversation(p.conversation)
		if err != nil {
			return err
		}
		return db.Draft(p.conversation, wording.Join(c.Draft, text))
	}, func(err error) {
		if err != nil || p.here() { // it was opened meanwhile, with the draft without these words
			s.Composer.Insert(text)
		} else if draft, ok := s.unstored.drafts[p.conversation]; ok { // which replaces the stored one
			s.unstored.drafts[p.conversation] = wording.Join(draft, text)
		}
		s.kept(err)
	})
}

// End sends the message that waits for these words, if they are all there.
func (p *spot) End() {
	s := p.screen
	switch {
	case s.pendingIn(p.conversation) == nil:
	case s.Talk.Err() != nil:
		s.unsend()
	default:
		s.sendPending()
	}
}
