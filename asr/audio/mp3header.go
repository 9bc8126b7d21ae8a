package audio

import "encoding/binary"

// mp3Header holds the fields of a frame header, four bytes.
type mp3Header struct {
	word     uint32
	lsf      bool // MPEG-2: half the rates, one granule instead of two
	hz       int
	channels int
	bitrate  int
	size     int // bytes of the frame
}

var (
	mp3Rates    = [3]int{44100, 48000, 32000}
	mp3Bitrates = [2][15]int{{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
		{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}}
)

// parseMP3 reads a frame header; it returns false if b begins with none, or with one of a frame
// that is not supported.
func parseMP3(b []byte) (h mp3Header, ok bool) {
	w := binary.BigEndian.Uint32(b)
	version, layer, rate, sample := w>>19&3, w>>17&3, w>>12&15, w>>10&3
	if w>>21 != 0x7FF || version < 2 || layer != 1 || rate == 0 || rate == 15 || sample == 3 || w&3 == 2 {
		return h, false
	}
	h = mp3Header{word: w, lsf: version == 2, hz: mp3Rates[sample], channels: 2}
	factor, table := 144000, 0
	if h.lsf {
		h.hz, factor, table = h.hz/2, 72000, 1
	}
	if w>>6&3 == 3 {
		h.channels = 1
	}
	h.bitrate = mp3Bitrates[table][rate]
	h.size = factor*h.bitrate/h.hz + int(w>>9&1)
	return h, h.size > 4+2+h.side()
}

const freeFormat = "this is an MP3 in free format, which is not read here, nor by ffmpeg: convert it with lame or mpg123"

// unreadMPEG says what a file that begins with head is, if it is MPEG audio that is not supported.
func unreadMPEG(head []byte) string {
	if len(head) < 4 || head[0] != 0xFF || head[1]&0xE0 != 0xE0 {
		return ""
	}
	switch version, layer := head[1]>>3&3, head[1]>>1&3; {
	case layer == 1 && version == 0:
		return "this is an MP3 below 16 kHz (MPEG-2.5), which is not read here"
	case layer == 1 && head[2]>>4 == 0:
		return freeFormat
	case layer == 2 || layer == 3:
		return "this is MPEG audio of layer " + [...]string{2: "II", 3: "I"}[layer] + ", not MP3"
	}
	return "this seems to be MPEG audio, but not layer III of MPEG-1 or 2"
}

// isMP3 reports whether a file that begins with head may be an MP3.
func isMP3(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	_, ok := parseMP3(head)
	return ok
}

// side returns the size of the side information in bytes.
func (h mp3Header) side() int {
	switch {
	case h.lsf && h.channels == 1:
		return 9
	case h.lsf || h.channels == 1:
		return 17
	}
	return 32
}

// data returns the byte of the frame at which the side information begins.
func (h mp3Header) data() int {
	if h.word>>16&1 == 0 {
		return 6
	}
	return 4
}

// samples returns the number of samples of a frame in a channel.
func (h mp3Header) samples() int {
	if h.lsf {
		return 576
	}
	return 1152
}

// like reports whether two frames can belong to one stream.
func (h mp3Header) like(o mp3Header) bool { return h.lsf == o.lsf && h.hz == o.hz }
