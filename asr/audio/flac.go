package audio

// FLAC (RFC 9639), big-endian, bit by bit:
//
//	"fLaC", then metadata blocks: 1 bit last, 7 bits type, 24 bits length, bytes; the first is
//	STREAMINFO: 16 smallest and 16 largest block, 24 and 24 frame sizes, 20 rate, 3 channels - 1,
//	            5 bits a sample - 1, 36 samples (0: unknown), 16 bytes MD5
//	frames: 14 bits 11111111111110, 1 zero, 1 blocking strategy, 4 block size, 4 rate, 4 channels,
//	        3 sample size, 1 zero, a number of 1 to 7 bytes, [block size], [rate], CRC-8,
//	        a subframe for each channel, zeros to the byte, CRC-16
//
// The decoder is our own, about the length that wrapping a library would take: frames of
// 24 kHz made that one write to the log, a sample size left to STREAMINFO decoded to
// nothing, and after a damage the position was lost. Its tests still compare with it.
//
// A frame is read into memory that grows with what the file really holds: a block is at most
// 65,536 samples in 8 channels. Frames are checked by both CRCs; the MD5 is not used, since it
// could only speak at the end.

import (
	"fmt"
	"io"
)

type flac struct {
	harm
	in       *input
	br       bitReader
	block    int64 // samples of the largest block, and of each where all have one size
	hz       int
	channels int
	depth    uint  // bits of a sample
	total    int64 // samples of a channel, 0 unknown
	done     int64
	gap      int64 // samples that are lost, to be given as silence,
	held     int   // and those of the frame that follows
	samples  [8][]int64
	mono     []float32
}

// openTagged opens what is behind an ID3 tag: FLAC, before which some programs put one, or
// MP3.
func openTagged(in *input) (decoder, error) {
	b, _ := in.peek(10)
	if err := in.skip(tagSize(b)); err != nil {
		return nil, in.wrong(short(err), "the file ends inside its ID3 tag")
	}
	if head, _ := in.peek(4); string(head) == "fLaC" {
		return openFLAC(in)
	}
	return openMP3(in)
}

// openFLAC reads the metadata.
func openFLAC(in *input) (*flac, error) {
	f := &flac{in: in, br: bitReader{in: in}}
	var b [34]byte
	if err := in.full(b[:4]); err != nil {
		return nil, in.wrong(short(err), "the FLAC header is cut off")
	}
	for first, last := true, false; !last; first = false {
		if err := in.full(b[:4]); err != nil {
			return nil, in.wrong(short(err), "the FLAC header is cut off")
		}
		kind, size := b[0]&127, int64(b[1])<<16|int64(b[2])<<8|int64(b[3])
		last = b[0]&128 != 0
		if first {
			if kind != 0 || size < 34 {
				return nil, in.wrong(ErrFormat, "the first block is of type %d and %d bytes, want STREAMINFO of 34", kind, size)
			}
			if err := in.full(b[:34]); err != nil {
				return nil, in.wrong(short(err), "the FLAC header is cut off")
			}
			if err := f.streamInfo(b[:34]); err != nil {
				return nil, err
			}
			size -= 34
		}
		if err := in.skip(size); err != nil {
			return nil, in.wrong(short(err), "the file ends inside a metadata block")
		}
	}
	return f, nil
}

func (f *flac) streamInfo(b []byte) error {
	f.block = int64(b[2])<<8 | int64(b[3])
	f.hz = int(b[10])<<12 | int(b[11])<<4 | int(b[12])>>4
	f.channels = int(b[12]>>1&7) + 1
	f.depth = (uint(b[12]&1)<<4 | uint(b[13]>>4)) + 1
	f.total = int64(b[13]&15)<<32 | int64(b[14])<<24 | int64(b[15])<<16 | int64(b[16])<<8 | int64(b[17])
	if f.hz < minRate || f.hz > maxRate {
		return f.in.wrong(ErrFormat, "STREAMINFO.rate is %d Hz, want %d to %d", f.hz, minRate, maxRate)
	}
	if f.depth < 4 {
		return f.in.wrong(ErrFormat, "STREAMINFO.bits is %d, want 4 to 32", f.depth)
	}
	return nil
}

func (f *flac) rate() int { return f.hz }

func (f *flac) frames() int64 {
	if f.total == 0 {
		return -1
	}
	return f.total
}

// next decodes a frame.
func (f *flac) next() ([]float32, error) {
	if f.gap > 0 {
		x := f.silence(f.gap)
		f.gap -= int64(len(x))
		f.done += int64(len(x))
		return x, nil
	}
	if n := f.held; n > 0 {
		f.held = 0
		f.done += int64(n)
		return f.mix(n), nil
	}
	if f.total > 0 && f.done >= f.total {
		return nil, io.EOF // what follows are tags
	}
	head, err := f.in.peek(2)
	switch {
	case len(head) == 0 && err != io.EOF:
		return nil, f.in.wrong(err, "reading failed")
	case len(head) == 0 && f.total > 0:
		return nil, f.in.wrong(io.ErrUnexpectedEOF, "the file is cut off: %d of %d samples are missing", f.total-f.done, f.total)
	case len(head) == 0 || f.total == 0 && string(head) == "TA":
		return nil, io.EOF
	}
	start := f.in.pos
	n, err := f.frame()
	if f.br.err != nil {
		err = f.br.err // what was seen behind the end is no damage
	}
	if err == io.ErrUnexpectedEOF {
		err = f.in.wrong(err, "the file is cut off inside the frame that begins at byte %d", start)
	} else if err != nil {
		err = f.in.wrong(err, "the frame that begins at byte %d is damaged", start)
	}
	if err == nil {
		f.done += int64(n)
		return f.mix(n), nil
	}
	if f.regain(start + 1) {
		return f.next()
	}
	return nil, err
}

// regain decodes the next whole frame behind a damaged one, from a byte on. Its number tells how
// much is lost.
func (f *flac) regain(from int64) bool {
	for f.in.find(from, "\xff") {
		from = f.in.pos + 1
		sample, ok := f.begins()
		if !ok {
			f.in.skip(1)
			continue
		}
		if n, err := f.frame(); err == nil && f.br.err == nil {
			f.gap, f.held = sample-f.done, n
			return true
		}
	}
	return false
}

// begins reports whether a frame seems to begin here, and with which sample.
func (f *flac) begins() (int64, bool) {
	b, _ := f.in.peek(18)
	if len(b) < 18 || b[0] != 0xFF || b[1]&0xFE != 0xF8 {
		return 0, false
	}
	s, ok := f.sampleOf(b)
	return s, ok && s >= f.done && s-f.done <= hole*int64(f.hz)-f.lost() && (f.total == 0 || s < f.total)
}

// mix returns the mean of n samples of all channels.
func (f *flac) mix(n int) []float32 {
	f.mono = f.mono[:0]
	scale := 1 / (float32(int64(1)<<(f.depth-1)) * float32(f.channels))
	for i := range n {
		var sum int64
		for c := range f.channels {
			sum += f.samples[c][i]
		}
		f.mono = append(f.mono, clip(float32(sum)*scale))
	}
	return f.mono
}

// damage is what a frame can suffer besides its end.
func damage(format string, args ...any) error { return fmt.Errorf(format, args...) }
