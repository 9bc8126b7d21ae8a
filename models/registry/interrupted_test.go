package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"soberano/models"
)

// stopTime is when a linked file was changed last.
var stopTime = time.Unix(1e9, 0)

// errStopped is the error of a disk that no longer takes changes.
var errStopped = errors.New("the process was killed")

// stopAt makes all changes of the disk fail from the n-th on, as if the process was killed at it, or only the n-th, as if the disk was full at that moment. The changes are counted.
func stopAt(t *testing.T, n int, all bool) (count *int) {
	t.Helper()
	count = new(int)
	interrupted = func(string, string) error {
		switch *count++; {
		case *count == n && !all:
			return syscall.ENOSPC
		case *count >= n && all:
			return errStopped
		}
		return nil
	}
	t.Cleanup(func() { interrupted = nil })
	return count
}

// operation is a change of a library that has the models "kept" and "linked".
type operation struct {
	run func(l *Library, dir string) error
	// before and after are the entries without and with the change.
	before, after []string
}

var operations = map[string]operation{
	"import a copy": {func(l *Library, dir string) error {
		_, err := l.Import(context.Background(), filepath.Join(dir, "new.gguf"), Copy, ImportOptions{}, nil)
		return err
	}, []string{"kept", "linked"}, []string{"kept", "linked", "new"}},
	"import a file of the caller": {func(l *Library, dir string) error {
		_, err := l.Import(context.Background(), filepath.Join(dir, "new.gguf"), Take, ImportOptions{}, nil)
		return err
	}, []string{"kept", "linked"}, []string{"kept", "linked", "new"}},
	"import a link": {func(l *Library, dir string) error {
		_, err := l.Import(context.Background(), filepath.Join(dir, "new.gguf"), Link, ImportOptions{}, nil)
		return err
	}, []string{"kept", "linked"}, []string{"kept", "linked", "new"}},
	"remove":        {func(l *Library, _ string) error { return l.Remove("kept") }, []string{"kept", "linked"}, []string{"linked"}},
	"remove a link": {func(l *Library, _ string) error { return l.Remove("linked") }, []string{"kept", "linked"}, []string{"kept"}},
	"rename": {func(l *Library, _ string) error {
		_, err := l.Rename("kept", "renamed")
		return err
	}, []string{"kept", "linked"}, []string{"linked", "renamed"}},
	"an alias": {func(l *Library, _ string) error {
		_, err := l.Alias("linked", "kept:old", true)
		return err
	}, []string{"kept", "linked"}, []string{"kept", "linked"}},
	"a stage": {func(l *Library, _ string) error {
		_, err := l.SetStage("kept", Staging)
		return err
	}, []string{"kept", "linked"}, []string{"kept", "linked"}},
	"a card": {func(l *Library, _ string) error { return l.SetCard("kept", "text") }, []string{"kept", "linked"}, []string{"kept", "linked"}},
	"move": {func(l *Library, dir string) error {
		return l.Move(context.Background(), filepath.Join(dir, "elsewhere"), nil)
	}, []string{"kept", "linked"}, []string{"kept", "linked"}},
	"attach a copy": {func(l *Library, dir string) error {
		_, err := l.Attach(context.Background(), "kept", filepath.Join(dir, "new.gguf"), Copy, nil)
		return err
	}, []string{"kept", "linked"}, []string{"kept", "linked"}},
	"attach what is stored": {func(l *Library, dir string) error {
		e, err := l.Find("kept")
		if err != nil {
			return err
		}
		_, err = l.Attach(context.Background(), "kept", e.Path(), Copy, nil)
		return err
	}, []string{"kept", "linked"}, []string{"kept", "linked"}},
	"a new time": {func(l *Library, dir string) error {
		if err := os.Chtimes(filepath.Join(dir, "linked.gguf"), stopTime, stopTime); err != nil {
			return err
		}
		e, err := l.Find("linked")
		if err != nil {
			return err
		}
		return e.Unchanged(context.Background(), nil)
	}, []string{"kept", "linked"}, []string{"kept", "linked"}},
}

// TestInterrupted interrupts each change of the library at each of its steps on the disk: a folder or file that is made, bytes that are written, a rename, a removal. Afterwards the
// list is what it was or what it should be, every model in it is intact, and the next opening removes all else.
func TestInterrupted(t *testing.T) {
	indexAtOnce(t)
	defer func(sync func(*os.File) error) { syncFile = sync }(syncFile)
	syncFile = func(*os.File) error { return nil }
	for name, op := range operations {
		for _, all := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/%v", name, all), func(t *testing.T) {
				steps := interruptAt(t, op, 1<<30, all)
				if steps < 4 {
					t.Fatalf("%d steps", steps)
				}
				for n := 1; n <= steps; n++ {
					interruptAt(t, op, n, all)
				}
			})
		}
	}
}

// interruptAt runs an operation in a new library and interrupts it at a step. It returns the number of steps that were begun.
func interruptAt(t *testing.T, op operation, n int, all bool) (steps int) {
	t.Helper()
	root, dir := t.TempDir(), t.TempDir()
	l, err := Open(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	mustImport(t, l, save(t, dir, "kept.gguf", chatModel(t, 1, 8192, nil)), Copy, ImportOptions{})
	mustImport(t, l, save(t, dir, "linked.gguf", chatModel(t, 2, 4096, nil)), Link, ImportOptions{})
	save(t, dir, "new.gguf", chatModel(t, 3, 4096, nil))
	if _, err := l.Alias("kept", "kept:old", false); err != nil {
		t.Fatal(err)
	}
	count := stopAt(t, n, all)
	err = op.run(l, dir)
	interrupted = nil
	if l, err = reopen(root, err); l == nil {
		t.Fatal(err)
	}
	if moved := filepath.Join(dir, "elsewhere"); err == nil && l.dir != moved && exists(moved) {
		t.Errorf("step %d: the library is at %s", n, l.dir)
	}
	if left, _ := filepath.Glob(filepath.Join(root, "models", "[^.]*")); l.dir != filepath.Join(root, "models") && len(left) > 0 {
		t.Errorf("step %d: %v are left", n, left)
	}
	names, want := []string{}, op.before
	entries, broken := l.List()
	for _, e := range entries {
		names = append(names, e.Name)
		mustVerify(t, l, e.Name)
	}
	if fmt.Sprint(names) == fmt.Sprint(op.after) {
		want = op.after
	} else if err == nil && n <= *count && fmt.Sprint(op.before) != fmt.Sprint(op.after) {
		t.Errorf("step %d: no error, and the list is %v", n, names)
	}
	for _, reference := range []string{"kept", "kept:old"} {
		if _, err := l.Lookup(reference); err != nil && slices.Contains(names, "kept") || errors.Is(err, models.ErrCorrupt) {
			t.Errorf("step %d: %s: %v", n, reference, err)
		}
	}
	for _, e := range entries {
		if text, err := e.Card(); err != nil || text != "" && text != "text" || e.Stage != "" && e.Stage != Staging {
			t.Errorf("step %d: %s: card %q, %v, stage %s", n, e.Name, text, err, e.Stage)
		}
	}
	if len(broken) > 0 || fmt.Sprint(names) != fmt.Sprint(want) {
		t.Errorf("step %d: the list is %v, broken %v; expected %v", n, names, broken, want)
	}
	mustHold(t, l, want...)
	for _, name := range []string{"kept.gguf", "linked.gguf", "new.gguf"} {
		if _, err := Inspect(filepath.Join(dir, name), nil); err != nil {
			t.Errorf("step %d: %v", n, err)
		}
	}
	if e := mustImport(t, l, filepath.Join(dir, "new.gguf"), Copy, ImportOptions{}); e.Name != "new" {
		t.Errorf("step %d: afterwards the model becomes %s", n, e.Name)
	}
	return *count
}

// reopen opens the library as the next process does, and removes what is left by a change that does nothing. The error is err.
func reopen(root string, err error) (*Library, error) {
	l, opened := Open(root, nil)
	if opened != nil {
		return nil, opened
	}
	if removed := l.Remove("none"); !errors.Is(removed, models.ErrNotFound) {
		return nil, removed
	}
	return l, err
}
