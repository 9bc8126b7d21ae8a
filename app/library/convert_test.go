package library

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/models/registry"
)

// conversionOf shows the details of a model "base" of the library, which is linked from dir, and returns its conversion.
func conversionOf(t *testing.T) (s *stage, lib *registry.Library, c *conversion, dir string) {
	t.Helper()
	s, lib = realStage(t)
	dir = t.TempDir()
	if _, err := lib.Import(t.Context(), modelFile(t, dir, "base.gguf", 1), registry.Link, registry.ImportOptions{Name: "base"}, nil); err != nil {
		t.Fatal(err)
	}
	s.details("base")
	return s, lib, s.page.details["base"].convert, dir
}

// TestConvert quantizes a model in its details: the new file is of the type that was chosen, it is added to the library, and it names its source. A file that exists is
// not overwritten.
func TestConvert(t *testing.T) {
	s, lib, c, dir := conversionOf(t)
	c.typ.SetSelected("Q8_0")
	out := filepath.Join(dir, "base-q8_0.gguf")
	if c.path.Text != out {
		t.Fatalf("the new file is called %q, expected %q", c.path.Text, out)
	}
	s.Tap("Convert")
	s.UntilShown("base-q8_0.gguf is written.", "Added to the library.")
	s.Shot("converted")
	f, err := registry.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if kind, err := f.Meta.Int("general.file_type", 0); err != nil || kind != 7 {
		t.Errorf("general.file_type is %d, %v; expected 7", kind, err)
	}
	entries, _ := lib.List()
	if len(entries) != 2 {
		t.Fatalf("the library has %d models, expected 2", len(entries))
	}
	for _, e := range entries {
		if e.Name == "base" {
			continue
		}
		if parents, err := e.Parents(); err != nil || len(parents) != 1 || parents[0].Name != "base" || parents[0].Relation != registry.Quantized {
			t.Errorf("it came from %v, %v", parents, err)
		}
	}
	before, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	s.Tap("Convert")
	s.UntilShown("base-q8_0.gguf exists already. Choose another name.")
	if after, err := os.ReadFile(out); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed, %v", err)
	}
	c.path.SetText("base.gguf")
	s.Tap("Convert")
	if words := s.Words(); !strings.Contains(words, "Give the whole path") {
		t.Errorf("a relative path: %s", words)
	}
}

// TestConvertCancelled ends a conversion before it has begun to write: there is no new file, and the details say what to do.
func TestConvertCancelled(t *testing.T) {
	s, _, c, _ := conversionOf(t)
	s.page.cancel() // as when the window is closed
	s.Tap("Convert")
	s.UntilShown("The conversion was cancelled, and no file was written.")
	if _, err := os.Stat(c.path.Text); !os.IsNotExist(err) {
		t.Errorf("there is a file: %v", err)
	}
}
