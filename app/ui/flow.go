package ui

import (
	"image/color"
	"math"
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// Span is a piece of text in one style.
type Span struct {
	Text                       string
	Bold, Italic, Mono, Strike bool
	Link                       string
	Color                      fyne.ThemeColorName // "": Ink, or Accent for a link
	Mark                       fyne.ThemeColorName // the background; "": none
}

func (s Span) style() fyne.TextStyle {
	return fyne.TextStyle{Bold: s.Bold, Italic: s.Italic, Monospace: s.Mono}
}

func (s Span) same(o Span) bool { s.Text = o.Text; return s == o }

// Flow is wrapped text in several styles. Fyne's RichText has no background for code, no line height of its own and no caret
// at the end. A Flow draws one canvas.Text for each piece of one style on a line, so that a long plain paragraph has as many
// objects as lines.
//
//	spans ──cut──▶ words ──break at the width──▶ lines ──join equal styles──▶ runs
//
// Widths come from fyne.MeasureText, which Fyne caches for a minute. The fields are set before the widget is shown; after
// that the methods change them.
type Flow struct {
	widget.BaseWidget
	Spans    []Span
	TextSize float32 // 0: the constant TextSize
	Align    fyne.TextAlign
	Heavy    bool // all of it is bold
	Preserve bool // spaces at the beginnings of lines are kept (code)
	Caret    bool // a block after the last word, which shows that more text is coming
	OnLink   func(url string, at fyne.Position)
	OnTap    func(at fyne.Position) // called for a tap outside links

	width float32 // the width for which the lines were broken
	lines [][]run
}

type run struct {
	Span
	x, w float32
}

// NewFlow returns a paragraph.
func NewFlow(spans ...Span) *Flow {
	f := &Flow{Spans: spans}
	f.ExtendBaseWidget(f)
	return f
}

// Text returns a paragraph in one style.
func Text(text string, size float32, color fyne.ThemeColorName) *Flow {
	f := NewFlow(Span{Text: text, Color: color})
	f.TextSize = size
	return f
}

// Set replaces the text.
func (f *Flow) Set(spans ...Span) {
	f.Spans, f.lines = spans, nil
	f.Refresh()
}

// SetCaret shows or hides the caret.
func (f *Flow) SetCaret(on bool) {
	if f.Caret != on {
		f.Caret = on
		f.Refresh()
	}
}

func (f *Flow) size() float32 {
	if f.TextSize > 0 {
		return f.TextSize
	}
	return TextSize
}

// LineHeight returns one and a half times the text size.
func (f *Flow) LineHeight() float32 { return float32(int(f.size()*1.5 + 0.5)) }

// HeightFor returns the height of the text, broken at that width.
func (f *Flow) HeightFor(width float32) float32 {
	f.breakAt(width)
	return float32(max(1, len(f.lines))) * f.LineHeight()
}

// MinSize has a small width, and the height of the text at its present width.
func (f *Flow) MinSize() fyne.Size {
	w := f.Size().Width
	if w == 0 {
		w = f.NaturalWidth()
	}
	return fyne.NewSize(min(f.NaturalWidth(), 48), f.HeightFor(w))
}

// NaturalWidth returns the width of the longest line when nothing is wrapped.
func (f *Flow) NaturalWidth() float32 {
	var most, w float32
	for _, s := range f.Spans {
		s.Bold = s.Bold || f.Heavy
		for i, line := range strings.Split(s.Text, "\n") {
			if i > 0 {
				w = 0
			}
			w += fyne.MeasureText(line, f.size(), s.style()).Width
			most = max(most, w)
		}
	}
	return most + 1
}

// breakAt breaks the text into lines no wider than width.
func (f *Flow) breakAt(width float32) {
	width = max(width, 24)
	if f.lines != nil && f.width == width {
		return
	}
	b := breaker{flow: f, width: width}
	for _, s := range f.Spans {
		s.Bold = s.Bold || f.Heavy
		b.span(s)
	}
	b.newline()
	f.lines, f.width = b.lines, width
}

type breaker struct {
	flow  *Flow
	width float32
	lines [][]run
	line  []run
	x     float32
}

func (b *breaker) measure(text string, s Span) float32 {
	return fyne.MeasureText(text, b.flow.size(), s.style()).Width
}

func (b *breaker) newline() {
	for n := len(b.line); n > 0; n-- { // remove the space that the line break replaces
		last := &b.line[n-1]
		last.Text = strings.TrimRight(last.Text, " ")
		last.w = b.measure(last.Text, last.Span)
		if last.Text != "" {
			break
		}
		b.line = b.line[:n-1]
	}
	b.lines = append(b.lines, b.line)
	b.line, b.x = nil, 0
}

func (b *breaker) add(text string, w float32, s Span) {
	if n := len(b.line); n > 0 && b.line[n-1].Span.same(s) {
		last := &b.line[n-1]
		last.Text += text
		last.w = b.measure(last.Text, last.Span)
		b.x = last.x + last.w + b.gap(s)
		return
	}
	s.Text = text
	gap := b.gap(s)
	b.line = append(b.line, run{Span: s, x: b.x + gap, w: w})
	b.x += w + 2*gap
}

// gap returns the horizontal space that the background of inline code needs at each side.
func (b *breaker) gap(s Span) float32 {
	if s.Mono && !b.flow.Preserve {
		return 3
	}
	return 0
}

func (b *breaker) span(s Span) {
	for i, text := range strings.Split(strings.ReplaceAll(s.Text, "\t", "    "), "\n") {
		if i > 0 {
			b.newline()
		}
		for text != "" {
			var word string
			word, text = cutWord(text)
			b.word(word, s)
		}
	}
}

func (b *breaker) word(word string, s Span) {
	blank := strings.TrimSpace(word) == ""
	if blank && b.x == 0 && len(b.lines) > 0 && !b.flow.Preserve {
		return
	}
	w := b.measure(word, s)
	if b.x+w+2*b.gap(s) <= b.width || blank {
		b.add(word, w, s)
		return
	}
	if b.x > 0 {
		b.newline()
	}
	for w+2*b.gap(s) > b.width { // a word longer than a line is cut at the end of the line
		cut := b.fit(word, s)
		b.add(word[:cut], b.measure(word[:cut], s), s)
		b.newline()
		word = word[cut:]
		w = b.measure(word, s)
	}
	if word != "" {
		b.add(word, w, s)
	}
}

// fit returns the length in bytes of the longest beginning of the word that fits on a line, at least one character.
func (b *breaker) fit(word string, s Span) int {
	ends := []int{}
	for i, r := range word {
		if i > 0 && !unicode.Is(unicode.M, r) && r != 0x200d && r != 0xfe0f {
			ends = append(ends, i)
		}
	}
	ends = append(ends, len(word))
	low, high := 0, len(ends)-1
	for low < high {
		mid := (low + high + 1) / 2
		if b.measure(word[:ends[mid]], s)+2*b.gap(s) <= b.width {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return ends[low]
}

// cutWord splits off the next word or the next spaces. In scripts that are written without spaces a line may end after
// every character.
func cutWord(text string) (word, rest string) {
	space := text[0] == ' '
	for i, r := range text {
		if i == 0 {
			continue
		}
		if (r == ' ') != space || !space && (unspaced(r) && !unicode.IsPunct(r) || unspaced(lastRune(text[:i]))) && !unicode.Is(unicode.M, r) {
			return text[:i], text[i:]
		}
	}
	return text, ""
}

func lastRune(s string) (last rune) {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i]&0xc0 != 0x80 {
			for _, r := range s[i:] {
				return r
			}
		}
	}
	return 0
}

func unspaced(r rune) bool {
	return r >= 0x2e80 && (unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || r >= 0x3000 && r <= 0x303f || r >= 0xff00 && r <= 0xff60)
}

// CreateRenderer implements fyne.Widget.
func (f *Flow) CreateRenderer() fyne.WidgetRenderer {
	f.ExtendBaseWidget(f)
	r := &flowRenderer{f: f}
	if size := f.Size(); size.Width > 0 { // after a minute out of sight Fyne makes a new renderer and does not call Layout
		r.Layout(size)
	}
	return r
}

// linkAt returns the link at a position, "" where there is none.
func (f *Flow) linkAt(p fyne.Position) string {
	i := int(p.Y / f.LineHeight())
	if p.Y < 0 || i >= len(f.lines) {
		return ""
	}
	dx := f.shift(f.lines[i])
	for _, r := range f.lines[i] {
		if r.Link != "" && p.X >= r.x+dx && p.X < r.x+dx+r.w {
			return r.Link
		}
	}
	return ""
}

func (f *Flow) shift(line []run) float32 {
	if len(line) == 0 || f.Align == fyne.TextAlignLeading {
		return 0
	}
	last := line[len(line)-1]
	free := f.Size().Width - last.x - last.w
	if f.Align == fyne.TextAlignCenter {
		return max(0, free/2)
	}
	return max(0, free)
}

// Tapped opens a link.
func (f *Flow) Tapped(e *fyne.PointEvent) {
	if url := f.linkAt(e.Position); url != "" && f.OnLink != nil {
		f.OnLink(url, e.AbsolutePosition)
	} else if f.OnTap != nil {
		f.OnTap(e.Position)
	}
}

// Cursor returns a pointer if the text has links.
func (f *Flow) Cursor() desktop.Cursor {
	if f.OnTap != nil {
		return desktop.TextCursor
	}
	if f.OnLink != nil {
		for _, s := range f.Spans {
			if s.Link != "" {
				return desktop.PointerCursor
			}
		}
	}
	return desktop.DefaultCursor
}

type flowRenderer struct {
	f       *Flow
	objects []fyne.CanvasObject
	drawn   float32 // the width for which the objects were made; -1: none were made
}

func (r *flowRenderer) Destroy()                     {}
func (r *flowRenderer) Objects() []fyne.CanvasObject { return r.objects }
func (r *flowRenderer) MinSize() fyne.Size           { return r.f.MinSize() }

func (r *flowRenderer) Layout(size fyne.Size) {
	r.f.breakAt(size.Width)
	if r.drawn != size.Width || len(r.objects) == 0 {
		r.draw(size)
	}
}

func (r *flowRenderer) Refresh() {
	if w := r.f.Size().Width; w > 0 {
		r.f.breakAt(w)
	}
	r.draw(r.f.Size())
	canvas.Refresh(r.f)
}

// draw creates the objects again, except those of lines that have not changed.
func (r *flowRenderer) draw(size fyne.Size) {
	f := r.f
	r.drawn = size.Width
	old := map[string]*canvas.Text{}
	for _, o := range r.objects {
		if t, ok := o.(*canvas.Text); ok {
			old[textKey(t)] = t
		}
	}
	r.objects = r.objects[:0:0]
	h := f.LineHeight()
	x := float32(0)
	for i, line := range f.lines {
		dx, y := f.shift(line), float32(i)*h
		x = dx
		for _, s := range line {
			r.run(s, s.x+dx, y, h, old)
			x = s.x + dx + s.w
		}
	}
	if f.Caret {
		c := canvas.NewRectangle(Color(Accent))
		c.CornerRadius = 2
		Put(c, x+2, float32(max(0, len(f.lines)-1))*h+3, 7, h-6)
		r.objects = append(r.objects, c)
	}
}

func (r *flowRenderer) run(s run, x, y, h float32, old map[string]*canvas.Text) {
	f := r.f
	ink := Color(s.ink())
	if s.Mono && !f.Preserve {
		b := canvas.NewRectangle(Color(Code))
		b.StrokeColor, b.StrokeWidth, b.CornerRadius = Color(Line), 1, 4
		Put(b, x-3, y+1, s.w+6, h-2)
		r.objects = append(r.objects, b)
	}
	if s.Mark != "" {
		b := canvas.NewRectangle(Color(s.Mark))
		b.CornerRadius = 3
		Put(b, x-1, y+1, s.w+2, h-2)
		r.objects = append(r.objects, b)
	}
	t := canvas.NewText(s.Text, ink)
	t.TextSize, t.TextStyle = f.size(), s.style()
	if was := old[textKey(t)]; was != nil {
		delete(old, textKey(t))
		t = was
	}
	th := t.MinSize().Height
	// Fyne draws a text as high as the pixels between its rounded top and its rounded bottom, into an image whose height is
	// rounded up. At an offset of just under half a pixel the two heights are equal, and the last row of pixels, which holds
	// the underscores, is not cut off.
	Put(t, x, float32(math.Floor(float64(y+(h-th)/2)))+0.45, s.w, th)
	r.objects = append(r.objects, t)
	if s.Link != "" || s.Strike {
		l := canvas.NewRectangle(ink)
		at := y + h - 4
		if s.Strike {
			at = y + h/2
		}
		Put(l, x, at, s.w, 1)
		r.objects = append(r.objects, l)
	}
}

func (s Span) ink() fyne.ThemeColorName {
	switch {
	case s.Color != "":
		return s.Color
	case s.Link != "":
		return Accent
	}
	return theme.ColorNameForeground
}

func textKey(t *canvas.Text) string {
	c := color.NRGBAModel.Convert(t.Color).(color.NRGBA)
	style := 0
	if t.TextStyle.Bold {
		style |= 1
	}
	if t.TextStyle.Italic {
		style |= 2
	}
	if t.TextStyle.Monospace {
		style |= 4
	}
	return string([]rune{rune(t.TextSize), rune(style), rune(c.R), rune(c.G), rune(c.B)}) + t.Text
}
