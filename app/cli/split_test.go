package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/models/gguf"
)

// splitModel returns the path of the first file of a model whose other two files are missing.
func splitModel(t *testing.T) string {
	t.Helper()
	s := tiny.New("llama")
	s.Meta["split.no"], s.Meta["split.count"], s.Meta["split.tensors.count"] = uint64(0), uint64(3), int64(len(s.Tensors)+2)
	var b bytes.Buffer
	if err := gguf.Write(&b, s.Meta, s.Tensors); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "m-00001-of-00003.gguf")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
