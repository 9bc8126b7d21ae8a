package whisper

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"soberano/asr/whisper/convert"
	"soberano/kernels/cpu"
	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/apr"
	"soberano/models/ctranslate2"
	"soberano/models/defaults"
	"soberano/models/ggml"
	"soberano/models/safetensors"
)

// shapes lists small networks in the shapes of the published models that are too large for tests, and
// with heads of other widths; testdata/make_small.py has the same.
var shapes = map[string]Dims{
	"large-v3":     {Mels: 128, State: 128, Heads: 2, EncLayers: 3, DecLayers: 3, Vocab: 51866},
	"turbo":        {Mels: 128, State: 64, Heads: 2, EncLayers: 6, DecLayers: 4, Vocab: 51866},
	"multilingual": {Mels: 80, State: 64, Heads: 1, EncLayers: 2, DecLayers: 2, Vocab: 51865},
	"distilled.en": {Mels: 80, State: 96, Heads: 4, EncLayers: 4, DecLayers: 1, Vocab: 51864},
}

// golden holds what CTranslate2 computes for a shape.
type golden struct {
	Languages      map[string]float64
	Prompt, Tokens []int32
	Logits         [][]float64 // after the prompt and each token: ids 13, 824, …
}

// formula returns n numbers from -scale/2 to scale/2: FNV-1a of the name, then SplitMix64.
func formula(name string, n int, scale float64) []float32 {
	h := fnv.New64a()
	h.Write([]byte(name))
	z, out := h.Sum64(), make([]float32, n)
	for i := range out {
		z += 0x9e3779b97f4a7c15
		x := (z ^ z>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		x ^= x >> 31
		out[i] = float32((float64(x>>40)/(1<<24) - 0.5) * scale)
	}
	return out
}

// ofFormula returns the CTranslate2 file of a shape, with the tokenizer of Whisper base and
// the special tokens of the shape's vocabulary.
func ofFormula(t *testing.T, d Dims) *models.File {
	t.Helper()
	f := &models.File{Format: "ctranslate2", Path: "small", Meta: models.Metadata{"encoder/num_heads": int64(d.Heads), "decoder/num_heads": int64(d.Heads)}}
	f.Aux = map[string][]byte{"config.json": []byte(`{"suppress_ids":[],"suppress_ids_begin":[],"alignment_heads":[]}`), "tokenizer.json": tokenizerFor(t, d.Vocab)}
	add := func(name string, offset float32, shape ...int) {
		n, _ := models.Values(shape)
		data := make([]byte, 4*n)
		for i, v := range formula(name, n, 0.25) {
			putFloat(data, i, offset+v)
		}
		f.Tensors = append(f.Tensors, models.Tensor{Name: name, Type: quant.F32, Shape: shape, Data: data})
	}
	weight := func(name string, shape ...int) {
		add(name+"/weight", 0, shape...)
		add(name+"/bias", 0, shape[0])
	}
	norm := func(name string) {
		add(name+"/gamma", 1, d.State)
		add(name+"/beta", 0, d.State)
	}
	weight("encoder/conv1", d.State, d.Mels, 3)
	weight("encoder/conv2", d.State, d.State, 3)
	add("encoder/position_encodings/encodings", 0, 1500, d.State)
	add("decoder/position_encodings/encodings", 0, 448, d.State)
	add("decoder/embeddings/weight", 0, d.Vocab, d.State)
	norm("encoder/layer_norm")
	norm("decoder/layer_norm")
	for half, layers := range map[string]int{"encoder": d.EncLayers, "decoder": d.DecLayers} {
		for n := range layers {
			l := fmt.Sprintf("%s/layer_%d/", half, n)
			norm(l + "self_attention/layer_norm")
			weight(l+"self_attention/linear_0", 3*d.State, d.State)
			weight(l+"self_attention/linear_1", d.State, d.State)
			norm(l + "ffn/layer_norm")
			weight(l+"ffn/linear_0", 4*d.State, d.State)
			weight(l+"ffn/linear_1", d.State, 4*d.State)
			if half == "decoder" {
				norm(l + "attention/layer_norm")
				weight(l+"attention/linear_0", d.State, d.State)
				weight(l+"attention/linear_1", 2*d.State, d.State)
				weight(l+"attention/linear_2", d.State, d.State)
			}
		}
	}
	return f
}

// tokenizerFor returns the tokenizer.json of a vocabulary of that size.
func tokenizerFor(t *testing.T, vocab int) []byte {
	t.Helper()
	name := map[bool]string{true: "whisper-base", false: "whisper-tiny.en"}[vocab > leastVocab]
	f, err := ctranslate2.Peek(defaults.Need(t, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all map[string]any
	if err := json.Unmarshal(f.Aux["tokenizer.json"], &all); err != nil {
		t.Fatal(err)
	}
	type added struct {
		ID      int    `json:"id"`
		Content string `json:"content"`
	}
	var list []added
	s := specials(vocab)
	for i, name := range s.names() {
		list = append(list, added{int(s.EndOfText) + i, name})
	}
	all["added_tokens"] = list
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestShapes: networks of every published shape compute what CTranslate2 does, in each file format.
func TestShapes(t *testing.T) {
	var want map[string]golden
	b, err := os.ReadFile("testdata/small.json")
	if err == nil {
		err = json.Unmarshal(b, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range shapes {
		source := ofFormula(t, d)
		path := filepath.Join(t.TempDir(), "model")
		dir := t.TempDir()
		convert.GGML(t, path+".bin", source, quant.F32)
		convert.APR(t, path+".apr", source, quant.F32)
		convert.Safetensors(t, dir, source, quant.F32, false)
		for _, open := range []func() (*models.File, error){
			func() (*models.File, error) { return source, nil },
			func() (*models.File, error) { return ggml.Open(path + ".bin") },
			func() (*models.File, error) { return apr.Open(path + ".apr") },
			func() (*models.File, error) { return safetensors.Open(dir) },
		} {
			f, err := open()
			if err != nil {
				t.Fatal(err)
			}
			t.Run(name+"/"+f.Format, func(t *testing.T) {
				defer f.Close()
				m, text := openForm(t, f, cpu.Options{Exact: true})
				if m.Heads != d.Heads || m.Mels != d.Mels || m.DecLayers != d.DecLayers || m.EncLayers != d.EncLayers {
					t.Fatalf("the file gives %+v", m.Dims)
				}
				if id, ok := text.ID("<|startoftranscript|>"); !ok || id != m.Start || text.Size() != d.Vocab {
					t.Errorf("<|startoftranscript|> is %d of %d", id, text.Size())
				}
				likeGolden(t, name, m, want[name])
			})
		}
	}
}

func likeGolden(t *testing.T, name string, m *Slot, want golden) {
	t.Helper()
	frames := formula("mel", m.Mels*3000, 2)
	rows := readFloats(t, "testdata/small_"+name+".f32")
	worst := 0.0
	x := m.encoded(t, frames)
	for r := range 15 {
		for i, v := range x.Row(100 * r) {
			worst = max(worst, math.Abs(float64(v-rows[r*m.State+i])))
		}
	}
	if !(worst < 2e-4) || len(rows) != 15*m.State {
		t.Errorf("a value of the encoder differs by %g", worst)
	}
	worst = 0
	next, pos := want.Prompt, 0
	for i, step := range want.Logits {
		logits := m.feed(t, next, []span{{0, len(next), pos}}, len(next)-1).row(0)
		pos += len(next)
		for k, v := range step {
			worst = max(worst, math.Abs(float64(logits[13+811*k])-v))
		}
		if id, _ := m.best(logits); id != want.Tokens[i] {
			t.Errorf("token %d is %d, expected %d", i, id, want.Tokens[i])
		}
		next = []int32{want.Tokens[i]}
	}
	if !(worst < 2e-3) || len(want.Logits) < 4 {
		t.Errorf("a logit differs by %g", worst)
	}
	if !m.Multilingual {
		return
	}
	_, p := m.detect(m.feed(t, []int32{m.Start}, []span{{n: 1}}, 0).row(0))
	for code, w := range want.Languages {
		if math.Abs(p[code]-w) > 1e-4 {
			t.Errorf("language %s has %g, expected %g", code, p[code], w)
		}
	}
	if len(p) != len(want.Languages) || len(p) != m.LanguageCount {
		t.Errorf("%d languages, expected %d", len(p), len(want.Languages))
	}
}

// TestLargerVocabulary: special tokens of a vocabulary with further tokens after Whisper's are found by
// its tokenizer, and the further tokens are never sampled.
func TestLargerVocabulary(t *testing.T) {
	d := shapes["multilingual"]
	d.Vocab += 40
	f := ofFormula(t, d)
	f.Aux["tokenizer.json"] = tokenizerFor(t, 51865)
	m, _ := openForm(t, f, cpu.Options{Exact: true})
	if m.Specials != specials(51865) || !slices.Contains(m.suppress, int32(51865)) || !slices.Contains(m.suppress, int32(51904)) {
		t.Errorf("%+v", m.Specials)
	}
	r, err := m.Window(context.Background(), formula("mel", 80*3000, 2), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range r.Tokens {
		if id >= 51865 {
			t.Errorf("token %d was sampled", id)
		}
	}
	if _, err := onCPU(f, cpu.Options{Exact: true}, spelling{}); err == nil {
		t.Error("opened without a tokenizer that knows the special tokens")
	}
}
