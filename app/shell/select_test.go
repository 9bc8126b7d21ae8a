package shell

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"soberano/app/store"
)

// Ctrl+A and Ctrl+C are for the conversation where no widget has the focus, as after a click on its text, and only on its page.
func TestConversationIsCopiedByKeys(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	c, err := s.store.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []store.Message{{Role: store.User, Content: "What is it?"}, {Role: store.Assistant, Content: "- a *list*\n- of two", State: store.Complete}} {
		m.Conversation = c.ID
		if _, err := s.store.Append(m); err != nil {
			t.Fatal(err)
		}
	}
	s.openChat(c)
	s.q.until(t, "the chat", func() bool { return s.chat.Conversation() == c.ID })
	keys, ok := s.win.Canvas().(fyne.Shortcutable)
	if !ok {
		t.Fatal("the window takes no shortcuts")
	}
	board := fyne.CurrentApp().Clipboard()
	s.win.Canvas().Unfocus()
	s.typedKey(&fyne.KeyEvent{Name: desktop.KeyControlLeft}) // which comes before the combination
	if o := s.win.Canvas().Focused(); o != nil {
		t.Errorf("after Ctrl, %T has the focus", o)
	}
	keys.TypedShortcut(&fyne.ShortcutSelectAll{})
	keys.TypedShortcut(&fyne.ShortcutCopy{})
	if got := board.Content(); got != "What is it?\n\n• a list\n• of two" {
		t.Errorf("%q is copied", got)
	}
	board.SetContent("as before")
	s.show(settingsPage)
	s.win.Canvas().Unfocus()
	keys.TypedShortcut(&fyne.ShortcutCopy{})
	if got := board.Content(); !strings.HasPrefix(got, "as before") {
		t.Errorf("%q is copied from a page that is not shown", got)
	}
}
