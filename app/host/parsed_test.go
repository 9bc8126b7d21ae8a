package host

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"soberano/engine"
	"soberano/models/defaults"
	"soberano/models/gguf"
	"soberano/models/registry"
)

// A file is parsed once from the drop on the window to the first token: what recognises it, adds it to the library, looks for its vision encoder, and opens it.
func TestParsedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.gguf") // another path than those of other tests, which may have opened the file
	if err := os.Symlink(defaults.Need(t, "smollm2"), path); err != nil {
		t.Skipf("symbolic links: %v", err)
	}
	t.Setenv("SOBERANO_PACKED", "off")
	lib, err := registry.Open(t.TempDir(), Check)
	if err != nil {
		t.Fatal(err)
	}
	before := gguf.Parsed.Load()
	if info, err := lib.Inspect(path); err != nil || !info.Runs {
		t.Fatalf("%+v, %v", info, err)
	}
	e, err := lib.Import(context.Background(), path, registry.Link, registry.ImportOptions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s := Look(e); s.Err != nil {
		t.Fatal(s.Err)
	}
	l, err := Chats(hostOf(t, Options{})).Acquire(context.Background(), e, Settings{Context: 512, Threads: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if text, err := generate(context.Background(), l, "The sky is", 1, func(engine.Piece) {}); err != nil || text == "" {
		t.Fatalf("%q, %v", text, err)
	}
	if n := gguf.Parsed.Load() - before; n != 1 {
		t.Errorf("the file was parsed %d times", n)
	}
}
