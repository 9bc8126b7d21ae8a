package wording

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFillers(t *testing.T) {
	for _, c := range []struct{ language, text, want string }{
		{"en", "Um, I think so.", "I think so."},
		{"en", "Um, the house is, uh, red.", "The house is red."},
		{"en", "So uh we go", "So we go"},
		{"en", "I think, um.", "I think."},
		{"en", "Really, uh?", "Really?"},
		{"en", "Yes. Um... no.", "Yes. No."},
		{"en", "It is, um... late.", "It is late."},
		{"en", "Uh.", ""},
		{"en", "Uh, um, well, yes.", "Well, yes."},
		{"en", "Uh-huh, the umbrella hums.", "Uh-huh, the umbrella hums."},
		{"en", "Two  spaces stay.", "Two  spaces stay."},
		{"de", "Ähm, er kommt um acht.", "Er kommt um acht."},
		{"de", "Wir, äh, gehen um neun, äh.", "Wir gehen um neun."},
		{"pt", "Um dia, uh", "Um dia, uh"},
		{"fr", "Je, euh, pense.", "Je pense."},
		{"zh", "嗯，好。", "嗯，好。"},
	} {
		if got := Apply(c.text, c.language, Options{Fillers: true}); got != c.want {
			t.Errorf("%s: %q became %q, want %q", c.language, c.text, got, c.want)
		}
	}
}

func TestCommands(t *testing.T) {
	for _, c := range []struct{ language, text, want string }{
		{"en", "Dear Ada, new line. I have to ask.", "Dear Ada,\nI have to ask."},
		{"en", "That is all. New paragraph. Now to you.", "That is all.\n\nNow to you."},
		{"en", "New line.", "\n"},
		{"en", "New line, new line, go", "\n\ngo"},
		{"en", "the end, new paragraph", "the end,\n\n"},
		{"en", "A new line of products. We need a new line.", "A new line of products. We need a new line."},
		{"en", "neue Zeile.", "neue Zeile."},
		{"de", "Guten Tag, neue Zeile, wie geht es?", "Guten Tag,\nwie geht es?"},
		{"de", "Neuer Absatz.", "\n\n"},
		{"fr", "Bonjour, à la ligne. Merci.", "Bonjour,\nMerci."},
		{"en", "", ""},
	} {
		if got := Apply(c.text, c.language, Options{Commands: true}); got != c.want {
			t.Errorf("%s: %q became %q, want %q", c.language, c.text, got, c.want)
		}
	}
}

func TestJoin(t *testing.T) {
	for _, c := range []struct{ before, text, want string }{{"", "", ""}, {"", "a", "a"}, {"a", "b", "a b"}, {"a\n", "b", "a\nb"}, {"a", "\n\nb", "a\n\nb"}, {"a ", "b", "a b"}, {"a", "", "a"}} {
		if got := Join(c.before, c.text); got != c.want {
			t.Errorf("Join(%q, %q) = %q", c.before, c.text, got)
		}
	}
}

// Words that are not fillers stay, in order; without options nothing changes, and applying the options
// twice is like applying them once.
func TestProperties(t *testing.T) {
	word := rapid.SampledFrom([]string{"um", "Um,", "uh", "uh.", "well", "New", "line", "line.", "new", "paragraph,", "I", "é,", "a", "…", "—", "say!"})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(word).Draw(t, "words"), " ")
		language := rapid.SampledFrom([]string{"en", "de", "xx", ""}).Draw(t, "language")
		if got := Apply(text, language, Options{}); got != text {
			t.Fatalf("asked for nothing: %q became %q", text, got)
		}
		clean := Apply(text, language, Options{Fillers: true})
		if again := Apply(clean, language, Options{Fillers: true}); again != clean {
			t.Fatalf("%q, then %q", clean, again)
		}
		if got, want := content(clean, language), content(text, language); !slices.Equal(got, want) {
			t.Fatalf("%q became %q", text, clean)
		}
		lines := Apply(text, language, Options{Commands: true})
		if again := Apply(lines, language, Options{Commands: true}); again != lines {
			t.Fatalf("%q, then %q", lines, again)
		}
		if left := strings.ReplaceAll(strings.ToLower(lines), "\n", " "); len(left) > len(text) {
			t.Fatalf("%q became %q", text, lines)
		}
	})
}

// content returns the words without punctuation, capitals and fillers.
func content(text, language string) (out []string) {
	for _, w := range strings.Fields(text) {
		if w = strings.ToLower(strings.Trim(w, ends+pauses)); w != "" && !slices.Contains(fillers[language], w) {
			out = append(out, w)
		}
	}
	return out
}

func FuzzApply(f *testing.F) {
	f.Add("Um, dear Ada, new line. I, uh, have to ask", "en")
	f.Fuzz(func(t *testing.T, text, language string) {
		if got := Apply(text, language, Options{Fillers: true, Commands: true}); len(got) > 2*len(text)+2 {
			t.Errorf("%q became %q", text, got)
		}
	})
}
