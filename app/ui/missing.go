package ui

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/go-text/typesetting/harfbuzz"
)

// scriptNames are names of scripts that are better known than those of Unicode.
var scriptNames = map[string]string{"Han": "Chinese", "Hiragana": "Japanese", "Katakana": "Japanese", "Hangul": "Korean", "Bopomofo": "Chinese"}

// scripts are the names of Unicode's scripts, in a fixed order.
var scripts = slices.Sorted(maps.Keys(unicode.Scripts))

// MissingScripts returns the names of the scripts of which a text has characters that no installed font has, in the order of
// the text. They are shown as boxes.
func MissingScripts(text string) (names []string) {
	asked := map[rune]bool{}
	for _, r := range text {
		if r < 0x250 || asked[r] {
			continue
		}
		asked[r] = true
		if r == unicode.ReplacementChar || !unicode.IsGraphic(r) || unicode.IsSpace(r) || harfbuzz.IsDefaultIgnorable(r) || HasFont(r) {
			continue
		}
		if name := scriptOf(r); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func scriptOf(r rune) string {
	if r >= 0x1f000 && r < 0x1fb00 {
		return "emoji"
	}
	for _, name := range scripts {
		if !unicode.Is(unicode.Scripts[name], r) {
			continue
		}
		if name == "Common" || name == "Inherited" {
			break
		}
		if better := scriptNames[name]; better != "" {
			return better
		}
		return strings.ReplaceAll(name, "_", " ")
	}
	return "symbols"
}

// MissingFonts says which characters can't be shown and what helps; "" if there are none.
func MissingFonts(scripts []string) string {
	if len(scripts) == 0 {
		return ""
	}
	debian := map[string]string{"Chinese": "fonts-noto-cjk", "Japanese": "fonts-noto-cjk", "Korean": "fonts-noto-cjk", "emoji": ""}
	var fonts []string
	for _, s := range scripts {
		font, ok := debian[s]
		if !ok {
			font = "fonts-noto-core"
		}
		if font != "" && !slices.Contains(fonts, font) {
			fonts = append(fonts, font)
		}
	}
	on := ""
	if len(fonts) > 0 {
		on = ", on Debian " + strings.Join(fonts, " and ") + ","
	}
	return "This text has characters that no installed font can show (" + strings.Join(scripts, ", ") + "). Installing fonts for them" + on + " shows them at the next start."
}
