package vad

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestTonalFilter: a tone whose pitch wavers is taken away, noise beside it remains, and full-scale samples
// before silence leave nothing.
func TestTonalFilter(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var f tonalFilter
	var x, noise [Chunk]float32
	var left, kept float64 // powers
	phase := 0.0
	for c := range 125 {
		for i := range x {
			at := float64(c*Chunk+i) / Rate
			phase += 2 * math.Pi * 330 * (1 + 0.01*math.Sin(2*math.Pi*0.3*at)) / Rate
			noise[i] = 0.02 * float32(rng.NormFloat64())
			x[i] = 0.5*float32(math.Sin(phase)) + noise[i]
		}
		f.push(x[:])
		for i, v := range f.rest() {
			if c >= 30 {
				left += float64(v-noise[i]) * float64(v-noise[i])
				kept += float64(noise[i]) * float64(noise[i])
			}
		}
	}
	n := float64(95 * Chunk)
	if left /= n; left > 0.125/200 {
		t.Errorf("the tone lost %.1f dB, want 23 or more", 10*math.Log10(0.125/left))
	}
	t.Logf("the tone lost %.1f dB; noise at %.1f dB", 10*math.Log10(0.125/left), 10*math.Log10(kept/n))
	for c := range 40 {
		for i := range x {
			x[i] = 0
			if c < 20 {
				x[i] = float32(1 - 2*(i/7%2))
			}
		}
		f.push(x[:])
		for _, v := range f.rest() {
			if !(v >= -4 && v <= 4) || c > 30 && v != 0 {
				t.Fatalf("chunk %d: %v", c, v)
			}
		}
	}
}

// TestNoLoudHum: in speech and in pink noise there is no loud hum; in an engine's there is one after a second.
func TestNoLoudHum(t *testing.T) {
	for _, name := range []string{"jfk", "goforward"} {
		x, d := clip(t, name), NewLeveled()
		for at := 0; at+Chunk <= len(x); at += Chunk {
			if d.Prob(x[at : at+Chunk]); d.before.loud {
				t.Errorf("%s: a hum at %.2f s", name, float64(at)/Rate)
				break
			}
		}
	}
	d, x := NewLeveled(), make([]float32, Chunk)
	for c := range humLeast {
		for i := range x {
			for k := range 5 {
				x[i] += 0.1 * float32(math.Sin(2*math.Pi*110*float64(k+1)*float64(c*Chunk+i)/Rate))
			}
		}
		d.Prob(x)
		clear(x)
	}
	if !d.before.loud {
		t.Error("no hum in harmonics of 110 Hz")
	}
}
