package ui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// ShowMenu opens a menu at a position of the canvas, or beside it where there is not enough space. It is operated by the mouse,
// or by ↑ ↓, Home, End, first letters, Enter, Space and Esc. A click outside closes it and then has its usual effect; only a click on owner, the object
// that has opened the menu, just closes it. Fyne's own menus take the click away.
func ShowMenu(c fyne.Canvas, menu *fyne.Menu, at fyne.Position, owner fyne.CanvasObject) {
	showMenu(c, menu, at, owner, 0)
}

// ShowMenuBelow opens a menu below an object.
func ShowMenuBelow(menu *fyne.Menu, owner fyne.CanvasObject) {
	if c := canvasOf(owner); c != nil {
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(owner)
		showMenu(c, menu, at.AddXY(0, owner.Size().Height+4), owner, 0)
	}
}

func showMenu(c fyne.Canvas, menu *fyne.Menu, at fyne.Position, owner fyne.CanvasObject, width float32) *menuLayer {
	for _, item := range menu.Items {
		item.Label = Drawable(item.Label)
	}
	l := &menuLayer{canvas: c, owner: owner, at: at}
	l.list = newMenuList(menu, l.Hide)
	l.natural = l.list.size()
	l.natural.Width = max(l.natural.Width, width)
	l.ExtendBaseWidget(l)
	c.Overlays().Add(l)
	l.Resize(c.Size())
	for n, r := range l.list.rows {
		if r.item.Checked {
			l.list.selectRow(n)
		}
	}
	c.Focus(l)
	return l
}

// menuLayer covers the window while a menu is open; it has the focus and takes all clicks.
type menuLayer struct {
	widget.BaseWidget
	canvas  fyne.Canvas
	owner   fyne.CanvasObject
	at      fyne.Position
	natural fyne.Size // of the menu
	list    *menuList
}

// Contents implements Holder.
func (l *menuLayer) Contents() []fyne.CanvasObject { return []fyne.CanvasObject{l.list.frame} }

// CreateRenderer implements fyne.Widget.
func (l *menuLayer) CreateRenderer() fyne.WidgetRenderer { return &menuLayerRenderer{l} }

type menuLayerRenderer struct{ l *menuLayer }

func (r *menuLayerRenderer) Destroy()                     {}
func (r *menuLayerRenderer) Layout(size fyne.Size)        { r.l.list.place(r.l.at, r.l.natural, size) }
func (r *menuLayerRenderer) MinSize() fyne.Size           { return fyne.Size{} }
func (r *menuLayerRenderer) Objects() []fyne.CanvasObject { return r.l.Contents() }
func (r *menuLayerRenderer) Refresh()                     { r.l.list.frame.Refresh() }

// Hide closes the menu.
func (l *menuLayer) Hide() {
	l.canvas.Overlays().Remove(l)
	l.BaseWidget.Hide()
}

// Tapped closes the menu and passes the click on.
func (l *menuLayer) Tapped(e *fyne.PointEvent) {
	l.pass(e.AbsolutePosition, desktop.MouseButtonPrimary)
}

// TappedSecondary closes the menu and passes the click on.
func (l *menuLayer) TappedSecondary(e *fyne.PointEvent) {
	l.pass(e.AbsolutePosition, desktop.MouseButtonSecondary)
}

func (l *menuLayer) pass(at fyne.Position, button desktop.MouseButton) {
	if p, size := l.list.frame.Position(), l.list.frame.Size(); at.X >= p.X && at.Y >= p.Y && at.X < p.X+size.Width && at.Y < p.Y+size.Height {
		return // on a line between two items
	}
	l.Hide()
	root := l.canvas.Overlays().Top()
	if root == nil {
		root = l.canvas.Content()
	}
	if o, inside := clickable(root, at); o != nil && o != l.owner {
		click(o, inside, at, button)
	}
}

// FocusGained implements fyne.Focusable.
func (l *menuLayer) FocusGained() {}

// FocusLost implements fyne.Focusable.
func (l *menuLayer) FocusLost() {}

// TypedRune triggers the selected item on Space, see Button.TypedRune, and selects the next item that begins with the letters that are
// typed.
func (l *menuLayer) TypedRune(r rune) {
	if r == ' ' {
		l.list.trigger()
	} else {
		l.list.find(r, time.Now())
	}
}

// TypedKey moves the selection, triggers the selected item, or closes the menu.
func (l *menuLayer) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyDown:
		l.list.step(1)
	case fyne.KeyUp:
		l.list.step(-1)
	case fyne.KeyHome, fyne.KeyPageUp:
		l.list.selectFrom(0, 1)
	case fyne.KeyEnd, fyne.KeyPageDown:
		l.list.selectFrom(len(l.list.rows)-1, -1)
	case fyne.KeyReturn, fyne.KeyEnter:
		l.list.trigger()
	case fyne.KeyEscape:
		l.Hide()
	}
}

// clickable returns the topmost visible object at a position of the window that handles clicks, and the position inside it.
func clickable(root fyne.CanvasObject, at fyne.Position) (found fyne.CanvasObject, inside fyne.Position) {
	var walk func(o fyne.CanvasObject, from fyne.Position)
	walk = func(o fyne.CanvasObject, from fyne.Position) {
		if o == nil || !o.Visible() {
			return
		}
		p := from.Add(o.Position())
		here := at.X >= p.X && at.Y >= p.Y && at.X < p.X+o.Size().Width && at.Y < p.Y+o.Size().Height
		if _, clips := o.(*container.Scroll); clips && !here {
			return
		}
		if here {
			switch o.(type) {
			case fyne.Tappable, fyne.SecondaryTappable, desktop.Mouseable:
				found, inside = o, at.Subtract(p)
			}
		}
		for _, c := range contents(o) {
			walk(c, p)
		}
	}
	walk(root, fyne.Position{})
	return found, inside
}

// click clicks on an object.
func click(o fyne.CanvasObject, inside, at fyne.Position, button desktop.MouseButton) {
	e := fyne.PointEvent{Position: inside, AbsolutePosition: at}
	if m, ok := o.(desktop.Mouseable); ok {
		mouse := &desktop.MouseEvent{PointEvent: e, Button: button}
		m.MouseDown(mouse)
		m.MouseUp(mouse)
	}
	if t, ok := o.(fyne.Tappable); ok && button == desktop.MouseButtonPrimary {
		t.Tapped(&e)
	}
	if s, ok := o.(fyne.SecondaryTappable); ok && button == desktop.MouseButtonSecondary {
		s.TappedSecondary(&e)
	}
}
