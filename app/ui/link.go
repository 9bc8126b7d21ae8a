package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// link gives a link of a Flow the focus: Tab reaches it, Enter and Space open it. It lies above the first piece of the link, and passes
// the mouse on to the text.
type link struct {
	widget.BaseWidget
	flow    *Flow
	url     string
	pieces  []piece // of its text, which may wrap
	focused bool
}

// piece is a part of a link in one line of the Flow.
type piece struct{ x, y, w, h float32 }

// linkPieces are the links in the runs of a Flow, in their order.
type linkPieces struct {
	list []linkText
	open bool // the run before belongs to the last link
}

type linkText struct {
	url    string
	pieces []piece // one for each line
}

// add adds a piece, which makes the one before it in the same line longer.
func (t *linkText) add(p piece) {
	last := &t.pieces[len(t.pieces)-1]
	if last.y != p.y {
		t.pieces = append(t.pieces, p)
		return
	}
	left, right := min(last.x, p.x), max(last.x+last.w, p.x+p.w)
	last.x, last.w = left, right-left
}

// add adds a run. Neighbouring runs with the same address are one link.
func (l *linkPieces) add(url string, p piece) {
	switch n := len(l.list); {
	case url == "":
		l.open = false
	case l.open && l.list[n-1].url == url:
		l.list[n-1].add(p)
	default:
		l.list = append(l.list, linkText{url, []piece{p}})
		l.open = true
	}
}

// place makes the links of the text; one that was there before is used again, so that it keeps the focus.
func (f *Flow) place(links linkPieces) []fyne.CanvasObject {
	if f.OnLink == nil {
		return nil
	}
	was := f.links
	f.links = nil
	objects := make([]fyne.CanvasObject, len(links.list))
	for i, l := range links.list {
		o := &link{flow: f, url: l.url}
		if i < len(was) && was[i].url == l.url {
			o = was[i]
		} else {
			o.ExtendBaseWidget(o)
		}
		o.pieces = l.pieces
		Put(o, l.pieces[0].x, l.pieces[0].y, l.pieces[0].w, l.pieces[0].h)
		f.links = append(f.links, o)
		objects[i] = o
	}
	return objects
}

// Contents implements Holder: the links.
func (f *Flow) Contents() []fyne.CanvasObject {
	objects := make([]fyne.CanvasObject, len(f.links))
	for i, l := range f.links {
		objects[i] = l
	}
	return objects
}

func (l *link) open() {
	if Repeats() {
		return
	}
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(l)
	l.flow.OnLink(l.url, at.AddXY(0, l.Size().Height))
}

// FocusGained implements fyne.Focusable.
func (l *link) FocusGained() { l.focused = true; l.Refresh(); GotFocus(l) }

// FocusLost implements fyne.Focusable.
func (l *link) FocusLost() { l.focused = false; l.Refresh() }

// TypedKey opens the link on Enter.
func (l *link) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		l.open()
	case fyne.KeySpace: // TypedRune follows
	default:
		UnusedKey(l, k)
	}
}

// TypedRune opens the link on Space; see Button.TypedRune.
func (l *link) TypedRune(r rune) {
	if r == ' ' {
		l.open()
		return
	}
	UnusedRune(l, r)
}

// within returns an event at a position of the link as one at a position of the text.
func (l *link) within(e fyne.PointEvent) fyne.PointEvent {
	e.Position = e.Position.Add(l.Position())
	return e
}

// Tapped implements fyne.Tappable.
func (l *link) Tapped(e *fyne.PointEvent) { p := l.within(*e); l.flow.Tapped(&p) }

// TappedSecondary implements fyne.SecondaryTappable.
func (l *link) TappedSecondary(e *fyne.PointEvent) { p := l.within(*e); l.flow.TappedSecondary(&p) }

// MouseDown implements desktop.Mouseable.
func (l *link) MouseDown(m *desktop.MouseEvent) {
	e := *m
	e.PointEvent = l.within(m.PointEvent)
	l.flow.MouseDown(&e)
}

// MouseUp implements desktop.Mouseable.
func (l *link) MouseUp(*desktop.MouseEvent) {}

// Dragged implements fyne.Draggable.
func (l *link) Dragged(d *fyne.DragEvent) {
	e := *d
	e.PointEvent = l.within(d.PointEvent)
	l.flow.Dragged(&e)
}

// DragEnd implements fyne.Draggable.
func (l *link) DragEnd() {}

// Cursor implements desktop.Cursorable.
func (l *link) Cursor() desktop.Cursor { return desktop.PointerCursor }

// CreateRenderer implements fyne.Widget.
func (l *link) CreateRenderer() fyne.WidgetRenderer {
	l.ExtendBaseWidget(l)
	return &linkRenderer{l: l}
}

// linkRenderer draws outlines around the pieces of a link that has the focus.
type linkRenderer struct{ l *link }

func (r *linkRenderer) Destroy()           {}
func (r *linkRenderer) Layout(fyne.Size)   {}
func (r *linkRenderer) MinSize() fyne.Size { return fyne.Size{} }
func (r *linkRenderer) Refresh()           { canvas.Refresh(r.l) }

func (r *linkRenderer) Objects() []fyne.CanvasObject {
	if !r.l.focused {
		return nil
	}
	var objects []fyne.CanvasObject
	for _, p := range r.l.pieces {
		o := canvas.NewRectangle(nil)
		o.StrokeColor, o.StrokeWidth, o.CornerRadius = Color(Accent), 2, 4
		Put(o, p.x-r.l.Position().X-3, p.y-r.l.Position().Y, p.w+6, p.h)
		objects = append(objects, o)
	}
	return objects
}
