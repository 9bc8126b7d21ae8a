package registry

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"strings"

	"soberano/models"
	"soberano/models/apr"
)

const (
	cardFile   = "card.md"   // in the entry's folder: the text that a person has written, or a copy of the one that came with the model
	readmeFile = "README.md" // in a model's folder
	maxCard    = 4 << 20     // bytes
)

// Card returns the model card of e, a text in Markdown: the one that a person has set, the README.md of the model's folder, or the description in its file; "" if there is none.
func (e *Entry) Card() (string, error) {
	paths := []string{filepath.Join(e.dir, cardFile)}
	if !e.Saved() {
		paths = nil
	}
	if path := readmeOf(e.Path(), e.Format); path != "" {
		paths = append(paths, path)
	}
	for _, path := range paths {
		b, err := models.ReadSmall(path, maxCard)
		if err == nil {
			return strings.ToValidUTF8(string(b), "\uFFFD"), nil
		}
		if !errors.Is(err, models.ErrNotFound) {
			return "", err
		}
	}
	return e.description()
}

// readmeOf returns where the README.md of a model lies that is a folder; "" for others.
func readmeOf(path, format string) string {
	switch format {
	case "ctranslate2":
		return filepath.Join(path, readmeFile)
	case "safetensors":
		return filepath.Join(filepath.Dir(path), readmeFile)
	}
	return ""
}

// description returns what the file of a model says about it.
func (e *Entry) description() (string, error) {
	f, err := peek(e.Path())
	if err != nil {
		return "", err
	}
	text := ""
	for _, key := range []string{apr.Card, "general.description", "description"} {
		s, _ := f.Meta.String(key, "") // a description of another type is none
		text = cmp.Or(text, s)
	}
	return strings.ToValidUTF8(text, "\uFFFD"), f.Close()
}

// peek opens a model, also one that can't be run.
func peek(path string) (*models.File, error) {
	format, path, err := locate(path)
	if err != nil {
		return nil, err
	}
	return format.peek(path)
}

// CardError means that a text is too long for a model card.
type CardError struct{ Bytes int }

func (e *CardError) Error() string {
	return "the text has " + models.Size(int64(e.Bytes)) + ", more than the " + models.Size(maxCard) + " of a model card"
}

// SetCard makes a text the model card of a model. An empty text removes the one that was set, so that the model's own is shown again.
func (l *Library) SetCard(name, text string) error {
	if len(text) > maxCard {
		return &CardError{len(text)}
	}
	unlock, err := l.lock(context.Background())
	if err != nil {
		return err
	}
	defer unlock()
	e, err := l.Find(name)
	if err != nil {
		return err
	}
	path := filepath.Join(e.dir, cardFile)
	switch {
	case text != "":
		err = replaceFile(path, []byte(text))
	case exists(path):
		err = removeFile(path)
	}
	if err != nil {
		return explainWriteError(e.dir, err)
	}
	return syncDir(e.dir)
}

// copyCard copies the README.md of the model at path, a folder, beside the record of an entry whose files are copied.
func (t *temporary) copyCard(e Entry, path string) error {
	readme := readmeOf(path, e.Format)
	if e.Linked || readme == "" {
		return nil
	}
	b, err := models.ReadSmall(readme, maxCard)
	if err != nil {
		return nil // there is none, or none that could be shown
	}
	return explainWriteError(t.dir, writeSynced(filepath.Join(t.dir, cardFile), b))
}
