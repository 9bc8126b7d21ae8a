package asr

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recordings are joined clips, each shorter than a window, with half a second between the clips.
var recordings = [][]string{
	{"librivox_0870.wav", "librivox_0880.wav", "librivox_0890.wav", "librivox_0920.wav"},
	{"jfk.wav", "cards_005.wav", "librivox_0930.wav", "goforward.wav"},
	{"lj_0001.wav", "libri_1995_1837_0001.wav"},
}

// condition is a way in which recordings are difficult.
type condition struct {
	name string
	set  string                                   // that the errors are counted in
	part func(x []float32, i int) []float32       // of a clip and its number; nil: as it is
	all  func(x []float32, seed uint64) []float32 // of a recording; nil: as it is
}

var conditions = []condition{
	level(-6, false), level(-30, false), level(-45, false), level(-55, false), level(-26, true), level(-55, true),
	{name: "two sides", set: "two sides", part: func(x []float32, i int) []float32 {
		if i%2 == 0 {
			return peakAt(x, -6)
		}
		return peakAt(telephone(x), -40)
	}},
	inNoise(20), inNoise(10), inNoise(5), inNoise(0),
}

// level is speech whose largest sample has a level in dBFS, from a telephone or not.
func level(dB float64, tel bool) condition {
	c := condition{name: fmt.Sprintf("%.0f dBFS", dB), set: "soft", all: func(x []float32, _ uint64) []float32 { return peakAt(x, dB) }}
	if tel {
		c.name, c.set = "telephone, "+c.name, "telephone"
		c.all = func(x []float32, _ uint64) []float32 { return peakAt(telephone(x), dB) }
	}
	return c
}

// inNoise is speech with pink noise that is so many dB softer.
func inNoise(snr float64) condition {
	set := "noisy"
	if snr < 5 {
		set = "very noisy"
	}
	return condition{name: fmt.Sprintf("noise, %.0f dB", snr), set: set, all: func(x []float32, seed uint64) []float32 {
		return peakAt(noisy(x, pink(len(x), seed), snr), -6)
	}}
}

// make returns recording i in this condition, and what is said in it.
func (c condition) make(t testing.TB, i int) (samples []float32, said string) {
	texts, _ := spoken(t)
	for k, name := range recordings[i] {
		x := clip(t, name)
		if c.part != nil {
			x = c.part(x, k)
		}
		samples = append(append(samples, x...), make([]float32, SampleRate/2)...)
		said += " " + texts[name]
	}
	if c.all != nil {
		samples = c.all(samples, uint64(i))
	}
	return scaled(samples, 1), strings.TrimSpace(said)
}

// file returns the name of the file of recording i in this condition.
func (c condition) file(i int) string {
	return fmt.Sprintf("%s %d.wav", strings.NewReplacer(",", "", " ", "_").Replace(c.name), i)
}

// TestWriteConditions writes the recordings in all conditions, and sounds without speech, as WAV files with an
// index.tsv (file, set, text) to the folder in SOBERANO_WRITE_CONDITIONS. bench_speech.py uses it.
func TestWriteConditions(t *testing.T) {
	dir := os.Getenv("SOBERANO_WRITE_CONDITIONS")
	if dir == "" {
		t.Skip("SOBERANO_WRITE_CONDITIONS names no folder")
	}
	var index strings.Builder
	write := func(name, set, said string, samples []float32) {
		if err := os.WriteFile(filepath.Join(dir, name), wavOf(samples), 0o666); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&index, "%s\t%s\t%s\n", name, set, said)
	}
	for _, c := range conditions {
		for i := range recordings {
			samples, said := c.make(t, i)
			write(c.file(i), c.set, said, samples)
		}
	}
	for name, x := range nonSpeech() {
		write(strings.ReplaceAll(name, " ", "_")+".wav", "no speech", "", peakAt(x, -20))
	}
	if err := os.WriteFile(filepath.Join(dir, "index.tsv"), []byte(index.String()), 0o666); err != nil {
		t.Fatal(err)
	}
}

// wavOf returns a WAV file of 16 bits, mono.
func wavOf(samples []float32) []byte {
	le := binary.LittleEndian
	b := append([]byte("RIFF"), 0, 0, 0, 0)
	b = append(b, "WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"...)
	b = le.AppendUint32(le.AppendUint32(b, SampleRate), 2*SampleRate)
	b = append(b, "\x02\x00\x10\x00data"...)
	b = le.AppendUint32(b, uint32(2*len(samples)))
	for _, v := range samples {
		b = le.AppendUint16(b, uint16(int16(v*32768)))
	}
	le.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// TestWordsOfFloat32: the words are those of float32. With silence instead of frames of 0 behind the audio of
// a window, the end is "greasy washwater all year".
func TestWordsOfFloat32(t *testing.T) {
	got := text(transcribe(t, openBase(t), clip(t, "../suit.wav"), Params{Language: "en", Beam: 5}))
	if want := "She had your dark suit in greasy wash water all year."; got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
}

// TestWordErrorRateInConditions: soft speech, that of a telephone, both in turn and speech in noise are transcribed
// with as few errors as the other implementation makes without speech detection: within two points in each
// set of 163 words or more, within six where the noise is as loud as the speech: a fifth of the words is wrong there, and
// which ones is chance. Two sides in turn are far better, since that one leaves out the soft side.
func TestWordErrorRateInConditions(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	m := openBase(t)
	b, err := os.ReadFile(filepath.Join("testdata", "conditions.json"))
	if err != nil {
		t.Fatal(err)
	}
	var reference map[string]string // text by file
	if err := json.Unmarshal(b, &reference); err != nil {
		t.Fatal(err)
	}
	type count struct{ words, ours, theirs int }
	sets := map[string]*count{}
	for _, c := range conditions {
		all := sets[c.set]
		if all == nil {
			all = &count{}
			sets[c.set] = all
		}
		var one count
		for i := range recordings {
			samples, said := c.make(t, i)
			theirs, ok := reference[c.file(i)]
			if !ok {
				t.Fatalf("no reference for %s", c.file(i))
			}
			got := text(transcribe(t, m, samples, Params{Language: "en", Beam: 5}))
			want := words(said)
			a, b := distance(want, words(got)), distance(want, words(theirs))
			one = count{one.words + len(want), one.ours + a, one.theirs + b}
			if a > b {
				t.Logf("%s: %d (reference %d) of %d words are wrong: %s", c.file(i), a, b, len(want), got)
			}
		}
		*all = count{all.words + one.words, all.ours + one.ours, all.theirs + one.theirs}
		t.Logf("%-22s %3d words, %2d wrong, reference %2d", c.name, one.words, one.ours, one.theirs)
	}
	names := make([]string, 0, len(sets))
	for name := range sets {
		names = append(names, name)
	}
	slices.SortFunc(names, cmp.Compare[string])
	for _, name := range names {
		c := sets[name]
		rate := func(n int) float64 { return 100 * float64(n) / float64(c.words) }
		t.Logf("%s: word error rate %.2f%%, reference %.2f%%", name, rate(c.ours), rate(c.theirs))
		points := 2.0
		if name == "very noisy" {
			points = 6
		}
		if rate(c.ours) > rate(c.theirs)+points {
			t.Errorf("%s: word error rate %.2f%%, the reference's %.2f%%", name, rate(c.ours), rate(c.theirs))
		}
	}
}
