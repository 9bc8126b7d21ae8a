package asr

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"soberano/asr/audio"
	"soberano/kernels/cpu"
	"soberano/models"
	"soberano/models/defaults"
	"soberano/models/registry"
)

// settings say how a test opens a model on the CPU.
type settings struct {
	Threads int
	Packed  string // the folder of repacked weights
}

// openFile opens a model. Its workers are not ended: a model may outlive the test.
func openFile(path string, o settings) (*Model, error) {
	f, err := registry.Read(path)
	if err != nil {
		return nil, err
	}
	pool, err := cpu.NewPool(o.Threads)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	dev, err := cpu.New(cpu.Options{Pool: pool, Floats: cpu.Bits8, Forget: models.Forget,
		Packed: cpu.Packed{Dir: o.Packed, Model: f.Identity(), Map: models.Map}})
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return Open(f, dev, Options{Pool: pool})
}

var base struct {
	sync.Once
	m   *Model
	err error
}

// openBase returns Whisper base, opened once.
func openBase(t testing.TB) *Model {
	t.Helper()
	dir := defaults.Need(t, "whisper-base")
	base.Do(func() { base.m, base.err = openFile(dir, settings{}) })
	if base.err != nil {
		t.Fatal(base.err)
	}
	return base.m
}

// clip returns the samples of a test clip.
func clip(t testing.TB, name string) []float32 {
	t.Helper()
	src, err := audio.Open(filepath.Join("testdata", "audio", name))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var all []float32
	buf := make([]float32, 4000)
	for {
		n, err := src.Read(buf)
		all = append(all, buf[:n]...)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// samplesSource gives samples in reads of at most step; err comes after the last.
type samplesSource struct {
	samples []float32
	step    func() int
	err     error
}

func (s *samplesSource) Read(p []float32) (int, error) {
	n := min(len(p), len(s.samples))
	if s.step != nil {
		n = min(n, s.step())
	}
	copy(p, s.samples[:n])
	if s.samples = s.samples[n:]; len(s.samples) == 0 {
		return n, s.err
	}
	return n, nil
}

// transcribe returns all segments of samples, checked for order.
func transcribe(t testing.TB, m *Model, samples []float32, p Params) []Segment {
	t.Helper()
	var all []Segment
	end := duration(len(samples) + chunk)
	last := time.Duration(0)
	for s, err := range m.Transcribe(context.Background(), &samplesSource{samples: samples, err: io.EOF}, p) {
		if err != nil {
			t.Fatal(err)
		}
		if !s.Final || s.Text == "" || s.Text != strings.TrimSpace(s.Text) || s.Language == "" {
			t.Errorf("segment %+v: want final text without spaces around it and a language", s)
		}
		if s.Start < last || s.End < s.Start || s.End > end {
			t.Errorf("segment %+v lies before %v or past %v", s, last, end)
		}
		last = s.End
		all = append(all, s)
	}
	return all
}

func text(all []Segment) string { return textOfSegments(all) }

// words normalises English text: lower case, letters and digits only, spellings of the
// few numbers and titles that occur in the clips.
func words(s string) []string {
	same := map[string]string{"1": "one", "4": "four", "7": "seven", "8": "eight", "10": "ten", "mr": "mister"}
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '\'' || r == '’':
			return -1
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			return unicode.ToLower(r)
		}
		return ' '
	}, s)
	out := strings.Fields(clean)
	for i, w := range out {
		if full, ok := same[w]; ok {
			out[i] = full
		}
	}
	return out
}

// characters returns the letters of a text.
func characters(s string) []string {
	var out []string
	for _, w := range words(s) {
		out = append(out, strings.Split(w, "")...)
	}
	return out
}

// distance returns the edit distance in words (Levenshtein).
func distance(a, b []string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			cost := 1
			if x == y {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a b c", "a b c", 0}, {"a b c", "a c", 1}, {"a c", "a b c", 1}, {"a b", "x y", 2}, {"Mr. O’Neil, 10", "mister oneil ten", 0}} {
		if got := distance(words(c.a), words(c.b)); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// reference is the transcript of a clip by another implementation.
type reference struct {
	Language    string
	Probability float64
	Beam5       string
}

func references(t testing.TB) map[string]reference {
	b, err := os.ReadFile(filepath.Join("testdata", "reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]reference
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// spoken returns the reference text of each clip and its language.
func spoken(t testing.TB) (texts, languages map[string]string) {
	b, err := os.ReadFile(filepath.Join("testdata", "audio", "index.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	texts, languages = map[string]string{}, map[string]string{}
	for _, line := range strings.Split(string(b), "\n")[1:] {
		if f := strings.Split(line, "\t"); len(f) >= 6 {
			texts[f[0]], languages[f[0]] = f[5], f[2]
		}
	}
	return texts, languages
}

// TestWordErrorRate: over all English clips within a point of the other implementation's
// beam search (a compound written as one word, which depends on the last digits of a
// number, is 0.8 points); over the Chinese one by characters, two at most more.
func TestWordErrorRate(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	m := openBase(t)
	texts, languages := spoken(t)
	var total, ours, theirs int
	for name, ref := range references(t) {
		switch languages[name] {
		case "en":
			want, got := words(texts[name]), text(transcribe(t, m, clip(t, name), Params{Beam: 5}))
			a, b := distance(want, words(got)), distance(want, words(ref.Beam5))
			total, ours, theirs = total+len(want), ours+a, theirs+b
			t.Logf("%s: %d (reference %d) of %d: %s", name, a, b, len(want), got)
		case "zh":
			want, got := characters(texts[name]), text(transcribe(t, m, clip(t, name), Params{Beam: 5, Language: "zh"}))
			a, b := distance(want, characters(got)), distance(want, characters(ref.Beam5))
			t.Logf("%s: %d (reference %d) of %d characters: %s", name, a, b, len(want), got)
			if a > b+2 {
				t.Errorf("%s: %d characters wrong, the reference has %d", name, a, b)
			}
		}
	}
	if total < 240 {
		t.Fatalf("%d words of English: clips are missing", total)
	}
	rate := func(n int) float64 { return 100 * float64(n) / float64(total) }
	t.Logf("word error rate %.2f%%, reference %.2f%%, of %d words", rate(ours), rate(theirs), total)
	if rate(ours) > rate(theirs)+1 {
		t.Errorf("word error rate %.2f%%, the reference's %.2f%%", rate(ours), rate(theirs))
	}
}

// TestNoText: audio without speech gives no text.
func TestNoText(t *testing.T) {
	m := openBase(t)
	for _, name := range []string{"silence_10s.wav", "pink_10s.wav", "music_10s.wav"} {
		if all := transcribe(t, m, clip(t, name), Params{}); len(all) > 0 {
			t.Errorf("%s: heard %q", name, text(all))
		}
	}
	noise := make([]float32, 10*SampleRate)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = rng.Float32()*0.6 - 0.3
	}
	if all := transcribe(t, m, noise, Params{}); len(all) > 0 {
		t.Errorf("white noise: heard %q", text(all))
	}
	if all := transcribe(t, m, nil, Params{}); len(all) > 0 {
		t.Errorf("nothing: heard %q", text(all))
	}
}

// TestGaps: two sentences with a minute of noise between them have the right times.
func TestGaps(t *testing.T) {
	m := openBase(t)
	first, second := clip(t, "goforward.wav"), clip(t, "librivox_0930.wav")
	audio := append([]float32(nil), first...)
	audio = append(audio, make([]float32, 25*SampleRate)...)
	audio = append(audio, clip(t, "pink_10s.wav")...)
	audio = append(audio, make([]float32, 25*SampleRate)...)
	at := duration(len(audio))
	audio = append(audio, second...)
	all := transcribe(t, m, audio, Params{Language: "en"})
	if len(all) != 2 {
		t.Fatalf("%d segments, want 2: %+v", len(all), all)
	}
	if got := strings.Join(words(text(all)), " "); got != "go forward ten meters he might even have been made amiable himself" {
		t.Errorf("heard %q", got)
	}
	if all[0].Start > time.Second || all[0].End > 4*time.Second {
		t.Errorf("the first sentence at %v to %v", all[0].Start, all[0].End)
	}
	if all[1].Start < at-time.Second || all[1].Start > at+time.Second || all[1].End > duration(len(audio)) {
		t.Errorf("the second sentence at %v to %v, want about %v", all[1].Start, all[1].End, at)
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := openFile(filepath.Join(t.TempDir(), "nothing"), settings{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing model: %v", err)
	}
	chat := defaults.Need(t, "smollm2")
	if _, err := openFile(chat, settings{}); !errors.Is(err, models.ErrUnsupported) {
		t.Errorf("a chat model: %v", err)
	}
}

func TestErrors(t *testing.T) {
	m := openBase(t)
	last := func(ctx context.Context, src Source, p Params) (err error) {
		for _, e := range m.Transcribe(ctx, src, p) {
			err = e
		}
		return err
	}
	if err := last(context.Background(), &samplesSource{err: io.EOF}, Params{Language: "xx"}); !errors.Is(err, ErrLanguage) {
		t.Errorf("language xx: %v", err)
	}
	broken := errors.New("broken cable")
	if err := last(context.Background(), &samplesSource{samples: make([]float32, 5000), err: broken}, Params{}); !errors.Is(err, broken) {
		t.Errorf("a source that fails: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := last(ctx, &samplesSource{samples: make([]float32, 5000), err: io.EOF}, Params{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
	heard := 0
	for s, err := range m.Transcribe(context.Background(), &samplesSource{samples: clip(t, "librivox_long.wav"), err: broken}, Params{Language: "en"}) {
		if err != nil && (!errors.Is(err, broken) || heard == 0) {
			t.Errorf("after %d segments: %v", heard, err)
		}
		if s.Text != "" {
			heard++
		}
		if heard == 2 {
			break // leaving early must not panic
		}
	}
}

// TestEnglishOnly: tiny.en has no languages to choose from.
func TestEnglishOnly(t *testing.T) {
	m, err := openFile(defaults.Need(t, "whisper-tiny.en"), settings{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	if i := m.Info(); i.Name != "Whisper tiny, English" || i.Multilingual || len(i.Languages) != 1 || i.Mels != 80 || i.WeightBytes < 70e6 {
		t.Errorf("info %+v", i)
	}
	got := strings.Join(words(text(transcribe(t, m, clip(t, "jfk.wav"), Params{}))), " ")
	if want := "and so my fellow americans ask not what your country can do for you ask what you can do for your country"; got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
	if _, err := m.check(Params{Language: "de"}); !errors.Is(err, ErrLanguage) {
		t.Errorf("German: %v", err)
	}
	if _, err := m.check(Params{Translate: true}); err == nil {
		t.Error("an English-only model translates")
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	for _, err := range m.Transcribe(context.Background(), &samplesSource{samples: clip(t, "goforward.wav"), err: io.EOF}, Params{}) {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

func TestInfo(t *testing.T) {
	i := openBase(t).Info()
	if i.Name != "Whisper base" || !i.Multilingual || len(i.Languages) != 99 || i.Device == "" {
		t.Errorf("info %+v", i)
	}
	for _, code := range i.Languages {
		if name := LanguageName(code); name == code || name == "" {
			t.Errorf("language %q has no name", code)
		}
	}
	if LanguageName("de") != "German" || LanguageName("haw") != "Hawaiian" || LanguageName("??") != "??" {
		t.Error("names of languages")
	}
}

func TestBench(t *testing.T) {
	b, err := openBase(t).Bench(context.Background(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if b.AudioSeconds != 11 || len(b.EncoderMS) != 2 || len(b.DecoderMSPerToken) != 2 || len(b.RealTimeFactor) != 2 {
		t.Fatalf("%+v", b)
	}
	for i := range 2 {
		if b.EncoderMS[i] <= 0 || b.DecoderMSPerToken[i] <= 0 || b.RealTimeFactor[i] <= 0 {
			t.Errorf("%+v", b)
		}
	}
	t.Logf("%+v", b)
}

// Speech after the last segment is transcribed again, if there is enough of it.
func TestUntil(t *testing.T) {
	p := make([]piece, 300) // 9.6 s
	for i := 200; i < 210; i++ {
		p[i].voice = 0.9
	}
	h := windowResult{end: 3 * SampleRate, done: 290 * chunk}
	if got := h.consumed(p, 0); got != 3*SampleRate {
		t.Errorf("speech at 6.4 s: done until %d", got)
	}
	h.end = 7 * SampleRate
	if got := h.consumed(p, 0); got != h.done {
		t.Errorf("silence after 7 s: done until %d, want %d", got, h.done)
	}
	h.end = 0
	if got := h.consumed(p, 0); got != h.done {
		t.Errorf("nothing heard: done until %d, want %d", got, h.done)
	}
}

// TestNoTextFromTheRest: silence that is left of a long utterance after a cut gives no text.
func TestNoTextFromTheRest(t *testing.T) {
	m := openBase(t)
	for _, n := range []int{3, 12} {
		p := make([]piece, n)
		for i := range p {
			p[i] = piece{at: int64(i), samples: make([]float32, chunk)}
		}
		l := &listener{m: m, c: &capture{}, yield: func(s Segment, _ error) bool {
			t.Errorf("%d silent chunks: %q", n, s.Text)
			return true
		}}
		if _, err := l.final(context.Background(), p); err != nil {
			t.Error(err)
		}
	}
}
