package shell

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/app/ui/uitest"
)

// tapFirst taps the first visible button with that label.
func (s *stage) tapFirst(label string) {
	s.t.Helper()
	var found *ui.Button
	s.walk(func(o fyne.CanvasObject) {
		if b, ok := o.(*ui.Button); ok && b.Label == label && found == nil {
			found = b
		}
	})
	if found == nil {
		s.t.Fatalf("there is no button %q in:\n%s", label, s.words())
	}
	test.Tap(found)
}

// exchange sends a message and lets the model answer.
func (s *stage) exchange(message, answer string) {
	s.t.Helper()
	s.send(message)
	s.answer(answer)
	s.asked()
}

const editRemark = "You are editing an earlier message. Enter sends it again, Esc leaves it as it was."

// An earlier message is edited in the entry. The new version is answered in its place; what was said later, the earlier version with its
// answer and the draft stay.
func TestEditMessage(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol)
		s.dress(m)
		s.ready()
		s.exchange("Write a story", "Once.")
		s.exchange("Hello", "Hi.")
		entry := s.chat.Composer.Entry
		entry.SetText("a draft")
		s.tapFirst("Edit")
		s.expect(s.shot("edit-"+string(m)), editRemark)
		if entry.Text != "Write a story" || s.win.Canvas().Focused() != fyne.Focusable(entry) {
			t.Errorf("the entry holds %q, %T has the focus", entry.Text, s.win.Canvas().Focused())
		}
		uitest.TypeRunes(s.win.Canvas(), " about boats")
		s.press(fyne.KeyReturn, 0)
		s.answer("There was a boat.")
		if got := s.asked(); got != "Write a story about boats" {
			t.Errorf("the model was asked %q", got)
		}
		if got := s.texts(); got != "Write a story about boats | There was a boat. | Hello | Hi." || entry.Text != "a draft" {
			t.Errorf("stored: %s; the entry holds %q", got, entry.Text)
		}
		s.expect(s.shot("edited-"+string(m)), "Write a story about boats Message 2 of 2 Earlier message Edit There was a boat. Copy answer Try again Hello Edit Hi.")
		s.tap("Earlier message")
		s.expect(s.words(), "Write a story Message 1 of 2 Later message Edit Once. Copy answer Try again Hello Edit Hi.")
		c := store.Conversation{ID: s.chat.Conversation()}
		s.newChat("")
		s.openChat(c)
		s.expect(s.words(), "Write a story Message 1 of 2 Later message Edit Once.")
		s.tap("Later message")
		if got := s.texts(); got != "Write a story about boats | There was a boat. | Hello | Hi." {
			t.Errorf("stored: %s", got)
		}
		s.send("Bye")
		s.answer("Bye.")
		if got := s.asked(); got != "Write a story about boats | There was a boat. | Hello | Hi. | Bye" {
			t.Errorf("the model was asked %q", got)
		}
	})
}

// Esc leaves the message as it was; what was written can be brought back. Sent without a change, the message is answered again.
func TestEditAndEscape(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.exchange("Write a story", "Once.")
	entry := s.chat.Composer.Entry
	entry.SetText("a draft")
	s.tap("Edit")
	uitest.TypeRunes(s.win.Canvas(), " about boats")
	s.press(fyne.KeyEscape, 0)
	if w := s.words(); entry.Text != "a draft" || s.texts() != "Write a story | Once." || strings.Contains(w, "You are editing") {
		t.Errorf("the entry holds %q; stored: %s; shown:\n%s", entry.Text, s.texts(), w)
	}
	entry.TypedShortcut(&fyne.ShortcutUndo{})
	if entry.Text != "Write a story about boats" {
		t.Errorf("Undo brings back %q", entry.Text)
	}
	entry.SetText("a draft")
	s.tap("Edit")
	s.press(fyne.KeyReturn, 0)
	s.answer("Twice.")
	if got := s.texts(); got != "Write a story | Twice." || entry.Text != "a draft" {
		t.Errorf("stored: %s; the entry holds %q", got, entry.Text)
	}
	s.expect(s.words(), "Answer 2 of 2")
}

// An edit of a message goes on when the chat is opened again, and the draft is its own. After the next start both are in the draft.
func TestLeaveWhileEditing(t *testing.T) {
	dir := t.TempDir()
	s := newStage(t, dir, smol)
	s.ready()
	s.exchange("Write a story", "Once.")
	c := store.Conversation{ID: s.chat.Conversation()}
	entry := s.chat.Composer.Entry
	entry.SetText("a draft")
	s.tap("Edit")
	leave := func(want string) {
		t.Helper()
		s.newChat("")
		if entry.Text != "" {
			t.Errorf("the entry of another chat holds %q", entry.Text)
		}
		s.openChat(c)
		if entry.Text != want {
			t.Errorf("the entry holds %q, want %q", entry.Text, want)
		}
		s.expect(s.words(), "You are editing an earlier message.")
	}
	leave("Write a story")
	uitest.TypeRunes(s.win.Canvas(), "!")
	leave("Write a story!")
	s.press(fyne.KeyEscape, 0)
	if entry.Text != "a draft" {
		t.Errorf("after Esc the entry holds %q", entry.Text)
	}
	s.tap("Edit")
	uitest.TypeRunes(s.win.Canvas(), "?")
	leave("Write a story?")
	s.press(fyne.KeyReturn, 0)
	s.answer("Twice.")
	if got := s.texts(); got != "Write a story? | Twice." || entry.Text != "a draft" {
		t.Errorf("stored: %s; the entry holds %q", got, entry.Text)
	}
	s.tap("Edit")
	uitest.TypeRunes(s.win.Canvas(), "?")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = newStage(t, dir, smol)
	s.openChat(c)
	if got := s.chat.Composer.Entry.Text; got != "Write a story??\n\na draft" {
		t.Errorf("after the next start the entry holds %q", got)
	}
}

// A message that is dictated while it is edited is another version, too.
func TestDictateIntoAnEditedMessage(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	s.exchange("Write a story", "Once.")
	s.chat.Composer.Entry.SetText("a draft")
	s.tap("Edit")
	release := s.speaking("", "and that is")
	s.press(fyne.KeyReturn, 0)
	close(release)
	s.answer("Twice.")
	if got := s.texts(); got != "Write a story and that is all. | Twice." || s.chat.Composer.Entry.Text != "a draft" {
		t.Errorf("stored: %s; the entry holds %q", got, s.chat.Composer.Entry.Text)
	}
}

// A version that can't be stored is in the entry again.
func TestEditThatCannotBeStored(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.exchange("Write a story", "Once.")
	s.tap("Edit")
	uitest.TypeRunes(s.win.Canvas(), "!")
	unlock := s.lock(t)
	s.press(fyne.KeyReturn, 0)
	if got := s.chat.Composer.Entry.Text; got != "Write a story!" || s.texts() != "Write a story | Once." {
		t.Errorf("the entry holds %q; stored: %s", got, s.texts())
	}
	unlock()
}

// Enter, "Try again" and "Edit" while an answer is written say why nothing happens, and what to do.
func TestEnterWhileAnswering(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol)
		s.dress(m)
		s.ready()
		s.exchange("Hello", "Hi.")
		s.send("Write a story")
		s.say("Once")
		s.chat.Focus(s.win.Canvas())
		uitest.TypeRunes(s.win.Canvas(), "and a poem")
		s.press(fyne.KeyReturn, 0)
		s.expect(s.shot("enter-while-answering-"+string(m)), "An answer is still being written. Your message stays here: send it when the answer has ended, or press Esc to stop it.")
		s.press(fyne.KeyEscape, 0)
		s.q.until(t, "the stop", func() bool { return !s.chat.Busy() })
		if w := s.words(); strings.Contains(w, "still being written") {
			t.Errorf("after the answer is shown:\n%s", w)
		}
		s.press(fyne.KeyReturn, 0)
		s.say("Roses")
		for _, label := range []string{"Try again", "Edit"} {
			s.tapFirst(label)
			s.expect(s.words(), "An answer is still being written. Wait for its end, or press Esc to stop it.")
			s.chat.Relayout()
		}
		s.answer(" are red.")
		if got := s.texts(); got != "Hello | Hi. | Write a story | Once | and a poem | Roses are red." {
			t.Errorf("stored: %s", got)
		}
	})
}

// A finished answer can be tried again.
func TestTryAgainUnderAFinishedAnswer(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.exchange("Write a story", "Once.")
	s.exchange("Hello", "Hi.")
	s.tapFirst("Try again")
	s.answer("Twice.")
	if got := s.texts(); got != "Write a story | Twice. | Hello | Hi." {
		t.Errorf("stored: %s", got)
	}
	s.tap("Earlier answer")
	if got := s.texts(); got != "Write a story | Once. | Hello | Hi." {
		t.Errorf("stored: %s", got)
	}
}

// An answer that ends because its model is removed says so, also after the next start.
func TestAnswerOfARemovedModel(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.send("Write a story")
	s.say("Once upon")
	s.show(modelsPage)
	s.tap("Remove")
	s.tap("Remove it")
	s.q.until(t, "the end of the answer", func() bool { return !s.chat.Busy() })
	s.show(chatPage)
	const want = "Once upon Copy answer Stopped. SmolLM2 135M was removed from the library. Try again"
	s.expect(s.words(), want)
	c := store.Conversation{ID: s.chat.Conversation()}
	s.newChat("")
	s.openChat(c)
	s.expect(s.words(), want)
}
