package host

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"soberano/asr/whisper/convert"
	"soberano/engine/arch/tiny"
	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/apr"
	"soberano/models/ctranslate2"
	"soberano/models/defaults"
	"soberano/models/ggml"
	"soberano/models/integrity"
	"soberano/models/registry"
)

// verifyFile verifies a file that is in no library.
func verifyFile(path string) error {
	_, _, err := (*registry.Library)(nil).VerifyPath(context.Background(), path, Check, nil)
	return err
}

// mustBreak fails unless the file at path is found to be damaged, with an error that has the given words.
func mustBreak(t *testing.T, what, path string, words ...string) {
	t.Helper()
	err := verifyFile(path)
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%s: %v\nexpected: %s", what, err, w)
			return
		}
	}
}

func mustWrite(t *testing.T, path string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// named returns the tensor with that name.
func named(t *testing.T, list []models.Tensor, name string) *models.Tensor {
	t.Helper()
	i := slices.IndexFunc(list, func(x models.Tensor) bool { return x.Name == name })
	if i < 0 {
		t.Fatalf("there is no tensor %s", name)
	}
	return &list[i]
}

// ggufEntry is a tensor in the index of a GGUF file: where its parts are.
type ggufEntry struct{ name, rank, offset int }

func findEntry(t *testing.T, b []byte, name string) ggufEntry {
	t.Helper()
	at := bytes.Index(b, append(binary.LittleEndian.AppendUint64(nil, uint64(len(name))), name...))
	if at < 0 {
		t.Fatalf("%s is not in the index", name)
	}
	rank := at + 8 + len(name)
	return ggufEntry{at + 8, rank, rank + 4 + 8*int(b[rank]) + 4}
}

// TestBrokenGGUF makes each kind of broken tensor file of a GGUF file that is intact.
func TestBrokenGGUF(t *testing.T) {
	const matrix, norm, up = "blk.0.attn_q.weight", "blk.1.attn_norm.weight", "blk.0.ffn_up.weight"
	le := binary.LittleEndian
	type source = tiny.Source
	for what, c := range map[string]struct {
		source func(s *source)
		bytes  func(b []byte) []byte
		words  []string
	}{
		"intact":    {words: nil},
		"truncated": {bytes: func(b []byte) []byte { return b[:len(b)-600] }, words: []string{"is cut short: tensor"}},
		"shape against size": {bytes: func(b []byte) []byte {
			le.PutUint64(b[findEntry(t, b, matrix).rank+4+8:], 32) // half of the rows
			return b
		}, words: []string{matrix, "are stored for it"}},
		"overlapping ranges": {bytes: func(b []byte) []byte {
			e := findEntry(t, b, up)
			le.PutUint64(b[e.offset:], le.Uint64(b[e.offset:])-64)
			return b
		}, words: []string{up, "share bytes"}},
		"offset past the end": {bytes: func(b []byte) []byte { le.PutUint64(b[findEntry(t, b, up).offset:], 1<<40); return b }, words: []string{up, "should end at byte"}},
		"NaN": {source: func(s *source) { le.PutUint32(named(t, s.Tensors, norm).Data[8:], 0x7fc00000) },
			words: []string{norm, "no finite number (NaN or infinite), number 3"}},
		"infinite scale": {source: func(s *source) {
			w := named(t, s.Tensors, matrix)
			x := make([]float32, w.Len())
			quant.Dequantize(w.Type, x, w.Data)
			w.Type, w.Data = quant.Q8_0, make([]byte, quant.Q8_0.RowBytes(len(x)))
			quant.Quantize(w.Type, w.Data, x)
			le.PutUint16(w.Data[3*34:], 0x7c00)
		}, words: []string{matrix, "a scale that is no finite number", "block 4 of type Q8_0"}},
		"all zero":      {source: func(s *source) { clear(named(t, s.Tensors, matrix).Data) }, words: []string{matrix, "no value but zero"}},
		"all zero norm": {source: func(s *source) { clear(named(t, s.Tensors, norm).Data) }, words: []string{norm, "no value but zero"}},
		"type of integers": {bytes: func(b []byte) []byte { le.PutUint32(b[findEntry(t, b, norm).offset-4:], 26); return b },
			words: []string{norm, "stored as I32"}},
		"smaller type": {bytes: func(b []byte) []byte { le.PutUint32(b[findEntry(t, b, norm).offset-4:], 1); return b },
			words: []string{norm, "of type F16 and shape [64] takes 128 bytes, but 256 are stored"}},
		"unknown type":   {bytes: func(b []byte) []byte { le.PutUint32(b[findEntry(t, b, norm).offset-4:], 99); return b }, words: []string{norm, "type 99"}},
		"type of BF16":   {source: func(s *source) { s.Store(quant.BF16); named(t, s.Tensors, up).Type = quant.F16 }, words: []string{up, "values are those of BF16"}},
		"type of F16":    {source: func(s *source) { s.Store(quant.F16); named(t, s.Tensors, up).Type = quant.BF16 }, words: []string{up, "values are those of F16"}},
		"duplicate name": {bytes: func(b []byte) []byte { copy(b[findEntry(t, b, "blk.1.ffn_up.weight").name:], up); return b }, words: []string{up, "occurs twice"}},
		"missing tensor": {source: func(s *source) {
			s.Tensors = slices.DeleteFunc(s.Tensors, func(x models.Tensor) bool { return x.Name == up })
		}, words: []string{up, "is missing"}},
		"metadata: layers": {source: func(s *source) { s.Meta["llama.block_count"] = uint64(9) }, words: []string{"blk.", "is missing"}},
		"metadata: width":  {source: func(s *source) { s.Meta["llama.embedding_length"] = uint64(128) }, words: []string{"token_embd.weight", "rows of 128 values"}},
	} {
		s := tiny.New("llama")
		if c.source != nil {
			c.source(s)
		}
		b, err := s.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if c.bytes != nil {
			b = c.bytes(b)
		}
		path := mustWrite(t, filepath.Join(t.TempDir(), "m.gguf"), b)
		if mustBreak(t, what, path, c.words...); c.words == nil {
			if err := verifyFile(path); err != nil {
				t.Errorf("intact: %v", err)
			}
		}
	}
}

// TestBrokenFolder is TestBrokenGGUF for a folder of Hugging Face.
func TestBrokenFolder(t *testing.T) {
	const matrix, norm = "model.layers.0.self_attn.q_proj.weight", "model.layers.1.input_layernorm.weight"
	type entry struct {
		Dtype   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets []int  `json:"data_offsets"`
	}
	for what, c := range map[string]struct {
		index  func(m map[string]entry)
		data   func(m map[string]entry, b []byte) []byte
		head   func(head string) string
		config func(c map[string]any)
		words  []string
	}{
		"intact":    {words: nil},
		"truncated": {data: func(_ map[string]entry, b []byte) []byte { return b[:len(b)-600] }, words: []string{"is cut short: tensor"}},
		"shape against size": {index: func(m map[string]entry) { e := m[matrix]; e.Shape = []int{32, 64}; m[matrix] = e },
			words: []string{matrix, "shape [32 64] of"}},
		"overlapping ranges": {index: func(m map[string]entry) {
			e := m[matrix]
			e.Offsets = []int{e.Offsets[0] - 64, e.Offsets[1] - 64}
			m[matrix] = e
		}, words: []string{"is damaged: tensor", "is expected"}},
		"offset past the end": {index: func(m map[string]entry) {
			e := m[matrix]
			e.Offsets = []int{e.Offsets[0] + 1<<40, e.Offsets[1] + 1<<40}
			m[matrix] = e
		}, words: []string{matrix, "should end at byte"}},
		"NaN": {data: func(m map[string]entry, b []byte) []byte { copy(b[m[norm].Offsets[0]:], "\x00\x00\xc0\x7f"); return b }, words: []string{norm, "no finite number"}},
		"all zero": {data: func(m map[string]entry, b []byte) []byte {
			clear(b[m[matrix].Offsets[0]:m[matrix].Offsets[1]])
			return b
		}, words: []string{matrix, "no value but zero"}},
		"wrong type":     {index: func(m map[string]entry) { e := m[norm]; e.Dtype = "I32"; m[norm] = e }, words: []string{norm, "I32"}},
		"other size":     {index: func(m map[string]entry) { e := m[norm]; e.Dtype = "F16"; m[norm] = e }, words: []string{norm, "of F16 needs"}},
		"duplicate name": {head: func(h string) string { return strings.Replace(h, "layers.1.input", "layers.0.input", 1) }, words: []string{"layers.0.input_layernorm.weight", "twice"}},
		"missing tensor": {head: func(h string) string { return strings.Replace(h, matrix, "model.layers.0.self_attn.x_proj.weight", 1) }, words: []string{"attn_q.weight"}},
		"metadata":       {config: func(c map[string]any) { c["hidden_size"] = 128 }, words: []string{"token_embd.weight", "rows of 128 values"}},
	} {
		s := tiny.New("llama")
		s.Float32()
		dir := s.Folder(t, 1)
		path := filepath.Join(dir, "model.safetensors")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n := 8 + binary.LittleEndian.Uint64(b)
		m, raw := map[string]entry{}, map[string]json.RawMessage{}
		if err := json.Unmarshal(b[8:n], &raw); err != nil {
			t.Fatal(err)
		}
		for name, v := range raw {
			var e entry
			if err := json.Unmarshal(v, &e); err == nil && name != "__metadata__" {
				m[name] = e
			}
		}
		data := b[n:]
		if c.data != nil {
			data = c.data(m, data)
		}
		if c.index != nil {
			c.index(m)
		}
		head, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if c.head != nil {
			head = []byte(c.head(string(head)))
		}
		mustWrite(t, path, slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head, data))
		if c.config != nil {
			changeConfig(t, dir, c.config)
		}
		if mustBreak(t, what, dir, c.words...); c.words == nil {
			if err := verifyFile(dir); err != nil {
				t.Errorf("intact: %v", err)
			}
		}
	}
}

func changeConfig(t *testing.T, dir string, change func(map[string]any)) {
	t.Helper()
	path := filepath.Join(dir, "config.json")
	b, err := os.ReadFile(path)
	var c map[string]any
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	change(c)
	if b, err = json.Marshal(c); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, path, b)
}

// findAPR returns where the type of a tensor is in the index of an APR file. Behind it are its rank, its sizes, its offset and its bytes.
func findAPR(t *testing.T, b []byte, name string) int {
	t.Helper()
	at := bytes.Index(b, append(binary.LittleEndian.AppendUint16(nil, uint16(len(name))), name...))
	if at < 0 {
		t.Fatalf("%s is not in the index", name)
	}
	return at + 2 + len(name)
}

// sealed returns an APR file with the checksum of its bytes at its end.
func sealed(b []byte) []byte {
	b = b[:len(b)-4]
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

// TestBrokenAPR breaks an APR file of a language model.
func TestBrokenAPR(t *testing.T) {
	const matrix, up = "model.layers.0.self_attn.q_proj.weight", "model.layers.0.mlp.up_proj.weight" // as the file names them
	le := binary.LittleEndian
	for what, c := range map[string]struct {
		change func(s *tiny.Source)
		bytes  func(b []byte) []byte
		words  []string
	}{
		"truncated": {bytes: func(b []byte) []byte { return b[:len(b)-5000] }, words: []string{"is cut short: tensor"}},
		"shape against size": {bytes: func(b []byte) []byte {
			le.PutUint64(b[findAPR(t, b, matrix)+2:], 32) // half of the rows
			return sealed(b)
		}, words: []string{matrix, "needs"}},
		"overlapping ranges": {bytes: func(b []byte) []byte {
			at := findAPR(t, b, up) + 2 + 2*8
			le.PutUint64(b[at:], le.Uint64(b[at:])-64)
			return sealed(b)
		}, words: []string{"share bytes"}},
		"offset past the end": {bytes: func(b []byte) []byte {
			le.PutUint64(b[findAPR(t, b, up)+2+2*8:], 1<<40)
			return sealed(b)
		}, words: []string{up, "is cut short"}},
		"unknown type": {bytes: func(b []byte) []byte { b[findAPR(t, b, matrix)] = 77; return sealed(b) }, words: []string{"type 77"}},
		"smaller type": {bytes: func(b []byte) []byte { b[findAPR(t, b, matrix)] = byte(quant.F16); return sealed(b) }, words: []string{matrix, "needs"}},
		"duplicate name": {bytes: func(b []byte) []byte {
			copy(b[findAPR(t, b, "model.layers.1.mlp.up_proj.weight")-len(up):], up)
			return sealed(b)
		}, words: []string{up, "in order"}},
		"one byte": {bytes: func(b []byte) []byte { b[len(b)-600] ^= 1; return b }, words: []string{"checksum"}},
		"NaN": {change: func(s *tiny.Source) {
			binary.LittleEndian.PutUint32(named(t, s.Tensors, "output_norm.weight").Data, 0xff800000)
		}, words: []string{"output_norm.weight", "no finite number"}},
		"all zero":       {change: func(s *tiny.Source) { clear(named(t, s.Tensors, "blk.0.attn_q.weight").Data) }, words: []string{"blk.0.attn_q.weight", "no value but zero"}},
		"missing tensor": {change: func(s *tiny.Source) { s.Tensors = s.Tensors[:len(s.Tensors)-1] }, words: []string{"is missing"}},
		"metadata":       {change: func(s *tiny.Source) { s.Meta["llama.embedding_length"] = uint64(128) }, words: []string{"token_embd.weight", "rows of 128 values"}},
	} {
		s := tiny.New("llama")
		if c.change != nil {
			c.change(s)
		}
		meta, sources := apr.Language(s.Meta, models.Sources(s.Tensors))
		var b bytes.Buffer
		if err := apr.WriteSources(&b, meta, sources, nil, apr.Options{}); err != nil {
			t.Fatal(err)
		}
		out := b.Bytes()
		if c.bytes != nil {
			out = c.bytes(out)
		}
		mustBreak(t, what, mustWrite(t, filepath.Join(t.TempDir(), "m.apr"), out), c.words...)
	}
}

// TestBrokenWhisper breaks files of whisper.cpp.
func TestBrokenWhisper(t *testing.T) {
	source, err := ctranslate2.Open(defaults.Need(t, "whisper-tiny.en"))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	whole := filepath.Join(t.TempDir(), "ggml-tiny.en.bin")
	convert.GGML(t, whole, source, quant.Q4_0)
	f, err := ggml.Open(whole)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const matrix, norm = "encoder.blocks.0.attn.query.weight", "decoder.ln.weight"
	le := binary.LittleEndian
	for what, c := range map[string]struct {
		change func(list []models.Tensor) []models.Tensor
		bytes  func(b []byte) []byte
		words  []string
	}{
		"truncated":    {bytes: func(b []byte) []byte { return b[:len(b)-600] }, words: []string{"is cut short"}},
		"unknown type": {bytes: func(b []byte) []byte { le.PutUint32(b[bytes.Index(b, []byte(norm))-4*2:], 99); return b }, words: []string{norm, "type 99"}},
		"size past the end": {bytes: func(b []byte) []byte {
			le.PutUint32(b[bytes.Index(b, []byte(norm))-4:], 1<<29)
			return b
		}, words: []string{norm, "needs"}},
		"duplicate name": {change: func(l []models.Tensor) []models.Tensor { return append(l, *named(t, l, norm)) }, words: []string{norm, "twice"}},
		"other shape": {change: func(l []models.Tensor) []models.Tensor {
			w := named(t, l, norm)
			w.Shape, w.Data = []int{192}, w.Data[:len(w.Data)/2]
			return l
		}, words: []string{norm}},
		"missing tensor": {change: func(l []models.Tensor) []models.Tensor { named(t, l, matrix).Name = "encoder.x"; return l }, words: []string{matrix}},
		"last tensors":   {change: func(l []models.Tensor) []models.Tensor { return l[:len(l)-2] }, words: []string{"encoder.positional_embedding", "is missing"}},
		"NaN": {change: func(l []models.Tensor) []models.Tensor {
			w := named(t, l, matrix)
			w.Data = slices.Clone(w.Data)
			binary.LittleEndian.PutUint16(w.Data[3*18:], 0x7e00)
			return l
		}, words: []string{matrix, "a scale that is no finite number", "block 4 of type Q4_0"}},
		"all zero": {change: func(l []models.Tensor) []models.Tensor {
			w := named(t, l, norm)
			w.Data = make([]byte, len(w.Data))
			return l
		}, words: []string{norm, "no value but zero"}},
	} {
		list := slices.Clone(f.Tensors)
		if c.change != nil {
			list = c.change(list)
		}
		path := filepath.Join(t.TempDir(), "m.bin")
		out, err := os.Create(path)
		if err == nil {
			err = ggml.Write(out, f.Meta, list)
		}
		if err == nil {
			err = out.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if c.bytes != nil {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			mustWrite(t, path, c.bytes(b))
		}
		mustBreak(t, what, path, c.words...)
	}
}

// TestBrokenCTranslate2 breaks a folder of CTranslate2. Its variables follow one another without offsets, so no ranges can overlap.
func TestBrokenCTranslate2(t *testing.T) {
	const norm, query = "decoder/layer_0/ffn/layer_norm/gamma", "decoder/layer_0/attention/layer_norm/gamma"
	source := defaults.Need(t, "whisper-tiny.en")
	whole, err := os.ReadFile(filepath.Join(source, ctranslate2.Weights))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(whole, append([]byte(norm), 0)) // its name; then u8 rank, u32 sizes, u8 type, u32 bytes, the bytes
	sizes := at + len(norm) + 2
	data := sizes + 4 + 1 + 4
	le := binary.LittleEndian
	dir := t.TempDir()
	for _, name := range []string{"config.json", "tokenizer.json", "vocabulary.txt"} {
		b, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			t.Fatal(err)
		}
		mustWrite(t, filepath.Join(dir, name), b)
	}
	for what, c := range map[string]struct {
		change func(b []byte) []byte
		words  []string
	}{
		"truncated":          {func(b []byte) []byte { return b[:data+100] }, []string{norm, "is cut short"}},
		"shape against size": {func(b []byte) []byte { le.PutUint32(b[sizes:], 192); return b }, []string{norm, "needs 384"}},
		"size past the end":  {func(b []byte) []byte { le.PutUint32(b[data-4:], 1<<31); return b }, []string{norm}},
		"unknown type":       {func(b []byte) []byte { b[sizes+4] = 9; return b }, []string{norm, "unknown type 9"}},
		"NaN":                {func(b []byte) []byte { le.PutUint16(b[data+4:], 0x7e00); return b }, []string{"no finite number"}},
		"all zero":           {func(b []byte) []byte { clear(b[data : data+768]); return b }, []string{"no value but zero"}},
		"missing tensor":     {func(b []byte) []byte { copy(b[bytes.Index(b, []byte(query)):], "x"); return b }, []string{"is missing"}},
		"duplicate name": {func(b []byte) []byte {
			copy(b[bytes.Index(b, []byte("decoder/layer_1/ffn/layer_norm/gamma")):], norm)
			return b
		}, []string{norm, "twice"}},
	} {
		mustWrite(t, filepath.Join(dir, ctranslate2.Weights), c.change(bytes.Clone(whole)))
		mustBreak(t, what, dir, c.words...)
	}
}

// Nothing is damaged in the included models and in the small ones of all families.
func TestIntact(t *testing.T) {
	for _, kind := range tiny.Kinds() {
		if err := verifyFile(tiny.New(kind).Write(t)); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for _, model := range []string{"smollm2", "gemma3", "whisper-base", "whisper-tiny.en", "all-minilm-l6-v2", "qwen2.5-coder-0.5b"} {
		f, err := registry.Read(defaults.Need(t, model))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(integrity.Check(t.Context(), f, nil), f.Close()); err != nil {
			t.Errorf("%s: %v", model, err)
		}
	}
}
