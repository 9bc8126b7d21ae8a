package sample

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestExp checks the exponential against that of package math.
func TestExp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := -rapid.Float64Range(0, 680).Draw(t, "-x")
		if got, want := exp(x), math.Exp(x); math.Abs(got-want) > 1e-12*want {
			t.Fatalf("exp(%v) is %v, expected %v", x, got, want)
		}
	})
	for x, want := range map[float64]float64{0: 1, -700: 0, math.Inf(-1): 0} {
		if got := exp(x); got != want {
			t.Errorf("exp(%v) is %v, expected %v", x, got, want)
		}
	}
	if !math.IsNaN(exp(math.NaN())) {
		t.Error("the exponential of NaN is a number")
	}
}

// TestKeepBest checks that the best candidates are those of a sorted list, near the best one and beyond.
func TestKeepBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits, _ := drawCase(t)
		for i := range logits {
			logits[i] = float32(math.Round(float64(logits[i]))) // some are equal
		}
		s := New(Params{})
		s.load(logits)
		want := slices.SortedFunc(slices.Values(s.c.list), func(a, b candidate) int { return cmp.Or(-cmp.Compare(a.logit, b.logit), cmp.Compare(a.id, b.id)) })
		n := rapid.IntRange(1, len(logits)+1).Draw(t, "n")
		s.c.keepBest(n)
		if !slices.Equal(s.c.list, want[:min(n, len(want))]) {
			t.Fatalf("the best %d of %v are %v", n, want, s.c.list)
		}
	})
}

// TestGreedyStages checks that the stages that are left out at temperature 0 would not change the choice.
func TestGreedyStages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawParams(t)
		p.Temperature, p.Mirostat = 0, 0
		logits, history := drawCase(t)
		for i := range logits {
			logits[i] = float32(math.Round(float64(logits[i]))) // some are equal
		}
		mask := []uint64{rapid.Uint64Min(1).Draw(t, "allowed"), rapid.Uint64().Draw(t, "allowed too")}
		if len(logits) < 64 {
			mask[0] |= 1
		}
		never := rapid.SliceOfN(rapid.Int32Range(1, 80), 0, 5).Draw(t, "never")
		for i, wrong := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			if at := rapid.IntRange(0, 200).Draw(t, "at"); at < len(logits) && at > i {
				logits[at] = float32(wrong)
			}
		}
		made, all := New(p), New(p)
		all.order = p.Order
		if p.Order == nil {
			all.order = DefaultOrder()
		}
		for _, s := range []*Sampler{made, all} {
			s.Allow(mask)
			s.Never(never)
		}
		got, failed := made.Next(logits, history)
		want, err := all.Next(logits, history)
		if got != want || failed != err {
			t.Fatalf("chose %d (%v), with all stages %d (%v)", got, failed, want, err)
		}
	})
}
