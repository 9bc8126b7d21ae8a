package asr

import (
	"io"
	"slices"
	"strings"
	"testing"

	"soberano/asr/whisper"
	"soberano/models/defaults"
)

// caseClip returns the samples of a clip of testdata/cases.
func caseClip(t testing.TB, name string) []float32 { return clip(t, "../cases/"+name) }

// TestRepeatedSentence: a sentence that is said twelve times is written twelve times.
func TestRepeatedSentence(t *testing.T) {
	m := openBase(t)
	const times = 12
	samples := slices.Repeat(slices.Concat(clip(t, "goforward.wav"), make([]float32, SampleRate*6/10)), times)
	for _, beam := range []int{1, 5} {
		got := strings.Join(words(text(transcribe(t, m, samples, Params{Language: "en", Beam: beam}))), " ")
		if want := strings.TrimSpace(strings.Repeat("go forward ten meters ", times)); got != want {
			t.Errorf("beam %d: %d times: %q", beam, strings.Count(got, "forward"), got)
		}
	}
}

// TestRepeatedWord: a word that is said twenty times is not taken for a loop of the model, and it is that word, not
// another one that the model goes on with.
func TestRepeatedWord(t *testing.T) {
	m := openBase(t)
	for _, beam := range []int{1, 5} {
		all := transcribe(t, m, caseClip(t, "word_slt_go.flac"), Params{Language: "en", Beam: beam, Words: beam > 1})
		got, n := words(text(all)), 0
		for _, w := range got {
			if w == "go" {
				n++
			}
		}
		if n < 18 || len(got) > 22 {
			t.Errorf("beam %d: %d words: %q", beam, len(got), got)
		}
		for _, s := range all {
			joined := ""
			for _, w := range s.Words {
				joined += w.Text
			}
			if beam > 1 && strings.TrimSpace(joined) != s.Text {
				t.Errorf("the words are %q, the text is %q", joined, s.Text)
			}
		}
	}
}

// TestWordsWithPauses: words that are said again and again, with silence between them, are found by detection and written
// about as often.
func TestWordsWithPauses(t *testing.T) {
	m := openBase(t)
	for _, name := range []string{"hello_awb", "water_slt"} {
		const times = 20
		samples := slices.Repeat(slices.Concat(make([]float32, SampleRate*3/10), caseClip(t, name+".flac")), times)
		got := words(text(transcribe(t, m, samples, Params{Language: "en", Beam: 5})))
		count := map[string]int{}
		for _, w := range got {
			count[w]++
		}
		most := 0
		for _, n := range count {
			most = max(most, n)
		}
		if most < times*3/4 || len(got) > 2*times { // the word may be heard as two
			t.Errorf("%s: %d words: %q", name, len(got), got)
		}
	}
}

// TestQuickPassSaysOnce: a quick pass over a short window does not write the sentence again for the
// silence behind it.
func TestQuickPassSaysOnce(t *testing.T) {
	m, err := openFile(defaults.Need(t, "whisper-tiny.en"), settings{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	samples := caseClip(t, "awb_27_lead0.8.flac")
	heard := 0
	for n := SampleRate * 5 / 2; n <= len(samples); n += SampleRate / 8 {
		o := whisper.Options{Quick: true, Length: duration(n)}
		r, err := m.transcribeFrames(t.Context(), samples[:n], quickFrames(n, m.net.Frames()), o)
		if err != nil {
			t.Fatal(err)
		}
		heard += len(words(r.Text))
		if k := strings.Count(strings.ToLower(r.Text), "knocked"); k > 1 {
			t.Errorf("after %v: %q", duration(n), r.Text)
		}
	}
	if heard < 40 {
		t.Errorf("%d words", heard)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestHintsNotSaid: neither own words nor a prompt are written for a tone and for other words.
func TestHintsNotSaid(t *testing.T) {
	m := openBase(t)
	words := []string{"Soberano", "Kubernetes", "Dr. Okonkwo", "PostgreSQL", "Anneliese", "Grafana"}
	for name, p := range map[string]Params{
		"nothing":    {},
		"vocabulary": {Vocabulary: words},
		"prompt":     {Prompt: "Minutes of the quarterly meeting of the board. Present: Dr. Okonkwo, Anneliese Weber."},
	} {
		p.Beam = 5
		for file, want := range map[string]string{"tone.flac": "", "okay.flac": "ok", "uh.flac": ""} {
			got := strings.ToLower(text(transcribe(t, m, caseClip(t, file), p)))
			if !strings.HasPrefix(got, want) || len(got) > 6 {
				t.Errorf("%s, %s: %q", name, file, got)
			}
		}
	}
}

// TestLanguageOfMostSpeech: a short first sound does not decide the language.
func TestLanguageOfMostSpeech(t *testing.T) {
	m := openBase(t)
	samples := caseClip(t, "maria_then_english.flac")
	all := transcribe(t, m, samples, Params{})
	if !strings.Contains(text(all), "The old bridge over the river") || all[len(all)-1].Language != "en" || all[len(all)-1].Sure < 0.8 {
		t.Errorf("%+v", all)
	}
	got, err := m.Detect(t.Context(), &samplesSource{samples: samples, err: io.EOF})
	if err != nil || got[0].Language != "en" || got[0].Prob < 0.8 {
		t.Errorf("detected %v, %v", got[:min(len(got), 2)], err)
	}
}

// TestLanguageChanges: a change of the language for more than a window is followed, and back.
func TestLanguageChanges(t *testing.T) {
	m := openBase(t)
	pause := make([]float32, 6*SampleRate)
	chinese := slices.Repeat(slices.Concat(clip(t, "aishell_S0724W0121.wav"), make([]float32, SampleRate/2)), 5)
	english := clip(t, "librivox_long.wav")
	samples := slices.Concat(english, pause, english, pause, chinese, pause, english)
	var got []string
	for _, s := range transcribe(t, m, samples, Params{}) {
		if n := len(got); n == 0 || got[n-1] != s.Language {
			got = append(got, s.Language)
		}
	}
	if !slices.Equal(got, []string{"en", "zh", "en"}) {
		t.Errorf("languages %q", got)
	}
}
