package engine

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"soberano/engine/arch/tiny"
	"soberano/kernels/cpu"
	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/registry"
	"soberano/models/safetensors"
)

// TestFolders checks for each family that the folder of a model, in one file or several and in every type of numbers, gives the same logits,
// or the same vectors, and the same tokens as its GGUF file.
func TestFolders(t *testing.T) {
	for _, kind := range tiny.FolderKinds() {
		for i, to := range []quant.Type{quant.F32, quant.F16, quant.BF16} {
			t.Run(kind+"/"+to.String(), func(t *testing.T) {
				s := tiny.New(kind)
				s.Float32()
				s.Store(to)
				dir := s.Folder(t, 1+2*i) // which may change s
				file := s.Write(t)
				if slices.Contains(tiny.Encoders(), kind) {
					sameVectors(t, file, dir)
					return
				}
				sameLogits(t, file, dir)
			})
		}
	}
}

func sameLogits(t *testing.T, file, dir string) {
	var logits [2][]float32
	var tokens [2][]int32
	for i, path := range []string{file, dir} {
		m, err := openFile(path, settings{Threads: 2, Exact: true})
		if err != nil {
			t.Fatal(err)
		}
		tokens[i] = m.Tokenize("Grüße, <s> you!", true)
		if logits[i], err = m.Logits(context.Background(), ids(1, 30)); err != nil {
			t.Fatal(err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(logits[0], logits[1]) {
		t.Errorf("the logits differ: %v and %v", logits[0][:4], logits[1][:4])
	}
	if !slices.Equal(tokens[0], tokens[1]) || len(tokens[0]) < 10 {
		t.Errorf("the tokens are %v and %v", tokens[0], tokens[1])
	}
}

func sameVectors(t *testing.T, file, dir string) {
	var vectors [2][]float32
	for i, path := range []string{file, dir} {
		e, err := openEncoderFile(path)
		if err != nil {
			t.Fatal(err)
		}
		v, err := e.Encode(context.Background(), ids(1, 30))
		if err != nil {
			t.Fatal(err)
		}
		vectors[i] = append(v[0], float32(len(e.Labels())))
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(vectors[0], vectors[1]) {
		t.Errorf("the vectors are %v and %v", vectors[0], vectors[1])
	}
}

func openEncoderFile(path string) (*Encoder, error) {
	f, err := registry.Read(path)
	if err != nil {
		return nil, err
	}
	dev, err := cpu.New(cpu.Options{Threads: 2, Exact: true})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return OpenEncoder(f, dev, Options{})
}

// TestFolderFiles checks that a folder, its config.json, its index and each of its files lead to the same model, with the same description as its GGUF file
// where it has one.
func TestFolderFiles(t *testing.T) {
	s := tiny.New("llama")
	s.Float32()
	dir := s.Folder(t, 3)
	want, err := registry.Inspect(s.Write(t), Check)
	if err != nil || !want.Runs {
		t.Fatal(want.Reason, err)
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append([]string{"."}, namesOf(names)...) {
		got, err := registry.Inspect(filepath.Join(dir, name), Check)
		if err != nil || !got.Runs || got.Kind != registry.Chat || got.Family != "llama" || got.Parameters != want.Parameters ||
			got.Layers != want.Layers || got.KVHeads != want.KVHeads || got.HeadDim != want.HeadDim || got.Context != want.Context {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if len(names) < 7 {
		t.Errorf("the folder has %d files", len(names))
	}
}

func namesOf(entries []os.DirEntry) (list []string) {
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// TestDamagedFolders checks that damaged folders are refused at the import for the reason that Open gives.
func TestDamagedFolders(t *testing.T) {
	edit := func(name, old, new string) func(string) error {
		return func(dir string) error {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			if !strings.Contains(string(b), old) {
				return errors.New(name + " does not contain " + old)
			}
			return os.WriteFile(filepath.Join(dir, name), []byte(strings.Replace(string(b), old, new, 1)), 0o600)
		}
	}
	for _, c := range []struct {
		damage func(dir string) error
		want   string
	}{
		{edit("config.json", `"hidden_size":64`, `"hidden_size":63`), "token_embd.weight"},
		{edit("config.json", `"hidden_size":64,`, ``), "hidden_size is missing"},
		{edit("config.json", `"num_hidden_layers":3`, `"num_hidden_layers":2`), "blk.2."},
		{edit("config.json", `"num_hidden_layers":3`, `"num_hidden_layers":4`), "blk.3."},
		{edit("config.json", `"num_attention_heads":4`, `"num_attention_heads":0`), "heads"},
		{edit("config.json", `"num_attention_heads":4`, `"num_attention_heads":"four"`), "num_attention_heads is no number"},
		{edit("config.json", `"rms_norm_eps":`, `"rope_scaling":{"rope_type":"of-tomorrow"},"rms_norm_eps":`), "of-tomorrow"},
		{edit("config.json", `"model_type":"llama"`, `"model_type":"of-tomorrow"`), "of-tomorrow"},
		{edit("config.json", `{`, `[`), "config.json"},
		{edit("tokenizer.json", `"BPE"`, `"of-tomorrow"`), "of-tomorrow"},
		{func(dir string) error { return os.Remove(filepath.Join(dir, "tokenizer.json")) }, "has neither tokenizer.json nor tokenizer.model"},
		{func(dir string) error { return os.Remove(filepath.Join(dir, "model-00002-of-00002.safetensors")) }, "is not there"},
	} {
		s := tiny.New("llama")
		s.Float32()
		dir := s.Folder(t, 2)
		if err := c.damage(dir); err != nil {
			t.Fatal(err)
		}
		i, err := registry.Inspect(dir, Check)
		if err == nil && (i.Runs || !strings.Contains(i.Reason, c.want)) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: runs %v, %q, %v", c.want, i.Runs, i.Reason, err)
		}
		_, opened := openFile(dir, settings{Threads: 1})
		if e, ok := errors.AsType[*models.FileError](opened); !ok || !strings.Contains(e.Error(), c.want) {
			t.Errorf("%s: Open says %v", c.want, opened)
		}
	}
}

// TestRoberta checks that a folder of RoBERTa, whose embeddings of positions begin with rows that are not used, is BERT behind these rows.
func TestRoberta(t *testing.T) {
	s := tiny.New("bert")
	s.Float32()
	file, dir := s.Write(t), s.Folder(t, 1)
	f, err := safetensors.Peek(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var tensors []models.Tensor
	for _, tensor := range f.Tensors {
		if strings.HasSuffix(tensor.Name, "position_embeddings.weight") {
			tensor.Shape = []int{tensor.Shape[0] + 2, tensor.Shape[1]}
			tensor.Data = append(make([]byte, 2*4*tiny.Dim), tensor.Data...)
		}
		tensor.Name = "roberta." + tensor.Name
		tensors = append(tensors, tensor)
	}
	roberta := t.TempDir()
	var b bytes.Buffer
	if err := safetensors.Write(&b, nil, tensors); err != nil {
		t.Fatal(err)
	}
	config := strings.NewReplacer(`"model_type":"bert"`, `"model_type":"xlm-roberta","pad_token_id":1`, `"max_position_embeddings":256`, `"max_position_embeddings":258`).Replace(string(f.Aux["config.json"]))
	for name, data := range map[string][]byte{safetensors.Weights: b.Bytes(), "config.json": []byte(config), "tokenizer.json": f.Aux["tokenizer.json"], "tokenizer_config.json": f.Aux["tokenizer_config.json"]} {
		if err := os.WriteFile(filepath.Join(roberta, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sameVectors(t, file, roberta)
}
