package ui

import (
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

// An emoji of several characters is one piece, which is drawn in the font of emoji; what that font does not have is not.
func TestEmojiOfSeveralCharactersAreOnePiece(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	set := meterFor(fyne.TextStyle{}, TextSize).set
	for text, want := range map[string][]string{
		"1️⃣":              {"1️⃣"},
		"a #️⃣*️⃣ 2":       {"#️⃣", "*️⃣"},
		"x ❤️ ❤ 👨‍👩‍👧 y":   {"❤️", "👨‍👩‍👧"},
		"🏳️‍🌈👍🏽":           {"🏳️‍🌈"},
		"1️ 2":             nil,
		"कर्\u200dनाटक":    nil,
		"a\u200db 1\u200d": nil,
		"plain":            nil,
	} {
		var got []string
		rest := ""
		set.pieces(text, func(from, to int, emoji bool) {
			if rest += text[from:to]; emoji {
				got = append(got, text[from:to])
			}
		})
		if !slices.Equal(got, want) || rest != text {
			t.Errorf("%q: got %q of %q", text, got, rest)
		}
	}
	f := NewFlow(Span{Text: "no 1️⃣ yes"})
	f.Resize(fyne.NewSize(300, f.HeightFor(300)))
	runs := f.wrapped.runs(f.wrapped.lines[0], f.Len())
	if len(runs) != 3 || !runs[1].emoji || runs[1].w != 14 || runs[2].x != runs[1].x+14 {
		t.Errorf("got %+v", runs)
	}
}
