package ui

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
)

// A label, such as the title of a chat, is drawn in one piece, or in the pieces and the order that its text needs.
func TestLabelsInPieces(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	for text, want := range map[string]string{
		"A plain title":   "A plain title",
		"אבג 12 דהו":      "דהו| |12|אבג ",
		"Step 1️⃣ of 2️⃣": "Step |1️⃣| of |2️⃣",
	} {
		l := NewLabel(text, TextSize, Ink)
		l.Resize(fyne.NewSize(300, 20))
		var got []string
		for _, o := range test.WidgetRenderer(l).Objects() {
			got = append(got, strings.TrimPrefix(o.(*canvas.Text).Text, fontStart))
		}
		if strings.ReplaceAll(strings.Join(got, ""), "|", "") != strings.ReplaceAll(want, "|", "") {
			t.Errorf("%q is drawn as %q", text, got)
		}
		l.Set("Another")
		if o := test.WidgetRenderer(l).Objects(); len(o) != 1 || o[0].(*canvas.Text).Text != "Another" {
			t.Errorf("after a change, %d pieces are drawn", len(o))
		}
	}
}
