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
	"soberano/models/huggingface"
	"soberano/models/safetensors"
)

// format is a file format that can be opened.
type format struct {
	name      string
	is        func(head []byte, ext string) bool // recognises the beginning of a file
	directory bool                               // the model is the directory that contains the file ctranslate2.Weights
	open      func(path string) (*models.File, error)
	peek      func(path string) (*models.File, error) // like open, but accepts what can't run
	describe  func(f *models.File) (Info, error)
}

// formats is the table of file formats. A new format is a package in models and a line here.
var formats = []format{
	{"gguf", begins("GGUF"), false, gguf.Open, gguf.Peek, describeGGUF},
	{"ctranslate2", begins("\x06\x00\x00\x00\x0c\x00WhisperSpec\x00"), true, ctranslate2.Open, ctranslate2.Peek, describeWhisper},
	{"ggml", isGGMLWhisper, false, ggml.Open, ggml.Open, describeGGML},
	{"safetensors", isSafetensors, false, openSafetensors, safetensors.Peek, describeSafetensors},
	{"apr", begins(apr.Magics...), false, apr.Open, apr.Peek, describeAPR},
}

// openSafetensors opens a model. In the folder of a language model there may be tensors of other types that are not used, such as
// numbers of positions; the family refuses those that it uses.
func openSafetensors(path string) (*models.File, error) {
	f, err := safetensors.Peek(path)
	if err != nil || huggingface.Is(f) {
		return f, err
	}
	if err := safetensors.CheckTypes(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func formatNamed(name string) format {
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
	if i < 0 {
		return format{}
	}
	return formats[i]
}

// Read opens a model file or a model directory of any known format.
func Read(path string) (*models.File, error) {
	f, path, err := locate(path)
	if err != nil {
		return nil, err
	}
	return f.open(path)
}

// Check reports whether the program can open a model; the error says why not. A Check calls the packages that open
// models (engine.Check, asr.Check), which this one may not import.
type Check func(f *models.File) (Verdict, error)

// Inspect describes a model without loading its weights. path is a file or a directory, or
// any of the files of a model that has several. For a file that can be read but not run, Info
// has Runs false and a reason, and the error is nil. If check is nil, a model runs if its
// format can be read.
func Inspect(path string, check Check) (Info, error) {
	s, err := inspect(path, check)
	return s.info, err
}

// Recognises reports whether the content of path, a file or a folder, is of a format that Read
// opens. Read may still find that it is damaged.
func Recognises(path string) bool {
	_, _, err := locate(path)
	return err == nil
}

// IsFolder reports whether the folder at path is a model itself, of several files that belong together, as of Hugging Face. One that holds a single model file is not.
func IsFolder(path string) bool {
	st, err := os.Stat(path)
	if err != nil || !st.IsDir() {
		return false
	}
	_, main, err := inFolder(path)
	return err == nil && main != ""
}

// Foreign reports whether a file that begins with head is certainly of a kind that is not a
// model: a picture, a document, an archive. Only the extension of path is used.
func Foreign(path string, head []byte) bool {
	kind, known := nonModelKind(path, head)
	return known && !kind.vague
}

// inspection is everything that an import needs to know about a model.
type inspection struct {
	path     string   // absolute path to open
	paths    []string // absolute paths of all files of the model
	files    []Stored // these files with the stamps that they had before they were read, without hashes
	info     Info
	sampling Sampling
}

func inspect(path string, check Check) (s inspection, err error) {
	if path == "" {
		return s, unknownName("the path of a model is empty")
	}
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
	if s.files, err = filesOf(f.Paths); err != nil {
		return s, err
	}
	if s.info, err = format.describe(f); err != nil {
		return s, models.Corrupt(path, "is damaged: %v", err)
	}
	s.info.Format = format.name
	s.info.Encrypted = f.Meta[apr.Encrypted] == true
	s.info.SignedBy, _ = f.Meta[apr.SignedBy].(string)
	s.info.run(f, check)
	for _, f := range s.files {
		s.info.Bytes += f.Bytes
	}
	s.sampling = samplingOf(f.Meta, s.info.Kind)
	if huggingface.Is(f) {
		s.sampling = samplingOf(huggingface.Sampling(f), s.info.Kind)
	}
	return s, nil
}

// locate returns the format of the file or folder path, and the path to open.
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
	if strings.HasSuffix(path, apr.ManifestSuffix) {
		return formatNamed("apr"), FirstPart(path), nil
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
	if f, dir, ok := locateCompanion(path); ok {
		return f, dir, nil
	}
	return format{}, "", unknownFileError(path, head)
}

// locateCompanion finds the model to which path, such as config.json, belongs. It must be in
// the same directory.
func locateCompanion(path string) (format, string, bool) {
	dir, ext := filepath.Dir(path), strings.ToLower(filepath.Ext(path))
	if ext != ".json" && ext != ".txt" {
		return format{}, "", false
	}
	f, main, err := inFolder(dir)
	return f, main, err == nil && main != ""
}

// inFolder finds a model that consists of a whole directory. path is "" if there is none.
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

// locateIn finds the only model in a directory. Its projector may lie beside it.
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
		return format{}, "", unknownDirectoryError(dir)
	}
	if text := slices.DeleteFunc(slices.Clone(files), NamedProjector); len(text) > 0 {
		files = text
	}
	if slices.ContainsFunc(files, func(path string) bool { return FirstPart(path) != FirstPart(files[0]) }) {
		kind := "GGUF"
		if slices.ContainsFunc(files, func(path string) bool { return !strings.EqualFold(filepath.Ext(path), ".gguf") }) {
			kind = "model"
		}
		return format{}, "", &models.FileError{Path: dir, Reason: fmt.Sprintf("holds %d %s files: %s", len(files), kind, someOf(files)), Advice: "choose one of them", Kind: models.ErrUnknownFormat}
	}
	return locate(files[0])
}

// someOf names the first few of the files.
func someOf(files []string) string {
	const most = 4
	var names []string
	for _, f := range files[:min(len(files), most)] {
		names = append(names, models.Printable(filepath.Base(f)))
	}
	text := strings.Join(names, ", ")
	if more := len(files) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// modelsIn lists the files in a directory that have an extension of model files. Except for
// .gguf files, whose extension is used by models only, their content is checked as well.
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
		return nil, &models.FileError{Path: path, Reason: "is not a file with content: it is a pipe, a socket or a device", Kind: models.ErrUnknownFormat}
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
