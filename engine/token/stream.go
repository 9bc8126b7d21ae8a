package token

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Stream turns tokens into text while they arrive. A token may end within a character, and a stop
// string within a token, so Push returns the text that is certain and holds the rest:
//
//	arrived   "Ready.\n\nUs"   stop "\n\nUser:"
//	returned  "Ready."          held "\n\nUs", which may become the stop string
//
// Where several stop strings match, the one that is complete first counts, so the text does not
// depend on how it was cut into tokens. Only one goroutine may use a Stream.
type Stream struct {
	t       *Tokenizer
	stop    [][]byte
	held    []byte // bytes not returned yet
	stopped bool
}

// NewStream returns a stream that ends before the first of the stop strings; empty
// ones are ignored.
func NewStream(t *Tokenizer, stop []string) *Stream {
	s := &Stream{t: t}
	for _, x := range stop {
		if x != "" {
			s.stop = append(s.stop, []byte(x))
		}
	}
	return s
}

// Push takes a token and returns the text that has become certain, valid UTF-8
// (bytes that cannot be any are U+FFFD), and whether a stop string has been reached;
// the text is what came before it. After that it returns nothing more.
func (s *Stream) Push(id int32) (text string, stopped bool) {
	if s.stopped {
		return "", true
	}
	s.held = append(s.held, s.t.Piece(id)...)
	if at := s.find(); at >= 0 {
		text, s.held, s.stopped = valid(s.held[:at]), nil, true
		return text, true
	}
	n := s.certain()
	text = valid(s.held[:n])
	s.held = append(s.held[:0], s.held[n:]...)
	return text, false
}

// Flush returns what is held back when no more tokens come.
func (s *Stream) Flush() string {
	text := valid(s.held)
	s.held = nil
	return text
}

// find returns where the stop string that is complete first begins, the longest of
// those that end there, or -1.
func (s *Stream) find() int {
	at, end := -1, len(s.held)+1
	for _, x := range s.stop {
		i := bytes.Index(s.held, x)
		if i < 0 {
			continue
		}
		if e := i + len(x); e < end || e == end && i < at {
			at, end = i, e
		}
	}
	return at
}

// certain returns how many of the held bytes are whole characters that no stop string
// can claim.
func (s *Stream) certain() int {
	n := len(s.held)
	for _, x := range s.stop {
		n = min(n, len(s.held)-overlap(s.held, x))
	}
	return n - unfinished(s.held[:n])
}

// overlap returns the length of the longest proper prefix of stop that b ends with.
func overlap(b, stop []byte) int {
	for n := min(len(b), len(stop)-1); n > 0; n-- {
		if bytes.HasPrefix(stop, b[len(b)-n:]) {
			return n
		}
	}
	return 0
}

// unfinished returns the length of the character that b ends within.
func unfinished(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if tail := b[len(b)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

// valid returns b as text, each byte that is no UTF-8 as U+FFFD.
func valid(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		out.WriteRune(r)
		b = b[n:]
	}
	return out.String()
}
