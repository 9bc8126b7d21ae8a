package audio

// Going to a place in a file: a WAV's frames have one size, so it is a jump; FLAC's don't, so
// its frames are decoded and dropped, without resampling them.

import (
	"io"
	"slices"
	"time"
)

// skipper is a decoder that can pass over frames faster than decoding them.
type skipper interface {
	// skip passes over n frames, fewer if the audio ends before that.
	skip(n int64) error
}

// Skip passes over that much of the audio, at its beginning: before the first Read, in as
// many steps as one likes. Behind the end, Read says how the audio ends.
func (s *Source) Skip(d time.Duration) error {
	n := int64(d.Seconds() * float64(s.dec.rate()))
	if n <= 0 || s.err != nil {
		return nil
	}
	if k, ok := s.dec.(skipper); ok {
		return k.skip(n)
	}
	for s.err == nil {
		if int64(len(s.head)) >= n {
			s.head = s.head[n:]
			return nil
		}
		n -= int64(len(s.head))
		var block []float32
		block, s.err = s.dec.next()
		s.head = append(s.head[:0], block...)
	}
	// The end, and perhaps its last samples: Read gives them, then the error.
	s.rest = slices.Clone(s.res.Push(s.head[min(n, int64(len(s.head))):]))
	s.rest = append(s.rest, s.res.Flush()...)
	s.head = nil
	return nil
}

func (w *wav) skip(n int64) error {
	frame := int64(w.channels * w.width)
	n = min(n, w.frames())
	if n <= 0 {
		return nil
	}
	if err := w.in.leap(n * frame); err != nil {
		return w.in.wrong(short(err), "going to %d bytes further failed", n*frame)
	}
	w.size -= n * frame
	return nil
}

// leap consumes n bytes, by a jump where the file allows one.
func (in *input) leap(n int64) error {
	file, ok := in.src.(io.Seeker)
	if !ok || in.size < 0 || n <= int64(in.r.Buffered()) {
		return in.skip(n)
	}
	if _, err := file.Seek(in.pos+n, io.SeekStart); err != nil {
		return err
	}
	in.r.Reset(in.src)
	in.pos += n
	return nil
}
