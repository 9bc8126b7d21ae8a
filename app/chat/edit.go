package chat

import (
	"slices"

	"fyne.io/fyne/v2"

	"soberano/app/store"
)

// editing is the change of an earlier message of the open conversation, whose text is in the entry in the place of the draft:
//
//	Edit ──▶ editing ──Enter──▶ another version of the message, which is answered; what was said after it stays
//	            ╰──Esc──▶ the draft is back; Ctrl+Z brings back what was written
//
// Until it is sent, what was written is stored as a part of the draft. It is continued when the conversation is opened again; see leftEdit.
type editing struct {
	question store.Message
	draft    string
	images   []*attached // of the draft
}

// stored returns the draft to store while the entry holds a text.
func (e *editing) stored(text string) string {
	if text == e.question.Content {
		return e.draft
	}
	return below(text, e.draft)
}

// attached returns the images of the draft after the edit was left, when the entry has those in now: what was added belongs to the
// draft.
func (e *editing) attached(now []*attached) []*attached {
	list := slices.Clone(e.images)
	for _, a := range now {
		if !has(list, a.Hash) && !slices.ContainsFunc(e.question.Images, func(m store.Image) bool { return m.Hash == a.Hash }) {
			list = append(list, a)
		}
	}
	return list
}

// edit puts a message of the user into the entry.
func (s *Screen) edit(m store.Message) {
	if m.Conversation != s.conversation.ID || s.busy(m.Conversation) {
		return
	}
	if s.dictating(m.Conversation) {
		s.Say("Finish the dictation first: click the microphone, or press Esc to discard it.")
		return
	}
	entry, draft, images := s.Composer.Entry, s.Composer.Entry.Text, s.images.of[m.Conversation]
	if s.editing != nil {
		draft, images = s.editing.stored(draft), s.editing.attached(images)
	}
	s.editing = &editing{m, draft, images}
	s.images.of[m.Conversation] = nil
	for _, image := range m.Images {
		s.images.of[m.Conversation] = append(s.images.of[m.Conversation], &attached{image, true})
	}
	entry.SetText(m.Content)
	entry.ToEnd()
	s.SaveDraft()
	s.showImages()
	s.showStep()
	if c := fyne.CurrentApp().Driver().CanvasForObject(s.Object); c != nil {
		s.Focus(c)
	}
}

// endEdit puts the draft back into the entry, as a change that can be undone. It returns what was edited.
func (s *Screen) endEdit() *editing {
	e := s.editing
	s.editing = nil
	s.Composer.Entry.SelectAll()
	s.Composer.Entry.Insert(e.draft)
	s.images.of[s.conversation.ID] = e.attached(s.images.of[s.conversation.ID])
	s.SaveDraft()
	s.showImages()
	s.showStep()
	return e
}

// sendEdit asks the message again that is edited, if it was changed in another version.
func (s *Screen) sendEdit(text string) {
	images := s.takeImages(s.conversation.ID)
	q := s.endEdit().question
	if text != q.Content || !slices.EqualFunc(images, q.Images, func(a, b store.Image) bool { return a.Hash == b.Hash }) {
		s.change(q, text, images)
		return
	}
	for _, m := range s.messages {
		if m.Turn == q.Turn && m.Role == store.Assistant {
			s.again(m)
			return
		}
	}
	s.again(unanswered(q))
}

// change stores another version of a question and requests its answer.
func (s *Screen) change(q store.Message, text string, images []store.Image) {
	s.reread(q.Conversation, func(db *store.Store) (store.Message, error) { return db.Edit(q.ID, text, images...) }, func(m store.Message, err error) {
		if err != nil {
			s.unsaved(err)
			s.putBack(store.Message{Conversation: q.Conversation, Content: text, Images: images})
			return
		}
		if s.jobs[m.Conversation] == nil {
			s.ask(unanswered(m))
		}
		s.ChatsChanged()
	})
}

// otherQuestion shows an earlier (-1) or later (1) version of a question, with its answer.
func (s *Screen) otherQuestion(m store.Message, by int) {
	if s.busy(m.Conversation) {
		return
	}
	s.reread(m.Conversation, func(db *store.Store) (store.Message, error) { return db.Other(m.ID, by) }, func(_ store.Message, err error) { s.kept(err) })
}

// reread does work that changes which messages are shown, shows them if the conversation is open, and calls then.
func (s *Screen) reread(conversation int64, work func(*store.Store) (store.Message, error), then func(store.Message, error)) {
	var list []store.Message
	ended := s.ended
	store.Ask(s.Work, func(db *store.Store) (m store.Message, err error) {
		if m, err = work(db); err == nil {
			list, err = db.Messages(conversation)
		}
		return m, err
	}, func(m store.Message, err error) {
		switch {
		case err != nil || conversation != s.conversation.ID:
		case ended != s.ended: // an answer has ended meanwhile, perhaps one of this conversation
			s.reread(conversation, func(*store.Store) (store.Message, error) { return m, nil }, then)
			return
		default:
			s.messages = list
			s.restore()
			s.show(true)
		}
		then(m, err)
	})
}

// busy reports whether an answer is being written in a conversation, and says so if it is the open one.
func (s *Screen) busy(conversation int64) bool {
	if s.jobs[conversation] == nil {
		return false
	}
	if conversation == s.conversation.ID {
		s.Say("An answer is still being written. Wait for its end, or press Esc to stop it.")
	}
	return true
}

// Say shows a remark below the entry, until what it is about has changed.
func (s *Screen) Say(words string) {
	s.remark = words
	s.showRemark()
}

// showRemark shows the remark, or else that a message is being edited, or that the model can't see the images.
func (s *Screen) showRemark() {
	words := s.remark
	if words == "" && s.editing != nil {
		words = "You are editing an earlier message. Enter sends it again, Esc leaves it as it was."
	}
	if words == "" {
		words = s.sightWords()
	}
	s.Composer.SetRemark(words)
}
