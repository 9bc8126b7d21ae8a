package asr

import (
	"math"
	"math/rand/v2"
	"slices"
)

// The sounds of the tests of detection and of error rates. All of them are computed, and the same
// in every run.

// decibels returns the factor of an amplitude.
func decibels(dB float64) float32 { return float32(math.Pow(10, dB/20)) }

// scaled returns x multiplied by a factor and rounded to 16 bits, as a file holds it.
func scaled(x []float32, by float32) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(math.Round(float64(min(max(v*by, -1), 32767./32768))*32768)) / 32768
	}
	return out
}

// peakAt returns x with its largest sample at a level in dBFS.
func peakAt(x []float32, dB float64) []float32 {
	var peak float32
	for _, v := range x {
		peak = max(peak, v, -v)
	}
	if peak == 0 {
		return slices.Clone(x)
	}
	return scaled(x, decibels(dB)/peak)
}

// power returns the mean square of x.
func power(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum / float64(max(1, len(x)))
}

// biquad filters x by a Butterworth section of second order: below the corner frequency (a low-pass) or
// above it (R. Bristow-Johnson, Cookbook formulae for audio equalizer biquad filter coefficients).
func biquad(x []float32, corner float64, low bool) []float32 {
	w := 2 * math.Pi * corner / SampleRate
	alpha, cos := math.Sin(w)/math.Sqrt2, math.Cos(w)
	b0, b1 := (1-cos)/2, 1-cos
	if !low {
		b0, b1 = (1+cos)/2, -(1 + cos)
	}
	a0, a1, a2 := 1+alpha, -2*cos, 1-alpha
	out := make([]float32, len(x))
	var x1, x2, y1, y2 float64
	for i, v := range x {
		y := (b0*float64(v) + b1*x1 + b0*x2 - a1*y1 - a2*y2) / a0
		x1, x2, y1, y2 = float64(v), x1, y, y1
		out[i] = float32(y)
	}
	return out
}

// band filters x by several sections to what lies between two frequencies.
func band(x []float32, from, to float64) []float32 {
	for range 3 {
		x = biquad(biquad(x, from, false), to, true)
	}
	return x
}

// telephone returns x as a telephone transmits it: 300 to 3400 Hz.
func telephone(x []float32) []float32 { return band(x, 300, 3400) }

// white returns n samples of white noise, evenly distributed between -1 and 1.
func white(n int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([]float32, n)
	for i := range out {
		out[i] = 2*rng.Float32() - 1
	}
	return out
}

// pink returns n samples of noise whose power falls by 3 dB an octave (P. Kellet's filter).
func pink(n int, seed uint64) []float32 {
	out := white(n, seed)
	var b [3]float32
	for i, v := range out {
		b[0] = 0.99765*b[0] + v*0.0990460
		b[1] = 0.96300*b[1] + v*0.2965164
		b[2] = 0.57000*b[2] + v*1.0526913
		out[i] = (b[0] + b[1] + b[2] + v*0.1848) / 4
	}
	return out
}

// brown returns n samples of noise whose power falls by 6 dB an octave, as of wind or traffic.
func brown(n int, seed uint64) []float32 {
	out := white(n, seed)
	var sum float32
	for i, v := range out {
		sum = 0.998*sum + v
		out[i] = sum / 30
	}
	return out
}

// noisy returns x with noise that is snr dB softer than x.
func noisy(x, noise []float32, snr float64) []float32 {
	by := float32(math.Sqrt(power(x)/power(noise))) * decibels(-snr)
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = v + by*noise[i]
	}
	return out
}

// tones returns n samples of the sum of sines.
func tones(n int, hz ...float64) []float32 {
	out := make([]float32, n)
	for i := range out {
		for _, f := range hz {
			out[i] += float32(math.Sin(2*math.Pi*f*float64(i)/SampleRate)) / float32(len(hz))
		}
	}
	return out
}

// bursts returns n samples with short decaying sounds at random times, rate of them a second: noise
// between two frequencies that falls to a third in so many seconds.
func bursts(n int, seed uint64, rate, from, to, decay float64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 2))
	out := make([]float32, n)
	for at := 0.0; ; {
		at += rng.ExpFloat64() / rate * SampleRate
		if int(at) >= n {
			return band(out, from, to)
		}
		level := 0.3 + 0.7*rng.Float64()
		for i := int(at); i < min(n, int(at+6*decay*SampleRate)); i++ {
			out[i] += float32(level * math.Exp(-(float64(i)-at)/decay/SampleRate) * (2*rng.Float64() - 1))
		}
	}
}

// breath returns n samples of breathing: noise that swells and falls every two seconds.
func breath(n int, seed uint64) []float32 {
	out := band(white(n, seed), 400, 5000)
	for i := range out {
		out[i] *= float32(math.Pow(math.Sin(math.Pi*float64(i)/(2*SampleRate)), 4))
	}
	return out
}

// melody returns n samples of chords with overtones, struck every half second.
func melody(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		beat, in := i/(SampleRate/2), float64(i%(SampleRate/2))/SampleRate
		for k, semitone := range []int{0, 4, 7, 12} {
			f := 220 * math.Pow(2, float64(semitone+[]int{0, 5, 7, 3}[beat%4])/12)
			for h := 1; h <= 4; h++ {
				out[i] += float32(math.Sin(2*math.Pi*f*float64(h)*in+float64(k)) * math.Exp(-3*in) / float64(10*h))
			}
		}
	}
	return out
}

// struck returns n samples of a sound that begins again after a period in seconds.
func struck(n int, period float64, sound func(at float64) float64) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(sound(math.Mod(float64(i)/SampleRate, period)))
	}
	return out
}

func step(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// bark returns the sample of a bark at a time: a falling tone with overtones, which decays.
func bark(at float64) (v float64) {
	for k := 1.0; k < 10; k++ {
		v += math.Sin(2*math.Pi*k*(500*at-300*at*at)) / k
	}
	return v * math.Exp(-12*at)
}

// nonSpeech are sounds in which nobody speaks, ten seconds of each.
func nonSpeech() map[string][]float32 {
	const n = 10 * SampleRate
	rain := white(n, 21)
	for i, v := range bursts(n, 22, 300, 1500, 6000, 0.004) {
		rain[i] = rain[i]/8 + v
	}
	hum := tones(n, 50, 100, 150, 200, 250, 300, 400, 500)
	for i, v := range pink(n, 23) {
		hum[i] += v / 30
	}
	return map[string][]float32{
		"white noise": white(n, 24), "pink noise": pink(n, 25), "brown noise": brown(n, 26), "hum": hum, "rain": rain,
		"typing":   bursts(n, 27, 6, 1000, 6000, 0.008),
		"applause": bursts(n, 28, 120, 700, 5000, 0.012),
		"beeps":    struck(n, 0.5, func(at float64) float64 { return math.Sin(2*math.Pi*1000*at) * step(at < 0.25) }),
		"knocks":   struck(n, 0.65, func(at float64) float64 { return math.Sin(2*math.Pi*180*at) * math.Exp(-40*at) }),
		"barks":    struck(n, 0.6, bark),
		"breath":   breath(n, 29), "music": melody(n), "a tone": tones(n, 1000), "dialling": tones(n, 697, 1209),
	}
}
