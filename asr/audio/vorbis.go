package audio

import (
	"soberano/asr/audio/input"
	"soberano/asr/audio/vorbis"
)

// vorbisCodec decodes Vorbis in Ogg: three header packets, then packets of audio. The position
// of a page counts samples at the stream's rate.
type vorbisCodec struct {
	*stream
	dec *vorbis.Decoder
}

// openVorbis opens the stream whose first page was just read.
func openVorbis(o *ogg) (decoder, error) {
	s := &stream{ogg: o}
	s.codec = &vorbisCodec{stream: s}
	return s, s.open("\x01vorbis")
}

// begin reads the three header packets of a stream, of which p is the first.
func (d *vorbisCodec) begin(p packet) error {
	in := d.ogg.in
	dec, err := vorbis.NewDecoder(p.data)
	if err != nil {
		return in.Wrong(ErrFormat, "%v", err)
	}
	d.setRate(dec.Rate())
	for {
		p, err := d.ogg.packet()
		if err != nil {
			return in.Wrong(input.Short(err), "the Vorbis setup is missing")
		}
		if vorbis.IsSetup(p.data) {
			if err := dec.Setup(p.data); err != nil {
				return in.Wrong(ErrFormat, "the Vorbis setup is damaged: %v", err)
			}
			d.dec = dec
			return nil
		}
		if p.first || vorbis.IsAudio(p.data) {
			return in.Wrong(ErrFormat, "the Vorbis setup is missing")
		}
	}
}

func (d *vorbisCodec) forget()                            { d.dec.Reset() }
func (d *vorbisCodec) sound(b []byte) bool                { return vorbis.IsAudio(b) }
func (d *vorbisCodec) samples(packets ...[]byte) int64    { return d.dec.Samples(packets...) }
func (d *vorbisCodec) decode(b []byte) ([]float32, error) { return d.dec.Decode(b) }
