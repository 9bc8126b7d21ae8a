// Package convert writes a model to a file of another format or with weights of other types. Weights pass through it in pieces, so a model
// of any size takes little memory.
//
//	GGUF · APR · folder of Hugging Face ─▶ keys and tensors as in a GGUF file ─▶ types (Mix) ─▶ GGUF · APR
//	folder · GGUF and APR of some families ─▶ files and tensors of a folder   ─▶ types       ─▶ folder · APR
//	CTranslate2 · ggml · APR · folder   ─▶ Whisper under Hugging Face's names ─▶ types       ─▶ APR · folder
//
// A file appears under its name only when it is complete.
package convert

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"soberano/models"
	"soberano/models/apr"
	"soberano/models/importance"
)

// Options say what is written. The zero value keeps the types of the weights.
type Options struct {
	// Type is the name of the type or the mix of types in which weights are stored (Types); "": they keep theirs.
	Type string
	// Importance has for tensors, by their names in a GGUF file, how much each of their columns matters; nil: all are alike.
	Importance *importance.Matrix
	// Source are further keys, which say of what the file is made (registry.Entry.Source).
	Source models.Metadata
	// APR says how an APR file is stored: compressed, encrypted, signed.
	APR apr.Options
	// Card is the model card, a text in Markdown that an APR file or a folder gets; "": none.
	Card string
	// Shard is the number of bytes of weights after which another file begins; 0: one file.
	Shard uint64
	// Replace allows to overwrite a file.
	Replace bool
	// Threads is the number of goroutines that encode; 0: one for each CPU.
	Threads int
	// Vocabulary, if not nil, returns the keys of a GGUF file for the tokenizer of a folder of Hugging Face. It is a function because package token,
	// which knows them, is not one of models.
	Vocabulary func(f *models.File) (models.Metadata, error)
	// TokenizerFiles, if not nil, returns the files of a folder of Hugging Face for the tokenizer of a model in the form of a GGUF file.
	TokenizerFiles func(f *models.File) (map[string][]byte, error)
	// Tokens, if not nil, returns the bytes of the tokens of text of a Whisper model, for programs that read them from an APR file.
	Tokens func(f *models.File) ([]string, error)
	// Progress, if not nil, is called with the number of bytes of weights that have been written, and their total.
	Progress func(done, total int64)
	// Written, if not nil, is called at the end with the paths of the files with weights that were written, in their order, or with that of the folder.
	Written func(paths []string)
}

// Format is a format that can be written, by the name of its package.
type Format string

// The formats that can be written.
const (
	GGUF   Format = "gguf"
	APR    Format = "apr"
	Folder Format = "safetensors" // a folder of Hugging Face
)

// FormatOf returns the format that belongs to the name of a file or folder: that of its extension, a folder for a name without one.
func FormatOf(path string) (Format, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case ext == ".gguf":
		return GGUF, nil
	case ext == ".apr":
		return APR, nil
	case ext == "" || strings.HasSuffix(path, string(filepath.Separator)) || strings.HasSuffix(path, "/"):
		return Folder, nil
	}
	return "", &NameError{path}
}

// NameError is the error of a name that does not say which format is to be written.
type NameError struct{ Path string }

func (e *NameError) Error() string {
	return fmt.Sprintf("the name %s does not say a format to write: .gguf, .apr, or a folder's name without an extension are known", models.Quote(filepath.Base(e.Path)))
}

// model is a model to be written.
type model struct {
	path    string
	speech  bool            // it is Whisper, with the names of Hugging Face
	folder  string          // family of a language model with the names and files of a folder; "": it has those of a GGUF file
	meta    models.Metadata // keys of a GGUF file for language models, those of an APR file for speech
	tensors []models.Tensor
	aux     map[string][]byte // files of the folder, and lists of bytes of an APR file
}

// Convert writes the model f, which stays open, to the file or folder out. The error is a *models.FileError where f is at fault. After an error, or if ctx ends, there is no
// new file. If ctx ends, or the process is killed, a further call with the same model and options goes on where it stopped, unless the file is compressed or encrypted.
func Convert(ctx context.Context, f *models.File, out string, o Options) error {
	to, err := FormatOf(out)
	if err != nil {
		return err
	}
	if err := f.Verify(ctx); err != nil {
		return err
	}
	m, err := read(f, to, o)
	if err != nil {
		return err
	}
	m.meta = maps.Clone(m.meta)
	if m.meta == nil {
		m.meta = models.Metadata{}
	}
	maps.DeleteFunc(m.meta, func(key string, _ any) bool { return strings.HasPrefix(key, "soberano.source.") })
	maps.Copy(m.meta, o.Source)
	plan, err := m.plan(o, to)
	if err != nil {
		return models.InFile(f.Path, err)
	}
	e := &encoder{ctx: ctx, options: o, plan: plan}
	if e.weights, err = m.importances(o.Importance); err != nil {
		return err
	}
	sources := e.sources(m)
	var dst *destination
	if to == APR && (o.APR.Compression != apr.Plain || o.APR.Lock != nil) {
		dst, err = create(out, o.Replace)
	} else {
		dst, err = createResumable(out, o.Replace, e.identity(f))
	}
	if err != nil {
		return err
	}
	defer dst.discard()
	e.dst = dst
	if err := m.write(dst, to, sources, o); err != nil {
		dst.keep = dst.journal != nil && ctx.Err() != nil
		if errors.Is(err, models.ErrCorrupt) {
			return models.InFile(f.Path, err)
		}
		return dst.explain(err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := dst.commit(); err != nil {
		return dst.explain(err)
	}
	if o.Written != nil {
		o.Written(dst.written())
	}
	return nil
}

// write writes the files of the model to dst.
func (m *model) write(dst *destination, to Format, tensors []models.Source, o Options) error {
	switch to {
	case GGUF:
		return m.writeGGUF(dst, tensors, o)
	case APR:
		return m.writeAPR(dst, tensors, o)
	}
	return m.writeFolder(dst, tensors, o)
}
