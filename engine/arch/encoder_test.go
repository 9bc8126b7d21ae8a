package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"soberano/engine/arch/tiny"
	"soberano/engine/nn"
	"soberano/kernels"
	"soberano/kernels/cpu"
	"soberano/kernels/quant"
	"soberano/models"
)

// vectors is a text in testdata/embed_*.json; testdata/README.md describes the fields.
type vectors struct {
	IDs  []int32
	Rows []struct {
		Pos    int
		Values []float32
	}
	Vector []float32
}

func openTinyEncoder(t *testing.T, s *tiny.Source, exact bool) (*Encoder, kernels.Device) {
	t.Helper()
	dev, err := cpu.New(cpu.Options{Exact: exact, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	e, err := OpenEncoder(fileOf(s), dev, 0)
	if err != nil {
		t.Fatal(err)
	}
	return e, dev
}

// checkEncoder returns the error of opening s on a device without weights.
func checkEncoder(s *tiny.Source) error {
	_, err := OpenEncoder(fileOf(s), kernels.Checker{}, 0)
	return err
}

// hidden returns all hidden rows of texts that share a step.
func hidden(t interface{ Fatal(...any) }, e *Encoder, dev kernels.Device, texts ...[]int32) [][][]float32 {
	var s nn.Step
	for _, ids := range texts {
		state, err := dev.NewState(e.Shape().State(tiny.Context))
		if err != nil {
			t.Fatal(err)
		}
		defer state.Close()
		row := s.Append(state, ids, 0)
		for i := range ids {
			s.Out = append(s.Out, row+i)
		}
	}
	rows, err := e.Forward(&s)
	if err != nil {
		t.Fatal(err)
	}
	out, at := make([][][]float32, len(texts)), 0
	for i, ids := range texts {
		for range ids {
			out[i], at = append(out[i], slices.Clone(rows.Row(at))), at+1
		}
	}
	return out
}

// vector returns the vector of a text with these hidden rows.
func vector(e *Encoder, rows [][]float32) []float32 {
	from, to := e.Rows(len(rows))
	mean := make([]float32, e.Width)
	for _, row := range rows[from:to] {
		for i, x := range row {
			mean[i] += x / float32(to-from)
		}
	}
	return e.Vector(mean)
}

// apart returns the length of the difference of two vectors, relative to that of the second.
func apart(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	diff, length := 0.0, 0.0
	for i := range a {
		diff += math.Pow(float64(a[i]-b[i]), 2)
		length += math.Pow(float64(b[i]), 2)
	}
	return math.Sqrt(diff / length)
}

// TestEncoderGolden checks with float32 arithmetic that the hidden rows and the vectors of small models of every kind are those
// that llama.cpp computes for the same weights, with all texts in one step.
func TestEncoderGolden(t *testing.T) {
	for _, name := range tiny.Encoders() {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", "embed_"+name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var refs []vectors
			if err := json.Unmarshal(data, &refs); err != nil {
				t.Fatal(err)
			}
			e, dev := openTinyEncoder(t, tiny.New(name), true)
			var texts [][]int32
			for _, ref := range refs {
				texts = append(texts, ref.IDs)
			}
			worst := 0.0
			for i, rows := range hidden(t, e, dev, texts...) {
				for _, want := range refs[i].Rows {
					if e.head.project != nil {
						continue // llama.cpp multiplies rows by these matrices too
					}
					if d := apart(rows[want.Pos], want.Values); !(d < encoderTolerance(e)) {
						t.Errorf("text %d, row %d: %.2g away", i, want.Pos, d)
					} else {
						worst = max(worst, d)
					}
				}
				want := slices.Clone(refs[i].Vector)
				if e.Pooling != models.PoolRank {
					normalise(want)
				}
				got := vector(e, rows)
				if d := apart(got, want); !(d < 3*encoderTolerance(e)) {
					t.Errorf("text %d: the vector is %.2g away: %v, expected %v", i, d, got[:min(3, len(got))], want[:min(3, len(want))])
				}
			}
			t.Logf("rows are at most %.1g away", worst)
		})
	}
}

// encoderTolerance is how far hidden rows may be from those of llama.cpp, which has a float16 table for GELU.
func encoderTolerance(e *Encoder) float64 {
	if m, ok := e.Model.(*decoder); ok && m.layers[0].ffn.activation == kernels.SiLU {
		return 1e-5
	}
	if m, ok := e.Model.(*bert); ok && m.layers[0].ffn.activation == kernels.SiLU {
		return 1e-5
	}
	return 2e-3
}

// TestEncoderSteps checks that the hidden rows of a text do not depend on the other texts in its step; and, of a model with causal
// attention, on how it is divided among steps.
func TestEncoderSteps(t *testing.T) {
	for _, name := range tiny.Encoders() {
		t.Run(name, func(t *testing.T) {
			e, dev := openTinyEncoder(t, tiny.New(name), true)
			rapid.Check(t, func(t *rapid.T) {
				text := rapid.SliceOfN(rapid.Int32Range(0, tiny.Vocabulary-1), 1, 60)
				texts := rapid.SliceOfN(text, 1, 4).Draw(t, "texts")
				for i, rows := range hidden(t, e, dev, texts...) {
					alone := hidden(t, e, dev, texts[i])[0]
					for p := range rows {
						if d := apart(rows[p], alone[p]); !(d < 1e-4) {
							t.Fatalf("row %d of text %d is %.2g away", p, i, d)
						}
					}
				}
			})
		})
	}
}

// TestWholeText checks that the first row of a text depends on its last token where attention is not causal, and not where it is.
func TestWholeText(t *testing.T) {
	for _, name := range tiny.Encoders() {
		e, dev := openTinyEncoder(t, tiny.New(name), true)
		rows := hidden(t, e, dev, []int32{1, 50, 60, 70}, []int32{1, 50, 60, 71})
		if seen := apart(rows[0][0], rows[1][0]) > 1e-6; seen != e.Whole {
			t.Errorf("%s: the first row sees the last token: %v", name, seen)
		}
	}
}

// TestEncoderWindow checks that a layer with a window sees as many rows before a row as after it.
func TestEncoderWindow(t *testing.T) {
	s := tiny.New("modern-bert")
	s.Layers(1)
	s.Meta["modern-bert.attention.sliding_window_pattern"] = []bool{true}
	e, dev := openTinyEncoder(t, s, true)
	text := func(change int) []int32 {
		ids := make([]int32, 60)
		for i := range ids {
			ids[i] = int32(10 + i)
		}
		if change >= 0 {
			ids[change] = 200
		}
		return ids
	}
	plain := hidden(t, e, dev, text(-1))[0][30]
	for change, sees := range map[int]bool{30 - tiny.Window/2 - 1: false, 30 - tiny.Window/2: true, 30 + tiny.Window/2: true, 30 + tiny.Window/2 + 1: false} {
		if got := apart(hidden(t, e, dev, text(change))[0][30], plain) > 0; got != sees {
			t.Errorf("row 30 sees row %d: %v", change, got)
		}
	}
}

// TestEncoderTensors checks of every kind that its vectors or rows change with each of its tensors, that a file without one of them is refused
// by its name, and that a file with a tensor of no network is refused.
func TestEncoderTensors(t *testing.T) {
	ids := []int32{1, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150}
	optional := []string{".bias", "token_types.weight", "cls.output.weight", "cls.weight", "cls.norm.weight", "_q_norm.weight", "_k_norm.weight", "attn_norm_2.weight", "ffn_gate.weight", "attn_norm.weight"}
	for _, name := range tiny.Encoders() {
		s := tiny.New(name)
		s.Float32()
		result := func() []float32 {
			e, dev := openTinyEncoder(t, s, true)
			rows := hidden(t, e, dev, ids)[0]
			return append(slices.Concat(rows...), vector(e, rows)...)
		}
		plain, m := result(), attentionOf(s)
		for i, tensor := range s.Tensors {
			s.Tensors[i] = changed(tensor, i)
			// The same value in all keys changes no softmax, unless the keys are rotated.
			unseen := m.rope.Freq == nil && (strings.HasSuffix(tensor.Name, "attn_k.bias") || strings.HasSuffix(tensor.Name, "attn_k_norm.bias"))
			if d := apart(result(), plain); !(d > 1e-5) && !unseen {
				t.Errorf("%s: %s changes the rows by %.2g", name, tensor.Name, d)
			}
			s.Tensors[i] = tensor
			less := *s
			less.Tensors = slices.Delete(slices.Clone(s.Tensors), i, i+1)
			missing := slices.ContainsFunc(optional, func(end string) bool { return strings.HasSuffix(tensor.Name, end) })
			if err := checkEncoder(&less); !missing && (!errors.Is(err, models.ErrCorrupt) || !strings.Contains(err.Error(), tensor.Name)) {
				t.Errorf("%s without %s: %v", name, tensor.Name, err)
			}
			less.Tensors = slices.Clone(s.Tensors)
			less.Tensors[i] = models.Tensor{Name: tensor.Name, Type: quant.F32, Shape: []int{2, 2}, Data: make([]byte, 16)}
			if err := checkEncoder(&less); !errors.Is(err, models.ErrCorrupt) && !errors.Is(err, models.ErrUnsupported) {
				t.Errorf("%s with %s of 2 × 2: %v", name, tensor.Name, err)
			}
		}
		s.Vector("stray", 1)
		if err := checkEncoder(s); !refusedByName(err, "stray") {
			t.Errorf("%s with a stray tensor: %v", name, err)
		}
	}
}

// attentionOf returns the attention of the first layer of a model.
func attentionOf(s *tiny.Source) *attention {
	e, err := OpenEncoder(fileOf(s), kernels.Checker{}, 0)
	if err != nil {
		panic(err)
	}
	if m, ok := e.Model.(*bert); ok {
		return m.at
	}
	return e.Model.(*decoder).layers[0].at
}

// changed returns a float32 tensor with other values.
func changed(t models.Tensor, seed int) models.Tensor {
	values := make([]float32, t.Len())
	quant.Dequantize(t.Type, values, t.Data)
	for at, x := range wave(t.Len(), seed, 0.5) {
		values[at] += x
	}
	s := &tiny.Source{}
	s.Vector(t.Name, values...)
	t.Data = s.Tensors[0].Data
	return t
}

// TestEncoderKeys checks of every kind that damaged keys are refused as such, and that keys which change the arithmetic are refused by name.
func TestEncoderKeys(t *testing.T) {
	for _, name := range tiny.Encoders() {
		architecture := tiny.New(name).Architecture
		for key := range tiny.New(name).Meta {
			if !strings.HasPrefix(key, architecture+".") {
				continue
			}
			for _, v := range []any{nil, "x", uint64(0), uint64(7), uint64(1 << 39), int64(-1), math.NaN(), math.Inf(1), []uint64{1, 2}, true} {
				s := tiny.New(name)
				if s.Meta[key] = v; v == nil {
					delete(s.Meta, key)
				}
				if err := checkEncoder(s); err != nil && !errors.Is(err, models.ErrCorrupt) && !errors.Is(err, models.ErrUnsupported) {
					t.Errorf("%s: %s = %v: %v", name, key, v, err)
				}
			}
		}
		changes := models.Metadata{"attention.scale": 0.5, "logit_scale": 0.25, "attn_logit_softcapping": 50.0, "attention.clamp_kqv": 8.0,
			"use_parallel_residual": true, "ssm.conv_kernel": uint64(4), "attention.q_lora_rank": uint64(16), "pooling_type": uint64(9)}
		for key, v := range changes {
			s := tiny.New(name)
			s.Meta[architecture+"."+key] = v
			if err := checkEncoder(s); !refusedByName(err, architecture+"."+key) {
				t.Errorf("%s with %s = %v: %v", name, key, v, err)
			}
		}
	}
	s := tiny.New("bert")
	s.Meta["bert.attention.causal"] = true
	if err := checkEncoder(s); !refusedByName(err, "bert.attention.causal") {
		t.Errorf("causal bert: %v", err)
	}
	s = tiny.New("bert")
	s.Meta["bert.pooling_type"] = uint64(models.PoolRank)
	if err := checkEncoder(s); !errors.Is(err, models.ErrCorrupt) || !strings.Contains(err.Error(), "cls.output.weight") {
		t.Errorf("a reranker without a head: %v", err)
	}
	s = tiny.New("bert-rank")
	s.Tensors = slices.DeleteFunc(s.Tensors, func(t models.Tensor) bool { return strings.HasPrefix(t.Name, "cls.output.") })
	if err := checkEncoder(s); !errors.Is(err, models.ErrCorrupt) || !strings.Contains(err.Error(), "cls.output.weight") {
		t.Errorf("a reranker whose head has no scores: %v", err)
	}
}

// TestEncoderFamilies checks that models.Encoders are the families of the table, and that they can't be opened to continue texts.
func TestEncoderFamilies(t *testing.T) {
	for name := range encoders {
		if !slices.Contains(models.Encoders, name) {
			t.Errorf("models.Encoders lacks %s", name)
		}
		if _, ok := families[name]; ok {
			t.Errorf("%s is in both tables", name)
		}
	}
	if len(models.Encoders) != len(encoders) {
		t.Errorf("models.Encoders has %d families, the table %d", len(models.Encoders), len(encoders))
	}
	if err := checkTiny(tiny.New("bert")); !errors.Is(err, models.ErrUnsupported) || !strings.Contains(err.Error(), "continues none") {
		t.Errorf("bert opened to continue a text: %v", err)
	}
}

// TestPooling checks of every pooling which rows make up a vector, and that embeddings have length 1.
func TestPooling(t *testing.T) {
	for name, want := range map[string]string{"bert": "0-5", "bert-first": "0-1", "bert-rank": "0-1", "qwen3-embedding": "4-5", "qwen3-rank": "4-5", "modern-bert-rank": "0-5"} {
		e, dev := openTinyEncoder(t, tiny.New(name), true)
		if from, to := e.Rows(5); fmt.Sprintf("%d-%d", from, to) != want {
			t.Errorf("%s takes rows %d to %d, expected %s", name, from, to, want)
		}
		v := vector(e, hidden(t, e, dev, []int32{1, 2, 3, 4, 5})[0])
		length := 0.0
		for _, x := range v {
			length += float64(x) * float64(x)
		}
		if e.Pooling != models.PoolRank && math.Abs(length-1) > 1e-5 || len(v) != e.Scores() {
			t.Errorf("%s: %d values, squares sum to %v", name, len(v), length)
		}
	}
	for name, want := range map[string][]string{"bert-labels": {"no", "perhaps", "yes"}, "qwen3-rank": {"yes", "no"}, "bert-rank": nil} {
		if e, _ := openTinyEncoder(t, tiny.New(name), true); !slices.Equal(e.Labels(), want) || e.Scores() != max(1, len(want)) {
			t.Errorf("%s: labels %v, %d scores", name, e.Labels(), e.Scores())
		}
	}
}

// TestDecodersEmbed checks that every decoder, opened as an encoder, returns hidden rows: finite ones, as wide as the model.
func TestDecodersEmbed(t *testing.T) {
	for _, kind := range tiny.Kinds() {
		s := tiny.New(kind)
		s.Meta[s.Architecture+".pooling_type"] = uint64(models.PoolLast)
		e, dev := openTinyEncoder(t, s, true)
		rows := hidden(t, e, dev, []int32{1, 50, 60, 70})[0]
		length := 0.0
		for _, x := range rows[3] {
			length += float64(x) * float64(x)
		}
		if e.Whole || len(rows[3]) != e.Width || !(length > 0) || math.IsInf(length, 0) {
			t.Errorf("%s: rows of %d values, squares sum to %v", kind, len(rows[3]), length)
		}
	}
}
