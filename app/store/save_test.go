package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"soberano/app/problem"
)

// copied returns a copy of a file with a question, its answer and an image, and the path of the file, which nobody has opened.
func copied(t *testing.T) (s *Store, path string, conversation int64) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "conversations.db")
	file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	conversation = fill(t, file)
	if err := file.Attach(conversation, NewImage("red.png", 1, 1, []byte("an image"))); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Copy(path, syscall.ENOSPC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, path, conversation
}

// What was written into a copy is in the file after Save, and what was there before, with numbers that go on.
func TestSave(t *testing.T) {
	s, path, c := copied(t)
	if !s.Saves() {
		t.Fatal("the copy can't be saved")
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(); err != nil {
		t.Error(err)
	}
	if after, err := os.ReadFile(path); err != nil || !slices.Equal(after, before) {
		t.Errorf("without a change the file is written, %v", err)
	}
	for _, text := range []string{"Who builds it?", "And how?"} {
		if _, err := s.Append(Message{Conversation: c, Role: User, Content: text}); err != nil {
			t.Fatal(err)
		}
	}
	gone, err := s.New()
	if err == nil {
		err = s.Draft(gone.ID, "gone")
	}
	if err == nil {
		_, err = s.DeleteAll([]int64{gone.ID})
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time into a file that it has written itself
		if err := s.Draft(c, "a draft "+time.Now().String()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Save(); err != nil {
			t.Fatal(err)
		}
		if changed, err := s.Changed(); changed || err != nil {
			t.Errorf("changed after Save: %v, %v", changed, err)
		}
	}
	want, err := s.Messages(c)
	if err != nil {
		t.Fatal(err)
	}
	file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got, err := file.Messages(c)
	same := func(a, b Message) bool {
		return a.ID == b.ID && a.Content == b.Content && a.State == b.State && a.Turn == b.Turn
	}
	if err != nil || len(got) != 4 || !slices.EqualFunc(got, want, same) {
		t.Errorf("in the file are %+v, %v", got, err)
	}
	conversation, err := file.Conversation(c)
	if err != nil || len(conversation.Images) != 1 || conversation.Draft == "" {
		t.Errorf("the conversation is %+v, %v", conversation, err)
	}
	if next, err := file.New(); err != nil || next.ID <= gone.ID {
		t.Errorf("a new conversation has the number %d, after %d, %v", next.ID, gone.ID, err)
	}
}

// A file that can't be written yet, or that another program has changed, stays as it is, and a later Save succeeds.
func TestSaveFails(t *testing.T) {
	s, path, c := copied(t)
	if err := s.Draft(c, "kept"); err != nil {
		t.Fatal(err)
	}
	away := path + ".away"
	if err := errors.Join(os.Rename(path, away), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(); err == nil {
		t.Error("a folder in the place of the file is replaced")
	}
	if err := errors.Join(os.Remove(path), os.Rename(away, path)); err != nil {
		t.Fatal(err)
	}
	s.original.mark = markOf(path)
	full, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := full.db.Exec(`CREATE TRIGGER full BEFORE UPDATE ON conversations BEGIN SELECT 1; END; CREATE TRIGGER fuller BEFORE INSERT ON messages BEGIN SELECT RAISE(FAIL, 'the disk is full'); END`); err != nil {
		t.Fatal(err)
	}
	if err := full.Close(); err != nil {
		t.Fatal(err)
	}
	s.original.mark = markOf(path)
	if _, err := s.Save(); err == nil || errors.Is(err, ErrChanged) {
		t.Errorf("a full disk: %v", err)
	}
	if full, err = Open(path); err != nil {
		t.Fatal(err)
	}
	if m, err := full.Messages(c); err != nil || len(m) != 2 {
		t.Errorf("after a failure the file has %+v, %v", m, err)
	}
	if _, err := full.db.Exec(`DROP TRIGGER fuller`); err != nil {
		t.Fatal(err)
	}
	if err := full.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(); !errors.Is(err, ErrChanged) {
		t.Errorf("a file that another program has changed: %v", err)
	}
	s.original.mark = markOf(path)
	if _, err := s.Save(); err != nil {
		t.Error(err)
	}
	if changed, err := s.Changed(); changed || err != nil {
		t.Errorf("changed after Save: %v, %v", changed, err)
	}
}

// A copy of a file that can't be read, or that a newer version has written, never replaces it; one of no file creates it.
func TestSavesOnlyWhatIsKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	s, err := Copy(path, syscall.EROFS)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := fill(t, s)
	if _, err := s.Save(); err != nil {
		t.Error(err)
	}
	if changed, err := s.Changed(); changed || err != nil {
		t.Errorf("changed after Save: %v, %v", changed, err)
	}
	file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if m, err := file.Messages(c); err != nil || len(m) != 2 {
		t.Errorf("in the file are %+v, %v", m, err)
	}
	junk := filepath.Join(t.TempDir(), "junk.db")
	if err := os.WriteFile(junk, []byte("no database, and long enough to be seen as none by whoever opens it"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, why := range map[string]error{junk: syscall.EIO, filepath.Join(t.TempDir(), "newer.db"): &problem.Problem{Code: problem.StoreNewer}} {
		s, err := Copy(path, why)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if s.Saves() {
			t.Errorf("%s: the file would be replaced", path)
		}
	}
}
