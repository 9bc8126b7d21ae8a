package ui

import "fyne.io/fyne/v2"

// Seer is an object that draws only what is seen of it, such as a long text. The scrolled columns of this package (Pane, Long)
// tell it by See; an object that holds others passes it on.
type Seer interface {
	// See says which part of the object is inside the window, as distances from the object's upper edge. Nothing of it is
	// inside if below <= 0, or top is at least its height.
	See(top, below float32)
}

// nearby is the distance from the window within which objects are already known to Fyne, which draws them although nothing of
// it is seen.
const nearby = 100

// See tells an object, and what is in it, which part of it is inside the window.
func See(o fyne.CanvasObject, top, below float32) {
	if !o.Visible() {
		return
	}
	switch o := o.(type) {
	case Seer:
		o.See(top, below)
	case *fyne.Container:
		for _, c := range o.Objects {
			y := c.Position().Y
			See(c, top-y, below-y)
		}
	}
}

// See implements Seer.
func (b *Box) See(top, below float32) { See(b.Content, top-b.PadY, below-b.PadY) }
