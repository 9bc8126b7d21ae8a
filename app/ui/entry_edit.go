package ui

import (
	"unicode"
	"unicode/utf8"
)

// edit is one change of a text: at an offset, removed was replaced by inserted.
type edit struct {
	at                int
	removed, inserted string
	typed             bool // letter by letter, so that the next letter may join it
}

// history is what can be undone and redone.
type history struct {
	undo, redo []edit
	bytes      int // in undo
}

// mostHistory is the size of the texts that a history keeps.
const mostHistory = 64 << 20

func (h *history) add(c edit) {
	h.redo = nil
	if n := len(h.undo); n > 0 && h.undo[n-1].joins(&c) {
		return
	}
	h.undo = append(h.undo, c)
	h.bytes += len(c.removed) + len(c.inserted)
	for h.bytes > mostHistory && len(h.undo) > 1 {
		h.bytes -= len(h.undo[0].removed) + len(h.undo[0].inserted)
		h.undo = h.undo[1:]
	}
}

// joins adds c to the edit if both belong to one word that is typed, or to one row of deletions.
func (u *edit) joins(c *edit) bool {
	if !u.typed || !c.typed {
		return false
	}
	switch {
	case u.removed == "" && c.removed == "" && c.at == u.at+len(u.inserted):
		last, _ := utf8.DecodeLastRuneInString(u.inserted)
		first, _ := utf8.DecodeRuneInString(c.inserted)
		if first == '\n' || unicode.IsSpace(last) && !unicode.IsSpace(first) {
			return false
		}
		u.inserted += c.inserted
	case u.inserted == "" && c.inserted == "" && c.at+len(c.removed) == u.at:
		u.at, u.removed = c.at, c.removed+u.removed
	case u.inserted == "" && c.inserted == "" && c.at == u.at:
		u.removed += c.removed
	default:
		return false
	}
	return true
}

// Insert replaces the selection by text, or inserts it at the caret, as one undo step.
func (e *Entry) Insert(text string) {
	from, to := e.Selection()
	e.replace(from, to, e.clean(text), false)
}

// replace replaces text[from:to] and moves the caret behind what is inserted.
func (e *Entry) replace(from, to int, with string, typed bool) {
	if from == to && with == "" {
		return
	}
	e.history.add(edit{from, e.Text[from:to], with, typed})
	e.splice(from, to, with)
}

func (e *Entry) splice(from, to int, with string) {
	e.apply(from, to, with)
	e.caretTo(from + len(with))
	e.reveal()
	e.changed()
}

// apply changes the text and moves the marks in it, but not the caret.
func (e *Entry) apply(from, to int, with string) {
	e.wrapped.replace(from, to, with)
	e.lefts = nil
	e.Text = e.wrapped.text
	e.shiftMarks(from, to, len(with))
}

// caretTo sets the caret without showing that.
func (e *Entry) caretTo(at int) {
	e.caret, e.anchor, e.late, e.goal = at, at, false, -1
}

// changed shows and reports a new text.
func (e *Entry) changed() {
	e.wake()
	e.Refresh()
	if e.OnChanged != nil {
		e.OnChanged(e.Text)
	}
}

// CanUndo reports whether there is a change to take back.
func (e *Entry) CanUndo() bool { return len(e.history.undo) > 0 }

// Undo takes back the last change.
func (e *Entry) Undo() {
	h := &e.history
	if n := len(h.undo); n > 0 {
		c := h.undo[n-1]
		h.undo, h.redo = h.undo[:n-1], append(h.redo, c)
		h.bytes -= len(c.removed) + len(c.inserted)
		e.splice(c.at, c.at+len(c.inserted), c.removed)
	}
}

// Redo repeats the change that was taken back last.
func (e *Entry) Redo() {
	h := &e.history
	if n := len(h.redo); n > 0 {
		c := h.redo[n-1]
		c.typed = false
		h.redo, h.undo = h.redo[:n-1], append(h.undo, c)
		h.bytes += len(c.removed) + len(c.inserted)
		e.splice(c.at, c.at+len(c.removed), c.inserted)
	}
}

// erase deletes the selection, or else what is between the caret and another place.
func (e *Entry) erase(to int, typed bool) {
	from, end := e.Selection()
	if from == end {
		from, end = min(e.caret, to), max(e.caret, to)
	} else {
		typed = false
	}
	e.replace(from, end, "", typed)
}

// backspace returns from where Backspace deletes: of a letter with accents the last accent, of other clusters (emoji) all.
func (e *Entry) backspace() int {
	r, n := utf8.DecodeLastRuneInString(e.Text[:e.caret])
	if unicode.Is(unicode.Mn, r) && (r < 0xfe00 || r > 0xfe0f) {
		return e.caret - n
	}
	return e.beside(false)
}

// beside returns the place before or behind the caret.
func (e *Entry) beside(forward bool) int {
	e.lay()
	return e.wrapped.beside(e.caret, forward)
}

// word returns the end of the word behind the caret, or the beginning of the one before it.
func (e *Entry) word(forward bool) int {
	at, inside := e.caret, false
	for {
		r, n := utf8.DecodeLastRuneInString(e.Text[:at])
		if forward {
			r, n = utf8.DecodeRuneInString(e.Text[at:])
		}
		letter := inWord(r)
		if n == 0 || inside && !letter {
			return at
		}
		inside = letter
		if !forward {
			n = -n
		}
		at += n
	}
}

func inWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r) || r == '_' || r == '\'' || r == '’'
}
