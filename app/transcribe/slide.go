package transcribe

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"soberano/app/ui"
)

type slide struct {
	widget.BaseWidget
	share   float32
	dragged float32 // the position of a drag; -1: none
	seek    func(share float32)
}

func newSlide(seek func(float32)) *slide {
	s := &slide{seek: seek, dragged: -1}
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

// Cursor implements desktop.Cursorable.
func (s *slide) Cursor() desktop.Cursor { return desktop.PointerCursor }

// CreateRenderer implements fyne.Widget.
func (s *slide) CreateRenderer() fyne.WidgetRenderer {
	r := &slideRenderer{s: s, back: canvas.NewRectangle(nil), fill: canvas.NewRectangle(nil), knob: canvas.NewCircle(nil)}
	r.Refresh()
	return r
}

type slideRenderer struct {
	s          *slide
	back, fill *canvas.Rectangle
	knob       *canvas.Circle
}

func (r *slideRenderer) Destroy()           {}
func (r *slideRenderer) MinSize() fyne.Size { return fyne.NewSize(60, 24) }
func (r *slideRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.fill, r.knob}
}

func (r *slideRenderer) Layout(size fyne.Size) {
	const thick, knob = 6, 14
	y, x := (size.Height-thick)/2, r.s.share*size.Width
	ui.Put(r.back, 0, y, size.Width, thick)
	ui.Put(r.fill, 0, y, x, thick)
	ui.Put(r.knob, max(0, min(size.Width-knob, x-knob/2)), (size.Height-knob)/2, knob, knob)
}

func (r *slideRenderer) Refresh() {
	r.back.FillColor, r.back.CornerRadius = ui.Color(ui.Line), 3
	r.fill.FillColor, r.fill.CornerRadius = ui.Color(ui.Accent), 3
	r.knob.FillColor = ui.Color(ui.Accent)
	r.Layout(r.s.Size())
	canvas.Refresh(r.s)
}
