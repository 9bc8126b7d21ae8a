package chat

import (
	"strings"

	"soberano/app/store"
	"soberano/asr/wording"
)

// spot is the entry of the conversation in which a dictation was begun, whether or not it is still open; it implements
// voice.Place.
type spot struct {
	screen       *Screen
	conversation int64
	title        string // of the conversation, when the dictation was begun
	deleted      bool   // the conversation is in the trash
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
		s.Composer.SetPending("", "", "", false)
		s.Composer.SetPartial(text, stable)
	} else {
		s.Composer.SetPartial("", 0)
		s.Composer.SetPending(q.before, text, q.after, true)
	}
	if was != (q != nil) {
		s.showTalk()
	}
}

// showTalk shows the state of dictation, where its words go if that is not here, and what Esc does.
func (s *Screen) showTalk() {
	s.showStep()
	if s.Talk == nil {
		return
	}
	target := ""
	if !s.dictating(s.conversation.ID) {
		target = s.Target()
	}
	s.Composer.ShowTalk(s.Talk, target)
}

// Target says where the words of the dictation go.
func (s *Screen) Target() string {
	p, ok := s.Talk.Place().(*spot)
	switch {
	case !ok:
		return "into the active window"
	case p.here():
		return "into the chat “" + named(s.conversation.Title) + "”"
	}
	if p.deleted {
		return "into the deleted chat “" + named(p.title) + "”"
	}
	return "into the chat “" + named(p.title) + "”"
}

// TargetChat returns the conversation that gets the words of the dictation; 0 if another program does, or if it is deleted.
func (s *Screen) TargetChat() int64 {
	if p, ok := s.Talk.Place().(*spot); ok && !p.deleted {
		return p.conversation
	}
	return 0
}

// named returns the title of a conversation, shortened.
func named(title string) string {
	const most = 28
	if title == "" {
		return "New chat"
	}
	if r := []rune(title); len(r) > most {
		return strings.TrimSpace(string(r[:most])) + "…"
	}
	return title
}

// Final writes text at the cursor, or at the end of the draft if the conversation is not open, also if it is deleted. Only if there
// is no such conversation any more the text goes to the open one.
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
	add := func(draft string) string { return wording.Join(draft, text) }
	store.Ask(s.Work, func(db *store.Store) (string, error) { return db.EditDraft(p.conversation, add) }, func(draft string, err error) {
		other, unstored := s.unstored.drafts[p.conversation] // which replaces the stored one
		switch {
		case p.here(): // it was opened meanwhile, with the draft without these words
			s.Composer.Insert(text)
		case unstored:
			s.unstored.drafts[p.conversation] = add(other)
		case err != nil && draft != "":
			s.unstored.drafts[p.conversation] = draft
		case err != nil:
			s.Composer.Insert(text)
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
