package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// Choice is a box with one of several values, which opens a menu with all of them. Unlike Fyne's select it shows the focus with an
// outline, opens on Enter, too, and passes keys such as Escape to the window.
type Choice struct {
	widget.Select
	Frame *Box // what is put on the screen
}

// NewChoice returns a choice of values, of which none is chosen.
func NewChoice(values []string, changed func(string)) *Choice {
	c := &Choice{}
	c.Options, c.OnChanged = values, changed
	c.ExtendBaseWidget(c)
	c.Frame = NewBox("", Line, 8, 1, 1, c)
	return c
}

// FocusGained implements fyne.Focusable.
func (c *Choice) FocusGained() {
	c.Frame.SetStroke(Accent, 2)
	c.Select.FocusGained()
	GotFocus(c)
}

// FocusLost implements fyne.Focusable.
func (c *Choice) FocusLost() {
	c.Frame.SetStroke(Line, 1)
	c.Select.FocusLost()
}

// Tapped opens the menu.
func (c *Choice) Tapped(*fyne.PointEvent) {
	if canvas := canvasOf(c); canvas != nil {
		canvas.Focus(c)
	}
	c.open()
}

// TypedRune opens the menu on Space, and on a letter, which selects the first value that begins with it.
func (c *Choice) TypedRune(r rune) {
	if l := c.open(); l != nil && r != ' ' {
		l.TypedRune(r)
	}
}

// TypedKey opens the menu on Enter, ↑ and ↓, and changes the value on ← and →.
func (c *Choice) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeyUp, fyne.KeyDown:
		c.open()
	case fyne.KeyLeft, fyne.KeyRight:
		c.Select.TypedKey(k)
	case fyne.KeySpace: // TypedRune follows
	default:
		UnusedKey(c, k)
	}
}

// open opens the menu, and returns it, or nil if that is impossible.
func (c *Choice) open() *menuLayer {
	canvas := canvasOf(c)
	if c.Disabled() || canvas == nil || Repeats() {
		return nil
	}
	var items []*fyne.MenuItem
	for i, value := range c.Options {
		item := fyne.NewMenuItem(value, func() { c.SetSelectedIndex(i) })
		item.Checked = i == c.SelectedIndex()
		items = append(items, item)
	}
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(c)
	return showMenu(canvas, fyne.NewMenu("", items...), at.AddXY(0, c.Size().Height), c, c.Size().Width)
}
