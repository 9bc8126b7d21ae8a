package ui

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"pgregory.net/rapid"
)

// shownEntry returns an entry in a window.
func shownEntry(t *testing.T, e *Entry, width, height float32) *Entry {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	w := test.NewTempWindow(t, e)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(width, height))
	w.Canvas().Focus(e)
	return e
}

func key(e *Entry, names ...fyne.KeyName) {
	for _, n := range names {
		e.TypedKey(&fyne.KeyEvent{Name: n})
	}
}

func combination(e *Entry, n fyne.KeyName, m fyne.KeyModifier) {
	e.TypedShortcut(&desktop.CustomShortcut{KeyName: n, Modifier: fyne.KeyModifierShortcutDefault | m})
}

// Whatever is typed, selected, pasted, moved and undone, the text is that of a plain string that is changed alike, what is drawn
// is what is there, and undoing everything leads back to the beginning.
func TestEntryIsAString(t *testing.T) {
	for name, create := range map[string]func() *Entry{"lines": NewText, "line": NewEntry} {
		t.Run(name, func(t *testing.T) {
			e := shownEntry(t, create(), 230, 90)
			rapid.Check(t, func(rt *rapid.T) {
				e.SetText("")
				e.SetText(e.clean(someText(rt, "begin", 80)))
				begin := e.Text
				for range rapid.IntRange(1, 15).Draw(rt, "steps") {
					want, check := e.Text, true
					from, to := e.Selection()
					e.shift = rapid.Bool().Draw(rt, "shift")
					switch rapid.IntRange(0, 6).Draw(rt, "step") {
					case 0:
						r := rapid.RuneFrom([]rune("ab 漢é👍\u0301")).Draw(rt, "rune")
						e.TypedRune(r)
						want = want[:from] + string(r) + want[to:]
					case 1:
						text := e.clean(someText(rt, "insert", 30))
						e.Insert(text)
						want = want[:from] + text + want[to:]
					case 2:
						key(e, rapid.SampledFrom([]fyne.KeyName{fyne.KeyLeft, fyne.KeyRight, fyne.KeyUp, fyne.KeyDown, fyne.KeyHome, fyne.KeyEnd,
							fyne.KeyPageUp, fyne.KeyPageDown}).Draw(rt, "key"))
					case 3:
						key(e, rapid.SampledFrom([]fyne.KeyName{fyne.KeyBackspace, fyne.KeyDelete}).Draw(rt, "erase"))
						if check = from != to; check {
							want = want[:from] + want[to:]
						}
						if len(e.Text) > len(want) {
							rt.Fatalf("%q became %q", want, e.Text)
						}
					case 4:
						combination(e, rapid.SampledFrom([]fyne.KeyName{fyne.KeyLeft, fyne.KeyRight, fyne.KeyHome, fyne.KeyEnd}).Draw(rt, "jump"),
							rapid.SampledFrom([]fyne.KeyModifier{0, fyne.KeyModifierShift}).Draw(rt, "extend"))
					case 5:
						e.MouseDown(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(
							rapid.Float32Range(-5, 240).Draw(rt, "x"), rapid.Float32Range(-5, 95).Draw(rt, "y"))}, Button: desktop.MouseButtonPrimary})
					case 6:
						e.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, rapid.Float32Range(-99, 99).Draw(rt, "wheel"))})
					}
					if check && e.Text != want {
						rt.Fatalf("the text is %q, want %q", e.Text, want)
					}
					checkEntry(rt, e)
				}
				for len(e.history.undo) > 0 {
					e.Undo()
					checkEntry(rt, e)
				}
				if e.Text != begin {
					rt.Fatalf("all undone: %q, want %q", e.Text, begin)
				}
			})
		})
	}
}

// checkEntry checks that the caret stands in the text and is visible, and that nothing is drawn wider than the entry allows.
func checkEntry(t *rapid.T, e *Entry) {
	if e.caret < 0 || e.caret > len(e.Text) || e.anchor < 0 || e.anchor > len(e.Text) || e.Text != e.wrapped.text {
		t.Fatalf("caret %d, anchor %d in %d bytes", e.caret, e.anchor, len(e.Text))
	}
	if runeStart(e.Text, e.caret) != e.caret || runeStart(e.Text, e.anchor) != e.anchor {
		t.Fatalf("caret %d or anchor %d is inside a letter of %q", e.caret, e.anchor, e.Text)
	}
	for _, o := range test.WidgetRenderer(e).Objects() {
		if o, ok := o.(*canvas.Text); ok && o.Size().Width > 1300 {
			t.Fatalf("%q is %v wide", o.Text, o.Size().Width)
		}
	}
}

// The keys move and erase as everywhere.
func TestEntryKeys(t *testing.T) {
	e := shownEntry(t, NewText(), 300, 100)
	e.SetText("one two, three\nfour")
	e.SetCaret(7)
	combination(e, fyne.KeyLeft, 0)
	combination(e, fyne.KeyRight, fyne.KeyModifierShift)
	if got := e.SelectedText(); got != "two" {
		t.Errorf("selected %q", got)
	}
	key(e, fyne.KeyRight, fyne.KeyEnd)
	if e.Caret() != 14 {
		t.Errorf("End leads to %d", e.Caret())
	}
	combination(e, fyne.KeyBackspace, 0)
	key(e, fyne.KeyDown, fyne.KeyHome, fyne.KeyBackspace)
	if e.Text != "one two, four" {
		t.Errorf("erased to %q", e.Text)
	}
	e.Undo()
	e.Undo()
	if e.Text != "one two, three\nfour" {
		t.Errorf("undone to %q", e.Text)
	}
	e.Redo()
	if e.Text != "one two, \nfour" {
		t.Errorf("redone to %q", e.Text)
	}
	e.SetText("e\u0301👨‍👩‍👧x")
	e.SetCaret(len(e.Text) - 1)
	key(e, fyne.KeyBackspace)
	if e.Text != "e\u0301x" {
		t.Errorf("an emoji of several runes leaves %q", e.Text)
	}
	key(e, fyne.KeyBackspace)
	if e.Text != "ex" {
		t.Errorf("an accent leaves %q", e.Text)
	}
	if _, tab := any(e).(fyne.Tabbable); tab {
		t.Error("Tab does not leave the entry")
	}
}

// A double click selects a word, a third click the paragraph, and the clipboard takes and gives what is selected.
func TestEntrySelection(t *testing.T) {
	e := shownEntry(t, NewText(), 300, 100)
	e.SetText("some words here\nand there")
	p := fyne.PointEvent{Position: fyne.NewPos(entryPad+meterFor(fyne.TextStyle{}, TextSize).width("some wo"), entryPad+5)}
	click := &desktop.MouseEvent{PointEvent: p, Button: desktop.MouseButtonPrimary}
	e.MouseDown(click)
	e.DoubleTapped(&p)
	if got := e.SelectedText(); got != "words" {
		t.Errorf("a double click selects %q", got)
	}
	board := test.NewClipboard()
	e.TypedShortcut(&fyne.ShortcutCut{Clipboard: board})
	if e.Text != "some  here\nand there" || board.Content() != "words" {
		t.Errorf("cut %q, left %q", board.Content(), e.Text)
	}
	e.TypedShortcut(&fyne.ShortcutPaste{Clipboard: board})
	e.MouseDown(click)
	e.DoubleTapped(&p)
	e.MouseDown(click)
	if got := e.SelectedText(); got != "some words here" {
		t.Errorf("a third click selects %q", got)
	}
	e.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(290, 90)}})
	if !strings.HasSuffix(e.SelectedText(), "and there") {
		t.Errorf("dragging selects %q", e.SelectedText())
	}
}

// A text of 1 MB, pasted in one line, is shown, edited and undone; only what is visible is drawn, and nothing as one wide picture.
func TestEntryHoldsAMegabyte(t *testing.T) {
	for name, create := range map[string]func() *Entry{"lines": NewText, "line": NewEntry} {
		for kind, text := range map[string]string{"letters": base64Text(1 << 20), "words": strings.Repeat("A long message. ", 1<<16), "lines": strings.Repeat("x\n", 1<<19)} {
			t.Run(name+" "+kind, func(t *testing.T) {
				e := shownEntry(t, create(), 700, 180)
				e.SetText("before")
				e.ToEnd()
				e.Insert(text)
				key(e, fyne.KeyLeft, fyne.KeyLeft)
				e.TypedRune('!')
				if len(e.Text) < 1<<20 || !strings.HasSuffix(e.Text[:e.caret], "!") || !strings.HasPrefix(e.Text, "before") {
					t.Fatalf("%d bytes are there", len(e.Text))
				}
				drawn := 0
				for _, o := range test.WidgetRenderer(e).Objects() {
					if o, ok := o.(*canvas.Text); ok {
						drawn++
						if m := o.MinSize(); m.Width > 1300 || e.many && m.Width > 700 {
							t.Errorf("a text of %d bytes is %v wide", len(o.Text), m.Width)
						}
					}
				}
				if drawn == 0 || drawn > 20 {
					t.Errorf("%d texts are drawn", drawn)
				}
				e.Undo()
				e.Undo()
				if e.Text != "before" {
					t.Errorf("%d bytes are left after undoing", len(e.Text))
				}
			})
		}
	}
}

// What the entry has no use for, the wheel does to what is around it.
func TestEntryPassesTheWheel(t *testing.T) {
	e := NewText()
	p := NewPane()
	p.Keep(Spacer(10, 50), NewBox("", Line, 8, 1, 1, e), Spacer(10, 5000))
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	test.NewTempWindow(t, p.Object).Resize(fyne.NewSize(400, 300))
	turn := &fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, -30)}
	e.Scrolled(turn)
	if p.scroll.Offset.Y < 20 {
		t.Error("the wheel stops over an entry without much text")
	}
	at := p.scroll.Offset.Y
	e.SetText(strings.Repeat("line\n", 50))
	e.Scrolled(turn)
	if p.scroll.Offset.Y != at || e.offset.Y == 0 {
		t.Error("the wheel does not move the text of the entry")
	}
}

// In an entry of one line the pieces of a long text stand side by side, without gaps.
func TestEntryOfOneLineHasNoGaps(t *testing.T) {
	e := shownEntry(t, NewEntry(), 300, 40)
	for _, text := range []string{base64Text(5000), strings.Repeat("Some words, ", 400)} {
		e.SetText(text)
		e.ToEnd()
		want := fyne.MeasureText(text, TextSize, fyne.TextStyle{}).Width
		if got := e.caretPosition().X; got < want*0.99 || got > want*1.01 {
			t.Errorf("the text ends at %v, want about %v", got, want)
		}
		for at := 100; at < len(text); at += 700 {
			e.SetCaret(at)
			p := e.caretPosition().Subtract(e.offset).AddXY(entryPad, entryPad)
			if got, _ := e.offsetAt(p.AddXY(0.5, 4)); got != at || p.X < entryPad || p.X > 300 {
				t.Errorf("offset %d stands at %v, where offset %d is found", at, p, got)
			}
		}
	}
}
