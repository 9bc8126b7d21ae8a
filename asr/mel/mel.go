// Package mel computes the log-mel frames that are the input of Whisper.
//
//	samples, 16 kHz           window of frames·160, zeros appended as audio
//	│ reflected by 200 at both ends
//	│ every 160: 400 samples, times a periodic Hann window
//	│ |FFT|²                                            → [201] a frame
//	│ Slaney's mel filters, 0 to 8 kHz                  → [mels]
//	│ log10(max(·, 1e-10))
//	│ max(·, maximum of the window - 8), (· + 4)/4
//	frames [mels][frames], row-major
//
// These are OpenAI's frames (whisper/audio.py) for audio that fits one window. For longer audio
// OpenAI uses the maximum of the whole file, and frames at the ends of a window include samples
// beyond it. Here each window of 30 s is independent, so that streams are possible: it has its own
// maximum, which only changes the floor near silence, and the two frames at each end include
// reflected samples.
//
// The filters are triangles of equal area on Slaney's scale (Auditory Toolbox, 1998): 200/3 Hz per
// mel up to 1 kHz, then 27 mels for each factor of 6.4.
package mel

import (
	"fmt"
	"math"
	"sync"
)

const (
	// Rate is the sample rate in Hz that frames are made from.
	Rate = 16000
	// Hop is the number of samples from one frame to the next.
	Hop = 160
)

// Filter computes frames with a given number of mels. It is safe for use by several
// goroutines once Threads is set.
type Filter struct {
	Threads int // most goroutines that one call uses; below 2: only the caller's
	Mels    int
	plan    *plan
	hann    [size]float32
	rows    []row
}

// row is a mel filter: its weights from bin start on.
type row struct {
	start  int
	weight []float32
}

// New returns the filter for a number of mels from 1 to 201; Whisper models have 80 or 128. It
// panics for other numbers, so numbers from files have to be checked.
func New(mels int) *Filter {
	if mels < 1 || mels > bins {
		panic(fmt.Sprintf("mel: %d mels, want 1 to %d", mels, bins))
	}
	f := &Filter{Mels: mels, plan: newPlan(), rows: slaney(mels)}
	for i := range f.hann {
		f.hann[i] = float32(0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/size))
	}
	return f
}

// Frames returns the log-mel frames [Mels][frames] of the first frames·Hop samples of audio
// (16 kHz, mono); shorter audio is followed by silence. 30 s are 3000 frames.
func (f *Filter) Frames(audio []float32, frames int) []float32 {
	if frames <= 0 {
		return nil
	}
	audio = audio[:min(len(audio), frames*Hop)]
	out := make([]float32, f.Mels*frames)
	n := max(1, min(f.Threads, frames))
	if n == 1 {
		f.span(out, audio, frames, 0, frames)
	} else {
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { f.span(out, audio, frames, i*frames/n, (i+1)*frames/n) })
		}
		wg.Wait()
	}
	level(out)
	return out
}

// Window is Frames for a window of speech: frames after those of the audio are 0, which stands for
// steady noise of log10 -4, instead of silence. Whisper makes fewer errors then; faster-whisper pads
// in this way.
func (f *Filter) Window(audio []float32, frames int) []float32 {
	out := f.Frames(audio, frames)
	used := min((len(audio)+Hop-1)/Hop, frames)
	for m := range f.Mels {
		clear(out[m*frames+used : (m+1)*frames])
	}
	return out
}

// span computes log10 of the mel power of frames [from, to).
func (f *Filter) span(out, audio []float32, frames, from, to int) {
	var s scratch
	var x [size]float32
	var power [bins]float32
	for t := from; t < to; t++ {
		if t*Hop-size/2 >= len(audio) && (frames-t)*Hop > size { // silence, and no reflected samples
			for m := range f.Mels {
				out[m*frames+t] = -10
			}
			continue
		}
		f.cut(&x, audio, t, frames*Hop)
		f.plan.power(&s, &x, &power)
		for m, r := range f.rows {
			var sum float32
			for i, p := range power[r.start : r.start+len(r.weight)] {
				sum += r.weight[i] * p
			}
			out[m*frames+t] = log10(sum)
		}
	}
}

// cut writes the samples of frame t, weighted by the window, to x. The audio counts as total
// samples long, with zeros at its end, and is reflected at both ends without repeating the
// outermost sample.
func (f *Filter) cut(x *[size]float32, audio []float32, t, total int) {
	from := t*Hop - size/2
	if from >= 0 && from+size <= len(audio) {
		for i, v := range audio[from : from+size] {
			x[i] = v * f.hann[i]
		}
		return
	}
	for i := range x {
		n := from + i
		if n < 0 {
			n = -n
		}
		if n >= total {
			n = 2*(total-1) - n
		}
		x[i] = 0
		if n >= 0 && n < len(audio) {
			x[i] = audio[n] * f.hann[i]
		}
	}
}

// level limits x to 8 below its maximum and scales it.
func level(x []float32) {
	top := float32(-10)
	for _, v := range x {
		if v > top {
			top = v
		}
	}
	for i, v := range x {
		x[i] = (max(v, top-8) + 4) / 4
	}
}

func log10(x float32) float32 {
	if !(x > 1e-10) {
		return -10
	}
	return float32(math.Log(float64(x)) * (1 / math.Ln10))
}

// slaney returns the triangles of the mel filters.
func slaney(mels int) []row {
	const step = 200.0 / 3
	logStep := math.Log(6.4) / 27
	hz := func(mel float64) float64 {
		if mel < 15 {
			return step * mel
		}
		return 1000 * math.Exp(logStep*(mel-15))
	}
	top := 15 + math.Log(8)/logStep // 8 kHz
	rows := make([]row, mels)
	for m := range rows {
		lo, mid, hi := hz(top*float64(m)/float64(mels+1)), hz(top*float64(m+1)/float64(mels+1)), hz(top*float64(m+2)/float64(mels+1))
		for k := range bins {
			freq := float64(k) * Rate / size
			w := min((freq-lo)/(mid-lo), (hi-freq)/(hi-mid)) * 2 / (hi - lo)
			if w <= 0 {
				continue
			}
			if rows[m].weight == nil {
				rows[m].start = k
			}
			rows[m].weight = append(rows[m].weight, float32(w))
		}
	}
	return rows
}
