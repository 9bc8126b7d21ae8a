// Package filekind recognises whether a file is a recording, a model, a document, or none of these. The window and the command line both use it.
package filekind

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"soberano/asr/audio"
	"soberano/models/registry"
)

// Kind is the kind of a file.
type Kind int

// The kinds.
const (
	Unknown   Kind = iota // not recognised, or not readable
	Recording             // audio, or a film with audio
	Model                 // a model, or a folder that contains one
	Document              // a PDF, an office document, an electronic book
	Text                  // readable text that is not named as anything else
	Picture
	Damaged // named like a model, without the content of one; only Walk finds it
	Other   // certainly something else: an archive, a program
)

// Of recognises a file by its content. Its name is used only if the content is not conclusive, because the file is empty, damaged
// or text: a damaged file named as a recording counts as a recording, so that its error is reported. A folder is a Model or
// Unknown. Of reads from the disk, so it must not be called on the UI goroutine.
func Of(path string) Kind {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return named(path)
	case st.IsDir():
		if registry.Recognises(path) {
			return Model
		}
		return Unknown
	case !st.Mode().IsRegular():
		return Unknown
	}
	head, err := headOf(path)
	switch {
	case err != nil:
		return named(path)
	case registry.Recognises(path):
		return Model
	case audio.IsSound(head):
		return Recording
	case audio.IsPicture(head), isSVG(head):
		return Picture
	case isDocument(path, head):
		return Document
	case registry.Foreign(path, head):
		return Other
	}
	if kind := named(path); kind != Unknown || !isText(head) {
		return kind
	}
	return Text
}

// zipped are the extensions of documents that are zip archives.
var zipped = []string{".docx", ".xlsx", ".pptx", ".docm", ".xlsm", ".pptm", ".odt", ".ods", ".odp", ".epub", ".pages", ".numbers", ".key"}

// isDocument reports whether the file at path, which begins with head, is a document with a format of its own.
func isDocument(path string, head []byte) bool {
	begins := func(mark string) bool { return bytes.HasPrefix(head, []byte(mark)) }
	has := func(name string) bool { return bytes.Contains(head[:min(len(head), 512)], []byte(name)) }
	switch {
	case begins("%PDF"), begins("{\\rtf"), begins("%!PS"), begins("AT&TFORM"):
		return true
	case begins("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"): // Microsoft's compound files: .doc, .xls, .ppt
		return true
	case begins("PK\x03\x04"):
		return has("[Content_Types].xml") || has("mimetypeapplication/vnd.oasis.opendocument") || has("mimetypeapplication/epub") ||
			slices.Contains(zipped, strings.ToLower(filepath.Ext(path)))
	}
	return false
}

// isSVG reports whether head is the beginning of a drawing in SVG, which may follow comments and a declaration of XML.
func isSVG(head []byte) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	for _, mark := range []string{"<svg", "<?xml", "<!--", "<!DOCTYPE svg"} {
		if bytes.HasPrefix(text, []byte(mark)) {
			at := bytes.Index(text, []byte("<svg"))
			return at >= 0 && at+4 < len(text) && bytes.IndexByte([]byte(" \t\r\n>"), text[at+4]) >= 0
		}
	}
	return false
}

// isText reports whether head is text in UTF-8.
func isText(head []byte) bool {
	if len(head) == 0 {
		return false
	}
	for i := 0; i < len(head); {
		r, n := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError && n == 1 {
			return i > 0 && !utf8.FullRune(head[i:]) // cut off at the end of head
		}
		if r < ' ' && !strings.ContainsRune("\t\n\r\f", r) {
			return false
		}
		i += n
	}
	return true
}

// ModelExtensions are the file extensions of models.
var ModelExtensions = append([]string{".json"}, weights...)

// named returns the kind of file that a name stands for.
func named(path string) Kind {
	switch {
	case audio.Named(path):
		return Recording
	case slices.Contains(ModelExtensions, strings.ToLower(filepath.Ext(path))):
		return Model
	}
	return Unknown
}

// readable are the extensions of further documents, texts and pictures.
var readable = []string{".pdf", ".rtf", ".doc", ".xls", ".ppt", ".ps", ".djvu", ".txt", ".md", ".csv", ".html", ".jpg", ".jpeg", ".png", ".gif", ".heic", ".webp"}

// LooksLikePath reports whether a word can only be meant as a path: it contains a separator, or ends like the name of a file of a
// known kind. There need not be such a file.
func LooksLikePath(word string) bool {
	ext := strings.ToLower(filepath.Ext(word))
	return strings.ContainsAny(word, "/"+string(filepath.Separator)) || named(word) != Unknown || slices.Contains(zipped, ext) || slices.Contains(readable, ext)
}

func headOf(path string) (head []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head = make([]byte, audio.HeadBytes)
	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:n], err
}
