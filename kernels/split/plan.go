package split

import (
	"slices"

	"soberano/kernels"
)

// write is a view of a tensor that an operation of a segment writes to.
type write struct {
	segment int
	view    kernels.Tensor
}

// part is what a segment runs: operations from … to-1 on one device. Values of the views in are written when it begins, those of the views out
// are read when it ends.
type part struct {
	side     Side
	from, to int
	in, out  []kernels.Tensor
}

// plan divides the operations into parts.
func (s *step) plan() []part {
	s.place()
	var parts []part
	for i := range s.ops {
		if n := len(parts); n == 0 || parts[n-1].side != s.ops[i].side {
			parts = append(parts, part{side: s.ops[i].side, from: i})
		}
		parts[len(parts)-1].to = i + 1
	}
	if len(parts) > 1 {
		s.travel(parts)
	}
	return parts
}

// place decides where each operation runs.
func (s *step) place() {
	for _, o := range s.ops {
		if o.experts && s.routes[o.choice].side == Both {
			s.routes[o.choice].side = o.side
		}
	}
	for i := range s.ops {
		o := &s.ops[i]
		if o.choice >= 0 {
			o.side = s.routes[o.choice].side
		}
		if side := s.d.places.of(o.layer); side != Both {
			o.side = side
		}
	}
	side := Both
	for i := range slices.Backward(s.ops) { // the next one that has a side
		if s.ops[i].side == Both {
			s.ops[i].side = side
		}
		side = s.ops[i].side
	}
	side = Second
	for i := range s.ops { // the last ones, and Read
		o := &s.ops[i]
		if known := s.d.places.of(o.layer); known != Both { // by an earlier operation of the step
			o.side = known
		}
		if o.side == Both || o.read {
			o.side = side
		}
		if side = o.side; o.layer >= 0 {
			s.d.places.set(o.layer, side)
		}
	}
}

// travel finds which values parts need of earlier ones. A part needs what it reads, unless it has written it before, if an earlier part has written
// some of it.
func (s *step) travel(parts []part) {
	for n := range parts {
		p := &parts[n]
		for _, o := range s.ops[p.from:p.to] {
			for _, t := range o.inputs {
				s.need(p, n, t)
			}
			for _, t := range o.dsts {
				b := t.Buffer.(*base)
				b.written = append(b.written, write{n, t})
			}
		}
	}
	for n, p := range parts {
		for _, t := range p.in {
			for _, w := range t.Buffer.(*base).written {
				if w.segment < n && overlap(w.view, t) {
					parts[w.segment].out = with(parts[w.segment].out, w.view)
				}
			}
		}
	}
}

// need adds t to what part n needs of earlier ones, if it does.
func (s *step) need(p *part, n int, t kernels.Tensor) {
	earlier := false
	for _, w := range t.Buffer.(*base).written {
		if w.segment == n && covers(w.view, t) {
			return
		}
		earlier = earlier || w.segment < n && overlap(w.view, t)
	}
	if earlier {
		p.in = with(p.in, t)
	}
}

// overlap reports whether two views of a tensor have values in common.
func overlap(t, u kernels.Tensor) bool { return t.Overlaps(u, u.Offset-t.Offset) }

// covers reports whether all values of u, a view of the same tensor, are certainly among those of t.
func covers(t, u kernels.Tensor) bool {
	delta, stride := u.Offset-t.Offset, max(1, t.Stride)
	switch {
	case u.Rows == 0 || u.Cols == 0:
		return true
	case delta < 0:
		return false
	case t.Rows <= 1 || t.Cols == t.Stride: // without gaps
		return t.Rows > 0 && delta+(u.Rows-1)*u.Stride+u.Cols <= (t.Rows-1)*t.Stride+t.Cols
	case u.Rows > 1 && u.Stride != t.Stride:
		return false
	}
	return delta/stride+u.Rows <= t.Rows && delta%stride+u.Cols <= t.Cols
}

// with returns list with t, unless t is in it.
func with(list []kernels.Tensor, t kernels.Tensor) []kernels.Tensor {
	if slices.ContainsFunc(list, func(u kernels.Tensor) bool {
		return u.Buffer == t.Buffer && u.Offset == t.Offset && u.Rows == t.Rows && u.Cols == t.Cols && (u.Stride == t.Stride || t.Rows == 1)
	}) {
		return list
	}
	return append(list, t)
}
