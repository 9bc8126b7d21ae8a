package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// ShowMenu opens a menu at a position of the canvas, or beside it where there is not enough space. It is operated by the mouse,
// or by ↑ ↓, Enter, Space and Esc. A click outside closes it and then has its usual effect; only a click on owner, the object
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

func showMenu(c fyne.Canvas, menu *fyne.Menu, at fyne.Position, owner fyne.CanvasObject, width float32) {
	for _, item := range menu.Items {
		item.Label = Drawable(item.Label)
	}
	l := &menuLayer{canvas: c, owner: owner, pop: widget.NewPopUpMenu(menu, c)}
	l.ExtendBaseWidget(l)
	l.pop.OnDismiss = l.Hide
	c.Overlays().Add(l)
	l.Resize(c.Size())
	size := l.pop.MinSize()
	l.pop.Resize(fyne.NewSize(max(size.Width, width), min(size.Height, c.Size().Height)))
	l.pop.Move(at)
	l.pop.Resize(l.pop.Size()) // with the position, the menu knows how much space there is below it
	c.Focus(l)
}

// menuLayer covers the window while a menu is open; it has the focus and takes all clicks.
type menuLayer struct {
	widget.BaseWidget
	canvas fyne.Canvas
	owner  fyne.CanvasObject
	pop    *widget.PopUpMenu
}

// CreateRenderer implements fyne.Widget.
func (l *menuLayer) CreateRenderer() fyne.WidgetRenderer { return &menuLayerRenderer{l} }

type menuLayerRenderer struct{ l *menuLayer }

func (r *menuLayerRenderer) Destroy()                     {}
func (r *menuLayerRenderer) Layout(fyne.Size)             {}
func (r *menuLayerRenderer) MinSize() fyne.Size           { return fyne.Size{} }
func (r *menuLayerRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.l.pop} }
func (r *menuLayerRenderer) Refresh()                     { r.l.pop.Refresh() }

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

// TypedRune triggers the selected item on Space; see Button.TypedRune.
func (l *menuLayer) TypedRune(r rune) {
	if r == ' ' {
		l.pop.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	}
}

// TypedKey moves the selection, triggers the selected item, or closes the menu.
func (l *menuLayer) TypedKey(k *fyne.KeyEvent) {
	if k.Name != fyne.KeySpace {
		l.pop.TypedKey(k)
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
