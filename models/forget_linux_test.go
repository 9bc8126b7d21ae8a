package models

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// resident returns the kilobytes of the mapping of a file that are in this program's memory.
func resident(t *testing.T, path string) (kB int) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(b), path+"\n")
	if !found {
		t.Fatal("the file is not mapped")
	}
	_, after, _ = strings.Cut(after, "\nRss:")
	if _, err := fmt.Sscan(after, &kB); err != nil {
		t.Fatal(err)
	}
	return kB
}

// TestFileForget checks that nothing of the mapped files of a model stays resident, also what is before and after its tensors, and that
// all of it can be read again.
func TestFileForget(t *testing.T) {
	dir, want := t.TempDir(), bytes.Repeat([]byte("soberano"), 100_000)
	f := &File{Tensors: []Tensor{{Name: "none"}}}
	var all [][]byte
	var paths []string
	for _, name := range []string{"a", "b", "other"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
		data, release, err := Map(path)
		if err != nil {
			t.Fatal(err)
		}
		f.OnClose(release)
		if !bytes.Equal(data, want) {
			t.Fatal("the file's bytes are not those of the file")
		}
		if name != "other" {
			f.Tensors = append(f.Tensors, Tensor{Name: name, Data: data[300_000:300_100]})
		}
		all, paths = append(all, data), append(paths, path)
	}
	f.Forget()
	for i, path := range paths {
		kB, other := resident(t, path), i == 2
		if kB > 0 != other {
			t.Errorf("%d kB of %s are resident", kB, filepath.Base(path))
		}
		if !bytes.Equal(all[i], want) {
			t.Error("the file's bytes have changed")
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
