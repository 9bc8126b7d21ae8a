package store

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A log is read as SQLite reads it, also one that was cut or damaged, and where no file can be written.
func TestLogIsReadAsSQLiteReadsIt(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	dir := t.TempDir()
	path := filepath.Join(dir, "conversations.db")
	s := reopen(t, path)
	if _, err := s.db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		t.Fatal(err)
	}
	c := fill(t, s)
	if err := errors.Join(s.Draft(c, "a"), s.Delete(fill(t, s)), s.Attach(c, NewImage("", 1, 1, make([]byte, 20000))), s.Draft(c, "b")); err != nil {
		t.Fatal(err)
	}
	content, contentErr := os.ReadFile(path)
	log, logErr := os.ReadFile(path + "-wal")
	if err := errors.Join(contentErr, logErr, s.Close()); err != nil || len(log) < 40000 {
		t.Fatal(len(log), err)
	}
	states := map[string]bool{}
	check := func(log []byte) {
		to := filepath.Join(dir, "copy.db")
		for _, end := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(to + end)
		}
		if err := errors.Join(os.WriteFile(to, content, 0o600), os.WriteFile(to+"-wal", log, 0o600)); err != nil {
			t.Fatal(err)
		}
		mine, err := contentInMemory(to)
		if err != nil {
			t.Fatal(err)
		}
		defer mine.Close()
		theirs, err := open(to) // Open would rescue what SQLite does not read
		if err != nil {
			t.Fatal(err)
		}
		defer theirs.Close()
		got, want := dump(t, mine), dump(t, theirs)
		if got != want {
			t.Fatal("got\n" + got + "\nwant\n" + want)
		}
		states[got] = true
	}
	check(log)
	for at := 0; at < len(log); at += 4120 { // by frames
		check(log[:at])
	}
	if len(states) < 6 {
		t.Errorf("%d different states", len(states))
	}
	for at := 5; at < len(log); at += 7919 {
		damaged := slices.Clone(log)
		damaged[at] ^= 8
		check(damaged)
	}
}
