package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/models/convert"
	"soberano/models/gguf"
)

// TestConvertFullDisk checks that a conversion onto a full disk says so and leaves nothing behind.
func TestConvertFullDisk(t *testing.T) {
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("NOT TESTED: a small disk can't be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(root, 0); err != nil {
			t.Error(err)
		}
	}()
	f, err := gguf.Open(tiny.New("llama").Write(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = convert.Convert(context.Background(), f, filepath.Join(root, "m.apr"), convert.Options{Type: "F32"})
	if e, ok := errors.AsType[*convert.FullError](err); !ok || e.Dir != root {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Error(namesOf(left), err)
	}
}
