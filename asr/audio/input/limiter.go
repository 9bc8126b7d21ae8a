package input

import "math"

const (
	limitPiece  = 0.02    // seconds with the same factor
	limitMemory = 10.0    // seconds after which a peak that is not reached again counts a third
	limitMost   = 1 << 31 // larger samples are damaged; some programs write the integers of 32 bits
)

// Limiter scales samples in floating point, which may be of any size, to -1 … 1, by the largest of the
// last seconds, if that is above 1. The shape of louder sounds is kept, which clipping destroys.
// The zero value is ready for use.
type Limiter struct{ peak float32 }

// Prime makes l know of samples that will come, so that what precedes the loudest is not scaled up.
func (l *Limiter) Prime(v float32) {
	if v = float32(math.Abs(float64(v))); v <= limitMost {
		l.peak = max(l.peak, v)
	}
}

// Limit scales the samples of all channels, as many of each, at a rate in Hz. NaN becomes 0.
func (l *Limiter) Limit(channels [][]float32, rate int) {
	n := len(channels[0])
	piece := max(1, int(limitPiece*float64(rate)))
	decay := float32(math.Exp(-limitPiece / limitMemory))
	for at := 0; at < n; at += piece {
		end := min(at+piece, n)
		l.peak *= decay
		for _, c := range channels {
			for _, v := range c[at:end] {
				l.Prime(v)
			}
		}
		l.peak = max(l.peak, 1)
		for _, c := range channels {
			for i, v := range c[at:end] {
				c[at+i] = Clip(v / l.peak)
			}
		}
	}
}
