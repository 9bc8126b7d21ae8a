package settings

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"soberano/app/ui"
	"soberano/app/ui/uitest"
)

// In the narrowest window nothing on the page is cut: what does not fit into a line wraps.
func TestNarrow(t *testing.T) {
	for _, m := range []ui.Mode{ui.Light, ui.Dark} {
		s := newStage(t, Values{Theme: m}, m, nil)
		s.Win.Resize(fyne.NewSize(420, 1700))
		s.Walk(func(o fyne.CanvasObject) {
			if text, ok := o.(*canvas.Text); ok && strings.HasSuffix(text.Text, "…") {
				t.Errorf("cut: %q", text.Text)
			}
		})
		s.Shot("narrowest-" + string(m))
		s.Expect("“New line” and “new paragraph” are commands", "Add a model file; on the Transcribe page, a recording")
	}
}

// In a list of values, letters lead to the value that begins with them, also while the list is closed.
func TestLettersChooseAValue(t *testing.T) {
	s := newStage(t, Values{}, ui.Light, nil)
	c := s.Win.Canvas()
	for typed, want := range map[string]string{"g": "Galician", "ge": "Georgian", "ger": "German", "ggg": "German", "yi": "Yiddish"} {
		s.selects()[2].SetSelected("Detect automatically")
		c.Focus(s.selects()[2])
		uitest.TypeRunes(c, typed)
		uitest.PressKey(c, fyne.KeyReturn)
		if got := s.selects()[2].Selected; got != want {
			t.Errorf("%q chooses %q, want %q", typed, got, want)
		}
	}
}
