package asr

import (
	"slices"
	"testing"

	"soberano/asr/audio/input"
)

// TestFarSideBelowNoise: the soft far side of a call, on a channel of its own, is understood though the noise of the
// near side's channel is louder.
func TestFarSideBelowNoise(t *testing.T) {
	texts, _ := spoken(t)
	var near, far []float32
	var want []string
	for i, name := range []string{"librivox_0870.wav", "jfk.wav", "lj_0001.wav", "librivox_0930.wav"} {
		said := clip(t, name)
		pause := make([]float32, len(said)+SampleRate/2)
		if i%2 == 0 {
			near, far = slices.Concat(near, peakAt(said, -6), pause[:SampleRate/2]), append(far, pause...)
		} else {
			near, far = append(near, pause...), slices.Concat(far, peakAt(telephone(said), -50), pause[:SampleRate/2])
		}
		want = append(want, words(texts[name])...)
	}
	for i, v := range peakAt(pink(len(near), 1), -40) {
		near[i] += v
	}
	samples := input.NewMixer(2, SampleRate).Mix([][]float32{near, far})
	got := words(text(transcribe(t, openBase(t), samples, Params{Language: "en", Beam: 5})))
	if n := distance(want, got); n > len(want)/6 {
		t.Errorf("%d of %d words are wrong: %q", n, len(want), got)
	} else {
		t.Logf("%d of %d words are wrong", n, len(want))
	}
}
