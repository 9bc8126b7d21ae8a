package registry

import (
	"os"
	"path/filepath"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/safetensors"
)

// TestFolderOfBERT checks the description of a folder of sentence-transformers with a tensor of whole numbers, and that its files keep their folders in a
// copy, which is described alike.
func TestFolderOfBERT(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "some-embedder")
	if err := os.MkdirAll(filepath.Join(dir, "1_Pooling"), 0o755); err != nil {
		t.Fatal(err)
	}
	positions := models.Tensor{Name: "embeddings.position_ids", Type: 27, Shape: []int{1, 4}, Data: make([]byte, 32)} // I64
	write(t, filepath.Join(dir, "model.safetensors"), func(f *os.File) error {
		return safetensors.Write(f, nil, []models.Tensor{filled("embeddings.word_embeddings.weight", quant.F16, 10, 32), positions})
	})
	save(t, dir, "config.json", []byte(`{"model_type":"bert","max_position_embeddings":512,"hidden_size":32,"intermediate_size":64,"num_hidden_layers":3,"num_attention_heads":4}`))
	save(t, filepath.Join(dir, "1_Pooling"), "config.json", []byte(`{"pooling_mode_cls_token":true}`))
	check := func(i Info, err error) {
		t.Helper()
		if err != nil || i.Kind != Embedding || i.Family != "bert" || i.Title != "some embedder" || i.Context != 512 || i.Quantization != "F16" || i.Layers != 1 || !i.Runs {
			t.Errorf("%+v, %v", i, err)
		}
	}
	check(Inspect(dir, nil))
	l := library(t)
	e := mustImport(t, l, dir, Copy, ImportOptions{})
	check(e.Info, nil)
	if len(e.Files) != 3 {
		t.Errorf("%d files", len(e.Files))
	}
	mustVerify(t, l, e.Name)
	f, err := Read(e.Path())
	if err != nil {
		t.Fatal(err)
	}
	if string(f.Aux["1_Pooling/config.json"]) == "" || len(f.Tensors) != 2 {
		t.Errorf("the copy has the files %v and %d tensors", f.Paths, len(f.Tensors))
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	l.check = func(*models.File) (Verdict, error) { return Verdict{}, nil }
	e.Kind, e.Runs, e.Checked, e.Title = Chat, false, "an earlier version", "Another title"
	e.save(lockWait)
	if again, err := l.Find(e.Name); err != nil || again.Kind != Embedding || !again.Runs || again.Title != "Another title" || again.Family != "bert" {
		t.Errorf("an entry that an earlier version took for a chat model: %+v, %v", again, err)
	}
	if err := os.Remove(e.FilePath(e.Files[2])); err != nil {
		t.Fatal(err)
	}
	if e.Check() == nil {
		t.Error("a missing file below the folder is not noticed")
	}
}
