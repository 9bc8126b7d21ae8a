package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// Entry is a text entry of one or more lines. Unlike Fyne's entry, it passes the program's shortcuts to the window while it
// has the focus, reports the Escape key, and can send its text on Enter.
//
// The time in which Fyne wraps a paragraph grows with the square of its length (10,000 characters: 3.5 s). A text with a
// paragraph longer than page is therefore shown without wrapping.
type Entry struct {
	widget.Entry
	OnShortcut func(fyne.Shortcut) bool // returns true if it handled a shortcut of the program
	OnKey      func(*fyne.KeyEvent) bool
	OnKeyDown  func(*fyne.KeyEvent)
	OnKeyUp    func(*fyne.KeyEvent)
	OnFocus    func(bool)
	OnSend     func() // called on Enter in an entry of many lines; Shift+Enter starts a new line

	shift bool
}

// NewEntry returns an entry of one line.
func NewEntry() *Entry {
	e := &Entry{}
	e.ExtendBaseWidget(e)
	return e
}

// NewText returns an entry of many lines that wraps.
func NewText() *Entry {
	e := NewEntry()
	e.MultiLine = true
	e.Wrapping = fyne.TextWrapWord
	return e
}

// TypedShortcut passes a shortcut to OnShortcut, and to Fyne's entry if OnShortcut did not handle it.
func (e *Entry) TypedShortcut(s fyne.Shortcut) {
	if e.OnShortcut != nil && e.OnShortcut(s) {
		return
	}
	if paste, ok := s.(*fyne.ShortcutPaste); ok && paste.Clipboard != nil {
		e.stopWrapping(e.Text, paste.Clipboard.Content())
	}
	e.Entry.TypedShortcut(s)
	e.updateWrapping()
}

// page is the length in bytes of the longest paragraph that is wrapped.
const page = 1500

// stopWrapping turns wrapping off if one of the texts has a long paragraph. It is called before the text is inserted.
func (e *Entry) stopWrapping(texts ...string) {
	if !e.MultiLine || e.Wrapping == fyne.TextWrapOff {
		return
	}
	for _, text := range texts {
		for line := range strings.SplitSeq(text, "\n") {
			if len(line) > page {
				e.Wrapping = fyne.TextWrapOff
				return
			}
		}
	}
}

// updateWrapping turns wrapping on or off, as the present text requires.
func (e *Entry) updateWrapping() {
	if !e.MultiLine {
		return
	}
	was := e.Wrapping
	e.Wrapping = fyne.TextWrapWord
	if e.stopWrapping(e.Text); e.Wrapping != was {
		e.Refresh()
	}
}

// SetText replaces the text.
func (e *Entry) SetText(text string) {
	e.stopWrapping(text)
	e.Entry.SetText(text)
	e.updateWrapping()
}

// TypedRune inserts a character.
func (e *Entry) TypedRune(r rune) {
	e.Entry.TypedRune(r)
	e.updateWrapping()
}

// KeyDown records the state of the Shift key.
func (e *Entry) KeyDown(k *fyne.KeyEvent) {
	if k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight {
		e.shift = true
	}
	if e.OnKeyDown != nil {
		e.OnKeyDown(k)
	}
	e.Entry.KeyDown(k)
}

// KeyUp records the state of the Shift key.
func (e *Entry) KeyUp(k *fyne.KeyEvent) {
	if k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight {
		e.shift = false
	}
	if e.OnKeyUp != nil {
		e.OnKeyUp(k)
	}
	e.Entry.KeyUp(k)
}

// FocusGained implements fyne.Focusable.
func (e *Entry) FocusGained() {
	e.shift = false
	e.Entry.FocusGained()
	if e.OnFocus != nil {
		e.OnFocus(true)
	}
	GotFocus(e)
}

// FocusLost implements fyne.Focusable.
func (e *Entry) FocusLost() {
	e.shift = false
	e.Entry.FocusLost()
	if e.OnFocus != nil {
		e.OnFocus(false)
	}
}

// AcceptsTab returns false: Tab moves the focus, also in an entry of many lines.
func (e *Entry) AcceptsTab() bool { return false }

// TypedKey calls OnSend on Enter.
func (e *Entry) TypedKey(k *fyne.KeyEvent) {
	if e.OnKey != nil && e.OnKey(k) {
		return
	}
	if (k.Name == fyne.KeyReturn || k.Name == fyne.KeyEnter) && e.OnSend != nil && !e.shift {
		e.OnSend()
		return
	}
	e.Entry.TypedKey(k)
	e.updateWrapping()
}

// Insert replaces the selection by text, or inserts it at the cursor, as one undo step.
func (e *Entry) Insert(text string) {
	e.stopWrapping(e.Text, text)
	e.Entry.TypedShortcut(&fyne.ShortcutPaste{Clipboard: fixedText(text)})
	e.updateWrapping()
}

// ToEnd moves the cursor behind the last character.
func (e *Entry) ToEnd() { e.Entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyPageDown}) }

// Before returns the character before the cursor, 0 at the beginning.
func (e *Entry) Before() rune {
	runes := []rune(e.Text)
	if at := e.CursorTextOffset(); at > 0 && at <= len(runes) {
		return runes[at-1]
	}
	return 0
}

// After returns the character behind the cursor, 0 at the end.
func (e *Entry) After() rune {
	runes := []rune(e.Text)
	if at := e.CursorTextOffset(); at >= 0 && at < len(runes) {
		return runes[at]
	}
	return 0
}

// fixedText is a clipboard with a fixed text. It is needed because Fyne inserts at the cursor only by pasting.
type fixedText string

func (f fixedText) Content() string   { return string(f) }
func (f fixedText) SetContent(string) {}
