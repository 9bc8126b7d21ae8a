package chat

// hold is what is kept back while another conversation is being opened: what is typed meanwhile belongs to that one, and what is
// dictated into the open one does not.
type hold struct {
	on     bool
	words  []func() // write the words of a dictation into the open conversation, and end it
	ending bool     // the end of a dictation is kept back
	send   bool     // the message is to be sent when the conversation is open
}

// Hold is called before another conversation is opened.
func (s *Screen) Hold() { s.hold.on = true }

// Sending reports whether the message is sent when the conversation that is being opened is open.
func (s *Screen) Sending() bool { return s.hold.send }

// SetSending changes Sending.
func (s *Screen) SetSending(on bool) { s.hold.send = on && s.hold.on }

// Release writes the words that were kept back. If the conversation was opened, and what was typed meanwhile is in its entry, a message
// that was to be sent is sent there.
func (s *Screen) Release(opened bool) {
	h := s.hold
	s.hold = hold{ending: h.ending}
	for _, write := range h.words {
		write()
	}
	s.attachEarly()
	s.showKept()
	if h.send && opened {
		s.Send()
	}
}
