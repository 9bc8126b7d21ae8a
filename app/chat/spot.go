package chat

// Where spoken words land: in the conversation in which they were begun, whichever is open
// by then.

import (
	"soberano/app/store"
	"soberano/asr/wording"
)

// spot is the entry of a conversation; it is a voice.Place.
type spot struct {
	screen       *Screen
	conversation int64
}

func (p *spot) here() bool { return p.screen.conversation.ID == p.conversation }

// Partial shows words that may still change, where they will land.
func (p *spot) Partial(text string, stable int) {
	if !p.here() {
		text, stable = "", 0
	}
	p.screen.Composer.SetPartial(text, stable)
}

// Final writes words at the cursor, or behind the draft of a conversation that is not open.
// Those for one that is gone go to the one that is.
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
		if err != nil || p.here() { // it was opened meanwhile, with the draft of before
			s.Composer.Insert(text)
		}
		s.kept(err)
	})
}

// End is voice's; the strip shows it.
func (p *spot) End() {}
