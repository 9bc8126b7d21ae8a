package reply

import "strings"

// longestHeader is the largest size of a message's header in bytes; what is longer is text.
const longestHeader = 512

func (s *Splitter) enterHeader(header string) {
	s.state, s.header, s.end, s.seen = inHeader, header, []string{harmonyMessage}, 0
}

// stepHeader waits for the end of a header.
func (s *Splitter) stepHeader(last bool) bool {
	text, _, ok := s.cutAtEnd(s.end)
	if ok {
		s.enterBody(s.header + text)
		return true
	}
	if !last && len(s.buf) <= longestHeader {
		return false
	}
	text = s.header + s.all()
	s.state = inText
	s.emit(Text, text)
	return false
}

// enterBody decides by its header what a message is.
func (s *Splitter) enterBody(header string) {
	_, channel, _ := strings.Cut(header, harmonyChannel)
	name := ""
	if words := strings.Fields(strings.ReplaceAll(channel, "<", " <")); len(words) > 0 {
		name = words[0]
	}
	s.state, s.end, s.seen, s.header, s.gap = inBody, harmonyEnds, 0, header, true
	switch {
	case recipient(header) != "":
		s.kind = Calls
	case name == "analysis":
		s.kind = Thinking
	default:
		s.kind = Text
	}
}

// recipient returns to whom a message goes, "" if it is the user.
func recipient(header string) string {
	_, to, ok := strings.Cut(header, "to=")
	if !ok {
		return ""
	}
	if i := strings.IndexAny(to, " <\t\n"); i >= 0 {
		to = to[:i]
	}
	return to
}

// finishCall makes a call of a message to a tool.
func (s *Splitter) finishCall(body string) {
	whole := s.header + harmonyMessage + body
	arguments, ok := compact([]byte(strings.TrimSpace(body)))
	if !ok || !strings.HasPrefix(string(arguments), "{") {
		s.emit(Text, whole)
		return
	}
	name := strings.TrimPrefix(recipient(s.header), "functions.")
	s.parts = append(s.parts, Part{Calls, whole, []Call{{Name: name, Arguments: arguments}}})
}
