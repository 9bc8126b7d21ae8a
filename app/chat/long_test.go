package chat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"soberano/app/store"
	"soberano/app/ui"
)

// shown returns a screen with a chat of so many questions with their answers, and its window.
func shown(t *testing.T, turns int, answer string) (*Screen, fyne.Window) {
	t.Helper()
	db, err := store.Memory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := New(Config{Window: frame{}, Store: db, Work: store.Inline(db), Runner: NewRunner(nil, func(Status) {})})
	w := test.NewTempWindow(t, s.Object)
	t.Cleanup(func() { // ends the timer of the draft
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w.SetPadded(false)
	w.Resize(fyne.NewSize(944, 704))
	var list []store.Message
	for i := range turns {
		turn := int64(i + 1)
		list = append(list, store.Message{ID: 2*turn - 1, Conversation: 1, Turn: turn, Role: store.User, Content: fmt.Sprintf("Question %d?", turn)},
			store.Message{ID: 2 * turn, Conversation: 1, Turn: turn, Role: store.Assistant, State: store.Complete, Content: fmt.Sprintf("Answer %d. ", turn) + answer})
	}
	s.Open(store.Conversation{ID: 1, Title: "A long chat"}, list)
	return s, w
}

// drawn returns how many objects Fyne knows, and the texts among them.
func drawn(o fyne.CanvasObject) (n int, texts string) {
	if !o.Visible() {
		return 0, ""
	}
	var below []fyne.CanvasObject
	switch o := o.(type) {
	case *canvas.Text:
		texts = o.Text + " "
	case *fyne.Container:
		below = o.Objects
	case fyne.Widget:
		below = test.WidgetRenderer(o).Objects()
	}
	n = 1
	for _, c := range below {
		k, more := drawn(c)
		n, texts = n+k, texts+more
	}
	return n, texts
}

// Of a chat of 300 messages, and of an answer of 167 kB, only what is seen is drawn, and all of it can be scrolled to.
func TestLongChatsAreDrawnInPart(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(ui.Theme{Mode: ui.Light})
	const paragraph = "Some words of an answer, **bold** and `code`, which wrap into more than one line of the column of text. "
	short := strings.Repeat(paragraph, 3) + "\n\n- one\n- two\n\n```go\nx := 1\n```\n"
	for name, c := range map[string]struct {
		turns  int
		answer string
		last   string
	}{
		"300 messages": {150, short, "Answer 150."},
		"one answer":   {1, strings.Repeat(short, 167_000/len(short)), ""},
		"one line":     {1, strings.Repeat("word ", 33_000) + "end", "end"},
		"a list":       {1, "\n\n" + strings.Repeat("- an item\n", 5000) + "- the end", "the end"},
		"no spaces":    {1, strings.Repeat("abcdefgh", 20_000), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, w := shown(t, c.turns, c.answer)
			n, texts := drawn(w.Content())
			if n > 900 {
				t.Errorf("%d objects are drawn", n)
			}
			if !strings.Contains(texts, c.last) || c.turns > 1 && strings.Contains(texts, "Answer 1.") {
				t.Errorf("the end is not what is drawn: %.300s", texts)
			}
			for range 3000 {
				if s.thread.Page(-1); strings.Contains(texts, "Question 1?") {
					break
				}
				_, texts = drawn(s.thread.Object)
			}
			if !strings.Contains(texts, "Question 1?") || !strings.Contains(texts, "Answer 1.") {
				t.Errorf("the beginning can't be reached: %.300s", texts)
			}
		})
	}
}

// A window that is slow to repaint is not asked again before it has done so, and not at once after that.
func TestRepaintsDoNotPileUp(t *testing.T) {
	j := &job{saved: time.Now().Add(time.Hour), dirty: true}
	asked, done := make(chan struct{}, 100), make(chan struct{})
	go func() { time.Sleep(200 * time.Millisecond); close(done) }()
	j.tick(nil, time.Millisecond, func() { asked <- struct{}{} }, done)
	if len(asked) != 1 {
		t.Fatalf("%d repaints were asked for while none was done", len(asked))
	}
	j.paint(func() { time.Sleep(20 * time.Millisecond) })
	if j.due() {
		t.Error("a repaint follows at once after a slow one")
	}
	for end := time.Now().Add(time.Minute); !j.due(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no repaint follows")
		}
	}
	if rest := time.Until(j.next); rest > 0 || j.next.IsZero() {
		t.Errorf("a repaint is due %v too early", rest)
	}
}
