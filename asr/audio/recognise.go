package audio

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"slices"
	"strings"
)

// extensions lists the file name extensions of sound files and films.
var extensions = strings.Fields(`.wav .wave .flac .mp3 .mp2 .ogg .oga .ogv .opus .spx .m4a .m4b .mp4 .m4v .mov .aac .ac3 .wma .wmv .asf
	.amr .3gp .3g2 .aiff .aif .aifc .caf .au .snd .mka .mkv .webm .avi .mpg .mpeg .mts .m2ts .flv .ape .wv .tta .dsf .w64 .rf64 .bw64`)

// Extensions returns the file name extensions of sound files and films, in lower case.
func Extensions() []string { return slices.Clone(extensions) }

// Named reports whether a path has the extension of a sound file or a film.
func Named(path string) bool {
	return slices.Contains(extensions, strings.ToLower(filepath.Ext(path)))
}

// HeadBytes is how many bytes from the beginning of a file IsSound uses.
const HeadBytes = 512

// marks lists the first bytes of sound files and films.
var marks = []string{"fLaC", "OggS", "\x1aE\xdf\xa3", "#!AMR", "caff", "0&\xb2u", "RF64", "BW64", "RIFX", ".snd", "wvpk", "MAC ", "TTA1", "DSD ", "FLV\x01",
	"\x00\x00\x01\xba", "riff\x2e\x91\xcf\x11", "ID3", "Creative Voice File"}

// IsSound reports whether a file that begins with head is a sound file or a film. Open may still
// find that it is damaged.
func IsSound(head []byte) bool {
	if len(head) < 12 {
		return false
	}
	for _, mark := range marks {
		if bytes.HasPrefix(head, []byte(mark)) {
			return true
		}
	}
	switch kind := string(head[8:12]); string(head[:4]) {
	case "FORM":
		return kind == "AIFF" || kind == "AIFC"
	case "RIFF":
		return kind == "WAVE" || kind == "AVI "
	}
	return isWAV(head) || isMP3(head) || isADTS(head) || isTransport(head) || string(head[4:8]) == "ftyp" && !IsPicture(head)
}

// isADTS reports whether head begins with two frames of AAC, or with one that it does not hold
// completely.
func isADTS(head []byte) bool {
	frame := func(b []byte) bool { return b[0] == 0xff && b[1]&0xf6 == 0xf0 && b[2]>>2&15 < 13 }
	if len(head) < 7 || !frame(head) {
		return false
	}
	n := int(binary.BigEndian.Uint32(head[2:]) >> 5 & 0x1fff)
	return n > 7 && (n+3 > len(head) || frame(head[n:]))
}

// isTransport reports whether head begins with packets of an MPEG transport stream.
func isTransport(head []byte) bool {
	return len(head) > 2*188 && head[0] == 0x47 && head[188] == 0x47 && head[2*188] == 0x47
}

// pictureBrands lists the brands of ISO media files that hold pictures: HEIC and AVIF.
var pictureBrands = []string{"heic", "heix", "heim", "heis", "mif1", "msf1", "avif"}

// IsPicture reports whether a file that begins with head is a picture.
func IsPicture(head []byte) bool {
	if len(head) >= 12 && string(head[4:8]) == "ftyp" {
		return slices.Contains(pictureBrands, string(head[8:12]))
	}
	for _, mark := range []string{"\x89PNG", "\xff\xd8\xff", "GIF8", "II*\x00", "MM\x00*"} {
		if bytes.HasPrefix(head, []byte(mark)) {
			return true
		}
	}
	return len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP" || isBMP(head)
}

// isBMP reports whether head begins as a bitmap of Windows: two letters, two reserved fields of zeros, and the size of a header.
func isBMP(head []byte) bool {
	return len(head) >= 18 && string(head[:2]) == "BM" && string(head[6:10]) == "\x00\x00\x00\x00" &&
		slices.Contains([]uint32{12, 40, 52, 56, 64, 108, 124}, binary.LittleEndian.Uint32(head[14:]))
}
