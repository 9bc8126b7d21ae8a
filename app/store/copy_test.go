package store

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"soberano/app/problem"
)

// A file that can't be opened for writing is shown as it is, its log included, and stays as it is; what is written meanwhile is told.
func TestCopy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() // while it is open, the log has the latest messages
	c := fill(t, s)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := Copy(path, &os.PathError{Op: "open", Path: path, Err: syscall.EROFS})
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	want, err := s.Messages(c)
	got, gotErr := copied.Messages(c)
	if err != nil || gotErr != nil || len(got) != len(want) || len(got) == 0 || got[0].Content != want[0].Content {
		t.Errorf("got %+v, %v; want %+v, %v", got, gotErr, want, err)
	}
	if n := copied.Notice(); n.Code != problem.StoreUnwritable || !errors.Is(n.Err, syscall.EROFS) {
		t.Errorf("notice %+v", n)
	}
	if changed, err := copied.Changed(); changed || err != nil {
		t.Errorf("changed before anything was written: %v, %v", changed, err)
	}
	if err := copied.Draft(c, "lost"); err != nil {
		t.Fatal(err)
	}
	if changed, err := copied.Changed(); !changed || err != nil {
		t.Errorf("changed after something was written: %v, %v", changed, err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file is changed, %v", err)
	}
	if changed, err := s.Changed(); changed || err != nil {
		t.Errorf("a file on the disk: %v, %v", changed, err)
	}
	none, err := Copy(filepath.Join(t.TempDir(), "none.db"), syscall.EROFS)
	if err != nil || none.Notice().Code != problem.StoreUnread {
		t.Fatalf("%+v, %v", none, err)
	}
	defer none.Close()
}

// fill writes a question with its answer.
func fill(t *testing.T, s *Store) (conversation int64) {
	t.Helper()
	c, err := s.New()
	for _, m := range []Message{{Role: User, Content: "What floats?"}, {Role: Assistant, Content: "A boat.", State: Complete}} {
		m.Conversation = c.ID
		if err == nil {
			_, err = s.Append(m)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return c.ID
}
