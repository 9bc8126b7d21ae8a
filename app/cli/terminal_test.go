package cli

import (
	"bytes"
	"fmt"
	"testing"
	"unicode/utf8"
)

func TestShown(t *testing.T) {
	for text, want := range map[string]string{
		"a line\n\tand another 👩‍👩‍👧 ü": "a line\n\tand another 👩‍👩‍👧 ü",
		"\x1b]52;c;cm0gLXJm\x07":        "␛]52;c;cm0gLXJm␇",
		"before\rafter\x00\x7f":         "before␍after␀␡",
		"\u009b2J":                      "\ufffd2J",
		"":                              "",
	} {
		var b bytes.Buffer
		if n, err := fmt.Fprint(shown{&b}, text); n != len(text) || err != nil || b.String() != want {
			t.Errorf("%q: wrote %q, %d, %v; want %q", text, b.String(), n, err, want)
		}
	}
	// A character that is written in two pieces is not changed.
	var b bytes.Buffer
	for _, part := range []string{"\xc3", "\xbc"} {
		fmt.Fprint(shown{&b}, part)
	}
	if b.String() != "ü" || !utf8.Valid(b.Bytes()) {
		t.Errorf("a character in two pieces: %q", b.String())
	}
}
