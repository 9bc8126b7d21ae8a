package audio

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func convert(from, to int, x []float32) []float32 {
	r := NewResampler(from, to)
	return append(slices.Clone(r.Push(x)), r.Flush()...)
}

// sine returns n samples of a sine of hz at a rate.
func sine(hz float64, rate, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.Sin(2 * math.Pi * hz * float64(i) / float64(rate)))
	}
	return x
}

// A sine in the pass band is resampled to the same sine at the other rate; a sine that the other rate
// cannot represent is removed: both by 80 dB, except at the edges.
func TestSines(t *testing.T) {
	rates := []int{1000, 8000, 11025, 12000, 22050, 24000, 32000, 44100, 48000, 96000, 192000, 768000, 44101, 15999, 16001, 47777}
	for _, from := range rates {
		band := float64(min(from, Rate)) / 2
		n := from/2 + 4000*from/Rate
		for _, part := range []float64{0.01, 0.1, 0.5, 0.87} {
			hz := part * band
			got, want := convert(from, Rate, sine(hz, from, n)), sine(hz, Rate, n*Rate/from+1)
			if l := (n*Rate + from - 1) / from; len(got) != l {
				t.Fatalf("%d Hz: %d samples of %d, want %d", from, len(got), n, l)
			}
			if snr := ratio(got, want, 2*crossings*Rate/min(from, Rate)); snr < 80 {
				t.Errorf("%d Hz: a sine of %.0f Hz at %.1f dB", from, hz, snr)
			}
		}
		if from > Rate+2000 {
			for _, hz := range []float64{8000, 8100, (8000 + float64(from)/2) / 2, float64(from)/2 - 10} {
				got := convert(from, Rate, sine(hz, from, n))
				if left := level(got[200 : len(got)-200]); left > -80 {
					t.Errorf("%d Hz: a sine of %.0f Hz leaves %.1f dB", from, hz, left)
				}
			}
		}
	}
}

// ratio returns the signal-to-noise ratio of got in dB, without its edges.
func ratio(got, want []float32, edge int) float64 {
	var signal, noise float64
	for i := edge; i < len(got)-edge; i++ {
		d := float64(got[i] - want[i])
		signal, noise = signal+float64(want[i])*float64(want[i]), noise+d*d
	}
	return 10 * math.Log10(signal/noise)
}

// level returns the mean power relative to that of a full-scale sine, in dB.
func level(x []float32) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(2*sum/float64(len(x))+1e-30)
}

// However the input is divided, the output is bit-identical; after Flush the resampler is as new.
func TestBlocksMakeNoDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.SampledFrom([]int{1000, 8000, 11025, 16000, 22050, 44100, 48000, 96000, 44101, 192000}).Draw(t, "from")
		n := rapid.IntRange(0, 3000).Draw(t, "n")
		x := sine(float64(from)/7.3, from, n)
		want := convert(from, Rate, x)
		r := NewResampler(from, Rate)
		for range 2 {
			var got []float32
			for rest := x; len(rest) > 0; {
				k := min(len(rest), rapid.IntRange(0, 700).Draw(t, "k"))
				got = append(got, r.Push(rest[:k])...)
				rest = rest[k:]
			}
			got = append(got, r.Flush()...)
			if !slices.Equal(got, want) {
				t.Fatalf("from %d: %d samples, want %d", from, len(got), len(want))
			}
		}
	})
}

func TestConstantStaysConstant(t *testing.T) {
	x := slices.Repeat([]float32{0.5}, 20000)
	for _, from := range []int{8000, 44100, 48000, 44101} {
		got := convert(from, Rate, x)
		for _, v := range got[200 : len(got)-200] {
			if math.Abs(float64(v)-0.5) > 5e-5 {
				t.Fatalf("from %d: %v", from, v)
			}
		}
	}
}

func BenchmarkResample48k(b *testing.B) {
	x := sine(440, 48000, 48000)
	r := NewResampler(48000, Rate)
	for b.Loop() {
		r.Push(x)
	}
}
