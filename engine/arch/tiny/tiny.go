// Package tiny writes model files of random weights, a few layers of 64 values and a
// vocabulary of bytes, for tests of what goes around a model: their answers mean
// nothing, but they depend on every token before them, and take microseconds.
package tiny

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
)

// The shape of every tiny model.
const (
	Dim     = 64
	FF      = 96
	Heads   = 4
	KVHeads = 2
	HeadDim = 16
	Context = 256
	// Vocabulary is <unk>, <s>, </s>, 256 bytes, a space and <|im_end|>.
	Vocabulary = 3 + 256 + 2
	// End ends an answer.
	End = 2
	// Window is what most layers of a gemma3 see.
	Window = 24
)

// Source is what a file is written from, for a test to change.
type Source struct {
	Meta    models.Metadata
	Tensors []models.Tensor
	rng     *rand.Rand
}

// New returns a model of a family, "llama" or "gemma3", the same each time.
func New(family string) *Source {
	s := &Source{Meta: vocabulary(), rng: rand.New(rand.NewPCG(3, 4))}
	layers := map[string]int{"llama": 3, "gemma3": 7}[family]
	s.Meta["general.architecture"] = family
	s.Meta["general.name"] = "Tiny " + family
	for key, v := range map[string]any{
		"context_length": uint64(Context), "embedding_length": uint64(Dim), "feed_forward_length": uint64(FF), "block_count": uint64(layers),
		"attention.head_count": uint64(Heads), "attention.head_count_kv": uint64(KVHeads), "attention.key_length": uint64(HeadDim),
		"attention.value_length": uint64(HeadDim), "attention.layer_norm_rms_epsilon": 1e-5, "rope.freq_base": 10000.0,
	} {
		s.Meta[family+"."+key] = v
	}
	if family == "gemma3" {
		s.Meta["gemma3.attention.sliding_window"] = uint64(Window)
	}
	s.matrix("token_embd.weight", quant.F32, 1, Vocabulary, Dim)
	for i := range layers {
		s.layer(family, fmt.Sprintf("blk.%d.", i))
	}
	s.norm("output_norm.weight", Dim)
	return s
}

func (s *Source) layer(family, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.matrix(blk+"attn_q.weight", quant.Q8_0, 2, Heads*HeadDim, Dim)
	s.matrix(blk+"attn_k.weight", quant.Q8_0, 2, KVHeads*HeadDim, Dim)
	s.matrix(blk+"attn_v.weight", quant.F32, 2, KVHeads*HeadDim, Dim)
	s.matrix(blk+"attn_output.weight", quant.Q8_0, 1, Dim, Heads*HeadDim)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.matrix(blk+"ffn_gate.weight", quant.Q8_0, 1, FF, Dim)
	s.matrix(blk+"ffn_up.weight", quant.Q8_0, 1, FF, Dim)
	s.matrix(blk+"ffn_down.weight", quant.F32, 1, Dim, FF)
	if family == "gemma3" {
		s.norm(blk+"attn_q_norm.weight", HeadDim)
		s.norm(blk+"attn_k_norm.weight", HeadDim)
		s.norm(blk+"post_attention_norm.weight", Dim)
		s.norm(blk+"post_ffw_norm.weight", Dim)
	}
}

// matrix adds random weights whose products keep size times the size of what they get.
func (s *Source) matrix(name string, t quant.Type, size float64, rows, cols int) {
	v := make([]float32, rows*cols)
	for i := range v {
		v[i] = float32(s.rng.NormFloat64() * size / math.Sqrt(float64(cols)))
	}
	data := make([]byte, 4*len(v))
	if t == quant.F32 {
		for i, x := range v {
			binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(x))
		}
	} else {
		data = data[:rows*t.RowBytes(cols)]
		quant.Quantize(t, data, v)
	}
	s.Tensors = append(s.Tensors, models.Tensor{Name: name, Type: t, Shape: []int{rows, cols}, Data: data})
}

// Vector adds a tensor of the values given.
func (s *Source) Vector(name string, v ...float32) {
	data := make([]byte, 4*len(v))
	for i, x := range v {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(x))
	}
	s.Tensors = append(s.Tensors, models.Tensor{Name: name, Type: quant.F32, Shape: []int{len(v)}, Data: data})
}

func (s *Source) norm(name string, n int) {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(1 + 0.2*s.rng.NormFloat64())
	}
	s.Vector(name, v...)
}

// Matrix adds random weights of rows × cols.
func (s *Source) Matrix(name string, rows, cols int) { s.matrix(name, quant.F32, 1, rows, cols) }

// Write writes the file into a folder of the test and returns its path.
func (s *Source) Write(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	if err := gguf.Write(&b, s.Meta, s.Tensors); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// vocabulary is a SentencePiece tokenizer in which every byte is a token.
func vocabulary() models.Metadata {
	const normal, unknown, control, byteToken = 1, 2, 3, 6
	texts := []string{"<unk>", "<s>", "</s>"}
	kinds := []int64{unknown, control, control}
	for b := range 256 {
		texts, kinds = append(texts, fmt.Sprintf("<0x%02X>", b)), append(kinds, byteToken)
	}
	texts, kinds = append(texts, "▁", "<|im_end|>"), append(kinds, normal, control)
	return models.Metadata{
		"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": texts, "tokenizer.ggml.token_type": kinds,
		"tokenizer.ggml.scores": make([]float64, len(texts)), "tokenizer.ggml.add_bos_token": true,
		"tokenizer.ggml.bos_token_id": uint64(1), "tokenizer.ggml.eos_token_id": uint64(End),
	}
}
