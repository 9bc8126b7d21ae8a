package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
)

// Collect removes what no record names, and nothing else: not the files of entries, linked ones, those of broken entries, or what is being written.
func TestCollect(t *testing.T) {
	l, dir := library(t), t.TempDir()
	mustImport(t, l, save(t, dir, "kept.gguf", chatModel(t, 1, 4096, nil)), Copy, ImportOptions{})
	if err := l.SetCard("kept", "text"); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * abandoned)
	stray := save(t, filepath.Join(l.dir, "kept", "files"), "stray.bin", []byte("stray"))
	record := save(t, filepath.Join(l.dir, "kept"), ".entry-1", []byte("half"))
	writing := save(t, filepath.Join(l.dir, "kept", "files"), tmpPrefix+"mmproj.gguf", []byte("x"))
	killed := save(t, filepath.Join(l.dir, "kept", "files"), tmpPrefix+"killed", []byte("xy"))
	linked := save(t, filepath.Join(l.dir, "kept", "files"), "linked.gguf", chatModel(t, 2, 4096, nil))
	if err := errors.Join(os.Chtimes(killed, old, old), os.Mkdir(filepath.Join(l.dir, "broken"), 0o700)); err != nil {
		t.Fatal(err)
	}
	mustImport(t, l, linked, Link, ImportOptions{})
	broken := save(t, filepath.Join(l.dir, "broken"), "weights", []byte("precious"))
	for _, dry := range []bool{true, false} {
		list, err := l.Collect(context.Background(), dry)
		if err != nil || len(list) != 3 {
			t.Fatalf("%v, %v", list, err)
		}
		sum := int64(0)
		for _, u := range list {
			sum += u.Bytes
		}
		if sum != 5+4+2 {
			t.Errorf("%d bytes: %v", sum, list)
		}
		for _, path := range []string{stray, record, killed} {
			if exists(path) != dry {
				t.Errorf("dry %v: %s is there: %v", dry, path, exists(path))
			}
		}
	}
	for _, path := range []string{writing, linked, broken} {
		if !exists(path) {
			t.Errorf("%s is gone", path)
		}
	}
	mustVerify(t, l, "kept")
	mustVerify(t, l, "linked")
	if list, err := l.Collect(context.Background(), false); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// Collect removes downloads that were given up: not those that went on lately, with their entity tag, and none that is being written.
func TestCollectDownloads(t *testing.T) {
	l := library(t)
	if err := os.MkdirAll(l.Downloads(), 0o700); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * givenUp)
	file := func(name string, aged bool) string {
		path := save(t, l.Downloads(), name, []byte(name))
		if aged {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	gone := []string{file("aa.part", true), file("aa.etag", true), file("whole.gguf", true)}
	stays := []string{file("bb.part", false), file("bb.etag", true), file("cc.part", true)}
	lock, err := TryLock(stays[2])
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	for _, dry := range []bool{true, false} {
		if list, err := l.Collect(context.Background(), dry); err != nil || len(list) != len(gone) {
			t.Fatalf("%v, %v", list, err)
		}
		for _, path := range gone {
			if exists(path) != dry {
				t.Errorf("dry %v: %s is there: %v", dry, path, exists(path))
			}
		}
	}
	for _, path := range stays {
		if !exists(path) {
			t.Errorf("%s is gone", path)
		}
	}
}

// splitFiles writes a model in two files, and returns the path of the first.
func splitFiles(t *testing.T, dir string) string {
	t.Helper()
	tensor := func(name string) models.Source {
		return models.Tensor{Name: name, Type: quant.F32, Shape: []int{16, 64}, Data: bytes.Repeat([]byte{1}, 4096)}.Source()
	}
	parts, err := gguf.Parts("m", models.Metadata{"general.architecture": "llama"}, []models.Source{tensor("a"), tensor("b")}, 4096)
	if err != nil || len(parts) != 2 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	for _, p := range parts {
		write(t, filepath.Join(dir, p.Name), func(f *os.File) error { return p.Write(f) })
	}
	return filepath.Join(dir, parts[0].Name)
}

// An export has the bytes of the model, linked or copied, of one file or several, and appears only if it is complete and what was imported.
func TestExport(t *testing.T) {
	l, dir, out := library(t), t.TempDir(), t.TempDir()
	ctx := context.Background()
	b := chatModel(t, 1, 4096, nil)
	mustImport(t, l, save(t, dir, "a.gguf", b), Copy, ImportOptions{})
	mustImport(t, l, splitFiles(t, dir), Link, ImportOptions{Name: "split"})
	export := func(name, to string, replace bool) (string, error) {
		return l.Export(ctx, name, filepath.Join(out, to), replace, nil)
	}
	if path, err := export("a", "b.gguf", false); err != nil || !bytes.Equal(mustRead(t, path), b) {
		t.Errorf("%s, %v", path, err)
	}
	if path, err := export("a", "", false); err != nil || filepath.Base(path) != "a.gguf" || !bytes.Equal(mustRead(t, path), b) {
		t.Errorf("%s, %v", path, err)
	}
	save(t, out, "b.gguf", []byte("other"))
	if _, err := export("a", "b.gguf", false); err == nil {
		t.Error("a file is overwritten")
	}
	if path, err := export("a", "b.gguf", true); err != nil || !bytes.Equal(mustRead(t, path), b) {
		t.Errorf("%s, %v", path, err)
	}
	path, err := export("split", "both", false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Inspect(path, nil); err != nil {
		t.Error(err)
	}
	if _, err := export("split", "both", true); err == nil {
		t.Error("a folder is overwritten")
	}
	e, err := l.Find("a")
	if err != nil {
		t.Fatal(err)
	}
	damaged := mustRead(t, e.Path())
	damaged[len(damaged)-1] ^= 1
	if err := os.WriteFile(e.Path(), damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := export("a", "c.gguf", false); !errors.Is(err, models.ErrCorrupt) {
		t.Errorf("%v", err)
	}
	names, err := filepath.Glob(filepath.Join(out, "*"))
	if hidden, _ := filepath.Glob(filepath.Join(out, ".*")); err != nil || fmt.Sprint(len(names), len(hidden)) != "3 0" {
		t.Errorf("%v, %v, %v", names, hidden, err)
	}
}

// An export that is interrupted at any step leaves no file under its name, or the complete one, and the library as it was.
func TestExportInterrupted(t *testing.T) {
	for n := 1; ; n++ {
		l, out := library(t), t.TempDir()
		b := chatModel(t, 1, 4096, nil)
		mustImport(t, l, save(t, t.TempDir(), "a.gguf", b), Copy, ImportOptions{})
		count := stopAt(t, n, true)
		path := filepath.Join(out, "b.gguf")
		_, err := l.Export(context.Background(), "a", path, false, nil)
		interrupted = nil
		if got, missing := os.ReadFile(path); missing == nil && !bytes.Equal(got, b) || err == nil && missing != nil {
			t.Errorf("step %d: %v, %d bytes", n, err, len(got))
		}
		mustVerify(t, l, "a")
		if *count < n {
			return
		}
	}
}
