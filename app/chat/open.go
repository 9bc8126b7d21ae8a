package chat

import (
	"fyne.io/fyne/v2"

	"soberano/app/store"
)

// Conversation returns the ID of the open conversation.
func (s *Screen) Conversation() int64 { return s.conversation.ID }

// Open shows a conversation and its draft. messages must have been read after SaveDraft, and no answer may have ended since; see
// Ended.
func (s *Screen) Open(c store.Conversation, messages []store.Message) {
	s.SaveDraft()
	s.adopt(c)
	same := c.ID == s.conversation.ID // in this case the text of the entry is newer than c
	if !same {
		s.closeAbout()
		s.leaveSpots()
		s.leaveEdit()
		s.remark = ""
	}
	s.conversation, s.messages = c, messages
	if !same {
		clear(s.told)
		s.draft = c.Draft
		draft := c.Draft
		if p := s.pendingIn(c.ID); p != nil { // which is a part of the stored draft
			draft = p.rest
			delete(s.unstored.drafts, c.ID)
		}
		s.openImages(c)
		s.Composer.Entry.SetText(s.resumeEdit(s.unstored.take(c.ID, draft)))
		s.Composer.Entry.ToEnd()
		s.enterSpots()
		s.showImages()
		s.showWords()
		s.showTalk()
	}
	s.restore()
	s.show(false)
	s.storeAnswers(c.ID, s.kept)
	s.attachEarly()
	s.showKept()
}

// restore adds the answers that could not be stored to the messages.
func (s *Screen) restore() {
	for _, a := range s.unstored.answers[s.conversation.ID] {
		s.put(a.message)
	}
}

// Ended returns the number of answers that have ended.
func (s *Screen) Ended() int { return s.ended }

// show builds the list of messages again, and shows its end, or with keep the part of it that was shown before.
func (s *Screen) show(keep bool) {
	s.shown, s.trial = nil, nil
	s.Header.SetTitle(s.conversation.Title)
	j := s.jobs[s.conversation.ID]
	s.answers, s.asked = map[int64]*answer{}, map[int64]*asked{}
	var turns []fyne.CanvasObject
	for i, m := range s.messages {
		if m.Role == store.Assistant {
			turns = append(turns, s.answerTo(m, j))
			continue
		}
		s.asked[m.ID] = s.bubble(m)
		turns = append(turns, s.asked[m.ID].object)
		if i+1 == len(s.messages) || s.messages[i+1].Turn != m.Turn {
			turns = append(turns, s.answerTo(unanswered(m), j))
		}
	}
	switch {
	case len(turns) == 0:
		s.thread.Set(false, s.welcome())
	case keep:
		s.thread.Replace(turns...)
	default:
		s.thread.Set(true, turns...)
	}
	if j != nil {
		s.repaint(j)
	}
	s.Status(s.Runner.Status())
	s.keepFocus()
}

// Renamed shows a new title.
func (s *Screen) Renamed(title string) {
	s.conversation.Title = title
	s.Header.SetTitle(title)
}
