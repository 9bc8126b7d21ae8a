// Package gguf reads and writes GGUF, the model files of llama.cpp.
//
//	0        "GGUF" · u32 version · u64 tensors · u64 keys
//	24       keys:    string key · u32 type · value                              × keys
//	         tensors: string name · u32 dimensions · u64 sizes… · u32 type · u64 offset   × tensors
//	         zeros up to a multiple of general.alignment (32 unless the key says otherwise)
//	data     the tensors, each at its offset from here, a multiple of the alignment
//
// A string is a u64 length and its bytes. An array is u32 element type · u64 count ·
// elements. Everything is little-endian. The file stores sizes innermost first;
// models.Tensor has them outermost first. A model may be split into files
// name-00001-of-00003.gguf: the first has all keys, and each has tensors of its own.
//
// Files are untrusted: each count is compared with the number of bytes left before memory
// is allocated, and the memory that the decoded keys may take is limited.
// Source: docs/gguf.md of the ggml project.
package gguf

import (
	"errors"
	"maps"

	"soberano/models"
)

// Open opens a GGUF file. If path is one file of a split model, Open opens all of them. The
// weights are memory-mapped, see models.Map. The error is a *models.FileError of kind
// ErrCorrupt, ErrUnsupported (version, byte order, or a tensor type that kernels/quant
// lacks) or ErrUnknownFormat.
func Open(path string) (*models.File, error) {
	f, err := Peek(path)
	if err != nil {
		return nil, err
	}
	if err := CheckTypes(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Peek opens a file like Open, but accepts tensors of unknown types, with nil Data, so that
// the file can be described.
func Peek(path string) (*models.File, error) {
	f := &models.File{Format: "gguf", Path: path}
	if err := openAll(f, path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// part is one file of a model, mapped and parsed.
type part struct {
	*header
	path    string
	tensors []models.Tensor
}

// openPart maps and parses one file. Closing f releases the mapping.
func openPart(f *models.File, path string) (*part, error) {
	before, _, _ := models.Stamp(path) // Map returns the error of a file that can't be read
	data, release, err := models.Map(path)
	if err != nil {
		return nil, err
	}
	f.OnClose(release)
	h, err := headers.of(path, before, data)
	if err != nil {
		return nil, err
	}
	tensors, err := h.place(path, data)
	return &part{h, path, tensors}, err
}

// openAll opens path, and the other files of a split model, into f.
func openAll(f *models.File, path string) error {
	p, err := openPart(f, path)
	if err != nil {
		return err
	}
	count, err := p.meta.Int("split.count", 0)
	if err != nil {
		return inFile(path, err)
	}
	if count <= 1 {
		f.Meta, f.Tensors, f.Paths = maps.Clone(p.meta), p.tensors, []string{path}
		f.Share(p.derived)
		return nil
	}
	return openSplit(f, p, count)
}

// inFile wraps an error of Metadata in a FileError.
func inFile(path string, err error) error {
	return models.Corrupt(path, "is damaged: %v", err)
}
