package shell

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/app/ui/uitest"
)

// A chat that a search has found opens where the words are: they are selected and in view, in a message or an answer, in a paragraph,
// a list, a table or code, and in the hidden part of a long message.
func TestSearchOpensAtTheHit(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	c, err := s.store.New()
	if err != nil {
		t.Fatal(err)
	}
	add := func(role store.Role, content string) {
		t.Helper()
		if _, err := s.store.Append(store.Message{Conversation: c.ID, Role: role, Content: content}); err != nil {
			t.Fatal(err)
		}
	}
	filler := strings.Repeat("A line that is of no interest.\n\n", 40)
	where := map[string]string{"zebra": "paragraph **with a zebra** in bold", "yak": "- one\n- two\n  - a yak\n", "walrus": "| a | b |\n|---|---|\n| 1 | a walrus |\n",
		"vole": "```go\nfmt.Println(\"vole\")\n```", "Ünder": "Tief im ünder"}
	for _, word := range []string{"zebra", "yak", "walrus", "vole", "Ünder"} {
		add(store.User, "A question before.")
		add(store.Assistant, filler+where[word]+"\n\n"+filler)
	}
	add(store.User, "A long message. "+strings.Repeat("word ", 1000)+"xerus "+strings.Repeat("word ", 200))
	add(store.Assistant, filler)
	s.newChat("")
	for _, words := range []string{"zebra", "yak", "walrus", "vole", "ünder", "XERUS", "question before"} {
		s.side.search.SetText(words)
		s.q.until(t, "the search", func() bool { return len(s.side.list.rows) == 1 && s.side.list.rows[0].hit.Snippet != "" })
		s.win.Canvas().Focus(s.side.list)
		uitest.PressKey(s.win.Canvas(), fyne.KeyReturn)
		s.q.settle()
		selected, y := s.selected()
		if !strings.EqualFold(selected, words) || y < 56 || y > s.chat.Composer.Object.Position().Y-20 {
			t.Errorf("%s: %q is selected, at %v", words, selected, y)
		}
		s.shot(fmt.Sprintf("search-hit-%s", strings.ToLower(words)))
		s.newChat("")
		s.side.search.SetText("")
		s.q.until(t, "the list", func() bool { return len(s.side.list.rows) > 1 })
	}
}

// selected returns the selected text of the thread, and where it is in the window.
func (s *stage) selected() (text string, y float32) {
	ui.Visit(s.Object, func(o fyne.CanvasObject) {
		if f, ok := o.(*ui.Flow); ok {
			if from, to := f.Selected(); to > from {
				text, y = f.Text(from, to), s.app.Driver().AbsolutePositionForObject(f).Y+f.PositionOf(from).Y
			}
		}
	})
	return text, y
}

// The hits of a search begin at the top of the list, wherever it was scrolled to.
func TestSearchBeginsAtTheTop(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	for i := range 60 {
		c, err := s.store.New()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.store.Append(store.Message{Conversation: c.ID, Role: store.User, Content: fmt.Sprintf("Tell me of the sea, part %d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	s.side.refresh()
	s.q.until(t, "the list", func() bool { return len(s.side.list.rows) > 50 })
	list := s.side.list
	list.pane.Reveal(list.rows[40])
	s.side.search.SetText("sea")
	s.q.until(t, "the hits", func() bool { return list.found })
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject
	y := at(list.rows[0]).Y - at(list).Y
	if y < 0 || y > 40 {
		t.Errorf("the first hit is %v below the top of the list", y)
	}
}
