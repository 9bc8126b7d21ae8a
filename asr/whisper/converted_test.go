package whisper

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"soberano/asr/whisper/convert"
	"soberano/kernels/cpu"
	"soberano/kernels/quant"
	"soberano/models"
	production "soberano/models/convert"
	"soberano/models/ggml"
	"soberano/models/registry"
)

// TestConverted: a network that was converted from each format to an APR file, and from that to a folder and back, computes what the first does.
func TestConverted(t *testing.T) {
	var want map[string]golden
	b, err := os.ReadFile("testdata/small.json")
	if err == nil {
		err = json.Unmarshal(b, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	const name = "distilled.en"
	source := ofFormula(t, shapes[name])
	dir := t.TempDir()
	convert.GGML(t, filepath.Join(dir, "m.bin"), source, quant.F32)
	fromGGML, err := ggml.Open(filepath.Join(dir, "m.bin"))
	if err != nil {
		t.Fatal(err)
	}
	defer fromGGML.Close()
	o := production.Options{Tokens: Tokens}
	to := func(f *models.File, name string) *models.File {
		path := filepath.Join(dir, name)
		if err := production.Convert(context.Background(), f, path, o); err != nil {
			t.Fatal(err)
		}
		g, err := registry.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { g.Close() })
		return g
	}
	first := to(source, "a.apr")
	folder := to(first, "folder")
	for what, f := range map[string]*models.File{
		"CTranslate2 to APR": first, "APR to folder": folder, "folder to APR": to(folder, "b.apr"), "ggml to APR": to(fromGGML, "c.apr"),
	} {
		t.Run(what, func(t *testing.T) {
			m, text := openForm(t, f, cpu.Options{Exact: true})
			if id, ok := text.ID("<|startoftranscript|>"); !ok || id != m.Start || text.Size() != shapes[name].Vocab {
				t.Errorf("<|startoftranscript|> is %d of %d", id, text.Size())
			}
			likeGolden(t, name, m, want[name])
		})
	}
	for out, f := range map[string]*models.File{"x.gguf": first, "x": fromGGML} { // there is no such file; a folder needs a tokenizer.json
		if err := production.Convert(context.Background(), f, filepath.Join(dir, out), o); !errors.Is(err, models.ErrUnsupported) {
			t.Errorf("%s: %v", out, err)
		}
	}
}
