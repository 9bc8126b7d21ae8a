package vad

// Ring keeps the last samples of a stream, numbered from its beginning, so that the audio before a
// Start event is still available when the event comes: push the same samples to the ring and to the
// Segmenter, and at a Start take ring.Slice(event.At, ring.End()). Ten seconds are enough for every
// Start with the options of Live. It belongs to one goroutine.
type Ring struct {
	buf []float32
	end int64 // samples written since the beginning
}

// NewRing returns a ring that keeps the last n samples (n at least 1).
func NewRing(n int) *Ring { return &Ring{buf: make([]float32, n)} }

// Write appends samples and drops the oldest.
func (r *Ring) Write(samples []float32) {
	if extra := len(samples) - len(r.buf); extra > 0 {
		r.end += int64(extra)
		samples = samples[extra:]
	}
	at := int(r.end % int64(len(r.buf)))
	n := copy(r.buf[at:], samples)
	copy(r.buf, samples[n:])
	r.end += int64(len(samples))
}

// End returns the number of the next sample, which is how many were written.
func (r *Ring) End() int64 { return r.end }

// Start returns the number of the oldest sample kept.
func (r *Ring) Start() int64 { return max(0, r.end-int64(len(r.buf))) }

// Slice returns a copy of those of the samples [from, to) that the ring holds.
func (r *Ring) Slice(from, to int64) []float32 {
	from, to = max(from, r.Start()), min(to, r.end)
	if from >= to {
		return nil
	}
	out := make([]float32, to-from)
	at := int(from % int64(len(r.buf)))
	n := copy(out, r.buf[at:])
	copy(out[n:], r.buf)
	return out
}

// Reset empties the ring; the next sample is number 0.
func (r *Ring) Reset() { r.end = 0 }
