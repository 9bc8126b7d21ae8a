package registry

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/apr"
	"soberano/models/ggml"
	"soberano/models/safetensors"
)

// write creates a file with the writer of a format.
func write(t testing.TB, path string, by func(*os.File) error) string {
	t.Helper()
	f, err := os.Create(path)
	if err == nil {
		err = by(f)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func filled(name string, typ quant.Type, shape ...int) models.Tensor {
	n, ok := models.Bytes(typ, shape)
	if !ok {
		panic(name)
	}
	return models.Tensor{Name: name, Type: typ, Shape: shape, Data: bytes.Repeat([]byte{1}, int(n))}
}

// outline returns the tensors that determine the dimensions of a Whisper model, with as few
// values as possible. names is an index of whisperNames.
func outline(names int, typ quant.Type, s whisperSize) []models.Tensor {
	n := whisperNames[names]
	list := []models.Tensor{filled(n.conv1, quant.F16, s.width, s.mels, 1), filled(n.embed, typ, s.vocabulary, 32)}
	for half, layers := range map[string]int{"encoder": s.encoder, "decoder": s.decoder} {
		for i := range layers {
			list = append(list, filled(fmt.Sprintf(n.layer, half, i), typ, 1, 32))
		}
	}
	return list
}

func ggmlFile(t testing.TB, path string, typ quant.Type, s whisperSize) string {
	return write(t, path, func(f *os.File) error {
		meta := models.Metadata{"ggml.ftype": uint64(2008), "ggml.n_mels": uint64(s.mels), "ggml.n_vocab": uint64(s.vocabulary), ggml.TokensKey: []string{"a"}}
		for _, key := range []string{"audio_ctx", "audio_state", "audio_head", "audio_layer", "text_ctx", "text_state", "text_head", "text_layer"} {
			meta["ggml.n_"+key] = uint64(1)
		}
		return ggml.Write(f, meta, outline(1, typ, s))
	})
}

// small writes a safetensors file that does not hold a model.
func small(t testing.TB, dir, name string) string {
	return write(t, filepath.Join(dir, name), func(f *os.File) error {
		return safetensors.Write(f, nil, []models.Tensor{filled("w", quant.F32, 2)})
	})
}

// TestSpeechForms checks that speech models of every format are described, named and imported, given
// a file or a folder.
func TestSpeechForms(t *testing.T) {
	base, turbo, distilled := whisperSize{512, 80, 6, 6, 51865}, whisperSize{1280, 128, 32, 4, 51866}, whisperSize{1024, 80, 24, 2, 51864}
	folder := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			save(t, dir, name, []byte(text))
		}
		return dir
	}
	hf := func(s whisperSize, names int, files map[string]string) string {
		dir := folder(files)
		write(t, filepath.Join(dir, "model.safetensors"), func(f *os.File) error { return safetensors.Write(f, nil, outline(names, quant.F16, s)) })
		return dir
	}
	whisper := map[string]string{"config.json": `{"model_type":"whisper"}`, "tokenizer.json": "{}", "pytorch_model.bin": "PK\x03\x04"}
	older := map[string]string{"vocab.json": "{}", "merges.txt": "#"}
	aprFile := func(names int, lists map[string][]byte, meta models.Metadata) string {
		return write(t, filepath.Join(t.TempDir(), "x.apr"), func(f *os.File) error { return apr.Write(f, meta, outline(names, quant.F16, turbo), lists) })
	}
	vocabulary := map[string][]byte{"__vocab__": {1}}
	stranger := write(t, filepath.Join(t.TempDir(), "x.apr"), func(f *os.File) error {
		return apr.Write(f, models.Metadata{"architecture": "qwen2", "name": "Qwen 2"}, []models.Tensor{filled("w", quant.F32, 2)}, nil)
	})
	cases := []struct{ path, format, title, quantization, name, reason string }{
		{ggmlFile(t, filepath.Join(t.TempDir(), "ggml-base-q5_0.bin"), quant.Q5_0, base), "ggml", "Whisper base", "Q5_0", "whisper-base-q5_0", ""},
		{filepath.Dir(ggmlFile(t, filepath.Join(t.TempDir(), "any.bin"), quant.Q8_0, distilled)), "ggml", "Whisper medium distilled.en", "Q8_0", "whisper-medium-distilled.en-q8_0", ""},
		{ggmlFile(t, filepath.Join(t.TempDir(), "model.bin"), quant.Q5_1, turbo), "ggml", "Whisper large-v3 turbo", "Q5_1", "whisper-large-v3-turbo-q5_1", ""},
		{hf(turbo, 2, whisper), "safetensors", "Whisper large-v3 turbo", "F16", "whisper-large-v3-turbo-f16", ""},
		{filepath.Join(hf(base, 3, older), "merges.txt"), "safetensors", "Whisper base", "F16", "whisper-base-f16", ""},
		{hf(base, 2, map[string]string{"config.json": `{"model_type":"llama"}`}), "safetensors", "model", "F16", "model-f16", "max_position_embeddings is missing"},
		{hf(base, 2, map[string]string{"config.json": `{"model_type":"of-tomorrow"}`}), "safetensors", "model", "F16", "model-f16", "GGUF"},
		{small(t, t.TempDir(), "Some-Chat-1B.safetensors"), "safetensors", "Some Chat 1B", "F32", "some-chat-1b-f32", "has no config.json"},
		{aprFile(4, vocabulary, models.Metadata{"license": "mit"}), "apr", "Whisper large-v3 turbo", "F16", "whisper-large-v3-turbo-f16", ""},
		{aprFile(3, nil, nil), "apr", "Whisper large-v3 turbo", "F16", "whisper-large-v3-turbo-f16", ""},
		{stranger, "apr", "Qwen 2", "F32", "qwen-2-f32", "GGUF"},
	}
	for _, c := range cases {
		i, err := Inspect(c.path, nil)
		if err != nil || i.Format != c.format || i.Title != c.title || i.Quantization != c.quantization || i.Runs != (c.reason == "") || !strings.Contains(i.Reason, c.reason) || i.Parameters == 0 {
			t.Errorf("%s: %+v, %v", c.path, i, err)
			continue
		}
		for _, how := range []How{Copy, Link} {
			l := library(t)
			e := mustImport(t, l, c.path, how, ImportOptions{})
			if e.Name != c.name {
				t.Errorf("%s is called %s, expected %s", c.path, e.Name, c.name)
			}
			mustVerify(t, l, e.Name)
			again, err := Inspect(e.Path(), nil)
			if err != nil || again.Title != i.Title && c.title != "model" || again.Runs != i.Runs {
				t.Errorf("%s, imported, is %+v, %v", c.path, again, err)
			}
		}
	}
}

// TestSafetensorsParts imports a model of several files, given any of them.
func TestSafetensorsParts(t *testing.T) {
	dir := t.TempDir()
	all := outline(2, quant.BF16, whisperSize{384, 80, 4, 4, 51864})
	where := ""
	for i, part := range [][]models.Tensor{all[:3], all[3:]} {
		name := fmt.Sprintf("model-0000%d-of-00002.safetensors", i+1)
		write(t, filepath.Join(dir, name), func(f *os.File) error { return safetensors.Write(f, nil, part) })
		for _, x := range part {
			where += fmt.Sprintf(",%q:%q", x.Name, name)
		}
	}
	save(t, dir, safetensors.Index, []byte(`{"weight_map":{`+where[1:]+`}}`))
	save(t, dir, "config.json", []byte(`{"model_type":"whisper"}`))
	save(t, dir, "tokenizer.json", []byte("{}"))
	for _, name := range []string{"", safetensors.Index, "config.json", "model-00002-of-00002.safetensors"} {
		l := library(t)
		e := mustImport(t, l, filepath.Join(dir, name), Copy, ImportOptions{})
		if e.Title != "Whisper tiny.en" || e.Quantization != "BF16" || len(e.Files) != 5 {
			t.Errorf("%q: %+v", name, e)
		}
		if i, err := Inspect(e.Path(), nil); err != nil || i.Title != e.Title {
			t.Errorf("%q, imported: %+v, %v", name, i, err)
		}
	}
}

func TestWhisperTitles(t *testing.T) {
	for want, s := range map[string]whisperSize{
		"Whisper tiny": {384, 80, 4, 4, 51865}, "Whisper base.en": {512, 80, 6, 6, 51864}, "Whisper small": {768, 80, 12, 12, 51865}, "Whisper medium": {1024, 80, 24, 24, 51865},
		"Whisper large": {1280, 80, 32, 32, 51865}, "Whisper large-v3": {1280, 128, 32, 32, 51866}, "Whisper large-v3 turbo": {1280, 128, 32, 4, 51866},
		"Whisper large-v3 distilled": {1280, 128, 32, 2, 51866}, "Whisper": {100, 80, 4, 4, 51865},
	} {
		f := &models.File{Tensors: outline(0, quant.F32, s)}
		if got := titleOfWhisper(f); got != want {
			t.Errorf("%+v is %q, expected %q", s, got, want)
		}
		if got := speech(f).EnglishOnly(); got != (s.vocabulary == 51864) {
			t.Errorf("%s knows English only: %v", want, got)
		}
	}
}

// TestLanguagesOfEntries checks that the languages of an entry come from its own field, and from its
// title only if the field is missing, as in entries of older versions.
func TestLanguagesOfEntries(t *testing.T) {
	for _, c := range []struct {
		entry string
		want  bool
	}{
		{`"kind": "speech", "title": "Whisper tiny.en"`, true},
		{`"kind": "speech", "title": "Whisper tiny"`, false},
		{`"kind": "speech", "title": "For the board meetings", "languages": "english"`, true},
		{`"kind": "speech", "title": "Whisper tiny.en", "languages": "many"`, false},
		{`"kind": "chat", "title": "Llama.en"`, false},
	} {
		lib, err := Open(t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(lib.dir, "m")
		text := `{"name": "m", ` + c.entry + `, "files": [{"path": "files/model.bin", "bytes": 1, "sha256": ""}]}`
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, entryFile), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
		e, err := lib.Find("m")
		if err != nil || e.EnglishOnly() != c.want {
			t.Errorf("%s: %v, %v", c.entry, e.EnglishOnly(), err)
		}
	}
}
