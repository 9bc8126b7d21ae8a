package ui

import "fyne.io/fyne/v2"

// Tall is an object whose height depends on its width. Fyne asks a child for its minimum size before it gives the child a
// width, which is too early for wrapped text. Here the parent asks each child for its height at the width that the child
// is about to get.
type Tall interface {
	fyne.CanvasObject
	HeightFor(width float32) float32
}

// HeightFor returns the height that the object needs at that width.
func HeightFor(o fyne.CanvasObject, width float32) float32 {
	if t, ok := o.(Tall); ok {
		return t.HeightFor(width)
	}
	if c, ok := o.(*fyne.Container); ok {
		if t, ok := c.Layout.(interface {
			HeightFor([]fyne.CanvasObject, float32) float32
		}); ok {
			return t.HeightFor(c.Objects, width)
		}
	}
	return o.MinSize().Height
}

// Column is a layout that places the children one below the other, Gap apart, at most Most wide and then centred.
type Column struct {
	Gap                      float32
	Most                     float32 // 0: the whole width
	Left, Right, Top, Bottom float32 // padding
	width                    float32
}

// NewColumn returns a container with a Column layout.
func NewColumn(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return &fyne.Container{Layout: &Column{Gap: gap}, Objects: objects}
}

func (c *Column) span(width float32) (left, inner float32) {
	inner = max(0, width-c.Left-c.Right)
	left = c.Left
	if c.Most > 0 && inner > c.Most {
		left += (inner - c.Most) / 2
		inner = c.Most
	}
	return left, inner
}

// HeightFor returns the height of all visible children at that width.
func (c *Column) HeightFor(objects []fyne.CanvasObject, width float32) float32 {
	_, inner := c.span(width)
	height, first := c.Top+c.Bottom, true
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		if !first {
			height += c.Gap
		}
		height, first = height+HeightFor(o, inner), false
	}
	return height
}

// Layout places the children.
func (c *Column) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	c.width = size.Width
	if size.Width <= 0 { // it has no place yet: text would be broken for nothing
		return
	}
	left, inner := c.span(size.Width)
	y := c.Top
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		h := HeightFor(o, inner)
		o.Move(fyne.NewPos(left, y))
		o.Resize(fyne.NewSize(inner, h))
		y += h + c.Gap
	}
}

// MinSize has a small width, and the height of the column at the last width it had.
func (c *Column) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var width float32
	for _, o := range objects {
		if o.Visible() {
			width = max(width, o.MinSize().Width)
		}
	}
	width += c.Left + c.Right
	return fyne.NewSize(width, c.HeightFor(objects, max(c.width, width)))
}

// Row is a layout that places the children side by side, Gap apart, vertically centred. The child Grow takes the remaining
// width; the others keep their minimum width.
type Row struct {
	Gap  float32
	Grow fyne.CanvasObject
}

// NewRow returns a container with a Row layout.
func NewRow(gap float32, grow fyne.CanvasObject, objects ...fyne.CanvasObject) *fyne.Container {
	return &fyne.Container{Layout: &Row{Gap: gap, Grow: grow}, Objects: objects}
}

func (r *Row) fixed(objects []fyne.CanvasObject) (width float32, n int) {
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		n++
		if o != r.Grow {
			width += o.MinSize().Width
		}
	}
	return width + r.Gap*float32(max(0, n-1)), n
}

// HeightFor returns the height of the tallest child.
func (r *Row) HeightFor(objects []fyne.CanvasObject, width float32) (height float32) {
	used, _ := r.fixed(objects)
	for _, o := range objects {
		switch {
		case !o.Visible():
		case o == r.Grow:
			height = max(height, HeightFor(o, max(0, width-used)))
		default:
			height = max(height, HeightFor(o, o.MinSize().Width))
		}
	}
	return height
}

// Layout places the children.
func (r *Row) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	used, _ := r.fixed(objects)
	var x float32
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		w := o.MinSize().Width
		if o == r.Grow {
			w = max(0, size.Width-used)
		}
		h := min(HeightFor(o, w), size.Height)
		o.Move(fyne.NewPos(x, (size.Height-h)/2))
		o.Resize(fyne.NewSize(w, h))
		x += w + r.Gap
	}
}

// MinSize is the width of the fixed children plus the minimum width of the growing one.
func (r *Row) MinSize(objects []fyne.CanvasObject) fyne.Size {
	width, _ := r.fixed(objects)
	var height float32
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		m := o.MinSize()
		if o == r.Grow {
			width += m.Width
		}
		height = max(height, m.Height)
	}
	return fyne.NewSize(width, height)
}

// Spacer returns an empty object of at least that size.
func Spacer(width, height float32) fyne.CanvasObject {
	return &fyne.Container{Layout: fixed(fyne.NewSize(width, height))}
}

type fixed fyne.Size

func (f fixed) MinSize([]fyne.CanvasObject) fyne.Size     { return fyne.Size(f) }
func (f fixed) Layout(o []fyne.CanvasObject, s fyne.Size) {}

// Arrange is a layout made of a minimum size and a function, for a screen that places its own children.
type Arrange struct {
	Min     fyne.Size
	Place   func(size fyne.Size)
	Focused func(o fyne.CanvasObject) // called when an object inside has got the focus; may be nil
}

func (a *Arrange) focusMoved(to fyne.CanvasObject) {
	if a.Focused != nil {
		a.Focused(to)
	}
}

// MinSize returns Min.
func (a *Arrange) MinSize([]fyne.CanvasObject) fyne.Size { return a.Min }

// Layout calls Place.
func (a *Arrange) Layout(_ []fyne.CanvasObject, size fyne.Size) { a.Place(size) }

// Put moves and resizes an object.
func Put(o fyne.CanvasObject, x, y, w, h float32) {
	o.Move(fyne.NewPos(x, y))
	o.Resize(fyne.NewSize(max(0, w), max(0, h)))
}

// SetWidth tells the column the width that it is about to get, before MinSize is called.
func (c *Column) SetWidth(width float32) { c.width = width }
