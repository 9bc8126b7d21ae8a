package shell

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"soberano/app/host"
)

// What is computed for a chat is kept under its ID, removed when the chat is deleted, alone or with all, and when the window is opened without it.
func TestStatesOfChats(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, host.StatesFolder)
	write := func(ids ...int64) {
		t.Helper()
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if err := os.WriteFile(filepath.Join(folder, host.ConversationName(id)+".state"), []byte("said"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	left := func() (names []string) {
		t.Helper()
		files, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			names = append(names, f.Name())
		}
		return names
	}
	write(1000)
	s := newStage(t, dir, smol)
	s.ready()
	s.flush()
	if names := left(); len(names) != 0 {
		t.Errorf("%v of no chat", names)
	}
	var ids []int64
	for _, question := range []string{"One", "Two", "Three"} {
		s.newChat("")
		s.flush()
		s.send(question)
		s.answer("An answer.")
		ids = append(ids, s.chat.Conversation())
		if r := <-s.model.asked; r.Conversation != host.ConversationName(s.chat.Conversation()) {
			t.Errorf("the request of chat %d has the name %q", s.chat.Conversation(), r.Conversation)
		}
	}
	write(ids...)
	c, err := s.store.Conversation(ids[0])
	if err != nil {
		t.Fatal(err)
	}
	s.deleteChat(c)
	s.flush()
	if names := left(); slices.Contains(names, host.ConversationName(ids[0])+".state") || len(names) != 2 {
		t.Errorf("after a chat was deleted: %v", names)
	}
	all, err := s.store.Conversations()
	if err != nil {
		t.Fatal(err)
	}
	s.deleteChats(all)
	s.flush()
	if names := left(); len(names) != 0 {
		t.Errorf("after all chats were deleted: %v", names)
	}
	write(ids...)
	s.show(settingsPage)
	s.q.until(t, "what is kept", func() bool { return strings.Contains(s.words(), "Kept now: 12 bytes.") })
	s.tap("Delete now")
	s.q.until(t, "the deletion", func() bool { return strings.Contains(s.words(), "Nothing is kept now.") })
	if names := left(); len(names) != 0 {
		t.Errorf("after Delete now: %v", names)
	}
	write(ids...)
	v := s.values.Values()
	v.States = -1
	s.change(v)
	s.flush()
	if names := left(); len(names) != 0 {
		t.Errorf("after it was switched off: %v", names)
	}
}
