package registry

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"soberano/models"
	"soberano/models/defaults"
)

// TestWrongFiles checks that each kind of file that is not a model has an error of its own, which
// says what the file is and what to use instead.
func TestWrongFiles(t *testing.T) {
	zip := "PK\x03\x04\x14\x00\x00\x00\x00\x00"
	cases := []struct{ file, head, reason, advice string }{
		{"a.gguf", "", "is empty", "download it again"},
		{"a.gguf", "<!DOCTYPE html>\n<html lang=\"en\">", "is a web page", "in a browser"},
		{"a.gguf", "\ufeff  \r\n<HTML>", "is a web page", "in a browser"},
		{"a.gguf", "version https://git-lfs.github.com/spec/v1\noid", "is only a pointer", "git lfs pull"},
		{"a.zip", zip + "readme.txt", "is a zip archive", "unpack it"},
		{"pytorch_model.bin", zip + "archive/data.pkl", "is a PyTorch model", "GGUF"},
		{"tiny.pt", zip + "tiny/whatever", "is a PyTorch model", "GGUF"},
		{"old.pt", "\x80\x02\x8a\x0alapi", "is a Python pickle", "GGUF"},
		{"pytorch_model.bin", zip + "archive/data.pkl", "is a PyTorch model", "the safetensors folder, whisper.cpp's ggml .bin"},
		{"base.pt", "\x80\x02}q\x00", "is a Python pickle", "the safetensors folder, whisper.cpp's ggml .bin"},
		{"ggml-model.bin", "tjgg\x01\x00\x00\x00", "the predecessor of GGUF", "GGUF"},
		{"ggml-old.bin", "lmgg\x00\x7d\x00\x00", "the predecessor of GGUF", "GGUF"},
		{"silero_vad.onnx", "\x08\x08\x12\x07pytorch", "is an ONNX network", "GGUF"},
		{"model.bin", "\x06\x00\x00\x00\x10\x00TransformerSpec\x00", "is a CTranslate2 model that is not Whisper", "GGUF"},
		{"whisper.bin", "\x06\x00\x00\x00\x0c\x00WhisperSpec\x00", "under another name", "call it model.bin"},
		{"m.gguf.gz", "\x1f\x8b\x08\x00", "is a compressed archive", "unpack it"},
		{"m.tar", strings.Repeat("x", 257) + "ustar\x00", "is a tar archive", "unpack it"},
		{"talk.wav", "RIFF\x00\x00\x00\x00WAVE", "is a sound or video file", "transcribed"},
		{"cat.png", "\x89PNG\r\n", "is a picture", "GGUF"},
		{"paper.pdf", "%PDF-1.7", "is a PDF", "GGUF"},
		{"setup.exe", "MZ\x90\x00", "is a program", "GGUF"},
		{"a.gguf", strings.Repeat("\x00", 64), "begins with zeros only", "download it again"},
		{"params.json", "{\"a\": 1}", "is a text in JSON", "GGUF"},
		{"a.gguf", "FUGG....", "is called .gguf, but does not begin", "download it again"},
		{"notes.txt", "hello", "is not a model file that this program knows", ".gguf"},
	}
	for _, c := range cases {
		t.Run(c.file+" "+c.reason, func(t *testing.T) {
			path := save(t, t.TempDir(), c.file, []byte(c.head))
			_, err := Inspect(path, nil)
			var fe *models.FileError
			if !errors.As(err, &fe) || !errors.Is(err, models.ErrUnknownFormat) || !strings.Contains(fe.Reason, c.reason) || !strings.Contains(fe.Advice, c.advice) {
				t.Errorf("got %v", err)
			} else if !strings.HasPrefix(err.Error(), c.file+" ") {
				t.Errorf("%v does not name the file", err)
			}
		})
	}
}

func TestDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]*")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	expect := func(want string) {
		t.Helper()
		if _, err := Inspect(dir, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, got %v", want, err)
		}
	}
	expect("is an empty folder")
	save(t, dir, "model.safetensors", nil)
	expect("model.safetensors is empty")
	save(t, dir, "x.gguf", chatModel(t, 1, 4096, nil))
	if i, err := Inspect(dir, nil); err != nil || i.Family != "llama" {
		t.Error(i, err)
	}
	save(t, dir, "y.gguf", chatModel(t, 2, 4096, nil))
	expect("holds 2 GGUF files: x.gguf, y.gguf; choose one")
	if err := os.Rename(filepath.Join(dir, "y.gguf"), filepath.Join(dir, "x-00001-of-00002.gguf")); err != nil {
		t.Fatal(err)
	}
	expect("holds 2 GGUF files: x-00001-of-00002.gguf, x.gguf; choose one")
	if err := os.Rename(filepath.Join(dir, "x-00001-of-00002.gguf"), filepath.Join(dir, "y.gguf")); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		save(t, dir, fmt.Sprint("z", i, ".gguf"), chatModel(t, 2, 4096, nil))
	}
	expect("holds 6 GGUF files: x.gguf, y.gguf, z0.gguf, z1.gguf and 2 more")
}

// TestCheck checks that Inspect, Import and Resolve take from the check of the opener whether a chat
// model runs, and its reason.
func TestCheck(t *testing.T) {
	path := save(t, t.TempDir(), "a.gguf", chatModel(t, 1, 4096, nil))
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{models.Unsupported(path, "", "holds a model of the family qwen3"), "The file holds a model of the family qwen3."},
		{models.Corrupt(path, "is damaged: a key is missing"), "The file is damaged: a key is missing. Download it again."},
		{errors.New("no\x1b memory"), `The file can't be opened: no\x1b memory.`},
	} {
		check := func(f *models.File) (Verdict, error) {
			if f.Path != path {
				t.Errorf("%s was checked", f.Path)
			}
			return Verdict{Warning: "It lacks a template."}, c.err
		}
		inspected, err1 := Inspect(path, check)
		resolved, err2 := Resolve(nil, path, check)
		l, err3 := Open(t.TempDir(), check)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		imported := mustImport(t, l, path, Copy, ImportOptions{})
		stored, err := l.Find("a")
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []Info{inspected, resolved.Info, imported.Info, stored.Info} {
			if i.Runs != (c.want == "") || i.Reason != c.want || i.Warning != "It lacks a template." {
				t.Errorf("%v: %v, %q, %q, expected %q", c.err, i.Runs, i.Reason, i.Warning, c.want)
			}
		}
	}
}

// TestUnknownType checks that a file with a tensor of an unknown type is described, but neither runs nor
// can be read.
func TestUnknownType(t *testing.T) {
	b := chatModel(t, 1, 4096, nil)
	// The type of the only tensor is 12 bytes before the end of the header, which fits in 32 bytes of padding.
	at := strings.Index(string(b), "token_embd.weight") + len("token_embd.weight") + 4 + 16
	b[at] = 41
	path := save(t, t.TempDir(), "a.gguf", b)
	if i, err := Inspect(path, nil); err != nil || i.Runs || !strings.Contains(i.Reason, "Q1_0") {
		t.Errorf("%+v, %v", i, err)
	}
	if _, err := Read(path); !errors.Is(err, models.ErrUnsupported) || !strings.Contains(err.Error(), `"token_embd.weight" as Q1_0`) {
		t.Error(err)
	}
	if _, err := Inspect(save(t, t.TempDir(), "a.gguf", chatModel(t, 1, 4096, models.Metadata{"llama.block_count": "two"})), nil); !errors.Is(err, models.ErrCorrupt) {
		t.Error(err)
	}
}

func TestTitles(t *testing.T) {
	for _, c := range []struct{ file, name, want string }{
		{"SmolLM2-135M-Instruct.Q4_1.gguf", "Smollm2 135M 8k Lc100K Mix1 Ep2", "SmolLM2 135M Instruct"},
		{"gemma-3-270m-q4-k-m.gguf", "Gemma 3 270m", "Gemma 3 270m"},
		{"Llama-3.2-1B-Instruct-UD-Q4_K_XL-00001-of-00002.gguf", "", "Llama 3.2 1B Instruct"},
		{"ggml-model-f16.gguf", "LLaMA v2", "LLaMA v2"},
		{"model.gguf", "", "model"},
		{"q8_0.gguf", "Bad\x00\n\xffName", "Bad ?Name"},
	} {
		if got := titleOf(c.file, c.name); got != c.want {
			t.Errorf("%s, %q: got %q, expected %q", c.file, c.name, got, c.want)
		}
	}
}

func TestRealModels(t *testing.T) {
	// The numbers of parameters that OpenAI published, and in addition the biases of the keys, which
	// CTranslate2 stores as zeros.
	want := map[string]Info{
		"smollm2": {Kind: Chat, Format: "gguf", Family: "llama", Title: "SmolLM2 135M Instruct", Quantization: "Q4_1", Parameters: 134515008, Context: 8192,
			Licence: "apache-2.0", Bytes: 98362432, Runs: true, Template: true, Layers: 30, KVHeads: 3, HeadDim: 64},
		"gemma3": {Kind: Chat, Format: "gguf", Family: "gemma3", Title: "Gemma 3 270m", Quantization: "Q4_K_M", Parameters: 268098176, Context: 32768,
			Licence: "gemma", Bytes: 253113024, Runs: true, Layers: 18, KVHeads: 1, HeadDim: 256, Local: 15, Window: 512},
		"whisper-base":    {Kind: Speech, Format: "ctranslate2", Family: "whisper", Title: "Whisper base", Quantization: "F16", Parameters: 72593920 + 18*512, Runs: true, Languages: ManyLanguages, Bytes: 150218479},
		"whisper-tiny.en": {Kind: Speech, Format: "ctranslate2", Family: "whisper", Title: "Whisper tiny.en", Quantization: "F16", Parameters: 37760256 + 12*384, Runs: true, Languages: EnglishAlone, Bytes: 78090594},
	}
	for folder, want := range want {
		t.Run(folder, func(t *testing.T) {
			path := defaults.Need(t, folder)
			paths := []string{path}
			if want.Kind == Speech {
				paths = append(paths, filepath.Join(path, "model.bin"), filepath.Join(path, "config.json"), filepath.Join(path, "tokenizer.json"))
			}
			for _, p := range paths {
				if got, err := Inspect(p, nil); err != nil || got != want {
					t.Errorf("%s:\n%+v, %v\nexpected\n%+v", p, got, err, want)
				}
			}
		})
	}
	t.Run("import", func(t *testing.T) {
		l, path := library(t), defaults.Need(t, "whisper-tiny.en")
		e := mustImport(t, l, filepath.Join(path, "tokenizer.json"), Link, ImportOptions{})
		mustVerify(t, l, e.Name) // which records the hashes
		e, err := l.Find(e.Name)
		if err != nil {
			t.Fatal(err)
		}
		if e.Name != "whisper-tiny.en" || e.Path() != path || len(e.Files) != 4 || e.Files[0].BLAKE3 != "9f7968391f52fd9843b982d2c6a054e0bfb15c2bf3938d66f678dfe9f2b6c1f0" {
			t.Errorf("%+v", e)
		}
		mustVerify(t, l, e.Name)
	})
}

// TestPickleInDirectory checks that the error for a directory that holds only a pickle says what to
// use instead, and that a pickle is ignored beside weights that can be read.
func TestPickleInDirectory(t *testing.T) {
	for name, head := range map[string]string{"pytorch_model.bin": "PK\x03\x04\x14\x00\x00\x00archive/data.pkl", "x.bin": "\x80\x02}q\x00", "base.pt": "", "model.bin": "PK\x03\x04\x14\x00archive/data.pkl"} {
		dir := t.TempDir()
		save(t, dir, "config.json", []byte("{}"))
		save(t, dir, name, []byte(head))
		var fe *models.FileError
		if _, err := Inspect(dir, nil); !errors.As(err, &fe) || !strings.Contains(fe.Reason, "PyTorch model") || !strings.Contains(fe.Advice, "safetensors folder") {
			t.Errorf("%s: %v", name, err)
		}
		small(t, dir, "model.safetensors")
		if i, err := Inspect(dir, nil); err != nil || i.Format != "safetensors" {
			t.Errorf("%s beside model.safetensors: %+v, %v", name, i, err)
		}
	}
}

// TestLayersThatAttend checks that layers without keys and values do not count for the size of the cache.
func TestLayersThatAttend(t *testing.T) {
	for want, meta := range map[int]models.Metadata{
		2: {"general.architecture": "lfm2", "lfm2.block_count": uint64(5), "lfm2.attention.head_count_kv": []uint64{0, 8, 0, 0, 8}},
		3: {"general.architecture": "qwen35", "qwen35.block_count": uint64(13), "qwen35.full_attention_interval": uint64(4), "qwen35.nextn_predict_layers": uint64(1),
			"qwen35.attention.head_count_kv": uint64(8)},
		1: {"general.architecture": "qwen35", "qwen35.block_count": uint64(4), "qwen35.attention.recurrent_layers": []bool{true, true, false, false},
			"qwen35.nextn_predict_layers": uint64(1), "qwen35.attention.head_count_kv": uint64(8)},
	} {
		i, err := Inspect(save(t, t.TempDir(), "a.gguf", chatModel(t, 1, 4096, meta)), nil)
		if err != nil || !i.Runs || i.Layers != want || i.KVHeads != 8 {
			t.Errorf("%d layers: %+v, %v", want, i, err)
		}
	}
}
