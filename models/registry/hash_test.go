package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"lukechampine.com/blake3"
	"pgregory.net/rapid"

	"soberano/models"
)

// counted returns the input of BLAKE3's published test vectors: bytes that count from 0 to 250 again and again.
func counted(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

// TestHash compares with the test vectors of the BLAKE3 team (test_vectors.json in github.com/BLAKE3-team/BLAKE3).
func TestHash(t *testing.T) {
	for size, want := range map[int]string{
		0:     "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
		1:     "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
		1024:  "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
		1025:  "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
		31744: "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47",
	} {
		path := save(t, t.TempDir(), "f", counted(size))
		if got, _, err := hashFile(&meter{ctx: context.Background()}, path, int64(size)); err != nil || got != want {
			t.Errorf("%d bytes: %s, %v", size, got, err)
		}
	}
}

// Files of all sizes have the same hash whether they are read by pieces on all cores or in order.
func TestHashPieces(t *testing.T) {
	dir, content := t.TempDir(), counted(5*pieceBytes+4096)
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.OneOf(rapid.IntRange(0, len(content)), rapid.Map(rapid.IntRange(0, 5*pieceBytes/1024), func(n int) int { return n * 1024 })).Draw(t, "size")
		path := filepath.Join(dir, "f")
		if err := os.WriteFile(path, content[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		var done int64
		m := &meter{ctx: context.Background(), total: int64(size), report: func(n, _ int64) { done = n }}
		got, _, err := hashFile(m, path, int64(size))
		tree, public := blake3.Sum256(content[:size]), sha256.Sum256(content[:size])
		if err != nil || got != hex.EncodeToString(tree[:]) || done != int64(size) {
			t.Fatalf("%d bytes: %s, %v, %d read", size, got, err, done)
		}
		h, _, err := hashTo(&meter{ctx: context.Background()}, path, int64(size), io.Discard)
		if err != nil || h != (hashes{got, hex.EncodeToString(public[:])}) {
			t.Fatalf("%d bytes in order: %v, %v", size, h, err)
		}
	})
}

// A file that is not as long as expected is refused, and so is one whose reading is cancelled.
func TestHashRefused(t *testing.T) {
	path := save(t, t.TempDir(), "f", counted(3*pieceBytes))
	for _, size := range []int64{3*pieceBytes - 1, 3*pieceBytes + 1, pieceBytes, 9 * pieceBytes} {
		if _, _, err := hashFile(&meter{ctx: context.Background()}, path, size); !errors.Is(err, models.ErrCorrupt) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if _, _, err := hashTo(&meter{ctx: context.Background()}, path, size, io.Discard); !errors.Is(err, models.ErrCorrupt) {
			t.Errorf("%d bytes in order: %v", size, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := hashFile(&meter{ctx: ctx}, path, 3*pieceBytes); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A record of an earlier version, which has a SHA-256 only, is used as it is, and gets the BLAKE3 hash when the file is read the next time.
func TestEarlierRecord(t *testing.T) {
	l, dir := library(t), t.TempDir()
	path := save(t, dir, "a.gguf", chatModel(t, 1, 4096, nil))
	e := mustImport(t, l, path, Copy, ImportOptions{})
	want := e.Files[0]
	e.Files[0].BLAKE3 = ""
	if err := e.write(); err != nil {
		t.Fatal(err)
	}
	if e, err := l.Find("a"); err != nil || !e.Hashed() || e.Files[0].BLAKE3 != "" {
		t.Fatalf("%+v, %v", e.Files, err)
	}
	if again := mustImport(t, l, path, Copy, ImportOptions{}); again.Name != "a" {
		t.Errorf("the same content becomes %s", again.Name)
	}
	if e, err := l.Find("a"); err != nil || e.Files[0] != want {
		t.Errorf("%+v, %v", e.Files, err)
	}
	e.Files[0].SHA256 = hex.EncodeToString(make([]byte, 32))
	if err := e.write(); err != nil {
		t.Fatal(err)
	}
	if err := l.Verify(context.Background(), "a", nil); !errors.Is(err, models.ErrCorrupt) {
		t.Errorf("another SHA-256: %v", err)
	}
}

// Files of equal content in copies of several models are one file, also after a move, and stay with the other when one model is removed. A copy that is damaged is not shared.
func TestShared(t *testing.T) {
	l, dir := library(t), t.TempDir()
	projector := save(t, dir, "p.gguf", chatModel(t, 9, 8192, nil))
	for i, name := range []string{"a", "b", "c"} {
		mustImport(t, l, save(t, dir, name+".gguf", chatModel(t, byte(i+1), 4096, nil)), Copy, ImportOptions{})
	}
	attach := func(name string) string {
		t.Helper()
		e, err := l.Attach(context.Background(), name, projector, Copy, nil)
		if err != nil {
			t.Fatal(err)
		}
		mustVerify(t, l, name)
		return e.FilePath(*e.Projector)
	}
	sameFile := func(a, b string) bool {
		s, err := os.Stat(a)
		u, err2 := os.Stat(b)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		return os.SameFile(s, u)
	}
	first, second := attach("a"), attach("b")
	if !sameFile(first, second) || attach("a") != first || !sameFile(first, second) {
		t.Error("equal files are stored twice")
	}
	folder := filepath.Join(t.TempDir(), "elsewhere")
	if err := l.Move(context.Background(), folder, nil); err != nil {
		t.Fatal(err)
	}
	l, err := Open(l.root, nil)
	if err != nil {
		t.Fatal(err)
	}
	first, second = filepath.Join(folder, "a", "files", projectorFile), filepath.Join(folder, "b", "files", projectorFile)
	if !sameFile(first, second) {
		t.Error("equal files are stored twice after a move")
	}
	if err := l.Remove("a"); err != nil {
		t.Fatal(err)
	}
	mustVerify(t, l, "b")
	if err := os.WriteFile(second, counted(8192), 0o600); err != nil {
		t.Fatal(err)
	}
	if third := attach("c"); sameFile(second, third) {
		t.Error("a damaged file is shared")
	}
}
