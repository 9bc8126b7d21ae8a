package audio

import (
	"fmt"
	"io"
	"time"
)

// Damage describes what of the audio read so far could not be decoded. Silence stands in its
// place, as long as what is lost where the file lets that be known, and the rest is decoded.
type Damage struct {
	Places int           // damaged places
	First  time.Duration // where the first of them begins
	Lost   time.Duration // length of all of them, as far as it is known
}

// String returns a sentence, "the file is damaged in 2 places, the first at 0:12:03; about 1.2 s
// could not be heard", or "" for no damage.
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

// Damage returns the damage in what was read so far.
func (s *Source) Damage() Damage {
	hz := float64(s.dec.Rate())
	return Damage{s.places, time.Duration(float64(s.first) / hz * 1e9), time.Duration(float64(s.lost) / hz * 1e9)}
}

// Remark is something unusual about a file that can be decoded.
type Remark struct {
	Kind   RemarkKind
	Length time.Duration // EndsEarly: what is missing; Understated: the length that the file states
	Track  int           // OtherTracks: the decoded track, from 1 on
	Tracks int           // OtherTracks: number of tracks with sound
}

// Remarks returns the remarks on what was read so far.
func (s *Source) Remarks() (list []Remark) {
	for _, r := range s.dec.Remarks() {
		list = append(list, Remark{r.Kind, time.Duration(float64(r.Samples) / float64(s.dec.Rate()) * 1e9), r.Track, r.Tracks})
	}
	return list
}

// block decodes the next block and records what of it is lost. At the end it refuses a file of
// which nine tenths or more could not be decoded.
func (s *Source) block() ([]float32, error) {
	before := s.dec.Lost()
	x, err := s.dec.Next()
	if n := s.dec.Lost() - before; n > 0 {
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
			Reason: fmt.Sprintf("the file is damaged: %.1f of %.1f s could not be decoded", s.Damage().Lost.Seconds(), float64(s.read)/float64(s.dec.Rate()))}
	}
	return x, err
}
