package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// Long is a scrolled column of very many rows: a transcript of a day has ten thousand. Objects exist for the visible rows
// only. The height of a row depends on its width, and measuring all rows takes seconds, so a row that has not been visible
// yet counts with the height that Guess returns.
//
//	rows   0 1 2 … 41 │ 42 43 44 45 46 │ 47 …
//	       guessed    │ measured, drawn │ guessed      what is above keeps its bottom edge when
//	                  ╰── the viewport ─╯              it turns out taller or lower than guessed
//
// When a row above the visible ones gets its measured height, its bottom edge keeps its place. Fyne's own list walks over
// all rows each time one height is set. The functions are set before the widget is shown.
type Long struct {
	widget.BaseWidget
	Count func() int
	// Height returns the height of a row at a width. Guess returns nearly the same without measuring text.
	Height, Guess func(row int, width float32) float32
	New           func() fyne.CanvasObject
	Fill          func(row int, o fyne.CanvasObject) // fills an object that may have shown another row before
	Most          float32                            // the maximum width of a row
	Side, Ends    float32                            // padding

	scroll  *container.Scroll
	body    *fyne.Container
	heights []float32
	known   []bool
	shown   map[int]fyne.CanvasObject
	spare   []fyne.CanvasObject
	width   float32 // the row width for which the heights are valid
	size    fyne.Size
	busy    bool
}

// NewLong returns a column without rows.
func NewLong() *Long {
	l := &Long{shown: map[int]fyne.CanvasObject{}, Most: ColumnWidth, Side: 24, Ends: 16}
	l.body = &fyne.Container{Layout: (*longBody)(l)}
	l.scroll = container.NewVScroll(l.body)
	l.scroll.OnScrolled = func(fyne.Position) { l.arrange() }
	l.ExtendBaseWidget(l)
	return l
}

// longBody is the layout of the rows. It does nothing: arrange places them.
type longBody Long

func (b *longBody) Layout([]fyne.CanvasObject, fyne.Size) {}
func (b *longBody) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(80, (*Long)(b).total())
}

// Contents implements Holder.
func (l *Long) Contents() []fyne.CanvasObject { return []fyne.CanvasObject{l.scroll} }

// CreateRenderer implements fyne.Widget.
func (l *Long) CreateRenderer() fyne.WidgetRenderer { return &longRenderer{l} }

type longRenderer struct{ l *Long }

func (r *longRenderer) Destroy()                     {}
func (r *longRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.l.scroll} }
func (r *longRenderer) MinSize() fyne.Size           { return fyne.NewSize(120, 60) }
func (r *longRenderer) Refresh()                     { r.l.Redraw() }

func (r *longRenderer) Layout(size fyne.Size) {
	l := r.l
	first, inside := l.anchor()
	l.size = size
	if w := min(l.Most, size.Width-2*l.Side); w != l.width {
		l.width = w
		l.known = nil // the width has changed, so all heights are unknown
		l.heights = nil
	}
	l.grow()
	Put(l.scroll, 0, 0, size.Width, size.Height)
	if first >= len(l.heights) { // there are fewer rows than before
		l.to(l.scroll.Offset.Y)
	} else if first > 0 || inside > 0 {
		l.to(l.top(first) + min(inside, l.heights[first]))
	}
	l.arrange()
}

// anchor returns the first visible row, and how much of it is above the viewport.
func (l *Long) anchor() (row int, inside float32) {
	y := l.Ends
	for i, h := range l.heights {
		if y+h > l.scroll.Offset.Y {
			return i, max(0, l.scroll.Offset.Y-y)
		}
		y += h
	}
	return 0, 0
}

// grow extends the list of heights to the number of rows.
func (l *Long) grow() {
	n := l.Count()
	if len(l.heights) > n {
		l.heights, l.known = l.heights[:n], l.known[:n]
	}
	for i := len(l.heights); i < n; i++ {
		l.heights, l.known = append(l.heights, l.Guess(i, l.width)), append(l.known, false)
	}
}

func (l *Long) total() float32 {
	h := 2 * l.Ends
	for _, x := range l.heights {
		h += x
	}
	return h
}

// top returns the position at which a row begins.
func (l *Long) top(row int) float32 {
	y := l.Ends
	for _, x := range l.heights[:row] {
		y += x
	}
	return y
}

// arrange measures and places the visible rows, and releases the objects of the others.
func (l *Long) arrange() {
	if l.busy || l.size.Height <= 0 || l.width <= 0 {
		return
	}
	l.busy = true
	defer func() { l.busy = false }()
	l.grow()
	if l.scroll.Offset.Y > max(0, l.total()-l.size.Height) {
		l.to(l.scroll.Offset.Y) // the rows got shorter than guessed, so the offset may be too large
	}
	for range 8 { // measured heights can bring other rows into view; mostly they don't
		y, changed := l.scroll.Offset.Y, false
		first, last := l.measure(&y, &changed)
		l.place(first, last)
		if !changed && l.scroll.Offset.Y <= max(0, l.total()-l.size.Height) {
			break
		}
		l.to(y)
	}
	canvas.Refresh(l.body)
}

// measure measures the rows that are visible at offset y and returns the first and the last. It changes y so that the
// bottom edge of the first row keeps its place.
func (l *Long) measure(y *float32, changed *bool) (first, last int) {
	first, _ = l.anchor()
	top := l.top(first)
	for last = first; last < len(l.heights) && top < *y+l.size.Height; last++ {
		if !l.known[last] {
			l.known[last] = true
			if d := l.Height(last, l.width) - l.heights[last]; d != 0 {
				*changed = true
				if last == first && top < *y {
					*y = max(0, *y+d)
				}
				l.heights[last] += d
			}
		}
		top += l.heights[last]
	}
	return first, last
}

func (l *Long) place(first, last int) {
	for i, o := range l.shown {
		if i < first || i >= last {
			o.Hide()
			delete(l.shown, i)
			l.spare = append(l.spare, o)
		}
	}
	x, y := (l.size.Width-l.width)/2, l.top(first)
	for i := first; i < last; i++ {
		o := l.shown[i]
		if o == nil {
			o = l.object()
			l.shown[i] = o
			o.Show()
			l.Fill(i, o)
		}
		Put(o, float32(int(x)), y, l.width, l.heights[i])
		See(o, l.scroll.Offset.Y-y, l.scroll.Offset.Y+l.size.Height-y)
		y += l.heights[i]
	}
}

// object returns an object that no row uses.
func (l *Long) object() fyne.CanvasObject {
	if n := len(l.spare); n > 0 {
		o := l.spare[n-1]
		l.spare = l.spare[:n-1]
		return o
	}
	o := l.New()
	l.body.Objects = append(l.body.Objects, o)
	return o
}

// to scrolls, and updates the scroll bar even where the position is the same.
func (l *Long) to(y float32) {
	y = max(0, min(y, l.total()-l.size.Height))
	l.scroll.Offset = fyne.NewPos(0, y+0.25)
	l.scroll.ScrollToOffset(fyne.NewPos(0, y))
}

// Reload discards all rows and starts at the top.
func (l *Long) Reload() {
	l.heights, l.known = nil, nil
	l.forget()
	l.to(0)
	l.arrange()
}

// Redraw fills and measures the visible rows again.
func (l *Long) Redraw() {
	for i := range l.shown {
		if i < len(l.known) {
			l.known[i] = false
		}
	}
	for i, o := range l.shown {
		if i < l.Count() {
			l.Fill(i, o)
		}
	}
	l.arrange()
}

// Changed fills a row again, if it is visible.
func (l *Long) Changed(row int) {
	if row < 0 || row >= min(len(l.known), l.Count()) {
		l.arrange()
		return
	}
	l.known[row] = false
	if o := l.shown[row]; o != nil {
		l.Fill(row, o)
	}
	l.arrange()
}

// Grown shows rows that were added at the end. With follow, a column that shows its end keeps showing it.
func (l *Long) Grown(follow bool) {
	end := follow && len(l.heights) > 0 && l.scroll.Offset.Y+l.size.Height >= l.total()-24
	l.grow()
	l.arrange()
	if end {
		l.to(l.total())
		l.arrange()
	} else {
		l.to(l.scroll.Offset.Y)
	}
}

func (l *Long) forget() {
	for i, o := range l.shown {
		o.Hide()
		delete(l.shown, i)
		l.spare = append(l.spare, o)
	}
}

// Row returns the object that shows a row, nil if the row is not visible.
func (l *Long) Row(row int) fyne.CanvasObject { return l.shown[row] }

// Reveal scrolls so that a row is visible. A visible row causes no scrolling; another is placed at a third of the height,
// so that the rows before it can be seen.
func (l *Long) Reveal(row int) {
	l.grow()
	if row < 0 || row >= len(l.heights) || l.size.Height <= 0 {
		return
	}
	top := l.top(row)
	if y := l.scroll.Offset.Y; l.known[row] && top >= y && top+l.heights[row] <= y+l.size.Height {
		return
	}
	for range 8 { // repeated with the heights that the previous pass has measured
		l.to(l.top(row) - l.size.Height/3)
		l.arrange()
		if y := l.top(row) - l.scroll.Offset.Y; l.known[row] && y >= 0 && y+min(l.heights[row], l.size.Height/2) <= l.size.Height {
			return
		}
	}
}

// InSight reports whether a row is visible.
func (l *Long) InSight(row int) bool {
	if row < 0 || row >= len(l.heights) {
		return false
	}
	top, y := l.top(row), l.scroll.Offset.Y
	return top+l.heights[row] > y && top < y+l.size.Height
}

// Page scrolls by a share of the height. It serves the keyboard.
func (l *Long) Page(share float32) {
	l.to(l.scroll.Offset.Y + share*l.size.Height)
	l.arrange()
}
