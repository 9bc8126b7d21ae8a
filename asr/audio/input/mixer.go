package input

import (
	"math"
	"slices"
)

const (
	mixMemory    = 0.25 // seconds after which energies count a third
	mixHold      = 10.0 // seconds after which a level that is not reached again counts a third
	mixOpposite  = -0.8 // correlation below which a channel is inverted
	mixSame      = 0    // correlation above which it is not inverted any more
	mixClear     = 2    // ratio of levels from which on a channel is clearly louder, 6 dB
	mixInaudible = 1e-3 // of the largest level: a channel below it is silent, -60 dB
	mixFaint     = 1e-3 // the largest level below which no channel counts as silent
	mixApart     = 8    // most times by which a channel may be softer than the loudest, 18 dB
	mixRaise     = 100  // most times by which a channel is raised, 40 dB
	mixLively    = 5    // least ratio of the levels of a voice and of its pauses; noise has 2 at most
)

// Mixer mixes the channels of a file to mono so that no voice is lost: it takes the mean of the
// channels that hold sound. A channel that is the opposite of the others (a cable with swapped wires) is
// inverted, since the mean would be silence.
//
// A channel that is much softer than the loudest, such as the far side of a call, is raised, so that it is not lost in the
// noise of the others, unless it has noise only.
//
// The correlations that decide this are those of the last quarter of a second, the levels those of the last
// ten seconds. A change of the weights of the channels is spread over 20 ms.
type Mixer struct {
	channels int
	piece    int       // samples of 20 ms
	decay    float64   // of the energies, a piece
	fade     float64   // of the levels, a piece
	leader   int       // a channel that is not clearly softer than any other
	energy   []float64 // sum of the squares of each channel
	product  []float64 // sum of the products of each channel with the leader
	levels   []float64 // largest root mean square of a piece of each channel
	pauses   []float64 // the smallest
	inverted []bool
	weights  []float32 // at the end of the last piece
	next     []float32 // at the end of the piece that is mixed
	begun    bool
	mono     []float32
}

// NewMixer returns a mixer for a number of channels at a rate in Hz.
func NewMixer(channels, rate int) *Mixer {
	m := &Mixer{channels: channels, piece: max(1, rate/50)}
	m.decay, m.fade = math.Exp(-0.02/mixMemory), math.Exp(-0.02/mixHold)
	m.energy, m.product, m.levels = make([]float64, channels), make([]float64, channels), make([]float64, channels)
	m.pauses = slices.Repeat([]float64{1}, channels)
	m.inverted, m.weights, m.next = make([]bool, channels), make([]float32, channels), make([]float32, channels)
	return m
}

// Mix returns the mono samples for the samples of all channels, as many of each, valid until the
// next call.
func (m *Mixer) Mix(channels [][]float32) []float32 {
	m.mono = m.mono[:0]
	if m.channels == 1 {
		m.mono = append(m.mono, channels[0]...)
		return m.mono
	}
	n := len(channels[0])
	for at := 0; at < n; at += m.piece {
		m.mixPiece(channels, at, min(at+m.piece, n))
	}
	return m.mono
}

// mixPiece mixes the samples from at to end.
func (m *Mixer) mixPiece(channels [][]float32, at, end int) {
	m.measure(channels, at, end)
	next := m.decide()
	if !m.begun {
		copy(m.weights, next)
		m.begun = true
	}
	base := len(m.mono)
	m.mono = append(m.mono, channels[0][at:end]...)
	clear(m.mono[base:])
	for c, w := range m.weights {
		step := (next[c] - w) / float32(end-at)
		for i, v := range channels[c][at:end] {
			m.mono[base+i] += v * (w + step*float32(i+1))
		}
	}
	for i, v := range m.mono[base:] {
		m.mono[base+i] = Clip(v)
	}
	copy(m.weights, next)
}

// measure updates the levels, the leader, the energies and the products.
func (m *Mixer) measure(channels [][]float32, at, end int) {
	share := float64(end-at) / float64(m.piece) // of a piece
	decay, fade := math.Pow(m.decay, share), math.Pow(m.fade, share)
	for c, x := range channels {
		sum := dot(x[at:end], x[at:end])
		m.energy[c] = m.energy[c]*decay + sum
		level := math.Sqrt(sum / float64(end-at))
		m.levels[c], m.pauses[c] = max(m.levels[c]*fade, level), min(m.pauses[c]/fade, level)
	}
	m.lead()
	for c, x := range channels {
		m.product[c] = m.product[c]*decay + dot(x[at:end], channels[m.leader][at:end])
	}
}

func dot(x, y []float32) (sum float64) {
	for i, v := range x {
		sum += float64(v) * float64(y[i])
	}
	return sum
}

// lead changes the leader if another channel is clearly louder.
func (m *Mixer) lead() {
	best := m.leader
	for c, l := range m.levels {
		if l > m.levels[best] {
			best = c
		}
	}
	if m.levels[best] > mixClear*m.levels[m.leader] {
		m.leader = best
		clear(m.product)
	}
}

// decide returns the weight of each channel.
func (m *Mixer) decide() []float32 {
	top := 0.0
	for _, l := range m.levels {
		top = max(top, l)
	}
	weights := m.next
	clear(weights)
	sounding := float32(0)
	for c, l := range m.levels {
		if l < top*mixInaudible && top > mixFaint {
			continue
		}
		sounding++
		m.invert(c)
		if weights[c] = m.raise(c, top); m.inverted[c] {
			weights[c] = -weights[c]
		}
	}
	for c := range weights {
		weights[c] /= max(1, sounding)
	}
	return weights
}

// raise returns the factor by which channel c is raised, where the loudest has the level top.
func (m *Mixer) raise(c int, top float64) float32 {
	if l := m.levels[c]; l*mixApart < top && l >= mixLively*m.pauses[c] {
		return float32(min(top/(mixApart*l), mixRaise))
	}
	return 1
}

// invert decides whether channel c is inverted, by its correlation with the leader.
func (m *Mixer) invert(c int) {
	norm := math.Sqrt(m.energy[m.leader] * m.energy[c])
	if norm == 0 {
		return
	}
	r := m.product[c] / norm
	if m.inverted[m.leader] {
		r = -r
	}
	switch {
	case r < mixOpposite:
		m.inverted[c] = true
	case r > mixSame:
		m.inverted[c] = false
	}
}
