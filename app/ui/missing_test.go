package ui

import (
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

// Characters of a script that no font has are named once. The fonts that this computer has are left out of it.
func TestMissingScripts(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	set := meterFor(fyne.TextStyle{}, TextSize).set
	for _, r := range "漢字かなカ한ไทया🧠☃" {
		was, ok := set.found[r]
		if !ok {
			was = set.find(r)
		}
		set.found[r] = nil
		t.Cleanup(func() { set.found[r] = was })
	}
	got := MissingScripts("abc é “”… \ufe0f\u200d\t漢字漢 ไท かなカ 한 या 🧠 ☃ �")
	if want := []string{"Chinese", "Thai", "Japanese", "Korean", "Devanagari", "emoji", "symbols"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := MissingScripts("plain text, шрифт, γράμμα, \x1b\a\x01\u2069\ufffe\ufdd0\ue000\U0010ffff"); got != nil {
		t.Errorf("plain text: %q", got)
	}
	for want, scripts := range map[string][]string{
		"": nil,
		"This text has characters that no installed font can show (Thai). Installing fonts for them, on Debian fonts-noto-core, shows them at the next start.":                             {"Thai"},
		"This text has characters that no installed font can show (Chinese, Thai). Installing fonts for them, on Debian fonts-noto-cjk and fonts-noto-core, shows them at the next start.": {"Chinese", "Thai"},
	} {
		if got := MissingFonts(scripts); got != want {
			t.Errorf("%q: got %q", scripts, got)
		}
	}
}
