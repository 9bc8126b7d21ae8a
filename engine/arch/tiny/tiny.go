// Package tiny creates model files with random weights: a few layers with 64 dimensions and a
// vocabulary of bytes. They are for tests of the code around a model. The answers have no
// meaning, but they depend on every token before them, and a token takes microseconds.
package tiny

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
)

// The dimensions of every tiny model.
const (
	Dim     = 64
	FF      = 96
	Heads   = 4
	KVHeads = 2
	HeadDim = 16
	Context = 256
	// Vocabulary counts <unk>, <s>, </s>, 256 bytes, a space and <|im_end|>.
	Vocabulary = 3 + 256 + 2
	// End is the token that ends an answer.
	End = 2
	// Window is the attention window of gemma3's local layers and of lfm2-window.
	Window = 24
	// Experts is the number of experts of a mixture, Used the number used for a token, ExpertFF
	// the width of an expert in lfm2moe; in mixtral it is FF.
	Experts  = 6
	Used     = 2
	ExpertFF = 64
	// Taps is the width of lfm2's convolutions; in lfm2-window it is one more.
	Taps = 3
)

// shape is what distinguishes the tiny models.
type shape struct {
	architecture string
	layers       int
	attention    []bool // of each layer; nil: all of them
	mixtureFrom  int    // first layer with a mixture; if it is layers or more, there is none
	meta         models.Metadata
}

var shapes = map[string]shape{
	"llama":  {architecture: "llama", layers: 3, mixtureFrom: 3},
	"qwen2":  {architecture: "qwen2", layers: 3, mixtureFrom: 3},
	"qwen3":  {architecture: "qwen3", layers: 3, mixtureFrom: 3},
	"gemma3": {architecture: "gemma3", layers: 7, mixtureFrom: 7, meta: models.Metadata{"attention.sliding_window": uint64(Window)}},
	"mixtral": {architecture: "llama", layers: 3, meta: models.Metadata{
		"expert_count": uint64(Experts), "expert_used_count": uint64(Used),
	}},
	"lfm2": {architecture: "lfm2", layers: 5, mixtureFrom: 5, attention: []bool{false, true, false, false, true}, meta: models.Metadata{
		"shortconv.l_cache": uint64(Taps), "attention.head_count_kv": []uint64{0, KVHeads, 0, 0, KVHeads},
	}},
	"lfm2-window": {architecture: "lfm2", layers: 3, mixtureFrom: 3, attention: []bool{true, false, true}, meta: models.Metadata{
		"shortconv.l_cache": uint64(Taps + 1), "attention.head_count_kv": []uint64{KVHeads, 0, KVHeads}, "attention.sliding_window": uint64(Window),
	}},
	"lfm2moe": {architecture: "lfm2moe", layers: 4, mixtureFrom: 1, attention: []bool{false, true, false, true}, meta: models.Metadata{
		"shortconv.l_cache": uint64(Taps), "attention.head_count_kv": []uint64{0, KVHeads, 0, KVHeads},
		"expert_count": uint64(Experts), "expert_used_count": uint64(Used), "expert_feed_forward_length": uint64(ExpertFF),
		"leading_dense_block_count": uint64(1), "expert_gating_func": uint64(2),
	}},
}

// Kinds returns the names of the models that New creates, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(shapes)) }

// Source is the content of a model file before it is written. Tests may change it.
type Source struct {
	Architecture string // prefix of the model's keys
	Meta         models.Metadata
	Tensors      []models.Tensor
	rng          *rand.Rand
}

// New returns a model; kind is one of Kinds. It is the same for each call.
func New(kind string) *Source {
	sh, ok := shapes[kind]
	if !ok {
		panic("tiny: no model of kind " + kind)
	}
	s := &Source{Architecture: sh.architecture, Meta: vocabulary(), rng: rand.New(rand.NewPCG(3, 4))}
	s.Meta["general.architecture"] = sh.architecture
	s.Meta["general.name"] = "Tiny " + kind
	for _, keys := range []models.Metadata{{
		"context_length": uint64(Context), "embedding_length": uint64(Dim), "feed_forward_length": uint64(FF), "block_count": uint64(sh.layers),
		"attention.head_count": uint64(Heads), "attention.head_count_kv": uint64(KVHeads), "attention.key_length": uint64(HeadDim),
		"attention.value_length": uint64(HeadDim), "attention.layer_norm_rms_epsilon": float64(float32(1e-5)), "rope.freq_base": 10000.0,
	}, sh.meta} {
		for key, v := range keys {
			s.Meta[sh.architecture+"."+key] = v
		}
	}
	s.matrix("token_embd.weight", quant.F32, 1, Vocabulary, Dim)
	for i := range sh.layers {
		blk := fmt.Sprintf("blk.%d.", i)
		s.norm(blk+"attn_norm.weight", Dim)
		if sh.attention == nil || sh.attention[i] {
			s.attention(kind, blk)
		} else {
			s.convolution(blk, int(sh.meta["shortconv.l_cache"].(uint64)))
		}
		s.norm(blk+"ffn_norm.weight", Dim)
		if i < sh.mixtureFrom {
			s.feedForward(kind, blk)
		} else {
			s.mixture(kind, blk)
		}
	}
	if sh.attention == nil {
		s.norm("output_norm.weight", Dim)
	} else {
		s.norm("token_embd_norm.weight", Dim)
	}
	return s
}

func (s *Source) attention(kind, blk string) {
	s.matrix(blk+"attn_q.weight", quant.Q8_0, 2, Heads*HeadDim, Dim)
	s.matrix(blk+"attn_k.weight", quant.Q8_0, 2, KVHeads*HeadDim, Dim)
	s.matrix(blk+"attn_v.weight", quant.F32, 2, KVHeads*HeadDim, Dim)
	s.matrix(blk+"attn_output.weight", quant.Q8_0, 1, Dim, Heads*HeadDim)
	switch kind {
	case "gemma3":
		s.norm(blk+"attn_q_norm.weight", HeadDim)
		s.norm(blk+"attn_k_norm.weight", HeadDim)
		s.norm(blk+"post_attention_norm.weight", Dim)
	case "qwen2":
		s.bias(blk+"attn_q.bias", Heads*HeadDim)
		s.bias(blk+"attn_k.bias", KVHeads*HeadDim)
		s.bias(blk+"attn_v.bias", KVHeads*HeadDim)
	case "qwen3", "lfm2", "lfm2-window", "lfm2moe":
		s.norm(blk+"attn_q_norm.weight", HeadDim)
		s.norm(blk+"attn_k_norm.weight", HeadDim)
	}
}

func (s *Source) convolution(blk string, taps int) {
	s.matrix(blk+"shortconv.conv.weight", quant.F32, 1, Dim, taps)
	s.matrix(blk+"shortconv.in_proj.weight", quant.Q8_0, 2, 3*Dim, Dim)
	s.matrix(blk+"shortconv.out_proj.weight", quant.Q8_0, 1, Dim, Dim)
}

func (s *Source) feedForward(kind, blk string) {
	s.matrix(blk+"ffn_gate.weight", quant.Q8_0, 1, FF, Dim)
	s.matrix(blk+"ffn_up.weight", quant.Q8_0, 1, FF, Dim)
	s.matrix(blk+"ffn_down.weight", quant.F32, 1, Dim, FF)
	if kind == "gemma3" {
		s.norm(blk+"post_ffw_norm.weight", Dim)
	}
}

func (s *Source) mixture(kind, blk string) {
	ff := FF
	if kind == "lfm2moe" {
		ff = ExpertFF
		bias := make([]float32, Experts)
		for i := range bias {
			bias[i] = float32(0.1 * s.rng.NormFloat64())
		}
		s.Vector(blk+"exp_probs_b.bias", bias...)
	}
	s.matrix(blk+"ffn_gate_inp.weight", quant.F32, 1, Experts, Dim)
	s.matrix(blk+"ffn_gate_exps.weight", quant.Q8_0, 1, Experts, ff, Dim)
	s.matrix(blk+"ffn_up_exps.weight", quant.Q8_0, 1, Experts, ff, Dim)
	s.matrix(blk+"ffn_down_exps.weight", quant.F32, 1, Experts, Dim, ff)
}

// matrix adds random weights whose products are about size times as large as their input. The
// last two sizes of shape are rows and columns.
func (s *Source) matrix(name string, t quant.Type, size float64, shape ...int) {
	w := models.Tensor{Name: name, Type: t, Shape: shape}
	v := make([]float32, w.Len())
	for i := range v {
		v[i] = float32(s.rng.NormFloat64() * size / math.Sqrt(float64(w.Cols())))
	}
	if t == quant.F32 {
		w.Data = floats(v)
	} else {
		w.Data = make([]byte, w.Rows()*t.RowBytes(w.Cols()))
		quant.Quantize(t, w.Data, v)
	}
	s.Tensors = append(s.Tensors, w)
}

// floats returns values as they are stored in a file.
func floats(v []float32) []byte {
	data := make([]byte, 0, 4*len(v))
	for _, x := range v {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	return data
}

// Float32 converts all tensors to float32 with the same values.
func (s *Source) Float32() {
	for i, t := range s.Tensors {
		v := make([]float32, t.Len())
		quant.Dequantize(t.Type, v, t.Data)
		s.Tensors[i].Type, s.Tensors[i].Data = quant.F32, floats(v)
	}
}

// Layers leaves only the first n layers.
func (s *Source) Layers(n int) {
	s.Meta[s.Architecture+".block_count"] = uint64(n)
	s.Tensors = slices.DeleteFunc(s.Tensors, func(t models.Tensor) bool {
		var layer int
		_, err := fmt.Sscanf(t.Name, "blk.%d.", &layer)
		return err == nil && layer >= n
	})
}

// Vector adds a tensor with the given values.
func (s *Source) Vector(name string, v ...float32) {
	s.Tensors = append(s.Tensors, models.Tensor{Name: name, Type: quant.F32, Shape: []int{len(v)}, Data: floats(v)})
}

func (s *Source) norm(name string, n int) {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(1 + float64(0.2*s.rng.NormFloat64()))
	}
	s.Vector(name, v...)
}

func (s *Source) bias(name string, n int) {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(0.5 * s.rng.NormFloat64())
	}
	s.Vector(name, v...)
}

// Matrix adds random weights, rows × cols.
func (s *Source) Matrix(name string, rows, cols int) { s.matrix(name, quant.F32, 1, rows, cols) }

// Bytes returns the content of the file.
func (s *Source) Bytes() ([]byte, error) {
	var b bytes.Buffer
	if err := gguf.Write(&b, s.Meta, s.Tensors); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Write writes the file to a temporary folder of the test and returns its path.
func (s *Source) Write(t testing.TB) string {
	t.Helper()
	data, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// vocabulary returns a SentencePiece tokenizer in which every byte is a token.
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
