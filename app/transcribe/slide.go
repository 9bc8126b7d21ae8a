package transcribe

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"soberano/app/ui"
)

// slide is the bar that shows the position of the playback and changes it: by a click, by dragging, or by the keys ← → Home End.
type slide struct {
	widget.BaseWidget
	share   float32
	dragged float32 // the position of a drag; -1: none
	focused bool
	seek    func(share float32)
	step    func(by int) // moves the playback forwards or backwards by so many steps
}

func newSlide(seek func(float32), step func(int)) *slide {
	s := &slide{seek: seek, step: step, dragged: -1}
	s.ExtendBaseWidget(s)
	return s
}

func (s *slide) set(share float32) {
	if s.share != share && s.dragged < 0 {
		s.share = share
		s.Refresh()
	}
}

func (s *slide) shareAt(x float32) float32 { return max(0, min(1, x/max(1, s.Size().Width))) }

// Tapped moves the playback to the position.
func (s *slide) Tapped(e *fyne.PointEvent) { s.seek(s.shareAt(e.Position.X)) }

// Dragged shows the position to which the drag would move.
func (s *slide) Dragged(e *fyne.DragEvent) {
	s.dragged = s.shareAt(e.Position.X)
	s.share = s.dragged
	s.Refresh()
}

// DragEnd moves the playback to the position of the drag.
func (s *slide) DragEnd() {
	to := s.dragged
	s.dragged = -1
	if to >= 0 {
		s.seek(to)
	}
}

// FocusGained implements fyne.Focusable.
func (s *slide) FocusGained() { s.focused = true; s.Refresh(); ui.GotFocus(s) }

// FocusLost implements fyne.Focusable.
func (s *slide) FocusLost() { s.focused = false; s.Refresh() }

// TypedRune implements fyne.Focusable.
func (s *slide) TypedRune(r rune) { ui.UnusedRune(s, r) }

// TypedKey moves the playback.
func (s *slide) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyLeft, fyne.KeyDown:
		s.step(-1)
	case fyne.KeyRight, fyne.KeyUp:
		s.step(1)
	case fyne.KeyHome:
		s.seek(0)
	case fyne.KeyEnd:
		s.seek(1)
	default:
		ui.UnusedKey(s, k)
	}
}

// Cursor implements desktop.Cursorable.
func (s *slide) Cursor() desktop.Cursor { return desktop.PointerCursor }

// CreateRenderer implements fyne.Widget.
func (s *slide) CreateRenderer() fyne.WidgetRenderer {
	r := &slideRenderer{s: s, frame: canvas.NewRectangle(nil), back: canvas.NewRectangle(nil), fill: canvas.NewRectangle(nil), knob: canvas.NewCircle(nil)}
	r.Refresh()
	return r
}

type slideRenderer struct {
	s                 *slide
	frame, back, fill *canvas.Rectangle
	knob              *canvas.Circle
}

func (r *slideRenderer) Destroy()           {}
func (r *slideRenderer) MinSize() fyne.Size { return fyne.NewSize(60, 24) }
func (r *slideRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.frame, r.back, r.fill, r.knob}
}

func (r *slideRenderer) Layout(size fyne.Size) {
	const thick, knob = 6, 14
	y, x := (size.Height-thick)/2, r.s.share*size.Width
	ui.Put(r.frame, -6, -2, size.Width+12, size.Height+4)
	ui.Put(r.back, 0, y, size.Width, thick)
	ui.Put(r.fill, 0, y, x, thick)
	ui.Put(r.knob, max(0, min(size.Width-knob, x-knob/2)), (size.Height-knob)/2, knob, knob)
}

func (r *slideRenderer) Refresh() {
	r.frame.CornerRadius, r.frame.StrokeColor, r.frame.StrokeWidth = 8, nil, 0
	if r.s.focused {
		r.frame.StrokeColor, r.frame.StrokeWidth = ui.Color(ui.Accent), 2
	}
	r.back.FillColor, r.back.CornerRadius = ui.Color(ui.Line), 3
	r.fill.FillColor, r.fill.CornerRadius = ui.Color(ui.Accent), 3
	r.knob.FillColor = ui.Color(ui.Accent)
	r.Layout(r.s.Size())
	canvas.Refresh(r.s)
}
