package registry

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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

// TestLargeLink checks that a large file is linked without being read, that a change of it is noticed all the same, and that its hash is recorded once it is read.
func TestLargeLink(t *testing.T) {
	l, dir := library(t), t.TempDir()
	content := chatModel(t, 1, hashedAtOnce+1<<20, nil)
	path := save(t, dir, "a.gguf", content)
	reported := int64(0)
	e, err := l.Import(context.Background(), path, Link, ImportOptions{}, func(done, _ int64) { reported = max(reported, done) })
	if err != nil || e.Hashed() || e.Files[0].Sample == "" {
		t.Fatalf("%+v, %v", e.Files, err)
	}
	find := func() Entry {
		e, err := l.Find("a")
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	unchanged := func() error {
		e := find()
		return e.Unchanged(context.Background(), nil)
	}
	link := filepath.Join(dir, "link.gguf")
	if err := os.Symlink(path, link); err == nil {
		if again := mustImport(t, l, link, Link, ImportOptions{}); again.Name != "a" {
			t.Errorf("a link to the file became %s", again.Name)
		}
	}
	touch(t, path)
	if err := unchanged(); err != nil || find().Files[0].BLAKE3 != "" {
		t.Errorf("a touched file: %v", err)
	}
	for what, at := range map[string]int{"beginning": 100, "end": len(content) - 1, "middle": len(content) / 2} {
		other := slices.Clone(content)
		if other[at] ^= 1; what == "middle" { // as of another model, of which more than a byte differs
			copy(other[at:], bytes.Repeat([]byte{7}, len(content)/8))
		}
		save(t, dir, "a.gguf", other)
		if err := unchanged(); !errors.Is(err, models.ErrCorrupt) || !strings.Contains(err.Error(), "has changed since it was imported") {
			t.Errorf("another %s: %v", what, err)
		}
		if err := l.Verify(context.Background(), "a", nil); !errors.Is(err, models.ErrCorrupt) {
			t.Errorf("another %s is verified: %v", what, err)
		}
	}
	save(t, dir, "a.gguf", content)
	err = l.Complete(context.Background())
	if e = find(); err != nil || !e.Hashed() {
		t.Errorf("%+v, %v", e.Files, err)
	}
	save(t, dir, "b.gguf", content)
	if e := mustImport(t, l, filepath.Join(dir, "b.gguf"), Link, ImportOptions{}); e.Name != "a" {
		t.Errorf("the same content became %s", e.Name)
	}
	mustVerify(t, l, "a")
	content[len(content)/3] ^= 1
	save(t, dir, "a.gguf", content)
	if err := unchanged(); !errors.Is(err, models.ErrCorrupt) {
		t.Errorf("a changed byte, with a known hash: %v", err)
	}
}

// TestInspectedOnce checks that a file is parsed once for Inspect and the import that follows, unless it has changed in between.
func TestInspectedOnce(t *testing.T) {
	asked := 0
	l, err := Open(t.TempDir(), func(*models.File) (Verdict, error) { asked++; return Verdict{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for i, change := range []bool{false, true} {
		path := save(t, dir, string(rune('a'+i))+".gguf", chatModel(t, byte(2*i+1), 4096, nil))
		if info, err := l.Inspect(path); err != nil || info.Title == "" {
			t.Fatal(info, err)
		}
		if change {
			time.Sleep(20 * time.Millisecond)
			save(t, dir, filepath.Base(path), chatModel(t, byte(2*i+2), 8192, nil))
		}
		asked = 0
		e := mustImport(t, l, path, Link, ImportOptions{})
		if want := map[bool]int{false: 0, true: 1}[change]; asked != want {
			t.Errorf("changed %v: checked %d times", change, asked)
		}
		mustVerify(t, l, e.Name)
	}
}

// TestUnreadTwins checks that two large files of the same content are one entry, though the first was not read when it was linked.
func TestUnreadTwins(t *testing.T) {
	l, dir := library(t), t.TempDir()
	content := chatModel(t, 1, hashedAtOnce+1<<20, nil)
	mustImport(t, l, save(t, dir, "a.gguf", content), Link, ImportOptions{})
	if e := mustImport(t, l, save(t, dir, "b.gguf", content), Copy, ImportOptions{}); e.Name != "a" || !e.Hashed() {
		t.Errorf("the copy became %+v", e)
	}
	other := chatModel(t, 2, hashedAtOnce+1<<20, nil)
	if e := mustImport(t, l, save(t, dir, "c.gguf", other), Link, ImportOptions{}); e.Name != "c" {
		t.Errorf("another model of the same size became %s", e.Name)
	}
	mustHold(t, l, "a", "c")
}

// TestRecheck checks that another version of the program asks anew, once, whether a model runs.
func TestRecheck(t *testing.T) {
	root := t.TempDir()
	asked := 0
	var answer error = models.ErrUnsupported
	check := func(*models.File) (Verdict, error) {
		asked++
		if answer == nil {
			return Verdict{Warning: "It lacks a template."}, nil
		}
		return Verdict{}, answer
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
	e.save(lockWait)
	for range 2 {
		if e, err := open().Find("a"); err != nil || !e.Runs || e.Reason != "" || e.Warning != "It lacks a template." || e.Title != "My title" || asked != 2 {
			t.Errorf("another version: %+v, %v, asked %d times", e, err, asked)
		}
	}
	mustVerify(t, l, "a")
	mustHold(t, l, "a")
}
