package ui

import (
	"math"
	"sort"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
)

// room returns the size of the part of the entry in which the text is.
func (e *Entry) room() fyne.Size {
	return fyne.NewSize(max(24, e.Size().Width-2*entryPad), max(0, e.Size().Height-2*entryPad))
}

// lay breaks the text into lines: those that are shown, or pieces of the one line.
func (e *Entry) lay() {
	w := e.wrapped
	if e.many {
		w.breakAt(e.room().Width)
		return
	}
	w.breakAt(entryPiece)
	if e.lefts == nil {
		e.lefts = append(make([]float32, 0, len(w.lines)+1), 0)
		for i, l := range w.lines {
			e.lefts = append(e.lefts, e.lefts[i]+l.w)
		}
	}
}

// corner returns where a line of wrapped begins, seen from the beginning of the text.
func (e *Entry) corner(i int) fyne.Position {
	if e.many {
		return fyne.NewPos(0, float32(i)*lineHeight(TextSize))
	}
	return fyne.NewPos(e.lefts[i], 0)
}

// extent returns the size of the whole text.
func (e *Entry) extent() fyne.Size {
	n := len(e.wrapped.lines)
	if e.many {
		return fyne.NewSize(0, float32(n)*lineHeight(TextSize))
	}
	return fyne.NewSize(e.lefts[n]+2, 0)
}

// row returns the index of the line in which the caret stands.
func (e *Entry) row() int {
	i := e.wrapped.lineOf(e.caret)
	if e.late && i > 0 && e.wrapped.lines[i].start == e.caret {
		i--
	}
	return i
}

// caretPosition returns where the caret stands, seen from the beginning of the text.
func (e *Entry) caretPosition() fyne.Position { return e.positionIn(e.row(), e.caret) }

// positionIn returns where a place in a line of wrapped is, seen from the beginning of the text.
func (e *Entry) positionIn(i, at int) fyne.Position {
	x := e.wrapped.xOf(e.wrapped.lines[i], at)
	if e.many {
		x = min(x, e.room().Width) // spaces at the end of a line may be outside
	}
	return e.corner(i).AddXY(x, 0)
}

// offsetAt returns the place in the text at a position of the entry, and whether that is the end of a line.
func (e *Entry) offsetAt(p fyne.Position) (at int, late bool) {
	e.lay()
	p = p.SubtractXY(entryPad, entryPad).Add(e.offset)
	n := len(e.wrapped.lines)
	i := max(0, min(n-1, int(math.Floor(float64(p.Y/lineHeight(TextSize))))))
	if !e.many {
		i = max(0, sort.Search(n, func(i int) bool { return e.lefts[i] > p.X })-1)
	}
	at = e.wrapped.offsetAt(e.wrapped.lines[i], p.X-e.corner(i).X)
	return at, e.wrapped.lineOf(at) != i
}

func (e *Entry) clampOffset() {
	e.lay()
	all, room := e.extent(), e.room()
	e.offset.X = max(0, min(e.offset.X, all.Width-room.Width))
	e.offset.Y = max(0, min(e.offset.Y, all.Height-room.Height))
}

// reveal scrolls so that the caret is visible.
func (e *Entry) reveal() {
	if e.Size().Width == 0 {
		return
	}
	e.lay()
	p, room, h := e.caretPosition(), e.room(), lineHeight(TextSize)
	if e.many {
		e.offset.Y = max(p.Y+h-room.Height, min(e.offset.Y, p.Y))
	} else {
		e.offset.X = max(p.X+2-room.Width, min(e.offset.X, p.X))
	}
	e.clampOffset()
}

// CreateRenderer implements fyne.Widget.
func (e *Entry) CreateRenderer() fyne.WidgetRenderer {
	e.ExtendBaseWidget(e)
	r := &entryRenderer{e: e, back: canvas.NewRectangle(nil), caret: canvas.NewRectangle(nil)}
	e.blink.show = func(on bool) {
		r.caret.Hidden = !on
		canvas.Refresh(r.caret)
	}
	r.Refresh()
	return r
}

type entryRenderer struct {
	e           *Entry
	back, caret *canvas.Rectangle
	objects     []fyne.CanvasObject
}

func (r *entryRenderer) Destroy()                     {}
func (r *entryRenderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *entryRenderer) MinSize() fyne.Size           { return r.e.MinSize() }

func (r *entryRenderer) Layout(fyne.Size) {
	r.e.reveal()
	r.draw()
}

func (r *entryRenderer) Refresh() {
	r.draw()
	canvas.Refresh(r.e)
}

// draw creates the objects of what is visible.
func (r *entryRenderer) draw() {
	e, size := r.e, r.e.Size()
	if size.Width == 0 {
		return
	}
	e.lay()
	p := painter{size: TextSize, height: lineHeight(TextSize), preserve: true, old: texts(r.objects)}
	if !e.Bare {
		r.frame(size)
		p.objects = append(p.objects, r.back)
	}
	if e.Text == "" && e.PlaceHolder != "" {
		r.placeHolder(&p)
	}
	first, last := e.visible()
	for i := first; i < last; i++ {
		l := e.wrapped.lines[i]
		at := e.corner(i).Subtract(e.offset).AddXY(entryPad, entryPad)
		r.selection(&p, l, at)
		end := e.wrapped.trimmed(l)
		for _, s := range e.wrapped.runs(l, end) {
			p.run(s, at.X+s.x, at.Y)
		}
	}
	r.marks(&p, first, last)
	if e.focused {
		at := e.caretPosition().Subtract(e.offset).AddXY(entryPad, entryPad)
		r.caret.FillColor = Color(Accent)
		Put(r.caret, at.X-1, at.Y+2, 2, p.height-4)
		p.objects = append(p.objects, r.caret)
		r.caret.Hidden = !e.blink.on
	}
	r.bar(&p, size)
	r.objects = p.objects
}

// marks draws the marks in the lines from first to last, except one at the caret.
func (r *entryRenderer) marks(p *painter, first, last int) {
	for _, m := range r.e.marks {
		i := r.e.wrapped.lineOf(m.at)
		if !m.Shown || m.at == r.e.caret || i < first || i >= last {
			continue
		}
		at := r.e.positionIn(i, m.at).Subtract(r.e.offset).AddXY(entryPad, entryPad)
		p.rectangle(Record, 0, at.X-1, at.Y+2, 2, p.height-4)
	}
}

func (r *entryRenderer) frame(size fyne.Size) {
	r.back.FillColor, r.back.StrokeColor, r.back.StrokeWidth, r.back.CornerRadius = Color(Surface), Color(Line), 1, 8
	if r.e.focused {
		r.back.StrokeColor, r.back.StrokeWidth = Color(Accent), 1.5
	}
	Put(r.back, 0, 0, size.Width, size.Height)
}

func (r *entryRenderer) placeHolder(p *painter) {
	m := meterFor(fyne.TextStyle{}, TextSize)
	text := elide(r.e.PlaceHolder, r.e.room().Width, TextSize, fyne.TextStyle{})
	p.run(run{Span: Span{Text: text, Color: Muted}, w: m.width(text)}, entryPad, entryPad)
}

// visible returns the first line of wrapped that is visible, and the one behind the last.
func (e *Entry) visible() (first, last int) {
	n, size, h := len(e.wrapped.lines), e.Size(), lineHeight(TextSize)
	if e.many {
		y := e.offset.Y - entryPad
		return max(0, min(n, int(y/h))), max(0, min(n, int((y+size.Height)/h)+1))
	}
	x := e.offset.X - entryPad
	first = max(0, sort.Search(n, func(i int) bool { return e.lefts[i] > x })-1)
	last = sort.Search(n, func(i int) bool { return e.lefts[i] > x+size.Width })
	return first, last
}

// selection draws the background of the selected part of a line.
func (r *entryRenderer) selection(p *painter, l line, at fyne.Position) {
	e := r.e
	from, to := e.Selection()
	if from == to || to < l.start || from > l.end || to == l.start && l.end > l.start {
		return
	}
	bands := e.wrapped.bands(l, max(from, l.start), min(to, l.end))
	if n := len(bands); to > l.end && l.next > l.end { // the line end is selected too
		if n == 0 {
			x, _ := e.wrapped.edges(l, nil)
			bands = append(bands, [2]float32{x, x + 6})
		} else {
			bands[n-1][1] += 6
		}
	}
	for _, b := range bands {
		left, right := b[0], b[1]
		if e.many {
			right = min(right, e.room().Width+6)
		}
		if right > left {
			p.rectangle(theme.ColorNameSelection, 0, at.X+left, at.Y, right-left, p.height)
		}
	}
}

// bar draws how much of a text of many lines is visible.
func (r *entryRenderer) bar(p *painter, size fyne.Size) {
	all, room := r.e.extent().Height, r.e.room().Height
	if all <= room+1 || room <= 0 {
		return
	}
	h := max(16, room*room/all)
	y := (room - h) * r.e.offset.Y / (all - room)
	p.rectangle(Stone, 2, size.Width-6, entryPad+y, 4, h)
}
