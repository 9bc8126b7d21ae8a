package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// Entry is a text entry of one or more lines, for text of any length. Fyne's entry takes seconds for a paragraph of some
// thousand letters and draws a line as one picture, which fails from about 2,700 letters on; here only the visible lines are
// drawn, and after a change only the lines around it are broken again.
//
//	entry.go       its functions for screens          entry_keys.go   keys and shortcuts
//	entry_edit.go  changes of the text, undo, redo    entry_mouse.go  clicks, selection, wheel, menu
//	entry_draw.go  what is drawn                      blink.go        the caret
//	mark.go        places that move with the text
//
// Unlike Fyne's, it passes the program's shortcuts to the window while it has the focus, reports the Escape key, can send its
// text on Enter, and Tab leaves it. Places in the text are offsets in bytes.
type Entry struct {
	widget.BaseWidget
	Text        string // changed by SetText only
	PlaceHolder string
	Bare        bool // no background and no outline: something around the entry has them
	OnChanged   func(string)
	OnSubmitted func(string)             // called on Enter in an entry of one line
	OnSend      func()                   // called on Enter in an entry of many lines; Shift+Enter starts a new line
	OnShortcut  func(fyne.Shortcut) bool // returns true if it handled a shortcut of the program
	OnKey       func(*fyne.KeyEvent) bool
	OnKeyDown   func(*fyne.KeyEvent)
	OnKeyUp     func(*fyne.KeyEvent)
	OnFocus     func(bool)
	Outer       fyne.Scrollable // gets the turns of the wheel that the entry has no use for

	many    bool // lines
	wrapped *wrapped
	lefts   []float32 // in an entry of one line, where the lines of wrapped begin, which stand side by side; nil: not known
	rows    int
	caret   int
	anchor  int     // the other end of the selection; the caret if nothing is selected
	late    bool    // the caret stands at the end of a line, not at the beginning of the next, which is the same offset
	goal    float32 // the distance from the left that moving up and down keeps; negative: none
	offset  fyne.Position
	shift   bool
	focused bool
	history history
	marks   []*Mark
	clicks  clicks
	blink   blink
	barred  bool // the scroll bar is being dragged
}

const (
	entryPad   = 8
	entryPiece = 1000 // how wide the pieces of a line are in an entry of one line
)

// NewEntry returns an entry of one line.
func NewEntry() *Entry {
	e := &Entry{goal: -1, rows: 1}
	e.wrapped = wrap(nil, TextSize, true, false)
	e.wrapped.ways.left = true
	e.ExtendBaseWidget(e)
	return e
}

// NewText returns an entry of many lines that wraps.
func NewText() *Entry {
	e := NewEntry()
	e.many, e.rows = true, 3
	e.wrapped.ways.left = false
	return e
}

// SetText replaces the text, and forgets what could be undone.
func (e *Entry) SetText(text string) {
	e.history = history{}
	if text == e.Text {
		return
	}
	if len(e.marks) > 0 {
		e.shiftMarks(changedPart(e.Text, text))
	}
	e.wrapped.text, e.wrapped.lines, e.lefts = text, nil, nil
	e.Text = text
	e.caretTo(runeStart(text, min(e.caret, len(text))))
	e.reveal()
	e.changed()
}

// SetPlaceHolder sets the text that is shown in the empty entry.
func (e *Entry) SetPlaceHolder(text string) {
	e.PlaceHolder = text
	e.Refresh()
}

// SetMinRowsVisible sets the height to that of so many lines.
func (e *Entry) SetMinRowsVisible(rows int) {
	if e.rows != rows {
		e.rows = rows
		e.Refresh()
	}
}

// Rows returns how many lines the text has at a width of the entry.
func (e *Entry) Rows(width float32) int {
	if !e.many {
		return 1
	}
	e.wrapped.breakAt(width - 2*entryPad)
	return len(e.wrapped.lines)
}

// HeightOf returns the height of the entry in which so many lines are visible.
func (e *Entry) HeightOf(rows int) float32 {
	return float32(rows)*lineHeight(TextSize) + 2*entryPad
}

// MinSize has a small width, and the height of the lines that are to be visible.
func (e *Entry) MinSize() fyne.Size { return fyne.NewSize(48, e.HeightOf(e.rows)) }

// Caret returns the place of the caret.
func (e *Entry) Caret() int { return e.caret }

// SetCaret moves the caret and ends the selection.
func (e *Entry) SetCaret(at int) { e.move(runeStart(e.Text, max(0, min(at, len(e.Text)))), false) }

// ToEnd moves the caret behind the last character.
func (e *Entry) ToEnd() { e.SetCaret(len(e.Text)) }

// SelectedText returns the selected text.
func (e *Entry) SelectedText() string {
	from, to := e.Selection()
	return e.Text[from:to]
}

// Selection returns the ends of the selection in the order of the text; both are the caret if nothing is selected.
func (e *Entry) Selection() (from, to int) { return min(e.caret, e.anchor), max(e.caret, e.anchor) }

// SelectAll selects the whole text.
func (e *Entry) SelectAll() {
	e.anchor, e.caret, e.late, e.goal = 0, len(e.Text), false, -1
	e.Refresh()
}

// FocusGained implements fyne.Focusable.
func (e *Entry) FocusGained() {
	e.focus(true)
	GotFocus(e)
}

// FocusLost implements fyne.Focusable.
func (e *Entry) FocusLost() { e.focus(false) }

func (e *Entry) focus(on bool) {
	e.shift, e.focused = false, on
	e.wake()
	e.Refresh()
	if e.OnFocus != nil {
		e.OnFocus(on)
	}
}

// wake makes the caret visible and blinking if the entry has the focus.
func (e *Entry) wake() {
	if e.focused {
		e.blink.start()
	} else {
		e.blink.stop()
	}
}

// Cursor implements desktop.Cursorable.
func (e *Entry) Cursor() desktop.Cursor { return desktop.TextCursor }

// clean returns text from outside as the entry holds it: valid UTF-8 with the line ends of this system, or none in an entry of
// one line.
func (e *Entry) clean(text string) string {
	text = strings.ToValidUTF8(text, string(replacement))
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	if !e.many {
		text = strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", " ")
	}
	return text
}
