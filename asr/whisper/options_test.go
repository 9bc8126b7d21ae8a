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
	"soberano/kernels"
)

// hearing returns a function that decodes a clip with options; the clip is encoded once.
func hearing(t *testing.T, name string) (*Slot, func(Options) *Result) {
	s := newSlot(t, openModel(t, "whisper-base", false))
	if err := s.encode(context.Background(), mel.New(s.Mels).Frames(clip(t, name), s.Frames()), 0, nil); err != nil {
		t.Fatal(err)
	}
	return s, func(o Options) *Result {
		t.Helper()
		if o.Language == "" {
			o.Language = "en"
		}
		var r *Result
		var err error
		if s.run(func() { r, err = s.decode(context.Background(), o) }); err != nil {
			t.Fatal(err)
		}
		return r
	}
}

// feed runs a step of this slot alone, outside of decoding.
func (s *Slot) feed(t *testing.T, ids []int32, spans []span, first int, forks ...fork) logits {
	t.Helper()
	s.asked = request{forks: forks, ids: ids, spans: spans, first: first}
	if s.answer(context.Background(), []*Slot{s}); s.lost != nil {
		t.Fatal(s.lost)
	}
	return s.rows
}

// encoded returns the encoder's output for mel, valid until the next step.
func (s *Slot) encoded(t *testing.T, mel []float32) *kernels.Rows {
	t.Helper()
	var rows *kernels.Rows
	if err := s.encode(context.Background(), mel, 0, func(d kernels.Step, x kernels.Tensor) { rows = d.Read(x) }); err != nil {
		t.Fatal(err)
	}
	return rows
}

// run runs a decoding function to its end.
func (s *Slot) run(decode func()) {
	s.start(decode)
	s.finish(context.Background())
}

func newSlot(t *testing.T, m *Model) *Slot {
	t.Helper()
	s, err := m.NewSlot()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestOptions: each option has its effect.
func TestOptions(t *testing.T) {
	m, hear := hearing(t, "librivox_0870.wav")
	plain := hear(Options{})
	if !strings.Contains(plain.Text, "Mr. John Dashwood") || plain.Temperature != 0 || plain.Tokens[0] < m.TimesBegin {
		t.Fatalf("heard %+v", plain)
	}

	// Words in the prompt and bonuses each change the spelling of a name.
	v := m.NewVocabulary([]string{"Jon Dashwoode"})
	if r := hear(Options{Vocabulary: v, Prompt: v.Prompt()}); !strings.Contains(r.Text, "Mr. Jon Dashwoode had") {
		t.Errorf("vocabulary: %q", r.Text)
	}
	if r := hear(Options{Prompt: m.text.Encode(" My friend Jon Dashwoode.", token.Options{})}); !strings.Contains(r.Text, "Jon Dashwoode") {
		t.Errorf("prompt: %q", r.Text)
	}
	v = m.NewVocabulary([]string{"Jon Daschwud", "lezure"})
	for want, o := range map[string]Options{"leisure": {Prompt: v.Prompt()}, "lezure": {Prompt: v.Prompt(), Vocabulary: v}} {
		for _, o.Beam = range []int{1, 5} {
			if r := hear(o); !strings.Contains(r.Text, "Jon Daschwud had then "+want) {
				t.Errorf("bonuses %v, beam %d: %q", o.Vocabulary != nil, o.Beam, r.Text)
			}
		}
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

	// An attempt that a threshold rejects is repeated, and the result is marked.
	if r := hear(Options{MinLogprob: -0.01}); r.Steps < 3*plain.Steps || !r.Guess || r.Silent || r.Text != "" || len(r.Tokens) > 0 {
		t.Errorf("every text a guess: %d steps, with one attempt %d; %+v", r.Steps, plain.Steps, r)
	}
	if r := hear(Options{MinLogprob: -0.01, MaxNoSpeech: 1e-9}); !r.Silent || len(r.Tokens) > 0 {
		t.Errorf("a guess where silence is likely: %+v", r)
	}
	if r := hear(Options{MaxRatio: 0.5}); r.Looped || r.Text != plain.Text || r.Steps != plain.Steps+1 {
		t.Errorf("a text that compresses, but is spoken: %+v", r)
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

// TestLoop: a loop of the model over noise is recognised early and not written.
func TestLoop(t *testing.T) {
	m, hear := hearing(t, "pink_10s.wav")
	for _, said := range []string{"no ", "Thank you. "} {
		prompt := m.text.Encode(" "+strings.Repeat(said, 50), token.Options{}) // leads astray
		if r := hear(Options{Prompt: prompt, Temperatures: []float32{0}}); r.Text != "" || len(r.Tokens) > 0 || r.Steps > 40 {
			t.Errorf("after %q: %+v", said, r)
		}
	}
}

// TestTranslate: German speech becomes English text, with and without times.
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

// TestRank: hypotheses are ranked by the mean, or by a length penalty that prefers longer texts.
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

// TestVocabulary: bonuses are the difference to the likeliest token up to the limits, are kept at the
// end of a word and taken back before it.
func TestVocabulary(t *testing.T) {
	v := &Vocabulary{root: &node{}}
	for _, ids := range [][]int32{{1, 2, 3}, {1, 2}, {7, 8}, {1, 2, 3, 4, 5}} {
		v.add(ids)
	}
	type step struct {
		id    int32
		short float64
	}
	for _, c := range []struct {
		steps []step
		want  float64
	}{
		{nil, 0}, {[]step{{9, 0}}, 0}, {[]step{{1, 0}}, margin}, {[]step{{1, 0.5}}, 0.5 + margin}, {[]step{{1, 9}}, firstBonus},
		{[]step{{1, 9}, {9, 0}}, 0},                                            // given back
		{[]step{{1, 0}, {2, 1}, {9, 0}}, 1 + 2*margin},                         // a word
		{[]step{{1, 9}, {2, 9}}, firstBonus + nextBonus},                       // at most
		{[]step{{1, 9}, {2, 9}, {3, 9}, {4, 9}, {5, 9}}, wordBonus},            // in all
		{[]step{{1, 0}, {2, 0}, {3, 0}, {4, 1}, {9, 0}}, 3 * margin},           // 4 is given back
		{[]step{{1, 9}, {7, 0}, {8, 1}, {9, 0}}, 1 + 2*margin},                 // another word after all
		{[]step{{7, 9}, {8, 9}, {7, 9}, {8, 9}}, 2 * (firstBonus + nextBonus)}, // two
		{[]step{{2, 0}, {3, 0}}, 0},                                            // not from its beginning
	} {
		var in trail
		sum := 0.0
		for _, s := range c.steps {
			var bonus float64
			in, bonus = v.follow(in, s.id, s.short)
			sum += bonus
		}
		if math.Abs(sum-c.want) > 1e-9 {
			t.Errorf("%v earns %g, want %g", c.steps, sum, c.want)
		}
	}
	if ruled().NewVocabulary([]string{" ", ""}) != nil {
		t.Error("blanks are words")
	}
}

// TestLift: a logit is raised by the bonus of its token relative to others, and restored.
func TestLift(t *testing.T) {
	s, v := &Slot{Model: ruled()}, &Vocabulary{root: &node{}}
	for _, ids := range [][]int32{{1, 2, 3}, {7, 8}, {9000, 1}} {
		v.add(ids)
	}
	began, _ := v.follow(trail{}, 1, 0.5)
	for _, in := range []trail{{}, began} {
		was := []float32{1, 2, never, -1, 0, 3, 2.5, -4, 1.5}
		next := open{from: 1, logits: slices.Clone(was)}
		undo, top := s.lift(v, &next, in)
		if top != 3 {
			t.Errorf("the largest is %g", top)
		}
		for i, got := range next.logits {
			id, short := int32(i+1), 3-float64(was[i])
			_, bonus := v.follow(in, id, short)
			_, other := v.follow(in, 100, short)
			if want := float64(was[i]) + bonus - other; was[i] != never && math.Abs(float64(got)-want) > 1e-6 || was[i] == never && got != never {
				t.Errorf("token %d is lifted to %g, want %g", id, got, want)
			}
		}
		if undo(); !slices.Equal(next.logits, was) {
			t.Errorf("put back: %v", next.logits)
		}
	}
	var none *Vocabulary
	undo, _ := s.lift(none, &open{}, trail{})
	undo()
	if in, bonus := none.follow(trail{}, 3, 1); in != (trail{}) || bonus != 0 || none.Prompt() != nil {
		t.Error("no vocabulary does something")
	}
}

// TestNamesNotSaid: with a list of sixty names, speech without names is transcribed without names.
func TestNamesNotSaid(t *testing.T) {
	m, hear := hearing(t, "jfk.wav")
	v := m.NewVocabulary(strings.Fields(`Wojciech Nguyen Siobhan Xiaoming Thorvald Aoife Szymanski Kowalski Okonkwo Adeyemi
		Bhattacharya Chaudhry Zuckerman Oppenheim Feynman Dijkstra Knuth Hoare Liskov Lamport Tanenbaum Torvalds Stallman
		Thompson Ritchie Kernighan Pike Griesemer Cox Donovan Gerrand Fitzpatrick Vyukov Clements Gieben Taylor Cheney
		Kubelik Janacek Smetana Martinu Suk Fibich Ostrava Brno Plzen Liberec Olomouc Pardubice Zlin Jihlava Karlovy
		Teplice Kladno Most Opava Dvorak Soberano Kubernetes`))
	for _, o := range []Options{{Beam: 1}, {Beam: 5}} {
		o.Vocabulary, o.Prompt = v, v.Prompt()[:110]
		if r := hear(o); !strings.Contains(r.Text, "fellow Americans") || !strings.HasSuffix(r.Text, "what you can do for your country.") {
			t.Errorf("beam %d: %q", o.Beam, r.Text)
		}
	}
}

// TestManySamples: rows that are sampled side by side are independent: the first is what is sampled
// alone.
func TestManySamples(t *testing.T) {
	m, _ := hearing(t, "goforward.wav")
	o := Options{Language: "en", LengthPenalty: 1e-9}.withDefaults()
	best := math.Inf(-1)
	for n := 1; n <= 4; n++ {
		var a *attempt
		var err error
		m.run(func() {
			r := &Result{Language: "en"}
			first, pos, _ := m.prefill(r, &o)
			a, err = m.sample(context.Background(), first, pos, n, 0.8, r, &o)
		})
		if err != nil {
			t.Fatal(err)
		}
		if a.sum < best-1e-3 {
			t.Errorf("the best of %d has %g, of fewer %g", n, a.sum, best)
		}
		best = max(best, a.sum)
	}
}
