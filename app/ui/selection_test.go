package ui

import (
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"pgregory.net/rapid"
)

// selectable returns texts below each other that can be selected, and what was copied.
func selectable(t *testing.T, texts ...string) (s *Selector, flows []*Flow, copied *string) {
	t.Helper()
	copied = new(string)
	s = &Selector{Copy: func(text string) { *copied = text }}
	column := NewColumn(10)
	for i, text := range texts {
		f := NewFlow(Span{Text: text})
		if f.Selection = s; i > 0 {
			f.Before = "\n\n"
		}
		flows = append(flows, f)
		column.Add(f)
	}
	s.Roots = Below(column)
	w := test.NewTempWindow(t, column)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(300, 400))
	return s, flows, copied
}

func press(f *Flow, at int, modifier fyne.KeyModifier) {
	p := f.PositionOf(at).AddXY(0.1, 5)
	m := &desktop.MouseEvent{Button: desktop.MouseButtonPrimary, Modifier: modifier}
	m.Position, m.AbsolutePosition = p, f.Position().Add(p)
	f.MouseDown(m)
	f.MouseUp(m)
}

func dragTo(from, to *Flow, at int) {
	e := &fyne.DragEvent{}
	e.Position = to.Position().Add(to.PositionOf(at).AddXY(0.1, 5)).Subtract(from.Position())
	from.Dragged(e)
}

func TestSelectionByMouse(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	s, f, copied := selectable(t, "The first text.", "The second one,\nof two paragraphs", "Third")
	expect := func(what, want string) {
		t.Helper()
		if got := s.Text(); got != want {
			t.Errorf("%s selects %q, not %q", what, got, want)
		}
		*copied = ""
		if s.CopySelected(); *copied != want {
			t.Errorf("%s: %q is copied", what, *copied)
		}
	}
	again := func() { s.last = time.Time{} } // the next click is a single one
	press(f[0], 4, 0)
	expect("a click", "")
	dragTo(f[0], f[0], 9)
	expect("dragging", "first")
	dragTo(f[0], f[2], 2)
	expect("dragging over texts", "first text.\n\nThe second one,\nof two paragraphs\n\nTh")
	if from, to := f[1].Selected(); from != 0 || to != f[1].Len() {
		t.Errorf("of the text between, %d to %d is marked", from, to)
	}
	dragTo(f[0], f[0], 0)
	expect("dragging back", "The ")
	again()
	press(f[2], 2, 0)
	dragTo(f[2], f[1], 11)
	expect("dragging up", "one,\nof two paragraphs\n\nTh")
	press(f[0], 10, fyne.KeyModifierShift)
	expect("a click with Shift", "text.\n\nThe second one,\nof two paragraphs\n\nTh")
	again()
	press(f[0], 5, 0)
	press(f[0], 5, 0)
	expect("a double click", "first")
	dragTo(f[0], f[1], 6)
	expect("dragging by words", "first text.\n\nThe second")
	again()
	press(f[1], 20, 0)
	press(f[1], 20, 0)
	press(f[1], 20, 0)
	expect("a triple click", "of two paragraphs")
	dragTo(f[1], f[0], 6)
	expect("dragging by paragraphs", "The first text.\n\nThe second one,\nof two paragraphs")
	s.SelectAll()
	expect("select all", "The first text.\n\nThe second one,\nof two paragraphs\n\nThird")
	again()
	press(f[2], 1, 0)
	expect("a click elsewhere", "")
	for i := range f {
		if from, to := f[i].Selected(); from != to {
			t.Errorf("text %d is still marked", i)
		}
	}
}

func TestSelectionMenu(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	s, f, copied := selectable(t, "One text.", "Another")
	f[1].Whole = func() string { return "the message" }
	if m := s.menu(f[0]); len(m.Items) != 2 || !m.Items[0].Disabled {
		t.Errorf("the menu of a text is %+v", m)
	}
	m := s.menu(f[1])
	m.Items[2].Action()
	if *copied != "the message" {
		t.Errorf("%q is copied", *copied)
	}
	m.Items[1].Action()
	s.menu(f[1]).Items[0].Action()
	if *copied != "One text.\n\nAnother" {
		t.Errorf("%q is copied", *copied)
	}
}

// Wherever the mouse is pressed and released, the selection is a part of the whole text.
func TestSelectionIsPartOfTheText(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	s, f, _ := selectable(t, "The first text, אבג 12 דהו and more.", "漢字かな。\n\n🏳️‍🌈 1️⃣ e\u0301", "", "Third")
	s.SelectAll()
	all := s.Text()
	rapid.Check(t, func(rt *rapid.T) {
		s.last = time.Time{}
		from := f[rapid.IntRange(0, len(f)-1).Draw(rt, "text")]
		p := fyne.NewPos(float32(rapid.IntRange(0, 299).Draw(rt, "x")), float32(rapid.IntRange(0, 60).Draw(rt, "y")))
		for range rapid.IntRange(1, 3).Draw(rt, "clicks") {
			m := &desktop.MouseEvent{Button: desktop.MouseButtonPrimary}
			m.Position = p
			from.MouseDown(m)
		}
		e := &fyne.DragEvent{}
		e.Position = fyne.NewPos(float32(rapid.IntRange(-50, 400).Draw(rt, "to x")), float32(rapid.IntRange(-200, 400).Draw(rt, "to y")))
		from.Dragged(e)
		if text := s.Text(); !strings.Contains(all, text) {
			rt.Fatalf("%q is selected", text)
		}
	})
}
