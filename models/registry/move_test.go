package registry

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/models"
)

// While the library's folder is on a drive that is not there, that is said of each model.
func TestDriveAway(t *testing.T) {
	l, drive := library(t), filepath.Join(t.TempDir(), "drive")
	mustImport(t, l, save(t, t.TempDir(), "a.gguf", chatModel(t, 1, 4096, nil)), Copy, ImportOptions{})
	if err := l.Move(context.Background(), filepath.Join(drive, "models"), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(drive, drive+"-away"); err != nil {
		t.Fatal(err)
	}
	l, err := Open(l.root, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, resolved := Resolve(l, "a", nil)
	_, found := l.Lookup("a")
	for what, err := range map[string]error{"Resolve": resolved, "Lookup": found} {
		if wrong, ok := errors.AsType[*models.FileError](err); !ok || wrong.Path != filepath.Join(drive, "models") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.Rename(drive+"-away", drive); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Lookup("a"); err != nil {
		t.Error(err)
	}
}

// A library that was moved has all that it had, and can be moved again and back; what can't be is refused, and nothing is lost.
func TestMove(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	reopened := func() *Library {
		t.Helper()
		l, err := Open(root, nil)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := reopened()
	mustImport(t, l, save(t, dir, "a.gguf", chatModel(t, 1, 4096, nil)), Copy, ImportOptions{})
	mustImport(t, l, save(t, dir, "b.gguf", chatModel(t, 2, 4096, nil)), Link, ImportOptions{})
	if err := l.SetCard("a", "text"); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(dir, "full")
	if err := os.Mkdir(full, 0o700); err != nil {
		t.Fatal(err)
	}
	save(t, full, "precious", []byte("x"))
	move := func(l *Library, to string) error { return l.Move(context.Background(), to, nil) }
	for _, to := range []string{full, l.dir, filepath.Join(l.dir, "in"), root} {
		if _, ok := errors.AsType[*PlaceError](move(l, to)); !ok {
			t.Errorf("the library is moved to %s", to)
		}
	}
	window, err := TryLock(filepath.Join(root, "window.lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := move(l, filepath.Join(dir, "x")); err == nil || !strings.Contains(err.Error(), "close it first") {
		t.Errorf("while a window is open: %v", err)
	}
	if err := window.Close(); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{filepath.Join(dir, "one"), filepath.Join(dir, "two", "deep"), filepath.Join(root, "models")} {
		old := l.dir
		e, err := l.Find("a")
		if err != nil {
			t.Fatal(err)
		}
		before, err := os.Stat(e.Path())
		if err != nil {
			t.Fatal(err)
		}
		if err := move(l, to); err != nil {
			t.Fatalf("%s: %v", to, err)
		}
		if _, err := l.Import(context.Background(), filepath.Join(dir, "b.gguf"), Copy, ImportOptions{}, nil); err == nil || !strings.Contains(err.Error(), "has been moved") {
			t.Errorf("a process that has the library open at its earlier place changes it: %v", err)
		}
		if left, err := filepath.Glob(filepath.Join(old, "[^.]*")); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
		l = reopened()
		mustHold(t, l, "a", "b")
		mustVerify(t, l, "a")
		mustVerify(t, l, "b")
		if e, err := l.Find("a"); err != nil || l.dir != to {
			t.Errorf("%s: %v", l.dir, err)
		} else if text, err := e.Card(); err != nil || text != "text" {
			t.Errorf("%q, %v", text, err)
		} else if after, err := os.Stat(e.Path()); err != nil || !after.ModTime().Equal(before.ModTime()) {
			t.Errorf("the time of the file is %v, was %v, %v", after.ModTime(), before.ModTime(), err)
		}
	}
	away := filepath.Join(dir, "away")
	if err := errors.Join(move(l, away), os.Rename(away, away+"2")); err != nil {
		t.Fatal(err)
	}
	l = reopened()
	if list, errs := l.List(); len(list) > 0 || len(errs) != 1 || !errors.Is(errs[0], models.ErrNotFound) {
		t.Errorf("%v, %v", list, errs)
	}
	if _, err := l.Import(context.Background(), filepath.Join(dir, "b.gguf"), Copy, ImportOptions{}, nil); !errors.Is(err, models.ErrNotFound) || exists(away) {
		t.Errorf("an import where the library is away: %v", err)
	}
	save(t, root, placeFile, []byte("{"))
	if _, err := Open(root, nil); !errors.Is(err, models.ErrCorrupt) {
		t.Errorf("%v", err)
	}
}
