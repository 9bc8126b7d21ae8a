package ui

import (
	"slices"
	"sort"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// Stack is a column of very many objects, of which Fyne gets to know only those that are seen: it walks over all objects that
// it knows each time it draws. Up to mostStacked objects are all known. After a change of Objects, Place or Refresh is called.
type Stack struct {
	widget.BaseWidget
	Objects []fyne.CanvasObject
	Gap     float32

	top, below float32
	seen       bool
	known      []fyne.CanvasObject
	tops       []float32 // of the objects, and of what would follow
}

const mostStacked = 40

// NewStack returns a column of objects, gap apart.
func NewStack(gap float32, objects ...fyne.CanvasObject) *Stack {
	s := &Stack{Objects: objects, Gap: gap}
	s.ExtendBaseWidget(s)
	return s
}

// HeightFor returns the height of all objects at that width.
func (s *Stack) HeightFor(width float32) float32 {
	return (&Column{Gap: s.Gap}).HeightFor(s.Objects, width)
}

// MinSize has a small width, and the height of the objects at the present width.
func (s *Stack) MinSize() fyne.Size {
	const least = 48
	return fyne.NewSize(least, s.HeightFor(max(least, s.Size().Width)))
}

// Place gives the objects their places.
func (s *Stack) Place() {
	if s.Size().Width == 0 {
		return
	}
	y := float32(0)
	s.tops = append(s.tops[:0], y)
	for _, o := range s.Objects {
		if o.Visible() {
			y += HeightFor(o, s.Size().Width) + s.Gap
		}
		s.tops = append(s.tops, y)
	}
	s.choose()
}

// See implements Seer.
func (s *Stack) See(top, below float32) {
	s.seen, s.top, s.below = true, top, below
	s.choose()
	for _, o := range s.known {
		y := o.Position().Y
		See(o, top-y, below-y)
	}
}

// choose places the objects that are seen or nearby, and makes them known.
func (s *Stack) choose() {
	if len(s.tops) != len(s.Objects)+1 { // it has no size yet
		return
	}
	first, last := 0, len(s.Objects)
	if last > mostStacked {
		first = min(last, sort.Search(last, func(i int) bool { return s.tops[i+1] >= s.top-nearby }))
		last = max(first, sort.Search(last, func(i int) bool { return s.tops[i] > s.below+nearby }))
		if !s.seen {
			first, last = 0, mostStacked
		}
	}
	list := s.Objects[first:last]
	for i, o := range list {
		Put(o, 0, s.tops[first+i], s.Size().Width, s.tops[first+i+1]-s.tops[first+i]-s.Gap)
	}
	if !slices.Equal(s.known, list) {
		was := s.known
		s.known = append([]fyne.CanvasObject(nil), list...)
		refreshNew(was, list)
		canvas.Refresh(s)
	}
}

// refreshNew refreshes the objects of list that Fyne did not know before: what changed meanwhile, such as the theme, Fyne has told
// only to those that it knew.
func refreshNew(was, list []fyne.CanvasObject) {
	for _, o := range list {
		if !slices.Contains(was, o) {
			o.Refresh()
		}
	}
}

// Contents implements Holder.
func (s *Stack) Contents() []fyne.CanvasObject { return s.known }

func (s *Stack) kept(of extent) []fyne.CanvasObject {
	if of == placed {
		return s.known
	}
	return s.Objects
}

// CreateRenderer implements fyne.Widget.
func (s *Stack) CreateRenderer() fyne.WidgetRenderer {
	s.ExtendBaseWidget(s)
	s.Place()
	return &stackRenderer{s}
}

type stackRenderer struct{ s *Stack }

func (r *stackRenderer) Destroy()                     {}
func (r *stackRenderer) Objects() []fyne.CanvasObject { return r.s.known }
func (r *stackRenderer) MinSize() fyne.Size           { return r.s.MinSize() }
func (r *stackRenderer) Layout(fyne.Size)             { r.s.Place() }

func (r *stackRenderer) Refresh() {
	r.s.Place()
	for _, o := range r.s.known {
		o.Refresh()
	}
	canvas.Refresh(r.s)
}
