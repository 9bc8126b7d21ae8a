// Package layer3 decodes the frames of MPEG audio, layer III (MP3): MPEG-1 and MPEG-2 (ISO/IEC 11172-3, 13818-3),
// and MPEG-2.5, an extension of the latter to half its rates.
//
//	side information   how the bits of the main data are divided, and how they are coded
//	main data          scale factors and Huffman codes of 576 spectral lines, for each granule and channel
//	  ─▶ lines         |value|^(4/3) times the gain of its scale factor band          spectrum.go
//	  ─▶ stereo        sum and difference, or one channel and directions              stereo.go
//	  ─▶ inverse MDCT  of 36 values, or three of 12, overlapping with the last ones   hybrid.go
//	  ─▶ synthesis     32 bands of 18 samples become 576 samples                      synthesis.go
//
// A frame of MPEG-1 has two granules, others have one. The main data of a frame begin up to 511 bytes before the
// frame; the caller finds the frames and collects the data. The package is tested against ffmpeg.
package layer3

import (
	"errors"

	"soberano/asr/audio/input"
)

// ErrDamaged is returned for frames that do not obey the rules of the format.
var ErrDamaged = errors.New("the frame is damaged")

// lines is the number of spectral lines and of samples of a granule in a channel.
const lines = 576

// Format is what the header of a frame says about its data.
type Format struct {
	Row       int  // of the tables: 0 to 2 for 44.1, 48 and 32 kHz (MPEG-1), 3 to 5 for half of that (MPEG-2), 6 to 8 for a quarter
	Channels  int  // 1 or 2
	Middle    bool // the two channels hold the sum and the difference
	Intensity bool // above the lines of the second channel, it holds directions
}

// mpeg1 reports whether f is MPEG-1.
func (f Format) mpeg1() bool { return f.Row < 3 }

// granules returns the number of granules of a frame.
func (f Format) granules() int {
	if f.mpeg1() {
		return 2
	}
	return 1
}

// Samples returns the number of samples of a frame in a channel.
func (f Format) Samples() int { return lines * f.granules() }

// SideSize returns the size of the side information in bytes.
func (f Format) SideSize() int {
	switch {
	case f.mpeg1() && f.Channels == 2:
		return 32
	case !f.mpeg1() && f.Channels == 1:
		return 9
	}
	return 17
}

// Decoder decodes the frames of one stream in order. It belongs to one goroutine. The zero value is ready for use.
type Decoder struct {
	channels [2]channel
	pcm      [2][]float32
}

// channel is the state of a channel between granules, and the granule that is decoded.
type channel struct {
	lines   [lines]float32
	used    int // lines from there on are 0
	scales  scales
	overlap [lines]float32 // second halves of the last blocks of the inverse MDCT, by band
	filter  synthesis
}

// Decode returns the samples of a frame, -1 to 1, Samples of each channel, valid until the next call. main begins
// with the frame's main data and may be longer. With an error, the samples are those of silence behind what came before.
func (d *Decoder) Decode(f Format, s *Side, main []byte) ([][]float32, error) {
	for c := range f.Channels {
		d.pcm[c] = d.pcm[c][:0]
	}
	if s.Size() > len(main) {
		return d.Silence(f), ErrDamaged
	}
	r := bitReader{b: main}
	for g := range f.granules() {
		if err := d.granule(f, s, g, &r); err != nil {
			for c := range f.Channels {
				d.pcm[c] = d.pcm[c][:g*lines]
			}
			d.fill(f)
			return d.pcm[:f.Channels], err
		}
	}
	return d.pcm[:f.Channels], nil
}

// Silence returns the samples of a frame whose data are missing: silence behind what came before.
func (d *Decoder) Silence(f Format) [][]float32 {
	for c := range f.Channels {
		d.pcm[c] = d.pcm[c][:0]
	}
	d.fill(f)
	return d.pcm[:f.Channels]
}

// fill appends silent granules up to a whole frame.
func (d *Decoder) fill(f Format) {
	for c := range f.Channels {
		ch := &d.channels[c]
		for len(d.pcm[c]) < f.Samples() {
			ch.lines, ch.used = [lines]float32{}, 0
			d.pcm[c] = ch.output(&block{}, f.Row, d.pcm[c])
		}
	}
}

// granule decodes granule g of all channels and appends its samples.
func (d *Decoder) granule(f Format, s *Side, g int, r *bitReader) error {
	for c := range f.Channels {
		b := &s.blocks[g][c]
		end := r.at + b.bits
		ch := &d.channels[c]
		if f.mpeg1() {
			ch.scales.readMPEG1(r, b, g == 1, s.shared[c])
		} else {
			ch.scales.readMPEG2(r, b, f.Intensity && c == 1)
		}
		used, err := b.values(r, f.Row, end, &ch.lines)
		if err != nil {
			return err
		}
		ch.used = used
		ch.gain(b, f.Row)
		r.at = end
	}
	if f.Channels == 2 {
		d.stereo(f, &s.blocks[g][1])
	}
	for c := range f.Channels {
		d.pcm[c] = d.channels[c].output(&s.blocks[g][c], f.Row, d.pcm[c])
	}
	return nil
}

// output transforms the lines of a granule to samples and appends them to pcm.
func (ch *channel) output(b *block, row int, pcm []float32) []float32 {
	var bands [lines]float32 // [18][32]
	ch.hybrid(b, row, &bands)
	n := len(pcm)
	pcm = append(pcm, bands[:]...)
	for t := range lines / 32 {
		ch.filter.step(bands[32*t:][:32], pcm[n+32*t:][:32])
	}
	for i, v := range pcm[n:] {
		pcm[n+i] = input.Clip(v)
	}
	return pcm
}
