package shell

import (
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/settings"
	"soberano/app/ui"
)

// The place of the window is stored a moment after a change; a maximized window keeps its former size. Other settings don't undo it.
func TestPlaceIsKept(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	now, known := settings.Place{X: 40, Y: 60, Width: 900, Height: 640}, false
	s.Place = func() (settings.Place, bool) { return now, known }
	s.win.Resize(fyne.NewSize(900, 640))
	s.KeepPlace()
	if s.kept().Place != (settings.Place{}) {
		t.Error("the place of a window that is not shown is stored")
	}
	known = true
	s.q.until(t, "the place to be stored", func() bool {
		select {
		case f := <-s.q:
			f()
		case <-time.After(10 * time.Millisecond):
		}
		return s.kept().Place == now
	})
	want := now
	want.Maximized = true
	now = settings.Place{Width: 1280, Height: 770, Maximized: true}
	s.KeepPlace()
	s.change(settings.Values{Theme: ui.Dark})
	if got := s.kept().Place; got != want {
		t.Errorf("kept is %+v, want %+v", got, want)
	}
}
