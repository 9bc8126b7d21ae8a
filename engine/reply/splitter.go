package reply

import (
	"bytes"
	"strings"
)

// TypeOf returns the JSON type of a parameter of a tool ("string", "integer", …), "" if it is not known.
type TypeOf func(tool, parameter string) string

// Options are options of Format.Splitter.
type Options struct {
	Prompt string // the end of the prompt, which may begin a thought or a message
	Tools  bool   // the model was told of tools, so an answer that is a JSON object may be a call (Llama 3, Qwen 2.5 Coder)
	TypeOf TypeOf // nil: types are not known
}

// Splitter takes the text of an answer apart as it arrives. It holds back what may be the beginning of a
// mark, and a call until it is complete. One goroutine may use it.
type Splitter struct {
	format Format
	typeOf TypeOf
	tools  bool

	state   state
	buf     []byte // text that is held back
	seen    int    // bytes of buf in which there is no end of the state
	blank   int    // bytes at the beginning of buf that are white space
	end     []string
	calls   *syntax
	kind    Kind          // of the body of a message
	header  string        // harmony: header of the message
	written map[Kind]bool // kinds of which there was text
	trim    bool          // line breaks at the beginning of the next text are left out
	gap     bool          // an empty line comes before the next text
	line    lineState     // of the answer's text
	parts   []Part        // found by the call of Push
}

type state uint8

const (
	inText state = iota
	inThought
	inCalls
	inHeader // harmony: before <|message|>
	inBody   // harmony: behind it
)

// Splitter returns a Splitter for an answer.
func (f Format) Splitter(o Options) *Splitter {
	s := &Splitter{format: f, typeOf: o.TypeOf, tools: o.Tools, written: map[Kind]bool{}, line: lineState{begin: true, blank: true}}
	if s.typeOf == nil {
		s.typeOf = func(string, string) string { return "" }
	}
	prompt := strings.TrimRight(o.Prompt, " \t\r\n")
	if f.harmony && strings.HasSuffix(prompt, harmonyStart+"assistant") {
		s.state, s.end = inHeader, []string{harmonyMessage}
		return s
	}
	for _, t := range f.beginning() {
		if hasSuffix(prompt, t.begin) || strings.LastIndex(prompt, t.begin) > strings.LastIndex(prompt, t.end) {
			s.think(t)
			break
		}
	}
	return s
}

// hasSuffix is strings.HasSuffix for marks.
func hasSuffix(s, mark string) bool {
	return len(s) >= len(mark) && strings.EqualFold(s[len(s)-len(mark):], mark)
}

// hasPrefix is strings.HasPrefix for marks, of which those in angle brackets may be written in capitals.
func hasPrefix(s, mark string) bool {
	if len(s) < len(mark) {
		return false
	}
	if mark[0] == '<' {
		return strings.EqualFold(s[:len(mark)], mark)
	}
	return s[:len(mark)] == mark
}

// Push adds text and returns the parts that have become certain.
func (s *Splitter) Push(text string) []Part {
	s.buf = append(s.buf, text...)
	for s.step(false) {
	}
	return s.take()
}

// Flush returns what was held back. It is called when no more text follows.
func (s *Splitter) Flush() []Part {
	for s.step(true) {
	}
	return s.take()
}

// Answering reports whether what comes is the text of the answer: not a thought, a call or a header.
func (s *Splitter) Answering() bool {
	return s.state == inText || s.state == inBody && s.kind == Text
}

// EndOfThought returns the marks that end the thought that is being written and begin the answer, "" if none is.
func (s *Splitter) EndOfThought() string {
	switch {
	case s.state == inThought:
		return s.end[0]
	case s.state == inBody && s.kind == Thinking:
		return harmonyEnds[0] + harmonyStart + "assistant" + harmonyChannel + "final" + harmonyMessage
	}
	return ""
}

func (s *Splitter) take() []Part {
	parts := s.parts
	s.parts = nil
	return parts
}

// emit adds text to the parts.
func (s *Splitter) emit(kind Kind, text string) {
	if s.trim {
		if text = strings.TrimLeft(text, "\r\n"); text == "" {
			return
		}
		s.trim = false
	}
	if text == "" {
		return
	}
	if s.gap && s.written[kind] {
		text = "\n\n" + text
	}
	s.gap = false
	s.written[kind] = true
	if kind == Text {
		s.line.write(text)
	}
	if n := len(s.parts); n > 0 && s.parts[n-1].Kind == kind && kind != Calls {
		s.parts[n-1].Text += text
		return
	}
	s.parts = append(s.parts, Part{Kind: kind, Text: text})
}

// step does one step and reports whether another may follow. last says that no more text comes.
func (s *Splitter) step(last bool) bool {
	switch s.state {
	case inText:
		return s.stepText(last)
	case inThought, inBody:
		return s.stepUntil(last)
	case inCalls:
		return s.stepCalls(last)
	}
	return s.stepHeader(last)
}

func (s *Splitter) think(t thought) {
	s.state, s.end, s.trim, s.seen = inThought, []string{t.end}, true, 0
	s.kind = Thinking
}

// stepText emits text up to the next mark.
func (s *Splitter) stepText(last bool) bool {
	if s.bare() {
		if !last {
			return false
		}
		body := s.all()
		if calls, ok := parseLlama(body, s.typeOf); ok {
			s.parts = append(s.parts, Part{Calls, body, calls})
		} else {
			s.emit(Text, body)
		}
		return false
	}
	line, text := s.line, string(s.buf)
	for at := range len(text) {
		found, partial := s.markAt(text[at:], &line)
		if found == nil && (!partial || last) {
			line.write(text[at : at+1])
			continue
		}
		if !line.begin { // white space before the first mark of an answer is left out
			s.emit(Text, text[:at])
			s.drop(at)
			at = 0
		}
		if found != nil {
			s.drop(at + found.size)
			found.enter()
		}
		return found != nil
	}
	if !line.begin || last || len(text) > mostBlank {
		s.emit(Text, s.all())
	}
	return false
}

// mostBlank is how many bytes of white space are held back at the beginning of an answer.
const mostBlank = 64

// all returns the text that is held back, and holds it no longer.
func (s *Splitter) all() string {
	text := string(s.buf)
	s.drop(len(s.buf))
	return text
}

// drop removes the first n bytes of what is held back.
func (s *Splitter) drop(n int) {
	s.buf = append(s.buf[:0], s.buf[n:]...)
	s.seen, s.blank = 0, 0
}

// bare reports whether the answer may be a call without marks.
func (s *Splitter) bare() bool {
	if !s.tools || s.written[Text] {
		return false
	}
	text := bytes.TrimLeft(s.buf[:min(len(s.buf), mostBlank+1)], " \t\r\n")
	return len(text) > 0 && text[0] == '{' || len(text) == 0 && len(s.buf) <= mostBlank
}

// mark is a mark that begins a part.
type mark struct {
	size  int
	enter func()
}

// markAt returns the mark at the beginning of rest, or whether one may begin there.
func (s *Splitter) markAt(rest string, line *lineState) (found *mark, partial bool) {
	if !beginsMark(rest[0]) {
		return nil, false
	}
	try := func(text string, enter func()) {
		switch {
		case text == "" || found != nil:
		case hasPrefix(rest, text):
			found = &mark{len(text), enter}
		case len(rest) < len(text) && hasPrefix(text, rest):
			partial = true
		}
	}
	if !line.code && line.blank {
		list := s.format.thoughts
		if line.begin {
			list = s.format.beginning()
		}
		for _, t := range list {
			try(t.begin, func() { s.think(t) })
		}
	}
	for _, w := range s.format.wrappers {
		try(w, func() { s.trim = s.trim || !s.written[Text] })
	}
	if s.format.harmony {
		try(harmonyChannel, func() { s.enterHeader(harmonyChannel) })
		try(harmonyStart, func() { s.enterHeader("") })
	}
	if !line.code {
		for _, x := range s.format.syntaxes {
			try(x.begin, func() { s.state, s.calls, s.seen = inCalls, x, 0 })
		}
	}
	return found, partial && found == nil
}

// cutAtEnd looks for the first of the marks that end the state, and returns the text before it.
func (s *Splitter) cutAtEnd(marks []string) (text, end string, ok bool) {
	most := longest(marks)
	for at := s.seen; at < len(s.buf); at++ {
		if !beginsMark(s.buf[at]) {
			continue
		}
		rest := string(s.buf[at:min(at+most, len(s.buf))])
		for _, m := range marks {
			if m != "" && hasPrefix(rest, m) {
				text = string(s.buf[:at])
				s.drop(at + len(m))
				return text, m, true
			}
		}
	}
	s.seen = max(s.seen, len(s.buf)-most+1)
	return "", "", false
}

// beginsMark reports whether a mark may begin with c; 'H' begins "Here is my thought process:".
func beginsMark(c byte) bool { return c == '<' || c == '[' || c == 'H' || c == "◁"[0] }

func longest(marks []string) int {
	n := 1
	for _, m := range marks {
		n = max(n, len(m))
	}
	return n
}

// stepUntil emits a thought or a message up to its end. White space before the end of a thought is left out.
func (s *Splitter) stepUntil(last bool) bool {
	text, end, ok := s.cutAtEnd(s.end)
	if ok {
		s.finish(strings.TrimRight(text, " \t\r\n"), text)
		s.leave(end)
		return true
	}
	if last {
		text = s.all()
		s.finish(strings.TrimRight(text, " \t\r\n"), text)
		s.state = inText
		return false
	}
	if s.kind == Calls {
		return false
	}
	if s.kind == Thinking && s.allBlank() {
		return false
	}
	text = string(s.buf)
	n := len(text)
	for _, m := range s.end {
		n = min(n, len(text)-overlap(text, m))
	}
	if s.kind == Thinking {
		n = len(strings.TrimRight(text[:n], " \t\r\n"))
	}
	s.emit(s.kind, text[:n])
	s.drop(n)
	return false
}

// allBlank reports whether what is held back is white space. It looks at each byte once.
func (s *Splitter) allBlank() bool {
	for s.blank < len(s.buf) && strings.IndexByte(" \t\r\n", s.buf[s.blank]) >= 0 {
		s.blank++
	}
	return s.blank == len(s.buf)
}

// overlap returns the length of the longest proper prefix of mark with which text ends.
func overlap(text, mark string) int {
	for n := min(len(text), len(mark)-1); n > 0; n-- {
		if hasPrefix(mark, text[len(text)-n:]) {
			return n
		}
	}
	return 0
}

// finish emits the end of a thought (trimmed) or of a message (text).
func (s *Splitter) finish(trimmed, text string) {
	switch s.kind {
	case Thinking:
		s.emit(Thinking, trimmed)
	case Calls:
		s.finishCall(text)
	default:
		s.emit(s.kind, text)
	}
}

// leave ends a thought or a message.
func (s *Splitter) leave(end string) {
	switch {
	case s.state == inThought:
		s.state, s.trim = inText, true
	case end == harmonyChannel:
		s.enterHeader(harmonyChannel)
	case end == harmonyStart:
		s.enterHeader("")
	default:
		s.state = inText
	}
}

// stepCalls waits for the end of calls.
func (s *Splitter) stepCalls(last bool) bool {
	body, _, ok := "", "", false
	if s.calls.end != "" {
		body, _, ok = s.cutAtEnd([]string{s.calls.end})
	}
	if !ok {
		if !last {
			return false
		}
		body = s.all()
	}
	whole := s.calls.begin + body
	if ok {
		whole += s.calls.end
	}
	s.state = inText
	if calls, parsed := s.calls.parse(body, s.typeOf); parsed {
		s.parts = append(s.parts, Part{Calls, whole, calls})
		s.trim = true
	} else {
		s.emit(Text, whole)
	}
	return len(s.buf) > 0
}
