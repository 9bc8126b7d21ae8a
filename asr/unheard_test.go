package asr

import (
	"slices"
	"testing"
	"time"

	"soberano/asr/vad"
	"soberano/asr/whisper"
)

var spokenClips = []string{"jfk.wav", "librivox_0870.wav", "lj_0001.wav", "cards_005.wav", "espeak_fr.wav", "aishell_S0724W0121.wav"}

// voicesOf returns which chunks of x a detector takes for speech.
func voicesOf(d *vad.Detector, x []float32) (found []bool) {
	for i := 0; i < len(x); i += chunk {
		found = append(found, d.Prob(x[i:min(len(x), i+chunk)]) >= 0.5)
	}
	return found
}

// shareFound returns the share of want that a segmenter's detection finds in x.
func shareFound(want []bool, x []float32) float64 {
	n, all := 0, 0
	for i, found := range voicesOf(vad.NewLeveled(), x) {
		if i < len(want) && want[i] {
			all++
			if found {
				n++
			}
		}
	}
	return float64(n) / float64(all)
}

// TestSoftSpeechIsFound: what detection finds in speech does not depend on level and band, also where a loud and a
// soft speaker take turns.
func TestSoftSpeechIsFound(t *testing.T) {
	var turns []float32
	var wanted []bool
	for k, name := range spokenClips {
		x := clip(t, name)
		want := voicesOf(vad.New(), x)
		for _, dB := range []float64{-6, -26, -40, -55} {
			if s := shareFound(want, peakAt(x, dB)); s < 0.93 {
				t.Errorf("%s at %.0f dBFS: %.0f%% of the speech is found", name, dB, 100*s)
			}
			if s := shareFound(want, peakAt(telephone(x), dB)); s < 0.8 {
				t.Errorf("%s from a telephone at %.0f dBFS: %.0f%% of the speech is found", name, dB, 100*s)
			}
		}
		side := peakAt(x, -6)
		if k%2 == 1 {
			side = peakAt(telephone(x), -46)
		}
		whole := len(x) / chunk
		turns = append(append(turns, side[:whole*chunk]...), make([]float32, 15*chunk)...)
		wanted = append(append(wanted, want[:whole]...), make([]bool, 15)...)
	}
	if s := shareFound(wanted, turns); s < 0.93 {
		t.Errorf("two sides in turn: %.0f%% of the speech is found", 100*s)
	}
}

// TestSoftAnswers: short soft answers soon after loud speech are found.
func TestSoftAnswers(t *testing.T) {
	const loud, gap, answer = 60, 8, 28 // pieces
	var x []float32
	var want []bool
	for _, name := range spokenClips {
		said := clip(t, name)
		voiced := voicesOf(vad.New(), said)
		full, soft := peakAt(said, -6), peakAt(telephone(said), -40)
		for at := 10; at+loud+answer < len(voiced); at += loud + answer {
			x = slices.Concat(x, full[at*chunk:(at+loud)*chunk], make([]float32, gap*chunk), soft[(at+loud)*chunk:(at+loud+answer)*chunk], make([]float32, gap*chunk))
			want = slices.Concat(want, make([]bool, loud+gap), voiced[at+loud:at+loud+answer], make([]bool, gap))
		}
	}
	if s := shareFound(want, x); s < 0.5 {
		t.Errorf("%.0f%% of the answers are found", 100*s)
	}
}

// segmented returns the utterances of samples and what is left out though it has sound.
func segmented(samples []float32) (found []utterance, left []Unheard) {
	s := newSegmenter(fileSegments)
	for i := 0; i < len(samples); i += chunk {
		found = append(found, s.push(samples[i:min(len(samples), i+chunk)])...)
	}
	found = append(found, s.flush()...)
	return found, s.left.take(s.next)
}

// TestNoiseStaysNoise: at no level is there speech in sounds in which nobody speaks.
func TestNoiseStaysNoise(t *testing.T) {
	for name, x := range nonSpeech() {
		for _, dB := range []float64{-6, -26, -46, -60} {
			if found, _ := segmented(peakAt(x, dB)); len(found) > 0 {
				t.Errorf("%s at %.0f dBFS: speech from piece %d on", name, dB, found[0].pieces[0].at)
			}
		}
	}
}

// TestLeftOut: a stretch with sound in which no speech is found is reported with its times and the reason;
// silence and the steady noise of a recording are not.
func TestLeftOut(t *testing.T) {
	speech := clip(t, "librivox_0870.wav")
	silent := func(seconds int) []float32 { return make([]float32, seconds*SampleRate) }
	between := func(x []float32) []float32 {
		return slices.Concat(speech, silent(5), x, silent(30), speech)
	}
	from := duration(len(speech)) + 5*time.Second
	buried := peakAt(noisy(clip(t, "librivox_long.wav"), white(len(clip(t, "librivox_long.wav")), 5), -25), -66)
	swell := breath(10*SampleRate, 3)
	for _, c := range []struct {
		name   string
		x      []float32
		reason Reason
		from   time.Duration
		until  time.Duration
	}{
		{"loud noise", between(peakAt(white(10*SampleRate, 1), -20)), NoSpeech, from, from + 10*time.Second},
		{"soft sounds", between(peakAt(swell, -55)), TooSoft, from, from + 10*time.Second},
		{"speech far below soft noise", between(buried), TooSoft, from, from + duration(len(buried))},
		{"music alone", peakAt(melody(10*SampleRate), -10), NoSpeech, 0, 10 * time.Second},
		{"silence", between(silent(20)), "", 0, 0},
		{"the noise of a recording", noisy(between(silent(20)), pink(len(between(silent(20))), 4), 30), "", 0, 0},
		{"a click", between(append(peakAt(white(800, 2), -20), silent(10)...)), "", 0, 0},
	} {
		_, left := segmented(c.x)
		if c.reason == "" {
			if len(left) > 0 {
				t.Errorf("%s: reported %v", c.name, left)
			}
			continue
		}
		near := func(a, b time.Duration) bool { return max(a-b, b-a) <= 1200*time.Millisecond }
		if len(left) != 1 || left[0].Reason != c.reason || !near(left[0].Start, c.from) || !near(left[0].End, c.until) {
			t.Errorf("%s: reported %v, want %s from %v to %v", c.name, left, c.reason, c.from, c.until)
		}
	}
}

// TestUnclear: speech that no segment of a window covers is reported.
func TestUnclear(t *testing.T) {
	p := make([]piece, 300) // 9.6 s
	for i := range p {
		p[i] = piece{at: int64(1000 + i), voice: 0.9, samples: make([]float32, chunk)}
	}
	at := func(i int) time.Duration { return duration(i * chunk) }
	first := whisper.Segment{Text: "Yes.", Start: 0, End: at(100)}
	if got := unclear(p, []whisper.Segment{first, {Text: "No.", Start: at(100), End: at(290)}}); got != nil {
		t.Errorf("all is covered: %v", got)
	}
	got := unclear(p, []whisper.Segment{first})
	if len(got) != 1 || got[0].Reason != Unclear || got[0].Start < at(1100) || got[0].Start > at(1140) || got[0].End != at(1300) {
		t.Errorf("the second half is not covered: %v", got)
	}
	short := []piece{}
	for i := range 20 {
		short = append(short, piece{at: int64(i), voice: 0.9, level: -30})
	}
	if got := unclear(short, nil); len(got) != 1 || got[0].Start != 0 || got[0].End != at(20) {
		t.Errorf("a word is not understood: %v", got)
	}
	if got := unclear(short[:5], nil); got != nil {
		t.Errorf("a click: %v", got)
	}
	for i := range short {
		short[i].level = -60
	}
	if got := unclear(short, nil); got != nil {
		t.Errorf("a breath: %v", got)
	}
	for i := range p {
		p[i].voice = 0.1
	}
	if got := unclear(p, nil); got != nil {
		t.Errorf("nobody speaks: %v", got)
	}
}

// TestJoinRaises: soft speech is raised, loud speech and sounds without speech are not.
func TestJoinRaises(t *testing.T) {
	p := make([]piece, 200)
	for i := range p {
		p[i] = piece{at: int64(i), voice: 0.9, level: -20, samples: tones(chunk, 500)}
		if i >= 100 {
			p[i].level, p[i].samples = -60, scaled(tones(chunk, 500), decibels(-40))
		}
	}
	x := join(p)
	loud := slices.Repeat(tones(chunk, 500), 90)
	if !slices.Equal(x[:len(loud)], loud) {
		t.Error("loud speech is changed")
	}
	if r := power(x[120*chunk:]) / power(loud); r < 0.012 || r > 0.02 { // -18 dB
		t.Errorf("the soft speech has %.4f of the power of the loud speech, want 18 dB less", r)
	}
	soft := join(p[100:])
	if r := power(soft) / power(p[150].samples); r < 900 || r > 1100 { // from -60 to -30 dB
		t.Errorf("soft speech alone is raised %.0f times in power, want 30 dB", r)
	}
	if x := join([]piece{{samples: tones(chunk, 500)}}); !slices.Equal(x, tones(chunk, 500)) {
		t.Error("a sound that is no speech is changed")
	}
}

// TestGuessesAreTold: what the model only guesses is not written, but told: a sound of a second, and speech that it
// takes for another language.
func TestGuessesAreTold(t *testing.T) {
	m := openBase(t)
	for name, samples := range map[string][]float32{"a sound of hesitation": caseClip(t, "uh.flac"), "synthetic French": clip(t, "espeak_fr.wav")} {
		var told []Unheard
		found := transcribe(t, m, samples, Params{Beam: 5, Unheard: func(u Unheard) { told = append(told, u) }})
		if len(found) > 0 || len(told) != 1 || told[0].Reason != Unclear || told[0].End-told[0].Start < time.Second {
			t.Errorf("%s: %q, told: %v", name, text(found), told)
		}
	}
}
