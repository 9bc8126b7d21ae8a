package arch

import (
	"errors"
	"fmt"
	"math"
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
	"soberano/models/gguf"
)

func openTiny(t *testing.T, s *tiny.Source, exact bool) (Model, kernels.Device, error) {
	t.Helper()
	return openLimited(t, s, exact, 0)
}

// openLimited opens a model for sequences of at most limit tokens.
func openLimited(t *testing.T, s *tiny.Source, exact bool, limit int) (Model, kernels.Device, error) {
	t.Helper()
	f, err := gguf.Open(s.Write(t))
	if err != nil {
		t.Fatal(err)
	}
	dev, err := cpu.New(cpu.Options{Exact: exact, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		dev.Close()
		f.Close()
	})
	m, err := Open(f, dev, limit)
	return m, dev, err
}

// relativeDifference returns the largest difference of two rows divided by the range of a.
func relativeDifference(a, b []float32) float64 {
	worst := 0.0
	for i := range a {
		worst = math.Max(worst, math.Abs(float64(a[i]-b[i])))
	}
	return worst / float64(slices.Max(a)-slices.Min(a))
}

// TestStepsDoNotMatter checks that the logits of a sequence do not depend on how its tokens are divided into
// steps, or on the other sequences in a step.
func TestStepsDoNotMatter(t *testing.T) {
	for _, kind := range tiny.Kinds() {
		for _, exact := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/exact=%v", kind, exact), func(t *testing.T) {
				s := tiny.New(kind)
				if key := s.Architecture + ".expert_used_count"; !exact && s.Meta[key] != nil {
					s.Meta[key] = uint64(tiny.Experts) // use all experts, so that rounding can't change the choice
					delete(s.Meta, s.Architecture+".expert_group_count")
					delete(s.Meta, s.Architecture+".expert_group_used_count")
				}
				if eps := "xielu.eps"; s.Meta[eps] != nil {
					s.Meta[eps] = []float64{-1e-6, -1e-6, -1e-6} // xIELU jumps at 0 by as much, where rounding can change the side
				}
				m, dev, err := openTiny(t, s, exact)
				if err != nil {
					t.Fatal(err)
				}
				// With another order of a sum, a value may be rounded in the other direction, which networks of random weights
				// amplify, and eight-bit activations more so.
				tolerance := 1e-3
				if !exact {
					tolerance = 0.1
				}
				rapid.Check(t, func(t *rapid.T) { stepsDoNotMatter(t, m, dev, tolerance) })
			})
		}
	}
}

func stepsDoNotMatter(t *rapid.T, m Model, dev kernels.Device, tolerance float64) {
	type sequence struct {
		tokens []int32
		whole  [][]float32
		state  kernels.State
		done   int
	}
	newState := func() kernels.State {
		c, err := dev.NewState(m.Shape().State(80))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	seqs := make([]*sequence, rapid.IntRange(1, 3).Draw(t, "sequences"))
	for i := range seqs {
		tokens := rapid.SliceOfN(rapid.Int32Range(0, tiny.Vocabulary-1), 1, 80).Draw(t, "tokens")
		seqs[i] = &sequence{tokens: tokens, whole: rows(t, m, newState(), tokens, 0), state: newState()}
	}
	for {
		var s nn.Step
		var who []*sequence
		var pos []int
		for _, q := range seqs {
			n := rapid.IntRange(0, 30).Draw(t, "take")
			if n = min(n, len(q.tokens)-q.done); n == 0 {
				continue
			}
			row := s.Append(q.state, q.tokens[q.done:q.done+n], q.done)
			for i := range n {
				if rapid.Bool().Draw(t, "wanted") {
					s.Out = append(s.Out, row+i)
					who, pos = append(who, q), append(pos, q.done+i)
				}
			}
			q.done += n
		}
		if len(s.Tokens) == 0 {
			if !slices.ContainsFunc(seqs, func(q *sequence) bool { return q.done < len(q.tokens) }) {
				return
			}
			continue
		}
		logits, err := m.Forward(&s)
		if err != nil {
			t.Fatal(err)
		}
		for i, q := range who {
			if d := relativeDifference(q.whole[pos[i]], logits.Row(i)); !(d <= tolerance) {
				t.Fatalf("position %d is %.2g of the range away", pos[i], d)
			}
		}
	}
}

// TestHostileFiles checks that a file is refused if a key or tensor is missing or has another shape, and that the
// error names it.
func TestHostileFiles(t *testing.T) {
	for _, kind := range tiny.Kinds() {
		t.Run(kind, func(t *testing.T) {
			hostileKeys(t, kind)
			for i, tensor := range tiny.New(kind).Tensors {
				if starts(tensor.Name, strings.Fields(cases[kind].unused[kind])) {
					continue
				}
				s := tiny.New(kind)
				s.Tensors = slices.Delete(s.Tensors, i, i+1)
				err := checkTiny(s)
				if slices.ContainsFunc(cases[kind].dispensable, func(end string) bool { return strings.HasSuffix(tensor.Name, end) }) {
					if err != nil && !errors.Is(err, models.ErrCorrupt) && !errors.Is(err, models.ErrUnsupported) {
						t.Errorf("without %s: %v", tensor.Name, err)
					}
				} else if !errors.Is(err, models.ErrCorrupt) || !strings.Contains(err.Error(), tensor.Name) {
					t.Errorf("without %s: %v", tensor.Name, err)
				}
				s = tiny.New(kind)
				s.Tensors[i] = models.Tensor{Name: tensor.Name, Type: quant.F32, Shape: []int{2, 5}, Data: make([]byte, 40)}
				if err := checkTiny(s); !errors.Is(err, models.ErrCorrupt) || !strings.Contains(err.Error(), tensor.Name) {
					t.Errorf("with %s of 2 × 5: %v", tensor.Name, err)
				}
			}
		})
	}
}

// starts reports whether name begins with one of the prefixes.
func starts(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

func hostileKeys(t *testing.T, kind string) {
	dev, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	for key := range tiny.New(kind).Meta {
		if !strings.HasPrefix(key, tiny.New(kind).Architecture+".") {
			continue
		}
		for _, v := range []any{nil, "x", uint64(0), uint64(7), uint64(1 << 39), int64(-1), math.NaN(), math.Inf(1), []uint64{1, 2}} {
			s := tiny.New(kind)
			if s.Meta[key] = v; v == nil {
				delete(s.Meta, key)
			}
			err := checkTiny(s)
			if err == nil {
				_, err = Open(fileOf(s), dev, 0)
			}
			if err != nil && !errors.Is(err, models.ErrCorrupt) && !errors.Is(err, models.ErrUnsupported) {
				t.Errorf("%s = %v: %v", key, v, err)
			}
			if n, ok := v.(uint64); err == nil && ok && n == 1<<39 && !strings.HasSuffix(key, "freq_base") {
				t.Errorf("%s = %v was accepted", key, v)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for kind, c := range cases {
		for key, v := range c.unsupported {
			s := tiny.New(kind)
			s.Meta[s.Architecture+"."+key] = v
			if err := checkTiny(s); !errors.Is(err, models.ErrUnsupported) {
				t.Errorf("%s with %s = %v: %v", kind, key, v, err)
			}
		}
	}
	s := tiny.New("llama")
	s.Meta["general.architecture"] = "no family"
	if err := checkTiny(s); !errors.Is(err, models.ErrUnsupported) {
		t.Errorf("no family: %v", err)
	}
}

// TestLayersOfOneKind checks models that have only recurrent layers or only attention.
func TestLayersOfOneKind(t *testing.T) {
	for _, c := range []struct {
		kind string
		from int // the layer of which all layers are copies
		key  string
		v    any
	}{
		{"lfm2", 0, "attention.head_count_kv", []uint64{0, 0, 0}}, {"lfm2", 1, "attention.head_count_kv", []uint64{2, 2, 2}},
		{"qwen35", 0, "full_attention_interval", uint64(4)}, {"qwen35", 2, "full_attention_interval", uint64(1)},
	} {
		s := tiny.New(c.kind)
		s.Layers(3)
		layersOfKind(s, c.kind, []int{c.from, c.from, c.from})
		s.Meta[s.Architecture+"."+c.key] = c.v
		m, dev, err := openTiny(t, s, true)
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(t *rapid.T) { stepsDoNotMatter(t, m, dev, 1e-3) })
	}
}

// TestMixtureFiles checks that a mixture needs the number of experts used for a token, and lfm2moe the number of
// experts; and that experts with biases are refused.
func TestMixtureFiles(t *testing.T) {
	for kind, edit := range map[string]func(*tiny.Source){
		"mixtral": func(s *tiny.Source) { delete(s.Meta, "llama.expert_used_count") },
		"lfm2moe": func(s *tiny.Source) { delete(s.Meta, "lfm2moe.expert_count") },
	} {
		s := tiny.New(kind)
		edit(s)
		if _, _, err := openTiny(t, s, false); !errors.Is(err, models.ErrCorrupt) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	s := tiny.New("mixtral")
	s.Vector("blk.1.ffn_up_exps.bias", make([]float32, tiny.Experts*tiny.FF)...)
	if _, _, err := openTiny(t, s, false); !errors.Is(err, models.ErrUnsupported) {
		t.Errorf("experts with biases: %v", err)
	}
}

// TestOptionsCount checks that biases, a separate output matrix, the divisors of llama3 and YaRN change the logits.
func TestOptionsCount(t *testing.T) {
	tokens := []int32{1, 50, 60, 70, 80, 90, 100, 110}
	logits := func(edit func(*tiny.Source)) []float32 {
		s := tiny.New("llama")
		edit(s)
		m, dev, err := openTiny(t, s, true)
		if err != nil {
			t.Fatal(err)
		}
		c, err := dev.NewState(m.Shape().State(16))
		if err != nil {
			t.Fatal(err)
		}
		return rows(t, m, c, tokens, 0)[len(tokens)-1]
	}
	ones := func(n int, x float32) []float32 { return slices.Repeat([]float32{x}, n) }
	plain := logits(func(*tiny.Source) {})
	for name, edit := range map[string]func(*tiny.Source){
		"value bias": func(s *tiny.Source) { s.Vector("blk.1.attn_v.bias", ones(tiny.KVHeads*tiny.HeadDim, 0.5)...) },
		"down bias": func(s *tiny.Source) {
			s.Vector("blk.1.ffn_down.bias", append(ones(tiny.Dim/2, 1), ones(tiny.Dim/2, -1)...)...)
		},
		"output":   func(s *tiny.Source) { s.Matrix("output.weight", tiny.Vocabulary, tiny.Dim) },
		"divisors": func(s *tiny.Source) { s.Vector("rope_freqs.weight", ones(tiny.HeadDim/2, 4)...) },
		"linear":   func(s *tiny.Source) { s.Meta["llama.rope.scaling.factor"] = 4.0 },
		"yarn": func(s *tiny.Source) {
			s.Meta["llama.rope.scaling.type"], s.Meta["llama.rope.scaling.factor"] = "yarn", 4.0
			s.Meta["llama.rope.scaling.original_context_length"] = uint64(64)
		},
	} {
		if d := relativeDifference(plain, logits(edit)); !(d > 1e-3) {
			t.Errorf("%s changes the logits by %.2g of the range", name, d)
		}
	}
	same := logits(func(s *tiny.Source) {
		s.Meta["llama.rope.scaling.type"], s.Meta["llama.rope.scaling.factor"] = "none", 4.0
	})
	if !slices.Equal(plain, same) {
		t.Error("a factor counts although the scaling is none")
	}
	divided := logits(func(s *tiny.Source) { s.Vector("rope_freqs.weight", ones(tiny.HeadDim/2, 4)...) })
	linear := logits(func(s *tiny.Source) { s.Meta["llama.rope.scaling.factor"] = 4.0 })
	if d := relativeDifference(divided, linear); d > 1e-5 {
		t.Errorf("divisors of 4 and a factor of 4 differ by %.2g of the range", d)
	}
}

func TestGemmaPattern(t *testing.T) {
	read := func(v any) ([]bool, error) {
		m := models.Metadata{"gemma3.attention.sliding_window": uint64(512)}
		if v != nil {
			m["gemma3.attention.sliding_window_pattern"] = v
		}
		local, _, err := m.LocalLayers("gemma3", 7)
		return local, err
	}
	for v, want := range map[any]string{nil: "1111101", uint64(2): "1010101", uint64(1): "0000000"} {
		got, err := read(v)
		s := ""
		for _, local := range got {
			s += map[bool]string{true: "1", false: "0"}[local]
		}
		if err != nil || s != want {
			t.Errorf("%v: %s, %v, expected %s", v, s, err, want)
		}
	}
	if _, err := read([]bool{true}); err == nil {
		t.Error("a pattern shorter than the model was accepted")
	}
	if got := (config{headDim: 128, dim: 5376, heads: 32, layers: 62}).gemma3Scale(); math.Abs(float64(got)-1/math.Sqrt(168)) > 1e-7 {
		t.Errorf("the 27B's scale is %v", got)
	}
}

// TestGemmaWindow checks that two layers with a window of 24 depend on the last 23 + 23 tokens and no others.
func TestGemmaWindow(t *testing.T) {
	s := tiny.New("gemma3")
	s.Layers(2)
	s.Meta["gemma3.attention.sliding_window_pattern"] = uint64(9)
	m, dev, err := openTiny(t, s, true)
	if err != nil {
		t.Fatal(err)
	}
	last := func(change int) []float32 {
		tokens := make([]int32, 60)
		for i := range tokens {
			tokens[i] = int32(10 + i)
		}
		if change >= 0 {
			tokens[change] = 200
		}
		c, err := dev.NewState(m.Shape().State(60))
		if err != nil {
			t.Fatal(err)
		}
		return rows(t, m, c, tokens, 0)[59]
	}
	plain, reach := last(-1), 2*(tiny.Window-1)
	if relativeDifference(plain, last(59-reach-1)) != 0 {
		t.Error("a token beyond the windows counts")
	}
	if relativeDifference(plain, last(59-reach)) == 0 {
		t.Error("a token within the windows does not count")
	}
}

// TestNoAllocations checks that a step allocates nothing once the buffers have grown.
func TestNoAllocations(t *testing.T) {
	for _, kind := range tiny.Kinds() {
		m, dev, err := openTiny(t, tiny.New(kind), false)
		if err != nil {
			t.Fatal(err)
		}
		cache, err := dev.NewState(m.Shape().State(tiny.Context))
		if err != nil {
			t.Fatal(err)
		}
		var s nn.Step
		pos := 0
		token := func() {
			s.Reset()
			s.Append(cache, []int32{int32(pos % tiny.Vocabulary)}, pos)
			s.Out = append(s.Out, 0)
			if logits, err := m.Forward(&s); err != nil || logits.Len != 1 {
				t.Fatal(err)
			}
			pos++
		}
		for range 3 {
			token()
		}
		if got := testing.AllocsPerRun(tiny.Context/2, token); got != 0 {
			t.Errorf("%s: %g allocations a token", kind, got)
		}
	}
}

// The state of a model with windows stops growing, and MaxBytes is never exceeded: only the
// layers that see everything take more for a longer sequence.
func TestWindowedState(t *testing.T) {
	s := tiny.New("gemma3")
	s.Layers(2)
	s.Meta["gemma3.attention.sliding_window_pattern"] = uint64(9) // both have a window
	m, dev, err := openTiny(t, s, false)
	if err != nil {
		t.Fatal(err)
	}
	const step, positions = 100, 2000
	st, err := dev.NewState(m.Shape().State(positions))
	if err != nil {
		t.Fatal(err)
	}
	most := int64(0)
	for pos := 0; pos < positions; pos += step {
		rows(t, m, st, make([]int32, step), pos)
		most = max(most, st.Bytes())
	}
	if limit := st.MaxBytes(step); most > limit {
		t.Errorf("a state took %d bytes, at most %d were expected", most, limit)
	}
	full := m.Shape().State(positions)
	for i := range full.Layers {
		full.Layers[i].Window = 0
	}
	if whole := cpu.StateBytes(full, step, cpu.Cached8); 2*most > whole {
		t.Errorf("with windows a state took %d bytes, without it would take %d", most, whole)
	}
}
