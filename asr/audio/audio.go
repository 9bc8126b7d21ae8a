// Package audio reads sound files as 16 kHz mono: WAV in its many forms, FLAC, MP3, Opus and
// Vorbis in Ogg, told apart by their content, decoded as a stream and resampled on the way;
// and what the program ffmpeg reads, if it is installed.
//
//	file → input (counts bytes) → wav | flac | mp3 | ogg → opus | vorbis
//	       (blocks of mono samples at the file's rate) → Resampler → Source.Read
//	other files → ffmpeg → Source.Read
//
// A file is never trusted: lengths in it are limits, not sizes to allocate. What can be
// decoded is handed out first, with silence for what is damaged; where nothing follows comes an
// error that names the file, the byte and the reason. Memory does not grow with a file's length.
package audio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"
)

// Rate is the sample rate of what Source.Read gives, in Hz.
const Rate = 16000

// Rates of files that are read, in Hz.
const (
	minRate = 1000
	maxRate = 768000
)

// ErrFormat is wrapped by Open's error for a file that is no sound, or sound in a form that is
// not read.
var ErrFormat = errors.New("not an audio format that can be read")

// decoder gives the samples of one file.
type decoder interface {
	rate() int
	frames() int64 // sample count of a channel as far as it is known, or -1
	// next returns the next samples, mixed to mono, valid until the next call; at the end,
	// perhaps along with the last ones, io.EOF or what is wrong.
	next() ([]float32, error)
	lost() int64 // how many samples couldn't be decoded
}

// Source is a stream of samples from a file. It belongs to one goroutine.
type Source struct {
	dec   decoder
	path  string
	res   *Resampler
	head  []float32 // decoded by Skip, and not passed over
	rest  []float32
	err   error
	close func() error

	at, read    int64 // samples of the file passed over or decoded; those that are read
	places      int   // that are damaged
	first, lost int64 // where the first begins, and samples in all of them
	hurt        bool  // the last block was damaged
}

// Open opens a sound file and reads its header.
func Open(path string) (*Source, error) { return OpenContext(context.Background(), path) }

// OpenContext is Open; when ctx ends, so does a program that decodes the file, and with it
// the source.
func OpenContext(ctx context.Context, path string) (*Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("audio: %w", err)
	}
	in := newInput(f, path, -1)
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
		in.size, in.at = st.Size(), f
	}
	dec, err := open(in)
	if err == nil {
		s := newSource(dec, f.Close)
		s.path = path
		return s, nil
	}
	f.Close()
	if in.size < 0 || !isForeign(err) {
		return nil, err // what isn't a file on disk can't be begun again
	}
	x, err := openFFmpeg(ctx, path, err)
	if err != nil {
		return nil, err
	}
	return newSource(x, func() error { x.close(); return nil }), nil
}

func newSource(dec decoder, close func() error) *Source {
	return &Source{dec: dec, res: NewResampler(dec.rate(), Rate), close: close}
}

// open tells the format by the first bytes.
func open(in *input) (decoder, error) {
	head, err := in.peek(512)
	if err != nil && err != io.EOF {
		return nil, in.wrong(err, "reading failed")
	}
	switch {
	case len(head) == 0:
		return nil, in.refuse(Empty, ErrFormat, "the file is empty")
	case bytes.HasPrefix(head, []byte("fLaC")):
		return openFLAC(in)
	case bytes.HasPrefix(head, []byte("ID3")):
		return openTagged(in)
	case bytes.HasPrefix(head, []byte("OggS")):
		return openOgg(in)
	case isMP3(head):
		return openMP3(in)
	case isWAV(head):
		return openWAV(in)
	case len(head) < 12:
		return nil, in.refuse(TooShort, short(io.EOF), "the file ends after %d bytes", len(head))
	case IsPicture(head):
		return nil, in.refuse(Picture, ErrFormat, "this is a picture, no sound")
	case isText(head):
		return nil, in.refuse(Text, ErrFormat, "this is text, no sound: it begins with %q", head[:min(len(head), 20)])
	}
	return nil, in.unread(guess(head))
}

// guess names what a file that is not read here seems to be, by its first bytes, twelve at least.
func guess(head []byte) string {
	for _, g := range []struct {
		at   int
		mark string
		name string
	}{
		{4, "ftyp", "this is an MP4 or M4A file"}, {0, "FORM", "this is an AIFF file"}, {0, "RIFX", "this is a big-endian WAV file"},
		{0, "\x1aE\xdf\xa3", "this is a WebM or Matroska file"}, {0, "#!AMR", "this is an AMR file"}, {0, "caff", "this is a Core Audio file"},
		{0, "0&\xb2u", "this is a Windows Media file"}, {0, "RIFF", "this is a RIFF file, but no WAV"},
	} {
		if len(head) >= g.at+len(g.mark) && string(head[g.at:g.at+len(g.mark)]) == g.mark {
			return g.name
		}
	}
	if kind := unreadMPEG(head); kind != "" {
		return kind
	}
	return fmt.Sprintf("it begins with %q, which is none of WAV, FLAC, MP3 and Ogg", head[:min(len(head), 4)])
}

// Read fills p with the next samples, 16 kHz mono from -1 to 1, and returns how many. At the
// end it returns 0 and io.EOF. For a file cut short or damaged it gives what is there and
// then an error, wrapping io.ErrUnexpectedEOF if the file ends too early; it stays. A damage
// that the rest of the file survives is silence, and told by Damage.
func (s *Source) Read(p []float32) (int, error) {
	for len(s.rest) == 0 && s.err == nil && len(p) > 0 {
		s.fill()
	}
	if n := copy(p, s.rest); n > 0 || len(p) == 0 {
		s.rest = s.rest[n:]
		return n, nil
	}
	return 0, s.err
}

// fill decodes and resamples the next block.
func (s *Source) fill() {
	if len(s.head) > 0 {
		s.rest, s.head = s.res.Push(s.head), nil
		return
	}
	block, err := s.block()
	s.rest = s.res.Push(block)
	if err != nil {
		s.err = err
		s.rest = slices.Clone(s.rest) // Flush writes where Push did
		s.rest = append(s.rest, s.res.Flush()...)
	}
}

// Duration returns how long the audio is by what the file says of itself and its size; 0 if
// unknown.
func (s *Source) Duration() time.Duration {
	n := s.dec.frames()
	if n < 0 {
		return 0
	}
	return time.Duration(min(float64(n)/float64(s.dec.rate())*1e9, math.MaxInt64/2))
}

// Close closes the file and ends what decodes it.
func (s *Source) Close() error {
	s.rest, s.err = nil, fmt.Errorf("audio: %w", os.ErrClosed)
	return s.close()
}

// clip makes v a finite number from -1 to 1.
func clip(v float32) float32 {
	if v != v {
		return 0
	}
	return min(max(v, -1), 1)
}
