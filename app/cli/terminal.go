package cli

import (
	"io"
	"os"
	"unicode/utf8"

	"golang.org/x/term"
)

// isTerminal reports whether f is a terminal.
func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// standardOutput is the writer to which commands print. On a terminal, control characters in the output of a model or the content
// of a file are made visible instead of executed: they could change the title, the clipboard or the text above.
func standardOutput() io.Writer {
	if isTerminal(os.Stdout) {
		return shown{os.Stdout}
	}
	return os.Stdout
}

// shown writes text to a terminal, with control characters made visible.
type shown struct{ w io.Writer }

func (s shown) Write(b []byte) (int, error) {
	if _, err := s.w.Write(showControls(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// showControls replaces control characters other than line ends and tabs by their symbols (␛), those above 0x7f by �. Bytes that
// are not UTF-8 are kept: they may be parts of a character that is written in pieces.
func showControls(b []byte) []byte {
	text := make([]byte, 0, len(b))
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		switch {
		case r == '\n' || r == '\t':
			text = append(text, b[0])
		case r < ' ':
			text = utf8.AppendRune(text, '␀'+r)
		case r == 0x7f:
			text = utf8.AppendRune(text, '␡')
		case r > 0x7f && r < 0xa0:
			text = utf8.AppendRune(text, utf8.RuneError)
		default:
			text = append(text, b[:size]...)
		}
		b = b[size:]
	}
	return text
}
