package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/models/gguf"
	"soberano/models/importance"
)

// A model's importance matrix is measured and used to convert it; a file that exists is not overwritten, and what is no matrix is refused.
func TestImatrix(t *testing.T) {
	home(t)
	dir := t.TempDir()
	model, text := tiny.New("llama").Write(t), filepath.Join(dir, "some text.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("some words ", 30)), 0o600); err != nil {
		t.Fatal(err)
	}
	matrix, out := filepath.Join(dir, "matrix.gguf"), filepath.Join(dir, "out.gguf")
	for _, c := range []struct {
		args string
		code int
		note string
	}{
		{"imatrix MODEL TEXT", 2, "-o FILE is missing"},
		{"imatrix MODEL TEXT --ctx 256 -o MATRIX", 1, "needs at least 512"},
		{"imatrix MODEL missing.txt -o MATRIX", 1, "missing.txt can't be read"},
		{"imatrix MODEL TEXT --ctx 32 --chunks 2 -o MATRIX", 0, ""},
		{"imatrix MODEL TEXT --ctx 32 --chunks 3 -o MATRIX", 1, "matrix.gguf exists already; --replace overwrites it"},
		{"imatrix MODEL TEXT --ctx 32 --chunks 3 -o MATRIX --replace", 0, ""},
		{"convert MODEL OUT --imatrix MODEL", 2, "--imatrix is for --type"},
		{"convert MODEL OUT --type IQ4_NL --imatrix MODEL", 1, "is no importance matrix"},
		{"convert MODEL OUT --type IQ4_NL --imatrix missing.gguf", 1, "missing.gguf"},
		{"convert MODEL OUT --type IQ4_NL --imatrix MATRIX", 0, ""},
	} {
		var args []string
		for _, a := range strings.Fields("models " + c.args) {
			switch a {
			case "MODEL":
				a = model
			case "TEXT":
				a = text
			case "MATRIX":
				a = matrix
			case "OUT":
				a = out
			}
			args = append(args, a)
		}
		if _, notes, code := run(t, nil, args...); code != c.code || !strings.Contains(notes, c.note) {
			t.Errorf("%s: exit code %d, %q", c.args, code, notes)
		}
	}
	m, err := importance.Open(matrix)
	if err != nil || m.Chunks != 3 || m.ChunkSize != 32 || len(m.Datasets) != 1 || m.Datasets[0] != "some text.txt" {
		t.Fatalf("%+v, %v", m, err)
	}
	f, err := gguf.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	chunks, err := f.Meta.Int("quantize.imatrix.chunks_count", 0)
	if err = errors.Join(err, f.Close()); err != nil || chunks != 3 {
		t.Errorf("%d chunks, %v", chunks, err)
	}
	if out, code := verb(t, "", "chat", "-m", out, "-p", "hello", "-n", "2"); code != 0 {
		t.Error(out)
	}
}
