package chat

// Errors in words that a person can act on: what happened, why, what to do.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"soberano/engine"
	"soberano/models"
)

// sentence makes an error's text a sentence: a capital letter (unless a file's name comes
// first), a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if from, rest, ok := strings.Cut(s, ": "); ok && packages[from] {
		s = rest // which part of the program says it helps nobody
	}
	if s == "" {
		return s
	}
	first, n := utf8.DecodeRuneInString(s)
	if word, _, _ := strings.Cut(s, " "); !strings.ContainsAny(word, ".:/_") { // not a file's name
		s = string(unicode.ToUpper(first)) + s[n:]
	}
	if !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}

// packages are the names that errors begin with.
var packages = map[string]bool{"mic": true, "asr": true, "engine": true, "store": true, "settings": true, "registry": true, "gguf": true, "token": true, "prompt": true}

// why says what is behind an error of opening or running a model.
func why(err error) string {
	var file *models.FileError
	switch {
	case errors.As(err, &file):
		text := sentence(strings.TrimSuffix(file.Error(), "; "+file.Advice))
		if file.Advice != "" {
			text += " " + sentence(upper(file.Advice))
		}
		return text
	case errors.Is(err, fs.ErrNotExist):
		return sentence(err.Error()) + " It may have been moved, or the drive is not plugged in. Put it back, or drop it on this window again."
	case errors.Is(err, os.ErrPermission):
		return sentence(err.Error()) + " Change the file's permissions, or copy it to your own folder."
	case errors.Is(err, syscall.ENOMEM):
		return "There is not enough memory for this model. Close other programs, or choose a smaller model."
	}
	return sentence(err.Error())
}

func upper(s string) string {
	first, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[n:]
}

// full says that the context is full; nothing has been left out silently.
func full(st Status) string {
	if st.Info.Context == 0 {
		return "The conversation is longer than this model can read at once. Nothing was left out. Start a new chat, or choose a model with a longer context."
	}
	return fmt.Sprintf("%s reads %s tokens at once, and this conversation has reached that. Nothing was left out. Start a new chat, or choose a model with a longer context.",
		st.Entry.Title, models.Grouped(st.Info.Context))
}

// tooLong says that a question found no room.
func tooLong(st Status, err error) string {
	var c *engine.ContextError
	if !errors.As(err, &c) {
		return full(st)
	}
	return fmt.Sprintf("With your message the conversation has %s tokens, and %s reads %s at once, its answer included. Nothing was left out and nothing was answered. Start a new chat, shorten the message, or choose a model with a longer context.",
		models.Grouped(c.Prompt), st.Entry.Title, models.Grouped(c.Context))
}

func isFull(err error) bool { return errors.Is(err, engine.ErrContextFull) }
