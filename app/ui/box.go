package ui

import (
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// Box is a rounded surface that holds one object.
type Box struct {
	widget.BaseWidget
	Content      fyne.CanvasObject
	Fill, Stroke fyne.ThemeColorName // "": not drawn
	Radius       float32
	Bubble       bool // the lower right corner has a small radius
	PadX, PadY   float32
	StrokeWidth  float32 // 0 means 1
}

// NewBox returns a box with an outline.
func NewBox(fill, stroke fyne.ThemeColorName, radius, padX, padY float32, content fyne.CanvasObject) *Box {
	b := &Box{Content: content, Fill: fill, Stroke: stroke, Radius: radius, PadX: padX, PadY: padY}
	b.ExtendBaseWidget(b)
	return b
}

// SetStroke changes the colour and the width of the outline.
func (b *Box) SetStroke(name fyne.ThemeColorName, width float32) {
	if b.Stroke != name || b.StrokeWidth != width {
		b.Stroke, b.StrokeWidth = name, width
		b.Refresh()
	}
}

// Contents implements Holder.
func (b *Box) Contents() []fyne.CanvasObject { return []fyne.CanvasObject{b.Content} }

// HeightFor returns the height of the content plus the padding.
func (b *Box) HeightFor(width float32) float32 {
	return HeightFor(b.Content, max(0, width-2*b.PadX)) + 2*b.PadY
}

// CreateRenderer implements fyne.Widget.
func (b *Box) CreateRenderer() fyne.WidgetRenderer {
	b.ExtendBaseWidget(b)
	r := &boxRenderer{b: b, back: canvas.NewRectangle(nil)}
	r.paint()
	r.Layout(b.Size()) // after a minute out of sight Fyne makes a new renderer and does not call Layout
	return r
}

type boxRenderer struct {
	b    *Box
	back *canvas.Rectangle
}

func (r *boxRenderer) Destroy() {}

func (r *boxRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.b.Content}
}

func (r *boxRenderer) MinSize() fyne.Size {
	return r.b.Content.MinSize().AddWidthHeight(2*r.b.PadX, 2*r.b.PadY)
}

func (r *boxRenderer) Layout(size fyne.Size) {
	Put(r.back, 0, 0, size.Width, size.Height)
	Put(r.b.Content, r.b.PadX, r.b.PadY, size.Width-2*r.b.PadX, size.Height-2*r.b.PadY)
}

func (r *boxRenderer) paint() {
	b := r.b
	r.back.FillColor, r.back.StrokeColor, r.back.StrokeWidth = nil, nil, 0
	if b.Fill != "" {
		r.back.FillColor = Color(b.Fill)
	}
	if b.Stroke != "" {
		r.back.StrokeColor, r.back.StrokeWidth = Color(b.Stroke), max(1, b.StrokeWidth)
	}
	r.back.CornerRadius = b.Radius
	if b.Bubble {
		r.back.BottomRightCornerRadius = 3
	}
}

func (r *boxRenderer) Refresh() {
	r.paint()
	r.back.Refresh()
	r.Layout(r.b.Size())
	r.b.Content.Refresh()
}

// Label is one line of text, shortened with an ellipsis where it does not fit.
type Label struct {
	widget.BaseWidget
	Text     string
	TextSize float32
	Color    fyne.ThemeColorName
	Bold     bool
	Italic   bool
	Least    float32 // the width that it can shrink to; 0: it does not shrink
}

// NewLabel returns a line of text.
func NewLabel(text string, size float32, color fyne.ThemeColorName) *Label {
	l := &Label{Text: text, TextSize: size, Color: color}
	l.ExtendBaseWidget(l)
	return l
}

// Strong makes the text bold.
func (l *Label) Strong() *Label { l.Bold = true; return l }

// Shrink lets the label become as narrow as least.
func (l *Label) Shrink(least float32) *Label { l.Least = least; return l }

// Set changes the text.
func (l *Label) Set(text string) {
	if l.Text != text {
		l.Text = text
		l.Refresh()
	}
}

// CreateRenderer implements fyne.Widget.
func (l *Label) CreateRenderer() fyne.WidgetRenderer {
	l.ExtendBaseWidget(l)
	r := &labelRenderer{l: l, text: canvas.NewText(l.Text, nil)}
	r.paint()
	r.Layout(l.Size())
	return r
}

// labelRenderer draws a label as one text, or in pieces where Fyne would not draw the text as it should be: in two directions, with
// emoji of several characters, or beginning in another font.
type labelRenderer struct {
	l      *Label
	text   *canvas.Text
	pieces []fyne.CanvasObject
}

func (r *labelRenderer) Destroy() {}

func (r *labelRenderer) Objects() []fyne.CanvasObject {
	if r.pieces != nil {
		return r.pieces
	}
	return []fyne.CanvasObject{r.text}
}

func (r *labelRenderer) MinSize() fyne.Size {
	m := measure(r.l.Text, r.l.TextSize, r.text.TextStyle)
	if r.l.Least > 0 {
		m.Width = min(m.Width, r.l.Least)
	}
	return m
}

func (r *labelRenderer) Layout(size fyne.Size) {
	text := elide(r.l.Text, size.Width, r.l.TextSize, r.text.TextStyle)
	if r.pieces = r.draw(text, size.Height); r.pieces != nil {
		canvas.Refresh(r.l)
		return
	}
	if text != r.text.Text {
		r.text.Text = text
		r.text.Refresh()
	}
	m := r.text.MinSize()
	Put(r.text, 0, (size.Height-m.Height)/2, m.Width, m.Height)
}

// draw returns the pieces of a text, nil if it is one.
func (r *labelRenderer) draw(text string, height float32) []fyne.CanvasObject {
	if ascii(text) {
		return nil
	}
	l := r.l
	w := wrap([]Span{{Text: text, Bold: l.Bold, Italic: l.Italic, Color: l.Color}}, l.TextSize, true, false)
	if set := w.meters[0].set; !w.twoWay() && !w.meters[0].leads(text) {
		if _, _, emoji := set.nextEmoji(text); !emoji {
			return nil
		}
	}
	w.ways.left = true
	w.breakAt(mostNatural)
	p := painter{size: l.TextSize, height: height, preserve: true}
	for _, s := range w.runs(w.lines[0], w.lines[0].end) {
		p.run(s, s.x, 0)
	}
	return p.objects
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (r *labelRenderer) paint() {
	r.text.TextSize, r.text.TextStyle = r.l.TextSize, fyne.TextStyle{Bold: r.l.Bold, Italic: r.l.Italic}
	r.text.Color = Color(r.l.Color)
}

func (r *labelRenderer) Refresh() {
	r.paint()
	r.Layout(r.l.Size())
	r.text.Refresh()
}

// Part is one section of a Bar.
type Part struct {
	Share float32 // of the whole, 0 … 1
	Color fyne.ThemeColorName
}

// Bar is a bar chart of one row: it shows how much of something is used, in one or more colours.
type Bar struct {
	widget.BaseWidget
	Thick, Wide float32 // the minimum size
	parts       []Part
}

// NewBar returns a bar with the given minimum size.
func NewBar(wide, thick float32, parts ...Part) *Bar {
	b := &Bar{Thick: thick, Wide: wide, parts: parts}
	b.ExtendBaseWidget(b)
	return b
}

// Set replaces the parts.
func (b *Bar) Set(parts ...Part) {
	b.parts = parts
	b.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (b *Bar) CreateRenderer() fyne.WidgetRenderer {
	b.ExtendBaseWidget(b)
	r := &barRenderer{b: b, back: canvas.NewRectangle(Color(Line))}
	r.Refresh()
	return r
}

type barRenderer struct {
	b    *Bar
	back *canvas.Rectangle
	fill []*canvas.Rectangle
}

func (r *barRenderer) Destroy() {}

func (r *barRenderer) Objects() []fyne.CanvasObject {
	o := []fyne.CanvasObject{r.back}
	for _, f := range r.fill {
		o = append(o, f)
	}
	return o
}

func (r *barRenderer) MinSize() fyne.Size { return fyne.NewSize(r.b.Wide, r.b.Thick) }

func (r *barRenderer) Layout(size fyne.Size) {
	y, h := (size.Height-r.b.Thick)/2, r.b.Thick
	Put(r.back, 0, y, size.Width, h)
	var x float32
	for i, p := range r.b.parts {
		w := max(0, min(p.Share*size.Width, size.Width-x))
		Put(r.fill[i], x, y, w, h)
		x += w
	}
}

func (r *barRenderer) Refresh() {
	r.back.FillColor, r.back.CornerRadius = Color(Line), r.b.Thick/2
	r.fill = r.fill[:0]
	for i, p := range r.b.parts {
		f := canvas.NewRectangle(Color(p.Color))
		if i == 0 {
			f.TopLeftCornerRadius, f.BottomLeftCornerRadius = r.b.Thick/2, r.b.Thick/2
		}
		if i == len(r.b.parts)-1 {
			f.TopRightCornerRadius, f.BottomRightCornerRadius = r.b.Thick/2, r.b.Thick/2
		}
		r.fill = append(r.fill, f)
	}
	r.Layout(r.b.Size())
	canvas.Refresh(r.b)
}

// Fill is a surface in one colour of the theme.
type Fill struct {
	widget.BaseWidget
	Color  fyne.ThemeColorName
	Least  fyne.Size
	Radius float32
}

// NewFill returns a surface of at least the given size.
func NewFill(color fyne.ThemeColorName, width, height float32) *Fill {
	f := &Fill{Color: color, Least: fyne.NewSize(width, height)}
	f.ExtendBaseWidget(f)
	return f
}

// NewRule returns a thin horizontal line.
func NewRule() *Fill { return NewFill(Line, 1, 1) }

// CreateRenderer implements fyne.Widget.
func (f *Fill) CreateRenderer() fyne.WidgetRenderer {
	f.ExtendBaseWidget(f)
	r := &fillRenderer{f: f, back: &canvas.Rectangle{FillColor: Color(f.Color), CornerRadius: f.Radius}}
	r.Layout(f.Size())
	return r
}

type fillRenderer struct {
	f    *Fill
	back *canvas.Rectangle
}

func (r *fillRenderer) Destroy()                     {}
func (r *fillRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.back} }
func (r *fillRenderer) MinSize() fyne.Size           { return r.f.Least }
func (r *fillRenderer) Layout(size fyne.Size)        { Put(r.back, 0, 0, size.Width, size.Height) }
func (r *fillRenderer) Refresh() {
	r.back.FillColor, r.back.CornerRadius = Color(r.f.Color), r.f.Radius
	r.back.Refresh()
}
