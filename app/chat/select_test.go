package chat

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"soberano/app/store"
	"soberano/app/ui"
)

// copying is a window that keeps what is copied.
type copying struct {
	frame
	text *string
}

func (c copying) Copy(text string) { *c.text = text }

// opened shows a conversation in a window.
func opened(t *testing.T, messages ...store.Message) (s *Screen, w fyne.Window, copied *string) {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(ui.Theme{Mode: ui.Light})
	db, err := store.Memory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	copied = new(string)
	s = New(Config{Window: copying{text: copied}, Store: db, Work: store.Inline(db), Runner: NewRunner(nil, func(Status) {})})
	w = test.NewTempWindow(t, s.Object)
	t.Cleanup(func() { // ends the timer of the draft
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w.SetPadded(false)
	w.Resize(fyne.NewSize(800, 600))
	s.Open(store.Conversation{ID: 1}, messages)
	return s, w, copied
}

func said(n int, question, answer string) []store.Message {
	return []store.Message{{ID: int64(2*n + 1), Turn: int64(n + 1), Conversation: 1, Role: store.User, Content: question},
		{ID: int64(2*n + 2), Turn: int64(n + 1), Conversation: 1, Role: store.Assistant, Content: answer, State: store.Complete}}
}

// visibleText returns the first text in the window that contains some words, with its place.
func visibleText(t *testing.T, w fyne.Window, words string) (f *ui.Flow, at fyne.Position) {
	t.Helper()
	var walk func(o fyne.CanvasObject, from fyne.Position)
	walk = func(o fyne.CanvasObject, from fyne.Position) {
		from = from.Add(o.Position())
		switch o := o.(type) {
		case *ui.Flow:
			if f == nil && strings.Contains(o.Text(0, o.Len()), words) {
				f, at = o, from
			}
		case *fyne.Container:
			for _, k := range o.Objects {
				walk(k, from)
			}
		case fyne.Widget:
			for _, k := range test.WidgetRenderer(o).Objects() {
				walk(k, from)
			}
		}
	}
	walk(w.Content(), fyne.Position{})
	if f == nil {
		t.Fatalf("%q is not shown", words)
	}
	return f, at
}

func TestMessagesAreSelectedAndCopied(t *testing.T) {
	s, w, copied := opened(t, append(said(0, "First question", "First *answer*\n\n- one\n- two"), said(1, "Second question", "```\nif x {\n\ty\n}\n```")...)...)
	from, a := visibleText(t, w, "First question")
	to, b := visibleText(t, w, "if x")
	m := &desktop.MouseEvent{Button: desktop.MouseButtonPrimary}
	m.Position = from.PositionOf(6).AddXY(0.1, 4)
	s.Focus(w.Canvas())
	if from.MouseDown(m); w.Canvas().Focused() != nil {
		t.Error("after a click on the text, another widget has the focus")
	}
	e := &fyne.DragEvent{}
	e.Position = b.Add(to.PositionOf(8)).AddXY(0.1, 4).Subtract(a)
	from.Dragged(e)
	s.Select(&fyne.ShortcutCopy{})
	if want := "question\n\nFirst answer\n\n• one\n• two\n\nSecond question\n\nif x {\n\t"; *copied != want {
		t.Errorf("%q is copied, not %q", *copied, want)
	}
	*copied = ""
	s.Composer.Entry.TypedShortcut(&fyne.ShortcutCopy{}) // nothing is selected in the entry
	if !strings.HasPrefix(*copied, "question") {
		t.Errorf("%q is copied from the entry", *copied)
	}
	*copied = ""
	s.Composer.Entry.TypedShortcut(&fyne.ShortcutSelectAll{}) // of the conversation, since the entry is empty
	s.Select(&fyne.ShortcutCopy{})
	if want := "First question\n\nFirst answer\n\n• one\n• two\n\nSecond question\n\nif x {\n\ty\n}"; *copied != want {
		t.Errorf("%q is copied, not %q", *copied, want)
	}
	if from, to := to.Selected(); to-from != len("if x {\n\ty\n}") {
		t.Errorf("%d to %d of the code is marked", from, to)
	}
	s.Composer.Entry.TypedRune('x')
	if s.Composer.Entry.TypedShortcut(&fyne.ShortcutSelectAll{}); s.Composer.Entry.SelectedText() != "x" || !s.thread.Selection.Empty() {
		t.Error("after typing, the text of the entry is not what is selected")
	}
	first, _ := visibleText(t, w, "First answer")
	first.TappedSecondary(&fyne.PointEvent{AbsolutePosition: fyne.NewPos(200, 200)})
	if w.Canvas().Overlays().Top() == nil {
		t.Fatal("there is no menu")
	}
	for _, item := range []string{"Copy", "Select all", "Copy message"} {
		if !shows(w.Canvas().Overlays().Top(), item) {
			t.Errorf("the menu has no %q", item)
		}
	}
	if got := first.Whole(); got != "First *answer*\n\n- one\n- two" {
		t.Errorf("the message is %q", got)
	}
}

// shows reports whether a text is visible in an object.
func shows(o fyne.CanvasObject, text string) (found bool) {
	switch o := o.(type) {
	case *canvas.Text:
		return o.Text == text
	case *fyne.Container:
		for _, k := range o.Objects {
			found = found || shows(k, text)
		}
	case fyne.Widget:
		for _, k := range test.WidgetRenderer(o).Objects() {
			found = found || shows(k, text)
		}
	}
	return found
}

// All of a long conversation is copied, also what was never seen.
func TestLongConversationIsCopiedWhole(t *testing.T) {
	var messages []store.Message
	var want []string
	for i := range 60 {
		question, answer := fmt.Sprintf("Question %d", i), fmt.Sprintf("Answer %d", i)
		messages = append(messages, said(i, question, "# "+answer+"\n\n- a\n- b\n\n---")...) // taller than guessed
		want = append(want, question, answer, "• a\n• b")
	}
	s, w, copied := opened(t, messages...)
	s.Select(&fyne.ShortcutSelectAll{})
	s.Select(&fyne.ShortcutCopy{})
	if *copied != strings.Join(want, "\n\n") {
		t.Errorf("%q is copied", *copied)
	}
	// What was built for that has its place.
	s.thread.Page(-1e6)
	_, a := visibleText(t, w, "Answer 0")
	_, b := visibleText(t, w, "Question 1")
	_, c := visibleText(t, w, "Answer 1")
	if a.Y < 100 || b.Y < a.Y+40 || c.Y < b.Y+40 {
		t.Errorf("the messages stand at %v, %v and %v", a.Y, b.Y, c.Y)
	}
}

// Characters without a font are named once, below the message.
func TestMissingFontsAreToldOnce(t *testing.T) {
	const rare = "\U0001E900" // Adlam, for which Debian's usual fonts have no letters
	if ui.HasFont([]rune(rare)[0]) {
		t.Skip("a font has Adlam")
	}
	_, w, _ := opened(t, append(said(0, "Hello "+rare, "And "+rare+rare), said(1, "Again "+rare, "And plain text")...)...)
	count := 0
	var walk func(o fyne.CanvasObject)
	walk = func(o fyne.CanvasObject) {
		switch o := o.(type) {
		case *ui.Flow:
			if text := o.Text(0, o.Len()); strings.Contains(text, "no installed font can show (Adlam)") {
				count++
			}
		case *fyne.Container:
			for _, k := range o.Objects {
				walk(k)
			}
		case fyne.Widget:
			for _, k := range test.WidgetRenderer(o).Objects() {
				walk(k)
			}
		}
	}
	walk(w.Content())
	if count != 1 {
		t.Errorf("it is told %d times", count)
	}
}
