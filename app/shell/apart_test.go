package shell

import (
	"path/filepath"
	"testing"
	"time"

	"soberano/app/store"
)

// block keeps the store busy until release is called.
func (s *stage) block() (release func()) {
	hold := make(chan struct{})
	s.work.Do(func(*store.Store) error { <-hold; return nil }, func(error) {})
	return func() { close(hold) }
}

// While the store is slow the window stays usable: a message can be sent, another chat opened and text typed. The effects follow
// in that order when the store answers.
func TestSlowStore(t *testing.T) {
	s := newStageOf(t, "", true, smol)
	s.ready()
	s.q.until(t, "the first chat", func() bool { return s.chat.Conversation() != 0 })
	first := s.chat.Conversation()
	release := s.block()
	began := time.Now()
	s.send("What is a boat?")
	if text := s.chat.Composer.Entry.Text; text != "" || s.chat.Busy() {
		t.Errorf("sent and not stored: the entry holds %q, busy: %v", text, s.chat.Busy())
	}
	s.newChat("")
	s.newChat("a new one")
	s.q.settle()
	if d := time.Since(began); d > 10*time.Second || s.chat.Conversation() != first {
		t.Errorf("after %v chat %d is open", d, s.chat.Conversation())
	}
	release()
	s.q.until(t, "the new chat", func() bool { return s.chat.Conversation() != first && s.chat.Composer.Entry.Text == "a new one" })
	if !s.chat.Busy() {
		t.Error("the message in the first chat is not answered")
	}
	s.say("A boat floats.")
	close(s.model.words)
	s.q.until(t, "the end of the answer", func() bool { return !s.chat.Busy() })
	s.openChat(store.Conversation{ID: first})
	s.q.until(t, "the first chat again", func() bool { return s.chat.Conversation() == first })
	s.expect(s.words(), "What is a boat?", "A boat floats.", "Copy answer")
}

// Text typed after Ctrl+N goes into the new chat, however slow the store is; the earlier text of the entry stays the draft of
// the other chat.
func TestTypingIntoTheNextChat(t *testing.T) {
	s := newStageOf(t, "", true, smol)
	s.ready()
	s.q.until(t, "the chat", func() bool { return s.chat.Conversation() != 0 })
	first := s.chat.Conversation()
	s.send("Hello")
	s.say("Hello to you.")
	close(s.model.words)
	s.q.until(t, "the end of the answer", func() bool { return !s.chat.Busy() })
	s.chat.Composer.Entry.SetText("a draft")
	release := s.block()
	s.newChat("")
	s.chat.Composer.Entry.SetText("a draft and more")
	release()
	s.q.until(t, "the new chat", func() bool { return s.chat.Conversation() != first })
	if text := s.chat.Composer.Entry.Text; text != " and more" {
		t.Errorf("the new chat's entry holds %q", text)
	}
	s.openChat(store.Conversation{ID: first})
	s.q.until(t, "the first chat", func() bool { return s.chat.Conversation() == first })
	if text := s.chat.Composer.Entry.Text; text != "a draft" {
		t.Errorf("the first chat's draft is %q", text)
	}
}

// Messages sent and text typed just before the window is closed are stored.
func TestNothingIsLostAtClose(t *testing.T) {
	dir := t.TempDir()
	s := newStageOf(t, dir, true, smol)
	s.ready()
	s.q.until(t, "the chat", func() bool { return s.chat.Conversation() != 0 })
	id := s.chat.Conversation()
	release := s.block()
	s.send("Remember this")
	s.chat.Composer.Entry.SetText("and that")
	time.AfterFunc(100*time.Millisecond, release)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(filepath.Join(dir, "conversations.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	messages, err := db.Messages(id)
	if err != nil || len(messages) != 1 || messages[0].Content != "Remember this" {
		t.Errorf("messages %+v, %v", messages, err)
	}
	if c, err := db.Conversation(id); err != nil || c.Draft != "and that" {
		t.Errorf("draft %q, %v", c.Draft, err)
	}
}

// A message that could not be stored is put back into the entry.
func TestUnstoredMessageIsPutBack(t *testing.T) {
	s := newStageOf(t, "", true, smol)
	s.ready()
	s.q.until(t, "the chat", func() bool { return s.chat.Conversation() != 0 })
	s.work.Do(func(db *store.Store) error { return db.Close() }, func(error) {})
	s.send("Remember this")
	s.q.until(t, "the notice", func() bool { return s.chat.Composer.Entry.Text == "Remember this" })
	s.expect(s.words(), "This could not be saved.")
	if s.chat.Busy() {
		t.Error("a message that is not stored is answered")
	}
}
