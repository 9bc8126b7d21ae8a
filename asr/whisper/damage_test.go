package whisper

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"soberano/asr/whisper/convert"
	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/apr"
	"soberano/models/ggml"
	"soberano/models/safetensors"
)

// smallForms returns the small turbo network in all file formats but CTranslate2's.
func smallForms(t *testing.T) []*models.File {
	t.Helper()
	source := ofFormula(t, shapes["turbo"])
	path, dir := filepath.Join(t.TempDir(), "model"), t.TempDir()
	convert.GGML(t, path+".bin", source, quant.F32)
	convert.APR(t, path+".apr", source, quant.F32)
	convert.Safetensors(t, dir, source, quant.F32, true)
	var out []*models.File
	for _, open := range []func() (*models.File, error){
		func() (*models.File, error) { return ggml.Open(path + ".bin") },
		func() (*models.File, error) { return apr.Open(path + ".apr") },
		func() (*models.File, error) { return safetensors.Open(dir) },
	} {
		f, err := open()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		out = append(out, f)
	}
	return out
}

// copied returns a copy of f that can be modified.
func copied(f *models.File) *models.File {
	return &models.File{Format: f.Format, Path: f.Path, Meta: maps.Clone(f.Meta), Aux: maps.Clone(f.Aux), Tensors: slices.Clone(f.Tensors)}
}

func refused(err error) bool {
	var fe *models.FileError
	return (errors.Is(err, models.ErrCorrupt) || errors.Is(err, models.ErrUnsupported)) && (errors.As(err, &fe) || strings.HasPrefix(err.Error(), "/"))
}

// TestDamagedForms: in every file format, a tensor that is missing, truncated or of another shape is an
// error.
func TestDamagedForms(t *testing.T) {
	for _, whole := range smallForms(t) {
		if _, err := readWeights(whole); err != nil {
			t.Fatal(err)
		}
		for i, x := range whole.Tensors {
			for what, change := range map[string]func(*models.Tensor){
				"missing":      func(x *models.Tensor) { x.Name = "other" },
				"short":        func(x *models.Tensor) { x.Data = x.Data[:len(x.Data)-4] },
				"untyped":      func(x *models.Tensor) { x.Type = 99 },
				"of rank 5":    func(x *models.Tensor) { x.Shape = append([]int{1, 1, 1}, x.Shape...) },
				"shapeless":    func(x *models.Tensor) { x.Shape = nil },
				"another size": func(x *models.Tensor) { x.Shape = append(slices.Clone(x.Shape[:len(x.Shape)-1]), 64*x.Cols()) },
			} {
				f := copied(whole)
				change(&f.Tensors[i])
				if _, err := readWeights(f); !refused(err) {
					t.Errorf("%s: %s is %s: %v", f.Format, x.Name, what, err)
				}
			}
		}
	}
}

// TestContradictions: metadata that contradict the weights are an error.
func TestContradictions(t *testing.T) {
	all := smallForms(t)
	fails := func(f *models.File, what, want string) {
		t.Helper()
		_, err := readWeights(f)
		if !refused(err) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s with %s: %v", f.Format, what, err)
		}
	}
	for key, v := range map[string]any{
		"ggml.n_vocab": uint64(51865), "ggml.n_audio_layer": uint64(7), "ggml.n_text_layer": uint64(5), "ggml.n_mels": uint64(80),
		"ggml.n_audio_state": uint64(1 << 31), "ggml.n_audio_head": uint64(3), "ggml.n_text_head": uint64(4),
	} {
		f := copied(all[0])
		f.Meta[key] = v
		fails(f, fmt.Sprint(key, v), "")
	}
	for key, v := range map[string]any{
		"n_mels": int64(80), "n_audio_layer": int64(7), "n_text_layer": "4", "vocab_size": int64(1), "n_audio_head": int64(-1), "n_audio_state": 1e300,
	} {
		f := copied(all[1])
		f.Meta[key] = v
		fails(f, fmt.Sprint(key, v), "")
	}
	for config, want := range map[string]string{
		`{`:                              "config.json",
		`{"model_type":"llama"}`:         `of type "llama"`,
		`{"encoder_layers":7}`:           "encoder_layers is 7",
		`{"decoder_layers":3}`:           "decoder_layers is 3",
		`{"vocab_size":51865}`:           "vocab_size",
		`{"d_model":"x"}`:                "config.json",
		`{"scale_embedding":true}`:       "scales its embeddings",
		`{"activation_function":"relu"}`: `activation "relu"`,
		`{"encoder_attention_heads":2,"decoder_attention_heads":4}`:     "2 heads in one half and 4",
		`{"encoder_attention_heads":3}`:                                 "3 heads",
		`{"encoder_attention_heads":-64,"decoder_attention_heads":-64}`: "heads",
	} {
		f := copied(all[2])
		f.Aux["config.json"] = []byte(config)
		fails(f, config, want)
	}
	f := copied(all[2])
	f.Aux["config.json"] = []byte(`{"tie_word_embeddings":false}`)
	f.Tensors = append(f.Tensors, models.Tensor{Name: "proj_out.weight"})
	fails(f, "an output matrix", "output matrix of its own")
	f = copied(all[2])
	f.Format = "gguf"
	fails(f, "another format", "CTranslate2 or safetensors")
}

// TestNoText: the error for a file without tokens says so.
func TestNoText(t *testing.T) {
	all := smallForms(t)
	fails := func(i int, want string, change func(*models.File)) {
		t.Helper()
		f := copied(all[i])
		change(f)
		if _, err := Text(f); !refused(err) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: expected %q, got %v", f.Format, want, err)
		}
	}
	fails(0, "0 tokens of text", func(f *models.File) { delete(f.Meta, ggml.TokensKey) })
	fails(0, "vocabulary of 51867", func(f *models.File) { f.Meta["ggml.n_vocab"] = uint64(51867) })
	fails(0, "vocabulary of 12", func(f *models.File) { f.Meta["ggml.n_vocab"] = uint64(12) })
	fails(0, "both spelled", func(f *models.File) { f.Meta[ggml.TokensKey] = slices.Repeat([]string{"x"}, 50257) })
	fails(1, "has no vocabulary", func(f *models.File) { delete(f.Aux, "__vocab__") })
	fails(1, "cut short", func(f *models.File) { f.Aux["__vocab__"] = f.Aux["__vocab__"][:200_000] })
	fails(1, "more than the file can hold", func(f *models.File) { f.Aux["__vocab__"] = []byte("\xff\xff\xff\xff\x00\x00\x00\x00") })
	fails(1, "key", func(f *models.File) { delete(f.Aux, "__vocab__"); f.Meta["tokenizer.vocabulary"] = 1 })
	fails(2, "has no tokenizer.json", func(f *models.File) { delete(f.Aux, "tokenizer.json") })
	fails(2, "is no speech model, but a gguf file", func(f *models.File) { f.Format = "gguf" })
}

// TestSpelledVocabularies: the other places where a file may have its tokens.
func TestSpelledVocabularies(t *testing.T) {
	all := smallForms(t)
	f := copied(all[1])
	delete(f.Aux, "__vocab__")
	f.Meta["tokenizer.vocabulary"], f.Meta["tokenizer.merges"] = []string{"a", "b", "ab", "<|endoftext|>"}, []string{"a b"}
	text, err := Text(f)
	if err != nil || string(text.Decode([]int32{2, 0})) != "aba" {
		t.Error(err)
	}
	f = copied(all[2])
	delete(f.Aux, "tokenizer.json")
	f.Aux["vocab.json"], f.Aux["merges.txt"], f.Aux["added_tokens.json"] = []byte(`{"a":0,"b":1,"ab":2}`), []byte("#version: 0.2\na b\n"), []byte(`{"<|endoftext|>":3}`)
	text, err = Text(f)
	if err != nil || text.Size() != 4 {
		t.Error(err)
	}
}

// FuzzConfig opens directories of Hugging Face with any configuration files.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"model_type":"whisper","d_model":64,"encoder_attention_heads":2,"suppress_tokens":[1]}`), []byte(`{"suppress_tokens":null,"begin_suppress_tokens":[220]}`))
	f.Add([]byte(`{"suppress_ids":[-1]}`), []byte(`{`))
	s := specials(51865)
	f.Fuzz(func(t *testing.T, config, generation []byte) {
		file := &models.File{Format: "safetensors", Path: "x", Aux: map[string][]byte{"config.json": config, "generation_config.json": generation}}
		if _, err := readWeights(file); !refused(err) { // it has no tensors
			t.Errorf("%v", err)
		}
		always, first, err := suppressed(file, s)
		if err != nil && !refused(err) {
			t.Errorf("%v", err)
		}
		for _, id := range append(always, first...) {
			if id < 0 || id >= 51865 {
				t.Errorf("token %d is suppressed", id)
			}
		}
	})
}

// FuzzAPRTokens reads any __vocab__.
func FuzzAPRTokens(f *testing.F) {
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00a\x02\x00bc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := aprTokens("x", b)
		n := 0
		for _, s := range list {
			n += 2 + len(s)
		}
		if err == nil && n > len(b) || err != nil && !refused(err) {
			t.Errorf("%d bytes of tokens in %d, %v", n, len(b), err)
		}
	})
}
