package shell

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"soberano/app/filekind"
	"soberano/app/store"
)

// block keeps the store busy until release is called.
func (s *stage) block() (release func()) {
	hold := make(chan struct{})
	s.work.Do(func(*store.Store) error { <-hold; return nil }, func(error) {})
	return func() { close(hold) }
}

// flush waits until the store has done all that was asked for, and the window has the results.
func (s *stage) flush() {
	s.t.Helper()
	done := false
	s.work.Do(func(*store.Store) error { return nil }, func(error) { done = true })
	s.q.until(s.t, "the store", func() bool { return done })
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

// What is typed after each of several presses of Ctrl+N goes into the chat of that press, however slow the store is, and a message that
// is sent there is sent there. A chat for which nothing was typed is passed over.
func TestTypingIntoSeveralNextChats(t *testing.T) {
	s := newStageOf(t, "", true, smol)
	s.ready()
	s.q.until(t, "the chat", func() bool { return s.chat.Conversation() != 0 })
	first, e := s.chat.Conversation(), s.chat.Composer.Entry
	e.SetText("a draft")
	typed := func(text string) { e.SetText(e.Text + text); e.ToEnd() }
	release := s.block()
	s.newChat("")
	typed("one")
	s.newChat("")
	s.newChat("")
	typed("two")
	s.chat.Send()
	s.newChat("")
	typed("three")
	s.openChat(store.Conversation{ID: first})
	typed(" and more")
	release()
	s.q.until(t, "the first chat again", func() bool { return s.chat.Conversation() == first && !s.opening.on && len(s.opening.next) == 0 })
	s.flush()
	if e.Text != "a draft and more" {
		t.Errorf("the first chat's draft is %q", e.Text)
	}
	list, err := s.store.Conversations()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range list {
		if c.ID != first {
			names = append(names, c.Name())
		}
	}
	slices.Sort(names)
	if got := strings.Join(names, ", "); got != "Draft: one, Draft: three, two" {
		t.Errorf("the chats are %s", got)
	}
	if !s.chat.Busy() {
		t.Error("the message is not answered")
	}
	close(s.model.words)
	s.q.until(t, "the end of the answer", func() bool { return !s.chat.Busy() })
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
	s.expect(s.words(), "What was written last could not be saved.")
	if s.chat.Busy() {
		t.Error("a message that is not stored is answered")
	}
	if err := s.Close(); err == nil {
		t.Error("nothing is said about the message at the end")
	}
}

// database opens the file of the conversations as another program would.
func (s *stage) database(path string) *sql.DB {
	s.t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { db.Close() })
	return db
}

// lock makes writes to the store fail, as on a full disk, until release is called.
func (s *stage) lock(t *testing.T) (release func()) {
	t.Helper()
	s.exec(`CREATE TRIGGER full1 BEFORE UPDATE ON conversations BEGIN SELECT RAISE(FAIL, 'the disk is full'); END;
		CREATE TRIGGER full2 BEFORE INSERT ON messages BEGIN SELECT RAISE(FAIL, 'the disk is full'); END`)
	return func() { s.exec(`DROP TRIGGER full1; DROP TRIGGER full2`) }
}

// twoChats opens a second chat and returns both; the second is open.
func (s *stage) twoChats(t *testing.T) (first, second int64) {
	t.Helper()
	s.ready()
	s.q.until(t, "the first chat", func() bool { return s.chat.Conversation() != 0 })
	first = s.chat.Conversation()
	s.send("Hello")
	s.say("Hello to you.")
	close(s.model.words)
	s.q.until(t, "the end of the answer", func() bool { return !s.chat.Busy() })
	s.newChat("")
	s.q.until(t, "the second chat", func() bool { return s.chat.Conversation() != first })
	return first, s.chat.Conversation()
}

func (s *stage) reopen(t *testing.T, id int64) {
	t.Helper()
	s.openChat(store.Conversation{ID: id})
	s.q.until(t, "the other chat", func() bool { return s.chat.Conversation() == id })
}

// A message that could not be stored is put back before what was typed since, also where another
// chat is open by then.
func TestUnstoredMessageIsNotLost(t *testing.T) {
	s := newStageOf(t, "", true, smol)
	first, second := s.twoChats(t)
	unlock := s.lock(t)
	entry := s.chat.Composer.Entry
	release := s.block()
	s.send("Remember this")
	entry.SetText("and that")
	release()
	s.q.until(t, "the message", func() bool { return entry.Text == "Remember this\n\nand that" })
	entry.SetText("")
	release = s.block()
	s.openChat(store.Conversation{ID: first})
	s.send("Remember me")
	release()
	s.q.until(t, "the first chat", func() bool { return s.chat.Conversation() == first })
	s.reopen(t, second)
	if entry.Text != "Remember me" {
		t.Errorf("the entry holds %q", entry.Text)
	}
	unlock()
}

// A draft that could not be stored is there when its chat is opened again, and is stored when
// that is possible.
func TestUnstoredDraftIsNotLost(t *testing.T) {
	dir := t.TempDir()
	s := newStageOf(t, dir, true, smol)
	first, second := s.twoChats(t)
	unlock := s.lock(t)
	entry := s.chat.Composer.Entry
	entry.SetText("half a letter")
	s.reopen(t, first)
	s.reopen(t, second)
	if entry.Text != "half a letter" {
		t.Errorf("the entry holds %q", entry.Text)
	}
	s.reopen(t, first)
	unlock()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(filepath.Join(dir, "conversations.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if c, err := db.Conversation(second); err != nil || c.Draft != "half a letter" {
		t.Errorf("draft %q, %v", c.Draft, err)
	}
}

// Words that land in a chat while it is being opened stand in its entry.
func TestWordsForAChatThatIsBeingOpened(t *testing.T) {
	s := newStageOf(t, "", true, smol, base)
	first, second := s.twoChats(t)
	place := s.chat.Talk.Begin()
	s.reopen(t, first)
	release := s.block()
	s.openChat(store.Conversation{ID: second})
	place.Final("spoken words", func() {})
	release()
	s.q.until(t, "the second chat", func() bool { return s.chat.Conversation() == second })
	s.q.until(t, "the words", func() bool { return s.chat.Composer.Entry.Text == "spoken words" })
}

// An answer that could not be stored is shown as it ended, also after another chat was opened, and is stored when that is possible.
func TestUnstoredAnswerIsNotLost(t *testing.T) {
	dir := t.TempDir()
	s := newStageOf(t, dir, true, smol)
	first, second := s.twoChats(t)
	s.model.words = make(chan string)
	release := s.block()
	s.send("What is a boat?")
	release()
	s.q.until(t, "the question", func() bool { return len(s.model.asked) == 2 })
	unlock := s.lock(t)
	s.say("A boat floats.")
	close(s.model.words)
	s.q.until(t, "the end of the answer", func() bool { return !s.chat.Busy() })
	s.expect(s.words(), "What was written last could not be saved.", "A boat floats.", "Copy answer")
	if strings.Contains(s.words(), "Stopped.") {
		t.Error("a complete answer is said to be stopped")
	}
	s.reopen(t, first)
	s.reopen(t, second)
	s.expect(s.words(), "What is a boat? Edit A boat floats. Copy answer")
	s.flush()
	unlock()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(filepath.Join(dir, "conversations.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if m, err := db.Messages(second); err != nil || len(m) != 2 || m[1].Content != "A boat floats." || m[1].State != store.Complete {
		t.Errorf("stored: %+v, %v", m, err)
	}
}

// What could not be stored is tried again by itself; the card that says so goes away when it is stored, and is not shown again by a
// vain attempt after it was closed.
func TestStoredWhenThereIsRoom(t *testing.T) {
	s := newStageOf(t, "", true, smol)
	s.chat.Retry = 20 * time.Millisecond
	_, second := s.twoChats(t)
	s.model.words = make(chan string)
	s.send("What is a boat?")
	s.q.until(t, "the question", func() bool { return len(s.model.asked) == 2 })
	unlock := s.lock(t)
	s.say("A boat floats.")
	close(s.model.words)
	s.q.until(t, "the end of the answer", func() bool { return !s.chat.Busy() })
	const card = "What was written last could not be saved."
	s.expect(s.words(), card, "Save again", "Show the folder")
	s.tap("Close")
	for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		s.q.settle()
	}
	if strings.Contains(s.words(), card) {
		t.Error("the card is shown again after it was closed")
	}
	s.tap("New chat")
	s.q.until(t, "the new chat", func() bool { return s.chat.Conversation() != second })
	s.chat.Composer.Entry.SetText("A draft")
	s.chat.SaveDraft()
	s.q.until(t, "the card", func() bool { return strings.Contains(s.words(), card) })
	const leaving = "Not everything that you wrote could be saved."
	s.Settle(func() { t.Error("the window is closed") })
	s.q.until(t, "the warning", func() bool { return strings.Contains(s.words(), leaving) })
	unlock()
	s.q.until(t, "the end of the cards", func() bool { return !strings.Contains(s.words(), card) && !strings.Contains(s.words(), leaving) })
	if m, err := s.store.Messages(second); err != nil || len(m) != 2 || m[1].Content != "A boat floats." || s.chat.Unstored() {
		t.Errorf("stored: %+v, %v", m, err)
	}
}

// Files that are dropped before a chat is read decide which page is shown: the chat is opened behind it. Images that are dropped
// together with recordings are in the message of that chat, and the page that is shown says so.
func TestDropBeforeTheChatIsRead(t *testing.T) {
	s := newStageOf(t, "", true, smol, base)
	drop := func(paths ...string) { s.take(filekind.Sort(paths)) } // before anything that was posted is done
	dir := t.TempDir()
	drop(wav(t, "memo.wav", time.Second), photo(t, dir, "fjord.png", 60, 40), photo(t, dir, "sea.png", 60, 30))
	if s.chat.Conversation() != 0 || s.page != filesPage {
		t.Fatalf("chat %d and page %s are shown", s.chat.Conversation(), s.page)
	}
	s.q.until(t, "the first chat", func() bool { return s.chat.Conversation() != 0 })
	s.q.until(t, "the recording", func() bool { return strings.Contains(s.words(), "memo.wav") })
	s.expect(s.words(), "“fjord.png” and “sea.png” are added to the message in the chat.")
	if s.page != filesPage {
		t.Errorf("the chat that was read replaces the page by %s", s.page)
	}
	s.tap("Show the chat")
	s.attached(2)
	if strings.Contains(s.words(), "are added to the message") || s.page != chatPage {
		t.Errorf("page %s:\n%s", s.page, s.words())
	}
	first := s.chat.Conversation()
	release := s.block()
	s.newChat("")
	drop(wav(t, "second.wav", time.Second))
	release()
	s.q.until(t, "the new chat", func() bool { return s.chat.Conversation() != first })
	if s.page != filesPage {
		t.Errorf("the new chat replaces the page by %s", s.page)
	}
	s.show(modelsPage)
	release = s.block()
	s.openChat(store.Conversation{ID: first})
	release()
	s.q.until(t, "the chat that was chosen", func() bool { return s.chat.Conversation() == first && s.page == chatPage })
}
