package download

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"soberano/models"
)

// TestFullDisk fills the disk while the file arrives. What has arrived is kept, and the download continues once there is space.
func TestFullDisk(t *testing.T) {
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=400k"); err != nil {
		t.Skipf("NOT TESTED: a small disk can't be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Error(err)
		}
	}()
	other := folder + "/other"
	if err := os.WriteFile(other, make([]byte, 200_000), 0o600); err != nil {
		t.Fatal(err)
	}
	s, d := newServer(t, good), fetcher(folder)
	if _, err := d.Fetch(t.Context(), s.file(), nil); err == nil {
		t.Error("the disk has less free space than is kept free, and the download began")
	}
	d.Free = func(string) (int64, error) { return 1 << 40, nil } // as if another program had filled the disk since
	_, err := d.Fetch(t.Context(), s.file(), nil)
	if !models.DiskFull(err) || !errors.Is(err, syscall.ENOSPC) || d.Partial(s.file()) == 0 {
		t.Fatalf("got %v; %d bytes are there", err, d.Partial(s.file()))
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Fetch(t.Context(), s.file(), nil); err != nil {
		t.Fatal(err)
	}
	mustBe(t, folder)
	if asked := s.requests(); asked[len(asked)-1].Get("Range") == "" {
		t.Error("the download began anew")
	}
}
