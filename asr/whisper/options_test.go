package whisper

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"soberano/asr/mel"
	"soberano/engine/token"
)

// hearing returns what decodes a clip by options: it is encoded once.
func hearing(t *testing.T, name string) (*Model, func(Options) *Result) {
	m := openModel(t, "whisper-base", false)
	if err := m.encode(context.Background(), mel.New(m.Mels).Frames(clip(t, name), m.Frames()), nil); err != nil {
		t.Fatal(err)
	}
	return m, func(o Options) *Result {
		t.Helper()
		if o.Language == "" {
			o.Language = "en"
		}
		r, err := m.decode(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// TestOptions: each option does what it says.
func TestOptions(t *testing.T) {
	m, hear := hearing(t, "librivox_0870.wav")
	plain := hear(Options{})
	if !strings.Contains(plain.Text, "Mr. John Dashwood") || plain.Temperature != 0 || plain.Tokens[0] < m.TimesBegin {
		t.Fatalf("heard %+v", plain)
	}

	// Words in the prompt, and bonuses: either spells a name otherwise.
	v := m.NewVocabulary([]string{"Jon Dashwoode"})
	if r := hear(Options{Vocabulary: v, Prompt: v.Prompt()}); !strings.Contains(r.Text, "Mr. Jon Dashwoode had") {
		t.Errorf("vocabulary: %q", r.Text)
	}
	if r := hear(Options{Prompt: m.text.Encode(" My friend Jon Dashwoode.", token.Options{})}); !strings.Contains(r.Text, "Jon Dashwoode") {
		t.Errorf("prompt: %q", r.Text)
	}
	if r := hear(Options{Vocabulary: m.NewVocabulary([]string{"lezure"}), Beam: 5}); !strings.Contains(r.Text, "then lezure to") {
		t.Errorf("bonuses alone: %q", r.Text)
	}
	if r := hear(Options{Vocabulary: m.NewVocabulary([]string{"Soberano", "Kubernetes", "Andrew", "powerful"}), Beam: 5}); r.Text != plain.Text {
		t.Errorf("words that are not said change the text: %q", r.Text)
	}

	// The suppressed spelling is not written.
	mister := m.text.Encode(" Mr", token.Options{})
	if r := hear(Options{Suppress: mister}); strings.Contains(r.Text, "Mr") || !strings.Contains(r.Text, "John Dashwood") {
		t.Errorf("suppressed %d: %q", mister, r.Text)
	}
	if r := hear(Options{NoTimes: true}); slices.ContainsFunc(r.Tokens, func(id int32) bool { return id >= m.TimesBegin }) || !strings.Contains(r.Text, "Dashwood") {
		t.Errorf("without times: %v", r.Tokens)
	}

	// Thresholds: what they refuse is tried again, and marked.
	if r := hear(Options{MinLogprob: -0.01}); r.Steps < 3*plain.Steps || r.Text != plain.Text {
		t.Errorf("every text a guess: %d steps, with one attempt %d; %q", r.Steps, plain.Steps, r.Text)
	}
	if r := hear(Options{MinLogprob: -0.01, MaxNoSpeech: 1e-9}); !r.Silent || len(r.Tokens) > 0 {
		t.Errorf("a guess where silence is likely: %+v", r)
	}
	if r := hear(Options{MaxRatio: 0.5}); !r.Looped || r.Steps < 3*plain.Steps {
		t.Errorf("every text a loop: %+v", r)
	}
	if r := hear(Options{Temperatures: []float32{0.4}}); r.Temperature != 0.4 {
		t.Errorf("at temperature %g", r.Temperature)
	}
	one, five := hear(Options{Temperatures: []float32{1}, BestOf: 1}), hear(Options{Temperatures: []float32{1}, BestOf: 5})
	if five.AvgLogprob < one.AvgLogprob || fmt.Sprint(one.Tokens) == fmt.Sprint(five.Tokens) {
		t.Errorf("best of 5 has %g a token, one sample %g", five.AvgLogprob, one.AvgLogprob)
	}
	if one, three := hear(Options{Beam: 3}), hear(Options{Beam: 3, Patience: 8}); three.Steps <= one.Steps {
		t.Errorf("%d steps with patience 8, %d with 1", three.Steps, one.Steps)
	}

	// The latest first time.
	r := hear(Options{MaxInitial: Tick})
	if first := r.Tokens[0] - m.TimesBegin; first < 0 || first > 1 {
		t.Errorf("starts at step %d, at most 1 was allowed", first)
	}
}

// TestLoop: a text that runs in circles is cut after its first round, and marked.
func TestLoop(t *testing.T) {
	m, hear := hearing(t, "pink_10s.wav")
	for said, want := range map[string]string{"no ": "no", "Thank you. ": "Thank you."} {
		prompt := m.text.Encode(" "+strings.Repeat(said, 50), token.Options{}) // leads astray
		if r := hear(Options{Prompt: prompt, Temperatures: []float32{0}}); !r.Looped || r.Text != want || r.Steps > 40 {
			t.Errorf("after %q: %+v", said, r)
		}
	}
}

// TestTranslate: German in, English out; the same with times left out.
func TestTranslate(t *testing.T) {
	_, hear := hearing(t, "espeak_de.wav")
	for _, o := range []Options{{}, {NoTimes: true}} {
		o.Language, o.Beam = "de", 5
		german := hear(o)
		o.Translate = true
		if english := hear(o); !strings.HasPrefix(german.Text, "Guten Morgen") || !strings.HasPrefix(english.Text, "Good morning") {
			t.Errorf("%q is translated as %q", german.Text, english.Text)
		}
	}
}

// TestRank: by the mean, or by a penalty that lets longer texts win.
func TestRank(t *testing.T) {
	short, long := hypothesis{tokens: make([]int32, 2), sum: -1}, hypothesis{tokens: make([]int32, 20), sum: -4}
	for _, c := range []struct {
		penalty float64
		want    int
	}{{0, 20}, {0.1, 2}, {2, 20}} {
		o := Options{LengthPenalty: c.penalty}
		if got := o.likeliest([]hypothesis{short, long}); len(got.tokens) != c.want {
			t.Errorf("penalty %g: %d tokens, want %d", c.penalty, len(got.tokens), c.want)
		}
	}
	if got := (&Options{LengthPenalty: 1}).rank(-3, 7); math.Abs(got+1.5) > 1e-12 { // (5+7)/6 = 2
		t.Errorf("rank %g", got)
	}
}

// TestVocabulary: bonuses are earned along a word, kept at its end, given back on the way.
func TestVocabulary(t *testing.T) {
	v := &Vocabulary{root: &node{}}
	for _, ids := range [][]int32{{1, 2, 3}, {1, 2}, {7, 8}, {1, 2, 3, 4, 5}} {
		v.add(ids)
	}
	for _, c := range []struct {
		ids  []int32
		want float64
	}{
		{nil, 0}, {[]int32{9}, 0}, {[]int32{1}, firstBonus}, {[]int32{1, 9}, 0},
		{[]int32{1, 2}, firstBonus + nextBonus}, {[]int32{1, 2, 9}, firstBonus + nextBonus}, // a word
		{[]int32{1, 2, 3, 9}, firstBonus + 2*nextBonus},
		{[]int32{1, 2, 3, 4, 9}, firstBonus + 2*nextBonus}, // 4 is given back
		{[]int32{1, 2, 3, 4, 5}, firstBonus + 4*nextBonus},
		{[]int32{1, 7, 8, 9}, firstBonus + nextBonus}, // 1 is given back
		{[]int32{7, 8, 7, 9}, firstBonus + nextBonus},
		{[]int32{2, 3}, 0}, // not from its beginning
	} {
		var at *node
		sum := 0.0
		for _, id := range c.ids {
			var bonus float64
			at, bonus = v.follow(at, id)
			sum += bonus
		}
		if math.Abs(sum-c.want) > 1e-9 {
			t.Errorf("%v earns %g, want %g", c.ids, sum, c.want)
		}
	}
	// What is lifted is what follow gives, beside tokens of no word.
	at, _ := v.follow(nil, 1)
	for _, at := range []*node{nil, at} {
		next := open{from: 1, logits: make([]float32, 9)}
		v.lift(&next, at, 2)
		_, other := v.follow(at, 9)
		for i, got := range next.logits {
			if _, bonus := v.follow(at, int32(i+1)); got != 2*float32(bonus-other) {
				t.Errorf("token %d is lifted by %g, earns %g, others %g", i+1, got, bonus, other)
			}
		}
	}
	var none *Vocabulary
	none.lift(&open{}, nil, 1)
	if at, bonus := none.follow(nil, 3); at != nil || bonus != 0 || none.Prompt() != nil {
		t.Error("no vocabulary does something")
	}
	if ruled().NewVocabulary([]string{" ", ""}) != nil {
		t.Error("blanks are words")
	}
}

// TestManySamples: rows that are sampled side by side don't mix: the first is what is sampled alone.
func TestManySamples(t *testing.T) {
	m, _ := hearing(t, "goforward.wav")
	if err := m.hypotheses(4); err != nil {
		t.Fatal(err)
	}
	o := Options{Language: "en", LengthPenalty: 1e-9}.whole()
	first, pos := m.prefill(&Result{Language: "en"}, o)
	best := math.Inf(-1)
	for n := 1; n <= 4; n++ {
		a, err := m.sample(context.Background(), first, pos, n, 0.8, &o)
		if err != nil {
			t.Fatal(err)
		}
		if a.sum < best-1e-3 {
			t.Errorf("the best of %d has %g, of fewer %g", n, a.sum, best)
		}
		best = max(best, a.sum)
	}
}
