package transcribe

// Times and failures in words.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"soberano/app/store"
	"soberano/models"
)

// clock is a place in the audio: 0:07, 12:34, 1:02:03.
func clock(d time.Duration) string {
	s := int64(d / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// long is a length as people say it: 7 s, 12 min, 1 h 2 min.
func long(d time.Duration) string {
	switch {
	case d >= 59*time.Minute+30*time.Second:
		m := int(d.Round(time.Minute) / time.Minute)
		if m%60 == 0 {
			return fmt.Sprintf("%d h", m/60)
		}
		return fmt.Sprintf("%d h %d min", m/60, m%60)
	case d >= 59*time.Second+500*time.Millisecond:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f s", max(1, d.Seconds()))
}

// reason says why a file can't be written down, in sentences: what is wrong and where, then
// what to do.
func reason(path string, err error) string {
	var file *models.FileError
	switch {
	case errors.As(err, &file):
		why := sentence(strings.TrimSuffix(file.Error(), "; "+file.Advice))
		if file.Advice != "" {
			why += " " + sentence(file.Advice)
		}
		return why
	case errors.Is(err, fs.ErrNotExist):
		return "The file is not at " + path + " any more. It may have been moved, or the drive is not plugged in. Put it back and try again."
	case errors.Is(err, os.ErrPermission):
		return "The file may not be read. Change its permissions, or copy it to your own folder."
	case errors.Is(err, syscall.ENOMEM):
		return "There is not enough memory for the speech model. Close other programs, or choose a smaller model."
	case errors.Is(err, syscall.EISDIR):
		return "This is a folder without audio files."
	}
	return sentence(bare(path, err.Error()))
}

// hopeless says whether a failed file can't be read however often it is tried: by its note,
// which is all that is left of the error at the next start.
func hopeless(t store.Transcript) bool {
	return t.Segments == 0 && slices.ContainsFunc([]string{"The file is empty.", "The file ends after ", "This is text, no sound", "Ffmpeg can't read it"},
		func(s string) bool { return strings.HasPrefix(t.Note, s) })
}

// bare takes the parts of an audio error that help nobody: which package, the path that
// stands above, and what Go calls it.
func bare(path, s string) string {
	if at := strings.Index(s, path+": "); path != "" && at >= 0 {
		s = s[at+len(path)+2:]
	}
	for _, p := range []string{"audio: ", "asr: ", "store: ", "mic: "} {
		s = strings.TrimPrefix(s, p)
	}
	for _, end := range []string{": unexpected EOF", ": not an audio format that can be read"} {
		s = strings.TrimSuffix(s, end)
	}
	if rest, ok := strings.CutPrefix(s, "byte 0: "); ok {
		return rest
	}
	if strings.HasPrefix(s, "byte ") {
		s = "at " + s
	}
	return counts.ReplaceAllStringFunc(s, grouped)
}

// counts are places in a file and numbers of bytes, as asr/audio writes them.
var counts = regexp.MustCompile(`\bbyte \d{4,18}\b|\b\d{4,18} bytes\b`)

// grouped writes the number in words with separators.
func grouped(words string) string {
	digits := strings.Trim(words, "bytes ")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return words
	}
	return strings.Replace(words, digits, models.Grouped(n), 1)
}

// sentence gives an error's text a capital letter, unless a file's name comes first, and a
// full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	if word, _, _ := strings.Cut(s, " "); !strings.ContainsAny(strings.TrimRight(word, ".:"), ".:/_\\") {
		r, n := utf8.DecodeRuneInString(s)
		s = string(unicode.ToUpper(r)) + s[n:]
	}
	if !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}
