// Package uitest runs screens in tests: a window in memory, a queue that stands for the UI goroutine, and functions that read
// and operate the screen as a user does.
//
//	screen ──Post──▶ Q ──Until, Settle──▶ run by the test's own goroutine
//	window ──▶ Words, Expect, Button, Tap, Shot
package uitest

import (
	"bytes"
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"soberano/app/ui"
)

// Stage is a screen in a window in memory.
type Stage struct {
	T   *testing.T
	Q   chan func() // the functions to run on the UI goroutine
	Win fyne.Window

	name string // pictures are named NAME-….png
}

// New returns a stage without a screen, drawn in the given mode.
func New(t *testing.T, name string, mode ui.Mode) *Stage {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(ui.Theme{Mode: mode})
	return &Stage{T: t, Q: make(chan func(), 1<<14), name: name}
}

// Show opens the window, as wide as a page beside the list of chats.
func (s *Stage) Show(screen fyne.CanvasObject) {
	s.T.Helper()
	s.Win = test.NewTempWindow(s.T, screen)
	s.Win.SetPadded(false)
	s.Win.Resize(fyne.NewSize(944, 704))
}

// Post runs f later on the UI goroutine.
func (s *Stage) Post(f func()) { s.Q <- f }

// patience is the time limit for a condition.
const patience = time.Minute

// Until runs posted functions until the condition holds. The condition may also become true without a posted function.
func (s *Stage) Until(what string, ok func() bool) {
	s.T.Helper()
	deadline := time.After(patience)
	for !ok() {
		select {
		case f := <-s.Q:
			f()
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			s.T.Fatalf("waited in vain for %s; shown is:\n%s", what, s.Words())
		}
	}
}

// UntilShown waits until each of the words is shown, one after the other.
func (s *Stage) UntilShown(words ...string) {
	s.T.Helper()
	for _, w := range words {
		s.Until(w, func() bool { return strings.Contains(s.Words(), w) })
	}
}

// Settle runs all functions posted so far.
func (s *Stage) Settle() {
	for {
		select {
		case f := <-s.Q:
			f()
		default:
			return
		}
	}
}

// Walk visits all visible objects, menus and dialogs last.
func (s *Stage) Walk(visit func(fyne.CanvasObject)) {
	walk(s.Win.Content(), visit)
	for _, o := range s.Win.Canvas().Overlays().List() {
		walk(o, visit)
	}
}

func walk(o fyne.CanvasObject, visit func(fyne.CanvasObject)) {
	if !o.Visible() {
		return
	}
	visit(o)
	switch o := o.(type) {
	case *fyne.Container:
		for _, c := range o.Objects {
			walk(c, visit)
		}
	case fyne.Widget:
		for _, c := range test.WidgetRenderer(o).Objects() {
			walk(c, visit)
		}
	}
}

// Words returns all visible texts, in one line.
func (s *Stage) Words() string {
	var list []string
	s.Walk(func(o fyne.CanvasObject) {
		if t, ok := o.(*canvas.Text); ok {
			list = append(list, t.Text)
		}
	})
	return strings.Join(strings.Fields(strings.Join(list, " ")), " ")
}

// Expect fails for each of the words that is not shown.
func (s *Stage) Expect(want ...string) {
	s.T.Helper()
	words := s.Words()
	for _, w := range want {
		if !strings.Contains(words, w) {
			s.T.Errorf("%q is not shown in:\n%s", w, words)
		}
	}
}

// Button returns the first visible button with that label.
func (s *Stage) Button(label string) *ui.Button {
	s.T.Helper()
	var found *ui.Button
	s.Walk(func(o fyne.CanvasObject) {
		if b, ok := o.(*ui.Button); ok && b.Label == label && found == nil {
			found = b
		}
	})
	if found == nil {
		s.T.Fatalf("there is no button %q in:\n%s", label, s.Words())
	}
	return found
}

// Tap taps the first visible button with that label.
func (s *Stage) Tap(label string) {
	s.T.Helper()
	test.Tap(s.Button(label))
}

// Key presses a key as Fyne's window does: the widget with the focus gets it, or the window if none has it.
func (s *Stage) Key(name fyne.KeyName) { PressKey(s.Win.Canvas(), name) }

// PressKey presses a key in a window.
func PressKey(c fyne.Canvas, name fyne.KeyName) {
	k := &fyne.KeyEvent{Name: name}
	if f := c.Focused(); f != nil {
		f.TypedKey(k)
	} else if c.OnTypedKey() != nil {
		c.OnTypedKey()(k)
	}
	if name == fyne.KeySpace {
		TypeRunes(c, " ")
	}
}

// TypeRunes types text in a window, without pressing keys.
func TypeRunes(c fyne.Canvas, text string) {
	for _, r := range text {
		if f := c.Focused(); f != nil {
			f.TypedRune(r)
		} else if c.OnTypedRune() != nil {
			c.OnTypedRune()(r)
		}
	}
}

// Shot draws the window into a file in build/screens, for inspection by a person. The test must run in a folder of app. With
// -short nothing is drawn: under the race detector a picture takes seconds.
func (s *Stage) Shot(name string) {
	s.T.Helper()
	s.Settle()
	if testing.Short() {
		return
	}
	dir := filepath.Join("..", "..", "build", "screens")
	var b bytes.Buffer
	fast := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := errors.Join(os.MkdirAll(dir, 0o755), fast.Encode(&b, s.Win.Canvas().Capture()),
		os.WriteFile(filepath.Join(dir, s.name+"-"+name+".png"), b.Bytes(), 0o644)); err != nil {
		s.T.Fatal(err)
	}
}
