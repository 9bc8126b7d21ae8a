package asr

import (
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"soberano/asr/whisper"
	"soberano/engine/token"
)

// TestParams: the parameters take effect in the segments.
func TestParams(t *testing.T) {
	m := openBase(t)
	samples := clip(t, "librivox_0870.wav")
	hear := func(p Params) []Segment {
		t.Helper()
		p.Language = "en"
		return transcribe(t, m, samples, p)
	}
	plain := hear(Params{})
	if s := plain[0]; !strings.Contains(s.Text, "Mr. John Dashwood") || s.AvgLogprob >= 0 || s.AvgLogprob < -0.5 ||
		s.NoSpeech > 0.5 || s.Compression < 0.5 || s.Compression > 2.4 || s.Temperature != 0 || s.Looped || s.Words != nil {
		t.Errorf("%+v", s)
	}
	for name, p := range map[string]Params{
		"prompt":     {Prompt: "My friend Jon Dashwoode."},
		"vocabulary": {Vocabulary: []string{"Jon Dashwoode"}},
		"long":       {Vocabulary: []string{"Jon Dashwoode"}, Prompt: strings.Repeat("and then he went away to London, ", 60)},
	} {
		if got := text(hear(p)); !strings.Contains(got, "Jon Dashwoode") {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := hear(Params{Decoding: Decoding{Temperatures: []float32{0.2}}}); got[0].Temperature != 0.2 {
		t.Errorf("at temperature %g", got[0].Temperature)
	}
	if got := hear(Params{Decoding: Decoding{MaxCompression: 0.5}}); len(got) == 0 || got[0].Looped || got[0].Text != plain[0].Text {
		t.Errorf("what compresses more than 0.5, but is spoken: %+v", got)
	}
	if got := hear(Params{Decoding: Decoding{MinLogprob: -1e-3}}); len(got) > 0 {
		t.Errorf("what is less probable than the threshold: %+v", got)
	}
	if got := hear(Params{Decoding: Decoding{MinLogprob: -1e-3, MaxNoSpeech: 1e-9}}); len(got) > 0 {
		t.Errorf("what is probably silence: %+v", got)
	}
	mister := m.text.Encode(" Mr", token.Options{})
	if got := text(hear(Params{Decoding: Decoding{Suppress: []int{int(mister[0])}}})); strings.Contains(got, "Mr") {
		t.Errorf("suppressed: %q", got)
	}
	if got := hear(Params{Decoding: Decoding{NoTimes: true}}); len(got) != 1 || got[0].End < duration(len(samples))-time.Second/20 {
		t.Errorf("without times: %+v", got)
	}
	german := transcribe(t, m, clip(t, "espeak_de.wav"), Params{Language: "de", Beam: 5, Translate: true})
	if !strings.HasPrefix(text(german), "Good morning") {
		t.Errorf("translated: %q", text(german))
	}
}

// TestListenHints: prompt and vocabulary take effect for a microphone as for a file.
func TestListenHints(t *testing.T) {
	m := openBase(t)
	samples := clip(t, "librivox_0870.wav")
	for name, p := range map[string]Params{"prompt": {Prompt: "My friend Jon Dashwoode."}, "vocabulary": {Vocabulary: []string{"Jon Dashwoode"}}} {
		p.Language = "en"
		said := ""
		for s, err := range m.Listen(t.Context(), &mike{samples: samples}, p) {
			if err != nil {
				t.Fatal(err)
			}
			if s.Final {
				said += " " + s.Text
			}
		}
		if !strings.Contains(said, "Dashwoode") {
			t.Errorf("%s: %q", name, said)
		}
	}
}

// TestSure: segments have the probability of a detected language, in all windows, and none for a
// given language.
func TestSure(t *testing.T) {
	m := openBase(t)
	short := clip(t, "goforward.wav")
	samples := slices.Concat(short, make([]float32, 9*SampleRate), short)
	for language, least := range map[string]float64{"": 0.5, "en": 0} {
		all := transcribe(t, m, samples, Params{Language: language})
		for _, s := range all {
			if s.Sure < least || s.Sure > 1 || least == 0 && s.Sure != 0 {
				t.Errorf("%q: %+v", language, s)
			}
		}
		if len(all) != 2 {
			t.Errorf("%d segments", len(all))
		}
	}
}

// TestWords: words are within their segments, in order, and joined are the text, also after a gap.
func TestWords(t *testing.T) {
	m := openBase(t)
	samples := slices.Concat(clip(t, "jfk.wav"), make([]float32, 8*SampleRate), clip(t, "lj_0001.wav"))
	n, last := 0, time.Duration(0)
	for _, s := range transcribe(t, m, samples, Params{Language: "en", Words: true}) {
		var texts []string
		for _, w := range s.Words {
			if w.Start < last || w.End < w.Start || w.Start < s.Start || w.End > s.End || w.End-w.Start > 2*time.Second || !(w.Prob > 0.05 && w.Prob <= 1) {
				t.Errorf("%+v in %v to %v, after %v", w, s.Start, s.End, last)
			}
			last = w.End
			texts = append(texts, w.Text)
			n++
		}
		if got := strings.Join(texts, ""); got != s.Text {
			t.Errorf("the words are %q, the text is %q", got, s.Text)
		}
	}
	if n != 22+27 || last > duration(len(samples)) {
		t.Errorf("%d words until %v, want 49 until %v", n, last, duration(len(samples)))
	}
}

// TestHistory: the text of previous windows is the prompt, as far as it fits, unless it has gone wrong.
func TestHistory(t *testing.T) {
	window := func(temperature float32, looped bool, ids ...int32) windowResult {
		return windowResult{Result: &whisper.Result{Temperature: temperature, Looped: looped}, segments: []whisper.Segment{{Tokens: ids}}, tokens: ids}
	}
	p := &history{fixed: []int32{90, 91}, room: 6}
	says := func(want ...int32) {
		t.Helper()
		if got := p.prompt(); !slices.Equal(got, append([]int32{90, 91}, want...)) {
			t.Errorf("the prompt is %v, want 90 91 and %v", got, want)
		}
	}
	says()
	p.add(window(0, false, 1, 2))
	p.add(window(0.4, false, 3, 4, 5))
	says(2, 3, 4, 5)
	if p.misled(window(0, false, 3, 4, 5)) || !p.misled(window(0, true, 7)) {
		t.Error("three words are an echo, or a loop is not")
	}
	p.add(window(0.6, false, 6))
	says()
	p.add(window(0, true, 1, 1))
	says()
	p.add(window(0, false, 1, 2, 3, 4))
	says(1, 2, 3, 4)
	if !p.misled(window(0, false, 1, 2, 3, 4)) || p.misled(window(0, false, 1, 2, 3, 5)) {
		t.Error("an echo is none, or what is new is one")
	}
}

// TestPastLeads: with the previous text a window continues its style, without it it does not.
func TestPastLeads(t *testing.T) {
	m := openBase(t)
	samples := slices.Concat(clip(t, "librivox_0880.wav"), make([]float32, 9*SampleRate), clip(t, "cards_005.wav"))
	for want, p := range map[string]Params{" Eight of spades": {Follow: true}, " 8 of spades": {}} {
		p.Language = "en"
		if got := text(transcribe(t, m, samples, p)); !strings.HasPrefix(got, "He was not") || !strings.Contains(got, want) {
			t.Errorf("follow %v: %q", p.Follow, got)
		}
	}
}

// TestEcho: a window that repeats the previous one is decoded again without history.
func TestEcho(t *testing.T) {
	m := openBase(t)
	samples := slices.Concat(clip(t, "goforward.wav"), make([]float32, 9*SampleRate), clip(t, "goforward.wav"))
	got := transcribe(t, m, samples, Params{Language: "en", Follow: true})
	if len(got) != 2 || got[0].Text != got[1].Text || len(strings.Fields(got[0].Text)) < repeatedTokens {
		t.Errorf("%+v", got)
	}
}

// TestDetectLanguage: the probability of the language is that of another implementation; silence has
// no language.
func TestDetectLanguage(t *testing.T) {
	m := openBase(t)
	for name, ref := range references(t) {
		if name != "jfk.wav" && name != "aishell_S0724W0121.wav" {
			continue
		}
		got, err := m.Detect(t.Context(), &samplesSource{samples: clip(t, name), err: io.EOF})
		if err != nil || len(got) != 99 || got[0].Language != ref.Language || math.Abs(got[0].Prob-ref.Probability) > 0.05 || got[1].Prob > got[0].Prob {
			t.Errorf("%s: %v %v, want %s with %.3f", name, got[:min(len(got), 2)], err, ref.Language, ref.Probability)
		}
	}
	if got, err := m.Detect(t.Context(), &samplesSource{samples: clip(t, "silence_10s.wav"), err: io.EOF}); err != nil || len(got) != 0 {
		t.Errorf("silence: %v, %v", got, err)
	}
}

// TestParamsRefused: errors name the invalid parameter.
func TestParamsRefused(t *testing.T) {
	m := openBase(t)
	nan := math.NaN()
	for want, p := range map[string]Params{
		"beam of -1":  {Beam: -1},
		"beam of 9":   {Beam: 9},
		"patience":    {Decoding: Decoding{Patience: -1}},
		"penalty":     {Decoding: Decoding{LengthPenalty: nan}},
		"best of":     {Decoding: Decoding{BestOf: 9}},
		"compression": {Decoding: Decoding{MaxCompression: nan}},
		"log-prob":    {Decoding: Decoding{MinLogprob: 1}},
		"no-speech":   {Decoding: Decoding{MaxNoSpeech: -1}},
		"first time":  {Decoding: Decoding{MaxInitial: time.Minute}},
		"temperature": {Decoding: Decoding{Temperatures: []float32{0, 3}}},
		"token 51865": {Decoding: Decoding{Suppress: []int{51865}}},
	} {
		if _, err := m.check(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// A language is found by its code and by its English name, in upper and lower case.
func TestLanguageCode(t *testing.T) {
	for name, want := range map[string]string{"de": "de", "DE": "de", "German": "de", " german ": "de", "haitian creole": "ht", "Maori": "mi", "māori": "mi", "Mandarin": "zh", "yue": "yue", "xx": "", "": "", "Deutsch": ""} {
		if got, ok := LanguageCode(name); got != want || ok != (want != "") {
			t.Errorf("%q: %q, expected %q", name, got, want)
		}
	}
	for code, name := range languages {
		if got, _ := LanguageCode(name); got != code {
			t.Errorf("%q: %q, expected %q", name, got, code)
		}
	}
	for name, code := range otherNames {
		if LanguageName(code) == code {
			t.Errorf("%q: no language %q", name, code)
		}
	}
	for _, p := range []Params{{Beam: 9}, {Beam: -1}, {Decoding: Decoding{Suppress: []int{-1}}}, {Decoding: Decoding{Temperatures: []float32{3}}}} {
		if p.Check() == nil {
			t.Errorf("%+v is taken", p)
		}
	}
	if err := (Params{Language: "xx", Beam: 8, Decoding: Decoding{Suppress: []int{99999}}}).Check(); err != nil {
		t.Error(err)
	}
}
