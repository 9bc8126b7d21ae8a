package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// ColumnWidth is the maximum width of text.
const ColumnWidth = 720

// Pane is a scrolled column, at most 720 wide. While its end is visible it follows text that is added there; after the user
// has scrolled up it keeps its position.
type Pane struct {
	Object fyne.CanvasObject
	scroll *container.Scroll
	column *fyne.Container
	layout *Column
	size   fyne.Size
	Steady bool // it keeps its position when its height changes, also at its end
}

// NewPane returns an empty pane.
func NewPane() *Pane {
	t := &Pane{layout: &Column{Gap: 16, Most: ColumnWidth, Left: 24, Right: 24, Top: 26, Bottom: 20}}
	t.column = &fyne.Container{Layout: t.layout}
	t.scroll = container.NewVScroll(t.column)
	t.scroll.OnScrolled = func(fyne.Position) { t.see() }
	t.Object = &fyne.Container{Layout: &Arrange{Min: fyne.NewSize(200, 80), Place: t.place}, Objects: []fyne.CanvasObject{t.scroll}}
	return t
}

func (t *Pane) place(size fyne.Size) {
	bottom := t.AtBottom()
	t.size = size
	t.layout.SetWidth(size.Width)
	Put(t.scroll, 0, 0, size.Width, size.Height)
	t.fit(bottom && !t.Steady)
}

// Set replaces all objects in the column and scrolls to its end, or to its top.
func (t *Pane) Set(end bool, objects ...fyne.CanvasObject) {
	t.column.Objects = objects
	t.adopt(t.column)
	t.fit(end)
	if !end {
		t.to(0)
	}
	t.column.Refresh()
}

// Add appends an object.
func (t *Pane) Add(o fyne.CanvasObject) {
	t.column.Objects = append(t.column.Objects, o)
	t.adopt(o)
	t.fit(true)
}

// Remove removes an object.
func (t *Pane) Remove(o fyne.CanvasObject) {
	for i, have := range t.column.Objects {
		if have == o {
			t.column.Objects = append(t.column.Objects[:i:i], t.column.Objects[i+1:]...)
			t.fit(t.AtBottom())
			return
		}
	}
}

// adopt gives the entries in an object the turns of the wheel to pass on.
func (t *Pane) adopt(o fyne.CanvasObject) {
	switch o := o.(type) {
	case *Entry:
		o.Outer = t.scroll
	case *Box:
		t.adopt(o.Content)
	case *fyne.Container:
		for _, c := range o.Objects {
			t.adopt(c)
		}
	}
}

// Changed repeats the layout after an object in the column has changed its height.
func (t *Pane) Changed(follow bool) { t.fit(follow) }

// AtBottom reports whether the end is visible.
func (t *Pane) AtBottom() bool {
	return t.scroll.Offset.Y+t.scroll.Size().Height >= t.column.Size().Height-24
}

func (t *Pane) fit(bottom bool) {
	if t.size.Width == 0 {
		return
	}
	height := t.layout.HeightFor(t.column.Objects, t.size.Width)
	size := fyne.NewSize(t.size.Width, max(height, t.size.Height))
	if t.column.Size() != size {
		t.column.Resize(size)
	} else {
		t.layout.Layout(t.column.Objects, size)
	}
	y := min(t.scroll.Offset.Y, max(0, height-t.size.Height))
	if bottom {
		y = max(0, height-t.size.Height)
	}
	t.to(y)
}

// see tells the objects in the column what is seen of them.
func (t *Pane) see() { See(t.column, t.scroll.Offset.Y, t.scroll.Offset.Y+t.size.Height) }

// to scrolls, and updates the scroll bars even where the position is the same.
func (t *Pane) to(y float32) {
	t.scroll.Offset = fyne.NewPos(0, y+0.25)
	t.scroll.ScrollToOffset(fyne.NewPos(0, y))
	t.see()
}

// Top scrolls to the top.
func (t *Pane) Top() { t.to(0) }

// Page scrolls by a share of the height. It serves the keyboard.
func (t *Pane) Page(share float32) {
	most := max(0, t.column.Size().Height-t.size.Height)
	t.to(max(0, min(most, t.scroll.Offset.Y+share*t.size.Height)))
}

// Pad sets the space around the column and between its children.
func (t *Pane) Pad(left, right, top, bottom, gap float32) {
	t.layout.Left, t.layout.Right, t.layout.Top, t.layout.Bottom, t.layout.Gap = left, right, top, bottom, gap
}

// Keep replaces all objects in the column and keeps the scroll position.
func (t *Pane) Keep(objects ...fyne.CanvasObject) {
	t.column.Objects = objects
	t.adopt(t.column)
	t.fit(false)
	t.column.Refresh()
}

// Reveal scrolls just far enough to show an object.
func (t *Pane) Reveal(o fyne.CanvasObject) {
	top, bottom := o.Position().Y, o.Position().Y+o.Size().Height
	y := t.scroll.Offset.Y
	if bottom > y+t.size.Height {
		y = bottom - t.size.Height
	}
	t.to(max(0, min(y, top)))
}
