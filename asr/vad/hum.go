package vad

import (
	"math"
	"slices"
)

const (
	humBins   = 33   // first bins, to 2 kHz, in which a hum is looked for
	humSpan   = 64   // latest chunks, 2 s, that show what is steady
	humLeast  = 32   // fewest chunks
	humEvery  = 8    // chunks from one estimate to the next
	humLow    = 0.05 // shares of the chunks at or below the power of a hum in its
	humHigh   = 0.4  // softest and in usual moments
	humSteady = 2.5  // most times by which the latter exceeds the former; noise exceeds it by 3 and more
	humOver   = 1.5  // times the power of the hum that are taken away, since it varies
	humShare  = 0.5  // of the power in these bins that a loud hum has at least
	humRest   = 0.03 // least share of the power that remains: without a rest, holes are left where the voice was
)

// humFilter takes the hum of an engine or of a transformer away from the spectrum that the network sees, which hears no speech
// beside a louder hum, also where that covers a part of the speech band only. The power of a hum in a bin hardly
// changes for seconds; that of speech and of noise does:
//
//	power of a bin   ▃▃▄▃▃▃▄▃▃▃▃▄▃▃   hum: its 5th and its 40th percentile are near each other
//	                 ▁▁▆█▅▁▂▇▆▁▁▃█▁   speech
//	                 ▂▅▃▆▁▄▃▅▂▆▁▃▄▂   noise
type humFilter struct {
	recent [humBins][humSpan]float32 // powers of the latest chunks
	n      int                       // chunks so far
	floor  [humBins]float32          // power of the hum; 0: none
	loud   bool                      // the hum has at least humShare of the power
}

// clean takes the hum away from the magnitudes of the next chunk's spectrum, [frames][bins].
func (h *humFilter) clean(mag []float32) {
	for i, p := range h.observe(mag) {
		if h.floor[i] == 0 || p == 0 {
			continue
		}
		gain := float32(math.Sqrt(float64(max(1-humOver*h.floor[i]/p, humRest))))
		for t := range frames {
			mag[t*bins+i] *= gain
		}
	}
}

// observe takes the next chunk's spectrum into the estimate of the hum and returns the power in each bin.
func (h *humFilter) observe(mag []float32) [humBins]float32 {
	var power [humBins]float32
	for t := range frames {
		for i, m := range mag[t*bins:][:humBins] {
			power[i] += m * m
		}
	}
	for i, p := range power {
		h.recent[i][h.n%humSpan] = p
	}
	if h.n++; h.n >= humLeast && h.n%humEvery == 0 {
		h.estimate()
	}
	return power
}

// estimate determines the power of the hum in each bin and whether it is loud.
func (h *humFilter) estimate() {
	n := min(h.n, humSpan)
	var hum, all float32
	for i := range h.recent {
		recent := h.recent[i][:n]
		least, sum := slices.Min(recent), float32(0)
		for _, p := range recent {
			sum += p
		}
		all += sum / float32(n)
		if h.floor[i] = 0; least*float32(n)*20 < sum { // a few chunks are far above a hum at most
			continue
		}
		sorted := slices.Clone(recent)
		slices.Sort(sorted)
		low, high := sorted[int(humLow*float64(n))], sorted[int(humHigh*float64(n))]
		if high <= humSteady*low {
			h.floor[i] = high
			hum += high
		}
	}
	h.loud = hum > 0 && hum >= humShare*all
}
