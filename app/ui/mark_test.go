package ui

import (
	"testing"

	"pgregory.net/rapid"
)

// Whatever is typed, deleted and clicked before and behind a mark, what is inserted there stays together, and the caret stays where
// it is.
func TestMarkKeepsItsPlace(t *testing.T) {
	e := shownEntry(t, NewText(), 230, 90)
	rapid.Check(t, func(rt *rapid.T) {
		e.SetText("")
		before, words, after := "<"+e.clean(someText(rt, "before", 40)), "", e.clean(someText(rt, "after", 40))+">"
		e.SetText(before + after)
		m := e.AddMark(len(before))
		defer e.RemoveMark(m)
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0:
				at := runeStart(e.Text, rapid.IntRange(0, len(e.Text)).Draw(rt, "caret"))
				e.SetCaret(at)
				left, right := e.Text[:at], e.Text[at:]
				word := e.clean(someText(rt, "word", 20))
				e.InsertAt(m, word)
				words += word
				behind := at == len(before+words)-len(word)
				if got := e.Caret(); behind && got != at+len(word) || !behind && e.Text[:got] != left && e.Text[got:] != right {
					rt.Fatalf("the caret is at %d of %q, it was before %q", got, e.Text, right)
				}
			case 1:
				at := runeStart(before, rapid.IntRange(0, len(before)-1).Draw(rt, "at"))
				typed := e.clean(someText(rt, "typed", 20))
				e.SetCaret(at)
				e.Insert(typed)
				before = before[:at] + typed + before[at:]
			case 2:
				at := len(after) - len(runesBehind(after, rapid.IntRange(1, len(after)).Draw(rt, "behind")))
				typed := e.clean(someText(rt, "typed", 20))
				e.SetCaret(len(before+words) + at)
				e.Insert(typed)
				after = after[:at] + typed + after[at:]
			case 3: // the whole text is set again, with something before it and then behind it
				before = "a\n\n" + before
				e.SetText(before + words + after)
				after += "z"
				e.SetText(before + words + after)
			}
			if e.Text != before+words+after || m.At() != len(before+words) {
				rt.Fatalf("the text is %q, the mark at %d; want %q + %q + %q", e.Text, m.At(), before, words, after)
			}
		}
	})
}

// runesBehind returns the last so many bytes of a text, from the beginning of a character that is not its first.
func runesBehind(text string, n int) string {
	at := max(1, len(text)-n)
	for at < len(text) && text[at]&0xc0 == 0x80 {
		at++
	}
	return text[at:]
}

// Undo takes back what was inserted at a mark as one step, and what is inserted next comes to the same place.
func TestMarkAndUndo(t *testing.T) {
	e := shownEntry(t, NewText(), 230, 90)
	e.SetText("Dear Ada, bye")
	m := e.AddMark(len("Dear Ada,"))
	e.InsertAt(m, " one")
	e.SetCaret(0)
	e.TypedRune('X')
	e.InsertAt(m, " two")
	if e.Text != "XDear Ada, one two bye" || e.Caret() != 1 {
		t.Errorf("%q, the caret is at %d", e.Text, e.Caret())
	}
	e.Undo()
	e.Undo()
	e.InsertAt(m, " three")
	if e.Text != "Dear Ada, one three bye" {
		t.Errorf("%q", e.Text)
	}
}
