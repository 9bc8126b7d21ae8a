package audio

// Opus in Ogg (RFC 7845), little-endian:
//
//	first packet   "OpusHead", u8 version (below 16), u8 channels, u16 samples to leave out,
//	               u32 rate of the original, i16 gain in 1/256 dB, u8 mapping: 0 mono or stereo
//	second packet  "OpusTags"
//	then           a packet of sound, up to 120 ms
//
// Positions of pages count samples at 48 kHz; that of the last page says where the sound ends.
// The codec (SILK, CELT and both together, RFC 6716) is pion/opus, which decodes the RFC's
// test vectors; what it gives is mono at 48 kHz. More than two channels are several codecs side
// by side, which it doesn't do.

import (
	"encoding/binary"
	"fmt"
	"math"

	pion "github.com/pion/opus"
)

const (
	opusRate    = 48000
	opusLongest = opusRate * 120 / 1000 // samples of a packet
)

type opus struct {
	ogg   *ogg
	dec   pion.Decoder
	gain  float32
	span  span
	total int64 // samples, or -1
	pcm   [opusLongest]float32
}

// openOpus opens the stream whose first page was just read.
func openOpus(o *ogg) (decoder, error) {
	o.kind = "OpusHead"
	o.begin()
	o.number++
	d := &opus{ogg: o}
	p, err := o.packet()
	if err == nil {
		err = d.begin(p)
	}
	if err != nil {
		return nil, err
	}
	d.total = o.endOf()
	if d.total >= 0 {
		d.total = max(0, d.total-d.span.skip)
	}
	return d, nil
}

// begin reads a stream's first packet.
func (d *opus) begin(p packet) error {
	b := p.data
	wrong := func(format string, args ...any) error { return d.ogg.in.wrong(ErrFormat, format, args...) }
	switch {
	case len(b) < 19:
		return wrong("OpusHead of %d bytes, want 19", len(b))
	case b[8] > 15:
		return wrong("OpusHead.version is %d, want 1 to 15", b[8])
	case b[9] == 0 || b[18] == 0 && b[9] > 2:
		return wrong("OpusHead.channels is %d, want 1 or 2", b[9])
	case b[18] != 0 && (b[18] != 1 || len(b) < 21 || b[19] != 1):
		return d.ogg.in.foreign("Opus with %d channels in several streams is not read here", b[9])
	}
	dec, err := pion.NewDecoderWithOutput(opusRate, 1)
	if err != nil {
		return wrong("opus: %v", err)
	}
	d.dec = dec
	d.span = span{skip: int64(binary.LittleEndian.Uint16(b[10:])), start: -1}
	d.gain = float32(math.Pow(10, float64(int16(binary.LittleEndian.Uint16(b[16:])))/256/20))
	return nil
}

func (d *opus) rate() int     { return opusRate }
func (d *opus) frames() int64 { return d.total }

// next decodes a packet.
func (d *opus) next() ([]float32, error) {
	for {
		p, err := d.ogg.packet()
		if err != nil {
			return nil, err
		}
		if p.first {
			if err := d.begin(p); err != nil {
				return nil, err
			}
			continue
		}
		if len(p.data) >= 8 && string(p.data[:8]) == "OpusTags" || len(p.data) == 0 {
			continue
		}
		n, err := d.decode(p.data)
		if err != nil {
			return nil, d.ogg.in.wrong(ErrFormat, "a packet of the page that begins at byte %d is damaged: %v", p.at, err)
		}
		out := d.span.trim(d.pcm[:n], p, len(d.ogg.sizes) == 0)
		for i, v := range out {
			out[i] = clip(v * d.gain)
		}
		if len(out) > 0 {
			return out, nil
		}
	}
}

// decode decodes a packet into pcm and returns the number of samples.
func (d *opus) decode(b []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			n, err = 0, fmt.Errorf("%v", r)
		}
	}()
	if len(b) <= 2 && b[0]&3 < 2 { // nothing was sent: silence (DTX)
		n = opusFrame(b[0]) * (1 + int(b[0]&1))
		clear(d.pcm[:n])
		return n, nil
	}
	return d.dec.DecodeToFloat32(b, d.pcm[:])
}

// opusFrame is the number of samples in a frame by its packet's first byte (RFC 6716, 3.1).
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
