package audio

import (
	"encoding/binary"

	"soberano/asr/audio/layer3"
)

// mp3Header holds the fields of a frame header, four bytes.
type mp3Header struct {
	word   uint32
	format layer3.Format
	hz     int
	size   int // bytes of the frame
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
	if w>>21 != 0x7FF || version == 1 || layer != 1 || rate == 0 || rate == 15 || sample == 3 || w&3 == 2 {
		return h, false
	}
	divisor, table := [4]int{0: 4, 2: 2, 3: 1}[version], 1 // by which the rate is less than that of MPEG-1
	if divisor == 1 {
		table = 0
	}
	h = mp3Header{word: w, hz: mp3Rates[sample] / divisor}
	h.format = layer3.Format{Row: 3*(divisor/2) + int(sample), Channels: 2}
	switch mode := w >> 6 & 3; mode {
	case 1:
		h.format.Middle, h.format.Intensity = w>>5&1 != 0, w>>4&1 != 0
	case 3:
		h.format.Channels = 1
	}
	h.size = h.samples()/8*1000*mp3Bitrates[table][rate]/h.hz + int(w>>9&1)
	return h, h.size > h.data()+h.format.SideSize()
}

const freeFormat = "this is an MP3 in free format, which is not read here, nor by ffmpeg: convert it with lame or mpg123"

// unreadMPEG says what a file that begins with head is, if it is MPEG audio that is not supported.
func unreadMPEG(head []byte) string {
	if len(head) < 4 || head[0] != 0xFF || head[1]&0xE0 != 0xE0 {
		return ""
	}
	switch layer := head[1] >> 1 & 3; {
	case layer == 1 && head[2]>>4 == 0:
		return freeFormat
	case layer == 2 || layer == 3:
		return "this is MPEG audio of layer " + [...]string{2: "II", 3: "I"}[layer] + ", not MP3"
	}
	return "this seems to be MPEG audio, but not layer III"
}

// isMP3 reports whether a file that begins with head may be an MP3.
func isMP3(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	_, ok := parseMP3(head)
	return ok
}

// data returns the byte of the frame at which the side information begins.
func (h mp3Header) data() int {
	if h.word>>16&1 == 0 {
		return 6
	}
	return 4
}

// samples returns the number of samples of a frame in a channel.
func (h mp3Header) samples() int { return h.format.Samples() }

// like reports whether two frames can belong to one stream.
func (h mp3Header) like(o mp3Header) bool { return h.hz == o.hz }
