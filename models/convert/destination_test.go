package convert

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A conversion removes the folder of one that was killed, and leaves alone one that is being written or can be resumed.
func TestRemovesLeftovers(t *testing.T) {
	dir := t.TempDir()
	long, never := time.Now().Add(-2*abandoned), time.Now().Add(-2*resumable)
	for name, written := range map[string]time.Time{temporary + "killed": long, temporary + "running": time.Now(), "kept": long, temporary + "resumable": long, temporary + "given up": never} {
		file := filepath.Join(dir, name, "model.gguf")
		if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("GGUF"), 0o600); err != nil {
			t.Fatal(err)
		}
		if written == never || name == temporary+"resumable" {
			journal := filepath.Join(filepath.Dir(file), "journal")
			if err := errors.Join(os.WriteFile(journal, nil, 0o600), os.Chtimes(journal, written, written)); err != nil {
				t.Fatal(err)
			}
		}
		for path, at := range map[string]time.Time{file: written, filepath.Dir(file): never} {
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	d, err := create(filepath.Join(dir, "out.gguf"), false)
	if err != nil {
		t.Fatal(err)
	}
	d.discard()
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 3 || list[0].Name() != temporary+"resumable" || list[1].Name() != temporary+"running" || list[2].Name() != "kept" {
		t.Errorf("there are %v, %v", list, err)
	}
}
