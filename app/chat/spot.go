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
}

func (p *spot) here() bool { return p.screen.conversation.ID == p.conversation }

// Partial shows partial text in its conversation.
func (p *spot) Partial(text string, stable int) {
	if !p.here() {
		text, stable = "", 0
	}
	p.screen.Composer.SetPartial(text, stable)
}

// Final writes text at the cursor, or at the end of the draft if the conversation is not open. If the conversation was deleted,
// the text goes to the open one.
func (p *spot) Final(text string) {
	s := p.screen
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

// End does nothing; the strip shows the end.
func (p *spot) End() {}
