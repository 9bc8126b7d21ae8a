// Package integrity looks for damage in the tensors of a model file that its reader can't see: the readers check counts, shapes, offsets and
// lengths, and this package the values.
package integrity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"soberano/kernels/quant"
	"soberano/models"
	"soberano/models/gguf"
	"soberano/models/huggingface"
)

// most is how many damaged tensors an error names.
const most = 8

// Check reads the tensors of f with all cores and returns the errors of those that are damaged, *models.FileError joined by errors.Join:
//
//	a value, or the scale of a block, that is NaN or infinite
//	a matrix, or the weights of a norm, with no value but zero
//	a type that no weights have, or whose values could only be those of another type
//	in GGUF files, another number of bytes than type and shape require
//
// report, which may be nil, is called with numbers of bytes that have been read. It may be called from several goroutines.
func Check(ctx context.Context, f *models.File, report func(bytes int)) error {
	c := &checker{file: f, report: report, found: make([]atomic.Pointer[error], len(f.Tensors)), values: make([]atomic.Bool, len(f.Tensors))}
	c.types()
	c.gaps()
	if err := c.read(ctx); err != nil {
		return err
	}
	c.zeros()
	var errs []error
	for i := range c.found {
		if err := c.found[i].Load(); err != nil {
			errs = append(errs, *err)
		}
	}
	if len(errs) > most {
		errs = append(errs[:most:most], models.Corrupt(f.Path, "is damaged: %d more tensors are", len(errs)-most))
	}
	return errors.Join(errs...)
}

// checker checks a file.
type checker struct {
	file   *models.File
	report func(bytes int)
	found  []atomic.Pointer[error] // the first error of each tensor
	values []atomic.Bool           // for each tensor: a value that is not zero has been seen
}

// fault keeps the error of tensor i, if it is the first one.
func (c *checker) fault(i int, format string, args ...any) {
	t := c.file.Tensors[i]
	err := models.Corrupt(c.file.Path, "is damaged: tensor %s %s", models.Quote(t.Name), fmt.Sprintf(format, args...))
	c.found[i].CompareAndSwap(nil, &err)
}

// chunk is a part of a tensor: bytes begin … end, or where the tensor is in parts, the parts with these numbers.
type chunk struct{ tensor, begin, end int }

// chunkBytes is about how many bytes a chunk has.
const chunkBytes = 1 << 20

// chunks divides the tensors that have data in the order in which they lie in the file.
func (c *checker) chunks() (list []chunk) {
	for i, t := range c.file.Tensors {
		size, step := len(t.Data), chunkBytes
		switch {
		case !t.Type.Known():
			continue
		case t.Part != nil:
			size, step = t.Shape[0], 1
		default:
			step = max(1, step/t.Type.BlockBytes()) * t.Type.BlockBytes()
		}
		for at := 0; at < size; at += step {
			list = append(list, chunk{i, at, min(size, at+step)})
		}
	}
	return list
}

// read checks the values of all chunks, on all cores.
func (c *checker) read(ctx context.Context) error {
	list := c.chunks()
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, runtime.GOMAXPROCS(0))
	for i := range errs {
		wg.Go(func() {
			for ctx.Err() == nil && errs[i] == nil {
				n := int(next.Add(1)) - 1
				if n >= len(list) {
					return
				}
				errs[i] = c.chunk(list[n])
			}
		})
	}
	wg.Wait()
	return cmp.Or(ctx.Err(), errors.Join(errs...))
}

// chunk checks the values of a chunk. The error says that the file can't be read any longer.
func (c *checker) chunk(p chunk) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if a, ok := r.(interface{ Addr() uintptr }); !ok || !models.Mapped(a.Addr()) {
			panic(r)
		}
		err = models.Lost(c.file.Path)
	}()
	t := c.file.Tensors[p.tensor]
	if t.Part != nil {
		c.part(p.tensor, t.Part(p.begin), p.begin*(t.Len()/t.Shape[0]))
		return nil
	}
	c.part(p.tensor, t.Data[p.begin:p.end], p.begin/t.Type.BlockBytes()*t.Type.BlockValues())
	models.Forget(t.Data[p.begin:p.end])
	return nil
}

// part checks the blocks b of tensor i. first is the number of the first value.
func (c *checker) part(i int, b []byte, first int) {
	t := c.file.Tensors[i].Type
	if n := quant.NonFinite(t, b); n >= 0 {
		if t.BlockValues() == 1 {
			c.fault(i, "has a value that is no finite number (NaN or infinite), number %s", models.Grouped(first+n+1))
		} else {
			c.fault(i, "has a scale that is no finite number (NaN or infinite), in block %s of type %v", models.Grouped(first/t.BlockValues()+n+1), t)
		}
		c.values[i].Store(true)
	}
	if !c.values[i].Load() && !quant.Zero(t, b) {
		c.values[i].Store(true)
	}
	if c.report != nil {
		c.report(len(b))
	}
}

// zeros finds tensors that may not hold only zeros. Biases may.
func (c *checker) zeros() {
	offset := huggingface.OffsetNorms(c.file)
	for i, t := range c.file.Tensors {
		if c.values[i].Load() || !t.Type.Known() || t.Len() == 0 || t.Data == nil && t.Part == nil {
			continue
		}
		if matrix(t) && !bias(t.Name) || norm(t) && !offset {
			c.fault(i, "of shape %v has no value but zero", t.Shape)
		}
	}
}

// gaps finds tensors of a GGUF file behind which there are more bytes than the alignment explains: their type or shape is not that with which they were written.
func (c *checker) gaps() {
	if c.file.Format != "gguf" {
		return
	}
	align, err := c.file.Meta.Int("general.alignment", 32)
	if err != nil || align <= 0 {
		return // the reader has refused it
	}
	type place struct {
		path             string
		begin, end, size int64
		tensor           int
	}
	var places []place
	for i, t := range c.file.Tensors {
		path, size, at, ok := models.Locate(t.Data)
		if !ok {
			return // the extent of a tensor is not known
		}
		places = append(places, place{path, at, at + int64(len(t.Data)), size, i})
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.begin, b.begin)) })
	for k, p := range places {
		next := p.size
		if k+1 < len(places) && places[k+1].path == p.path {
			next = places[k+1].begin
		}
		if t := c.file.Tensors[p.tensor]; next-p.end >= int64(align) {
			c.fault(p.tensor, "of type %s and shape %v takes %s bytes, but %s are stored for it", gguf.TypeName(t.Type), t.Shape, models.Grouped(p.end-p.begin), models.Grouped(next-p.begin))
		}
	}
}
