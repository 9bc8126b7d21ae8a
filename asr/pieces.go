package asr

import (
	"time"

	"soberano/asr/whisper"
)

// quiet is the probability of speech below which nobody speaks, as in vad.
const quiet = 0.35

// join returns the samples of pieces side by side.
func join(p []piece) []float32 {
	out := make([]float32, 0, len(p)*chunk)
	for _, x := range p {
		out = append(out, x.samples...)
	}
	return out
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
