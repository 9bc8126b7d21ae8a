package models

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestForget checks that forgotten bytes can still be read, and that other memory is left alone.
func TestForget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	want := bytes.Repeat([]byte("soberano"), 10000)
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	data, release, err := Map(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]int{{0, len(data)}, {5, 70000}, {4096, 8192}, {100, 101}, {len(data), len(data)}} {
		Forget(data[r[0]:r[1]])
		if !bytes.Equal(data, want) {
			t.Fatalf("%v: the file's bytes have changed", r)
		}
	}
	own := bytes.Clone(want)
	Forget(own)
	if !bytes.Equal(own, want) {
		t.Fatal("memory of the program's own has changed")
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if len(maps.of) != 0 {
		t.Error("a mapping is still known after its release")
	}
}
