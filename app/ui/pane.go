package ui

// Pane is a scrolled column, 720 wide at most. It follows what is written at its end while
// the person is at the bottom, and stays where it is once they have scrolled up.

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// ColumnWidth is the widest that text runs.
const ColumnWidth = 720

// Pane is a scrolled column.
type Pane struct {
	Object fyne.CanvasObject
	scroll *container.Scroll
	column *fyne.Container
	layout *Column
	size   fyne.Size
}

// NewPane is an empty pane.
func NewPane() *Pane {
	t := &Pane{layout: &Column{Gap: 16, Most: ColumnWidth, Left: 24, Right: 24, Top: 26, Bottom: 20}}
	t.column = &fyne.Container{Layout: t.layout}
	t.scroll = container.NewVScroll(t.column)
	t.Object = &fyne.Container{Layout: &Arrange{Min: fyne.NewSize(200, 80), Place: t.place}, Objects: []fyne.CanvasObject{t.scroll}}
	return t
}

func (t *Pane) place(size fyne.Size) {
	bottom := t.AtBottom()
	t.size = size
	t.layout.SetWidth(size.Width)
	Put(t.scroll, 0, 0, size.Width, size.Height)
	t.fit(bottom)
}

// Set replaces everything in the column and goes to its end, or to its top.
func (t *Pane) Set(end bool, objects ...fyne.CanvasObject) {
	t.column.Objects = objects
	t.fit(end)
	if !end {
		t.to(0)
	}
	t.column.Refresh()
}

// Add puts one more turn at the end.
func (t *Pane) Add(o fyne.CanvasObject) {
	t.column.Objects = append(t.column.Objects, o)
	t.fit(true)
}

// Remove takes a turn out.
func (t *Pane) Remove(o fyne.CanvasObject) {
	for i, have := range t.column.Objects {
		if have == o {
			t.column.Objects = append(t.column.Objects[:i:i], t.column.Objects[i+1:]...)
			t.fit(t.AtBottom())
			return
		}
	}
}

// Changed lays the column out again after a turn in it has changed its height.
func (t *Pane) Changed(follow bool) { t.fit(follow) }

// AtBottom says whether the end is in sight.
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

// to scrolls, and brings the bars up to date even where the place is the same.
func (t *Pane) to(y float32) {
	t.scroll.Offset = fyne.NewPos(0, y+0.25)
	t.scroll.ScrollToOffset(fyne.NewPos(0, y))
}

// Page scrolls by a share of the page, for the keyboard.
func (t *Pane) Page(share float32) {
	most := max(0, t.column.Size().Height-t.size.Height)
	t.to(max(0, min(most, t.scroll.Offset.Y+share*t.size.Height)))
}

// Pad sets the space around the column and between its children.
func (t *Pane) Pad(left, right, top, bottom, gap float32) {
	t.layout.Left, t.layout.Right, t.layout.Top, t.layout.Bottom, t.layout.Gap = left, right, top, bottom, gap
}

// Keep replaces everything in the column and stays at the place.
func (t *Pane) Keep(objects ...fyne.CanvasObject) {
	t.column.Objects = objects
	t.fit(false)
	t.column.Refresh()
}

// Reveal scrolls just far enough to show a child.
func (t *Pane) Reveal(o fyne.CanvasObject) {
	top, bottom := o.Position().Y, o.Position().Y+o.Size().Height
	y := t.scroll.Offset.Y
	if bottom > y+t.size.Height {
		y = bottom - t.size.Height
	}
	t.to(max(0, min(y, top)))
}
