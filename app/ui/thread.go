package ui

import (
	"slices"
	"sort"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
)

// Thread is a scrolled column of very many objects of any height, such as the messages of a chat, at most ColumnWidth wide.
//
//	objects   0 1 2 … 41 │ 42 43 44 45 │ 46 …
//	          guessed    │ built, drawn│ guessed       what is above the window keeps its lower edge when it turns out
//	                     ╰─ the window ╯               taller or lower than guessed
//
// While its end is visible it follows what is added there; after the user has scrolled up it keeps its position. Only what is
// seen or nearby is built and known to Fyne.
type Thread struct {
	Object    fyne.CanvasObject
	Selection *Selector // of the texts that have it

	scroll  *container.Scroll
	body    *fyne.Container
	objects []fyne.CanvasObject
	tops    []float32 // of the objects, and of what would follow
	size    fyne.Size
	busy    bool
}

const (
	threadGap, threadTop, threadBottom, threadSide = 16, 26, 20, 24
)

// NewThread returns an empty thread.
func NewThread() *Thread {
	t := &Thread{tops: []float32{threadTop}}
	t.body = &fyne.Container{Layout: (*threadBody)(t)}
	t.scroll = container.NewVScroll(t.body)
	t.scroll.OnScrolled = func(fyne.Position) { t.arrange(t.scroll.Offset.Y) }
	t.Object = &fyne.Container{Layout: &Arrange{Min: fyne.NewSize(200, 80), Place: t.place}, Objects: []fyne.CanvasObject{t.scroll}}
	t.Selection = &Selector{Drag: t.dragged, Build: t.build, Roots: func(of extent) []fyne.CanvasObject {
		if of == placed {
			return t.body.Objects
		}
		return t.objects
	}}
	return t
}

// threadBody is the layout of the objects. It does nothing: arrange places them.
type threadBody Thread

func (b *threadBody) Layout([]fyne.CanvasObject, fyne.Size) {}
func (b *threadBody) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(80, (*Thread)(b).total())
}

// place gives the thread another size. The first object that is visible keeps its place in the window.
func (t *Thread) place(size fyne.Size) {
	bottom := t.AtBottom()
	i, share := t.anchor()
	t.size = size
	Put(t.scroll, 0, 0, size.Width, size.Height)
	t.measure()
	if bottom {
		t.toEnd()
	} else {
		t.arrange(t.tops[i] + share*(t.tops[i+1]-t.tops[i]))
	}
}

// anchor returns the first object that is visible, and how much of it is above the window.
func (t *Thread) anchor() (i int, share float32) {
	if len(t.objects) == 0 || len(t.tops) < len(t.objects)+1 {
		return 0, 0
	}
	y := t.scroll.Offset.Y
	i = t.at(y)
	return i, max(0, min(1, (y-t.tops[i])/max(1, t.tops[i+1]-t.tops[i])))
}

// at returns the object at a height.
func (t *Thread) at(y float32) int {
	return max(0, min(len(t.objects), sort.Search(len(t.tops), func(i int) bool { return t.tops[i] > y }))-1)
}

func (t *Thread) column() (left, width float32) {
	width = max(0, min(ColumnWidth, t.size.Width-2*threadSide))
	return (t.size.Width - width) / 2, width
}

// measure asks all objects for their heights.
func (t *Thread) measure() {
	_, width := t.column()
	y := float32(threadTop)
	t.tops = append(t.tops[:0], y)
	for _, o := range t.objects {
		if o.Visible() {
			y += HeightFor(o, width) + threadGap
		}
		t.tops = append(t.tops, y)
	}
	if len(t.objects) == 0 {
		t.tops = append(t.tops, y)
	}
}

func (t *Thread) total() float32 {
	return max(t.size.Height, t.tops[len(t.tops)-1]-threadGap+threadBottom)
}

// Set replaces all objects and shows the end, or the beginning.
func (t *Thread) Set(end bool, objects ...fyne.CanvasObject) {
	t.objects = objects
	t.measure()
	if end {
		t.toEnd()
	} else {
		t.arrange(0)
	}
}

// Replace replaces all objects by others that show the same in another state. The first one that is visible keeps its place.
func (t *Thread) Replace(objects ...fyne.CanvasObject) {
	bottom := t.AtBottom()
	i, share := t.anchor()
	t.objects = objects
	t.measure()
	if i = min(i, len(t.tops)-2); bottom {
		t.toEnd()
	} else {
		t.arrange(t.tops[i] + share*(t.tops[i+1]-t.tops[i]))
	}
}

// Add appends an object and shows the end.
func (t *Thread) Add(o fyne.CanvasObject) {
	t.objects = append(t.objects, o)
	t.Changed(true)
}

// Remove removes an object.
func (t *Thread) Remove(o fyne.CanvasObject) {
	for i, have := range t.objects {
		if have == o {
			bottom := t.AtBottom()
			t.objects = append(t.objects[:i:i], t.objects[i+1:]...)
			t.Changed(bottom)
			return
		}
	}
}

// Changed repeats the layout after an object has changed its height, and shows the end if it is to be followed.
func (t *Thread) Changed(follow bool) {
	t.measure()
	if follow {
		t.toEnd()
	} else {
		t.arrange(t.scroll.Offset.Y)
	}
}

// AtBottom reports whether the end is visible.
func (t *Thread) AtBottom() bool { return t.scroll.Offset.Y+t.size.Height >= t.total()-24 }

// Page scrolls by a share of the height. It serves the keyboard.
func (t *Thread) Page(share float32) { t.arrange(t.scroll.Offset.Y + share*t.size.Height) }

// Reveal scrolls just far enough to show an object, or its beginning if it is taller than the window.
func (t *Thread) Reveal(o fyne.CanvasObject) {
	for i, have := range t.objects {
		if have != o {
			continue
		}
		if l, ok := o.(*Lazy); ok {
			l.Content()
		}
		for range 4 { // what is built around it can move it
			t.measure()
			top, below := t.tops[i], t.tops[i+1]-threadGap
			y := min(max(t.scroll.Offset.Y, below-t.size.Height), top)
			if t.arrange(y); y == t.scroll.Offset.Y && top == t.tops[i] {
				return
			}
		}
	}
}

// build builds objects that were not seen yet.
func (t *Thread) build(from, to int) {
	y := t.scroll.Offset.Y
	if by, built := t.buildAll(from, to, y); built {
		t.arrange(y + by)
	}
}

// dragged scrolls while the mouse selects text above or below the window.
func (t *Thread) dragged(at fyne.Position) {
	const by = 24
	if y := t.scroll.Offset.Y; at.Y < y {
		t.arrange(y - by)
	} else if at.Y > y+t.size.Height {
		t.arrange(y + by)
	}
}

// RevealPart scrolls just far enough to show a part of something inside an object: height units from top on.
func (t *Thread) RevealPart(o, inside fyne.CanvasObject, top, height float32) {
	for i, have := range t.objects {
		if have != o {
			continue
		}
		for range 4 { // what is built or drawn for the first time can move it
			t.measure()
			d, _ := below(o, inside)
			from := t.tops[i] + d + top
			y := min(max(t.scroll.Offset.Y, from+height-t.size.Height), from)
			t.arrange(y)
		}
	}
}

func (t *Thread) toEnd() {
	for range 8 { // what is built can be taller than guessed
		all := t.total()
		t.arrange(all - t.size.Height)
		if t.total() == all {
			return
		}
	}
}

// arrange scrolls to y, builds what is about to be seen and places it.
func (t *Thread) arrange(y float32) {
	if t.busy || t.size.Width == 0 {
		return
	}
	t.busy = true
	defer func() { t.busy = false }()
	y = max(0, min(y, t.total()-t.size.Height))
	first, last := t.around(y)
	for range 8 { // what is built can bring more into sight
		by, built := t.buildAll(first, last, y)
		y = max(0, min(y+by, t.total()-t.size.Height))
		if first, last = t.around(y); !built {
			break
		}
	}
	t.to(y)
	t.show(first, last, y)
}

// around returns the first object in the window or near it, and the one behind the last.
func (t *Thread) around(y float32) (first, last int) {
	first = t.at(y - nearby)
	last = first
	for last < len(t.objects) && t.tops[last] <= y+t.size.Height+nearby {
		last++
	}
	return first, last
}

// buildAll builds objects, and returns by how much those above y have grown.
func (t *Thread) buildAll(first, last int, y float32) (by float32, built bool) {
	for _, o := range t.objects[first:last] {
		if l, ok := o.(*Lazy); ok && l.built == nil {
			l.Content()
			built = true
		}
	}
	if !built {
		return 0, false
	}
	edge := t.at(y) // what keeps its place: the upper edge of the first visible object,
	if y > t.tops[edge] {
		edge++ // or its lower edge
	}
	was := t.tops[edge]
	t.measure()
	return t.tops[edge] - was, true
}

// show places objects and makes them known to Fyne.
func (t *Thread) show(first, last int, y float32) {
	left, width := t.column()
	list := make([]fyne.CanvasObject, 0, last-first)
	for i := first; i < last; i++ {
		o := t.objects[i]
		if !o.Visible() {
			continue
		}
		Put(o, left, t.tops[i], width, t.tops[i+1]-t.tops[i]-threadGap)
		See(o, y-t.tops[i], y+t.size.Height-t.tops[i])
		list = append(list, o)
	}
	if !slices.Equal(t.body.Objects, list) {
		was := t.body.Objects
		t.body.Objects = list
		refreshNew(was, list)
	}
	if !t.Selection.Empty() {
		t.Selection.Show() // in what was built
	}
	canvas.Refresh(t.body)
}

// to scrolls, and updates the scroll bars even where the position is the same.
func (t *Thread) to(y float32) {
	t.body.Resize(fyne.NewSize(t.size.Width, t.total()))
	t.scroll.Offset = fyne.NewPos(0, y+0.25)
	t.scroll.ScrollToOffset(fyne.NewPos(0, y))
}
