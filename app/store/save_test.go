package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// dump returns the content of all tables as text.
func dump(t *testing.T, s *Store) string {
	t.Helper()
	var b strings.Builder
	for _, table := range tables {
		rows, err := s.db.Query(`SELECT * FROM ` + table.name + ` ORDER BY ` + strings.Join(table.keys, ", "))
		if err != nil {
			t.Fatal(err)
		}
		names, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(names))
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(&b, table.name)
			for i, v := range values {
				fmt.Fprintf(&b, " %s=%v", names[i], *v.(*any))
			}
			b.WriteByte('\n')
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// reopen opens the file at path.
func reopen(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// locked makes a file that SQLite can't open, by the name of its log: tests may run as a user without limits.
func locked(t *testing.T, path string) (unlock func()) {
	t.Helper()
	if err := os.Mkdir(path+"-wal", 0o700); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path + "-wal"); err != nil {
			t.Fatal(err)
		}
	}
}

// What was written while the file could not be is in the file after Save, and the file has no less than before.
func TestSave(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	s := reopen(t, path)
	changed, deleted, kept := fill(t, s), fill(t, s), fill(t, s)
	picture := NewImage("a.png", 2, 1, []byte("an image"))
	tr, err := s.AddTranscript(Transcript{Path: "a.wav", Title: "a.wav"})
	err = errors.Join(err, s.AddSegments(tr.ID, Segment{Text: "one"}, Segment{Text: "two"}), s.Attach(deleted, picture), s.Delete(deleted), s.Close())
	if err != nil {
		t.Fatal(err)
	}
	unlock := locked(t, path)
	_, why := Open(path)
	c, err := Copy(path, why)
	if why == nil || err != nil {
		t.Fatal(why, err)
	}
	defer c.Close()
	if err := c.Save(); err == nil || c.Path() != "" {
		t.Fatalf("saved where nothing can be written: %v, %q", err, c.Path())
	}
	fresh, err := c.New()
	second, err2 := c.AddTranscript(Transcript{Path: "b.wav", Title: "b.wav"})
	err = errors.Join(err, err2, c.Draft(fresh.ID, "a draft"), c.Draft(changed, "another"), c.Erase(Trashed{ID: deleted}), c.Attach(fresh.ID, picture),
		c.EditSegment(tr.ID, 1, "TWO"), c.AddSegments(tr.ID, Segment{Text: "three"}), c.AddSegments(second.ID, Segment{Text: "four"}))
	if _, appendErr := c.Append(Message{Conversation: changed, Role: User, Content: "And now?"}); err != nil || appendErr != nil {
		t.Fatal(err, appendErr)
	}
	if lost, err := c.Changed(); !lost || err != nil {
		t.Fatal(lost, err)
	}
	want := dump(t, c)
	unlock()
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	if lost, err := c.Changed(); lost || err != nil || c.Path() != path || c.Notice().Code != "" {
		t.Errorf("after it was saved: %v, %v, %q, %v", lost, err, c.Path(), c.Notice())
	}
	if err := c.Draft(kept, "later"); err != nil { // into the file
		t.Fatal(err)
	}
	f := reopen(t, path)
	defer f.Close()
	if later, err := f.Conversation(kept); err != nil || later.Draft != "later" {
		t.Errorf("%+v, %v", later, err)
	}
	if err := f.Draft(kept, ""); err != nil {
		t.Fatal(err)
	}
	if got := dump(t, f); got != want || strings.Contains(got, fmt.Sprintf("conversation=%d ", deleted)) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if data, err := f.Picture(picture.Hash); string(data) != "an image" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
}

// A file that could not even be read keeps all that it has when something is saved into it, and shows it.
func TestSaveIntoUnread(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	s := reopen(t, path)
	id := fill(t, s)
	if err := errors.Join(s.Close(), os.Rename(path, path+".away"), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	_, why := Open(path)
	c, err := Copy(path, why)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	mine := fill(t, c)
	if list, err := c.Conversations(); err != nil || len(list) != 1 || mine == id {
		t.Fatalf("%v, %v", list, err)
	}
	if err := errors.Join(os.Remove(path), os.Rename(path+".away", path), c.Save()); err != nil {
		t.Fatal(err)
	}
	for _, of := range []int64{id, mine} {
		if m, err := c.Messages(of); err != nil || len(m) != 2 {
			t.Errorf("%v, %v", m, err)
		}
	}
	if later, err := c.New(); err != nil || later.ID <= mine {
		t.Errorf("the next chat is %d after %d, %v", later.ID, mine, err)
	}
}

// Calls of other goroutines while the store is saved are done before or after it, and none is lost.
func TestSaveMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "conversations.db")
	unlock := locked(t, path)
	c, err := Copy(path, os.ErrPermission)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	id := fill(t, c)
	done := make(chan error)
	go func() {
		var err error
		for i := 0; i < 200 && err == nil; i++ {
			_, err = c.Append(Message{Conversation: id, Role: User, Content: "again"})
		}
		done <- err
	}()
	time.Sleep(5 * time.Millisecond)
	unlock()
	if err := errors.Join(c.Save(), <-done); err != nil {
		t.Fatal(err)
	}
	f := reopen(t, path)
	defer f.Close()
	if m, err := f.Messages(id); err != nil || len(m) != 202 {
		t.Errorf("%d messages, %v", len(m), err)
	}
}
