package sample

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func drawLogits(t *rapid.T) []float32 {
	return rapid.SliceOfN(rapid.Float32Range(-20, 20), 1, 200).Draw(t, "logits")
}

func next(t interface{ Fatalf(string, ...any) }, s *Sampler, logits []float32, history []int32) int32 {
	id, err := s.Next(logits, history)
	if err != nil {
		t.Fatalf("Next: %v", err)
	}
	return id
}

func TestZeroParamsAreGreedy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := drawLogits(t)
		id := next(t, New(Params{}), logits, nil)
		if want := slices.Index(logits, slices.Max(logits)); int(id) != want {
			t.Fatalf("chose %d, the best is %d", id, want)
		}
	})
}

func TestSameSeedSameTokens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Params{Temperature: 1.5, TopK: rapid.IntRange(0, 50).Draw(t, "k"), TopP: rapid.Float32Range(0, 1).Draw(t, "p"), Seed: rapid.Uint64Min(1).Draw(t, "seed")}
		logits := drawLogits(t)
		a, b := New(p), New(p)
		for range 20 {
			if x, y := next(t, a, logits, nil), next(t, b, logits, nil); x != y {
				t.Fatalf("one seed gave %d and %d", x, y)
			}
		}
	})
}

// allowed returns the tokens that the stages keep. It computes them by sorting.
func allowed(logits []float32, p Params) []int32 {
	ids := make([]int32, len(logits))
	for i := range ids {
		ids[i] = int32(i)
	}
	slices.SortStableFunc(ids, func(a, b int32) int {
		switch x, y := logits[a], logits[b]; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	if p.TopK > 0 {
		ids = ids[:min(len(ids), p.TopK)]
	}
	prob := func(id int32) float64 { return math.Exp(float64(logits[id] - logits[ids[0]])) }
	if p.TopP > 0 && p.TopP < 1 {
		total, sum := 0.0, 0.0
		for _, id := range ids {
			total += prob(id)
		}
		for i, id := range ids {
			if sum += prob(id); sum >= float64(p.TopP)*total*(1+1e-9) {
				ids = ids[:i+1]
				break
			}
		}
	}
	for i, id := range ids {
		if i > 0 && prob(id) < float64(p.MinP)*(1-1e-9) {
			return ids[:i]
		}
	}
	return ids
}

func TestStagesKeepWhatTheyShould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := drawLogits(t)
		p := Params{
			Temperature: rapid.Float32Range(0.5, 50).Draw(t, "temperature"),
			TopK:        rapid.IntRange(0, 20).Draw(t, "k"),
			TopP:        rapid.Float32Range(0, 1).Draw(t, "p"),
			MinP:        rapid.Float32Range(0, 0.5).Draw(t, "min-p"),
			Seed:        rapid.Uint64Min(1).Draw(t, "seed"),
		}
		s, may := New(p), allowed(logits, p)
		for range 30 {
			if id := next(t, s, logits, nil); !slices.Contains(may, id) {
				t.Fatalf("chose %d of logit %v, allowed are %v", id, logits[id], may)
			}
		}
	})
}

// TestDrawFollowsSoftmax checks that without limits tokens are as frequent as the softmax says.
func TestDrawFollowsSoftmax(t *testing.T) {
	logits := []float32{0, 1, 2, -1, 0.5}
	for _, p := range []Params{{Temperature: 0.7}, {Temperature: 0.7, TopK: 5}, {Temperature: 0.7, TopP: 0.999999}} {
		p.Seed = 42
		s, n := New(p), 100_000
		count := make([]float64, len(logits))
		for range n {
			count[next(t, s, logits, nil)]++
		}
		total := 0.0
		for _, l := range logits {
			total += math.Exp(float64(l) / 0.7)
		}
		for i, l := range logits {
			want := math.Exp(float64(l)/0.7) / total
			if got := count[i] / float64(n); math.Abs(got-want) > 5*math.Sqrt(want/float64(n)) {
				t.Errorf("%+v: token %d came in %.4f of draws, expected %.4f", p, i, got, want)
			}
		}
	}
}

func TestPenalties(t *testing.T) {
	logits := []float32{2, -2, 1}
	history := []int32{0, 1, 0, -1, 99} // tokens outside the vocabulary are ignored
	cases := []struct {
		p    Params
		want []float32
	}{
		{Params{Repeat: 2}, []float32{1, -4, 1}},
		{Params{Frequency: 0.5}, []float32{1, -2.5, 1}},
		{Params{Presence: 0.5}, []float32{1.5, -2.5, 1}},
		{Params{Repeat: 2, Last: 3}, []float32{1, -2, 1}},
		{Params{Repeat: 2, Last: -1}, []float32{1, -4, 1}},
		{Params{Repeat: 1}, []float32{2, -2, 1}},
	}
	for _, c := range cases {
		s := New(c.p)
		s.load(logits)
		s.penalties(history)
		for i, want := range c.want {
			if got := s.c.list[i]; got.logit != want || int(got.id) != i {
				t.Errorf("%+v: %v, expected %v", c.p, s.c.list, c.want)
			}
		}
	}
	if !slices.Equal(logits, []float32{2, -2, 1}) {
		t.Error("the caller's logits were changed")
	}
}

func TestBadNumbers(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, p := range []Params{{}, {Temperature: 1, Seed: 1}, {Temperature: 1, TopK: 3, Seed: 1}, {Temperature: 1, TopP: 0.5, Seed: 1}} {
		if id := next(t, New(p), []float32{nan, inf, 3, nan, -inf}, nil); id != 2 {
			t.Errorf("%+v chose %d", p, id)
		}
		if _, err := New(p).Next([]float32{nan, -inf}, nil); !errors.Is(err, ErrNoLogits) {
			t.Errorf("%+v: %v", p, err)
		}
		if _, err := New(p).Next(nil, nil); !errors.Is(err, ErrNoLogits) {
			t.Errorf("%+v, no logits: %v", p, err)
		}
	}
	for _, p := range []Params{{Temperature: nan}, {Temperature: -1}, {TopP: 1.1}, {TopK: -1}, {Last: -2}, {MinP: 2}, {Repeat: -1}, {Frequency: inf}} {
		if p.Check() == nil {
			t.Errorf("%+v passed", p)
		}
	}
	if err := (Params{Temperature: 0.2, TopP: 0.9, Repeat: 1.1}).Check(); err != nil {
		t.Error(err)
	}
}

func BenchmarkNext(b *testing.B) {
	logits := make([]float32, 151936)
	r := New(Params{Seed: 1}).rng
	for i := range logits {
		logits[i] = float32(r.NormFloat64() * 3)
	}
	for name, p := range map[string]Params{"greedy": {TopP: 0.95, MinP: 0.05}, "top-p": {Temperature: 0.8, TopP: 0.9}, "top-k": {Temperature: 0.8, TopP: 0.9, TopK: 64}} {
		b.Run("stages="+name, func(b *testing.B) {
			s := New(p)
			for b.Loop() {
				if _, err := s.Next(logits, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestNever checks that tokens which are never chosen are not, greedily and at random, with penalties and without, and that the logits stay as they are.
func TestNever(t *testing.T) {
	logits := []float32{1, 9, 8, 7}
	for _, p := range []Params{{}, {Temperature: 1}, {Temperature: 1, TopK: 2, TopP: 0.9}, {Repeat: 1.1}, {Temperature: 2, Repeat: 1.1, MinP: 0.01}} {
		s := New(p)
		s.Never([]int32{1, 3, -1, 4})
		for range 50 {
			if id, err := s.Next(logits, []int32{2}); err != nil || id == 1 || id == 3 {
				t.Fatalf("%+v: token %d, %v", p, id, err)
			}
		}
		s.Never([]int32{0, 1, 2, 3})
		if _, err := s.Next(logits, nil); !errors.Is(err, ErrNoLogits) {
			t.Errorf("%+v: without any token: %v", p, err)
		}
	}
	if !slices.Equal(logits, []float32{1, 9, 8, 7}) {
		t.Errorf("the logits became %v", logits)
	}
}
