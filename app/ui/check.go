package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// Check is a check box with a label; a click, Space or Enter changes it. Fyne's own check box draws the empty box in the
// colour of a line, which is hardly visible, and the keyboard focus as a faint disc; this one looks like Button.
//
//	│8│▢ 16│8│ words │10│      as high as a button
type Check struct {
	widget.BaseWidget
	Label     string
	Checked   bool
	OnChanged func(bool) // called after the user has changed it

	focused, hovered, disabled bool
}

// NewCheck returns a check box that is not checked.
func NewCheck(label string, changed func(bool)) *Check {
	c := &Check{Label: label, OnChanged: changed}
	c.ExtendBaseWidget(c)
	return c
}

// Set sets the state; can says whether the user may change it. It does not call OnChanged.
func (c *Check) Set(checked, can bool) {
	if c.Checked != checked || c.disabled == can {
		c.Checked, c.disabled = checked, !can
		c.Refresh()
	}
}

// Disabled reports whether the user may not change it.
func (c *Check) Disabled() bool { return c.disabled }

// Tapped changes the state.
func (c *Check) Tapped(*fyne.PointEvent) {
	if c.disabled {
		return
	}
	c.Checked = !c.Checked
	c.Refresh()
	if c.OnChanged != nil {
		c.OnChanged(c.Checked)
	}
}

// FocusGained implements fyne.Focusable.
func (c *Check) FocusGained() { c.focused = true; c.Refresh(); GotFocus(c) }

// FocusLost implements fyne.Focusable.
func (c *Check) FocusLost() { c.focused = false; c.Refresh() }

// Enable and Disable make a Check a fyne.Disableable, so that Fyne does not give the focus to one that can't be changed.
func (c *Check) Enable() { c.Set(c.Checked, true) }

// Disable is described at Enable.
func (c *Check) Disable() { c.Set(c.Checked, false) }

// TypedRune changes the state on Space.
func (c *Check) TypedRune(r rune) {
	if r == ' ' {
		c.pressed()
		return
	}
	UnusedRune(c, r)
}

// TypedKey changes the state on Enter.
func (c *Check) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		c.pressed()
	case fyne.KeySpace: // TypedRune follows
	default:
		UnusedKey(c, e)
	}
}

// pressed is a tap by a key.
func (c *Check) pressed() {
	if !Repeats() {
		c.Tapped(nil)
	}
}

// MouseIn implements desktop.Hoverable.
func (c *Check) MouseIn(*desktop.MouseEvent) { c.hovered = true; c.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (c *Check) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (c *Check) MouseOut() { c.hovered = false; c.Refresh() }

// Cursor implements desktop.Cursorable.
func (c *Check) Cursor() desktop.Cursor {
	if c.disabled {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

// CreateRenderer implements fyne.Widget.
func (c *Check) CreateRenderer() fyne.WidgetRenderer {
	c.ExtendBaseWidget(c)
	r := &checkRenderer{c: c, back: canvas.NewRectangle(nil), box: canvas.NewRectangle(nil), text: canvas.NewText("", nil),
		tick: [2]*canvas.Line{canvas.NewLine(nil), canvas.NewLine(nil)}}
	r.Refresh()
	return r
}

type checkRenderer struct {
	c         *Check
	back, box *canvas.Rectangle
	tick      [2]*canvas.Line
	text      *canvas.Text
}

func (r *checkRenderer) Destroy() {}

func (r *checkRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.box, r.tick[0], r.tick[1], r.text}
}

func (r *checkRenderer) MinSize() fyne.Size {
	return fyne.NewSize(8+16+8+r.text.MinSize().Width+10, 36)
}

func (r *checkRenderer) Layout(size fyne.Size) {
	Put(r.back, 0, 0, size.Width, size.Height)
	y := (size.Height - 16) / 2
	Put(r.box, 8, y, 16, 16)
	points := [3]fyne.Position{fyne.NewPos(11.5, y+8.5), fyne.NewPos(14.5, y+11.5), fyne.NewPos(20.5, y+5)}
	for i, l := range r.tick {
		l.Position1, l.Position2 = points[i], points[i+1]
	}
	m := r.text.MinSize()
	Put(r.text, 32, (size.Height-m.Height)/2, m.Width, m.Height)
}

func (r *checkRenderer) Refresh() {
	c := r.c
	ink, edge := Ink, Muted
	if c.disabled {
		ink, edge = Muted, Line
	}
	r.back.CornerRadius, r.back.FillColor, r.back.StrokeColor, r.back.StrokeWidth = 8, nil, nil, 0
	if c.hovered && !c.disabled {
		r.back.FillColor = Color(Hover)
	}
	if c.focused {
		r.back.StrokeColor, r.back.StrokeWidth = Color(Accent), 2
	}
	r.box.CornerRadius, r.box.FillColor, r.box.StrokeColor, r.box.StrokeWidth = 4, Color(Surface), Color(edge), 1.5
	if c.Checked && !c.disabled {
		r.box.FillColor, r.box.StrokeColor = Color(Accent), Color(Accent)
	}
	for _, l := range r.tick {
		l.Hidden, l.StrokeColor, l.StrokeWidth = !c.Checked, Color(OnAccent), 2
		if c.disabled {
			l.StrokeColor = Color(Muted)
		}
	}
	r.text.Text, r.text.TextSize, r.text.Color = c.Label, TextSize, Color(ink)
	r.Layout(c.Size())
	canvas.Refresh(c)
}
