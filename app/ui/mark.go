package ui

// Mark is a place in the text of an Entry that stays between the same characters while the text around it is changed. Text that is
// inserted exactly there comes before it.
type Mark struct {
	at    int
	Shown bool // drawn as a bar in the text while the caret is elsewhere
}

// At returns the offset of the place in bytes.
func (m *Mark) At() int { return m.at }

// AddMark returns a new mark at an offset.
func (e *Entry) AddMark(at int) *Mark {
	m := &Mark{at: runeStart(e.Text, max(0, min(at, len(e.Text))))}
	e.marks = append(e.marks, m)
	return m
}

// RemoveMark makes the entry forget a mark, whose offset does not change any more.
func (e *Entry) RemoveMark(m *Mark) {
	for i, have := range e.marks {
		if have == m {
			e.marks = append(e.marks[:i:i], e.marks[i+1:]...)
			e.Refresh()
			return
		}
	}
}

// InsertAt inserts text at a mark, as one undo step. The caret and the selection stay between the same characters; a caret exactly at
// the mark moves behind the text, as if it had been typed there.
func (e *Entry) InsertAt(m *Mark, text string) {
	at, text := m.at, e.clean(text)
	if text == "" {
		return
	}
	follows := e.caret == at && e.anchor == at
	e.history.add(edit{at, "", text, false})
	e.apply(at, at, text)
	if follows {
		e.caretTo(at + len(text))
		e.reveal()
	} else {
		e.caret, e.anchor = shifted(e.caret, at, at, len(text), false), shifted(e.anchor, at, at, len(text), false)
		e.goal = -1
		e.clampOffset()
	}
	e.changed()
}

// shifted returns where an offset is after text[from:to] was replaced by a text of the given length. With after, an offset at
// which text was inserted moves behind it.
func shifted(at, from, to, length int, after bool) int {
	switch {
	case at > to || at == to && (after || to > from):
		return at + length - (to - from)
	case at > from:
		return from
	}
	return at
}

// shiftMarks moves the marks after a change of the text.
func (e *Entry) shiftMarks(from, to, length int) {
	for _, m := range e.marks {
		m.at = shifted(m.at, from, to, length, true)
	}
}

// changedPart returns which part of a text differs from another one: old[from:to] is in the place of a part of the given length.
func changedPart(old, text string) (from, to, length int) {
	n := min(len(old), len(text))
	for from < n && old[from] == text[from] {
		from++
	}
	to, end := len(old), len(text)
	for to > from && end > from && old[to-1] == text[end-1] {
		to, end = to-1, end-1
	}
	from = min(runeStart(old, from), runeStart(text, from))
	return from, to, end - from
}
