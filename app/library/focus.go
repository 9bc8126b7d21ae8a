package library

// Buttons that are made anew while the keyboard is on one of them: what shows a state is
// rebuilt when the state changes, and the focus must not fall off it.

import (
	"fyne.io/fyne/v2"

	"soberano/app/ui"
)

// keyboard knows the buttons that are shown, by what they belong to and what they say.
type keyboard struct {
	shown, next []keyed
	anew        bool // the next buttons mean something else: the owner's first has the focus
}

type keyed struct {
	owner string
	*ui.Button
}

// add notes the buttons of the next state that are in o.
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

// focused is the shown button that has the keyboard, with its canvas.
func (k *keyboard) focused() (keyed, fyne.Canvas) {
	for _, b := range k.shown {
		if c := fyne.CurrentApp().Driver().CanvasForObject(b.Button); c != nil && c.Focused() == fyne.Focusable(b.Button) {
			return b, c
		}
	}
	return keyed{}, nil
}

// swap calls show, which puts the next buttons on the screen. If one of the old ones had
// the keyboard, then the new one of the same owner and words has it, else the owner's
// first, else the first of all.
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
