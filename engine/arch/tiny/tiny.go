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
	"sync"
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
	// the width of an expert; in mixtral it is FF. SharedFF is the width of a shared expert.
	Experts  = 6
	Used     = 2
	ExpertFF = 64
	SharedFF = 32
	// Taps is the width of lfm2's convolutions; in lfm2-window it is one more.
	Taps = 3
)

// kind describes a tiny model.
type kind struct {
	architecture string
	layers       int
	keys         models.Metadata // without the prefix; in addition to the common ones or instead of them. nil: without the key
	// layer adds the tensors of layer i, whose names begin with blk.
	layer func(s *Source, i int, blk string)
	// first adds tensors before the layers, last adds those after them; nil: output_norm.weight.
	first, last func(s *Source)
}

// kinds is the table of the tiny models. A kind is described in the file of its family.
var kinds = map[string]kind{
	"afmoe":             afmoe,
	"apertus":           apertus,
	"arcee":             arcee,
	"bailingmoe":        bailingMoE,
	"bailingmoe2":       bailingMoE2,
	"bloom":             bloom,
	"chatglm":           chatGLM,
	"cohere2":           cohere2,
	"command-r":         commandR,
	"deci":              deci,
	"deepseek":          deepseek,
	"deepseek2":         deepseek2,
	"deepseek2-lite":    deepseek2Lite,
	"dots1":             dots1,
	"ernie4_5":          ernie45,
	"ernie4_5-moe":      ernie45MoE,
	"exaone":            exaone,
	"exaone-moe":        exaoneMoE,
	"exaone4":           exaone4,
	"falcon":            falcon,
	"falcon-h1":         falconH1,
	"falcon-mamba":      falconMamba,
	"gemma":             gemma,
	"gemma2":            gemma2,
	"gemma3":            gemma3,
	"gemma3n":           gemma3n,
	"gemma4":            gemma4,
	"gemma4-e":          gemma4E,
	"gemma4-moe":        gemma4MoE,
	"glm4":              glm4,
	"glm4moe":           glm4MoE,
	"gpt-oss":           gptOSS,
	"gpt2":              gpt2,
	"gptneox":           gptneox,
	"granite":           granite,
	"granite_swa":       graniteSWA,
	"granitehybrid":     graniteHybrid,
	"granitehybrid-moe": graniteHybridMoE,
	"granitemoe":        graniteMoE,
	"hunyuan-dense":     hunyuanDense,
	"hunyuan-moe":       hunyuanMoE,
	"internlm2":         internlm2,
	"jamba":             jamba,
	"kimi-linear":       kimiLinear,
	"lfm2":              lfm2,
	"lfm2-window":       lfm2Window,
	"lfm2moe":           lfm2MoE,
	"llama":             llama,
	"llama4":            llama4,
	"maincoder":         maincoder,
	"mamba":             mamba,
	"mamba2":            mamba2,
	"mellum":            mellum,
	"minicpm":           minicpm,
	"minimax-m2":        minimaxM2,
	"mistral3":          mistral3,
	"mistral4":          mistral4,
	"mixtral":           mixtral,
	"mpt":               mpt,
	"nanbeige":          nanbeige,
	"nemotron":          nemotron,
	"nemotron_h":        nemotronH,
	"nemotron_h_moe":    nemotronHMoE,
	"nemotron_h-latent": nemotronHMoELatent,
	"olmo":              olmo,
	"olmo2":             olmo2,
	"olmoe":             olmoe,
	"pangu-embedded":    pangu,
	"phi2":              phi2,
	"phi3":              phi3,
	"phimoe":            phiMoE,
	"plamo2":            plamo2,
	"qwen2":             qwen2,
	"qwen2moe":          qwen2MoE,
	"qwen2vl":           qwen2VL,
	"qwen3":             qwen3,
	"qwen35":            qwen35,
	"qwen35moe":         qwen35MoE,
	"qwen3moe":          qwen3MoE,
	"qwen3next":         qwen3Next,
	"qwen3vl":           qwen3VL,
	"qwen3vlmoe":        qwen3VLMoE,
	"rwkv7":             rwkv7,
	"seed_oss":          seedOSS,
	"smallthinker":      smallthinker,
	"smollm3":           smollm3,
	"stablelm":          stablelm,
	"starcoder":         starcoder,
	"starcoder2":        starcoder2,
}

// Kinds returns the names of the models that New creates, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Representative returns a few kinds whose layers keep different things of a sequence, for tests that would take too long with all.
func Representative() []string {
	return []string{"deepseek2", "gemma3", "lfm2", "llama", "mamba2", "mixtral", "qwen35"}
}

// Source is the content of a model file before it is written. Tests may change it.
type Source struct {
	Architecture string // prefix of the model's keys
	Meta         models.Metadata
	Tensors      []models.Tensor
	pcg          rand.PCG
}

// made has the models that New has created.
var made sync.Map

// New returns a model; name is one of Kinds or of Encoders. It is the same for each call.
func New(name string) *Source {
	s, ok := made.Load(name)
	if !ok {
		s, _ = made.LoadOrStore(name, create(name))
	}
	return s.(*Source).clone()
}

// clone returns a model that shares no memory with s that tests change.
func (s *Source) clone() *Source {
	c := *s
	c.Meta, c.Tensors = maps.Clone(s.Meta), slices.Clone(s.Tensors)
	for i := range c.Tensors {
		c.Tensors[i].Data = slices.Clone(c.Tensors[i].Data)
	}
	return &c
}

// random returns a random number with the standard normal distribution.
func (s *Source) random() float64 { return rand.New(&s.pcg).NormFloat64() }

func create(name string) *Source {
	k, ok := kinds[name]
	if !ok {
		k, ok = encoders[name]
	}
	if !ok {
		panic("tiny: no model of kind " + name)
	}
	s := &Source{Architecture: k.architecture, Meta: vocabulary(), pcg: *rand.NewPCG(3, 4)}
	s.Meta["general.architecture"] = k.architecture
	s.Meta["general.name"] = "Tiny " + name
	for _, keys := range []models.Metadata{{
		"context_length": uint64(Context), "embedding_length": uint64(Dim), "feed_forward_length": uint64(FF), "block_count": uint64(k.layers),
		"attention.head_count": uint64(Heads), "attention.head_count_kv": uint64(KVHeads), "attention.key_length": uint64(HeadDim),
		"attention.value_length": uint64(HeadDim), "attention.layer_norm_rms_epsilon": float64(float32(1e-5)), "rope.freq_base": 10000.0,
	}, k.keys} {
		for key, v := range keys {
			if s.Meta[k.architecture+"."+key] = v; v == nil {
				delete(s.Meta, k.architecture+"."+key)
			}
		}
	}
	s.matrix("token_embd.weight", quant.F32, 1, Vocabulary, Dim)
	if k.first != nil {
		k.first(s)
	}
	for i := range k.layers {
		k.layer(s, i, fmt.Sprintf("blk.%d.", i))
	}
	if k.last != nil {
		k.last(s)
	} else {
		s.norm("output_norm.weight", Dim)
	}
	return s
}

// plainLayer adds a layer of llama.
func (s *Source) plainLayer(_ int, blk string) {
	s.norm(blk+"attn_norm.weight", Dim)
	s.attention(blk)
	s.norm(blk+"ffn_norm.weight", Dim)
	s.feedForward(blk)
}

// attention adds the projections of attention.
func (s *Source) attention(blk string) { s.attentionHeads(blk, KVHeads) }

// attentionHeads adds the projections of attention with another number of key/value heads.
func (s *Source) attentionHeads(blk string, kvHeads int) {
	s.matrix(blk+"attn_q.weight", quant.Q8_0, 2, Heads*HeadDim, Dim)
	s.matrix(blk+"attn_k.weight", quant.Q8_0, 2, kvHeads*HeadDim, Dim)
	s.matrix(blk+"attn_v.weight", quant.F32, 2, kvHeads*HeadDim, Dim)
	s.matrix(blk+"attn_output.weight", quant.Q8_0, 1, Dim, Heads*HeadDim)
}

// fusedAttention adds the projections of attention, those of q, k and v as one matrix.
func (s *Source) fusedAttention(blk string, kvHeads int) {
	s.matrix(blk+"attn_qkv.weight", quant.Q8_0, 2, (Heads+2*kvHeads)*HeadDim, Dim)
	s.matrix(blk+"attn_output.weight", quant.Q8_0, 1, Dim, Heads*HeadDim)
}

// qkvBiases adds the biases of q, k and v.
func (s *Source) qkvBiases(blk string) {
	s.bias(blk+"attn_q.bias", Heads*HeadDim)
	s.bias(blk+"attn_k.bias", KVHeads*HeadDim)
	s.bias(blk+"attn_v.bias", KVHeads*HeadDim)
}

// headNorms adds the norms of each head of q and k.
func (s *Source) headNorms(blk string) {
	s.norm(blk+"attn_q_norm.weight", HeadDim)
	s.norm(blk+"attn_k_norm.weight", HeadDim)
}

// feedForward adds a gated feed-forward network.
func (s *Source) feedForward(blk string) {
	s.matrix(blk+"ffn_gate.weight", quant.Q8_0, 1, FF, Dim)
	s.matrix(blk+"ffn_up.weight", quant.Q8_0, 1, FF, Dim)
	s.matrix(blk+"ffn_down.weight", quant.F32, 1, Dim, FF)
}

// ungated adds a feed-forward network without a gate.
func (s *Source) ungated(blk string) {
	s.matrix(blk+"ffn_up.weight", quant.Q8_0, 1, FF, Dim)
	s.matrix(blk+"ffn_down.weight", quant.F32, 1, Dim, FF)
}

// ungatedBiases adds the biases of a feed-forward network without a gate.
func (s *Source) ungatedBiases(blk string) {
	s.bias(blk+"ffn_up.bias", FF)
	s.bias(blk+"ffn_down.bias", Dim)
}

// mixture adds a mixture of experts of width ff.
func (s *Source) mixture(blk string, ff int) {
	s.matrix(blk+"ffn_gate_inp.weight", quant.F32, 1, Experts, Dim)
	s.matrix(blk+"ffn_gate_exps.weight", quant.Q8_0, 1, Experts, ff, Dim)
	s.matrix(blk+"ffn_up_exps.weight", quant.Q8_0, 1, Experts, ff, Dim)
	s.matrix(blk+"ffn_down_exps.weight", quant.F32, 1, Experts, Dim, ff)
}

// expertBiases adds the values that are added to the probabilities of the experts for the choice.
func (s *Source) expertBiases(blk string) {
	bias := make([]float32, Experts)
	for i := range bias {
		bias[i] = float32(0.1 * s.random())
	}
	s.Vector(blk+"exp_probs_b.bias", bias...)
}

// sharedExpert adds the expert that all tokens go through, of width ff.
func (s *Source) sharedExpert(blk string, ff int) {
	s.matrix(blk+"ffn_gate_shexp.weight", quant.Q8_0, 1, ff, Dim)
	s.matrix(blk+"ffn_up_shexp.weight", quant.Q8_0, 1, ff, Dim)
	s.matrix(blk+"ffn_down_shexp.weight", quant.F32, 1, Dim, ff)
}

// gatedExpert adds a shared expert with a gate.
func (s *Source) gatedExpert(blk string) {
	s.bias(blk+"ffn_gate_inp_shexp.weight", Dim)
	s.sharedExpert(blk, SharedFF)
}

// mixtureKeys returns the keys of a mixture, and keys.
func mixtureKeys(keys models.Metadata) models.Metadata {
	m := models.Metadata{"expert_count": uint64(Experts), "expert_used_count": uint64(Used), "expert_feed_forward_length": uint64(ExpertFF)}
	maps.Copy(m, keys)
	return m
}

// layerNormKeys returns keys, and those that a family with LayerNorm has instead of RMSNorm's.
func layerNormKeys(keys models.Metadata) models.Metadata {
	m := models.Metadata{"attention.layer_norm_rms_epsilon": nil, "attention.layer_norm_epsilon": float64(float32(1e-5))}
	maps.Copy(m, keys)
	return m
}

// layerNorm adds the weights and the bias of a LayerNorm. name is without ".weight".
func (s *Source) layerNorm(name string, n int) {
	s.norm(name+".weight", n)
	s.bias(name+".bias", n)
}

// output adds an output matrix.
func (s *Source) output() { s.matrix("output.weight", quant.F32, 1, Vocabulary, Dim) }

// normAndOutput adds the last norm and an output matrix.
func (s *Source) normAndOutput() {
	s.norm("output_norm.weight", Dim)
	s.output()
}

// matrix adds random weights whose products are about size times as large as their input. The
// last two sizes of shape are rows and columns.
func (s *Source) matrix(name string, t quant.Type, size float64, shape ...int) {
	w := models.Tensor{Name: name, Type: t, Shape: shape}
	v := make([]float32, w.Len())
	for i := range v {
		v[i] = float32(s.random() * size / math.Sqrt(float64(w.Cols())))
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

// Rows adds a tensor with the given values in this many rows.
func (s *Source) Rows(name string, rows int, v ...float32) {
	s.Tensors = append(s.Tensors, models.Tensor{Name: name, Type: quant.F32, Shape: []int{rows, len(v) / rows}, Data: floats(v)})
}

func (s *Source) norm(name string, n int) {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(1 + float64(0.2*s.random()))
	}
	s.Vector(name, v...)
}

func (s *Source) bias(name string, n int) {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(0.5 * s.random())
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
