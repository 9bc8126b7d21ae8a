package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"soberano/models/defaults"
)

// heard is the part of a transcript's JSON that the tests read.
type heard struct {
	File, Title, Model, Language, Text string
	Duration                           float64
	Segments                           []struct {
		Text        string
		Start, End  float64
		Logprob     float64 `json:"avg_logprob"`
		NoSpeech    float64 `json:"no_speech_prob"`
		Compression float64 `json:"compression_ratio"`
		Temperature float64
		Looped      bool
		Words       []struct {
			Word        string
			Start, End  float64
			Probability float64
		}
	}
}

// TestDecodingFlags checks that each flag changes the output.
func TestDecodingFlags(t *testing.T) {
	home(t)
	model := defaults.Need(t, "whisper-base")
	clip := func(name string) string { return filepath.Join("..", "..", "asr", "testdata", "audio", name) }
	dashwood := clip("librivox_0870.wav")
	hear := func(file string, flags ...string) heard {
		t.Helper()
		args := append([]string{"transcribe", "-m", model, "--json", "--beam", "1"}, flags...)
		out, code := verb(t, "", append(args, file)...)
		var all []heard
		if err := json.Unmarshal([]byte(out), &all); err != nil || code != 0 || len(all) != 1 {
			t.Fatalf("%v: %d %v %s", flags, code, err, out)
		}
		return all[0]
	}
	plain := hear(dashwood)
	if s := plain.Segments[0]; !strings.Contains(s.Text, "Mr. John Dashwood") || s.Logprob >= 0 || s.Compression == 0 || s.NoSpeech == 0 || s.Words != nil {
		t.Errorf("%+v", plain)
	}
	file := filepath.Join(t.TempDir(), "names.txt")
	if err := os.WriteFile(file, []byte("Soberano\nJon Dashwoode\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{{"--prompt", "My friend Jon Dashwoode."}, {"--vocabulary", "Soberano, Jon Dashwoode"}, {"--vocabulary", "@" + file}} {
		if got := hear(dashwood, flags...); !strings.Contains(got.Text, "Jon Dashwoode") {
			t.Errorf("%v: %q", flags, got.Text)
		}
	}
	if got := hear(clip("espeak_de.wav"), "-l", "de", "--translate", "--beam", "5"); !strings.HasPrefix(got.Text, "Good morning") {
		t.Errorf("translated: %q", got.Text)
	}
	if w := hear(dashwood, "--words").Segments[0].Words; len(w) < 5 || w[0].Word != "And" || w[1].Word != " Mr." || w[1].Start < w[0].End || w[1].Probability < 0.5 {
		t.Errorf("words: %+v", w)
	}
	if got := hear(dashwood, "--suppress", "2221"); strings.Contains(got.Text, "Mr") { // " Mr"
		t.Errorf("suppressed: %q", got.Text)
	}
	if got := hear(dashwood, "--temperature", "0.2"); got.Segments[0].Temperature != 0.2 {
		t.Errorf("temperature: %+v", got)
	}
	if got := hear(dashwood, "--compression-threshold", "0"); got.Segments[0].Looped || !strings.Contains(got.Text, "Dashwood") {
		t.Errorf("a text that compresses, but is spoken: %+v", got)
	}
	if got := hear(dashwood, "--logprob-threshold", "0"); got.Text != "" {
		t.Errorf("every text a guess: %+v", got)
	}
	if got := hear(dashwood, "--logprob-threshold", "0", "--no-speech-threshold", "0"); got.Text != "" {
		t.Errorf("every text silence: %+v", got)
	}
	if got := hear(dashwood, "--no-times"); len(got.Segments) != 1 || got.Segments[0].End < 7.05 {
		t.Errorf("without times: %+v", got)
	}
	out, code := verb(t, "", "transcribe", "-m", model, "--detect", clip("jfk.wav"), clip("silence_10s.wav"))
	if code != 0 || !strings.Contains(out, "en English 9") || !strings.Contains(out, "nobody speaks") {
		t.Errorf("detected: %d %s", code, out)
	}
	out, code = verb(t, "", "transcribe", "-m", model, "--detect", "--json", clip("jfk.wav"))
	var all []spoken
	if decode(t, out, &all); code != 0 || len(all) != 1 || len(all[0].Languages) != 99 || all[0].Languages["en"] < 0.9 {
		t.Errorf("detected: %d %s", code, out)
	}
}

// TestDecodingParams checks the parameters of flags whose effect shows in whole files only.
func TestDecodingParams(t *testing.T) {
	for line, fits := range map[string]func(d *decodingFlags) bool{
		"":                     func(d *decodingFlags) bool { return d.p.Beam == 5 && !d.p.Follow },
		"--follow":             func(d *decodingFlags) bool { return d.p.Follow },
		"-l German":            func(d *decodingFlags) bool { return d.p.Language == "de" },
		"--language=ZH":        func(d *decodingFlags) bool { return d.p.Language == "zh" },
		"-l auto":              func(d *decodingFlags) bool { return d.p.Language == "" },
		"--beam 2":             func(d *decodingFlags) bool { return d.p.Beam == 2 },
		"--best-of 3":          func(d *decodingFlags) bool { return d.p.BestOf == 3 },
		"--patience 2":         func(d *decodingFlags) bool { return d.p.Patience == 2 },
		"--length-penalty 0.5": func(d *decodingFlags) bool { return d.p.LengthPenalty == 0.5 },
		"--length-penalty 0":   func(d *decodingFlags) bool { return d.p.LengthPenalty > 0 },
		"--max-initial 0s":     func(d *decodingFlags) bool { return d.p.MaxInitial == 1 },
	} {
		var d decodingFlags
		fs := pflag.NewFlagSet("", pflag.ContinueOnError)
		d.add(fs)
		if err := fs.Parse(strings.Fields(line)); err != nil {
			t.Fatal(err)
		}
		var err error
		if d.p, err = d.params(fs); err != nil || !fits(&d) {
			t.Errorf("%q: %+v, %v", line, d.p, err)
		}
	}
	for _, line := range []string{"--beam 0", "--beam 9", "--temperature 3", "--suppress 99999", "--patience -1", "--words --format txt", "--vocabulary @nothing"} {
		args := append([]string{"transcribe", "-m", defaults.Need(t, "whisper-base")}, strings.Fields(line)...)
		if _, code := verb(t, "", append(args, "nothing.wav")...); code == 0 {
			t.Errorf("%s is taken", line)
		}
	}
}
