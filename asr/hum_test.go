package asr

import (
	"math"
	"testing"
)

// engine returns n samples of an engine: a tone whose pitch and loudness waver, with harmonics.
func engine(n int, hz float64, harmonics ...float64) []float32 {
	out := make([]float32, n)
	phase := 0.0
	for i := range out {
		at := float64(i) / SampleRate
		phase += 2 * math.Pi * hz * (1 + 0.01*math.Sin(2*math.Pi*0.3*at)) / SampleRate
		v := 0.0
		for k, a := range harmonics {
			v += a * math.Sin(float64(k+1)*phase+float64(k*k))
		}
		out[i] = float32(v * (1 + 0.2*math.Sin(2*math.Pi*11*at)))
	}
	return out
}

// TestEngineHum: beside an engine that is 12 dB louder, below the voice or over a part of its band, speech is
// found and at most a tenth of the words is wrong (of the other implementation, without speech detection, one word); the engine
// alone gives no text.
func TestEngineHum(t *testing.T) {
	m := openBase(t)
	texts, _ := spoken(t)
	var speech []float32
	var want []string
	for _, name := range recordings[1] {
		speech = append(append(speech, clip(t, name)...), make([]float32, SampleRate/2)...)
		want = append(want, words(texts[name])...)
	}
	n := len(speech)
	for name, hum := range map[string][]float32{
		"45 to 180 Hz":  engine(n, 45, 1, 0.7, 0.5, 0.35),
		"110 to 660 Hz": engine(n, 110, 1, 0.7, 0.5, 0.4, 0.35, 0.3),
		"140 to 840 Hz": engine(n, 140, 1, 0.7, 0.5, 0.4, 0.35, 0.3),
		"66 to 660 Hz":  engine(n, 66, 1, 0.7, 0.5, 0.4, 0.35, 0.3, 0.3, 0.25, 0.2, 0.2),
	} {
		got := words(text(transcribe(t, m, peakAt(noisy(speech, hum, -12), -1), Params{Language: "en", Beam: 5})))
		k := distance(want, got)
		t.Logf("%s: %d of %d words are wrong", name, k, len(want))
		if k > len(want)/10 {
			t.Errorf("%s: %q", name, got)
		}
		if all := transcribe(t, m, peakAt(hum, -6), Params{}); len(all) > 0 {
			t.Errorf("%s: the engine says %q", name, text(all))
		}
	}
}
