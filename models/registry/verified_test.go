package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// The result of a verification is kept in the record, and is that of the files that were verified.
func TestVerificationKept(t *testing.T) {
	l, dir := library(t), t.TempDir()
	content := chatModel(t, 1, 4096, nil)
	path := save(t, dir, "a.gguf", content)
	mustImport(t, l, path, Link, ImportOptions{})
	result := func() (Verification, bool) {
		again, err := Open(l.root, nil) // as another process
		if err != nil {
			t.Fatal(err)
		}
		e, err := again.Find("a")
		if err != nil {
			t.Fatal(err)
		}
		return e.Verification()
	}
	if v, known := result(); known {
		t.Errorf("before: %+v", v)
	}
	mustVerify(t, l, "a")
	if v, known := result(); !known || v.Damage != "" || v.At.IsZero() {
		t.Errorf("intact: %+v, %v", v, known)
	}
	touch(t, path)
	if v, known := result(); known {
		t.Errorf("of a file that was touched since: %+v", v)
	}
	content[len(content)-1] ^= 0x40
	save(t, dir, "a.gguf", content)
	if err := l.Verify(context.Background(), "a", nil); err == nil {
		t.Error("a changed file is verified")
	}
	if v, known := result(); !known || !strings.Contains(v.Damage, "has changed since it was imported") {
		t.Errorf("damaged: %+v, %v", v, known)
	}
	ended, end := context.WithCancel(context.Background())
	end()
	touch(t, path)
	if err := l.Verify(ended, "a", nil); err == nil {
		t.Error("no error after the end of the context")
	}
	if v, known := result(); known {
		t.Errorf("of a verification that was interrupted: %+v", v)
	}
}

// The SHA-256 of a linked file is recorded on request, unless the file has changed.
func TestSHA256OfLink(t *testing.T) {
	l, dir := library(t), t.TempDir()
	for name, size := range map[string]int{"small": 4096, "large": hashedAtOnce + 1<<20} {
		content := chatModel(t, byte(len(name)), size, nil)
		path := save(t, dir, name+".gguf", content)
		mustImport(t, l, path, Link, ImportOptions{})
		sum := sha256.Sum256(content)
		for range 2 { // the second time it is known
			e, err := l.SHA256(context.Background(), name, nil)
			if err != nil || e.Files[0].SHA256 != hex.EncodeToString(sum[:]) || e.Files[0].BLAKE3 == "" {
				t.Errorf("%s: %+v, %v", name, e.Files, err)
			}
			if e, err = l.Find(name); err != nil || e.Files[0].SHA256 == "" {
				t.Errorf("%s is not recorded: %+v, %v", name, e.Files, err)
			}
		}
		mustVerify(t, l, name)
	}
	path := save(t, dir, "b.gguf", chatModel(t, 9, 4096, nil))
	mustImport(t, l, path, Link, ImportOptions{})
	save(t, dir, "b.gguf", chatModel(t, 8, 4096, nil))
	if e, err := l.SHA256(context.Background(), "b", nil); err == nil || !strings.Contains(err.Error(), "has changed since it was imported") {
		t.Errorf("a changed file: %+v, %v", e.Files, err)
	}
}
