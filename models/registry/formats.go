package registry

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"soberano/models"
	"soberano/models/apr"
	"soberano/models/ctranslate2"
	"soberano/models/ggml"
	"soberano/models/gguf"
	"soberano/models/safetensors"
)

// format is a file format that can be opened.
type format struct {
	name      string
	is        func(head []byte, ext string) bool // by what a file of it begins with
	directory bool                               // opened by the directory in which the file named ctranslate2.Weights lies
	open      func(path string) (*models.File, error)
	peek      func(path string) (*models.File, error) // as open, but does not mind what can't run
	describe  func(f *models.File) (Info, error)
}

// formats is the table of formats: a new one is a line here and a folder in models.
var formats = []format{
	{"gguf", begins("GGUF"), false, gguf.Open, gguf.Peek, describeGGUF},
	{"ctranslate2", begins("\x06\x00\x00\x00\x0c\x00WhisperSpec\x00"), true, ctranslate2.Open, ctranslate2.Peek, describeWhisper},
	{"ggml", isGGMLWhisper, false, ggml.Open, ggml.Open, describeGGML},
	{"safetensors", isSafetensors, false, safetensors.Open, safetensors.Peek, describeSafetensors},
	{"apr", begins(apr.Magics...), false, apr.Open, apr.Peek, describeAPR},
}

func formatNamed(name string) format {
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
	if i < 0 {
		return format{}
	}
	return formats[i]
}

// Read opens a model file, or a directory of one, of any known format.
func Read(path string) (*models.File, error) {
	f, path, err := locate(path)
	if err != nil {
		return nil, err
	}
	return f.open(path)
}

// Inspect says what a model is without loading its weights. path is a file or a
// directory; for a model of several files also any of them. A sound file of a
// family or type that can't run gives Info with Runs false and the reason, no error.
func Inspect(path string) (Info, error) {
	s, err := study(path)
	return s.info, err
}

// Recognises reports whether path, a file or a folder, is of a format that Read opens, by its
// content. Read may still find it damaged.
func Recognises(path string) bool {
	_, _, err := locate(path)
	return err == nil
}

// Foreign reports whether a file that begins with head is for certain of a kind that is no
// model: a picture, a document, an archive. path is for its extension.
func Foreign(path string, head []byte) bool {
	kind, known := foreign(path, head)
	return known && !kind.vague
}

// studied is what there is to know of a model before its import.
type studied struct {
	path     string   // what to open, absolute
	paths    []string // all files that belong to it, absolute
	info     Info
	sampling Sampling
}

func study(path string) (s studied, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return s, err
	}
	format, path, err := locate(path)
	if err != nil {
		return s, err
	}
	f, err := format.peek(path)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s.path, s.paths = path, f.Paths
	if s.info, err = format.describe(f); err != nil {
		return s, models.Corrupt(path, "is damaged: %v", err)
	}
	s.info.Format = format.name
	for _, p := range f.Paths {
		st, err := os.Stat(p)
		if err != nil {
			return s, models.NotReadable(p, err)
		}
		s.info.Bytes += st.Size()
	}
	s.sampling = samplingOf(f.Meta, s.info.Kind)
	return s, nil
}

// locate finds the format of what path names, and what to open for it.
func locate(path string) (format, string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return format{}, "", models.NotReadable(path, err)
	}
	if st.IsDir() {
		return locateIn(path)
	}
	head, err := headOf(path)
	if err != nil {
		return format{}, "", err
	}
	for _, f := range formats {
		if !f.is(head, strings.ToLower(filepath.Ext(path))) {
			continue
		}
		if !f.directory {
			return f, path, nil
		}
		if filepath.Base(path) != ctranslate2.Weights {
			return format{}, "", &models.FileError{Path: path, Reason: "holds the weights of a Whisper model under another name",
				Advice: "call it model.bin and put it beside its config.json and tokenizer.json", Kind: models.ErrUnknownFormat}
		}
		return f, filepath.Dir(path), nil
	}
	if f, dir, ok := beside(path); ok {
		return f, dir, nil
	}
	return format{}, "", wrongFile(path, head)
}

// beside takes config.json and the like for the model that they stand beside.
func beside(path string) (format, string, bool) {
	dir, ext := filepath.Dir(path), strings.ToLower(filepath.Ext(path))
	if ext != ".json" && ext != ".txt" {
		return format{}, "", false
	}
	f, main, err := inFolder(dir)
	return f, main, err == nil && main != ""
}

// inFolder finds the model that a directory as a whole is: "" where it is none.
func inFolder(dir string) (f format, path string, err error) {
	if index := filepath.Join(dir, safetensors.Index); exists(index) {
		f, path = formatNamed("safetensors"), index
	}
	for _, name := range []string{safetensors.Weights, ctranslate2.Weights} {
		if weights := filepath.Join(dir, name); exists(weights) {
			found, at, wrong := locate(weights)
			if err = wrong; err == nil {
				f, path = found, at
			}
		}
	}
	if path != "" {
		err = nil
	}
	return f, path, err
}

// locateIn finds the one model in a directory.
func locateIn(dir string) (format, string, error) {
	f, path, broken := inFolder(dir)
	if path != "" {
		return f, path, nil
	}
	files, err := modelsIn(dir)
	switch {
	case err != nil:
		return format{}, "", err
	case len(files) == 0 && broken != nil:
		return format{}, "", broken
	case len(files) == 0:
		return format{}, "", wrongDirectory(dir)
	}
	if stem(files[0]) != stem(files[len(files)-1]) {
		kind := "model"
		if strings.EqualFold(filepath.Ext(files[0]), ".gguf") && strings.EqualFold(filepath.Ext(files[len(files)-1]), ".gguf") {
			kind = "GGUF"
		}
		return format{}, "", &models.FileError{Path: dir, Reason: fmt.Sprintf("holds %d %s files", len(files), kind), Advice: "choose one of them", Kind: models.ErrUnknownFormat}
	}
	return locate(files[0])
}

// modelsIn lists the files in a directory that are called as models are, and begin so,
// unless they are called .gguf: then they are to be one.
func modelsIn(dir string) ([]string, error) {
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, models.NotReadable(dir, err)
	}
	var files []string
	for _, n := range names {
		path := filepath.Join(dir, n.Name())
		switch strings.ToLower(filepath.Ext(n.Name())) {
		case ".gguf":
		case ".bin", ".apr", ".safetensors":
			if _, _, err := locate(path); err != nil {
				continue
			}
		default:
			continue
		}
		files = append(files, path)
	}
	return files, nil
}

// headOf reads the beginning of a regular file.
func headOf(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err == nil && !st.Mode().IsRegular() {
		return nil, &models.FileError{Path: path, Reason: "is not a regular file", Kind: models.ErrUnknownFormat}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, models.NotReadable(path, err)
	}
	defer f.Close()
	b := make([]byte, 4096)
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, models.NotReadable(path, err)
	}
	return b[:n], nil
}
