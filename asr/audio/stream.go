package audio

import (
	"encoding/binary"
	"io"
	"slices"

	"soberano/asr/audio/input"
)

// codec decodes the packets of a stream.
type codec interface {
	begin(p packet) error // reads the header packets of a stream, of which p is the first
	sound(b []byte) bool  // whether a packet holds audio
	// samples is how many samples of a channel the next packets hold.
	samples(packets ...[]byte) int64
	decode(b []byte) ([]float32, error) // to mono, valid until the next packet
	forget()                            // the next packet does not follow the last one
}

// stream decodes the streams of one codec that follow each other in an Ogg file. It leaves out the
// samples before the beginning and after the end that the file states. Silence as long as lost
// packets stands in their place, so that times stay correct.
//
//	position of a page's end ─┐
//	│ packet │ packet │ packet│          at: the end less the samples of the page's packets;
//	at ──────────────────────▶╯          what is missing before it was lost or skipped
type stream struct {
	input.Losses
	codec
	ogg    *ogg
	hz     int        // rate of what Next returns: that of the first stream
	rate   int        // of the present stream
	res    *Resampler // from rate to hz; nil if they are equal
	tail   []float32  // the end of the stream before, to be returned next
	before int64      // samples to leave out at the beginning
	total  int64      // samples, or -1

	span
	gap    int64   // samples between packets that are still to be returned as silence
	sent   bool    // they were sent and are lost
	page   int64   // byte at which the page of the last packet begins
	filled int64   // samples in all gaps so far
	torn   bool    // the next packet does not follow the last one
	held   *packet // the next packet, already read
}

// streamNear is how many seconds before the target of a skip are decoded.
var streamNear = 2.0

// open starts decoding the stream whose first page was just read.
func (d *stream) open(kind string) error {
	d.ogg.begin()
	d.ogg.number++
	p, err := d.ogg.packet()
	switch {
	case err == nil:
		err = d.head(p)
	case err == io.EOF:
		err = d.ogg.in.Wrong(io.ErrUnexpectedEOF, "the file ends inside the first packet of its sound")
	}
	d.ogg.kind = kind
	d.total = d.ogg.endOf()
	if d.total >= 0 {
		d.total = max(0, d.total-d.before)
	}
	return err
}

// head reads the header packets of a stream, of which p is the first.
func (d *stream) head(p packet) error {
	err := d.begin(p)
	d.span, d.torn = span{skip: d.before, start: -1}, false
	return err
}

func (d *stream) Rate() int     { return d.hz }
func (d *stream) Frames() int64 { return d.total }

// setRate says which rate the stream that begins has.
func (d *stream) setRate(hz int) {
	if d.hz == 0 {
		d.hz = hz
	}
	if d.res != nil {
		d.tail = append(d.tail, d.res.Flush()...)
	}
	if d.rate, d.res = hz, nil; hz != d.hz {
		d.res = NewResampler(hz, d.hz)
	}
}

// Next decodes a packet. Streams of another rate than the first are resampled to that.
func (d *stream) Next() ([]float32, error) {
	x, err := d.next()
	if d.res == nil && len(d.tail) == 0 {
		return x, err
	}
	out := d.tail
	switch d.tail = nil; {
	case d.res == nil:
		out = append(out, x...)
	case err != nil:
		out = append(append(out, d.res.Push(x)...), d.res.Flush()...)
	default:
		out = append(out, d.res.Push(x)...)
	}
	return out, err
}

// next decodes a packet.
func (d *stream) next() ([]float32, error) {
	for {
		p, err := d.packet()
		if err != nil {
			if err == io.EOF && d.ogg.unmarked {
				d.Note(input.Remark{Kind: input.NoEndMark})
			}
			return nil, err
		}
		if d.gap > 0 {
			d.held = &p
			x := d.Zeros(d.gap)
			if d.sent {
				x = d.Silence(d.gap)
			}
			d.gap -= int64(len(x))
			if out := d.trim(x, packet{end: -1}); len(out) > 0 {
				return out, nil
			}
			continue
		}
		x, err := d.decode(p.data)
		if err != nil {
			x, d.torn = d.Silence(d.samples(p.data)), true
		}
		if out := d.trim(x, p); len(out) > 0 {
			return out, nil
		}
	}
}

// packet returns the next packet of audio.
func (d *stream) packet() (packet, error) {
	if p := d.held; p != nil {
		d.held = nil
		return *p, nil
	}
	for {
		p, err := d.ogg.packet()
		if err != nil {
			return p, err
		}
		if p.first {
			if err := d.head(p); err != nil {
				return p, err
			}
			continue
		}
		d.torn = d.torn || p.torn
		if d.sound(p.data) {
			d.locate(p)
			return p, nil
		}
	}
}

// locate determines where packet p begins, if that is not where the last one ended: after lost pages, and
// where the positions of the pages jump because silence was not sent.
func (d *stream) locate(p packet) {
	page := d.page
	d.page = p.at
	switch {
	case d.torn:
		d.forget()
	case d.start >= 0 && (p.at == page || p.end < 0 || p.final):
		return
	}
	at := d.place(p)
	if d.start >= 0 && !d.torn {
		d.jump(at - d.start - d.decoded)
		return
	}
	if d.start < 0 && !p.final && !(d.torn && at < input.MaxGap*int64(d.rate)) {
		d.start = at // a recording that was started while the stream ran
	}
	d.start = max(0, d.start)
	if d.torn && p.end >= 0 {
		d.fill(at-d.start-d.decoded, true)
	}
	d.torn = false
}

// jump continues at a position that is n samples after the expected one. Differences below a tenth of a
// second are rounding of the program that wrote the file.
func (d *stream) jump(n int64) {
	switch {
	case n > int64(d.rate)/10:
		d.fill(n, false)
	case n < -int64(d.rate)/10:
		d.start += n
	}
}

// fill puts silence before the next packet; sent says whether it stands for lost packets.
func (d *stream) fill(n int64, sent bool) {
	d.gap, d.sent = max(0, min(n, input.MaxGap*int64(d.rate)-d.filled)), sent
	d.filled += d.gap
}

// place returns the position at which the samples of packet p begin.
func (d *stream) place(p packet) int64 {
	return max(0, p.end-d.samples(slices.Concat([][]byte{p.data}, d.ogg.rest())...))
}

// Skip continues with the last page that ends streamNear before the target, found by the page
// headers.
func (d *stream) Skip(n int64) (int64, error) {
	near := int64(streamNear * float64(d.rate))
	if d.ogg.in.At == nil || n <= near || d.gap > 0 || d.res != nil || len(d.tail) > 0 {
		return n, nil
	}
	p, err := d.packet()
	if err != nil {
		return n, nil // Next returns the error
	}
	d.held = &p
	target := d.decoded + d.skip + n
	at, ok := d.ogg.before(d.start + target - near)
	if !ok || d.gap > 0 {
		return n, nil
	}
	if err := d.ogg.jump(at); err != nil {
		return 0, err
	}
	d.forget()
	d.held, d.torn = nil, false
	if p, err = d.packet(); err != nil {
		return 0, err
	}
	d.held = &p
	d.decoded, d.skip, d.gap = d.place(p)-d.start, 0, 0
	return target - d.decoded, nil
}

// span is the part of a stream that is returned.
type span struct {
	skip    int64 // samples to leave out at the beginning
	decoded int64 // samples decoded, with those left out
	start   int64 // position of the stream's beginning; -1: not yet known
}

// trim returns x, the samples of packet p, without those before the beginning and after the end.
func (s *span) trim(x []float32, p packet) []float32 {
	before := s.decoded
	s.decoded += int64(len(x))
	if p.final && p.end >= 0 {
		x = x[:min(max(0, p.end-s.start-before), int64(len(x)))]
	}
	n := min(s.skip, int64(len(x)))
	s.skip -= n
	return x[n:]
}

// rest returns the packets that follow and end in the present page.
func (o *ogg) rest() (packets [][]byte) {
	body, n := o.body, 0
	for _, s := range o.sizes {
		if n += int(s); s < 255 {
			packets = append(packets, body[:n])
			body, n = body[n:], 0
		}
	}
	return packets
}

// before returns the byte of the page to continue with for a position: the page after the last of
// those that end before it, but not the stream's last page, whose beginning is not known. It
// returns false if there is none.
func (o *ogg) before(position int64) (at int64, ok bool) {
	last := int64(-1) // where the previous page begins
	var b [oggHead + 255]byte
	for at := o.in.Pos; ; {
		n, _ := o.in.At.ReadAt(b[:], at)
		if n < oggHead || string(b[:4]) != "OggS" || n < oggHead+int(b[26]) || b[5]&oggFirst != 0 {
			return last, last >= 0
		}
		if binary.LittleEndian.Uint32(b[14:]) == o.stream {
			end := int64(binary.LittleEndian.Uint64(b[6:]))
			if b[5]&oggLast != 0 {
				return last, last >= 0
			}
			if end >= position {
				return at, at > o.in.Pos
			}
			if end >= 0 && b[5]&oggBegun == 0 {
				last = at
			}
		}
		at += oggHead + int64(b[26])
		for _, s := range b[oggHead : oggHead+int(b[26])] {
			at += int64(s)
		}
	}
}

// jump continues with the page that begins at byte at.
func (o *ogg) jump(at int64) error {
	if err := o.in.Leap(at - o.in.Pos); err != nil {
		return o.in.Wrong(input.Short(err), "going to byte %d failed", at)
	}
	var b [4]byte
	if _, err := o.in.At.ReadAt(b[:], at+18); err != nil {
		return o.in.Wrong(input.Short(err), "reading failed")
	}
	o.number = binary.LittleEndian.Uint32(b[:])
	o.sizes, o.body, o.data, o.flags = nil, nil, o.data[:0], 0
	o.inside, o.lost = false, false
	return nil
}
