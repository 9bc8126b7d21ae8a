package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
)

// hostile writes a model file whose family has a long name full of escape sequences.
func hostile(t *testing.T, name string) string {
	t.Helper()
	family := "a\x1b[2J\u202e" + strings.Repeat("x", 10<<20)
	var b bytes.Buffer
	w := models.Tensor{Name: "token_embd.weight", Type: quant.F32, Shape: []int{1, 64}, Data: make([]byte, 4*64)}
	if err := gguf.Write(&b, models.Metadata{"general.architecture": family, "tokenizer.ggml.model": family}, []models.Tensor{w}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// harmless fails if a message is long or contains control sequences for a terminal.
func harmless(t *testing.T, what, text string) {
	t.Helper()
	if text == "" || len(text) > 5000 || strings.ContainsAny(text, "\x1b\u202e\a") {
		t.Errorf("%s: %d bytes, %.300q", what, len(text), text)
	}
}

// Names of files, and names inside files, are printed shortened and escaped.
func TestHostileNames(t *testing.T) {
	home(t)
	path := hostile(t, "evil\x1b[31m\u202e.gguf")
	for _, args := range [][]string{{"models", "show", path}, {"models", "verify", path}} {
		out, code := verb(t, "", args...)
		if code != 0 {
			t.Errorf("%v: exit code %d", args, code)
		}
		harmless(t, strings.Join(args[:2], " "), out)
	}
	for _, args := range [][]string{{"chat", "-m", path, "-p", "hello"}, {"tokenize", "-m", path, "hello"}, {"logits", "-m", path, "-p", "hello"}, {"transcribe", path},
		{"models", "verify", path + "\x1b"}, {"models", "show", "none\x1b"}, {"chat", "-m", "none\x1b", "-p", "hello"}, {"transcribe", "none\x1b.wav"}} {
		root := command(nil)
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetArgs(args)
		err := root.ExecuteContext(t.Context())
		if err == nil {
			t.Errorf("%.60q succeeds", args)
			continue
		}
		harmless(t, args[0], errorText(err)+out.String())
	}
}

// A file that is not in the library is read completely and its hash is printed; a truncated file is detected.
func TestVerifyPath(t *testing.T) {
	home(t)
	path := hostile(t, "m.gguf")
	out, code := verb(t, "", "models", "verify", path)
	if code != 0 || !strings.Contains(out, "not in the library") || !strings.Contains(out, "m.gguf") {
		t.Errorf("%d: %s", code, out)
	}
	if err := os.Truncate(path, 10<<20+5000); err != nil {
		t.Fatal(err)
	}
	if _, code := verb(t, "", "models", "verify", path); code != 1 {
		t.Errorf("a file that is cut off: exit code %d", code)
	}
	if _, code := verb(t, "", "models", "verify", filepath.Join(t.TempDir(), "none.gguf")); code != 1 {
		t.Errorf("a file that is not there: exit code %d", code)
	}
}
