package ui

import (
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"

	"soberano/app/ui/bidi"
)

// CreateRenderer implements fyne.Widget.
func (f *Flow) CreateRenderer() fyne.WidgetRenderer {
	f.ExtendBaseWidget(f)
	return &flowRenderer{f: f, stale: true}
}

type flowRenderer struct {
	f       *Flow
	objects []fyne.CanvasObject
	stale   bool    // the objects are made when Fyne asks for them, which it does for what is seen
	width   float32 // for which the objects were made
}

func (r *flowRenderer) Destroy()           {}
func (r *flowRenderer) MinSize() fyne.Size { return r.f.MinSize() }

func (r *flowRenderer) Objects() []fyne.CanvasObject {
	if r.stale {
		r.stale = false
		r.draw(r.f.Size())
	}
	return r.objects
}

func (r *flowRenderer) Layout(size fyne.Size) { r.stale = r.stale || r.width != size.Width }

func (r *flowRenderer) Refresh() {
	r.stale = true
	canvas.Refresh(r.f)
}

// draw creates the objects of the visible lines, and of some above and below them. Texts that were drawn before are used
// again.
func (r *flowRenderer) draw(size fyne.Size) {
	f := r.f
	if size.Width <= 0 {
		return
	}
	f.breakAt(size.Width)
	r.width = size.Width
	first, last := f.visible()
	if last > first && last-first < len(f.wrapped.lines) {
		const n = nearby / 20 // lines
		first, last = max(0, first-n), min(len(f.wrapped.lines), last+n)
	}
	f.drawn = [2]int{first, last}
	p := painter{size: f.size(), height: f.LineHeight(), preserve: f.Preserve, old: texts(r.objects)}
	var links linkPieces
	for i := first; i < last; i++ {
		l := f.wrapped.lines[i]
		runs := f.wrapped.runs(l, f.wrapped.trimmed(l))
		dx, y := f.shift(runs), float32(i)*p.height
		f.selection(&p, l, dx, y)
		for _, s := range runs {
			p.run(s, s.x+dx, y)
			links.add(s.Link, piece{s.x + dx, y, s.w, p.height})
		}
		if f.Caret && i == len(f.wrapped.lines)-1 {
			_, x := f.wrapped.edges(l, runs)
			if f.wrapped.direction(l.start) == bidi.RTL {
				x -= 11
			}
			p.rectangle(Accent, 2, dx+x+2, y+3, 7, p.height-6)
		}
	}
	r.objects = append(p.objects, f.place(links)...)
}

// selection draws the background of the selected part of a line.
func (f *Flow) selection(p *painter, l line, dx, y float32) {
	w := f.wrapped
	from, to := max(f.from, l.start), min(f.to, w.trimmed(l))
	if from > to || f.from == f.to || from == to && f.to <= l.end {
		return
	}
	if from == to { // an empty line
		p.rectangle(theme.ColorNameSelection, 0, dx+w.xOf(l, from), y, 4, p.height)
		return
	}
	for _, b := range w.bands(l, from, to) {
		p.rectangle(theme.ColorNameSelection, 0, dx+b[0], y, b[1]-b[0], p.height)
	}
}

// painter makes the objects that draw lines of text.
type painter struct {
	size, height float32
	preserve     bool
	old          map[textKey]*canvas.Text // texts that may be used again
	objects      []fyne.CanvasObject
}

func (p *painter) rectangle(name fyne.ThemeColorName, radius, x, y, w, h float32) *canvas.Rectangle {
	b := canvas.NewRectangle(Color(name))
	b.CornerRadius = radius
	Put(b, x, y, w, h)
	p.objects = append(p.objects, b)
	return b
}

// run draws a run at x in the line whose upper edge is y.
func (p *painter) run(s run, x, y float32) {
	if s.Mono && !p.preserve {
		b := p.rectangle(Code, 4, x-3, y+1, s.w+6, p.height-2)
		b.StrokeColor, b.StrokeWidth = Color(Line), 1
	}
	if s.Mark != "" {
		p.rectangle(s.Mark, 3, x-1, y+1, s.w+2, p.height-2)
	}
	ink := Color(s.ink())
	t := canvas.NewText(s.Text, ink)
	t.TextSize, t.TextStyle = p.size, s.style()
	th := textHeight(p.size, t.TextStyle)
	top := float32(math.Floor(float64(y + (p.height-th)/2)))
	switch {
	case s.emoji:
		t.FontSource = emojiFont()
		top += p.baseline(s.style(), nil) - p.baseline(s.style(), t.FontSource)
		th = t.MinSize().Height
	case s.meter != nil && s.meter.leads(s.Text):
		t.Text = fontStart + t.Text
	}
	if was := p.old[keyOf(t)]; was != nil {
		delete(p.old, keyOf(t))
		t = was
	}
	// Fyne draws a text as high as the pixels between its rounded top and its rounded bottom, into an image whose height is
	// rounded up. At an offset of just under half a pixel the two heights are equal, and the last row of pixels, which holds
	// the underscores, is not cut off.
	Put(t, x, top+0.45, s.w, th)
	p.objects = append(p.objects, t)
	if s.Link != "" {
		p.rectangle(s.ink(), 0, x, y+p.height-4, s.w, 1)
	}
	if s.Strike {
		p.rectangle(s.ink(), 0, x, y+p.height/2, s.w, 1)
	}
}

// fontStart begins a text whose first letter is in another font than that of its style. Fyne puts the baseline where the first
// font needs it, and cuts off what is below the line height of the style's font. This rune has no width and no shape, and
// takes the font of the style.
const fontStart = "\u200b"

// baseline returns the distance of the baseline from the top of a text, in whole pixels at scale 1.
func (p *painter) baseline(style fyne.TextStyle, font fyne.Resource) float32 {
	_, y := fyne.CurrentApp().Driver().RenderedTextSize(" ", p.size, style, font)
	return float32(math.Ceil(float64(y)))
}

// textKey is what decides how a text looks.
type textKey struct {
	text  string
	size  float32
	style fyne.TextStyle
	ink   color.NRGBA
	emoji bool
}

func keyOf(t *canvas.Text) textKey {
	return textKey{t.Text, t.TextSize, t.TextStyle, color.NRGBAModel.Convert(t.Color).(color.NRGBA), t.FontSource != nil}
}

// texts returns the texts among objects.
func texts(objects []fyne.CanvasObject) map[textKey]*canvas.Text {
	list := map[textKey]*canvas.Text{}
	for _, o := range objects {
		if t, ok := o.(*canvas.Text); ok {
			list[keyOf(t)] = t
		}
	}
	return list
}
