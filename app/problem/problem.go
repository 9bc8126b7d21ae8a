// Package problem says in sentences why something about a recording failed: what is wrong and
// where, then what to do. The window and the command line say it alike.
package problem

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"soberano/models"
)

// Of says why a file can't be written down, in sentences: what is wrong and where, then
// what to do.
func Of(path string, err error) string {
	var file *models.FileError
	switch {
	case errors.As(err, &file):
		why := Sentence(strings.TrimSuffix(file.Error(), "; "+file.Advice))
		if file.Advice != "" {
			why += " " + Sentence(file.Advice)
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
	return Sentence(Bare(path, err.Error()))
}

// Bare takes the parts of an audio error that help nobody: which package, the path that
// stands above, and what Go calls it.
func Bare(path, s string) string {
	if at := strings.Index(s, path+": "); path != "" && at >= 0 {
		s = s[at+len(path)+2:]
	}
	for _, p := range []string{"audio: ", "asr: ", "store: ", "mic: "} {
		s = strings.TrimPrefix(s, p)
	}
	s = strings.TrimSuffix(s, ": unexpected EOF")
	s = strings.ReplaceAll(s, ": not an audio format that can be read", "") // advice may follow
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

// Sentence gives an error's text a capital letter, unless a file's name comes first, and a
// full stop.
func Sentence(s string) string {
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
