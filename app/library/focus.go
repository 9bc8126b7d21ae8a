package library

import (
	"fyne.io/fyne/v2"

	"soberano/app/ui"
)

// keyboard keeps the keyboard focus on a button that is built again while it has the focus: widgets that show a state are
// rebuilt when the state changes. It records the buttons that are shown, each by its owner and its label.
type keyboard struct {
	shown, next []keyed
	anew        bool // the next buttons have another meaning: the owner's first one gets the focus
}

type keyed struct {
	owner string
	*ui.Button
}

// add records the buttons in o as part of the next state.
func (k *keyboard) add(owner string, o fyne.CanvasObject) {
	switch o := o.(type) {
	case *ui.Button:
		k.next = append(k.next, keyed{owner, o})
	case *ui.Box:
		k.add(owner, o.Content)
	case *fyne.Container:
		for _, child := range o.Objects {
			k.add(owner, child)
		}
	}
}

// focused returns the shown button that has the focus, with its canvas.
func (k *keyboard) focused() (keyed, fyne.Canvas) {
	for _, b := range k.shown {
		if c := fyne.CurrentApp().Driver().CanvasForObject(b.Button); c != nil && c.Focused() == fyne.Focusable(b.Button) {
			return b, c
		}
	}
	return keyed{}, nil
}

// swap calls show, which puts the next buttons on the screen. If one of the old buttons had the focus, it moves to the new
// button with the same owner and label, else to the owner's first button, else to the first button of all.
func (k *keyboard) swap(show func()) {
	was, c := k.focused()
	show()
	k.shown, k.next = k.next, nil
	if c == nil {
		k.anew = false
		return
	}
	b := k.heir(was)
	k.anew = false
	if b != nil {
		c.Focus(b)
	} else {
		c.Unfocus()
	}
}

func (k *keyboard) heir(was keyed) *ui.Button {
	rank, best := 0, (*ui.Button)(nil)
	for _, b := range k.shown {
		r := 1
		switch {
		case b.Disabled():
			continue
		case b.owner == was.owner && b.Label == was.Label && !k.anew:
			r = 3
		case b.owner == was.owner:
			r = 2
		}
		if r > rank {
			rank, best = r, b.Button
		}
	}
	return best
}
