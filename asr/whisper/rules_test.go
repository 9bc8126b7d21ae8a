package whisper

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"soberano/engine/token"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/ctranslate2"
	"soberano/models/defaults"

	"pgregory.net/rapid"
)

// spelling is a tokenizer that maps tokens to letters.
type spelling struct{}

func (spelling) Encode(text string, _ token.Options) (ids []int32) {
	for _, w := range strings.Fields(text) {
		ids = append(ids, 26*4+int32(w[0]-'a'))
	}
	return ids
}

func (spelling) Decode(ids []int32) []byte {
	var b []byte
	for _, id := range ids {
		b = append(b, ' ', 'a'+byte(id%26))
	}
	return b
}

// ruled returns a model without a network, for tests of the rules.
func ruled() *Model {
	pool, err := cpu.NewPool(1)
	if err != nil {
		panic(err)
	}
	m := &Model{Specials: specials(51865), pool: pool, text: spelling{}, Dims: Dims{Vocab: 51865, TextContext: 448}}
	f := &models.File{Aux: map[string][]byte{"config.json": []byte(`{"suppress_ids":[1,2],"suppress_ids_begin":[220]}`)}}
	if m.suppress, m.suppressFirst, err = suppressed(f, m.Specials); err != nil {
		panic(err)
	}
	return m
}

// TestSpecials: the computed numbers are those in the tokenizers.
func TestSpecials(t *testing.T) {
	for _, name := range []string{"whisper-base", "whisper-tiny.en"} {
		f, err := ctranslate2.Open(defaults.Need(t, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		text, err := token.NewWhisper(f.Aux["tokenizer.json"], nil)
		if err != nil {
			t.Fatal(err)
		}
		emb, _ := f.Tensor("decoder/embeddings/weight")
		s := specials(emb.Shape[0])
		silent := map[bool]string{true: "<|nospeech|>", false: "<|nocaptions|>"}[s.Multilingual]
		for spelling, id := range map[string]int32{"<|endoftext|>": s.EndOfText, "<|startoftranscript|>": s.Start, "<|translate|>": s.Translate,
			"<|transcribe|>": s.Transcribe, "<|startofprev|>": s.StartPrevious, silent: s.NoSpeech, "<|notimestamps|>": s.NoTimes} {
			if got, ok := text.ID(spelling); !ok || got != id {
				t.Errorf("%s: %s is %d, %v; by rule %d", name, spelling, got, ok, id)
			}
		}
		for i, code := range codes[:s.LanguageCount] {
			got, ok := text.ID("<|" + code + "|>")
			if code == "he" && !ok { // older files spell Hebrew so
				got, ok = text.ID("<|iw|>")
			}
			if !ok || got != s.Languages+int32(i) {
				t.Errorf("%s: language %s is %d, %v; by rule %d", name, code, got, ok, s.Languages+int32(i))
			}
		}
	}
	if s := specials(51866); s.LanguageCount != 100 || s.TimesBegin != 50365 || s.Start != 50258 || s.Codes()[99] != "yue" {
		t.Errorf("large-v3: %+v", s)
	}
}

// TestRules: sampled tokens follow the rules for any logits.
func TestRules(t *testing.T) {
	m := ruled()
	o := Options{}.withDefaults()
	const maxInitial = 50 // 1 s
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		bias := rapid.Float32Range(-8, 8).Draw(t, "towards times")
		logits := make([]float32, m.Vocab)
		var tokens []int32
		for range 12 {
			for i := range logits {
				logits[i] = rng.Float32() * 10
			}
			for i := m.TimesBegin; int(i) < m.Vocab; i++ {
				logits[i] += bias
			}
			next := m.allow(logits, tokens, &o)
			id, ok := m.best(next.logits)
			if !ok {
				t.Fatalf("after %v nothing is allowed", tokens)
			}
			id += int32(next.from)
			if id == m.EndOfText {
				break
			}
			tokens = append(tokens, id)
		}
		lastTime, inText, run := int32(-1), 0, 0
		for i, id := range tokens {
			switch {
			case i == 0 && (id < m.TimesBegin || id > m.TimesBegin+maxInitial):
				t.Fatalf("starts with %d", id)
			case slices.Contains(m.suppress, id) || id > m.EndOfText && id < m.TimesBegin:
				t.Fatalf("token %d is suppressed", id)
			case id >= m.TimesBegin:
				if run++; run > 2 || i == 1 {
					t.Fatalf("%d times in a row: %v", run, tokens)
				}
				if id < lastTime || run == 1 && i > 0 && id == lastTime {
					t.Fatalf("times go back or stand still: %v", tokens)
				}
				lastTime = id
			default:
				if run == 1 && i > 1 {
					t.Fatalf("a segment ends, but none begins: %v", tokens)
				}
				run, inText = 0, inText+1
			}
		}
	})
}

// TestTimeWins: many unlikely times together are likelier than one likely word.
func TestTimeWins(t *testing.T) {
	m := ruled()
	logits := make([]float32, m.Vocab)
	for i := range logits {
		logits[i] = -20
	}
	logits[1000] = 5
	for i := int(m.TimesBegin); i < m.Vocab; i++ {
		logits[i] = -1
	}
	if !m.timeWins(logits, 0) { // log(1501) - 1 = 6.3 > 5
		t.Error("1501 times of -1 lose to a word of 5")
	}
	logits[1000] = 7
	if m.timeWins(logits, 0) {
		t.Error("1501 times of -1 win over a word of 7")
	}
	forbid(logits[m.TimesBegin:])
	if m.timeWins(logits, 0) {
		t.Error("forbidden times win")
	}
}

func TestLoops(t *testing.T) {
	repeat := func(n int, ids ...int32) []int32 { return append([]int32{9, 8}, slices.Repeat(ids, n)...) }
	for _, c := range []struct {
		tokens []int32
		loops  bool
	}{
		{nil, false}, {[]int32{1, 2, 3}, false}, {repeat(3, 5), false}, {repeat(18, 5), true}, {repeat(3, 5, 6, 1000), false},
		{repeat(2, 5, 6, 7), false}, {repeat(6, 5, 6, 7), true}, {repeat(6, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), true},
	} {
		if got := loops(c.tokens); got != c.loops {
			t.Errorf("loops(%v) = %v", c.tokens, got)
		}
	}
}

// TestSegments: segments of tokens, and how much of the window is done.
func TestSegments(t *testing.T) {
	m := ruled()
	// A number is a time in ticks of 20 ms, a letter a text token.
	parse := func(s string) (tokens []int32) {
		for _, w := range strings.Fields(s) {
			var tick int32
			if _, err := fmt.Sscan(w, &tick); err == nil {
				tokens = append(tokens, m.TimesBegin+tick)
			} else {
				tokens = append(tokens, 26*4+int32(w[0]-'a'))
			}
		}
		return tokens
	}
	const length = 10 * time.Second
	for _, c := range []struct{ tokens, want string }{
		{"", "done 10s"},
		{"0 a b 100 100", "0s-2s a b; done 2s"},
		{"0 a 100", "0s-2s a; done 10s"},
		{"0 a 100 150 b 200", "0s-2s a; 3s-4s b; done 10s"},
		{"0 a 100 150 b 200 200", "0s-2s a; 3s-4s b; done 4s"},
		{"0 a 100 150 b", "0s-2s a; done 2s"},
		{"25 a b", "500ms-10s a b; done 10s"},
		{"0 a 900", "0s-10s a; done 10s"}, // 18 s: past the audio
		{"0 a 900 900", "0s-10s a; done 10s"},
	} {
		out, done := m.Segments(&Result{Tokens: parse(c.tokens)}, length)
		var parts []string
		for _, s := range out {
			parts = append(parts, fmt.Sprintf("%v-%v %s", s.Start, s.End, s.Text))
		}
		if got := strings.Join(append(parts, fmt.Sprint("done ", done)), "; "); got != c.want {
			t.Errorf("%q: %s, want %s", c.tokens, got, c.want)
		}
	}
}

// TestChoose: if all attempts were rejected, what is probable of one that looped is the result, and
// otherwise nothing.
func TestChoose(t *testing.T) {
	o := Options{}.withDefaults()
	guess, loop := &attempt{avg: -1.2, text: "a"}, &attempt{avg: -0.2, looped: true}
	rest, unlikely := &attempt{avg: -0.4, looped: true, text: "b"}, &attempt{avg: -1.4, looped: true, text: "c"}
	if got := choose([]*attempt{guess, loop, unlikely}, &Result{}, &o); got != nil {
		t.Errorf("chose %+v", got)
	}
	if got := choose([]*attempt{guess, unlikely, rest, loop}, &Result{}, &o); got != rest {
		t.Errorf("chose %+v", got)
	}
	o.Translate = true
	if got := choose([]*attempt{loop, guess}, &Result{}, &o); got != guess {
		t.Errorf("of a translation %+v", got)
	}
	if got := choose([]*attempt{loop, guess}, &Result{NoSpeech: 0.5}, &o); got != nil {
		t.Errorf("of a translation of silence %+v", got)
	}
}

func TestRatio(t *testing.T) {
	if r := ratio(strings.Repeat("no ", 200)); r < 2.4 {
		t.Errorf("a loop compresses %.2f times", r)
	}
	b, err := os.ReadFile("testdata/README.md")
	if err != nil {
		t.Fatal(err)
	}
	if r := ratio(string(b)); r > 2.4 {
		t.Errorf("prose compresses %.2f times", r)
	}
	if ratio("") != 1 {
		t.Error("no text has a ratio")
	}
}

// BenchmarkAllow measures all that greedy decoding does with the logits of a token.
func BenchmarkAllow(b *testing.B) {
	m, o := ruled(), Options{}.withDefaults()
	rng := rand.New(rand.NewPCG(1, 1))
	row, logits := make([]float32, m.Vocab), make([]float32, m.Vocab)
	for i := range row {
		row[i] = rng.Float32()*20 - 10
	}
	for b.Loop() {
		copy(logits, row)
		next := m.allow(logits, []int32{m.TimesBegin, 500, 600}, &o)
		id, _ := m.best(next.logits)
		next.prob(id + int32(next.from))
	}
}

// TestSuppressEnd: if speech continues, the text does not end after two times, unless the model is not
// confident of the next word.
func TestSuppressEnd(t *testing.T) {
	m := ruled()
	at := func(d time.Duration) int32 { return m.TimesBegin + int32(d/Tick) }
	spoken := []int32{at(0), 300, 301, at(5 * time.Second), at(5 * time.Second)}
	for _, c := range []struct {
		what   string
		voiced time.Duration
		word   float32 // its logit; the end has 8, others 0
		ends   bool
	}{
		{"nobody says", 0, 18, true},
		{"somebody speaks on", 7 * time.Second, 18, false},
		{"a little", 5500 * time.Millisecond, 18, true},
		{"what, nobody knows", 7 * time.Second, 5, true},
	} {
		logits := make([]float32, m.Vocab)
		logits[m.EndOfText], logits[400] = 20, c.word
		next := m.allow(logits, spoken, &Options{Voiced: c.voiced})
		if ends := next.logit(m.EndOfText) > 0; ends != c.ends {
			t.Errorf("%s: it ends %v, want %v", c.what, ends, c.ends)
		}
	}
}
