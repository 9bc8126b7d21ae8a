package ui

import (
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2/theme"
	"github.com/go-text/typesetting/di"
	"github.com/go-text/typesetting/language"
	"github.com/go-text/typesetting/shaping"
	fixedpoint "golang.org/x/image/math/fixed"
)

// Runes that make emoji of the ones before them, or join two.
const (
	emojiLook = 0xfe0f // variation selector 16
	keycap    = 0x20e3
	joiner    = 0x200d
)

// emojiFont is Fyne's font of emoji. Fyne chooses a font for each rune by itself, and so takes "1️⃣" apart: the digit of the
// text's font, and an empty key, which is black. A text that is one emoji of several runes is therefore drawn in the font of
// emoji alone.
var emojiFont = theme.DefaultEmojiFont

// nextEmoji returns where the first emoji of several runes is that the font of emoji has; ok is false if there is none. Signs
// such as ©️ and ™️ stay in the font of the text: those of the font of emoji are dark in any theme.
func (s *fontSet) nextEmoji(text string) (from, to int, ok bool) {
	if s.emoji == nil || !strings.Contains(text, "\ufe0f") && !strings.Contains(text, "\u20e3") && !strings.Contains(text, "\u200d") {
		return 0, 0, false
	}
	for from < len(text) {
		base, n := utf8.DecodeRuneInString(text[from:])
		to = from + n
		special, key := false, false
		for to < len(text) {
			r, n := utf8.DecodeRuneInString(text[to:])
			if r == joiner {
				_, next := utf8.DecodeRuneInString(text[to+n:])
				n += next
				special = special || next > 0
			} else if !(r == emojiLook || r == keycap || r >= 0x1f3fb && r <= 0x1f3ff || r >= 0xe0020 && r <= 0xe007f) {
				break
			}
			special, key = special || r == emojiLook || r == keycap, key || r == keycap
			to += n
		}
		if special && to-from <= mostWord && (base >= 0x2190 || key) && s.hasEmoji(text[from:to]) {
			return from, to, true
		}
		from = to
	}
	return 0, 0, false
}

// hasEmoji reports whether the font of emoji shows the whole text.
func (s *fontSet) hasEmoji(text string) bool {
	s.asking.Lock()
	defer s.asking.Unlock()
	has, ok := s.sequences[text]
	if !ok {
		has = true
		for _, g := range new(shaping.HarfbuzzShaper).Shape(s.emojiInput([]rune(text), 0, utf8.RuneCountInString(text), 64)).Glyphs {
			has = has && g.GlyphID != 0
		}
		s.sequences[strings.Clone(text)] = has
	}
	return has
}

func (s *fontSet) emojiInput(runes []rune, from, to int, size fixedpoint.Int26_6) shaping.Input {
	return shaping.Input{Text: runes, RunStart: from, RunEnd: to, Direction: di.DirectionLTR, Face: s.emoji, Size: size, Script: language.Common}
}

// pieces calls f for the parts of a text: emoji of several runes, and what stands between them.
func (s *fontSet) pieces(text string, f func(from, to int, emoji bool)) {
	at := 0
	for {
		from, to, ok := s.nextEmoji(text[at:])
		if !ok {
			break
		}
		if from > 0 {
			f(at, at+from, false)
		}
		f(at+from, at+to, true)
		at += to
	}
	if at < len(text) {
		f(at, len(text), false)
	}
}
