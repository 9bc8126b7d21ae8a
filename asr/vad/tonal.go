package vad

const (
	tonalTaps  = 2 * Chunk // samples from which one is predicted
	tonalDelay = Chunk     // samples between the last of these and the predicted one: a voice changes in this time
	tonalRate  = 0.06      // step of the adaptation: a harmonic with a tenth of the power is followed within 30 ms
)

// tonalFilter takes the tones of a hum away from samples. It predicts each sample from samples that are 32 to 96 ms older, with
// weights that normalized least mean squares adapts (an adaptive line enhancer: Widrow et al., Adaptive noise cancelling, 1975);
// what is predicted are the tones, what remains is the rest:
//
//	x(t) ─┬───────────────────────── + ─┬─ rest e(t)
//	      │                        − │  │
//	      └─ delay 512 ─ 1024 weights┘  │
//	                        ↑───────────┘ weights += tonalRate · e(t) · samples / their power
//
// A hum that is 12 dB louder than a voice loses 16 to 18 dB, and Whisper understands the voice in the rest: with 7 harmonics of
// 171 Hz, 1 instead of 22 of 43 words is wrong.
//
// Unlike the bins of a spectrum it follows a pitch that wavers, and separates harmonics that share a bin.
type tonalFilter struct {
	weight [tonalTaps]float32
	past   [tonalTaps + tonalDelay + Chunk]float32 // latest samples; the last Chunk are those of push
	out    [Chunk]float32
}

// push appends the next Chunk samples.
func (f *tonalFilter) push(x []float32) {
	copy(f.past[:], f.past[Chunk:])
	copy(f.past[tonalTaps+tonalDelay:], x)
}

// rest returns the pushed samples without their tones, valid until the next call, and adapts the weights.
func (f *tonalFilter) rest() []float32 {
	var power float64 // of the samples that the weights multiply
	for _, v := range f.past[:tonalTaps] {
		power += float64(v) * float64(v)
	}
	for i, x := range f.past[tonalTaps+tonalDelay:] {
		in := f.past[i:][:tonalTaps]
		e := x - f.predict(in)
		step := tonalRate * e / float32(power+1e-6)
		for k, v := range in {
			f.weight[k] += step * v
		}
		first, next := float64(in[0]), float64(f.past[i+tonalTaps])
		power = max(power-first*first+next*next, 0)
		f.out[i] = e
	}
	return f.out[:]
}

// predict returns the product of the weights and samples.
func (f *tonalFilter) predict(in []float32) float32 {
	var a, b, c, d float32 // independent sums: the processor adds them at the same time
	for k := 0; k < tonalTaps; k += 4 {
		w, x := f.weight[k:][:4], in[k:][:4]
		a += w[0] * x[0]
		b += w[1] * x[1]
		c += w[2] * x[2]
		d += w[3] * x[3]
	}
	return a + b + c + d
}
