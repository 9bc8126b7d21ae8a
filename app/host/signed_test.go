package host

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"soberano/models"
	"soberano/models/apr"
	"soberano/models/convert"
	"soberano/models/defaults"
	"soberano/models/registry"
)

// A signed file that was changed afterwards is refused before it is used, also if it is larger than what is read at each opening, whether it is in the library or named by its path.
func TestSignedAndChanged(t *testing.T) {
	source, err := registry.Read(defaults.Need(t, "smollm2"))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	path := filepath.Join(t.TempDir(), "signed.apr")
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	if err := convert.Convert(context.Background(), source, path, convert.Options{APR: apr.Options{Key: key}}); err != nil {
		t.Fatal(err)
	}
	lib, err := registry.Open(t.TempDir(), Check)
	if err != nil {
		t.Fatal(err)
	}
	linked, err := lib.Import(context.Background(), path, registry.Link, registry.ImportOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // above the resolution of the times
	flip(t, path, 60_000_000)
	for name, e := range map[string]registry.Entry{"library": linked, "path": resolve(t, path)} {
		l, err := Chats(hostOf(t, Options{})).Acquire(context.Background(), e, Settings{Context: 512, Threads: 2}, nil)
		if !errors.Is(err, models.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			l.Release()
		}
	}
}

// flip changes a byte of a file.
func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x20
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}
