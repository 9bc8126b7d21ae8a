package library

// Failures in words: what happened to which file, and what to do.

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"soberano/app/ui"
	"soberano/models"
	"soberano/models/registry"
)

// explain says why the file with that name could not be added; the actions are the caller's.
func explain(name string, err error) ui.Problem {
	p := ui.Problem{Title: name + " could not be added.", Why: reason(err)}
	var file *models.FileError
	if errors.Is(err, models.ErrUnknownFormat) {
		p.Title = name + " is not a model file."
		if errors.As(err, &file) { // a model of another kind, perhaps
			p.Title = name + " can't be used."
		} else {
			p.Why = "Soberano runs GGUF files (chat) and Whisper models (speech): a folder in CTranslate2 or Hugging Face form, or a ggml .bin or .apr file. Drop one of those."
		}
	}
	return p
}

// reason is an error as sentences: what is wrong, then what to do.
func reason(err error) string {
	var file *models.FileError
	if !errors.As(err, &file) {
		return sentence(err.Error())
	}
	why := stop(filepath.Base(file.Path) + " " + file.Reason)
	if file.Advice != "" {
		why += " " + sentence(file.Advice)
	}
	return why
}

// unusable says why a sound file can't be run.
func unusable(i registry.Info) ui.Problem {
	return ui.Problem{Title: fmt.Sprintf("%s can't be run by this version.", i.Title),
		Why: sentence(i.Reason) + " Choose a model of another family or quantization. The file has not been changed."}
}

// sentence gives an error's text a capital letter, unless it begins with a file's name,
// and a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	if word, _, _ := strings.Cut(s, " "); !strings.ContainsAny(strings.TrimRight(word, ".:"), ".:/_\\") {
		r, n := utf8.DecodeRuneInString(s)
		s = string(unicode.ToUpper(r)) + s[n:]
	}
	return stop(s)
}

// stop ends a sentence.
func stop(s string) string {
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}
