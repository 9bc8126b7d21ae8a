package contract

import (
	"encoding/binary"
	"errors"
	"io"
)

// ErrSaved is the error of a Restore whose input is not what Save has written for a state of the same plan.
var ErrSaved = errors.New("kernels: not the saved content of a state of this shape")

// Save writes the content in the order in which Restore reads it, integers in 8 bytes, little-endian:
//
//	positions │ for each layer, how many of them it has processed
//	for each group: number of the first page │ number of pages │ the pages
//	0 or 1 pages of recurrent values
//
// write writes a page that has n positions, or that of the recurrent values.
func (s *State[P]) Save(w io.Writer, write func(p P, group, n int) error) error {
	s.mustBeOpen("Save")
	numbers := []int{s.n}
	for _, at := range s.at {
		numbers = append(numbers, min(at, s.n))
	}
	if err := putNumbers(w, numbers...); err != nil {
		return err
	}
	for i, g := range s.groups {
		if err := putNumbers(w, g.First, len(g.Pages)); err != nil {
			return err
		}
		for j, p := range g.Pages {
			if err := write(p, i, min(Positions, s.n-(g.First+j)*Positions)); err != nil {
				return err
			}
		}
	}
	if s.carried == *new(P) {
		return putNumbers(w, 0)
	}
	if err := putNumbers(w, 1); err != nil {
		return err
	}
	return write(s.carried, Carried, 0)
}

// Restore gives an empty state the content that Save has written; read reads a page. After an error, which is ErrSaved if it is not one of
// reading, the state must be closed.
func (s *State[P]) Restore(r io.Reader, m Memory[P], read func(p P) error) error {
	if s.mustBeOpen("Restore"); s.n != 0 {
		Misuse("Restore", "the state is not empty")
	}
	n, err := number(r, 0, s.Cap())
	if err != nil {
		return err
	}
	for i := range s.at {
		if s.at[i], err = number(r, 0, n); err != nil {
			return err
		}
	}
	for i := range s.groups {
		if err := s.restoreGroup(r, m, read, i, n); err != nil {
			return err
		}
	}
	most := 0
	if s.plan.HasCarried {
		most = 1
	}
	carried, err := number(r, 0, most)
	if err == nil && carried > 0 {
		s.carried = m.Take(Carried)
		err = read(s.carried)
	}
	s.n = n
	return err
}

// restoreGroup reads the pages of a group that has n positions.
func (s *State[P]) restoreGroup(r io.Reader, m Memory[P], read func(P) error, group, n int) error {
	most := 0
	if w := s.plan.Windows[group]; w > 0 { // see Truncate
		most = max(0, n-w+1) / Positions
	}
	first, err := number(r, 0, most)
	if err != nil {
		return err
	}
	count, err := number(r, pagesOf(n)-first, pagesOf(n)-first)
	if err != nil {
		return err
	}
	g := &s.groups[group]
	g.First = first
	for range count {
		p := m.Take(group)
		g.Pages = append(g.Pages, p)
		if err := read(p); err != nil {
			return err
		}
	}
	return nil
}

func putNumbers(w io.Writer, numbers ...int) error {
	var b []byte
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	_, err := w.Write(b)
	return err
}

// number reads a number from least to most.
func number(r io.Reader, least, most int) (int, error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, err
	}
	n := binary.LittleEndian.Uint64(b[:])
	if n < uint64(least) || n > uint64(most) {
		return 0, ErrSaved
	}
	return int(n), nil
}
