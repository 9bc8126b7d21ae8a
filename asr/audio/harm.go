package audio

// What of a file is damaged. Damage ends nothing: where nothing can be decoded stands silence
// as long as what is lost, as far as the file tells, and the rest is heard. A decoder counts the
// samples; the source makes places of them, and refuses at the end what was nearly nothing else.

import (
	"fmt"
	"io"
	"time"
)

// hole is how much silence, in seconds, stands for what is lost by the positions a file tells: a
// small one could tell of years.
const hole = 3600

// Damage is what of the audio read so far could not be decoded.
type Damage struct {
	Places int
	First  time.Duration // where the first place begins
	Lost   time.Duration // how long all of them are; that of a place may be unknown
}

// String says it in a sentence: "the file is damaged in 2 places, the first at 0:12:03; 1.2 s
// could not be heard"; "" for none.
func (d Damage) String() string {
	where, first := "in one place, at ", d.First.Truncate(time.Second)
	switch {
	case d.Places == 0:
		return ""
	case d.Places > 1:
		where = fmt.Sprintf("in %d places, the first at ", d.Places)
	}
	where += fmt.Sprintf("%d:%02d:%02d", first/time.Hour, first/time.Minute%60, first/time.Second%60)
	return fmt.Sprintf("the file is damaged %s; about %.1f s could not be heard", where, max(0.1, d.Lost.Seconds()))
}

// Damage returns what is damaged of what was read.
func (s *Source) Damage() Damage {
	hz := float64(s.dec.rate())
	return Damage{s.places, time.Duration(float64(s.first) / hz * 1e9), time.Duration(float64(s.lost) / hz * 1e9)}
}

// block decodes the next block and counts what of it is lost.
func (s *Source) block() ([]float32, error) {
	before := s.dec.lost()
	x, err := s.dec.next()
	if n := s.dec.lost() - before; n > 0 {
		if s.places == 0 {
			s.first = s.at
		}
		if !s.hurt {
			s.places++
		}
		s.lost += n
		s.hurt = true
	} else if len(x) > 0 {
		s.hurt = false
	}
	s.at += int64(len(x))
	s.read += int64(len(x))
	if err == io.EOF && s.lost > 0 && s.lost >= s.read/10*9 {
		err = &Error{Path: s.path, At: -1, Kind: Damaged, Err: ErrFormat,
			Reason: fmt.Sprintf("the file is damaged: %.1f of %.1f s could not be decoded", s.Damage().Lost.Seconds(), float64(s.read)/float64(s.dec.rate()))}
	}
	return x, err
}

// harm counts the samples that a decoder lost.
type harm struct {
	missing int64
	quiet   []float32
}

func (h *harm) lose(n int64) { h.missing += n }
func (h *harm) lost() int64  { return h.missing }

// silence returns n samples of it, but not more than a block, to stand for what is lost.
func (h *harm) silence(n int64) []float32 {
	if h.quiet == nil {
		h.quiet = make([]float32, 1<<13)
	}
	n = min(n, int64(len(h.quiet)))
	h.lose(n)
	return h.quiet[:n]
}
