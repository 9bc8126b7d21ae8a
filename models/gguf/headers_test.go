package gguf

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"soberano/kernels/quant"
	"soberano/models"
)

// atOnce makes the headers of files be kept that were just written, for the test.
func atOnce(t *testing.T) {
	before := settled
	settled = -time.Hour
	t.Cleanup(func() {
		settled = before
		headers.drop()
	})
}

// titled returns the bytes of a file with a name; those of names of one length have one length.
func titled(t *testing.T, name string) []byte {
	return encode(t, models.Metadata{"general.name": name}, tensorOf("a", quant.F32, name[0], 8))
}

// expect opens a file, checks its name and its only value's first byte, and how often a header has been parsed meanwhile.
func expect(t *testing.T, path, name string, parsed int64) {
	t.Helper()
	before := Parsed.Load()
	f := mustOpen(t, path)
	if got := f.Meta["general.name"]; got != name || f.Tensors[0].Data[0] != name[0] {
		t.Errorf("%v with %c, want %s", got, f.Tensors[0].Data[0], name)
	}
	if n := Parsed.Load() - before; n != parsed {
		t.Errorf("%s: %d headers were parsed, want %d", name, n, parsed)
	}
}

// A header is parsed once while its file is the same: not if it is overwritten in place, or another one of the same size is put in its place.
func TestKept(t *testing.T) {
	atOnce(t)
	dir := t.TempDir()
	path := save(t, dir, "m.gguf", titled(t, "first"))
	expect(t, path, "first", 1)
	expect(t, path, "first", 0)
	time.Sleep(20 * time.Millisecond) // above the resolution of the times
	save(t, dir, "m.gguf", titled(t, "other"))
	expect(t, path, "other", 1)
	if err := os.Rename(save(t, dir, "new", titled(t, "third")), path); err != nil {
		t.Fatal(err)
	}
	expect(t, path, "third", 1)
	expect(t, path, "third", 0)
	headers.drop()
	expect(t, path, "third", 1)
}

// The keys of an opened file are its own: what a caller changes is not in the next one.
func TestKeptUnchanged(t *testing.T) {
	atOnce(t)
	path := save(t, t.TempDir(), "m.gguf", titled(t, "first"))
	mustOpen(t, path).Meta["general.name"] = "changed"
	expect(t, path, "first", 0)
}

// Few headers are kept, those used last, and none of a file that has just been changed or that is damaged.
func TestKeptFew(t *testing.T) {
	atOnce(t)
	dir := t.TempDir()
	var paths []string
	for _, name := range []string{"a", "b", "c"} {
		paths = append(paths, save(t, dir, name+".gguf", titled(t, name)))
	}
	expect(t, paths[0], "a", 1)
	expect(t, paths[1], "b", 1)
	expect(t, paths[0], "a", 0)
	expect(t, paths[2], "c", 1)
	expect(t, paths[0], "a", 0)
	expect(t, paths[1], "b", 1)

	bad := filepath.Join(dir, "bad.gguf")
	if err := os.WriteFile(bad, titled(t, "bad")[:40], 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		before := Parsed.Load()
		if _, err := Open(bad); err == nil || Parsed.Load() != before+1 {
			t.Errorf("a damaged file: %v, parsed %d times", err, Parsed.Load()-before)
		}
	}

	settled = time.Hour
	expect(t, paths[0], "a", 1)
	expect(t, paths[0], "a", 1)
}

// What is derived from a file is computed once for all that were opened with one header, and again after an error.
func TestDerived(t *testing.T) {
	atOnce(t)
	path := save(t, t.TempDir(), "m.gguf", titled(t, "first"))
	calls := 0
	derive := func(err error) (int, error) {
		return models.Derive(mustOpen(t, path), "number", func() (int, error) { calls++; return calls, err })
	}
	if _, err := derive(os.ErrInvalid); err == nil {
		t.Error("no error")
	}
	for range 2 {
		if n, err := derive(nil); err != nil || n != 2 || calls != 2 {
			t.Errorf("%d, %v, %d calls", n, err, calls)
		}
	}
}
