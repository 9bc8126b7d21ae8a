package audio

import (
	"math"
	"slices"
	"time"

	"soberano/asr/audio/input"
	"soberano/asr/audio/layer3"
)

// skipper is a decoder that can skip samples without decoding them. A WAV file is read at the
// computed byte, as its frames have one size; the frames of an MP3 and the pages of Ogg are
// skipped by their headers, up to the last ones; FLAC is bisected.
type skipper interface {
	// Skip moves forward by up to n samples and returns how many of them are left to be decoded and
	// dropped.
	Skip(n int64) (left int64, err error)
}

// Skip skips that much audio. It may be called several times, but only before the first Read. If
// the audio ends before, Read returns how. A decoder that cannot skip decodes and drops samples,
// without resampling them.
func (s *Source) Skip(d time.Duration) error {
	n := int64(math.Round(d.Seconds() * float64(s.dec.Rate())))
	if n <= 0 || s.err != nil {
		return nil
	}
	for s.err == nil {
		k := min(n, int64(len(s.head)))
		s.head, n = s.head[k:], n-k
		if n == 0 {
			return nil
		}
		if fast, ok := s.dec.(skipper); ok {
			left, err := fast.Skip(n)
			s.at, n = s.at+n-left, left
			if err != nil || n <= 0 {
				return err
			}
		}
		var block []float32
		block, s.err = s.dec.Next()
		s.at += int64(len(block))
		s.head = append(s.head[:0], block...)
	}
	// The end was reached: Read returns the samples that are left, then the error.
	s.rest = slices.Clone(s.res.Push(s.head[min(n, int64(len(s.head))):]))
	s.rest = append(s.rest, s.res.Flush()...)
	s.head = nil
	return nil
}

// Skip seeks to the target; a WAV of unknown length is decoded up to it.
func (w *wav) Skip(n int64) (int64, error) {
	frame := int64(w.channels * w.width)
	left := w.remaining()
	if left < 0 {
		return n, nil
	}
	if n = min(n, left); n == 0 {
		return 0, nil
	}
	if err := w.in.Leap(n * frame); err != nil {
		return 0, w.in.Wrong(input.Short(err), "going to %d bytes further failed", n*frame)
	}
	w.size -= n * frame
	return 0, nil
}

// mp3Warm is how many frames are decoded before the target: the data of a frame may begin 511
// bytes earlier, 6 frames of the lowest bit rate, and frames overlap.
const mp3Warm = 12

// Skip skips frames by their headers, up to mp3Warm frames before the target.
func (m *mp3) Skip(n int64) (int64, error) {
	for m.gap == 0 && n > mp3Warm*1152 && (m.whole < 0 || m.read < m.whole) && (m.total < 0 || m.done < m.total) {
		h, err := m.sync()
		if err != nil {
			return n, nil // Next returns the error
		}
		if m.gap = m.regain(); m.gap > 0 {
			return n, nil
		}
		if err := m.in.Skip(int64(h.size)); err != nil {
			return n, nil
		}
		m.tally(h)
		m.dec, m.stock, m.cold = layer3.Decoder{}, m.stock[:0], mp3Warm
		x := int64(h.samples())
		cut := min(m.skip, x)
		m.skip -= cut
		m.done += x - cut
		n -= x - cut
	}
	return n, nil
}
