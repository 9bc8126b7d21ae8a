package shell

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
	"soberano/app/ui/uitest"
)

// Tab leads to the links of an answer, each once although one of them wraps; Enter and Space open their menu. What is typed there goes
// into the message.
func TestLinksByKeys(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol)
		s.dress(m)
		s.ready()
		s.send("Where?")
		s.answer("See [the **documentation** of Go, which is long enough to wrap at the end of its line, as one sees](https://go.dev/doc) and https://example.org.\n\n" +
			"- [a list](https://example.org/list)\n\n| Table |\n|---|\n| [a cell](https://example.org/cell) |\n")
		s.win.Resize(fyne.NewSize(900, 700))
		s.walkByTab("an answer with links", true)
		c := s.win.Canvas()
		opened := map[string]int{}
		for range 60 {
			s.tab(false)
			if f, ok := c.Focused().(fyne.CanvasObject); !ok || name(f) != "*ui.link" {
				continue
			}
			if len(opened) == 0 {
				s.shot("link-focus-" + string(m))
			}
			uitest.PressKey(c, map[bool]fyne.KeyName{true: fyne.KeyReturn, false: fyne.KeySpace}[len(opened)%2 == 0])
			for _, w := range strings.Split(s.words(), "\n") {
				if address, ok := strings.CutPrefix(w, "Copy https://"); ok {
					opened[address]++
				}
			}
			uitest.PressKey(c, fyne.KeyEscape)
			if len(opened) == 4 {
				break
			}
		}
		for _, want := range []string{"go.dev/doc", "example.org", "example.org/list", "example.org/cell"} {
			if opened[want] != 1 {
				t.Errorf("%s was opened %d times: %v", want, opened[want], opened)
			}
		}
		uitest.TypeRunes(c, "ab")
		if got := s.chat.Composer.Entry.Text; got != "ab" {
			t.Errorf("typed is %q", got)
		}
	})
}
