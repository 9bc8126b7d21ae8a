package shell

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
)

// In a low window, such as one of 1280 × 800 pixels at twice the usual size of the text, the drawer shows several chats, and no
// label is cut off, whatever page is shown and however many files are waiting.
func TestLowSide(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol)
		s.dress(m)
		s.fill()
		s.fill()
		s.ready()
		s.win.Resize(fyne.NewSize(640, 400))
		s.fold(true)
		s.shot("low-side-" + string(m))
		list, seen := s.side.list, 0
		for _, r := range list.rows {
			if r.Position().Y+r.Size().Height <= list.Size().Height {
				seen++
			}
		}
		if len(list.rows) < 5 || seen < 5 {
			t.Errorf("%d of %d chats are seen in a list of %v", seen, len(list.rows), list.Size().Height)
		}
		for _, n := range []int{0, 5, 12} {
			for _, page := range []string{filesPage, modelsPage, trashPage, settingsPage} {
				s.show(page)
				s.fold(true)
				s.side.waiting = n
				s.side.showWaiting()
				if words := s.words(); strings.Contains(words, "…\n") || !strings.Contains(words, map[bool]string{true: "Transcribe", false: fmt.Sprintf("Files · %d", n)}[n == 0]) {
					t.Errorf("%d files, page %s:\n%s", n, page, words)
				}
			}
		}
		s.shot("low-side-waiting-" + string(m))
		s.win.Resize(fyne.NewSize(640, 760))
		s.fold(true)
		s.expect(s.words(), "Soberano", "Transcribe files · 12")
	})
}
