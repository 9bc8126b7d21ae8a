package asr

import (
	"math"
	"testing"
)

// TestEngineHum: beside an engine that is 12 dB louder, and lower, speech is found and understood; the
// engine alone gives no text.
func TestEngineHum(t *testing.T) {
	m := openBase(t)
	texts, _ := spoken(t)
	speech := clip(t, "jfk.wav")
	hum := make([]float32, len(speech))
	var power, of float64
	phase := 0.0
	for i := range hum {
		at := float64(i) / SampleRate
		phase += 2 * math.Pi * 45 * (1 + 0.03*math.Sin(2*math.Pi*0.3*at)) / SampleRate
		v := math.Sin(phase) + 0.7*math.Sin(2*phase) + 0.5*math.Sin(3*phase) + 0.35*math.Sin(4*phase)
		hum[i] = float32(v * (1 + 0.3*math.Sin(2*math.Pi*11*at)))
		power, of = power+math.Pow(float64(hum[i]), 2), of+math.Pow(float64(speech[i]), 2)
	}
	gain, both := float32(math.Sqrt(of/power)*4), make([]float32, len(speech)) // +12 dB
	for i, v := range hum {
		hum[i] = 0.25 * gain * v
		both[i] = 0.25*speech[i] + hum[i]
	}
	want, got := words(texts["jfk.wav"]), words(text(transcribe(t, m, both, Params{Language: "en", Beam: 5})))
	if n := distance(want, got); n > 7 { // 11, half of them, where detection hears the engine
		t.Errorf("%d of %d words are wrong: %q", n, len(want), got)
	}
	if all := transcribe(t, m, hum, Params{}); len(all) > 0 {
		t.Errorf("the engine says %q", text(all))
	}
}
