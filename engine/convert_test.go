package engine

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/engine/prompt"
	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/apr"
	"soberano/models/convert"
	"soberano/models/defaults"
	"soberano/models/gguf"
	"soberano/models/huggingface"
	"soberano/models/registry"
)

// converted converts the model at path to a file called name in a new folder and returns its path.
func converted(t *testing.T, path, name string, o convert.Options) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	f, err := registry.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(convert.Convert(context.Background(), f, out, o), f.Close()); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestConvertAPR checks for every family that a model as an APR file gives the same logits, and that a GGUF file made of it has the same keys and
// tensors as the first.
func TestConvertAPR(t *testing.T) {
	for i, kind := range tiny.Kinds() {
		t.Run(kind, func(t *testing.T) {
			file := tiny.New(kind).Write(t)
			packing := []apr.Compression{apr.Plain, apr.LZ4, apr.ZSTD}[i%3]
			made := converted(t, file, "m.apr", convert.Options{APR: apr.Options{Compression: packing}})
			back := converted(t, made, "m.gguf", convert.Options{})
			if slices.Contains(tiny.Encoders(), kind) {
				sameVectors(t, file, made)
			} else if slices.Contains(tiny.Representative(), kind) {
				sameLogits(t, file, made)
			}
			sameFile(t, file, back)
		})
	}
}

// sameFile checks that two GGUF files have the same keys and tensors.
func sameFile(t *testing.T, want, got string) {
	t.Helper()
	var files [2]*models.File
	for i, path := range []string{want, got} {
		f, err := gguf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files[i] = f
	}
	if len(files[0].Meta) != len(files[1].Meta) || len(files[0].Tensors) != len(files[1].Tensors) {
		t.Fatalf("%d keys and %d tensors, expected %d and %d", len(files[1].Meta), len(files[1].Tensors), len(files[0].Meta), len(files[0].Tensors))
	}
	for key, v := range files[0].Meta {
		w := files[1].Meta[key]
		if a, ok := v.([]uint64); ok {
			b, err := files[1].Meta.Ints(key)
			if c, err2 := files[0].Meta.Ints(key); err != nil || err2 != nil || !slices.Equal(b, c) {
				t.Errorf("key %s is %v, expected %v", key, w, a)
			}
			continue
		}
		if !reflect.DeepEqual(v, w) {
			t.Errorf("key %s is %#v, expected %#v", key, w, v)
		}
	}
	for _, x := range files[0].Tensors {
		y, ok := files[1].Tensor(x.Name)
		if !ok || y.Type != x.Type || !slices.Equal(x.Shape, y.Shape) || !bytes.Equal(x.Data, y.Data) {
			t.Errorf("tensor %s of type %v and shape %v is %v, %v", x.Name, x.Type, x.Shape, y.Type, y.Shape)
		}
	}
}

// TestConvertTypes checks that a model of each type and mix can be written and opened, and has about the logits of the first.
func TestConvertTypes(t *testing.T) {
	s := tiny.New("llama")
	s.Float32()
	file := s.Write(t)
	for _, name := range convert.Types() {
		t.Run(name, func(t *testing.T) {
			for _, out := range []string{"m.gguf", "m.apr"} {
				m, err := openFile(converted(t, file, out, convert.Options{Type: strings.ToLower(name), Threads: 3}), settings{Threads: 2, Exact: true})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := m.Logits(context.Background(), ids(1, 30)); err != nil {
					t.Error(err)
				}
				if err := m.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestConvertParts checks that a model in several files gives the same logits.
func TestConvertParts(t *testing.T) {
	file := tiny.New("qwen2").Write(t)
	o := convert.Options{Shard: 20_000}
	dir := filepath.Dir(converted(t, file, "m.gguf", o))
	parts, err := filepath.Glob(filepath.Join(dir, "m-*.gguf"))
	if err != nil || len(parts) < 3 {
		t.Fatal(parts, err)
	}
	sameLogits(t, file, parts[1])
	sameFile(t, file, converted(t, parts[0], "whole.gguf", convert.Options{}))
	shards, err := filepath.Glob(filepath.Join(filepath.Dir(converted(t, file, "m.apr", o)), "m-*.apr"))
	if err != nil || len(shards) < 3 {
		t.Fatal(shards, err)
	}
	sameLogits(t, file, shards[2])
	o.Type, o.TokenizerFiles, o.Vocabulary = "F32", TokenizerFiles, Vocabulary
	folder := converted(t, file, "folder", o)
	weights, err := filepath.Glob(filepath.Join(folder, "*.safetensors"))
	if err != nil || len(weights) < 3 {
		t.Fatal(weights, err)
	}
	sameLogits(t, file, folder)
	sameLogits(t, file, weights[1])
	o.Shard = 0
	sameFile(t, converted(t, converted(t, file, "whole", o), "m.gguf", o), converted(t, folder, "m.gguf", o))
}

// TestConvertResumed checks that an interrupted conversion goes on where it stopped, that damage in what it has written is noticed, and that only one process writes a file.
func TestConvertResumed(t *testing.T) {
	f, err := registry.Read(tiny.New("llama").Write(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range []string{"m.gguf", "m.apr"} {
		want := filepath.Join(t.TempDir(), name)
		o := convert.Options{Type: "Q8_0"}
		if err := convert.Convert(context.Background(), f, want, o); err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(want)
		if err != nil {
			t.Fatal(err)
		}
		for _, damaged := range []bool{false, true} {
			dir := t.TempDir()
			out := filepath.Join(dir, name)
			ctx, cancel := context.WithCancel(context.Background())
			o.Progress = func(done, total int64) {
				if done > total/2 {
					cancel()
				}
				if err := convert.Convert(context.Background(), f, out, convert.Options{Type: "Q8_0"}); ctx.Err() == nil {
					if _, busy := errors.AsType[*convert.BusyError](err); !busy {
						t.Errorf("%s: a second conversion to the same file: %v", name, err)
					}
				}
			}
			if err := convert.Convert(ctx, f, out, o); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
				t.Error("there is a file under the final name", err)
			}
			part := leftBy(t, dir, "files/"+name)
			b, err := os.ReadFile(part)
			if err != nil || len(b) < len(whole)/3 || !bytes.HasPrefix(whole, b) {
				t.Fatalf("%s: %d of %d bytes are left, %v", name, len(b), len(whole), err)
			}
			if damaged {
				for i := range b {
					b[i] ^= byte(i % 3)
				}
			}
			if err := os.WriteFile(part, append(b, "a remainder"...), 0o600); err != nil {
				t.Fatal(err)
			}
			// A conversion that reads the tensors again gets others here: what the first one has written must be used.
			other := &models.File{Format: f.Format, Path: f.Path, Paths: f.Paths, Meta: f.Meta, Tensors: slices.Clone(f.Tensors)}
			for i, x := range other.Tensors {
				if n := len(x.Data); !damaged && n > 1000 && encodedIn(x.Name, leftBy(t, dir, "journal")) {
					x.Data = slices.Clone(x.Data)
					x.Data[n/4] ^= 1
					other.Tensors[i] = x
				}
			}
			if err := convert.Convert(context.Background(), other, out, convert.Options{Type: "Q8_0"}); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, whole) {
				t.Errorf("%s, damaged %v: the resumed file differs, %v", name, damaged, err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
				t.Error(namesOf(left), err)
			}
		}
	}
}

// leftBy returns the path of a file in the temporary folder that an interrupted conversion has left in dir.
func leftBy(t *testing.T, dir, name string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, ".converting-*", name))
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	return list[0]
}

// encodedIn reports whether a journal has a tensor.
func encodedIn(tensor, journal string) bool {
	b, err := os.ReadFile(journal)
	return err == nil && bytes.Contains(b, []byte(`"`+tensor+`"`))
}

// TestConvertEnds checks that a conversion that fails or is interrupted leaves nothing behind but what a further call needs, and changes nothing.
func TestConvertEnds(t *testing.T) {
	f, err := registry.Read(tiny.New("llama").Write(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	stop := convert.Options{Progress: func(done, total int64) {
		if done > total/2 {
			cancel()
		}
	}}
	if err := os.WriteFile(filepath.Join(dir, "old.apr"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := &models.File{Path: "bad.gguf", Meta: f.Meta, Tensors: slices.Clone(f.Tensors)}
	i := slices.IndexFunc(bad.Tensors, func(x models.Tensor) bool { return x.Name == "blk.0.ffn_up.weight" })
	n, _ := models.Bytes(quant.F32, bad.Tensors[i].Shape)
	bad.Tensors[i].Type, bad.Tensors[i].Data = quant.F32, bytes.Repeat([]byte{0xff, 0xff, 0xc0, 0x7f}, int(n)/4)
	if err := convert.Convert(context.Background(), bad, filepath.Join(dir, "m.gguf"), convert.Options{Type: "Q8_0"}); !errors.Is(err, models.ErrCorrupt) {
		t.Errorf("values that are not numbers: %v", err)
	}
	for name, try := range map[string]func() error{
		"interrupted": func() error { return convert.Convert(ctx, f, filepath.Join(dir, "m.gguf"), stop) },
		"name": func() error {
			return convert.Convert(context.Background(), f, filepath.Join(dir, "m.doc"), convert.Options{})
		},
		"type": func() error {
			return convert.Convert(context.Background(), f, filepath.Join(dir, "m.gguf"), convert.Options{Type: "Q9"})
		},
		"exists": func() error {
			return convert.Convert(context.Background(), f, filepath.Join(dir, "old.apr"), convert.Options{})
		},
		"no folder": func() error {
			return convert.Convert(context.Background(), f, filepath.Join(dir, "x", "m.apr"), convert.Options{})
		},
	} {
		if err := try(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	left, err := os.ReadDir(dir)
	left = slices.DeleteFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), ".converting-") })
	if old, err2 := os.ReadFile(filepath.Join(dir, "old.apr")); err != nil || err2 != nil || string(old) != "old" || len(left) != 1 {
		t.Error(namesOf(left), err, err2)
	}
	if err := convert.Convert(context.Background(), f, filepath.Join(dir, "old.apr"), convert.Options{Replace: true}); err != nil {
		t.Error(err)
	}
	if !registry.Recognises(filepath.Join(dir, "old.apr")) {
		t.Error("the file was not replaced")
	}
}

// TestConvertFolders checks for every family that the folder of a model, as an APR file and as a folder made of that, gives the same logits, or the
// same vectors, and the same tokens, and that its weights can be stored in blocks.
func TestConvertFolders(t *testing.T) {
	for _, kind := range tiny.FolderKinds() {
		if kind == "gpt-oss" {
			continue // its folders have a type of their own, which is refused
		}
		t.Run(kind, func(t *testing.T) {
			s := tiny.New(kind)
			s.Float32()
			dir := s.Folder(t, 2)
			if info, err := registry.Inspect(dir, Check); err != nil || !info.Runs {
				t.Errorf("the folder: %s, %v", info.Reason, err)
			}
			same := sameLogits
			if slices.Contains(tiny.Encoders(), kind) {
				same = sameVectors
			}
			file := converted(t, dir, "m.apr", convert.Options{})
			same(t, dir, file)
			same(t, dir, converted(t, file, "folder", convert.Options{}))
			same(t, dir, converted(t, file, "m.gguf", convert.Options{Vocabulary: Vocabulary}))
			info, err := registry.Inspect(converted(t, dir, "q.apr", convert.Options{Type: "Q8_0", APR: apr.Options{Compression: apr.ZSTD}}), Check)
			if err != nil || !info.Runs {
				t.Errorf("in blocks: %s, %v", info.Reason, err)
			}
		})
	}
}

// TestConvertToFolders checks for each family of which folders are made that the folder of a GGUF and of an APR file gives the same logits and tokens as the file, and that a GGUF file made
// of the folder has the same tensors.
func TestConvertToFolders(t *testing.T) {
	o := convert.Options{Type: "F32", TokenizerFiles: TokenizerFiles, Vocabulary: Vocabulary}
	for _, kind := range huggingface.Folders() {
		t.Run(kind, func(t *testing.T) {
			s := tiny.New(kind)
			if strings.HasPrefix(kind, "gemma") {
				s.Float32()
				s.Folder(t, 1) // the norms lose the bits that are lost in a folder
			}
			s.Meta["general.name"] = "A model" // Phi-3's tokenizer is told by its name in GGUF files
			s.Meta["tokenizer.chat_template"], s.Meta["general.license"], s.Meta["general.sampling.temp"] = prompt.ChatML, "MIT", 0.25
			file := s.Write(t)
			folder := converted(t, file, "folder", o)
			sameLogits(t, file, folder)
			again := converted(t, folder, "m.gguf", o)
			sameLogits(t, file, again)
			sameFile(t, again, converted(t, converted(t, again, "folder", o), "m.gguf", o))
			sameLogits(t, file, converted(t, converted(t, file, "m.apr", o), "folder", o))
			for key, want := range map[string]any{"tokenizer.chat_template": prompt.ChatML, "general.license": "MIT", "general.sampling.temp": 0.25, "general.name": s.Meta["general.name"]} {
				if got := metaOf(t, again)[key]; got != want {
					t.Errorf("key %s is %v, expected %v", key, got, want)
				}
			}
		})
	}
}

// TestConvertToFoldersAgain checks that a folder that is made of a GGUF file that was made of a folder gives the same logits as both, for each kind of rotary embeddings and windows.
func TestConvertToFoldersAgain(t *testing.T) {
	o := convert.Options{TokenizerFiles: TokenizerFiles, Vocabulary: Vocabulary}
	for _, c := range [][2]string{
		{"llama", `"rope_scaling":{"rope_type":"llama3","factor":32,"low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":8192}`},
		{"llama", `"rope_scaling":{"rope_type":"linear","factor":4}`},
		{"qwen2", `"rope_scaling":{"rope_type":"yarn","factor":4,"original_max_position_embeddings":64}`},
		{"phi3", `"original_max_position_embeddings":64,"rope_scaling":{"type":"longrope","long_factor":[1,2,3,4,5,6],"short_factor":[1,1.5,1,1,1,1.25]}`},
		{"gemma3", `"layer_types":["full_attention","sliding_attention","full_attention","sliding_attention","full_attention","sliding_attention","full_attention"],"rope_local_base_freq":500`},
		{"gemma3", `"sliding_window_pattern":3,"rope_scaling":{"rope_type":"linear","factor":8}`},
	} {
		t.Run(c[0]+" "+c[1], func(t *testing.T) {
			s := tiny.New(c[0])
			s.Float32()
			first := s.Folder(t, 1)
			add := func(config string) string { return strings.Replace(config, `"model_type":`, c[1]+`,"model_type":`, 1) }
			rewrite(t, first, add, func(list []models.Tensor) []models.Tensor { return list })
			file := converted(t, first, "m.gguf", o)
			sameLogits(t, first, file)
			second := converted(t, file, "folder", o)
			sameLogits(t, file, second)
			sameFile(t, file, converted(t, second, "m.gguf", o))
		})
	}
}

// TestConvertNoFolder checks that what a folder has no place for is refused by name.
func TestConvertNoFolder(t *testing.T) {
	for want, change := range map[string]func(s *tiny.Source){
		"family mamba":                      func(s *tiny.Source) { *s = *tiny.New("mamba") },
		"llama.attention.value_length = 16": func(s *tiny.Source) { s.Meta["llama.attention.key_length"] = uint64(32) },
		"llama.logit_scale = 2":             func(s *tiny.Source) { s.Meta["llama.logit_scale"] = 2.0 },
		"blk.0.ffn_sub_norm":                func(s *tiny.Source) { s.Vector("blk.0.ffn_sub_norm.weight", 1, 2) },
		"pre-tokenizer \"bloom\"": func(s *tiny.Source) {
			s.Meta["tokenizer.ggml.model"], s.Meta["tokenizer.ggml.pre"], s.Meta["tokenizer.ggml.merges"] = "gpt2", "bloom", []string{}
		},
	} {
		s := tiny.New("llama")
		change(s)
		f, err := registry.Read(s.Write(t))
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "folder")
		err = errors.Join(convert.Convert(context.Background(), f, out, convert.Options{TokenizerFiles: TokenizerFiles}), f.Close())
		if err == nil || !errors.Is(err, models.ErrUnsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// metaOf returns the keys of a GGUF file.
func metaOf(t *testing.T, path string) models.Metadata {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.Meta
}

// TestConvertSmolLM2 checks that a real model as an APR file gives the same logits and the same tokens of a text.
func TestConvertSmolLM2(t *testing.T) {
	file := defaults.Need(t, "smollm2")
	sameLogits(t, file, converted(t, file, "m.apr", convert.Options{}))
}

// TestConvertMiniLM checks that a folder with a WordPiece tokenizer, and with numbers of positions that no family reads, gives the same vectors in the other formats.
func TestConvertMiniLM(t *testing.T) {
	folder := defaults.Need(t, "all-minilm-l6-v2")
	sameVectors(t, folder, converted(t, folder, "m.gguf", convert.Options{Vocabulary: Vocabulary}))
	sameVectors(t, folder, converted(t, folder, "m.apr", convert.Options{}))
}
