package audio

// Which files of a folder are recordings.

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// extensions of sound and films; ffmpeg reads more, which a folder has to name one by one.
var extensions = func() map[string]bool {
	m := make(map[string]bool)
	for _, e := range strings.Fields(`wav wave flac mp3 mp2 ogg oga opus spx m4a m4b mp4 m4v mov aac ac3 wma wmv asf amr 3gp 3g2
		aiff aif aifc caf au snd mka mkv webm avi mpg mpeg mts m2ts flv ape wv tta dsf rf64 bw64`) {
		m["."+e] = true
	}
	return m
}()

// Looks reports whether a file is probably a recording, by its first bytes or, if they don't
// tell, by its extension. It says no more: Open may still find it broken.
func Looks(path string) bool {
	if st, err := os.Stat(path); err != nil || !st.Mode().IsRegular() {
		return false
	}
	if extensions[strings.ToLower(filepath.Ext(path))] {
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [12]byte
	n, _ := io.ReadFull(f, head[:])
	return isSound(head[:n])
}

// isSound reports whether a file that begins with head is sound or a film.
func isSound(head []byte) bool {
	if len(head) < 12 {
		return false
	}
	for _, mark := range []string{"fLaC", "OggS", "\x1aE\xdf\xa3", "#!AMR", "caff", "0&\xb2u", "FORM"} {
		if bytes.HasPrefix(head, []byte(mark)) && (mark != "FORM" || bytes.HasPrefix(head[8:], []byte("AIF"))) {
			return true
		}
	}
	brand := string(head[8:12])
	picture := brand == "heic" || brand == "heix" || brand == "mif1" || brand == "msf1" || brand == "avif"
	return isWAV(head) || isMP3(head) || bytes.HasPrefix(head, []byte("ID3")) || string(head[4:8]) == "ftyp" && !picture
}
