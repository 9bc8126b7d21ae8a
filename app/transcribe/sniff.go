package transcribe

// Which dropped files are recordings: by their first bytes, since names lie; by their name
// where the bytes say nothing, so that a damaged recording is refused here, with the reason,
// and not as a broken model.

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// names are endings of audio and video files.
var names = strings.Fields(`.wav .wave .flac .mp3 .m4a .m4b .mp4 .m4v .mov .aac .ogg .oga .opus .ogv .webm .mkv .mka
	.wma .wmv .avi .aif .aiff .aifc .caf .amr .3gp .au .snd .mpg .mpeg .ts .w64 .rf64`)

// others are endings that never are audio, whatever the bytes look like.
var others = strings.Fields(`.gguf .ggml .bin .json .safetensors .apr .txt`)

// marks are first bytes of audio and video files.
var marks = []struct {
	at   int
	mark string
}{{0, "fLaC"}, {8, "WAVE"}, {8, "AVI "}, {0, "OggS"}, {0, "ID3"}, {4, "ftyp"}, {0, "FORM"}, {0, "RIFX"}, {0, "\x1aE\xdf\xa3"}, {0, "#!AMR"},
	{0, "caff"}, {0, ".snd"}, {0, "0&\xb2u"}, {0, "\xff\xfb"}, {0, "\xff\xf3"}, {0, "\xff\xf2"}, {0, "\xff\xfa"}, {0, "\xff\xf1"}, {0, "\xff\xf9"}, {0, "riff"}}

// IsAudio says whether a file is a recording, or means to be one. It may read from a slow
// disk: not for the UI goroutine.
func IsAudio(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	if slices.Contains(others, ext) {
		return false
	}
	if slices.Contains(names, ext) {
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 12)
	n, _ := io.ReadFull(f, head)
	for _, m := range marks {
		if m.at <= n && bytes.HasPrefix(head[m.at:n], []byte(m.mark)) {
			return true
		}
	}
	return false
}

// Sort tells recordings from the rest, which are models or nothing we know. A folder with
// recordings and no model stands for the recordings that are directly in it.
func Sort(paths []string) (audio, rest []string) {
	for _, p := range paths {
		st, err := os.Stat(p)
		switch {
		case err == nil && st.IsDir():
			if inside := folder(p); len(inside) > 0 {
				audio = append(audio, inside...)
			} else {
				rest = append(rest, p)
			}
		case IsAudio(p):
			audio = append(audio, p)
		default:
			rest = append(rest, p)
		}
	}
	return audio, rest
}

// folder are the recordings in a folder, in the order of their names.
func folder(dir string) (audio []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if e.Name() == "model.bin" {
			return nil
		}
		if p := filepath.Join(dir, e.Name()); e.Type().IsRegular() && IsAudio(p) {
			audio = append(audio, p)
		}
	}
	return audio
}

// Endings are the names of files that a person is offered to choose from.
func Endings() []string {
	var list []string
	for _, n := range names {
		list = append(list, n, strings.ToUpper(n))
	}
	return list
}
