package models

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestPrintable(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"qwen3-4b.gguf", "qwen3-4b.gguf"},
		{`C:\models\ä "b".gguf`, `C:\models\ä "b".gguf`},
		{"a\x1b[31mred\x07", `a\x1b[31mred\a`},
		{"photo\u202egpj.exe", `photo\u202egpj.exe`},
		{"a\u200bb\u2066c\nd\te\u0085", `a\u200bb\u2066c\nd\te\u0085`},
		{"bad\xffutf", `bad\xffutf`},
		{strings.Repeat("x", 200), strings.Repeat("x", 200)},
		{strings.Repeat("ä", 300) + ".gguf", strings.Repeat("ä", 139) + "…" + strings.Repeat("ä", 55) + ".gguf"},
	} {
		if got := Printable(c.text); got != c.want {
			t.Errorf("%q: %s, expected %s", c.text, got, c.want)
		}
	}
	if got := Quote("say \"a\"\x1b"); got != `"say \"a\"\x1b"` {
		t.Error(got)
	}
}

// TestPrintableIsHarmless checks that the results for any text are short, valid and without control characters.
func TestPrintableIsHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")) + strings.Repeat(rapid.String().Draw(t, "text"), rapid.IntRange(0, 30).Draw(t, "times"))
		for _, got := range []string{Printable(text), Quote(text)} {
			if !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxPrintable+2 {
				t.Fatalf("%d characters of %q", utf8.RuneCountInString(got), got)
			}
			for _, r := range got {
				if !unicode.IsPrint(r) {
					t.Fatalf("%U in %q", r, got)
				}
			}
		}
	})
}

func TestFileErrorIsHarmless(t *testing.T) {
	err := Corrupt("/tmp/a\x1b[2J\u202ename.gguf", "is damaged: key %s", Quote(strings.Repeat("k", 10<<20)))
	if text := err.Error(); len(text) > 1000 || strings.ContainsAny(text, "\x1b\u202e") || !errors.Is(err, ErrCorrupt) {
		t.Errorf("%d bytes: %.300q", len(text), text)
	}
}
