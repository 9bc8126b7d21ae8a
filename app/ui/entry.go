package ui

// Entry is Fyne's entry, but the program's shortcuts reach the window while it has the
// focus (Fyne's own swallows them), Escape is heard, and Enter can send.
//
// Fyne wraps a paragraph in time that grows with the square of its length (10,000
// characters: 3.5 s). A text with a paragraph of more than a page is shown unwrapped.

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// Entry is an input of one or more lines.
type Entry struct {
	widget.Entry
	OnShortcut func(fyne.Shortcut) bool // true: it was one of the program's
	OnKey      func(*fyne.KeyEvent) bool
	OnKeyDown  func(*fyne.KeyEvent)
	OnKeyUp    func(*fyne.KeyEvent)
	OnFocus    func(bool)
	OnSend     func() // Enter, in an entry of many lines; Shift+Enter is a new line

	shift bool
}

// NewEntry is an input of one line.
func NewEntry() *Entry {
	e := &Entry{}
	e.ExtendBaseWidget(e)
	return e
}

// NewText is an input of many lines that wraps.
func NewText() *Entry {
	e := NewEntry()
	e.MultiLine = true
	e.Wrapping = fyne.TextWrapWord
	return e
}

// TypedShortcut gives the program's shortcuts to OnShortcut and edits with the rest.
func (e *Entry) TypedShortcut(s fyne.Shortcut) {
	if e.OnShortcut != nil && e.OnShortcut(s) {
		return
	}
	if paste, ok := s.(*fyne.ShortcutPaste); ok && paste.Clipboard != nil {
		e.ease(e.Text, paste.Clipboard.Content())
	}
	e.Entry.TypedShortcut(s)
	e.settle()
}

// page is the longest paragraph, in bytes, that is wrapped.
const page = 1500

// ease stops wrapping before a long paragraph comes in.
func (e *Entry) ease(texts ...string) {
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

// settle wraps as the text that is there now wants it.
func (e *Entry) settle() {
	if !e.MultiLine {
		return
	}
	was := e.Wrapping
	e.Wrapping = fyne.TextWrapWord
	if e.ease(e.Text); e.Wrapping != was {
		e.Refresh()
	}
}

// SetText replaces the text.
func (e *Entry) SetText(text string) {
	e.ease(text)
	e.Entry.SetText(text)
	e.settle()
}

// TypedRune writes a character.
func (e *Entry) TypedRune(r rune) {
	e.Entry.TypedRune(r)
	e.settle()
}

// KeyDown notes Shift.
func (e *Entry) KeyDown(k *fyne.KeyEvent) {
	if k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight {
		e.shift = true
	}
	if e.OnKeyDown != nil {
		e.OnKeyDown(k)
	}
	e.Entry.KeyDown(k)
}

// KeyUp notes Shift.
func (e *Entry) KeyUp(k *fyne.KeyEvent) {
	if k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight {
		e.shift = false
	}
	if e.OnKeyUp != nil {
		e.OnKeyUp(k)
	}
	e.Entry.KeyUp(k)
}

// FocusGained is Fyne's.
func (e *Entry) FocusGained() {
	e.shift = false
	e.Entry.FocusGained()
	if e.OnFocus != nil {
		e.OnFocus(true)
	}
}

// FocusLost is Fyne's.
func (e *Entry) FocusLost() {
	e.shift = false
	e.Entry.FocusLost()
	if e.OnFocus != nil {
		e.OnFocus(false)
	}
}

// TypedKey sends on Enter.
func (e *Entry) TypedKey(k *fyne.KeyEvent) {
	if e.OnKey != nil && e.OnKey(k) {
		return
	}
	if (k.Name == fyne.KeyReturn || k.Name == fyne.KeyEnter) && e.OnSend != nil && !e.shift {
		e.OnSend()
		return
	}
	e.Entry.TypedKey(k)
	e.settle()
}

// Insert puts text at the cursor, in place of what is selected, as one step of undo.
func (e *Entry) Insert(text string) {
	e.ease(e.Text, text)
	e.Entry.TypedShortcut(&fyne.ShortcutPaste{Clipboard: held(text)})
	e.settle()
}

// ToEnd puts the cursor behind the last character.
func (e *Entry) ToEnd() { e.Entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyPageDown}) }

// Before is the character before the cursor, 0 at the beginning.
func (e *Entry) Before() rune {
	runes := []rune(e.Text)
	if at := e.CursorTextOffset(); at > 0 && at <= len(runes) {
		return runes[at-1]
	}
	return 0
}

// After is the character behind the cursor, 0 at the end.
func (e *Entry) After() rune {
	runes := []rune(e.Text)
	if at := e.CursorTextOffset(); at >= 0 && at < len(runes) {
		return runes[at]
	}
	return 0
}

// held is a clipboard that holds one text: Fyne inserts at the cursor only by pasting.
type held string

func (h held) Content() string   { return string(h) }
func (h held) SetContent(string) {}
