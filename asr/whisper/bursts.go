package whisper

// burstRise is how much the level of a burst rises above the level before it and falls after it: 5 dB, in
// the unit of mel frames, log10/4 of the power.
const burstRise = 0.125

// levels returns the mean of the mel bins for each two frames of mel [mels][frames], a Tick each, smoothed
// over three of them.
func levels(mel []float32, mels int) []float32 {
	frames := len(mel) / mels
	raw := make([]float32, frames/2)
	for b := range mels {
		row := mel[b*frames:][:frames]
		for i := range raw {
			raw[i] += (row[2*i] + row[2*i+1]) / float32(2*mels)
		}
	}
	out := make([]float32, len(raw))
	for i := range raw {
		before, after := raw[max(0, i-1)], raw[min(len(raw)-1, i+1)]
		out[i] = (before + raw[i] + after) / 3
	}
	return out
}

// bursts counts the bursts of sound in levels. A word has at least one, so there are no more words.
func bursts(levels []float32) int {
	n, up := 0, false
	var low, high float32
	for i, v := range levels {
		switch {
		case i == 0:
			low = v
		case up && v > high:
			high = v
		case up && v < high-burstRise:
			up, low = false, v
		case !up && v < low:
			low = v
		case !up && v > low+burstRise:
			n, up, high = n+1, true, v
		}
	}
	return n
}
