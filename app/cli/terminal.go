package cli

import (
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/term"

	"soberano/models"
)

// isTerminal reports whether f is a terminal.
func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// fromTerminal reports whether in is a terminal, so that a person types what is read from it.
func fromTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && isTerminal(f)
}

// shown writes text to a terminal with its control characters made visible: executed, they could change the title, the clipboard
// or the text above.
//
//	C0, DEL         ␛  their symbols; line ends (also CR LF) and tabs are kept
//	C1, directions  \u009b, \u202e  which in JSON mean the same character
//	not UTF-8       �
//
// A character may be written in pieces, so the beginning of one at the end of a write is kept until the next write or Flush.
type shown struct {
	w       io.Writer
	pending []byte
}

// Write implements io.Writer.
func (s *shown) Write(b []byte) (int, error) {
	text := append(s.pending, b...)
	end := len(text) - unfinished(text)
	s.pending = append([]byte(nil), text[end:]...)
	if _, err := s.w.Write(showControls(text[:end])); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Flush writes what is left of a character that was not written to its end.
func (s *shown) Flush() error {
	text := showControls(s.pending)
	s.pending = nil
	if len(text) == 0 {
		return nil
	}
	_, err := s.w.Write(text)
	return err
}

// unfinished returns the number of bytes at the end of b with which a character or a line end CR LF may begin.
func unfinished(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		c := b[len(b)-n]
		if n == 1 && c == '\r' || utf8.RuneStart(c) && !utf8.FullRune(b[len(b)-n:]) {
			return n
		}
		if utf8.RuneStart(c) {
			break
		}
	}
	return 0
}

// showControls makes the control characters of a text visible; see shown.
func showControls(b []byte) []byte {
	text := make([]byte, 0, len(b))
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		switch {
		case r == '\n' || r == '\t':
			text = append(text, b[0])
		case r == '\r' && len(b) > 1 && b[1] == '\n': // one line end
		case r < ' ':
			text = utf8.AppendRune(text, '␀'+r)
		case r == 0x7f:
			text = utf8.AppendRune(text, '␡')
		case r > 0x7f && r < 0xa0 || models.Directs(r):
			text = fmt.Appendf(text, `\u%04x`, r)
		case r == utf8.RuneError && size == 1:
			text = utf8.AppendRune(text, utf8.RuneError)
		default:
			text = append(text, b[:size]...)
		}
		b = b[size:]
	}
	return text
}
