package registry

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
)

// chatModel returns a small llama file. fill varies its weights, size is the length of its tensor data.
func chatModel(t testing.TB, fill byte, size int, extra models.Metadata) []byte {
	t.Helper()
	meta := models.Metadata{
		"general.architecture": "llama", "general.name": "Tiny", "general.license": "mit", "general.file_type": uint64(0),
		"llama.context_length": uint64(256), "llama.block_count": uint64(2), "llama.embedding_length": uint64(64),
		"llama.attention.head_count": uint64(4), "llama.attention.head_count_kv": uint64(2),
		"tokenizer.ggml.model": "gpt2", "tokenizer.chat_template": "{{ messages }}",
	}
	for key, v := range extra {
		meta[key] = v
	}
	var b bytes.Buffer
	w := models.Tensor{Name: "token_embd.weight", Type: quant.F32, Shape: []int{size / 256, 64}, Data: bytes.Repeat([]byte{fill}, size/256*256)}
	if err := gguf.Write(&b, meta, []models.Tensor{w}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func save(t testing.TB, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func library(t testing.TB) *Library {
	t.Helper()
	l, err := Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustImport(t testing.TB, l *Library, path string, how How, opt ImportOptions) Entry {
	t.Helper()
	e, err := l.Import(context.Background(), path, how, opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustVerify(t testing.TB, l *Library, name string) {
	t.Helper()
	if err := l.Verify(context.Background(), name, nil); err != nil {
		t.Error(err)
	}
}

// mustHold fails unless the library's folder holds exactly these entries and nothing temporary.
func mustHold(t testing.TB, l *Library, names ...string) {
	t.Helper()
	want := map[string]bool{".lock": true}
	for _, n := range names {
		want[n] = true
	}
	dirs, err := os.ReadDir(l.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if !want[d.Name()] {
			t.Errorf("the library's folder also holds %s", d.Name())
		}
		delete(want, d.Name())
	}
	delete(want, ".lock")
	if len(want) > 0 {
		t.Errorf("the library's folder lacks %v", want)
	}
}
