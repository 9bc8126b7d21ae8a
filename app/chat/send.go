package chat

import (
	"strings"
	"time"

	"soberano/app/store"
)

// twice is the longest time between the two clicks of a double click.
const twice = 400 * time.Millisecond

// sendOrStop is called by the button. The second click of a double click on Send stops nothing.
func (s *Screen) sendOrStop() {
	switch {
	case s.jobs[s.conversation.ID] == nil:
		s.clicked = time.Now()
		s.Send()
	case time.Since(s.clicked) > twice:
		s.Stop()
	}
}

// Send sends the text of the entry, after the last words of a dictation into it. While an answer is being written or a message waits
// for its last words, the text stays in the entry; while another conversation is being opened, it is sent there. A message whose images
// are still being read is sent when they have been read.
func (s *Screen) Send() {
	id, text := s.conversation.ID, strings.TrimSpace(s.Composer.Entry.Text)
	empty := text == "" && len(s.images.of[id]) == 0
	switch {
	case s.hold.on:
		s.hold.send = true
	case id == 0:
	case s.jobs[id] != nil:
		if !empty || s.images.reading[id] > 0 || s.dictating(id) {
			s.Say("An answer is still being written. Your message stays here: send it when the answer has ended, or press Esc to stop it.")
		}
	case s.pendingIn(id) != nil:
	case s.waitForImages():
	case s.dictating(id):
		s.sendLater()
	case !empty && s.editing != nil:
		s.sendEdit(text)
	case s.editing != nil:
		s.Say("The message is empty. Press Esc to leave it as it was.")
	case !empty:
		s.append(id, text, s.takeImages(id))
		s.Composer.Entry.SetText("")
		s.SaveDraft()
	}
}

// append stores a message and then requests its answer.
func (s *Screen) append(conversation int64, text string, images []store.Image) {
	m := store.Message{Conversation: conversation, Role: store.User, Content: text, Images: images}
	store.Ask(s.Work, func(db *store.Store) (store.Message, error) { return db.Append(m) }, func(m store.Message, err error) { s.sent(m, err) })
}

// sent requests the answer to a stored message; a message that could not be stored is put back into the entry.
func (s *Screen) sent(m store.Message, err error) {
	if err != nil {
		s.unsaved(err)
		s.putBack(m)
		return
	}
	here := m.Conversation == s.conversation.ID
	if here {
		if len(s.messages) == 0 {
			s.thread.Set(true)
			if s.conversation.Title == "" {
				s.Renamed(m.Title())
			}
		}
		s.messages = append(s.messages, m)
		s.asked[m.ID] = s.bubble(m)
		s.thread.Add(s.asked[m.ID].object)
	}
	if here {
		s.thread.Add(s.answerTo(unanswered(m), nil))
	}
	if s.jobs[m.Conversation] == nil {
		s.ask(unanswered(m))
	}
	s.ChatsChanged()
}
