package vad

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
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
	d, x := NewLeveled(), hum(humLeast*Chunk, 110, 5)
	for c := range humLeast {
		d.Prob(x[c*Chunk:][:Chunk])
	}
	if !d.before.loud {
		t.Error("no hum in harmonics of 110 Hz")
	}
}

// hum returns n samples of a hum of a frequency with so many harmonics of amplitude 0.1.
func hum(n int, hz float64, harmonics int) []float32 {
	out := make([]float32, n)
	for i := range out {
		for k := range harmonics {
			out[i] += 0.1 * float32(math.Sin(2*math.Pi*hz*float64(k+1)*float64(i)/Rate+float64(k*k)))
		}
	}
	return out
}

// beside returns x with a hum that is 12 dB louder from sample from on, both soft enough for their sum.
func beside(x, hum []float32, from int) []float32 {
	var a, b float64
	for i, v := range x {
		a, b = a+float64(v)*float64(v), b+float64(hum[i])*float64(hum[i])
	}
	by := float32(math.Sqrt(a/b) * math.Pow(10, 12./20))
	out := make([]float32, len(x))
	for i, v := range x {
		if out[i] = 0.2 * v; i >= from {
			out[i] += 0.2 * by * hum[i]
		}
	}
	return out
}

// TestHumFromItsBeginning: speech beside a hum that is 12 dB louder is found from its first words on, and where the hum
// begins while somebody speaks; what is left of the hum in the samples without it is softer than the speech.
func TestHumFromItsBeginning(t *testing.T) {
	x := clip(t, "jfk")
	x = slices.Concat(x, x)
	voiced := func(found []Range, from, to int) (n int) {
		for _, r := range found {
			n += max(0, min(r.End, to)-max(r.Start, from))
		}
		return n
	}
	want := Speech(x, Offline())
	tones := hum(len(x), 140, 7)
	for name, from := range map[string]int{"from the beginning": 0, "later": len(x)/2 + 3*Rate/2} {
		mixed := beside(x, tones, from)
		to := from + 5*Rate
		all, n := voiced(want, from, to), voiced(Speech(mixed, Offline()), from, to)
		if n < all*9/10 {
			t.Errorf("%s: %.1f of %.1f s of speech are found in 5 s", name, float64(n)/Rate, float64(all)/Rate)
		}
		d, ahead := NewLeveled(), 0
		var left, speech float64
		for at := 0; at+Chunk <= to; at += Chunk {
			for ; ahead < at+Ahead*Chunk && ahead+Chunk <= len(x); ahead += Chunk {
				d.Look(mixed[ahead:][:Chunk])
			}
			d.Prob(mixed[at:][:Chunk])
			rest := d.WithoutHum()
			if at < from+Rate/4 {
				continue
			}
			if rest == nil {
				t.Errorf("%s: the hum is there at %.2f s", name, float64(at-from)/Rate)
				break
			}
			for i, v := range rest {
				s := 0.2 * x[at+i]
				left, speech = left+float64((v-s)*(v-s)), speech+float64(s)*float64(s)
			}
		}
		if t.Logf("%s: what is left of the hum is %.1f dB softer than the speech", name, 10*math.Log10(speech/left)); left > speech/2 {
			t.Errorf("%s: the hum lost %.1f dB", name, 12+10*math.Log10(speech/left))
		}
	}
}

// TestLook: without a hum, looking ahead changes no probability, whatever the number of chunks; more than Ahead are
// refused.
func TestLook(t *testing.T) {
	x := clip(t, "goforward")
	rapid.Check(t, func(t *rapid.T) {
		a, b, ahead := NewLeveled(), NewLeveled(), 0
		for at := 0; at < len(x); at += Chunk {
			for n := rapid.IntRange(0, 20).Draw(t, "chunks"); n > 0 && ahead < min(at+Ahead*Chunk, len(x)); n-- {
				b.Look(x[ahead:min(ahead+Chunk, len(x))])
				ahead += Chunk
			}
			ahead = max(ahead, at+Chunk)
			part := x[at:min(at+Chunk, len(x))]
			if p, q := a.Prob(part), b.Prob(part); p != q || a.Level() != b.Level() {
				t.Fatalf("probability %v at %d, want %v; level %v, want %v", q, at, p, b.Level(), a.Level())
			}
		}
	})
	d := NewLeveled()
	for range Ahead {
		d.Look(x[:Chunk])
	}
	defer func() {
		if recover() == nil {
			t.Error("one chunk too many is looked at")
		}
	}()
	d.Look(x[:Chunk])
}
