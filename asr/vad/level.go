package vad

import (
	"math"
	"slices"
)

const (
	levelSpan = 45   // chunks, 1.44 s, whose levels decide the gain
	fastSpan  = 12   // latest of them, 0.38 s, which show that a softer speaker has begun
	peakSpan  = 12   // latest of them whose loudest limits the gain
	peakFall  = 3.0  // dB, by which each chunk before is less limited
	peakOver  = 12.0 // dB, by which a softer chunk may be raised more than the loudest
	loudShare = 0.6  // of the chunks of a span, those at or below the level that counts
	bandFrom  = 5    // first bin of the speech band, 312 Hz
	bandTo    = 55   // bin after its last, 3375 Hz

	targetLevel  = -28.0 // dB, to which soft speech is raised
	fastBelow    = 15.0  // dB, by which it is raised less where only the latest chunks are soft
	mostGain     = 50.0  // dB: the noise of 16 bits stays below the speech threshold
	ceilingLevel = -14.0 // dB, beyond which a chunk is not raised

	// silentLevel is the level of digital silence.
	silentLevel = -120.0
)

// leveler computes the gain by which the spectrum of a chunk is multiplied before the network sees
// it, so that soft speech is found like loud speech. The network was trained on speech of ordinary
// level, and its convolutions begin with a bias: below about -45 dBFS it finds less and less.
//
//	level of a chunk    power between 300 and 3400 Hz, which a telephone passes
//	level of the sound  the 60th percentile of the last 1.44 s: a word counts, a click or a breath does not;
//	                    or that of the last 0.38 s and fastBelow, if this is less: a soft answer
//	                    after loud speech
//	gain                from that level to targetLevel, never below 0 dB, at most mostGain,
//	                    never more than ceilingLevel allows this chunk, and at most peakOver more than it
//	                    allows the loudest of the last 0.38 s
//
// The gain depends on nothing later than the chunk. After loud speech it rises slowly, so that
// the pauses between words stay quiet, and words with silence between them keep the shape of their level: if each chunk
// were raised to the ceiling by itself, the network would hear no speech in them.
type leveler struct {
	recent [levelSpan]float64 // levels of the latest chunks
	n      int                // chunks so far
}

// gain returns the factor for a chunk of a level in dB.
func (l *leveler) gain(level float64) float32 {
	l.recent[l.n%levelSpan] = level
	l.n++
	usual := min(l.usual(levelSpan), l.usual(fastSpan)+fastBelow)
	dB := min(targetLevel-usual, ceilingLevel-max(level, l.loudest()-peakOver), mostGain)
	return float32(math.Pow(10, max(dB, 0)/20))
}

// loudest returns the largest level of the latest chunks; those before peakSpan count less.
func (l *leveler) loudest() float64 {
	top := silentLevel
	for i := range min(l.n, levelSpan) {
		top = max(top, l.recent[(l.n-1-i)%levelSpan]-peakFall*float64(max(0, i-peakSpan)))
	}
	return top
}

// usual returns the level that loudShare of the latest span chunks do not exceed.
func (l *leveler) usual(span int) float64 {
	var sorted [levelSpan]float64
	n := min(l.n, span)
	for i := range n {
		sorted[i] = l.recent[(l.n-1-i)%levelSpan]
	}
	slices.Sort(sorted[:n])
	return sorted[int(loudShare*float64(n-1)+0.5)]
}

// limitHum limits the magnitudes of a chunk's spectrum [frames][bins] below the speech band to the largest
// in it. The voice is hardly louder there; an engine or mains hum is, and the network hears no speech
// beside it.
func limitHum(mag []float32) {
	for t := range frames {
		row := mag[t*bins:][:bins]
		peak := slices.Max(row[bandFrom:bandTo])
		for i, v := range row[:bandFrom] {
			row[i] = min(v, peak)
		}
	}
}

// bandLevel returns the level in dB, relative to a full scale, of the speech band in the
// magnitudes of a chunk's spectrum, [frames][bins].
func bandLevel(mag []float32) float64 {
	var sum float64
	for t := range frames {
		for _, m := range mag[t*bins+bandFrom : t*bins+bandTo] {
			sum += float64(m) * float64(m)
		}
	}
	// Σ m² over the positive bins is half of window · Σ w² · power, with Σ w² = 3/8 window for Hann's window.
	const full = frames * window * window * 3 / 16
	return max(10*math.Log10(sum/full+1e-30), silentLevel)
}
