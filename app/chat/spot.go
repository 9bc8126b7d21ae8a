package chat

import (
	"slices"
	"strings"
	"unicode/utf8"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/app/voice"
)

// spot is a place in the draft of the conversation in which a dictation was begun, whether or not it is still open; it implements
// voice.Place. It is where the caret was, and stays there whatever is typed or clicked meanwhile.
type spot struct {
	screen       *Screen
	conversation int64
	title        string // of the conversation, when the dictation was begun
	draft        string // of the conversation, while it is not open
	deleted      bool   // the conversation is in the trash
	partial      string
	stable       int

	mark *ui.Mark // where the words go in the entry; nil while the conversation is not open
	from *ui.Mark // the beginning of the selection that the first words replace, which ends at mark; nil: none
	tail int      // the length of the draft behind the words, while the conversation is not open

	storing int  // number of words that are being stored
	over    bool // there will be no more words
}

func (p *spot) here() bool { return p.screen.conversation.ID == p.conversation }

// newSpot returns the place for the words of a dictation that begins at the caret.
func (s *Screen) newSpot() *spot {
	p := &spot{screen: s, conversation: s.conversation.ID, title: s.conversation.Title}
	from, to := s.Composer.Entry.Selection()
	p.enter(to)
	if from != to {
		p.from = s.Composer.Entry.AddMark(from)
	}
	s.spots = append(s.spots, p)
	return p
}

// enter puts the place into the entry.
func (p *spot) enter(at int) {
	p.leave()
	p.mark = p.screen.Composer.Entry.AddMark(at)
	p.mark.Shown = true
}

// leave takes the place out of the entry and keeps its distance from the end of the text.
func (p *spot) leave() {
	if p.mark == nil {
		return
	}
	e := p.screen.Composer.Entry
	p.tail, p.draft = len(e.Text)-p.mark.At(), e.Text
	e.RemoveMark(p.mark)
	if p.from != nil {
		e.RemoveMark(p.from)
	}
	p.mark, p.from = nil, nil
}

// leaveSpots is called before the entry gets the draft of another conversation, enterSpots after it.
func (s *Screen) leaveSpots() {
	for _, p := range s.spots {
		if p.mark != nil {
			p.leave()
			p.tail += s.behindEdit()
		}
	}
}

func (s *Screen) enterSpots() {
	for _, p := range s.spots {
		if p.here() {
			p.enter(len(s.Composer.Entry.Text) + s.behindEdit() - p.tail)
		}
	}
}

// talkChanged shows the place of the present dictation in the entry, and forgets that of one that has given all its text. The
// place of a dictation that failed is kept, since it can be tried again.
func (s *Screen) talkChanged(state voice.State) {
	p, ok := s.Talk.Place().(*spot)
	if !ok {
		return
	}
	if state == voice.Idle && s.Talk.Err() == nil {
		p.over = true
		p.forget()
	}
	if p.mark != nil && p.mark.Shown != (state != voice.Idle) {
		p.mark.Shown = !p.mark.Shown
		s.Composer.Entry.Refresh()
	}
}

// forget forgets the place if no words are to come or being stored.
func (p *spot) forget() {
	if s := p.screen; p.over && p.storing == 0 {
		p.leave()
		s.spots = slices.DeleteFunc(s.spots, func(q *spot) bool { return q == p })
	}
}

// Discarded forgets the place if no words are to come; it implements voice.Discarder.
func (p *spot) Discarded(again bool) {
	if !again {
		p.over = true
		p.forget()
	}
}

// insert writes words into the entry, in the place of what was selected when the dictation was begun if it still is.
func (p *spot) insert(text string) {
	c := p.screen.Composer
	if p.from != nil {
		from, to := c.Entry.Selection()
		replaces := from < to && from == p.from.At() && to == p.mark.At()
		c.Entry.RemoveMark(p.from)
		p.from = nil
		if replaces {
			c.Insert(text)
			return
		}
	}
	c.InsertAt(p.mark, text)
}

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
	if place, ok := s.Talk.Place().(interface{ Target() string }); ok {
		return place.Target()
	}
	p, ok := s.Talk.Place().(*spot)
	switch {
	case !ok:
		return "into the active window"
	case p.here():
		return "into the chat “" + named(s.conversation.Title, s.Composer.Entry.Text) + "”"
	}
	if p.deleted {
		return "into the deleted chat “" + named(p.title, p.draft) + "”"
	}
	return "into the chat “" + named(p.title, p.draft) + "”"
}

// TargetChat returns the conversation that gets the words of the dictation; 0 if another program does, or if it is deleted.
func (s *Screen) TargetChat() int64 {
	if p, ok := s.Talk.Place().(*spot); ok && !p.deleted {
		return p.conversation
	}
	return 0
}

// named returns the name of a conversation as lists show it, shortened.
func named(title, draft string) string {
	const most = 28
	title = store.Conversation{Title: title, Draft: draft}.Name()
	if r := []rune(title); len(r) > most {
		return strings.TrimSpace(string(r[:most])) + "…"
	}
	return title
}

// Final writes text into the entry, or into the stored draft if the conversation is not open, also if it is deleted. Only if there
// is no such conversation any more the text goes to the open one.
func (p *spot) Final(text string, kept func()) {
	s := p.screen
	if s.hold.on && p.here() {
		p.storing++
		s.hold.words = append(s.hold.words, func() {
			p.storing--
			p.Final(text, kept)
			p.forget()
		})
		return
	}
	if q := s.pendingIn(p.conversation); q != nil {
		q.add(text)
		s.unkept[p.conversation] = append(s.unkept[p.conversation], kept)
		s.keepPending()
		s.showWords()
		return
	}
	if p.here() {
		p.insert(text)
		s.keep(func() { kept(); s.ChatsChanged() })
		return
	}
	tail := p.tail
	add := func(draft string) string { return insertedBefore(draft, tail, text) }
	p.storing++
	store.Ask(s.Work, func(db *store.Store) (string, error) { return db.EditDraft(p.conversation, add) }, func(draft string, err error) {
		p.storing--
		defer p.forget()
		other, unstored := s.unstored.drafts[p.conversation] // which replaces the stored one
		switch {
		case p.here(): // it was opened meanwhile, with the draft without these words
			p.insert(text)
			s.keep(kept)
		case unstored:
			s.unstored.drafts[p.conversation] = add(other)
			s.unkept[p.conversation] = append(s.unkept[p.conversation], kept)
		case err != nil && draft != "":
			s.unstored.drafts[p.conversation] = draft
			s.unkept[p.conversation] = append(s.unkept[p.conversation], kept)
		case err != nil:
			s.Take(text, kept)
		default:
			kept()
		}
		if err == nil && !p.here() {
			p.draft = draft
			s.showTalk()
			s.ChatsChanged()
		}
		s.kept(err)
	})
}

// Take writes words into the entry; kept is called when they are stored.
func (s *Screen) Take(words string, kept func()) {
	s.Composer.Insert(words)
	s.keep(kept)
}

// keep stores the draft of the open conversation at once, because it has words of which the audio is dropped by kept.
func (s *Screen) keep(kept func()) {
	id := s.conversation.ID
	s.unkept[id] = append(s.unkept[id], kept)
	s.SaveDraft()
}

// insertedBefore returns a draft with words before the last so many bytes.
func insertedBefore(draft string, tail int, words string) string {
	at := max(0, len(draft)-tail)
	for at > 0 && at < len(draft) && !utf8.RuneStart(draft[at]) {
		at--
	}
	before, after := draft[:at], draft[at:]
	return before + between(lastRune(before), words, firstRune(after)) + after
}

// End sends the message that waits for these words, if they are all there.
func (p *spot) End() {
	s := p.screen
	if s.hold.on && p.here() {
		s.hold.ending = true
		s.hold.words = append(s.hold.words, p.End)
		return
	}
	s.hold.ending = false
	defer p.forget()
	switch {
	case s.pendingIn(p.conversation) == nil:
	case s.Talk.Err() != nil:
		s.unsend()
	default:
		s.sendPending()
	}
}
