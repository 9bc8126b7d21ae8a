package shell

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"soberano/app/store"
	"soberano/app/ui"
)

// press presses a key as Fyne's window does; repeats is how often it repeats while it is held.
func (s *stage) press(name fyne.KeyName, repeats int) {
	s.t.Helper()
	c, k := s.win.Canvas(), &fyne.KeyEvent{Name: name}
	if f, ok := c.Focused().(desktop.Keyable); ok {
		f.KeyDown(k)
	}
	defer ui.SetRepeats(false)
	for i := range 1 + repeats {
		ui.SetRepeats(i > 0)
		if f := c.Focused(); f != nil {
			f.TypedKey(k)
		} else {
			c.OnTypedKey()(k)
		}
		s.q.settle()
	}
	if f, ok := c.Focused().(desktop.Keyable); ok {
		f.KeyUp(k)
	}
}

// chats returns the titles in the sidebar.
func (s *stage) chats() string {
	var list []string
	for _, r := range s.side.list.rows {
		list = append(list, r.hit.Name())
	}
	return strings.Join(list, " | ")
}

// A key that is held deletes one chat. Each further press deletes the next one, and Undo brings all of them back.
func TestDeleteHeld(t *testing.T) {
	s := newStage(t, "", smol)
	s.fill()
	s.ready()
	s.send("The open chat")
	s.answer("Yes.")
	open := s.chat.Conversation()
	s.win.Canvas().Focus(s.side.list)
	s.press(fyne.KeyDown, 0)
	s.press(fyne.KeyDelete, 50)
	if got := s.chats(); got != "The open chat | Explain photosynthesis simply | Names for a sailing boat | Letter to the landlord" &&
		got != "The open chat | Names for a sailing boat | Explain photosynthesis simply | Notes from the Tuesday call" {
		t.Fatalf("after one press the chats are %s", got)
	}
	if s.chat.Conversation() != open || s.win.Canvas().Focused() != fyne.Focusable(s.side.list) {
		t.Errorf("chat %d is open, %T has the keyboard", s.chat.Conversation(), s.win.Canvas().Focused())
	}
	s.press(fyne.KeyDelete, 0)
	s.press(fyne.KeyDelete, 0)
	if got := s.chats(); strings.Count(got, "|") != 1 || !strings.HasPrefix(got, "The open chat") {
		t.Errorf("after three presses the chats are %s", got)
	}
	s.expect(s.words(), "3 chats are deleted.", "Undo", "Trash")
	s.tap("Undo")
	if got := s.chats(); strings.Count(got, "|") != 4 {
		t.Errorf("after Undo the chats are %s", got)
	}
	s.win.Canvas().Focus(s.side.list)
	s.press(fyne.KeyUp, 10)
	s.press(fyne.KeyDelete, 50)
	if got := s.chats(); strings.Contains(got, "The open chat") || s.chat.Conversation() == open {
		t.Errorf("the open chat is not deleted: %s", got)
	}
	if s.win.Canvas().Focused() != fyne.Focusable(s.side.list) {
		t.Errorf("%T has the keyboard", s.win.Canvas().Focused())
	}
}

// Presses that come faster than the store can delete are about one chat each.
func TestDeleteFast(t *testing.T) {
	s := newStageOf(t, "", true, smol)
	s.fill()
	s.ready()
	s.q.until(t, "the chats", func() bool { return len(s.side.list.rows) == 5 })
	s.flush()
	s.win.Canvas().Focus(s.side.list)
	s.press(fyne.KeyDown, 0)
	release := s.block()
	for range 3 {
		s.press(fyne.KeyDelete, 5)
	}
	release()
	s.flush()
	if list, err := s.store.Trash(); err != nil || len(list) != 3 {
		t.Errorf("%d chats are deleted, %v", len(list), err)
	}
}

// Delete that is held while the focus comes to the list deletes nothing there.
func TestDeleteHeldElsewhere(t *testing.T) {
	s := newStage(t, "", smol)
	s.fill()
	s.ready()
	s.chat.Focus(s.win.Canvas())
	s.press(fyne.KeyDelete, 3)
	s.win.Canvas().Focus(s.side.list)
	before := s.chats()
	ui.SetRepeats(true)
	defer ui.SetRepeats(false)
	for range 10 {
		s.side.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyDelete})
	}
	if got := s.chats(); got != before {
		t.Errorf("the chats are %s", got)
	}
}

// The trash keeps deleted chats and transcripts, also after a new start. They can be restored one by one, and deleted for good after
// a question.
func TestTrash(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		dir := t.TempDir()
		s := newStage(t, dir, smol, base)
		s.dress(m)
		s.fill()
		s.ready()
		for range 3 {
			s.deleteChat(s.side.list.rows[1].hit.Conversation)
		}
		tr, err := s.store.AddTranscript(store.Transcript{Path: "/a.wav", Title: "a.wav", State: store.Complete})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.store.DeleteTranscript(tr.ID); err != nil {
			t.Fatal(err)
		}
		left := s.chats()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = newStage(t, dir, smol, base)
		s.dress(m)
		s.ready()
		if got := s.chats(); got != left {
			t.Errorf("the chats are %s, want %s", got, left)
		}
		s.tap("Trash")
		s.expect(s.shot("trash-"+string(m)), "Deleted chats and transcripts are kept here for 30 days.", "Empty the trash", "Chat · deleted today", "Transcript · deleted today", "a.wav")
		if n := strings.Count(s.words(), "Restore"); n != 4 {
			t.Errorf("%d entries", n)
		}
		s.tap("Restore") // the last one
		s.expect(s.words(), "An answer about")
		if strings.Count(s.chats(), "|") != strings.Count(left, "|")+1 {
			t.Errorf("after restoring one the chats are %s", s.chats())
		}
		s.tap("Trash")
		s.tap("Empty the trash")
		s.expect(s.shot("trash-question-"+string(m)), "Delete all 3 chats and transcripts in the trash for good? This can't be undone.")
		s.tap("Cancel")
		if n := strings.Count(s.words(), "Restore"); n != 3 {
			t.Errorf("%d entries after Cancel", n)
		}
		s.tap("Delete for good")
		s.expect(s.words(), "for good? This can't be undone.")
		s.tap("Delete for good")
		if n := strings.Count(s.words(), "Restore"); n != 2 {
			t.Errorf("%d entries after one was deleted for good", n)
		}
		s.tap("Empty the trash")
		s.tap("Delete for good")
		s.expect(s.shot("trash-empty-"+string(m)), "The trash is empty.")
	})
}

// A chat is kept for 30 days.
func TestTrashTime(t *testing.T) {
	dir := t.TempDir()
	s := newStage(t, dir, smol)
	s.fill()
	s.deleteChat(s.side.list.rows[1].hit.Conversation)
	s.deleteChat(s.side.list.rows[1].hit.Conversation)
	list, err := s.store.Trash()
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	s.exec(fmt.Sprintf(`UPDATE conversations SET deleted = %d WHERE id = %d`, time.Now().Add(-29*24*time.Hour).UnixMilli(), list[0].ID),
		fmt.Sprintf(`UPDATE conversations SET deleted = %d WHERE id = %d`, time.Now().Add(-31*24*time.Hour).UnixMilli(), list[1].ID))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = newStage(t, dir, smol)
	if now, err := s.store.Trash(); err != nil || len(now) != 1 || now[0].ID != list[0].ID {
		t.Errorf("in the trash are %+v, %v", now, err)
	}
}

// exec changes the file of the conversations from outside.
func (s *stage) exec(queries ...string) {
	s.t.Helper()
	db := s.database(filepath.Join(s.Data, "conversations.db"))
	for _, q := range queries {
		if _, err := db.Exec(q); err != nil {
			s.t.Fatal(err)
		}
	}
}
