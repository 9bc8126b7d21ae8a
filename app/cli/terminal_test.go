package cli

import (
	"bytes"
	"fmt"
	"testing"
)

func TestShown(t *testing.T) {
	for text, want := range map[string]string{
		"a line\n\tand another 👩‍👩‍👧 ü": "a line\n\tand another 👩‍👩‍👧 ü",
		"\x1b]52;c;cm0gLXJm\x07":        "␛]52;c;cm0gLXJm␇",
		"before\rafter\x00\x7f":         "before␍after␀␡",
		"a\r\nb\r":                      "a\nb␍",
		"\u009b2J \u0085":               `\u009b2J \u0085`,
		"\x9b2J \xff":                   "\ufffd2J \ufffd",
		"a\u202eb\u2066c\u2069\u206f":   `a\u202eb\u2066c\u2069\u206f`,
		"\u05d0\u200f \u2028":           "\u05d0\u200f \u2028",
		"the end \xf0\x9f":              "the end \ufffd\ufffd",
		"":                              "",
	} {
		for _, piece := range []int{1, 2, 3, len(text) + 1} { // a character that is written in pieces is not changed
			var b bytes.Buffer
			s := &shown{w: &b}
			for at := 0; at < len(text); at += piece {
				part := text[at:min(len(text), at+piece)]
				if n, err := fmt.Fprint(s, part); n != len(part) || err != nil {
					t.Errorf("%q: wrote %d, %v", part, n, err)
				}
			}
			if err := s.Flush(); err != nil || b.String() != want {
				t.Errorf("%q in pieces of %d bytes: wrote %q, %v; want %q", text, piece, b.String(), err, want)
			}
		}
	}
}
