package shell

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"soberano/app/ui/uitest"
)

// middleOf returns the position of the middle of an object in the window.
func (s *stage) middleOf(o fyne.CanvasObject) fyne.Position {
	at := s.app.Driver().AbsolutePositionForObject(o)
	return at.AddXY(o.Size().Width/2, o.Size().Height/2)
}

// A click beside an open menu closes it and does what it does without a menu. A click on the button that has opened the menu only
// closes it.
func TestClickBesideMenu(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.fill()
	s.ready()
	c := s.win.Canvas()
	open := func() bool { return c.Overlays().Top() != nil }
	chat := s.side.list.rows[1].hit.Conversation
	for what, o := range map[string]struct {
		menu func()
		on   func() fyne.CanvasObject
		done func() bool
	}{
		"a button":       {s.chooseModel, func() fyne.CanvasObject { return s.side.settings }, func() bool { return s.page == settingsPage }},
		"a row":          {s.chooseModel, func() fyne.CanvasObject { return s.side.list.rows[1] }, func() bool { return s.chat.Conversation() == s.side.list.rows[1].hit.ID }},
		"the entry":      {s.chooseModel, func() fyne.CanvasObject { return s.chat.Composer.Entry }, func() bool { return c.Focused() == fyne.Focusable(s.chat.Composer.Entry) }},
		"a chat's menu":  {func() { s.chatMenu(chat, fyne.NewPos(100, 300)) }, func() fyne.CanvasObject { return s.chat.Header.Model }, open},
		"the same":       {s.chooseModel, func() fyne.CanvasObject { return s.chat.Header.Model }, func() bool { return !open() }},
		"its background": {s.chooseModel, func() fyne.CanvasObject { return s.chat.Object }, func() bool { return !open() && s.page == chatPage }},
	} {
		s.newChat("")
		c.Unfocus()
		o.menu()
		if !open() {
			t.Fatalf("%s: no menu is open", what)
		}
		test.TapCanvas(c, s.middleOf(o.on()))
		if !o.done() {
			t.Errorf("a click on %s is lost; open: %v, page %s, %T has the focus", what, open(), s.page, c.Focused())
		}
		for open() {
			uitest.PressKey(c, fyne.KeyEscape)
		}
	}
	s.show(settingsPage)
	theme := s.choice("Same as system")
	test.TapCanvas(c, s.middleOf(theme))
	if !open() {
		t.Fatal("the choice opens no menu")
	}
	test.TapCanvas(c, s.middleOf(s.side.models))
	if s.page != modelsPage || open() {
		t.Errorf("with a choice open, a click on Models leads to %s", s.page)
	}
}

// A long menu is as high as the window at most, and can be scrolled.
func TestLongMenu(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	s.win.Resize(fyne.NewSize(640, 380))
	s.show(settingsPage)
	s.choice("Detect automatically").Tapped(nil)
	s.shot("long-menu")
	c := s.win.Canvas()
	for range 50 {
		uitest.PressKey(c, fyne.KeyDown)
	}
	s.shot("long-menu-down")
	uitest.TypeRunes(c, "p")
	if !strings.Contains(s.inView(), "Pashto") {
		t.Errorf("the selected value is out of view; seen is %s", s.inView())
	}
	uitest.PressKey(c, fyne.KeyReturn)
	if got := s.kept().Language; got != "ps" || s.choice("Pashto") == nil {
		t.Errorf("%q is chosen", got)
	}
	s.choice("Pashto").Tapped(nil)
	if !strings.Contains(s.inView(), "Pashto") {
		t.Error("the present value is out of view when the menu opens")
	}
	uitest.PressKey(c, fyne.KeyEnd)
	if !strings.Contains(s.inView(), "Yoruba") {
		t.Errorf("End leads to %s", s.inView())
	}
}

// inView returns the texts of the topmost layer that are inside the window.
func (s *stage) inView() string {
	var list []string
	var walk func(o fyne.CanvasObject, from fyne.Position)
	walk = func(o fyne.CanvasObject, from fyne.Position) {
		if !o.Visible() {
			return
		}
		at := from.Add(o.Position())
		if text, ok := o.(*canvas.Text); ok && at.Y >= 0 && at.Y+text.MinSize().Height <= s.win.Canvas().Size().Height {
			list = append(list, text.Text)
		}
		switch o := o.(type) {
		case *fyne.Container:
			for _, c := range o.Objects {
				walk(c, at)
			}
		case fyne.Widget:
			for _, c := range test.WidgetRenderer(o).Objects() {
				walk(c, at)
			}
		}
	}
	walk(s.win.Canvas().Overlays().Top(), fyne.Position{})
	return strings.Join(list, ", ")
}
