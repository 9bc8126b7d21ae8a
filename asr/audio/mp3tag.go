package audio

import (
	"bytes"
	"encoding/binary"

	"soberano/asr/audio/input"
)

// tagHead is how many bytes tagSize needs.
const tagHead = 32

// apeHeader is the bit of an APE tag's flags that tells its header from its footer.
const apeHeader = 1 << 29

// tag returns the size of the tag at the beginning of b, the next bytes of the file, or 0. The junk
// before the footer of an APE tag was the tag.
func (m *mp3) tag(b []byte) int64 {
	n := tagSize(b)
	if isLyrics(b) {
		n = lyricsSize(m.in)
	}
	if n > 0 && isAPE(b) && binary.LittleEndian.Uint32(b[20:])&apeHeader == 0 && m.junk <= int64(binary.LittleEndian.Uint32(b[12:])) {
		m.junk = 0
	}
	return n
}

// tagSize returns the size of the tag at the beginning of b, or 0: ID3v1 and its extension, ID3v2, APE.
//
//	"ID3", u8 version, u8 revision, u8 flags (16: a footer of 10 bytes), 4 × 7 bits size
//	"TAG", 125 bytes; "TAG+", 223 bytes
//	"APETAGEX", u32 version, u32 size without a header, u32 items, u32 flags, 8 bytes, little-endian
func tagSize(b []byte) int64 {
	switch {
	case len(b) >= 10 && string(b[:3]) == "ID3":
		n := 10 + (int64(b[6]&127)<<21 | int64(b[7]&127)<<14 | int64(b[8]&127)<<7 | int64(b[9]&127))
		if b[5]&16 != 0 {
			n += 10
		}
		return n
	case len(b) >= 4 && string(b[:4]) == "TAG+":
		return 227
	case len(b) >= 3 && string(b[:3]) == "TAG":
		return 128
	case isAPE(b):
		if binary.LittleEndian.Uint32(b[20:])&apeHeader == 0 {
			return 32
		}
		return 32 + int64(binary.LittleEndian.Uint32(b[12:]))
	}
	return 0
}

func isAPE(b []byte) bool { return len(b) >= 32 && string(b[:8]) == "APETAGEX" }

func isLyrics(b []byte) bool { return bytes.HasPrefix(b, []byte("LYRICSBEGIN")) }

// lyricsSize returns the size of the Lyrics3 tag that is next in the file: it ends with "LYRICS200" or, in
// its first version, "LYRICSEND". Without an end it is its first word.
func lyricsSize(in *input.Reader) int64 {
	const begin, end = len("LYRICSBEGIN"), len("LYRICS200")
	b, _ := in.Peek(1 << 16)
	n := len(b)
	for _, mark := range []string{"LYRICS200", "LYRICSEND"} {
		if i := bytes.Index(b[begin:], []byte(mark)); i >= 0 {
			n = min(n, begin+i+end)
		}
	}
	if n == len(b) && !bytes.HasSuffix(b, []byte("LYRICS200")) && !bytes.HasSuffix(b, []byte("LYRICSEND")) {
		return int64(begin)
	}
	return int64(n)
}
