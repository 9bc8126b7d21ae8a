package chat

import "soberano/app/voice"

// step is the one thing that Esc does on the page of the chat.
type step int

const (
	noStep      step = iota
	keepMessage      // a message that waits for its last words is not sent
	stopAnswer       // the answer of the open conversation ends; it can be tried again
	leaveEdit        // the message that is being edited stays as it was
	discardTalk      // the dictation ends without the words that are still to come
)

// step returns what Esc does. What can be made good comes before what can't.
func (s *Screen) step() step {
	switch {
	case s.pendingIn(s.conversation.ID) != nil:
		return keepMessage
	case s.jobs[s.conversation.ID] != nil:
		return stopAnswer
	case s.editing != nil && !s.dictating(s.conversation.ID):
		return leaveEdit
	case s.Talk != nil && s.Talk.State() != voice.Idle:
		return discardTalk
	}
	return noStep
}

// Escape does what Esc does while nothing covers the conversation.
func (s *Screen) Escape() {
	switch s.step() {
	case keepMessage:
		s.unsend()
	case stopAnswer:
		s.Stop()
	case leaveEdit:
		s.endEdit()
	case discardTalk:
		s.Talk.Cancel()
	}
}

// showStep names Esc at the thing that it does, and only there.
func (s *Screen) showStep() {
	step := s.step()
	stops := step == stopAnswer
	s.Composer.strip.NoEsc = stops || step == leaveEdit
	if s.shown == nil {
		return
	}
	label := "Stop"
	if stops {
		label = "Stop (Esc)"
	}
	s.shown.stop.SetLabel(label)
}
