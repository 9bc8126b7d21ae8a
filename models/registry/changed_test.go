package registry

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"soberano/models"
)

// touch sets the times of a file to another moment.
func touch(t testing.TB, path string) {
	t.Helper()
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
}

// TestWrittenDuringImport checks that a file which is written or replaced while it is imported is refused, whatever its size
// and its modification time are in the end.
func TestWrittenDuringImport(t *testing.T) {
	const size = 8 << 20
	change := map[string]func(t *testing.T, path string){
		"overwritten": func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt([]byte{9}, 5000); err != nil {
				t.Fatal(err)
			}
		},
		"replaced": func(t *testing.T, path string) {
			other := save(t, filepath.Dir(path), "other", chatModel(t, 2, size, nil))
			if err := os.Rename(other, path); err != nil {
				t.Fatal(err)
			}
		},
		"appended": func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.Write([]byte{9}); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, change := range change {
		for _, how := range []How{Copy, Link} {
			if runtime.GOOS == "windows" {
				t.Skip("the modification time is what tells there, and this test restores it")
			}
			l := library(t)
			path := save(t, t.TempDir(), "a.gguf", chatModel(t, 1, size, nil))
			st, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			done := false
			_, err = l.Import(context.Background(), path, how, ImportOptions{}, func(read, _ int64) {
				if read > size/2 && !done {
					done = true
					time.Sleep(20 * time.Millisecond) // more than the resolution of the times
					change(t, path)
					if err := os.Chtimes(path, time.Time{}, st.ModTime()); err != nil {
						t.Fatal(err)
					}
				}
			})
			if !errors.Is(err, models.ErrCorrupt) || !strings.Contains(err.Error(), "was changed while it was") {
				t.Errorf("%s, %v: %v", name, how, err)
			}
			mustHold(t, l)
		}
	}
}

// TestLinkedFileReplaced checks that a linked file which was overwritten or replaced by one of equal size is found before it is
// used, and that one whose times alone have changed is read once.
func TestLinkedFileReplaced(t *testing.T) {
	l, dir := library(t), t.TempDir()
	content := chatModel(t, 1, 1<<20, nil)
	path := save(t, dir, "a.gguf", content)
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	mustImport(t, l, path, Link, ImportOptions{})
	find := func() Entry {
		e, err := l.Find("a")
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	read := int64(0)
	unchanged := func() error {
		e := find()
		read = 0
		return e.Unchanged(context.Background(), func(done, _ int64) { read = done })
	}
	if err := unchanged(); err != nil || read != 0 {
		t.Errorf("a file that was not touched: %v, %d bytes read", err, read)
	}
	touch(t, path)
	if err := unchanged(); err != nil || read != st.Size() {
		t.Errorf("a touched file: %v, %d bytes read", err, read)
	}
	if err := unchanged(); err != nil || read != 0 {
		t.Errorf("a touched file, again: %v, %d bytes read", err, read)
	}
	if runtime.GOOS == "windows" {
		return // the modification time, which is restored here, is all that tells there
	}
	time.Sleep(20 * time.Millisecond)
	other := chatModel(t, 2, 1<<20, nil)
	if len(other) != len(content) {
		t.Fatal("the other model has another size")
	}
	for _, replace := range []bool{false, true} {
		at := path
		if replace {
			at = filepath.Join(dir, "other")
		}
		save(t, dir, filepath.Base(at), other)
		if err := os.Chtimes(at, time.Time{}, st.ModTime()); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(at, path); err != nil {
			t.Fatal(err)
		}
		if err := unchanged(); !errors.Is(err, models.ErrCorrupt) || !strings.Contains(err.Error(), "has changed since it was imported") {
			t.Errorf("replaced %v: %v", replace, err)
		}
	}
	// The original, imported again from elsewhere, is not the entry whose file is another one now.
	if e := mustImport(t, l, save(t, dir, "b.gguf", content), Link, ImportOptions{}); e.Name != "b" {
		t.Errorf("the import became %s", e.Name)
	}
}

// TestRecheck checks that another version of the program asks anew, once, whether a model runs.
func TestRecheck(t *testing.T) {
	root := t.TempDir()
	asked := 0
	var answer error = models.ErrUnsupported
	check := func(*models.File) (string, error) {
		asked++
		if answer == nil {
			return "It lacks a template.", nil
		}
		return "", answer
	}
	open := func() *Library {
		l, err := Open(root, check)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := open()
	e := mustImport(t, l, save(t, t.TempDir(), "a.gguf", chatModel(t, 1, 4096, nil)), Copy, ImportOptions{Title: "My title"})
	if e.Runs || asked != 1 {
		t.Fatalf("%+v, asked %d times", e, asked)
	}
	answer = nil
	for range 2 {
		if e, err := open().Find("a"); err != nil || e.Runs || asked != 1 {
			t.Errorf("the same version: %+v, %v, asked %d times", e, err, asked)
		}
	}
	e.Checked = "an earlier version"
	e.save()
	for range 2 {
		if e, err := open().Find("a"); err != nil || !e.Runs || e.Reason != "" || e.Warning != "It lacks a template." || e.Title != "My title" || asked != 2 {
			t.Errorf("another version: %+v, %v, asked %d times", e, err, asked)
		}
	}
	mustVerify(t, l, "a")
	mustHold(t, l, "a")
}
