package shell

import (
	"context"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"soberano/app/chat"
	"soberano/models"
	"soberano/models/apr"
	"soberano/models/registry"
)

// TestPassword checks that the password of a model is asked for until it is right, that Escape and the end of the opening close the dialog, and that the
// message that is being written stays.
func TestPassword(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.chat.Composer.Entry.SetText("half a question")
	c := s.win.Canvas()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	over, tries := make(chan bool, 1), make(chan string)
	ask := func() *passwordEntry {
		t.Helper()
		go func() {
			over <- s.askPassword(ctx, registry.Entry{Info: registry.Info{Title: "Secret"}}, func(password []byte) error {
				tries <- string(password)
				if string(password) != "sesame" {
					return &models.FileError{Path: "secret.apr", Kind: apr.ErrWrongPassword}
				}
				return nil
			})
		}()
		s.q.until(t, "the dialog", func() bool { _, ok := c.Focused().(*passwordEntry); return ok })
		return c.Focused().(*passwordEntry)
	}
	answered := func(what string, want bool) {
		t.Helper()
		s.q.until(t, what, func() bool { return len(over) > 0 })
		s.q.settle()
		if got := <-over; got != want || c.Overlays().Top() != nil || s.chat.Composer.Entry.Text != "half a question" || len(s.dismissed) > 0 {
			t.Errorf("%s: unlocked %v, a dialog is open: %v, the message is %q", what, got, c.Overlays().Top() != nil, s.chat.Composer.Entry.Text)
		}
	}
	e := ask()
	s.expect(s.shot("password"), "Password of Secret")
	e.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn}) // nothing is typed yet
	for _, r := range "open" {
		e.TypedRune(r)
	}
	if strings.Contains(s.words(), "open") && !strings.Contains(strings.ReplaceAll(s.words(), "opened", ""), "Open the model") {
		t.Error("the password is shown")
	}
	e.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if got := <-tries; got != "open" || !e.Disabled() {
		t.Errorf("%q is tried; what is typed meanwhile is taken: %v", got, !e.Disabled())
	}
	s.q.until(t, "the result", func() bool { return !e.Disabled() })
	s.expect(s.shot("password-wrong"), "This password is wrong.")
	if e.Text != "" || c.Focused() != fyne.Focusable(e) {
		t.Errorf("after a wrong password the entry has %q, and %T the focus", e.Text, c.Focused())
	}
	e.SetText("sesame")
	s.tap("Open the model")
	<-tries
	answered("the right password", true)
	ask().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	answered("Escape", false)
	ask()
	c.Unfocus()
	s.escapeKey()
	answered("Escape beside the entry", false)
	ask()
	s.tap("Cancel")
	answered("Cancel", false)
	ask()
	stop()
	answered("the end of the opening", false)
}

// TestPasswordAgain checks that a model without its password says so, and that it is asked for again.
func TestPasswordAgain(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.fail["qwen3"] = &models.FileError{Path: "secret.apr", Reason: "is encrypted", Kind: apr.ErrPassword}
	s.use(registry.Entry{Name: "qwen3", Info: qwen})
	s.q.until(t, "the card", func() bool { return strings.Contains(s.words(), "This model needs its password.") })
	s.q.settle()
	s.expect(s.shot("password-missing"), "This model needs its password.", "secret.apr is encrypted.", "Enter the password")
	delete(s.fail, "qwen3")
	s.tap("Enter the password")
	s.q.until(t, "the model", func() bool { return s.runner.Status().Phase == chat.Ready })
}
