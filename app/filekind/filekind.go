// Package filekind tells what a dropped or named file is, for the window and the command line
// alike: a recording, a model, or neither.
package filekind

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"soberano/asr/audio"
	"soberano/models/registry"
)

// Kind is what a file is.
type Kind int

// The kinds.
const (
	Unknown   Kind = iota // nothing that this program knows, or not to be read
	Recording             // sound or a film
	Model                 // a model, or a folder that holds one
	Other                 // something else for certain: a picture, a document, an archive
)

// Of recognises a file by its content. Only where the content tells nothing, as of a file that
// is empty, damaged or of text, its name says what it is meant to be: a damaged recording is a
// recording, so that the reason is told. A folder is a Model or Unknown. Of reads from the disk:
// not for the UI goroutine.
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
	case audio.IsPicture(head), registry.Foreign(path, head):
		return Other
	}
	return named(path)
}

// ModelExtensions are the names that files of models have.
var ModelExtensions = append([]string{".json"}, weights...)

// named is what a file is meant to be, by its name.
func named(path string) Kind {
	switch {
	case audio.Named(path):
		return Recording
	case slices.Contains(ModelExtensions, strings.ToLower(filepath.Ext(path))):
		return Model
	}
	return Unknown
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

// Sorted are files by their kinds.
type Sorted struct {
	Recordings, Models, Neither []string
}

// Sort recognises what was dropped. A folder without a model, not even a broken one, stands for
// the recordings that are directly in it.
func Sort(paths []string) (s Sorted) {
	for _, path := range paths {
		switch Of(path) {
		case Recording:
			s.Recordings = append(s.Recordings, path)
		case Model:
			s.Models = append(s.Models, path)
		default:
			if inside := recordingsIn(path); len(inside) > 0 {
				s.Recordings = append(s.Recordings, inside...)
			} else {
				s.Neither = append(s.Neither, path)
			}
		}
	}
	return s
}

// weights are the names that files of a model's weights have.
var weights = []string{".gguf", ".bin", ".safetensors", ".apr"}

// recordingsIn lists the recordings directly in a folder, by name; none if it also holds what is
// named as the weights of a model are.
func recordingsIn(dir string) (list []string) {
	entries, err := os.ReadDir(dir)
	if err != nil || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return slices.Contains(weights, strings.ToLower(filepath.Ext(e.Name()))) }) {
		return nil
	}
	Walk(dir, false, func(path string, err error) {
		if err == nil {
			list = append(list, path)
		}
	})
	return list
}

// Walk calls found for each recording in a folder, and with deep for those in its folders, in
// the order of their names. Hidden files and folders are left out. What can't be searched is
// passed on with the error.
func Walk(dir string, deep bool, found func(path string, err error)) {
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			found(path, err)
			return fs.SkipDir
		case path != dir && (strings.HasPrefix(e.Name(), ".") || e.IsDir() && !deep):
			if e.IsDir() {
				return fs.SkipDir
			}
		case !e.IsDir() && Of(path) == Recording:
			found(path, nil)
		}
		return nil
	})
}
