package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"soberano/app/ui/bidi"
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
// at the end, and its time grows with the square of a line's length.
//
//	spans ──wrap──▶ lines at a width ──runs──▶ drawn pieces of one style each
//
// Of a text of more than mostWhole lines only those that are seen are drawn: See says which those are. The fields are set before the widget is shown; after that the methods change them.
//
// A place in the text is an offset in bytes in the texts of all spans, joined.
type Flow struct {
	widget.BaseWidget
	Spans    []Span
	TextSize float32        // 0: the constant TextSize
	Align    fyne.TextAlign // Leading: at the left, paragraphs from right to left at the right
	RTL      bool           // paragraphs without letters are from right to left
	Heavy    bool           // all of it is bold
	Preserve bool           // spaces at the beginnings of lines are kept (code)
	Caret    bool           // a block after the last word, which shows that more text is coming
	OnLink   func(url string, at fyne.Position)
	OnTap    func(at fyne.Position) // called for a tap outside links
	OnSee    func()                 // called when See says that the text is seen; it may change the text

	Selection *Selector     // nil: the text can't be selected
	Before    string        // what a copy has between the text before and this one
	Whole     func() string // the message of which this is a part; nil: none

	wrapped    *wrapped
	widest     float32 // the natural width; 0: not measured
	from, to   int     // the selected text
	seen       bool    // See was called, with:
	top, below float32
	links      []*link
	drawn      [2]int // the first line that is drawn, and the one behind the last
}

// mostWhole is the number of lines up to which all are drawn; so many are drawn of a longer text before See is called.
const mostWhole = 60

// mostNatural is the width beyond which the natural width of a text is not measured.
const mostNatural = 10_000

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
	f.Spans, f.wrapped, f.widest, f.from, f.to = spans, nil, 0, 0, 0
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
func (f *Flow) LineHeight() float32 { return lineHeight(f.size()) }

func lineHeight(size float32) float32 { return float32(int(size*1.5 + 0.5)) }

// HeightFor returns the height of the text, broken at that width.
func (f *Flow) HeightFor(width float32) float32 {
	f.breakAt(width)
	return float32(len(f.wrapped.lines)) * f.LineHeight()
}

// MinSize has a small width, and the height of the text at its present width.
func (f *Flow) MinSize() fyne.Size {
	w := f.Size().Width
	if w == 0 {
		w = f.NaturalWidth()
	}
	return fyne.NewSize(min(f.NaturalWidth(), 48), f.HeightFor(w))
}

// NaturalWidth returns the width of the longest line when nothing is wrapped, at most mostNatural.
func (f *Flow) NaturalWidth() float32 {
	if f.widest == 0 {
		f.wrap()
		f.widest = f.wrapped.natural(mostNatural) + 1
	}
	return f.widest
}

func (f *Flow) wrap() {
	if f.wrapped == nil {
		f.wrapped = wrap(f.Spans, f.size(), f.Preserve, f.Heavy)
		f.wrapped.ways.left = f.Align != fyne.TextAlignLeading
		if f.RTL {
			f.wrapped.ways.otherwise = bidi.RTL
		}
	}
}

// breakAt breaks the text into lines no wider than width.
func (f *Flow) breakAt(width float32) {
	f.wrap()
	f.wrapped.breakAt(width)
}

// See tells the text which part of it, measured from its upper edge, is inside the window.
func (f *Flow) See(top, below float32) {
	f.seen, f.top, f.below = true, top, below
	if f.OnSee != nil && below > 0 && top < f.Size().Height {
		f.OnSee()
	}
	if f.wrapped == nil || f.wrapped.lines == nil {
		return
	}
	first, last := f.visible()
	if d := f.drawn; last > first && (first < d[0] || last > d[1]) || last == first && d[1] > d[0] {
		f.Refresh()
	}
}

// visible returns the first line that is inside the window, and the one behind the last.
func (f *Flow) visible() (first, last int) {
	n, h := len(f.wrapped.lines), f.LineHeight()
	switch {
	case n <= mostWhole:
		return 0, n
	case !f.seen:
		return 0, mostWhole
	case f.below <= 0 || f.top >= f.below || f.top >= float32(n)*h:
		return 0, 0
	}
	return max(0, int(f.top/h)), min(n, int(min(f.below/h, float32(n)))+1)
}

// Text returns the text between two offsets.
func (f *Flow) Text(from, to int) string {
	f.wrap()
	n := len(f.wrapped.text)
	return f.wrapped.text[min(from, n):min(to, n)]
}

// Len returns the length of the text in bytes.
func (f *Flow) Len() int { f.wrap(); return len(f.wrapped.text) }

// OffsetAt returns the offset of the place that is nearest to a position.
func (f *Flow) OffsetAt(p fyne.Position) int {
	f.breakAt(f.Size().Width)
	w := f.wrapped
	i := int(p.Y / f.LineHeight())
	if p.Y < 0 {
		return 0
	}
	if i >= len(w.lines) {
		return len(w.text)
	}
	l := w.lines[i]
	return w.offsetAt(line{l.start, w.trimmed(l), l.next, l.w}, p.X-f.shift(w.runs(l, w.trimmed(l))))
}

// PositionOf returns where the text behind an offset is drawn: the upper left corner of the caret.
func (f *Flow) PositionOf(offset int) fyne.Position {
	f.breakAt(f.Size().Width)
	w := f.wrapped
	i := w.lineOf(offset)
	l := w.lines[i]
	return fyne.NewPos(w.xOf(l, offset)+f.shift(w.runs(l, w.trimmed(l))), float32(i)*f.LineHeight())
}

// Select marks the text between two offsets as selected.
func (f *Flow) Select(from, to int) {
	if from > to {
		from, to = to, from
	}
	if f.from != from || f.to != to {
		f.from, f.to = from, to
		f.Refresh()
	}
}

// Selected returns the offsets between which the text is selected; they are equal if none is.
func (f *Flow) Selected() (from, to int) { return f.from, f.to }

// linkAt returns the link at a position, "" where there is none.
func (f *Flow) linkAt(p fyne.Position) string {
	if f.wrapped == nil {
		return ""
	}
	i := int(p.Y / f.LineHeight())
	if p.Y < 0 || i >= len(f.wrapped.lines) {
		return ""
	}
	l := f.wrapped.lines[i]
	runs := f.wrapped.runs(l, f.wrapped.trimmed(l))
	dx := f.shift(runs)
	for _, r := range runs {
		if r.Link != "" && p.X >= r.x+dx && p.X < r.x+dx+r.w {
			return r.Link
		}
	}
	return ""
}

// shift returns how far a line stands from the left edge.
func (f *Flow) shift(runs []run) float32 {
	if len(runs) == 0 || f.Align == fyne.TextAlignLeading {
		return 0
	}
	last := runs[len(runs)-1]
	free := f.Size().Width - last.x - last.w
	if f.Align == fyne.TextAlignCenter {
		return max(0, free/2)
	}
	return max(0, free)
}

// Tapped opens a link.
func (f *Flow) Tapped(e *fyne.PointEvent) {
	if f.Selection != nil && !f.Selection.Empty() {
		return
	}
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
	if f.Selection != nil {
		return desktop.TextCursor
	}
	return desktop.DefaultCursor
}

// MouseDown begins a selection. It takes the focus from other widgets, so that the keys for copying are for this selection.
func (f *Flow) MouseDown(m *desktop.MouseEvent) {
	if f.Selection == nil {
		return
	}
	if c := canvasOf(f); c != nil {
		c.Unfocus()
	}
	f.Selection.press(f, m)
}

// MouseUp implements desktop.Mouseable.
func (f *Flow) MouseUp(*desktop.MouseEvent) {}

// Dragged extends the selection.
func (f *Flow) Dragged(d *fyne.DragEvent) {
	if f.Selection != nil {
		f.Selection.drag(f, d.Position)
	}
}

// DragEnd implements fyne.Draggable.
func (f *Flow) DragEnd() {}

// TappedSecondary shows the menu of a text that can be selected.
func (f *Flow) TappedSecondary(e *fyne.PointEvent) {
	if c := canvasOf(f); c != nil && f.Selection != nil {
		ShowMenu(c, f.Selection.menu(f), e.AbsolutePosition, nil)
	}
}
