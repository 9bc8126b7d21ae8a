package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// Holder is a widget that contains other objects. Fyne does not tell which objects a widget contains, so widgets of this
// program that contain others say so themselves: the focus, clicks and the wheel find their way through them.
type Holder interface {
	fyne.Widget
	Contents() []fyne.CanvasObject
}

// contents returns the objects inside an object, as far as they are known.
func contents(o fyne.CanvasObject) []fyne.CanvasObject {
	switch o := o.(type) {
	case *fyne.Container:
		return o.Objects
	case Holder:
		return o.Contents()
	case *container.Scroll:
		return []fyne.CanvasObject{o.Content}
	case *container.ThemeOverride:
		return []fyne.CanvasObject{o.Content}
	case *widget.PopUp:
		return []fyne.CanvasObject{o.Content}
	}
	return nil
}

// step is an object on the way from a root to an object inside it, with its position in the window.
type step struct {
	object fyne.CanvasObject
	at     fyne.Position
}

// path returns the way from root to o, both included; nil if o is not inside root or not visible.
func path(root, o fyne.CanvasObject) []step {
	var walk func(x fyne.CanvasObject, from fyne.Position) []step
	walk = func(x fyne.CanvasObject, from fyne.Position) []step {
		if x == nil || !x.Visible() {
			return nil
		}
		at := from.Add(x.Position())
		if x == o {
			return []step{{x, at}}
		}
		for _, c := range contents(x) {
			if rest := walk(c, at); rest != nil {
				return append([]step{{x, at}}, rest...)
			}
		}
		return nil
	}
	return walk(root, fyne.Position{})
}

// pathIn is path from the content of a canvas, or from one of the dialogs above it.
func pathIn(c fyne.Canvas, o fyne.CanvasObject) []step {
	for _, root := range append([]fyne.CanvasObject{c.Content()}, c.Overlays().List()...) {
		if p := path(root, o); p != nil {
			return p
		}
	}
	return nil
}

// canvasOf returns the canvas of an object; nil if it was not drawn yet.
func canvasOf(o fyne.CanvasObject) fyne.Canvas {
	if app := fyne.CurrentApp(); app != nil {
		return app.Driver().CanvasForObject(o)
	}
	return nil
}

// Shown reports whether an object is part of the canvas, and no object around it is hidden. It may be scrolled out of view.
func Shown(c fyne.Canvas, o fyne.CanvasObject) bool { return pathIn(c, o) != nil }

// Inside reports whether o is visible inside root, or is root itself.
func Inside(root, o fyne.CanvasObject) bool { return path(root, o) != nil }

// watcher is a layout that is told which object inside its container has got the focus.
type watcher interface{ focusMoved(to fyne.CanvasObject) }

// GotFocus scrolls an object that has got the focus into view. Every widget that takes the focus calls it: Fyne itself moves
// the focus to objects that are scrolled out of view.
func GotFocus(o fyne.CanvasObject) {
	c := canvasOf(o)
	if c == nil {
		return
	}
	p := pathIn(c, o)
	for _, s := range p {
		if box, ok := s.object.(*fyne.Container); ok {
			if w, ok := box.Layout.(watcher); ok {
				w.focusMoved(o)
			}
		}
	}
	reveal(p, 0, o.Size().Height)
}

// Visit calls f for an object and for all visible objects inside it, also those that are out of view and not known to Fyne.
func Visit(o fyne.CanvasObject, f func(fyne.CanvasObject)) {
	if o == nil || !o.Visible() {
		return
	}
	f(o)
	inside := contents(o)
	if s, ok := o.(*Stack); ok {
		inside = s.Objects
	}
	for _, c := range inside {
		Visit(c, f)
	}
}

// below returns how far below the upper edge of root the object o begins. It is only about right as long as objects around o were
// never drawn.
func below(root, o fyne.CanvasObject) (y float32, ok bool) {
	if root == o {
		return 0, true
	}
	inside := contents(root)
	stack, stacked := root.(*Stack)
	if stacked {
		inside = stack.Objects
	}
	for i, c := range inside {
		if d, ok := below(c, o); ok {
			if stacked && i < len(stack.tops) {
				return stack.tops[i] + d, true
			}
			return c.Position().Y + d, true
		}
	}
	return 0, false
}

// beside is the space that stays visible above and below an object that is scrolled into view, for its outline.
const beside = 8

// reveal scrolls the containers on a path, the innermost first, just far enough to show a part of the object at its end.
func reveal(p []step, top, height float32) {
	if len(p) == 0 {
		return
	}
	top += p[len(p)-1].at.Y
	for i := len(p) - 1; i >= 0; i-- {
		s, ok := p[i].object.(*container.Scroll)
		if !ok {
			continue
		}
		most := s.Content.Size().Height - s.Size().Height
		from := top - p[i].at.Y // the position within the visible part
		y := s.Offset.Y
		if end := from + height + beside; end > s.Size().Height {
			y += end - s.Size().Height
		}
		y = max(0, min(most, min(y, s.Offset.Y+from-beside)))
		top -= y - s.Offset.Y
		if y != s.Offset.Y {
			s.ScrollToOffset(fyne.NewPos(s.Offset.X, y))
			if s.OnScrolled != nil {
				s.OnScrolled(s.Offset)
			}
		}
	}
}

// UnusedKey passes a key that the widget with the focus does not use to the window, as if nothing had the focus.
func UnusedKey(o fyne.CanvasObject, k *fyne.KeyEvent) {
	if c := canvasOf(o); c != nil && c.OnTypedKey() != nil {
		c.OnTypedKey()(k)
	}
}

// UnusedRune is UnusedKey for a character.
func UnusedRune(o fyne.CanvasObject, r rune) {
	if c := canvasOf(o); c != nil && c.OnTypedRune() != nil {
		c.OnTypedRune()(r)
	}
}
