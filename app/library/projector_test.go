package library

import (
	"os"
	"path/filepath"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/models/registry"
)

// tinyFile writes a tiny model or vision encoder.
func tinyFile(t *testing.T, name string, s *tiny.Source) string {
	t.Helper()
	b, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// seeing returns a model that takes the images of the projector gemma3; fill varies its contents.
func seeing(fill byte) *tiny.Source {
	s := tiny.New("gemma3")
	s.Tokens("<start_of_image>", "<end_of_image>")
	s.Meta["test.fill"] = uint64(fill)
	return s
}

// A vision encoder that is dropped is added to the model to which it belongs; of several, the user chooses one.
func TestDropProjector(t *testing.T) {
	s, lib := realStage(t)
	projector := tinyFile(t, "mmproj-ada.gguf", tiny.Vision("gemma3"))
	s.im.Drop([]string{projector})
	s.UntilShown("mmproj-ada.gguf belongs to no model in the library.", "Add the model with which it was published")
	s.im.Drop([]string{tinyFile(t, "Ada.gguf", seeing(1)), modelFile(t, t.TempDir(), "blind.gguf", 1)})
	s.UntilShown("Ada can see images.", "mmproj-ada.gguf belongs to it. The file stays where it is.")
	s.Shot("projector")
	s.Until("the models", func() bool { return len(s.added) == 2 })
	s.Tap("Close all 3")
	if e, err := lib.Find("ada"); err != nil || e.Projector == nil || e.Projector.Path != projector || len(s.attached) != 1 {
		t.Errorf("attached to %v: %+v, %v", s.attached, e.Projector, err)
	}
	s.im.Drop([]string{tinyFile(t, "Berta.gguf", seeing(2))})
	s.Until("the other model", func() bool { return len(s.added) == 3 })
	s.Tap("Close")
	s.im.Drop([]string{tinyFile(t, "mmproj-berta.gguf", tiny.Vision("gemma3"))})
	s.UntilShown("With which model was it published?")
	s.Shot("projector-which")
	s.Tap("Berta")
	s.UntilShown("Berta can see images.")
	if e, err := lib.Find("berta"); err != nil || e.Projector == nil {
		t.Errorf("attached to %v: %+v, %v", s.attached, e.Projector, err)
	}
	other := tiny.Vision("gemma3")
	other.Meta["clip.projector_type"] = "unknown"
	s.im.Drop([]string{tinyFile(t, "mmproj-other.gguf", other)})
	s.UntilShown("mmproj-other.gguf could not be added.", "which does not run here")
	entries, _ := lib.List()
	for _, e := range entries {
		if e.Kind == registry.Vision {
			t.Errorf("the library holds the encoder as a model: %+v", e)
		}
	}
}
