package shell

import (
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"soberano/app/ui"
	"soberano/app/ui/uitest"
)

// clickRow clicks on a row of the list of chats.
func (s *stage) clickRow(n int, with fyne.KeyModifier) {
	r := s.side.list.rows[n]
	r.MouseDown(&desktop.MouseEvent{Button: desktop.MouseButtonPrimary, Modifier: with})
	r.MouseUp(&desktop.MouseEvent{Button: desktop.MouseButtonPrimary, Modifier: with})
	test.Tap(r)
	s.q.settle()
}

// Several chats are selected by clicks with Ctrl and Shift, and deleted after a question; Undo brings all of them back.
func TestDeleteSelected(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol)
		s.dress(m)
		s.fill()
		s.ready()
		before := s.chats()
		s.clickRow(1, fyne.KeyModifierControl)
		s.expect(s.words(), "1 chat is selected.", "Cancel")
		s.clickRow(3, fyne.KeyModifierShift)
		s.clickRow(2, fyne.KeyModifierControl)
		s.expect(s.shot("selected-"+string(m)), "2 chats are selected.", "Delete", "Cancel")
		kept := s.side.list.rows[2].hit.Name()
		s.win.Canvas().Focus(s.side.list)
		s.press(fyne.KeyDelete, 5)
		s.expect(s.words(), "Delete 2 chats? They stay in the trash for 30 days.")
		if s.chats() != before {
			t.Errorf("without an answer the chats are %s", s.chats())
		}
		s.tap("Cancel")
		s.tap("Delete")
		s.tap("Delete")
		if got := s.chats(); strings.Count(got, "|") != 2 || !strings.Contains(got, kept) {
			t.Errorf("the chats are %s", got)
		}
		s.expect(s.words(), "2 chats are deleted.")
		s.tap("Undo")
		if got := s.chats(); strings.Count(got, "|") != 4 {
			t.Errorf("after Undo the chats are %s", got)
		}
	})
}

// Shift and ↓ select in the list, Esc and a click without a key select nothing.
func TestSelectByKeys(t *testing.T) {
	s := newStage(t, "", smol)
	s.fill()
	s.ready()
	l := s.side.list
	s.win.Canvas().Focus(l)
	l.KeyDown(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
	for range 2 {
		l.TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
	}
	l.KeyUp(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
	s.expect(s.words(), "3 chats are selected.")
	s.press(fyne.KeyEscape, 0)
	if strings.Contains(s.words(), "selected") || s.win.Canvas().Focused() != fyne.Focusable(l) {
		t.Errorf("after Esc %T has the focus; shown:\n%s", s.win.Canvas().Focused(), s.words())
	}
	s.clickRow(2, fyne.KeyModifierControl)
	open := l.rows[3].hit.ID
	s.clickRow(3, 0)
	if strings.Contains(s.words(), "selected") || s.chat.Conversation() != open {
		t.Errorf("after a click chat %d is open; shown:\n%s", s.chat.Conversation(), s.words())
	}
}

// All chats are deleted after a question, the open one too, and are in the trash.
func TestDeleteAll(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStageOf(t, "", true, smol)
		s.dress(m)
		s.fill()
		s.ready()
		s.q.until(t, "the chats", func() bool { return len(s.side.list.rows) == 5 })
		s.openChat(s.side.list.rows[2].hit.Conversation)
		s.flush()
		s.chat.Composer.Entry.SetText("a draft")
		s.chatMenu(s.side.list.rows[1].hit.Conversation, fyne.NewPos(100, 300))
		for range 4 {
			uitest.PressKey(s.win.Canvas(), fyne.KeyDown)
		}
		s.shot("delete-all-menu-" + string(m))
		uitest.PressKey(s.win.Canvas(), fyne.KeyReturn)
		s.q.until(t, "the question", func() bool { return strings.Contains(s.words(), "Delete all 4 chats?") })
		s.shot("delete-all-" + string(m))
		s.tap("Delete all")
		s.flush()
		s.flush()
		if got := s.chats(); got != "New chat" {
			t.Errorf("the chats are %s", got)
		}
		if list, err := s.store.Trash(); err != nil || len(list) != 4 {
			t.Errorf("%d chats are in the trash, %v", len(list), err)
		}
		s.tap("Undo")
		s.q.until(t, "the chats", func() bool { return len(s.side.list.rows) == 5 })
	})
}

// What the sidebar says about a deletion goes away after a while, but not while one of its buttons has the focus.
func TestDeletionIsTold(t *testing.T) {
	s := newStage(t, "", smol)
	s.fill()
	s.ready()
	s.passing.Time = 30 * time.Millisecond
	told := func() bool { return strings.Contains(s.words(), "is deleted.") }
	s.deleteChat(s.side.list.rows[1].hit.Conversation)
	if !told() {
		t.Fatal("nothing is said")
	}
	s.tabTo("Undo")
	time.Sleep(100 * time.Millisecond)
	s.q.settle()
	if !told() {
		t.Error("the message goes away while its button has the focus")
	}
	s.chat.Focus(s.win.Canvas())
	s.q.until(t, "the end of the message", func() bool { return !told() })
	if list, err := s.store.Trash(); err != nil || len(list) != 1 {
		t.Errorf("%d chats are in the trash, %v", len(list), err)
	}
}

// A new chat is empty: an earlier one with a draft stays in the list, and is the one that is shown at the next start.
func TestNewChatIsEmpty(t *testing.T) {
	dir := t.TempDir()
	s := newStageOf(t, dir, true, smol)
	s.ready()
	s.q.until(t, "the first chat", func() bool { return s.chat.Conversation() != 0 })
	first := s.chat.Conversation()
	s.chat.Composer.Entry.SetText("an *old* draft")
	s.shortcut(control(fyne.KeyN))
	s.q.until(t, "the new chat", func() bool { return s.chat.Conversation() != first })
	s.flush()
	if got := s.chat.Composer.Entry.Text; got != "" || s.chats() != "New chat | Draft: an old draft" {
		t.Errorf("the new chat holds %q; the chats are %s", got, s.chats())
	}
	s.flush()
	second := s.chat.Conversation()
	s.shortcut(control(fyne.KeyN))
	s.flush()
	if s.chat.Conversation() != second {
		t.Error("there are two empty chats")
	}
	s.openChat(s.side.list.rows[1].hit.Conversation)
	s.flush()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = newStageOf(t, dir, true, smol)
	s.chat.Composer.Entry.SetText("typed at once")
	s.q.until(t, "the first chat", func() bool { return s.chat.Conversation() != 0 })
	if got := s.chat.Composer.Entry.Text; got != "an *old* draft typed at once" && got != "typed at once" {
		t.Errorf("after the next start the entry holds %q", got)
	}
}

// After a click with Ctrl or Shift, Delete is about the selected chats, and not about the message.
func TestDeleteAfterSelectingByMouse(t *testing.T) {
	s := newStage(t, "", smol)
	s.fill()
	s.ready()
	e := s.chat.Composer.Entry
	e.SetText("draft here")
	e.SetCaret(0)
	s.chat.Focus(s.win.Canvas())
	before := strings.Count(s.chats(), "|")
	s.win.Canvas().Unfocus() // by the click
	s.clickRow(2, fyne.KeyModifierControl)
	s.press(fyne.KeyDelete, 0)
	if got := s.chats(); strings.Count(got, "|") != before-1 || e.Text != "draft here" {
		t.Errorf("the chats are %s, the draft is %q", got, e.Text)
	}
	s.win.Canvas().Unfocus()
	s.clickRow(1, fyne.KeyModifierControl)
	s.clickRow(2, fyne.KeyModifierShift)
	s.press(fyne.KeyDelete, 0)
	s.expect(s.words(), "Delete 2 chats?")
}

// A new chat ends a search, among whose hits it would not be.
func TestNewChatEndsTheSearch(t *testing.T) {
	s := newStage(t, "", smol)
	s.fill()
	s.ready()
	s.side.search.SetText("landlord")
	s.q.until(t, "the hits", func() bool { return s.side.list.found })
	s.shortcut(control(fyne.KeyN))
	s.q.until(t, "all chats", func() bool { return !s.side.list.found && len(s.side.list.rows) == 5 })
	if s.side.search.Text != "" || s.side.list.chosen != s.chat.Conversation() {
		t.Errorf("the search holds %q, chat %d is marked", s.side.search.Text, s.side.list.chosen)
	}
}
