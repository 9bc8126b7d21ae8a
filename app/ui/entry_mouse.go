package ui

import (
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
)

// clicks is the last double click, which a third click can follow.
type clicks struct {
	double time.Time
	at     fyne.Position
}

// tripleTime is how long after a double click a third one selects the paragraph.
const tripleTime = 500 * time.Millisecond

// MouseDown moves the caret to the click; with Shift it extends the selection.
func (e *Entry) MouseDown(m *desktop.MouseEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(e); c != nil {
		c.Focus(e)
	}
	if e.barred = e.onBar(m.Position); e.barred {
		e.dragBar(m.Position.Y)
		return
	}
	if m.Button == desktop.MouseButtonSecondary && e.anchor != e.caret {
		return // the menu is for the selection
	}
	if time.Since(e.clicks.double) < tripleTime && m.Position.Subtract(e.clicks.at).IsZero() {
		e.selectParagraph()
		return
	}
	e.point(m.Position, e.shift)
}

// MouseUp implements desktop.Mouseable.
func (e *Entry) MouseUp(*desktop.MouseEvent) { e.barred = false }

// onBar reports whether a position is on the scroll bar.
func (e *Entry) onBar(p fyne.Position) bool {
	return e.many && p.X > e.Size().Width-10 && e.extent().Height > e.room().Height+1
}

// dragBar scrolls to the part of the text for which a height of the scroll bar stands.
func (e *Entry) dragBar(y float32) {
	all, room := e.extent().Height, e.room().Height
	e.offset.Y = (y-entryPad)/max(1, room)*all - room/2
	e.clampOffset()
	e.Refresh()
}

// point moves the caret to a position.
func (e *Entry) point(p fyne.Position, extend bool) {
	at, late := e.offsetAt(p)
	e.move(at, extend)
	if late {
		e.late = true
		e.moved()
	}
}

// Dragged extends the selection.
func (e *Entry) Dragged(d *fyne.DragEvent) {
	if e.barred {
		e.dragBar(d.Position.Y)
		return
	}
	e.point(d.Position, true)
}

// DragEnd implements fyne.Draggable.
func (e *Entry) DragEnd() {}

// DoubleTapped selects the word, or what else is between two words.
func (e *Entry) DoubleTapped(p *fyne.PointEvent) {
	e.clicks = clicks{time.Now(), p.Position}
	at, _ := e.offsetAt(p.Position)
	e.move(at, false)
	e.anchor, e.caret = wordAt(e.Text, at)
	e.Refresh()
}

func firstWhile(s string, is func(rune) bool) string {
	return s[:len(s)-len(strings.TrimLeftFunc(s, is))]
}

func lastWhile(s string, is func(rune) bool) string {
	return s[len(strings.TrimRightFunc(s, is)):]
}

func (e *Entry) selectParagraph() {
	from, to := paragraphAt(e.Text, e.caret)
	e.anchor, e.caret, e.late, e.goal = from, to, false, -1
	e.Refresh()
}

// Scrolled scrolls the text; the wheel works on what is around the entry where that is not possible.
func (e *Entry) Scrolled(s *fyne.ScrollEvent) {
	was := e.offset
	e.offset = e.offset.SubtractXY(s.Scrolled.DX, s.Scrolled.DY)
	e.clampOffset()
	if e.offset != was {
		e.Refresh()
	} else if e.Outer != nil {
		e.Outer.Scrolled(s)
	}
}

// TappedSecondary shows a menu.
func (e *Entry) TappedSecondary(p *fyne.PointEvent) {
	c := fyne.CurrentApp().Driver().CanvasForObject(e)
	if c == nil {
		return
	}
	board := fyne.CurrentApp().Clipboard()
	item := func(label string, can bool, do func()) *fyne.MenuItem {
		m := fyne.NewMenuItem(label, do)
		m.Disabled = !can
		return m
	}
	selected := e.anchor != e.caret
	ShowMenu(c, fyne.NewMenu("",
		item("Undo", e.CanUndo(), e.Undo), item("Redo", len(e.history.redo) > 0, e.Redo), fyne.NewMenuItemSeparator(),
		item("Cut", selected, func() { e.TypedShortcut(&fyne.ShortcutCut{Clipboard: board}) }),
		item("Copy", selected, func() { e.TypedShortcut(&fyne.ShortcutCopy{Clipboard: board}) }),
		item("Paste", true, func() { e.TypedShortcut(&fyne.ShortcutPaste{Clipboard: board}) }),
		item("Select all", e.Text != "", e.SelectAll)), p.AbsolutePosition, nil)
}
