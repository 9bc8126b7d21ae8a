// Package models says what a model file is once it has been opened: metadata by
// key, tensors by name, and the errors that every format shares. One folder per
// file format reads it (gguf, ctranslate2, …); registry keeps the user's library
// and recognises formats.
package models

import (
	"errors"
	"sync"

	"soberano/kernels/quant"
)

// Tensor is a named array as the file stores it.
type Tensor struct {
	Name  string
	Type  quant.Type
	Shape []int  // outermost first: [rows, cols]; a vector has one dimension, a scalar none
	Data  []byte // usually a read-only memory map, valid until the File is closed
}

// Len is the number of values.
func (t Tensor) Len() int { return t.Rows() * t.Cols() }

// Rows is the product of all dimensions but the last; 1 for vectors and scalars.
func (t Tensor) Rows() int {
	n := 1
	for _, d := range t.Shape[:max(0, len(t.Shape)-1)] {
		n *= d
	}
	return n
}

// Cols is the last dimension; 1 for a scalar.
func (t Tensor) Cols() int {
	if len(t.Shape) == 0 {
		return 1
	}
	return t.Shape[len(t.Shape)-1]
}

// File is an opened model. Its tensors have been checked against the file's size.
type File struct {
	Format  string   // the name of the folder that reads it: "gguf", "ctranslate2"
	Path    string   // what was opened: a file or a directory
	Paths   []string // all files that belong to it
	Meta    Metadata
	Tensors []Tensor // in file order
	// Aux holds small side files by base name ("tokenizer.json"), for formats that have them.
	Aux map[string][]byte

	index  sync.Once
	byName map[string]int
	close  []func() error
}

// Tensor returns the tensor of that name. Tensors must be complete before the first call;
// from then on it may be called from several goroutines.
func (f *File) Tensor(name string) (Tensor, bool) {
	f.index.Do(func() {
		f.byName = make(map[string]int, len(f.Tensors))
		for i, t := range f.Tensors {
			f.byName[t.Name] = i
		}
	})
	i, ok := f.byName[name]
	if !ok {
		return Tensor{}, false
	}
	return f.Tensors[i], true
}

// Need returns the tensor of that name and checks its shape; the error names both.
func (f *File) Need(name string, shape ...int) (Tensor, error) {
	t, ok := f.Tensor(name)
	if !ok {
		return t, Corrupt(f.Path, "is damaged: tensor %s is missing", Quote(name))
	}
	if len(t.Shape) != len(shape) {
		return t, Corrupt(f.Path, "is damaged: tensor %s has shape %v, expected %v", Quote(name), t.Shape, shape)
	}
	for i, d := range shape {
		if t.Shape[i] != d {
			return t, Corrupt(f.Path, "is damaged: tensor %s has shape %v, expected %v", Quote(name), t.Shape, shape)
		}
	}
	return t, nil
}

// OnClose adds what Close has to undo.
func (f *File) OnClose(fn func() error) { f.close = append(f.close, fn) }

// Close releases the file; its tensors' Data must not be used afterwards.
func (f *File) Close() error {
	var err error
	for i := len(f.close) - 1; i >= 0; i-- {
		err = errors.Join(err, f.close[i]())
	}
	f.close = nil
	return err
}
