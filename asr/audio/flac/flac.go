// Package flac decodes FLAC files (RFC 9639) to mono samples, as a stream, with seeking.
//
// A file, big-endian, read bit by bit:
//
//	"fLaC", then metadata blocks: 1 bit last, 7 bits type, 24 bits length, bytes; the first is
//	STREAMINFO: 16 smallest and 16 largest block, 24 and 24 frame sizes, 20 rate, 3 channels - 1,
//	            5 bits per sample - 1, 36 samples (0: unknown), 16 bytes MD5
//	frames: 14 bits 11111111111110, 1 zero, 1 blocking strategy, 4 block size, 4 rate, 4 channels,
//	        3 sample size, 1 zero, a number of 1 to 7 bytes, [block size], [rate], CRC-8,
//	        a subframe for each channel, zeros to the byte, CRC-16
//
// Files are not trusted. A frame is decoded into memory that grows with what the file really
// holds; a block has at most 65,536 samples in 8 channels. Both CRCs of a frame are checked.
// The MD5 is not, because it could report damage only at the end of the file.
//
// The package exists because the available library, with which the tests compare it, logs every
// frame of 24 kHz, does not decode sample sizes that only STREAMINFO states, and does not know
// its position after damage.
package flac

import (
	"errors"
	"fmt"
	"io"

	"soberano/asr/audio/input"
)

// Decoder decodes one FLAC file. It belongs to one goroutine.
type Decoder struct {
	input.Losses
	in       *input.Reader
	br       bitReader
	block    int64 // samples of the largest block, and of every block if all have one size
	hz       int
	channels int
	depth    uint       // bits per sample
	total    int64      // samples of a channel, 0 if unknown
	done     int64      // samples of a channel returned or skipped
	gap      int64      // lost samples that are still to be returned as silence
	held     int        // samples of the decoded frame that follows the gap
	samples  [8][]int64 // [channel][sample of the frame]
	split    [][]float32
	mixer    *input.Mixer
}

// New reads the metadata of a file that begins with "fLaC" and returns its decoder. Errors wrap
// input.ErrFormat, or io.ErrUnexpectedEOF for a file that ends inside its metadata.
func New(in *input.Reader) (*Decoder, error) {
	f := &Decoder{in: in, br: bitReader{in: in}}
	var b [34]byte
	if err := in.Full(b[:4]); err != nil {
		return nil, in.Wrong(input.Short(err), "the FLAC header is cut off")
	}
	for first, last := true, false; !last; first = false {
		if err := in.Full(b[:4]); err != nil {
			return nil, in.Wrong(input.Short(err), "the FLAC header is cut off")
		}
		kind, size := b[0]&127, int64(b[1])<<16|int64(b[2])<<8|int64(b[3])
		last = b[0]&128 != 0
		if first {
			if kind != 0 || size < 34 {
				return nil, in.Wrong(input.ErrFormat, "the FLAC header is damaged: its first block is of type %d and has %d bytes, it must be the stream's description of 34", kind, size)
			}
			if err := in.Full(b[:34]); err != nil {
				return nil, in.Wrong(input.Short(err), "the FLAC header is cut off")
			}
			if err := f.streamInfo(b[:34]); err != nil {
				return nil, err
			}
			size -= 34
		}
		if err := in.Skip(size); err != nil {
			return nil, in.Wrong(input.Short(err), "the file ends inside a metadata block")
		}
	}
	f.split, f.mixer = make([][]float32, f.channels), input.NewMixer(f.channels, f.hz)
	return f, nil
}

// streamInfo reads the fields of STREAMINFO and checks their ranges.
func (f *Decoder) streamInfo(b []byte) error {
	f.block = int64(b[2])<<8 | int64(b[3])
	f.hz = int(b[10])<<12 | int(b[11])<<4 | int(b[12])>>4
	f.channels = int(b[12]>>1&7) + 1
	f.depth = (uint(b[12]&1)<<4 | uint(b[13]>>4)) + 1
	f.total = int64(b[13]&15)<<32 | int64(b[14])<<24 | int64(b[15])<<16 | int64(b[16])<<8 | int64(b[17])
	if f.hz < input.MinRate || f.hz > input.MaxRate {
		return f.in.Wrong(input.ErrFormat, "the FLAC header states a rate of %d Hz; %d to %d Hz can be read", f.hz, input.MinRate, input.MaxRate)
	}
	if f.depth < 4 {
		return f.in.Wrong(input.ErrFormat, "the FLAC header states samples of %d bits; 4 to 32 can be read", f.depth)
	}
	return nil
}

// Rate returns the sample rate in Hz.
func (f *Decoder) Rate() int { return f.hz }

// Frames returns the number of samples of a channel, or -1 if the file does not state it.
func (f *Decoder) Frames() int64 {
	if f.total == 0 {
		return -1
	}
	return f.total
}

// Next decodes the next frame and returns its samples, mixed to mono by input.Mixer, from -1 to 1,
// valid until the next call. For a damaged frame it returns silence, as long as what is lost. At
// the end it returns io.EOF, or an error that wraps io.ErrUnexpectedEOF if samples are missing.
func (f *Decoder) Next() ([]float32, error) {
	if f.gap > 0 {
		x := f.Silence(f.gap)
		f.gap -= int64(len(x))
		f.done += int64(len(x))
		return x, nil
	}
	if n := f.held; n > 0 {
		f.held = 0
		f.done += int64(n)
		return f.mix(n), nil
	}
	if f.total > 0 && f.done >= f.total && !f.continues() {
		return nil, io.EOF // tags may follow
	}
	head, err := f.in.Peek(2)
	switch {
	case len(head) == 0 && err != io.EOF:
		return nil, f.in.Wrong(err, "reading failed")
	case len(head) == 0 && f.total > 0:
		err := f.in.Wrong(io.ErrUnexpectedEOF, "the file is cut off: %d of %d samples are missing", f.total-f.done, f.total)
		return nil, f.Ends(f.total-f.done, f.done, f.hz, err)
	case len(head) == 0 || f.total == 0 && string(head) == "TA":
		return nil, io.EOF
	}
	start := f.in.Pos
	n, err := f.frame()
	if f.br.err != nil {
		err = f.br.err // the frame is truncated: zeros read after the end are not damage
	}
	if err == io.ErrUnexpectedEOF {
		err = f.in.Wrong(err, "the file is cut off inside the frame that begins at byte %d", start)
	} else if err != nil {
		err = f.in.Wrong(err, "the frame that begins at byte %d is damaged", start)
	}
	if err == nil {
		f.done += int64(n)
		return f.mix(n), nil
	}
	if f.regain(start + 1) {
		return f.Next()
	}
	if f.total > 0 && errors.Is(err, io.ErrUnexpectedEOF) {
		err = f.Ends(f.total-f.done, f.done, f.hz, err)
	}
	return nil, err
}

// continues reports whether a frame follows all samples that the header states. From then on the number
// of samples is unknown.
func (f *Decoder) continues() bool {
	b, _ := f.in.Peek(18)
	if len(b) < 18 || b[0] != 0xFF || b[1]&0xFE != 0xF8 {
		return false
	}
	if s, ok := f.sampleOf(b); !ok || s != f.done {
		return false
	}
	f.Note(input.Remark{Kind: input.Understated, Samples: f.total})
	f.total = 0
	return true
}

// regain finds and decodes the next whole frame at byte from or later. Its number gives how many
// samples are lost before it.
func (f *Decoder) regain(from int64) bool {
	for f.in.Find(from, "\xff") {
		from = f.in.Pos + 1
		sample, ok := f.begins()
		if !ok {
			_ = f.in.Skip(1)
			continue
		}
		if n, err := f.frame(); err == nil && f.br.err == nil {
			f.gap, f.held = sample-f.done, n
			return true
		}
	}
	return false
}

// begins reports whether a frame header stands at the present position, and the frame's first
// sample.
func (f *Decoder) begins() (int64, bool) {
	b, _ := f.in.Peek(18)
	if len(b) < 18 || b[0] != 0xFF || b[1]&0xFE != 0xF8 {
		return 0, false
	}
	s, ok := f.sampleOf(b)
	return s, ok && s >= f.done && s-f.done <= input.MaxGap*int64(f.hz)-f.Lost() && (f.total == 0 || s < f.total)
}

// mix returns n samples of all channels, mixed to mono.
func (f *Decoder) mix(n int) []float32 {
	scale := 1 / float32(int64(1)<<(f.depth-1))
	for c := range f.split {
		f.split[c] = f.split[c][:0]
		for _, v := range f.samples[c][:n] {
			f.split[c] = append(f.split[c], input.Clip(float32(v)*scale))
		}
	}
	return f.mixer.Mix(f.split)
}

// damage returns an error for a frame that is not truncated but invalid.
func damage(format string, args ...any) error { return fmt.Errorf(format, args...) }
