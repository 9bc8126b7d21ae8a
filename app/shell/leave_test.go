package shell

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"soberano/app/store"
)

// A window with text that can't be stored stays and says so; it can be closed when the text is stored, or all the same.
func TestLeavingWithUnstoredText(t *testing.T) {
	dir := t.TempDir()
	s := newStageOf(t, dir, true, smol)
	first, second := s.twoChats(t)
	unlock := s.lock(t)
	s.chat.Composer.Entry.SetText("half a letter")
	s.reopen(t, first)
	s.chat.Composer.Entry.SetText("another half")
	left := 0
	s.Settle(func() { left++ })
	s.q.until(t, "the notice", func() bool { return strings.Contains(s.words(), "Not everything that you wrote could be saved.") })
	s.expect(s.shot("unstored-light"), "Quit all the same", "Show the folder")
	if left != 0 || s.Leaving() {
		t.Errorf("the window is closed: %d, %v", left, s.Leaving())
	}
	s.tap("Quit all the same")
	if left != 1 {
		t.Error("it does not quit")
	}
	unlock()
	s.Settle(func() { left++ })
	s.q.until(t, "the end", func() bool { return left == 2 })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(filepath.Join(dir, "conversations.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for id, want := range map[int64]string{first: "another half", second: "half a letter"} {
		if c, err := db.Conversation(id); err != nil || c.Draft != want {
			t.Errorf("the draft is %q, %v, want %q", c.Draft, err, want)
		}
	}
}

// The error of a change that fails while the window is being closed is returned.
func TestErrorsAtClose(t *testing.T) {
	s := newStageOf(t, "", true, smol)
	s.twoChats(t)
	unlock := s.lock(t)
	s.chat.Composer.Entry.SetText("half a letter")
	if err := s.Close(); err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("got %v", err)
	}
	unlock()
}

// Where the file of the chats can't be written, they are shown all the same. What is written then is not lost without a warning.
func TestReadOnlyChats(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "conversations.db")
	db, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := db.New()
	if err == nil {
		_, err = db.Append(store.Message{Conversation: c.ID, Role: store.User, Content: "Letter to the landlord"})
	}
	// SQLite can't open the file where the log can't be written. Tests may run as a user without limits, so its name is taken.
	if err = errors.Join(err, db.Close(), os.Mkdir(path+"-wal", 0o700)); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, dir, smol)
	s.ready()
	s.expect(s.shot("read-only-light"), "What you write now is not saved yet.", "can't be written to. Your chats are shown as they were saved last", "Letter to the landlord", "Show the folder")
	left := 0
	s.Settle(func() { left++ })
	s.q.settle()
	if left != 1 {
		t.Fatal("the window does not close although nothing was written")
	}
	s.leaving = false
	s.chat.Composer.Entry.SetText("A draft")
	s.Settle(func() { left++ })
	s.q.settle()
	if left != 1 {
		t.Fatal("the window closes, and the draft is lost")
	}
	s.expect(s.words(), "Not everything that you wrote could be saved.")
	s.tap("Quit all the same")
	if left != 2 {
		t.Error("the window does not close")
	}
	// As soon as the file can be written, all of it is saved by itself, and the cards are closed.
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	id := s.chat.Conversation()
	s.q.until(t, "the file", func() bool { return s.store.Path() == path && !strings.Contains(s.words(), "saved") })
	s.leaving = false
	s.Settle(func() { left++ })
	s.q.until(t, "the end", func() bool { return left == 3 })
	if db, err = store.Open(path); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if c, err := db.Conversation(id); err != nil || c.Draft != "A draft" {
		t.Errorf("%+v, %v", c, err)
	}
}

// Chats that could not be read at the start are shown when they can be, and closing the window saves what was written meanwhile.
func TestUnreadChats(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "conversations.db")
	db, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := db.New()
	if err == nil {
		_, err = db.Append(store.Message{Conversation: c.ID, Role: store.User, Content: "Letter to the landlord"})
	}
	if err = errors.Join(err, db.Close(), os.Rename(path, path+".away"), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, dir, smol)
	s.ready()
	s.expect(s.words(), "could not be read. What is in it stays as it is, and your chats are shown as soon as it can be")
	s.chat.Composer.Entry.SetText("A draft")
	id := s.chat.Conversation()
	if err := errors.Join(os.Remove(path), os.Rename(path+".away", path)); err != nil {
		t.Fatal(err)
	}
	left := 0
	s.Settle(func() { left++ })
	s.q.settle()
	if left != 1 {
		t.Fatal("the window does not close although all can be saved")
	}
	s.expect(s.words(), "Letter to the landlord")
	if c, err := s.store.Conversation(id); err != nil || c.Draft != "A draft" || s.store.Path() != path {
		t.Errorf("%+v, %v", c, err)
	}
}

// What was written while the file of the chats could not be written is saved as soon as it can, and the card about it goes.
func TestChatsAreSavedLater(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "conversations.db")
	db, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err = errors.Join(db.Close(), os.Mkdir(path+"-wal", 0o700)); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, dir, smol)
	s.ready()
	s.send("Tell me something")
	s.say("Something")
	s.q.until(t, "the answer", func() bool { return strings.Contains(s.words(), "Something") })
	s.press(fyne.KeyEscape, 0)
	s.q.until(t, "the end of the answer", func() bool { return !s.chat.Busy() })
	s.save()
	s.q.settle()
	s.expect(s.words(), "What you write now is not saved yet.")
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	s.save()
	s.q.until(t, "the card to go", func() bool { return !strings.Contains(s.words(), "not saved yet") })
	s.chat.Composer.Entry.SetText("A draft")
	left := 0
	s.Settle(func() { left++ })
	s.q.settle()
	if left != 1 {
		t.Fatalf("the window does not close although everything can be saved:\n%s", s.words())
	}
	if db, err = store.Open(path); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	list, err := db.Conversations()
	if err != nil || len(list) != 1 || list[0].Draft != "A draft" || list[0].Messages != 2 {
		t.Errorf("saved is %+v, %v", list, err)
	}
}

// Where a disk has room for nothing more than the file of the chats, they are listed, and the window opens a new chat, with what was typed, when there is room.
func TestStartWithoutRoom(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "conversations.db")
	db, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := db.New()
	if err == nil {
		_, err = db.Append(store.Message{Conversation: c.ID, Role: store.User, Content: "Letter to the landlord"})
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	full, err := sql.Open("sqlite", path)
	if err == nil {
		_, err = full.Exec(`CREATE TRIGGER full BEFORE INSERT ON conversations BEGIN SELECT RAISE(FAIL, 'the disk is full'); END`)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	s := newStage(t, dir, smol)
	s.expect(s.words(), "A new chat could not be created.", "Letter to the landlord")
	s.chat.Composer.Entry.SetText("A draft")
	if _, err := full.Exec(`DROP TRIGGER full`); err != nil {
		t.Fatal(err)
	}
	s.q.until(t, "a new chat", func() bool { return s.chat.Conversation() != 0 })
	if w := s.words(); s.chat.Composer.Entry.Text != "A draft" || strings.Contains(w, "could not be created") {
		t.Errorf("the entry holds %q:\n%s", s.chat.Composer.Entry.Text, w)
	}
}
