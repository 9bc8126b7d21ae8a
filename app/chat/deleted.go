package chat

import "soberano/app/store"

// Deleting ends what goes on in a conversation that is put into the trash: the answer that is being written, a message that waits for
// its last words, and the recording. The words that are still to come are written into its draft, with which it can be restored. If
// the conversation is open, the screen shows none until Open is called.
func (s *Screen) Deleting(conversation int64) {
	s.StopIn(conversation)
	if conversation != 0 && conversation == s.conversation.ID {
		s.Open(store.Conversation{}, nil)
	}
	if p := s.spotIn(conversation); p != nil {
		p.deleted = true
		s.Talk.Finish()
		s.showTalk()
	}
}

// Restored is called for a conversation that is not in the trash any more.
func (s *Screen) Restored(conversation int64) {
	if p := s.spotIn(conversation); p != nil {
		p.deleted = false
		s.showTalk()
	}
}

// Erasing discards the dictation into a conversation that is deleted for good.
func (s *Screen) Erasing(conversation int64) {
	if s.dictating(conversation) {
		s.Talk.Discard()
	}
}

// spotIn returns the place of the latest dictation, if it is in that conversation, or else nil.
func (s *Screen) spotIn(conversation int64) *spot {
	if s.Talk == nil {
		return nil
	}
	if p, ok := s.Talk.Place().(*spot); ok && p.conversation == conversation {
		return p
	}
	return nil
}

// adopt gives a dictation that was begun while no conversation was open to the one that is opened.
func (s *Screen) adopt(c store.Conversation) {
	if s.conversation.ID != 0 {
		return
	}
	if p := s.spotIn(0); p != nil {
		p.conversation, p.title = c.ID, c.Title
	}
	if list := s.unkept[0]; len(list) > 0 && c.ID != 0 {
		delete(s.unkept, 0)
		s.unkept[c.ID] = append(s.unkept[c.ID], list...)
	}
}
