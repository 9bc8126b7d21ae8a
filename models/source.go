package models

import (
	"fmt"
	"io"

	"soberano/kernels/quant"
)

// Source is a tensor that is to be written to a file. Its bytes are made while they are written, so that a file of any size is written
// in little memory.
type Source struct {
	Name  string
	Type  quant.Type
	Shape []int // as in Tensor
	// Copy writes the bytes of the tensor, as many as Type and Shape require.
	Copy func(w io.Writer) error
}

// Source returns t as a tensor to be written.
func (t Tensor) Source() Source {
	return Source{t.Name, t.Type, t.Shape, func(w io.Writer) error {
		if t.Part == nil {
			_, err := w.Write(t.Data)
			return err
		}
		for i := range t.Shape[0] {
			if _, err := w.Write(t.Part(i)); err != nil {
				return err
			}
		}
		return nil
	}}
}

// Sources returns tensors as tensors to be written.
func Sources(tensors []Tensor) []Source {
	list := make([]Source, len(tensors))
	for i, t := range tensors {
		list[i] = t.Source()
	}
	return list
}

// Groups divides tensors into groups of at most most bytes each, though at least one tensor, in their order.
func Groups(tensors []Source, most uint64) (groups [][]Source, err error) {
	size := uint64(0)
	for _, t := range tensors {
		n, ok := Bytes(t.Type, t.Shape)
		if !ok {
			return nil, fmt.Errorf("tensor %q of type %v and shape %v can't be written", t.Name, t.Type, t.Shape)
		}
		if len(groups) == 0 || size+n > most {
			groups, size = append(groups, nil), 0
		}
		size += n
		groups[len(groups)-1] = append(groups[len(groups)-1], t)
	}
	return groups, nil
}

// CopyExactly writes the bytes of s to w. It is an error if they are not size bytes.
func (s Source) CopyExactly(w io.Writer, size uint64) error {
	c := &counter{w: w}
	if err := s.Copy(c); err != nil {
		return err
	}
	if c.n != size {
		return fmt.Errorf("tensor %s of type %v and shape %v can't have %s bytes", Quote(s.Name), s.Type, s.Shape, Grouped(c.n))
	}
	return nil
}

// counter counts the bytes that are written to w.
type counter struct {
	w io.Writer
	n uint64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += uint64(n)
	return n, err
}
