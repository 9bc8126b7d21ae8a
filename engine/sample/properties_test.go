package sample

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawParams draws parameters of all stages, of which some are off. XTC removes always or never.
func drawParams(t *rapid.T) Params {
	some := func(name string, lo, hi float32) float32 {
		if rapid.Bool().Draw(t, name+" is set") {
			return rapid.Float32Range(lo, hi).Draw(t, name)
		}
		return 0
	}
	p := Params{
		Temperature: rapid.Float32Range(0.1, 3).Draw(t, "temperature"), Range: some("range", 0, 2), TopP: some("top-p", 0, 1), MinP: some("min-p", 0, 1),
		Typical: some("typical", 0, 1), TopNSigma: some("sigma", 0.1, 3), DRYMultiplier: some("dry", 0, 2), Repeat: some("repeat", 0.5, 2),
		Frequency: some("frequency", -1, 1), Presence: some("presence", -1, 1),
		TopK: rapid.IntRange(0, 30).Draw(t, "k"), DRYAllowed: rapid.IntRange(0, 3).Draw(t, "allowed"), Last: rapid.IntRange(-1, 20).Draw(t, "last"),
		Mirostat: rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2}).Draw(t, "mirostat"), Seed: rapid.Uint64Min(1).Draw(t, "seed"),
		XTCProbability: rapid.SampledFrom([]float32{0, 0, 1}).Draw(t, "xtc"),
	}
	if rapid.Bool().Draw(t, "another order") {
		order := rapid.Permutation(DefaultOrder()).Draw(t, "order")
		p.Order = order[:rapid.IntRange(0, len(order)).Draw(t, "stages")]
	}
	return p
}

// drawCase draws distinct logits and a history.
func drawCase(t *rapid.T) (logits []float32, history []int32) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "logits"), 1))
	logits = make([]float32, rapid.IntRange(1, 80).Draw(t, "size"))
	for i := range logits {
		logits[i] = float32(r.NormFloat64() * 4)
	}
	return logits, rapid.SliceOfN(rapid.Int32Range(0, min(5, int32(len(logits))-1)), 0, 40).Draw(t, "history")
}

// TestDistribution checks that what any stages keep is a distribution over some of the tokens, each once, and that the token chosen is one of them.
func TestDistribution(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParams(t)
		logits, history := drawCase(t)
		if err := p.Check(); err != nil {
			t.Fatal(err)
		}
		s := New(p)
		if err := s.distribution(logits, history); err != nil {
			t.Fatal(err)
		}
		sum, ids := 0.0, map[int32]bool{}
		for i, x := range s.c.list {
			sum += s.c.weight[i]
			ids[x.id] = true
		}
		if math.Abs(sum-1) > 1e-9 || len(ids) != len(s.c.list) || len(ids) == 0 {
			t.Fatalf("%d candidates, %d tokens, sum %v", len(s.c.list), len(ids), sum)
		}
		if id := next(t, New(p), logits, history); !ids[id] {
			t.Fatalf("chose %d, kept are %v", id, ids)
		}
	})
}

// kept returns the probabilities of the tokens that the stages keep.
func kept(t *rapid.T, p Params, logits []float32, history []int32) map[int32]float64 {
	s := New(p)
	if err := s.distribution(logits, history); err != nil {
		t.Fatal(err)
	}
	out := map[int32]float64{}
	for i, x := range s.c.list {
		out[x.id] = s.c.weight[i]
	}
	return out
}

// TestPermutation checks that other numbers of the tokens change nothing but the numbers.
func TestPermutation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParams(t)
		logits, history := drawCase(t)
		to := make([]int32, len(logits))
		for i := range to {
			to[i] = int32(i)
		}
		to = rapid.Permutation(to).Draw(t, "permutation")
		logits2, history2 := make([]float32, len(logits)), make([]int32, len(history))
		for i, l := range logits {
			logits2[to[i]] = l
		}
		for i, id := range history {
			history2[i] = to[id]
		}
		a, b := kept(t, p, logits, history), kept(t, p, logits2, history2)
		for id, w := range a {
			if got, ok := b[to[id]]; !ok || math.Abs(got-w) > 1e-6 || len(a) != len(b) {
				t.Fatalf("token %d has %v, as %d it has %v; %d and %d are kept", id, w, to[id], got, len(a), len(b))
			}
		}
	})
}

// TestNesting checks that a stricter limit keeps a part of what a looser one keeps.
func TestNesting(t *testing.T) {
	set := map[string]func(*Params, float32){
		"top-p": func(p *Params, x float32) { p.TopP = x },
		"min-p": func(p *Params, x float32) { p.MinP = 1 - x },
		"typ":   func(p *Params, x float32) { p.Typical = x },
		"sigma": func(p *Params, x float32) { p.TopNSigma = 4 * x },
		"top-k": func(p *Params, x float32) { p.TopK = 1 + int(x*40) },
	}
	rapid.Check(t, func(t *rapid.T) {
		stage := rapid.SampledFrom(slices.Sorted(maps.Keys(set))).Draw(t, "stage")
		x, y := rapid.Float32Range(0.01, 0.99).Draw(t, "x"), rapid.Float32Range(0.01, 0.99).Draw(t, "y")
		logits, history := drawCase(t)
		strict, loose := Params{Temperature: 1}, Params{Temperature: 1}
		set[stage](&strict, min(x, y))
		set[stage](&loose, max(x, y))
		all := kept(t, loose, logits, history)
		for id := range kept(t, strict, logits, history) {
			if _, ok := all[id]; !ok {
				t.Fatalf("token %d is kept at %v, not at %v", id, min(x, y), max(x, y))
			}
		}
	})
}

// TestNoAllocation checks that a step allocates nothing.
func TestNoAllocation(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	logits, history := make([]float32, 3000), make([]int32, 500)
	for i := range logits {
		logits[i] = float32(r.NormFloat64() * 3)
	}
	for i := range history {
		history[i] = r.Int32N(20)
	}
	all := Params{Temperature: 0.8, Range: 0.3, TopK: 100, TopP: 0.95, MinP: 0.01, Typical: 0.95, TopNSigma: 3, XTCProbability: 0.5, DRYMultiplier: 0.8, DRYLast: -1, Repeat: 1.1, Bias: map[int32]float32{5: 1}, Seed: 1}
	for _, p := range []Params{{}, all, {Temperature: 1, Seed: 1}, {Temperature: 1, Mirostat: 1, Seed: 1}, {Temperature: 1, Mirostat: 2, Seed: 1}} {
		s := New(p)
		s.Never([]int32{7})
		step := func() { next(t, s, logits, history) }
		for range 20 {
			step()
		}
		if n := testing.AllocsPerRun(50, step); n > 0 {
			t.Errorf("%+v: %v allocations in a step", p, n)
		}
	}
}

// TestLogprobs compares with the definition.
func TestLogprobs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits, _ := drawCase(t)
		n := rapid.IntRange(0, 25).Draw(t, "n")
		sum := 0.0
		for _, l := range logits {
			sum += math.Exp(float64(l))
		}
		id := rapid.IntRange(0, len(logits)-1).Draw(t, "id")
		withInf := append(slices.Clone(logits), float32(math.Inf(-1)), float32(math.NaN()))
		of, top := Logprobs(nil, withInf, int32(id), n)
		if math.Abs(of-(float64(logits[id])-math.Log(sum))) > 1e-6 || len(top) != min(n, len(logits)) {
			t.Fatalf("%v, %d alternatives", of, len(top))
		}
		sorted := slices.Clone(logits)
		slices.SortFunc(sorted, func(a, b float32) int { return int(math.Copysign(1, float64(b-a))) })
		for i, x := range top {
			if logits[x.ID] != sorted[i] || math.Abs(x.Logprob-(float64(sorted[i])-math.Log(sum))) > 1e-6 {
				t.Fatalf("alternative %d is %v", i, x)
			}
		}
	})
}

func TestBias(t *testing.T) {
	logits := []float32{1, 5, 3}
	for _, c := range []struct {
		bias map[int32]float32
		want int32
	}{{nil, 1}, {map[int32]float32{0: 10, 99: 5, -1: 5}, 0}, {map[int32]float32{1: float32(math.Inf(-1))}, 2}, {map[int32]float32{1: -100}, 2}} {
		if id := next(t, New(Params{Bias: c.bias}), logits, nil); id != c.want {
			t.Errorf("%v: chose %d, expected %d", c.bias, id, c.want)
		}
	}
}

// TestAllow checks that only allowed tokens are chosen.
func TestAllow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParams(t)
		logits, history := drawCase(t)
		mask := []uint64{rapid.Uint64().Draw(t, "mask"), rapid.Uint64Range(0, 3).Draw(t, "rest")}
		s := New(p)
		s.Allow(mask)
		id, err := s.Next(logits, history)
		found := false
		for i := range logits {
			found = found || has(mask, i)
		}
		if found != (err == nil) || err == nil && !has(mask, int(id)) {
			t.Fatalf("chose %d, %v", id, err)
		}
	})
}

// TestParamErrors checks that an error names the parameter.
func TestParamErrors(t *testing.T) {
	for _, c := range []struct {
		p    Params
		name string
	}{
		{Params{Temperature: -1}, "temperature"}, {Params{Range: -1}, "dynatemp_range"}, {Params{Typical: 2}, "typical_p"}, {Params{XTCProbability: 2}, "xtc_probability"},
		{Params{DRYBase: 0.5}, "dry_base"}, {Params{DRYAllowed: -1}, "dry_allowed_length"}, {Params{DRYLast: -2}, "dry_penalty_last_n"}, {Params{Mirostat: 3}, "mirostat"},
		{Params{DRYBreakers: []string{""}}, "dry_sequence_breakers"}, {Params{DRYBreakers: make([]string, 100)}, "dry_sequence_breakers"},
		{Params{Bias: map[int32]float32{5: float32(math.NaN())}}, "logit_bias of token 5"}, {Params{Order: []Stage{"magic"}}, "samplers"}, {Params{Order: []Stage{StageTopK, StageTopK}}, "samplers"},
	} {
		var e *ParamError
		if err := c.p.Check(); !errors.As(err, &e) || e.Name != c.name {
			t.Errorf("%+v: %v, expected an error on %s", c.p, err, c.name)
		}
	}
	order, err := ParseOrder("temp; top-k;typ_p")
	if err != nil || !slices.Equal(order, []Stage{StageTemperature, StageTopK, StageTypical}) {
		t.Error(order, err)
	}
	if _, err := ParseOrder("top_k;;"); err == nil {
		t.Error("a stage without a name passed")
	}
}

// TestBreakers checks which tokens of a vocabulary end repetitions.
func TestBreakers(t *testing.T) {
	words := []string{"a", "\n", "x:\n", "he", "hello", "ll", "o", "h"}
	encode := func(text string) []int32 {
		return map[string][]int32{"llo": {5, 6}, "ello": {0, 5, 6}}[text]
	}
	b := NewBreakers([]string{"\n", "hello"}, len(words), func(id int32) []byte { return []byte(words[id]) }, encode)
	for id, want := range []string{"[]", "[[]]", "[[]]", "[[5 6]]", "[[]]", "[]", "[]", "[[0 5 6]]"} {
		if got := fmt.Sprint(b.tails[int32(id)]); got != want {
			t.Errorf("%q: %s, expected %s", words[id], got, want)
		}
	}
	if n := b.limit([]int32{0, 3, 5, 6, 0, 0}); n != 2 {
		t.Errorf("%d tokens after the breaker, expected 2", n)
	}
}
