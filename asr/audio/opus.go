package audio

import (
	"encoding/binary"
	"fmt"
	"math"

	pion "github.com/pion/opus"

	"soberano/asr/audio/input"
)

const (
	opusRate    = 48000
	opusLongest = opusRate * 120 / 1000 // samples of a packet
)

// opus decodes Opus in Ogg (RFC 7845), little-endian:
//
//	first packet   "OpusHead", u8 version (below 16), u8 channels, u16 samples to leave out,
//	               u32 rate of the original, i16 gain in 1/256 dB, u8 mapping: 0 mono or stereo
//	second packet  "OpusTags"
//	then           packets of audio, up to 120 ms each
//
// Page positions count samples at 48 kHz; that of the last page says where the audio ends. The
// codec (SILK, CELT and hybrid, RFC 6716) is pion/opus, which decodes the RFC's test vectors, at
// 48 kHz. It does not decode more than two channels, which are several Opus streams.
type opus struct {
	*stream
	dec      pion.Decoder
	channels int
	gain     float32
	pcm      [2 * opusLongest]float32
	split    [][]float32
	mixer    *input.Mixer
}

// openOpus opens the stream whose first page was just read.
func openOpus(o *ogg) (decoder, error) {
	s := &stream{ogg: o, hz: opusRate, rate: opusRate}
	s.codec = &opus{stream: s}
	return s, s.open("OpusHead")
}

// begin reads the first packet of a stream.
func (d *opus) begin(p packet) error {
	b := p.data
	wrong := func(format string, args ...any) error { return d.ogg.in.Wrong(ErrFormat, format, args...) }
	switch {
	case len(b) < 19:
		return wrong("the Opus header has %d bytes, it must have 19 or more", len(b))
	case b[8] > 15:
		return wrong("the Opus header is of version %d; 0 to 15 can be read", b[8])
	case b[9] == 0 || b[18] == 0 && b[9] > 2:
		return wrong("the Opus header states %d channels in one stream, which has 1 or 2", b[9])
	case b[18] != 0 && (b[18] != 1 || len(b) < 21 || b[19] != 1):
		return foreign(d.ogg.in, "Opus with %d channels in several streams is not read here", b[9])
	}
	d.channels = min(int(b[9]), 2)
	d.split, d.mixer = make([][]float32, d.channels), input.NewMixer(d.channels, opusRate)
	d.forget()
	d.before = int64(binary.LittleEndian.Uint16(b[10:]))
	d.gain = float32(math.Pow(10, float64(int16(binary.LittleEndian.Uint16(b[16:])))/256/20))
	return nil
}

// forget replaces the decoder by a new one.
func (d *opus) forget() { d.dec, _ = pion.NewDecoderWithOutput(opusRate, d.channels) } // fails for other numbers only

func (d *opus) sound(b []byte) bool {
	return len(b) > 0 && !(len(b) >= 8 && string(b[:8]) == "OpusTags")
}

func (d *opus) samples(packets ...[]byte) (n int64) {
	for _, b := range packets {
		if d.sound(b) {
			n += int64(opusSamples(b))
		}
	}
	return n
}

// opusSamples returns the number of samples in a packet (RFC 6716, 3.2).
func opusSamples(b []byte) int {
	frames := 1
	switch b[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(b) < 2 {
			return 0
		}
		frames = int(b[1] & 63)
	}
	return min(frames*opusFrame(b[0]), opusLongest)
}

// decode decodes a packet into pcm.
func (d *opus) decode(b []byte) (out []float32, err error) {
	defer func() {
		if r := recover(); r != nil { // pion/opus can panic on invalid packets
			out, err = nil, fmt.Errorf("%v", r)
		}
	}()
	if len(b) <= 2 && b[0]&3 < 2 { // discontinuous transmission: silence
		out = d.pcm[:opusSamples(b)]
		clear(out)
		return out, nil
	}
	n, err := d.dec.DecodeToFloat32(b, d.pcm[:])
	for c := range d.split {
		d.split[c] = d.split[c][:0]
		for i := range n {
			d.split[c] = append(d.split[c], input.Clip(d.pcm[i*d.channels+c]*d.gain))
		}
	}
	return d.mixer.Mix(d.split), err
}

// opusFrame returns the number of samples in a frame by its packet's first byte (RFC 6716, 3.1).
func opusFrame(toc byte) int {
	switch config := toc >> 3; {
	case config < 12:
		return [4]int{480, 960, 1920, 2880}[config&3]
	case config < 16:
		return [2]int{480, 960}[config&1]
	default:
		return 120 << (config & 3)
	}
}
