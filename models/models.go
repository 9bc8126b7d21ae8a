// Package models defines what an opened model file offers: metadata by key, tensors by
// name, and errors that are the same for every format. Each file format is read by a
// package of its own (gguf, ctranslate2, …). Package registry recognises the format of a
// file and keeps the user's library.
package models

import (
	"context"
	"errors"
	"sync"

	"soberano/kernels/quant"
)

// Tensor is a named array in the type in which the file stores it.
type Tensor struct {
	Name  string
	Type  quant.Type
	Shape []int  // outermost first: [rows, cols]; a vector has one dimension, a scalar none
	Data  []byte // usually a read-only memory map, valid until the File is closed
	// Part, if not nil, returns the data of the i-th element of the first dimension, all of one length, where the file has them in
	// several places, another order or another layout. Data is nil then, or has as many bytes, which will do for a check.
	Part func(i int) []byte
}

// Len returns the number of values.
func (t Tensor) Len() int { return t.Rows() * t.Cols() }

// Rows returns the product of all dimensions but the last; 1 for vectors and scalars.
func (t Tensor) Rows() int {
	n := 1
	for _, d := range t.Shape[:max(0, len(t.Shape)-1)] {
		n *= d
	}
	return n
}

// Cols returns the last dimension; 1 for a scalar.
func (t Tensor) Cols() int {
	if len(t.Shape) == 0 {
		return 1
	}
	return t.Shape[len(t.Shape)-1]
}

// File is an opened model. Its tensors have been checked against the file's size.
type File struct {
	Format  string   // the name of the package that reads it: "gguf", "ctranslate2"
	Path    string   // the file or directory that was opened
	Paths   []string // all files of the model
	Meta    Metadata
	Tensors []Tensor // in file order
	// Aux holds small files other than the weights by their paths in the model's directory, with slashes ("tokenizer.json").
	Aux map[string][]byte

	index   sync.Once
	byName  map[string]int
	close   []func() error
	verify  []func(context.Context) error
	derived Derived  // see Derive
	shared  *Derived // instead of derived, if not nil
}

// Tensor returns the tensor with the given name. Tensors must be complete before the first
// call; from then on Tensor may be called from several goroutines.
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

// Need returns the tensor with the given name and checks its shape. The error contains both.
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

// OnClose adds a function that Close calls.
func (f *File) OnClose(fn func() error) { f.close = append(f.close, fn) }

// OnVerify adds a function that Verify calls.
func (f *File) OnVerify(fn func(context.Context) error) { f.verify = append(f.verify, fn) }

// Verify checks what the reader has left unread because it would have had to read a large file: checksums and signatures. Formats without them have nothing to check.
func (f *File) Verify(ctx context.Context) error {
	for _, fn := range f.verify {
		if err := fn(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close releases the file; its tensors' Data must not be used afterwards.
func (f *File) Close() error {
	var err error
	for i := len(f.close) - 1; i >= 0; i-- {
		err = errors.Join(err, f.close[i]())
	}
	f.close = nil
	return err
}
