package filekind

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"soberano/models/registry"
)

// The limits of a search in a folder.
const (
	MaxDepth   = 32      // folders within each other, the searched one included
	MaxEntries = 100_000 // files and folders in all
)

// SearchError means that a folder was not searched to its end, because a limit was reached.
type SearchError struct {
	Folder  string
	Entries bool // MaxEntries was reached, otherwise MaxDepth
}

func (e *SearchError) Error() string {
	if e.Entries {
		return fmt.Sprintf("filekind: %s contains more than %d files", e.Folder, MaxEntries)
	}
	return fmt.Sprintf("filekind: %s is more than %d folders deep", e.Folder, MaxDepth)
}

// Sorted are files grouped by kind; Documents include texts.
type Sorted struct {
	Recordings, Models, Documents, Pictures, Neither []string
	Empty                                            []string // folders that contain no recording and no model
	Absent, Blank                                    []string // of Neither, those that are not there and those that are empty
	Errors                                           []error  // folders that could not be searched to their end
}

// Sort recognises dropped files. A folder that is not itself a model stands for the recordings and models in it and in its
// subfolders, as Walk finds them; a folder without a model that directly contains a file named like the weights of one counts as a damaged model.
func Sort(paths []string) (s Sorted) {
	for _, path := range paths {
		switch Of(path) {
		case Recording:
			s.Recordings = append(s.Recordings, path)
		case Model:
			s.Models = append(s.Models, path)
			s.beside(path)
		case Document, Text:
			s.Documents = append(s.Documents, path)
		case Picture:
			s.Pictures = append(s.Pictures, path)
		default:
			st, err := os.Stat(path)
			if err == nil && st.IsDir() && (!holdsWeights(path) || holdsModels(path)) {
				s.search(path)
				continue
			}
			s.Neither = append(s.Neither, path)
			if errors.Is(err, os.ErrNotExist) {
				s.Absent = append(s.Absent, path)
			} else if err == nil && st.Size() == 0 {
				s.Blank = append(s.Blank, path)
			}
		}
	}
	return s
}

// beside adds the GGUF files in a folder that is a model of other files.
func (s *Sorted) beside(dir string) {
	Beside(dir, func(path string, kind Kind, err error) {
		switch {
		case err != nil:
			s.Errors = append(s.Errors, err)
		case kind == Model:
			s.Models = append(s.Models, path)
		default:
			s.Neither = append(s.Neither, path)
		}
	})
}

// search adds the recordings and models in a folder.
func (s *Sorted) search(dir string) {
	found := false
	Walk(dir, func(path string, kind Kind, err error) {
		found = true
		switch {
		case err != nil:
			s.Errors = append(s.Errors, err)
		case kind == Recording:
			s.Recordings = append(s.Recordings, path)
		case kind == Model:
			s.Models = append(s.Models, path)
		case kind == Damaged: // the library says why it can't be used
			s.Neither = append(s.Neither, path)
		}
	})
	if !found {
		s.Empty = append(s.Empty, dir)
	}
}

// weights are the file extensions of model weights.
var weights = []string{".gguf", ".bin", ".safetensors", ".apr"}

// holdsWeights reports whether a folder directly contains a file named like the weights of a model.
func holdsWeights(dir string) bool {
	entries, _ := os.ReadDir(dir) // Walk reports the error
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return !e.IsDir() && slices.Contains(weights, strings.ToLower(filepath.Ext(e.Name())))
	})
}

// holdsModels reports whether there is a model in a folder or its subfolders.
func holdsModels(dir string) (any bool) {
	Walk(dir, func(_ string, kind Kind, _ error) { any = any || kind == Model })
	return any
}

// Walk calls found for each recording and each model in a folder and its subfolders, in the order of their names. A folder that is
// a model is found once, before the recordings in it, and before a GGUF file beside its files, which is another model. Hidden files and folders and links to folders are skipped; a link to a file
// is followed. Files that are only named as models are found as Damaged ones. For a folder that can't be read, or that exceeds MaxDepth or MaxEntries, found is called with the error.
func Walk(dir string, found func(path string, kind Kind, err error)) {
	w := walk{root: dir, found: found}
	w.folder(dir, 1, outside)
}

// Beside calls found, as Walk does, for each GGUF file in a folder that is itself a model, of other files: such a file is a model of its own.
func Beside(dir string, found func(path string, kind Kind, err error)) {
	if !registry.IsFolder(dir) {
		return
	}
	w := walk{root: dir, found: func(path string, kind Kind, err error) {
		if kind != Recording {
			found(path, kind, err)
		}
	}}
	w.folder(dir, 1, inFolder)
}

// within says whether a folder that is searched is a model.
type within int

const (
	outside  within = iota
	inFile          // a folder with a single model file, which stands for it; its subfolders do not belong to it
	inFolder        // a folder of Hugging Face or CTranslate2, or one in it; GGUF files in it are other models
)

// walk is a search in a folder.
type walk struct {
	root    string
	found   func(path string, kind Kind, err error)
	entries int // so far
}

// folder searches dir, the depth-th folder from the root on. It returns false when the
// search has ended.
func (w *walk) folder(dir string, depth int, in within) bool {
	if depth > MaxDepth {
		w.found(dir, Unknown, &SearchError{Folder: w.root})
		return true
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		w.found(dir, Unknown, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if w.entries++; w.entries > MaxEntries {
			w.found(dir, Unknown, &SearchError{Folder: w.root, Entries: true})
			return false
		}
		path := filepath.Join(dir, e.Name())
		if !e.IsDir() {
			w.file(path, in)
			continue
		}
		sub := outside
		switch {
		case in == inFolder:
			sub = inFolder
		case registry.Recognises(path):
			w.found(path, Model, nil)
			if sub = inFile; registry.IsFolder(path) {
				sub = inFolder
			}
		}
		if !w.folder(path, depth+1, sub) {
			return false
		}
	}
	return true
}

// file calls found if path is a recording, or a model that belongs to no folder that is one, or is named like one.
func (w *walk) file(path string, in within) {
	if st, err := os.Stat(path); errors.Is(err, os.ErrNotExist) || err == nil && st.IsDir() {
		return // a link to nothing, or to a folder
	}
	switch kind := Of(path); {
	case kind == Recording:
		w.found(path, kind, nil)
	case in == inFile || in == inFolder && !strings.EqualFold(filepath.Ext(path), ".gguf"):
	case kind == Model && registry.Recognises(path):
		w.found(path, kind, nil)
	case slices.Contains([]string{".gguf", ".safetensors", ".apr"}, strings.ToLower(filepath.Ext(path))): // others use .bin and .json, too
		w.found(path, Damaged, nil)
	}
}
