package whisper

import (
	"math"
	"slices"
	"testing"
)

// TestRepetitions: sequences that follow themselves are found, the longest first.
func TestRepetitions(t *testing.T) {
	for _, c := range []struct {
		text []int32
		want []repetition
	}{
		{nil, nil},
		{[]int32{1, 2, 3, 1, 2}, nil},
		{[]int32{1, 1}, nil}, // a word said twice
		{[]int32{9, 1, 1, 1, 8}, []repetition{{1, 1, 3}}},
		{[]int32{1, 2, 3, 4, 1, 2, 3, 4, 7}, []repetition{{0, 4, 2}}},
		{[]int32{1, 2, 1, 2, 1, 2, 5, 5, 5, 5}, []repetition{{0, 2, 3}, {6, 1, 4}}},
	} {
		if got := repetitions(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, want %v", c.text, got, c.want)
		}
	}
	if from, again := recurs([]int32{5, 1, 2, 3, 4, 6, 1, 2, 3, 4, 7}); from != 1 || again != 6 {
		t.Errorf("recurs at %d and %d", from, again)
	}
	if _, again := recurs([]int32{1, 1, 1, 1, 1, 1}); again != 0 {
		t.Errorf("overlaps at %d", again)
	}
}

// TestUnspoken: repetitions without time or attention are not spoken.
func TestUnspoken(t *testing.T) {
	r := repetition{0, 2, 5}
	at := func(begins ...int) *alignment {
		a := &alignment{begins: begins, probs: make([]float64, 10), share: slices.Repeat([]float64{0.5}, 10)}
		return a
	}
	spoken := at(0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
	if got := r.unspoken(spoken); len(got) != 0 {
		t.Errorf("spoken: %v", got)
	}
	if got := r.unspoken(at(0, 10, 20, 30, 40, 50, 60, 61, 61, 61, 61)); !slices.Equal(got, []int{3, 4}) {
		t.Errorf("the last two have no time: %v", got)
	}
	spoken.share[2], spoken.share[3] = 0.01, 0.02
	if got := r.unspoken(spoken); !slices.Equal(got, []int{1}) {
		t.Errorf("the second has no attention: %v", got)
	}
	spoken = at(0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 400)
	spoken.speech = slices.Repeat([]bool{true}, 400)
	if got := r.unspoken(spoken); !slices.Equal(got, []int{4}) {
		t.Errorf("the last takes six seconds: %v", got)
	}
}

// TestBursts: each rise and fall of the level is a burst, small ones are not.
func TestBursts(t *testing.T) {
	var x []float32
	for i := range 385 {
		x = append(x, float32(0.3+0.2*math.Sin(float64(i)*2*math.Pi/40)+0.02*math.Sin(float64(i))))
	}
	if n := bursts(x); n != 10 {
		t.Errorf("%d bursts, want 10", n)
	}
	if n := bursts(nil) + bursts(make([]float32, 9)); n != 0 {
		t.Errorf("%d bursts in silence", n)
	}
}

// TestSupported: words with hints win where they are written like those without or are nearly as likely.
func TestSupported(t *testing.T) {
	w := func(bare string, logprob float64) []scored { return []scored{{bare: bare, logprob: logprob}} }
	for _, c := range []struct {
		h, p []scored
		want bool
	}{
		{w("dashwoode", -14), w("dashwood", -1), true},
		{w("okonkwo", -25), w("okay", -1), false},
		{w("ten", -3), w("10", -1), true},
		{w("soberano", -30), nil, false},
		{nil, w("uh", -1), true},
	} {
		if got := supported(c.h, c.p); got != c.want {
			t.Errorf("%v for %v: %v", c.h, c.p, got)
		}
	}
	if a := alike("kubernetes", "coopernetties"); a < 0.5 || a > 0.8 || alike("you", "soberano") > 0.3 || alike("", "a") != 0 {
		t.Errorf("alike %g", a)
	}
}

// TestMerge: words that the sound does not support are replaced, times stay.
func TestMerge(t *testing.T) {
	m := &Slot{Model: ruled()}
	begin := m.TimesBegin
	a := &attempt{tokens: []int32{begin, 300, 301, 302, begin + 50}, avg: -0.3}
	b := &attempt{tokens: []int32{begin, 300, 400, 401, 302, begin + 60}, avg: -0.4}
	words := func(from int, all ...string) (out []scored) {
		for i, x := range all {
			out = append(out, scored{from: from + i, to: from + i + 1, bare: x, logprob: -1})
		}
		return out
	}
	hinted, plain := words(1, "see", "okonkwo", "here"), words(1, "see", "a", "cat", "here")
	hinted[1].logprob = -30
	if got := m.merge(a, b, hinted, plain); !slices.Equal(got.tokens, []int32{begin, 300, 400, 401, 302, begin + 50}) {
		t.Errorf("merged %v", got.tokens)
	}
	hinted[1].logprob = -2
	if got := m.merge(a, b, hinted, plain); got != a {
		t.Errorf("supported words are replaced: %v", got.tokens)
	}
}
