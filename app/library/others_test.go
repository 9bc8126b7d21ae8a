package library

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"soberano/engine/arch/tiny"
)

// The page offers the models of other programs that the library does not have, and adds them where they are under the names that they have there.
func TestOthers(t *testing.T) {
	user := t.TempDir()
	for _, name := range []string{"OLLAMA_MODELS", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "LLAMA_CACHE", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", user)
	s, lib := realStage(t)
	s.Shot("others-empty")
	middle := func(label string) float32 {
		b := s.Button(label)
		return fyne.CurrentApp().Driver().AbsolutePositionForObject(b).X + b.Size().Width/2
	}
	if add, find := middle("Add a model"), middle("Find models of other programs"); add != find {
		t.Errorf("the buttons of the empty page are centred at %v and %v", add, find)
	}
	s.Tap("Find models of other programs")
	s.UntilShown("have no model in their usual places")
	hash := strings.Repeat("ab", 32)
	studio := filepath.Join(user, ".lmstudio", "models", "someone")
	manifests := filepath.Join(user, ".ollama", "models", "manifests", "registry.ollama.ai", "library", "tiny")
	blobs := filepath.Join(user, ".ollama", "models", "blobs")
	for _, dir := range []string{studio, manifests, blobs} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	modelFile(t, studio, "studio.gguf", 1)
	if err := os.Rename(tiny.New("gemma3").Write(t), filepath.Join(blobs, "sha256-"+hash)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(manifests, "1b"), []byte(`{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:`+hash+`"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Tap("Search again")
	s.UntilShown("tiny:1b")
	s.Expect("Ollama · ", "studio", "LM Studio · ", "Add all 2")
	s.Shot("others")
	s.Tap("Add")
	s.UntilShown("Added to the library.")
	if e, err := lib.Find("tiny-1b"); err != nil || !e.Linked || e.Title != "tiny:1b" {
		t.Errorf("%+v, %v", e, err)
	}
	s.Tap("Search again")
	s.UntilShown("LM Studio · ")
	if text := s.Words(); strings.Contains(text, "Ollama · ") {
		t.Errorf("a model of the library is offered:\n%s", text)
	}
}
