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
	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/apr"
	"soberano/models/convert"
	"soberano/models/defaults"
	"soberano/models/gguf"
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
}

// TestConvertEnds checks that a conversion that fails or is interrupted leaves nothing behind and changes nothing.
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

// TestConvertSmolLM2 checks that a real model as an APR file gives the same logits and the same tokens of a text.
func TestConvertSmolLM2(t *testing.T) {
	file := defaults.Need(t, "smollm2")
	sameLogits(t, file, converted(t, file, "m.apr", convert.Options{}))
}
