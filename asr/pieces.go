package asr

import (
	"math"
	"slices"
	"time"

	"soberano/asr/whisper"
)

// quiet is the probability of speech below which nobody speaks, as in vad.
const quiet = 0.35

const (
	usualLevel = -30.0 // dB, to which the loud speech of a window is raised
	softerBy   = 18.0  // dB by which other speech may be softer than that
	mostRaise  = 50.0  // dB
	near       = 10    // pieces on both sides whose speech decides the gain of a piece
)

// join returns the samples of pieces side by side. Soft speech is raised, and so is speech that is
// much softer than the loud speech among them, such as the far side of a call: Whisper, whose
// features are not those of another level shifted, understands it badly or leaves it out.
func join(p []piece) []float32 { return appendJoined(nil, p) }

// appendJoined appends what join returns to out.
func appendJoined(out []float32, p []piece) []float32 {
	out = slices.Grow(out, len(p)*chunk)
	gains := gains(p)
	for i, x := range p {
		out = append(out, x.samples...)
		if gains != nil {
			fade(out[len(out)-len(x.samples):], gains[i], gains[min(i+1, len(p)-1)])
		}
	}
	return out
}

// gains returns the gain of each piece in dB, or nil if nothing is raised: all pieces get what brings
// the loud speech to usualLevel, those near speech also what brings the loudest of that to softerBy
// below.
func gains(p []piece) []float64 {
	var spoken []float64
	for _, x := range p {
		if x.voice >= 0.5 {
			spoken = append(spoken, x.level)
		}
	}
	if len(spoken) == 0 {
		return nil
	}
	slices.Sort(spoken)
	loud := spoken[len(spoken)*9/10]
	all, target := max(usualLevel-loud, 0), loud-softerBy
	if all == 0 && spoken[0] >= target {
		return nil
	}
	out := make([]float64, len(p))
	for i := range p {
		loudest := math.Inf(-1)
		for _, x := range p[max(0, i-near):min(len(p), i+near+1)] {
			if x.voice >= 0.5 {
				loudest = max(loudest, x.level)
			}
		}
		out[i] = all
		if !math.IsInf(loudest, -1) {
			out[i] += max(target-loudest, 0)
		}
		out[i] = min(out[i], mostRaise)
	}
	return out
}

// fade multiplies samples by a gain that goes from one to the other, in dB.
func fade(samples []float32, from, to float64) {
	if from == 0 && to == 0 {
		return
	}
	step := math.Pow(10, (to-from)/20/float64(chunk))
	by := math.Pow(10, from/20)
	for i := range samples {
		samples[i] = min(max(samples[i]*float32(by), -1), 1)
		by *= step
	}
}

// voiced reports whether a tenth of a second of samples [from, to) of the joined pieces is
// probably speech.
func voiced(p []piece, from, to int) bool { return voices(p, from, to) >= 3 }

// voices counts the pieces in samples [from, to) of the joined pieces that are probably speech.
func voices(p []piece, from, to int) int {
	n := 0
	for i := max(0, from/chunk); i < min(len(p), (to+chunk-1)/chunk); i++ {
		if p[i].voice >= 0.5 {
			n++
		}
	}
	return n
}

const (
	briefLeast = 5                  // pieces of speech of the shortest word
	briefMost  = SampleRate / chunk // pieces of speech of a few words
	clearMean  = 0.75               // mean probability of pieces that are clear speech
)

// clearSpeech reports whether p certainly has speech, at least a word. Coughs and other noises that are taken for speech
// have a lower probability.
func clearSpeech(p []piece) bool {
	n, sum := 0, 0.0
	for _, x := range p {
		if x.voice >= 0.5 {
			n++
			sum += float64(x.voice)
		}
	}
	return n >= briefLeast && sum >= clearMean*float64(n)
}

// brief reports whether a few words at most are clearly spoken in p, see whisper.Options.Brief.
func brief(p []piece) bool { return voices(p, 0, len(p)*chunk) <= briefMost && clearSpeech(p) }

// speechTicks returns for each whisper.Tick of n samples from sample from of the joined pieces on whether
// they are probably speech.
func speechTicks(p []piece, from, n int) []bool {
	out := make([]bool, n/tick)
	for i := range out {
		k := (from + i*tick) / chunk
		out[i] = k < len(p) && p[k].voice >= quiet
	}
	return out
}

const tick = int(whisper.Tick * SampleRate / time.Second) // samples

// spokenTime returns how long someone probably speaks in p.
func spokenTime(p []piece) time.Duration { return duration(voices(p, 0, len(p)*chunk) * chunk) }

// voicedLength returns how many pieces there are up to the last one that is probably speech.
func voicedLength(p []piece) int {
	n := len(p)
	for n > 0 && p[n-1].voice < 0.5 {
		n--
	}
	return n
}

// trailingSilence returns how many pieces at the end of p are silence.
func trailingSilence(p []piece) int {
	n := 0
	for n < len(p) && p[len(p)-1-n].voice < quiet {
		n++
	}
	return n
}

// voicedAfter reports whether someone speaks in p after piece number at.
func voicedAfter(p []piece, at int64) bool {
	for i := len(p) - 1; i >= 0 && p[i].at > at; i-- {
		if p[i].voice >= quiet {
			return true
		}
	}
	return false
}

// place returns the time in the audio of sample i of the joined pieces. The end of a segment
// belongs to the piece before it.
func place(p []piece, i int, end bool) time.Duration {
	k := i / chunk
	if end && i%chunk == 0 {
		k--
	}
	k = min(max(k, 0), len(p)-1)
	return duration(int(p[k].at)*chunk + min(max(i-k*chunk, 0), len(p[k].samples)))
}

func duration(samples int) time.Duration {
	return time.Duration(samples) * time.Second / SampleRate
}

func samplesOf(d time.Duration) int { return int(d * SampleRate / time.Second) }
