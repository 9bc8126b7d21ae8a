package cli

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
)

// TestChatImage asks about an image file, with a vision encoder beside the model and without.
func TestChatImage(t *testing.T) {
	home(t)
	dir := t.TempDir()
	save := func(name string, s *tiny.Source) string {
		t.Helper()
		data, err := s.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := tiny.New("gemma3")
	text.Tokens("<start_of_image>", "<end_of_image>")
	model := save("model.gguf", text)
	picture := filepath.Join(dir, "picture.png")
	writePNG(t, picture, 50, 40)
	ask := func(flags ...string) (string, int) {
		return verb(t, "", append([]string{"chat", "-m", model, "-p", "What is it?", "-n", "2", "--json"}, flags...)...)
	}
	if out, code := ask("--image", picture); code != 1 {
		t.Errorf("without an encoder: %d %s", code, out)
	}
	other := tiny.Vision("gemma3")
	other.Meta["clip.projector_type"] = "unknown"
	save("mmproj-a.gguf", other)
	encoder := save("mmproj-b.gguf", tiny.Vision("gemma3"))
	var plain, seen chatAnswer
	out, code := ask()
	decode(t, out, &plain)
	if code != 0 {
		t.Fatalf("without an image: %d %s", code, out)
	}
	out, code = ask("--image", picture, "--image", picture)
	decode(t, out, &seen)
	if code != 0 || seen.PromptTokens < plain.PromptTokens+2*(4+2) {
		t.Errorf("with two images: %d, %d tokens instead of %d: %s", code, seen.PromptTokens, plain.PromptTokens, out)
	}
	for what, flags := range map[string][]string{
		"a file that is none": {"--image", model}, "a missing file": {"--image", picture + "x"}, "a raw text": {"--raw", "--image", picture},
	} {
		if out, code := ask(flags...); code == 0 {
			t.Errorf("%s: %s", what, out)
		}
	}
	for path, want := range map[string]string{model: "model.gguf: Images of this kind can't be read.", picture + "x": "The file is not at " + picture + "x.", dir: "Images of this kind"} {
		if _, err := readImages([]string{path}); err == nil || !strings.Contains(errorText(err), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if out, code := verb(t, "", "models", "import", encoder); code != 1 {
		t.Errorf("import of an encoder without its model: %d %s", code, out)
	}
	if out, code := verb(t, "", "models", "import", model, "--name", "seer"); code != 0 {
		t.Fatalf("import of the model: %d %s", code, out)
	}
	if out, code := verb(t, "", "models", "import", encoder, "--name", "other"); code != 1 {
		t.Errorf("import of an encoder for a model that is not there: %d %s", code, out)
	}
	if out, code := verb(t, "", "models", "import", encoder); code != 0 || !strings.Contains(out, "can see images: mmproj-b.gguf belongs to it.") {
		t.Errorf("import of an encoder: %d %s", code, out)
	}
	if out, code := verb(t, "", "models", "show", "seer"); code != 0 || !strings.Contains(out, "vision encoder") {
		t.Errorf("the model with its encoder: %d %s", code, out)
	}
	if out, code := verb(t, "", "chat", "-m", "seer", "-p", "What is it?", "-n", "1", "--image", picture); code != 0 {
		t.Errorf("a question to it: %d %s", code, out)
	}
	if out, code := verb(t, "", "chat", "-m", "nowhere", "-p", "What is it?", "--image", picture+"x"); code != 1 {
		t.Errorf("a missing image with a missing model: %d %s", code, out)
	}
}

// writePNG writes a picture of two colours.
func writePNG(t *testing.T, path string, width, height int) {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.Set(x, y, color.RGBA{byte(5 * x), byte(200 - 3*y), 80, 255})
		}
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, m); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
