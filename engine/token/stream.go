package token

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Stream converts tokens to text as they arrive. A token may end within a character, and a stop string
// within a token. So Push returns the text that is certain and keeps the rest:
//
//	arrived   "Ready.\n\nUs"   stop "\n\nUser:"
//	returned  "Ready."          held "\n\nUs", which may become the stop string
//
// If several stop strings occur, the one that is complete first counts, so the text does not depend on
// its division into tokens. Only one goroutine may use a Stream.
type Stream struct {
	t       *Tokenizer
	stop    [][]byte
	marks   [][]byte
	spelled map[int32]bool // control tokens whose spelling belongs to the text
	held    []byte         // bytes that have not been returned yet
	stopped bool
	by      string // the stop string that was reached
}

// NewStream returns a stream that ends before the first of the stop strings. Empty stop strings are
// ignored.
func NewStream(t *Tokenizer, stop []string) *Stream {
	s := &Stream{t: t, spelled: map[int32]bool{}}
	for _, x := range stop {
		if x != "" {
			s.stop = append(s.stop, []byte(x))
		}
	}
	return s
}

// Marks adds stop strings that are marks of a template, never text. Where the tokens end within one, its
// beginning, from two characters on, does not belong to the text.
func (s *Stream) Marks(marks ...string) {
	for _, x := range marks {
		s.stop, s.marks = append(s.stop, []byte(x)), append(s.marks, []byte(x))
	}
}

// Spell makes the spelling of control tokens belong to the text.
func (s *Stream) Spell(ids ...int32) {
	for _, id := range ids {
		s.spelled[id] = true
	}
}

// Push adds a token. It returns the text that has become certain, as valid UTF-8 in which U+FFFD
// replaces invalid bytes, and whether a stop string has been reached. In that case the text is what came
// before the stop string, and later calls return nothing.
func (s *Stream) Push(id int32) (text string, stopped bool) {
	if s.stopped {
		return "", true
	}
	if s.spelled[id] {
		s.held = append(s.held, s.t.Text(id)...)
	} else {
		s.held = append(s.held, s.t.Piece(id)...)
	}
	if at, by := s.find(); at >= 0 {
		text, s.held, s.stopped, s.by = whole(s.held[:at]), nil, true, string(by)
		return text, true
	}
	n := s.certain()
	text = valid(s.held[:n])
	s.held = append(s.held[:0], s.held[n:]...)
	return text, false
}

// Stopped returns the stop string that was reached, of those given to NewStream; "" if it is a mark, or if none was reached.
func (s *Stream) Stopped() string {
	for _, x := range s.marks {
		if string(x) == s.by {
			return ""
		}
	}
	return s.by
}

// Flush returns the text that is held back, without an incomplete character at its end. It is called when
// no more tokens follow.
func (s *Stream) Flush() string {
	n := len(s.held)
	for _, x := range s.marks {
		if k := overlap(s.held, x); k > 1 {
			n = min(n, len(s.held)-k)
		}
	}
	text := whole(s.held[:n])
	s.held = nil
	return text
}

// whole returns b as text, without an incomplete character at its end.
func whole(b []byte) string { return valid(b[:len(b)-unfinished(b)]) }

// find returns the stop string that is complete first, and its start, or -1. Of several with the same end
// it is the longest.
func (s *Stream) find() (at int, stop []byte) {
	at, end := -1, len(s.held)+1
	for _, x := range s.stop {
		i := bytes.Index(s.held, x)
		if i < 0 {
			continue
		}
		if e := i + len(x); e < end || e == end && i < at {
			at, end, stop = i, e, x
		}
	}
	return at, stop
}

// certain returns how many of the held bytes are complete characters that can't belong to a stop string.
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

// unfinished returns the length of an incomplete character at the end of b.
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

// valid returns b as text, with each invalid byte replaced by U+FFFD.
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
