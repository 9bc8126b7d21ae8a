package shell

// The walk by Tab and Shift+Tab through every page, dialog and menu: everything that can be used gets the focus, the focus can be
// seen, and what has it is scrolled into view.

import (
	"fmt"
	"image"
	"image/color"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/app/ui/uitest"
	"soberano/app/voice"
	"soberano/models/registry"
)

// placed is an object of the window with its position, and the visible part of the scrolled columns around it.
type placed struct {
	fyne.CanvasObject
	at      fyne.Position
	clip    fyne.Position
	clipped fyne.Size
}

// usable lists the objects in the topmost layer of the window that can get the focus, in the order in which Fyne finds them.
func (s *stage) usable() (list []placed) {
	root := s.win.Canvas().Overlays().Top()
	if root == nil {
		root = s.win.Canvas().Content()
	}
	var walk func(o fyne.CanvasObject, from, clip fyne.Position, clipped fyne.Size)
	walk = func(o fyne.CanvasObject, from, clip fyne.Position, clipped fyne.Size) {
		if o == nil || !o.Visible() {
			return
		}
		at := from.Add(o.Position())
		if _, scrolls := o.(fyne.Scrollable); scrolls {
			clip, clipped = at, o.Size()
		}
		d, can := o.(fyne.Disableable)
		if _, ok := o.(fyne.Focusable); ok && !(can && d.Disabled()) {
			list = append(list, placed{o, at, clip, clipped})
		}
		switch o := o.(type) {
		case *fyne.Container:
			for _, c := range o.Objects {
				walk(c, at, clip, clipped)
			}
		case fyne.Widget:
			for _, c := range test.WidgetRenderer(o).Objects() {
				walk(c, at, clip, clipped)
			}
		}
	}
	walk(root, fyne.Position{}, fyne.Position{}, s.win.Canvas().Size())
	return list
}

func (s *stage) find(o fyne.CanvasObject) (placed, bool) {
	for _, p := range s.usable() {
		if p.CanvasObject == o {
			return p, true
		}
	}
	return placed{}, false
}

// tab presses Tab or Shift+Tab.
func (s *stage) tab(back bool) fyne.CanvasObject {
	s.t.Helper()
	c := s.win.Canvas()
	if t, ok := c.Focused().(fyne.Tabbable); ok && t.AcceptsTab() {
		s.t.Fatalf("%s takes Tab for itself", name(c.Focused().(fyne.CanvasObject)))
	}
	if back {
		test.FocusPrevious(c)
	} else {
		test.FocusNext(c)
	}
	o, _ := c.Focused().(fyne.CanvasObject)
	return o
}

// name describes an object for messages.
func name(o fyne.CanvasObject) string {
	switch o := o.(type) {
	case *ui.Button:
		return fmt.Sprintf("the button %q", o.Label)
	case *ui.Choice:
		return fmt.Sprintf("the choice %q", o.Selected)
	}
	return fmt.Sprintf("%T", o)
}

// walkByTab walks once around in both directions.
func (s *stage) walkByTab(where string, pixels bool) {
	s.t.Helper()
	c := s.win.Canvas()
	for _, back := range []bool{false, true} {
		c.Unfocus()
		want := map[fyne.CanvasObject]bool{}
		for _, p := range s.usable() {
			want[p.CanvasObject] = true
		}
		seen := map[fyne.CanvasObject]bool{}
		for o := s.tab(back); o != nil && !seen[o]; o = s.tab(back) {
			seen[o] = true
			s.checkFocus(where, o, pixels && !back)
		}
		for o := range want {
			if _, still := s.find(o); still && !seen[o] {
				s.t.Errorf("%s: %s can't be reached (back: %v)", where, name(o), back)
			}
		}
		if len(seen) == 0 {
			s.t.Errorf("%s: nothing can be reached", where)
		}
	}
	c.Unfocus()
}

// checkFocus checks that the object with the focus is in view, and with pixels that the focus changes what is drawn there.
func (s *stage) checkFocus(where string, o fyne.CanvasObject, pixels bool) {
	s.t.Helper()
	p, ok := s.find(o)
	if !ok {
		s.t.Errorf("%s: %s has the focus and is not shown", where, name(o))
		return
	}
	top, bottom := p.at.Y, p.at.Y+min(p.Size().Height, p.clipped.Height)
	if top < p.clip.Y-1 || bottom > p.clip.Y+p.clipped.Height+1 {
		s.t.Errorf("%s: %s has the focus out of view: %v … %v of %v … %v", where, name(o), top, bottom, p.clip.Y, p.clip.Y+p.clipped.Height)
	}
	if !ui.Shown(s.win.Canvas(), o) && s.win.Canvas().Overlays().Top() == nil {
		s.t.Errorf("%s: a widget around %s does not tell its contents", where, name(o))
	}
	if _, ok := o.(*widget.List); !pixels || testing.Short() || ok {
		return // the lists of Fyne's file dialogs mark an item like the mouse does, which can't be seen on the selected one
	}
	with := s.win.Canvas().Capture()
	o.(fyne.Focusable).FocusLost()
	without := s.win.Canvas().Capture()
	o.(fyne.Focusable).FocusGained()
	if n := differing(with, without, p); n < 20 {
		s.t.Errorf("%s: the focus of %s changes %d pixels", where, name(o), n)
	}
}

// differing counts the pixels at and around an object that differ clearly.
func differing(a, b image.Image, p placed) (n int) {
	const around = 8
	r := image.Rect(int(p.at.X)-around, int(p.at.Y)-around, int(p.at.X+p.Size().Width)+around, int(p.at.Y+p.Size().Height)+around).Intersect(a.Bounds())
	far := func(x, y uint32) bool { return max(x, y)-min(x, y) > 0x0800 }
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if p, q := color.NRGBA64Model.Convert(a.At(x, y)).(color.NRGBA64), color.NRGBA64Model.Convert(b.At(x, y)).(color.NRGBA64); far(uint32(p.R), uint32(q.R)) || far(uint32(p.G), uint32(q.G)) || far(uint32(p.B), uint32(q.B)) {
				n++
			}
		}
	}
	return n
}

// furnish fills the store and the library, so that each page has everything.
func (s *stage) furnish() {
	s.t.Helper()
	s.fill()
	s.ready()
	s.send("How do I sort people by age in Go, youngest first?")
	s.say(answerText)
	close(s.model.words)
	s.q.until(s.t, "the end", func() bool { return !s.chat.Busy() })
	s.files.Add([]string{wav(s.t, "first.wav", time.Second), filepath.Join(s.t.TempDir(), "lost.wav")})
	s.q.until(s.t, "the transcripts", func() bool { return s.files.Waiting() == 0 && len(s.q) == 0 })
}

// transcript opens the first finished transcript.
func (s *stage) transcript() {
	s.t.Helper()
	list, err := s.store.Transcripts()
	if err != nil {
		s.t.Fatal(err)
	}
	s.show(filesPage)
	for _, t := range list {
		if t.State == store.Complete {
			s.tapTranscript(t.ID)
			return
		}
	}
	s.t.Fatal("no transcript is finished")
}

// TestTab walks through everything, in both themes, in a wide and in a narrow window.
func TestTab(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol, registry.Entry{Name: "qwen3", Linked: true, Info: qwen}, base)
		s.dress(m)
		s.furnish()
		large, small := fyne.NewSize(1000, 640), fyne.NewSize(640, 380)
		walk := func(what string, size fyne.Size) {
			t.Helper()
			s.win.Resize(size)
			s.q.settle()
			s.walkByTab(what, size == large)
			s.shot("tab-" + strings.ReplaceAll(what, " ", "-") + "-" + string(m))
		}
		s.show(chatPage)
		walk("chat", large)
		walk("chat, small", small)
		s.notice("Something went wrong.", io.ErrUnexpectedEOF)
		s.notice("Something else went wrong.", io.ErrUnexpectedEOF)
		walk("chat with notices, small", small)
		s.tap("Close all 2")
		s.show(modelsPage)
		walk("models", large)
		walk("models, small", small)
		s.show(settingsPage)
		walk("settings", large)
		walk("settings, small", small)
		s.notice("Something went wrong.", io.ErrUnexpectedEOF)
		walk("settings with a notice", large)
		s.show(filesPage)
		walk("transcribe", large)
		walk("transcribe, small", small)
		s.transcript()
		walk("a transcript", large)
		s.files.View.Find()
		walk("a transcript with find", large)
		s.escape()
		s.escape()
		s.deleteChat(s.side.list.rows[len(s.side.list.rows)-1].hit.Conversation)
		s.show(trashPage)
		walk("trash", large)
		s.chat.Talk.Press()
		s.q.until(t, "recording", func() bool { return s.chat.Talk.State() == voice.Recording })
		walk("a recording on another page", large)
		s.chat.Talk.Discard()
		s.q.until(t, "the end", func() bool { return s.chat.Talk.State() == voice.Idle })
		s.show(chatPage)
		s.win.Resize(large)
		for what, open := range map[string]func(){
			"rename":      func() { s.ask("Rename this chat", "A name", func(string) {}) },
			"save":        func() { s.saveFile(t.TempDir(), "a.txt", func(io.Writer) error { return nil }, func(string, error) {}) },
			"open a file": s.chooseModelFile,
			"confirm":     func() { dialog.ShowConfirm("A question", "Yes or no?", func(bool) {}, s.win) },
		} {
			open()
			walk(what, large)
			s.win.Canvas().Overlays().Top().Hide()
		}
	})
}

// A menu is operated by the keys; the selected item can be seen, and Escape closes the menu only.
func TestMenuByKeys(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol, registry.Entry{Name: "qwen3", Info: qwen}, base)
		s.dress(m)
		s.ready()
		s.chooseModel()
		before := s.win.Canvas().Capture()
		uitest.PressKey(s.win.Canvas(), fyne.KeyDown)
		if n := differing(before, s.win.Canvas().Capture(), placed{CanvasObject: s.Object}); n < 100 {
			t.Errorf("the selection changes %d pixels", n)
		}
		uitest.PressKey(s.win.Canvas(), fyne.KeySpace)
		s.q.settle()
		if e := s.runner.Status().Entry; e.Name != "qwen3" || s.win.Canvas().Overlays().Top() != nil {
			t.Errorf("Space has chosen %q", e.Name)
		}
		if got := s.chat.Composer.Entry.Text; got != "" {
			t.Errorf("Space is also typed: %q", got)
		}
		s.show(settingsPage)
		choice := s.choice("System default")
		s.win.Canvas().Focus(choice)
		uitest.PressKey(s.win.Canvas(), fyne.KeyReturn)
		if s.win.Canvas().Overlays().Top() == nil {
			t.Fatal("Enter opens no menu of values")
		}
		uitest.PressKey(s.win.Canvas(), fyne.KeyEscape)
		if s.win.Canvas().Overlays().Top() != nil || s.page != settingsPage || s.win.Canvas().Focused() != fyne.Focusable(choice) {
			t.Errorf("Escape leads to %s", s.page)
		}
		uitest.PressKey(s.win.Canvas(), fyne.KeyEscape)
		if s.page != chatPage {
			t.Errorf("Escape in a choice leads to %s", s.page)
		}
	})
}

// On the chat page what is typed goes into the message, whatever has the focus: nothing after a click beside everything, a button, a
// list, or an object that is gone. The same after Escape, after a dialog and on the way back from another page.
func TestTypingReachesTheMessage(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.fill()
	s.ready()
	c, e := s.win.Canvas(), s.chat.Composer.Entry
	for what, before := range map[string]func(){
		"a click beside everything": c.Unfocus,
		"a button":                  func() { c.Focus(s.side.models) },
		"the list":                  func() { c.Focus(s.side.list) },
		"Escape":                    func() { c.Unfocus(); uitest.PressKey(c, fyne.KeyEscape) },
		"Escape in a button":        func() { c.Focus(s.chat.Header.Model); uitest.PressKey(c, fyne.KeyEscape) },
		"Escape in the search":      func() { c.Focus(s.side.search); uitest.PressKey(c, fyne.KeyEscape) },
		"a menu":                    func() { s.chooseModel(); uitest.PressKey(c, fyne.KeyEscape) },
		"another page":              func() { s.side.models.OnTapped(); uitest.PressKey(c, fyne.KeyEscape) },
		"the way back by button":    func() { s.show(modelsPage); c.Focus(s.pageHead.back); uitest.PressKey(c, fyne.KeyReturn) },
		"a notice that was closed": func() {
			done := s.chat.Notice(ui.Problem{Title: "A notice."})
			s.tabTo("Close")
			done()
		},
		"a rename by Enter": func() {
			c.Focus(s.side.list)
			uitest.PressKey(c, fyne.KeyF2)
			uitest.TypeRunes(c, "!")
			uitest.PressKey(c, fyne.KeyReturn)
		},
		"a rename by its button": func() { s.renameChat(s.side.list.rows[1].hit.Conversation); s.tap("Rename") },
	} {
		e.SetText("")
		before()
		uitest.TypeRunes(c, "ab")
		uitest.PressKey(c, fyne.KeySpace)
		c.Unfocus()
		uitest.PressKey(c, fyne.KeyBackspace)
		if e.Text != "ab" {
			t.Errorf("after %s, what is typed is %q in the message; %T has the focus", what, e.Text, c.Focused())
		}
	}
	if title := s.side.list.rows[0].hit.Name(); !strings.HasSuffix(title, "!") {
		t.Errorf("Enter in the dialog has not renamed: %q", title)
	}
	s.show(settingsPage)
	e.SetText("")
	uitest.TypeRunes(c, "ab")
	if e.Text != "" {
		t.Errorf("what is typed on the page Settings is in the hidden message: %q", e.Text)
	}
}

// tabTo presses Tab until the button has the focus.
func (s *stage) tabTo(label string) {
	s.t.Helper()
	for range 100 {
		if b, ok := s.tab(false).(*ui.Button); ok && b.Label == label {
			return
		}
	}
	s.t.Fatalf("Tab does not lead to %q", label)
}

// The settings keep the focus while they are drawn anew, and a text that is being typed.
func TestSettingsKeepTheFocus(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	s.show(settingsPage)
	c := s.win.Canvas()
	c.Focus(s.choice("Detect automatically"))
	uitest.PressKey(c, fyne.KeyRight)
	s.settings.Refresh()
	s.q.until(t, "the microphones", func() bool { return len(s.q) == 0 })
	if f, ok := c.Focused().(*ui.Choice); !ok || f.Selected == "Detect automatically" || !ui.Shown(c, f) {
		t.Errorf("%T has the focus", c.Focused())
	}
	s.tabTo("Show the folder")
	for range 10 { // back over the other settings, to the words
		if _, ok := s.tab(true).(*ui.Entry); ok {
			break
		}
	}
	uitest.TypeRunes(c, "Kra")
	s.settings.Refresh()
	s.q.until(t, "the microphones", func() bool { return len(s.q) == 0 })
	uitest.TypeRunes(c, "ków")
	s.tab(false)
	s.q.settle()
	if got := s.kept().Words; got != "Kraków" {
		t.Errorf("typed and kept is %q", got)
	}
}

// The wheel scrolls the page over the entry for the user's words, too.
func TestWheelOverYourWords(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	s.show(settingsPage)
	s.win.Resize(fyne.NewSize(1000, 700))
	var entry *ui.Entry
	for _, p := range s.usable() {
		if e, ok := p.CanvasObject.(*ui.Entry); ok && e != s.side.search && e.Visible() && ui.Inside(s.settings.Object, e) {
			entry = e
		}
	}
	at := func() placed { p, _ := s.find(entry); return p }
	before := at().at
	test.Scroll(s.win.Canvas(), before.AddXY(20, 10), 0, -60)
	if moved := before.Y - at().at.Y; moved != 60 {
		t.Errorf("the wheel moves the page by %v", moved)
	}
}

// choice returns the choice with that value.
func (s *stage) choice(value string) (found *ui.Choice) {
	s.t.Helper()
	s.walk(func(o fyne.CanvasObject) {
		if c, ok := o.(*ui.Choice); ok && c.Selected == value && found == nil {
			found = c
		}
	})
	if found == nil {
		s.t.Fatalf("there is no choice %q in:\n%s", value, s.words())
	}
	return found
}
