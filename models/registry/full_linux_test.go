package registry

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
)

// TestFullDisk checks that an import onto a full disk explains the error and leaves nothing behind.
func TestFullDisk(t *testing.T) {
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("NOT TESTED: a small disk can't be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(root, 0); err != nil {
			t.Error(err)
		}
	}()
	l, err := Open(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err = l.Import(context.Background(), save(t, dir, "large.gguf", chatModel(t, 1, 4<<20, nil)), Copy, ImportOptions{}, nil)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "is full; nothing was imported") {
		t.Errorf("got %v", err)
	}
	mustHold(t, l)
	e := mustImport(t, l, save(t, dir, "small.gguf", chatModel(t, 2, 4096, nil)), Copy, ImportOptions{})
	mustVerify(t, l, e.Name)
	large := mustImport(t, l, dir+"/large.gguf", Link, ImportOptions{})
	mustVerify(t, l, large.Name)
}
