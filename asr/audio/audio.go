// Package audio reads sound files as 16 kHz mono: WAV, FLAC, MP3, and Opus and Vorbis in Ogg,
// recognised by their content, decoded as a stream and resampled; other files are decoded by the
// program ffmpeg, if it is installed.
//
//	file → input.Reader → wav | flac | mp3 | ogg → opus | vorbis
//	       (blocks of mono samples at the file's rate) → Resampler → Source.Read
//	other files → ffmpeg → Source.Read
//
// Files are not trusted: a length that a file states is a limit, never the size of an
// allocation. Damage ends nothing where decoding can resume: silence stands for what could not
// be decoded, and Source.Damage reports it. Where nothing more can be decoded, Read returns an
// error that names the file, the byte and the reason. Memory does not grow with a file's length.
package audio

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"time"

	"soberano/asr/audio/flac"
	"soberano/asr/audio/input"
)

// Rate is the sample rate of what Source.Read gives, in Hz.
const Rate = 16000

// ErrFormat is wrapped by Open's error for a file that is not a sound file, or one in a form
// that is not supported.
var ErrFormat = input.ErrFormat

// decoder decodes one file.
type decoder interface {
	Rate() int     // Hz
	Frames() int64 // samples of a channel as far as they are known, or -1
	// Next returns the next samples, mixed to mono, valid until the next call. At the end, or
	// together with the last samples, it returns io.EOF or the error that ends decoding.
	Next() ([]float32, error)
	Lost() int64 // samples that could not be decoded
	Remarks() []input.Remark
}

// Source is a stream of samples from a file. It belongs to one goroutine.
type Source struct {
	dec   decoder
	path  string
	res   *Resampler
	head  []float32 // decoded by Skip but not skipped
	rest  []float32 // resampled, to be read next
	err   error
	close func() error

	at, read    int64 // samples of the file skipped or decoded; those decoded to be read
	places      int   // damaged places
	first, lost int64 // where the first of them begins, and samples lost in all of them
	hurt        bool  // the last block was damaged
}

// Open opens a sound file and reads its header.
func Open(path string) (*Source, error) { return OpenContext(context.Background(), path) }

// OpenContext is Open with a context. When ctx ends, an external decoder of the file is
// stopped, and Read returns an error.
func OpenContext(ctx context.Context, path string) (*Source, error) { return OpenTrack(ctx, path, 0) }

// OpenTrack is OpenContext for one of several tracks with sound, such as those of a film, from 1 on. 0 is
// the track that the file declares as the default one, or else the first, but of these two and the
// others the first that has sound in its first minute.
func OpenTrack(ctx context.Context, path string, track int) (*Source, error) {
	f, err := openFile(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("audio: %w", err)
	}
	in := input.New(f, path, -1)
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() {
		in.Size, in.At = st.Size(), f
	}
	dec, err := open(in)
	if err == nil && track > 1 {
		err = in.Refuse(Unread, ErrFormat, "it has only one track, and track %d was asked for", track)
	}
	if err == nil {
		s := newSource(dec, f.Close)
		s.path = path
		return s, nil
	}
	_ = f.Close()
	if in.Size < 0 || !isForeign(err) {
		return nil, err // only a regular file can be read from its beginning again
	}
	x, err := openFFmpeg(ctx, path, track, err)
	if err != nil {
		return nil, err
	}
	return newSource(x, func() error { x.close(); return nil }), nil
}

// openFile opens a file. A named pipe is waited for until somebody writes into it or ctx ends, and reading it ends with ctx.
func openFile(ctx context.Context, path string) (*os.File, error) {
	if st, err := os.Stat(path); err != nil || st.Mode()&os.ModeNamedPipe == 0 {
		return os.Open(path)
	}
	type result struct {
		f   *os.File
		err error
	}
	opened := make(chan result, 1)
	go func() {
		f, err := os.Open(path)
		opened <- result{f, err}
	}()
	select {
	case r := <-opened:
		if r.err == nil {
			context.AfterFunc(ctx, func() { _ = r.f.Close() }) // a read that waits then returns an error
		}
		return r.f, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func newSource(dec decoder, close func() error) *Source {
	return &Source{dec: dec, res: NewResampler(dec.Rate(), Rate), close: close}
}

// open recognises the format by the first bytes and returns its decoder.
func open(in *input.Reader) (decoder, error) {
	head, err := in.Peek(512)
	if err != nil && err != io.EOF {
		return nil, in.Wrong(err, "reading failed")
	}
	switch {
	case len(head) == 0:
		return nil, in.Refuse(Empty, ErrFormat, "the file is empty")
	case bytes.HasPrefix(head, []byte("fLaC")):
		return flac.New(in)
	case bytes.HasPrefix(head, []byte("ID3")):
		return openTagged(in)
	case bytes.HasPrefix(head, []byte("OggS")):
		return openOgg(in)
	case isMP3(head):
		return openMP3(in)
	case isWAV(head):
		return openWAV(in)
	case len(head) < 12:
		return nil, in.Refuse(TooShort, input.Short(io.EOF), "the file ends after %d bytes", len(head))
	case IsPicture(head):
		return nil, in.Refuse(Picture, ErrFormat, "this is a picture, no sound")
	case isText(head):
		return nil, in.Refuse(Text, ErrFormat, "this is text, no sound: it begins with %q", head[:min(len(head), 20)])
	}
	return nil, unread(in, guess(head))
}

// openTagged opens a file that begins with an ID3 tag: MP3, or FLAC, before which some programs
// write one.
func openTagged(in *input.Reader) (decoder, error) {
	b, _ := in.Peek(10)
	if err := in.Skip(tagSize(b)); err != nil {
		return nil, in.Wrong(input.Short(err), "the file ends inside its ID3 tag")
	}
	if head, _ := in.Peek(4); string(head) == "fLaC" {
		return flac.New(in)
	}
	return openMP3(in)
}

// guess says what an unsupported file seems to be, by its first bytes, at least twelve.
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
// end it returns 0 and io.EOF. For a truncated or damaged file it returns the samples that can
// be decoded and then an error, the same at every further call, which wraps
// io.ErrUnexpectedEOF if the file ends too early. Damage within the file is silence, and
// reported by Damage.
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

// Duration returns the length of the audio as the file's header and size give it, 0 if unknown.
func (s *Source) Duration() time.Duration {
	n := s.dec.Frames()
	if n < 0 {
		return 0
	}
	return time.Duration(min(float64(n)/float64(s.dec.Rate())*1e9, math.MaxInt64/2))
}

// Close closes the file and stops an external decoder.
func (s *Source) Close() error {
	s.rest, s.err = nil, fmt.Errorf("audio: %w", os.ErrClosed)
	return s.close()
}
