package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"soberano/asr/audio/input"
)

const (
	oggLargest                = 1 << 20 // bytes of a packet that are kept; only pictures in tags are longer
	oggHead                   = 27
	oggBegun, oggFirst        = 1, 2
	oggLast                   = 4
	oggLargestPage            = oggHead + 255 + 255*255
	oggPolynomial      uint32 = 0x04C11DB7
)

// packet is a whole packet of the stream that is decoded.
type packet struct {
	data  []byte // valid until the next packet
	at    int64  // byte at which the page in which it ends begins
	end   int64  // position at the end of that page, or -1
	final bool   // that page is the stream's last
	first bool   // it is the first packet of its stream
	torn  bool   // pages before it are lost
}

// ogg reads the packets of Ogg files (RFC 3533), little-endian. A file consists of pages; a page
// holds segments of the packets of one stream. Several streams may be interleaved, and others may
// follow when they have ended.
//
//	"OggS", u8 0, u8 flags (1: continues a packet, 2: first of its stream, 4: last),
//	i64 position at its end, or -1 if no packet ends in it, u32 stream, u32 number, u32 CRC,
//	u8 segments, their sizes, the segments; a segment below 255 bytes ends its packet
//
// It reads the packets of the first stream that can be decoded, then those of later streams of
// the same codec. The CRC of a page is checked before any of the page is used. After a damaged
// page the next whole one is searched, and the page numbers show that pages are lost.
type ogg struct {
	in     *input.Reader
	kind   string // prefix of the first packet of the streams to decode; "" before one is known
	stream uint32
	number uint32 // of the next page
	open   bool   // the stream has begun and not ended

	page    [oggLargestPage]byte
	at, end int64
	flags   byte
	sizes   []byte // of the segments that are left
	body    []byte // the segments that are left
	data    []byte // of the packet that is read
	inside  bool   // data is the beginning of a packet
	lost    bool   // the beginning of the present packet is lost
	torn    bool   // pages are lost

	unmarked bool // the file has ended, and its last page did not say so
}

var oggTable = func() (t [256]uint32) {
	for i := range t {
		r := uint32(i) << 24
		for range 8 {
			r = r<<1 ^ uint32(int32(r)>>31)&oggPolynomial
		}
		t[i] = r
	}
	return t
}()

func oggCRC(b []byte) uint32 {
	var r uint32
	for _, v := range b {
		r = r<<8 ^ oggTable[byte(r>>24)^v]
	}
	return r
}

// openOgg reads the first pages of the streams and opens the first stream that can be decoded.
func openOgg(in *input.Reader) (decoder, error) {
	o := &ogg{in: in}
	var others []string
	for {
		err := o.read()
		if err == io.EOF && len(others) == 0 {
			return nil, in.Wrong(io.ErrUnexpectedEOF, "the file ends inside its first Ogg page")
		}
		if err != nil && err != io.EOF {
			return nil, err
		}
		if err == io.EOF || o.flags&oggFirst == 0 {
			return nil, foreign(in, "this is an Ogg file of another kind: %q", others)
		}
		switch {
		case bytes.HasPrefix(o.body, []byte("OpusHead")):
			return openOpus(o)
		case bytes.HasPrefix(o.body, []byte("\x01vorbis")):
			return openVorbis(o)
		default:
			others = append(others, string(o.body[:min(8, len(o.body))]))
		}
	}
}

// read reads the next undamaged page; io.EOF at the end of the file.
func (o *ogg) read() error {
	why := o.whole()
	damaged := errors.Is(why, ErrFormat) || errors.Is(why, io.ErrUnexpectedEOF)
	if !damaged || o.kind == "" {
		return why
	}
	for o.in.Find(o.at+1, "OggS") {
		if o.whole() == nil {
			return nil
		}
	}
	return why
}

// whole reads a page and checks it; io.EOF at the end of the file.
func (o *ogg) whole() error {
	o.at = o.in.Pos
	head := o.page[:oggHead]
	err := o.in.Full(head)
	if err == io.EOF {
		return err
	}
	n := int(head[26])
	if err == nil && string(head[:4]) != "OggS" {
		return o.in.Wrong(ErrFormat, "the file is damaged: no Ogg page begins at byte %d", o.at)
	}
	if err == nil {
		err = o.in.Full(o.page[oggHead : oggHead+n])
	}
	size := 0
	for _, s := range o.page[oggHead : oggHead+n] {
		size += int(s)
	}
	whole := o.page[:oggHead+n+size]
	if err == nil {
		err = o.in.Full(whole[oggHead+n:])
	}
	if err != nil {
		return o.in.Wrong(input.Short(err), "the file is cut off inside the page that begins at byte %d", o.at)
	}
	want := binary.LittleEndian.Uint32(head[22:])
	clear(head[22:26])
	if got := oggCRC(whole); got != want && !o.in.Unchecked {
		return o.in.Wrong(ErrFormat, "the page that begins at byte %d is damaged: its checksum (CRC) is %08x, its data have %08x", o.at, want, got)
	}
	o.flags, o.end = head[5], int64(binary.LittleEndian.Uint64(head[6:]))
	o.sizes, o.body = whole[oggHead:oggHead+n], whole[oggHead+n:]
	return nil
}

// begin selects the stream of the page that was read last, which is its first.
func (o *ogg) begin() {
	o.stream, o.number = binary.LittleEndian.Uint32(o.page[14:]), binary.LittleEndian.Uint32(o.page[18:])
	o.open, o.inside, o.lost = true, false, false
}

// nextPage reads pages up to the next one of the stream, or of one that follows it.
func (o *ogg) nextPage() error {
	for {
		if err := o.read(); err != nil {
			return err
		}
		// A stream that begins before this one has ended replaces it: its end is lost.
		if (!o.open || o.number > 1) && o.flags&oggFirst != 0 && bytes.HasPrefix(o.body, []byte(o.kind)) {
			o.begin()
			break
		}
		// Some programs mark an end after which the stream continues.
		if binary.LittleEndian.Uint32(o.page[14:]) == o.stream && o.flags&oggFirst == 0 {
			o.open = true
			break
		}
	}
	number := binary.LittleEndian.Uint32(o.page[18:])
	if number != o.number && !o.in.Unchecked {
		o.number, o.torn, o.inside = number, true, false
	}
	o.number++
	if o.flags&oggBegun == 0 {
		o.data, o.inside, o.lost = o.data[:0], false, false
	} else if !o.inside {
		o.lost = true
	}
	return nil
}

// packet returns the next packet, and io.EOF after the last.
func (o *ogg) packet() (packet, error) {
	if !o.inside {
		o.data = o.data[:0]
	}
	for {
		for len(o.sizes) == 0 {
			if o.flags&oggLast != 0 {
				o.open = false
			}
			if err := o.nextPage(); err != nil {
				o.unmarked = err == io.EOF && o.open
				return packet{}, err
			}
		}
		n := int(o.sizes[0])
		if len(o.data)+n <= oggLargest {
			o.data = append(o.data, o.body[:n]...)
		}
		o.sizes, o.body, o.inside = o.sizes[1:], o.body[n:], n == 255
		if n == 255 {
			continue
		}
		if o.lost {
			o.data, o.lost = o.data[:0], false
			continue
		}
		p := packet{o.data, o.at, o.end, o.flags&oggLast != 0, o.flags&oggFirst != 0, o.torn}
		o.torn = false
		return p, nil
	}
}

// endOf returns the position at the end of the stream's last page in the file, or -1 if the file
// cannot be read at any position.
func (o *ogg) endOf() int64 {
	if o.in.At == nil || o.in.Size < 0 {
		return -1
	}
	b := make([]byte, min(o.in.Size, oggLargestPage+oggHead))
	n, err := o.in.At.ReadAt(b, o.in.Size-int64(len(b)))
	if err != nil && err != io.EOF {
		return -1
	}
	for b = b[:n]; ; {
		i := bytes.LastIndex(b, []byte("OggS"))
		if i < 0 {
			return -1
		}
		if len(b)-i >= oggHead && binary.LittleEndian.Uint32(b[i+14:]) == o.stream {
			return int64(binary.LittleEndian.Uint64(b[i+6:]))
		}
		b = b[:i]
	}
}
