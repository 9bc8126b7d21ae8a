package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"soberano/app/ui/bidi"
)

// KeyDown records the state of the Shift key.
func (e *Entry) KeyDown(k *fyne.KeyEvent) {
	if k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight {
		e.shift = true
	}
	if e.OnKeyDown != nil {
		e.OnKeyDown(k)
	}
}

// KeyUp records the state of the Shift key.
func (e *Entry) KeyUp(k *fyne.KeyEvent) {
	if k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight {
		e.shift = false
	}
	if e.OnKeyUp != nil {
		e.OnKeyUp(k)
	}
}

// TypedRune inserts a character.
func (e *Entry) TypedRune(r rune) {
	from, to := e.Selection()
	e.replace(from, to, e.clean(string(r)), from == to)
}

// TypedKey edits and moves; OnKey, OnSend and OnSubmitted come first.
func (e *Entry) TypedKey(k *fyne.KeyEvent) {
	if e.OnKey != nil && e.OnKey(k) {
		return
	}
	e.lay()
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		e.enter()
	case fyne.KeyBackspace:
		e.erase(e.backspace(), true)
	case fyne.KeyDelete:
		e.erase(e.beside(true), true)
	case fyne.KeyLeft, fyne.KeyRight:
		e.sideways((k.Name == fyne.KeyRight) == (e.wrapped.direction(e.caret) == bidi.LTR))
	case fyne.KeyUp:
		e.vertical(-1)
	case fyne.KeyDown:
		e.vertical(1)
	case fyne.KeyPageUp:
		e.vertical(-max(1, e.visibleRows()-1))
	case fyne.KeyPageDown:
		e.vertical(max(1, e.visibleRows()-1))
	case fyne.KeyHome:
		e.move(e.wrapped.lines[e.row()].start, e.shift)
	case fyne.KeyEnd:
		e.toLineEnd()
	case fyne.KeyEscape:
		UnusedKey(e, k)
	}
}

func (e *Entry) enter() {
	sends := e.OnSend != nil && !e.shift
	switch {
	case Repeats() && (sends || !e.many):
	case sends:
		e.OnSend()
	case e.many:
		from, to := e.Selection()
		e.replace(from, to, "\n", from == to)
	case e.OnSubmitted != nil:
		e.OnSubmitted(e.Text)
	}
}

// move moves the caret; with extend, the selection reaches from where it was anchored to the caret.
func (e *Entry) move(at int, extend bool) {
	e.caret, e.late, e.goal = at, false, -1
	if !extend {
		e.anchor = at
	}
	e.moved()
}

func (e *Entry) moved() {
	e.reveal()
	e.wake()
	e.Refresh()
}

// sideways moves the caret by one cluster. Without Shift it moves to the end of the selection.
func (e *Entry) sideways(forward bool) {
	from, to := e.Selection()
	switch {
	case from == to || e.shift:
		e.move(e.beside(forward), e.shift)
	case forward:
		e.move(to, false)
	default:
		e.move(from, false)
	}
}

func (e *Entry) toLineEnd() {
	i := e.row()
	l := e.wrapped.lines[i]
	at := l.end
	if !e.many {
		at, i = len(e.Text), len(e.wrapped.lines)-1
	}
	e.move(at, e.shift)
	if e.late = e.row() != i; e.late {
		e.moved()
	}
}

// vertical moves the caret by so many lines; from the first line it moves to the beginning of the text, from the last to the
// end.
func (e *Entry) vertical(by int) {
	if !e.many {
		return
	}
	i, goal := e.row(), e.goal
	if goal < 0 {
		goal = e.caretPosition().X
	}
	switch to := i + by; {
	case i == 0 && by < 0:
		e.move(0, e.shift)
		return
	case i == len(e.wrapped.lines)-1 && by > 0:
		e.move(len(e.Text), e.shift)
		return
	default:
		i = max(0, min(to, len(e.wrapped.lines)-1))
	}
	e.move(e.wrapped.offsetAt(e.wrapped.lines[i], goal), e.shift)
	e.goal, e.late = goal, e.row() != i
	e.moved()
}

// visibleRows returns how many lines fit into the entry.
func (e *Entry) visibleRows() int { return int((e.Size().Height - 2*entryPad) / lineHeight(TextSize)) }

// TypedShortcut passes a shortcut to OnShortcut, and carries out those of a text entry otherwise.
func (e *Entry) TypedShortcut(s fyne.Shortcut) {
	if e.OnShortcut != nil && e.OnShortcut(s) {
		return
	}
	e.lay()
	switch s := s.(type) {
	case *fyne.ShortcutUndo:
		e.Undo()
	case *fyne.ShortcutRedo:
		e.Redo()
	case *fyne.ShortcutSelectAll:
		e.SelectAll()
	case *fyne.ShortcutCopy:
		e.copy(s.Clipboard)
	case *fyne.ShortcutCut:
		if e.copy(s.Clipboard) {
			e.erase(e.caret, false)
		}
	case *fyne.ShortcutPaste:
		if s.Clipboard != nil {
			e.Insert(s.Clipboard.Content())
		}
	case *desktop.CustomShortcut:
		e.combined(s)
	}
}

// copy copies the selection, and reports whether there is one.
func (e *Entry) copy(c fyne.Clipboard) bool {
	text := e.SelectedText()
	if text == "" || c == nil {
		return false
	}
	c.SetContent(text)
	return true
}

// combined carries out a key that is pressed together with Ctrl.
func (e *Entry) combined(s *desktop.CustomShortcut) {
	const control = fyne.KeyModifierShortcutDefault
	extend := s.Modifier&fyne.KeyModifierShift != 0
	if s.Modifier&^fyne.KeyModifierShift != control {
		return
	}
	switch s.KeyName {
	case fyne.KeyLeft:
		e.move(e.word(false), extend)
	case fyne.KeyRight:
		e.move(e.word(true), extend)
	case fyne.KeyHome:
		e.move(0, extend)
	case fyne.KeyEnd:
		e.move(len(e.Text), extend)
	case fyne.KeyBackspace:
		e.erase(e.word(false), false)
	case fyne.KeyDelete:
		e.erase(e.word(true), false)
	case fyne.KeyZ:
		if extend {
			e.Redo()
		}
	}
}
