package chat

import "soberano/app/ui"

// about are the cards about the message that is being written in a conversation, such as an image that can't be attached:
//
//	shown in the open conversation ──the message is sent, or another conversation is opened──▶ closed
//	kept for another conversation ──it is opened──▶ shown
type about struct {
	closers []func()               // close the cards that are shown
	kept    map[int64][]ui.Problem // by conversation; 0: for the one that is being opened
}

// NoticeOfMessage shows a card about the message that is being written, until that is sent or another conversation is opened.
func (s *Screen) NoticeOfMessage(p ui.Problem) {
	if s.hold.on {
		s.noticeIn(0, p)
		return
	}
	s.noticeIn(s.conversation.ID, p)
}

// noticeIn is NoticeOfMessage for a conversation, which need not be open.
func (s *Screen) noticeIn(conversation int64, p ui.Problem) {
	s.about.kept[conversation] = append(s.about.kept[conversation], p)
	s.showKept()
}

// showKept shows the cards that were kept for the open conversation.
func (s *Screen) showKept() {
	open := s.conversation.ID
	if open == 0 || s.hold.on {
		return
	}
	for _, id := range []int64{open, 0} {
		for _, p := range s.about.kept[id] {
			s.about.closers = append(s.about.closers, s.Notice(p))
		}
		delete(s.about.kept, id)
	}
}

// closeAbout closes the cards about the message in the open conversation.
func (s *Screen) closeAbout() {
	for _, end := range s.about.closers {
		end()
	}
	s.about.closers = nil
}
