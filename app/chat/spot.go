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

// showTalk shows the state of dictation, and where its words go if that is not here.
func (s *Screen) showTalk() {
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
	return "into the chat “" + named(p.title) + "”"
}

// TargetChat returns the conversation that gets the words of the dictation; 0 if another program does.
func (s *Screen) TargetChat() int64 {
	if p, ok := s.Talk.Place().(*spot); ok {
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
