package ui

import (
	"strings"
	"time"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// menuList draws the items of a menu, of which one can be selected, and scrolls where there is not enough space for all. Fyne's
// menus don't scroll to the item that is selected by the keyboard.
//
//	╭──────────────────────╮
//	│   Afrikaans          │
//	│ ✓ Albanian           │  checked
//	│▒▒▒Amharic▒▒▒▒▒▒▒▒▒▒▒▒│  selected
//	╰──────────────────────╯
type menuList struct {
	frame  *Box
	scroll *container.Scroll
	column *fyne.Container
	rows   []*menuRow
	at     int // the selected row; -1: none

	typed   string // the letters of find
	typedAt time.Time
}

// newMenuList returns the items of a menu. done is called before the action of a triggered item.
func newMenuList(menu *fyne.Menu, done func()) *menuList {
	l := &menuList{at: -1, column: NewColumn(0)}
	for _, item := range menu.Items {
		if item.IsSeparator {
			l.column.Add(&fyne.Container{Layout: &Column{Top: 4, Bottom: 4}, Objects: []fyne.CanvasObject{NewRule()}})
			continue
		}
		row := &menuRow{list: l, item: item, number: len(l.rows), done: done}
		row.ExtendBaseWidget(row)
		l.rows = append(l.rows, row)
		l.column.Add(row)
	}
	l.scroll = container.NewVScroll(l.column)
	l.frame = NewBox(Surface, Line, 8, 1, 5, l.scroll)
	return l
}

// size returns the size with which all items are shown.
func (l *menuList) size() fyne.Size {
	m := l.column.MinSize()
	return fyne.NewSize(m.Width, m.Height).AddWidthHeight(2*l.frame.PadX, 2*l.frame.PadY)
}

// place lays the menu out, no larger than the window and completely inside it.
func (l *menuList) place(at fyne.Position, size, window fyne.Size) {
	w, h := min(size.Width, window.Width), min(size.Height, window.Height)
	Put(l.frame, max(0, min(at.X, window.Width-w)), max(0, min(at.Y, window.Height-h)), w, h)
}

// mark selects a row.
func (l *menuList) mark(n int) {
	was := l.at
	l.at = n
	for _, i := range []int{was, n} {
		if i >= 0 && i < len(l.rows) {
			l.rows[i].Refresh()
		}
	}
}

// selectRow selects a row and scrolls it into view.
func (l *menuList) selectRow(n int) {
	l.mark(n)
	r := l.rows[n]
	top, bottom := r.Position().Y, r.Position().Y+r.Size().Height
	y := max(l.scroll.Offset.Y, bottom-l.scroll.Size().Height)
	l.scroll.ScrollToOffset(fyne.NewPos(0, max(0, min(y, top))))
}

// step selects the next item in a direction that is not disabled; without a selection it begins at the end.
func (l *menuList) step(by int) {
	if l.at < 0 && by < 0 {
		l.selectFrom(len(l.rows)-1, by)
	} else {
		l.selectFrom(l.at+by, by)
	}
}

// selectFrom selects the first item that is not disabled, from n on in a direction.
func (l *menuList) selectFrom(n, by int) {
	for ; n >= 0 && n < len(l.rows); n += by {
		if !l.rows[n].item.Disabled {
			l.selectRow(n)
			return
		}
	}
}

// typeTime is how long after a letter another one belongs to the same word.
const typeTime = time.Second

// find selects the next item whose label begins with the letters that were typed shortly one after the other. The same letter typed
// again selects the next item that begins with it.
func (l *menuList) find(r rune, now time.Time) {
	if now.Sub(l.typedAt) > typeTime {
		l.typed = ""
	}
	first := string(unicode.ToLower(r))
	l.typed, l.typedAt = l.typed+first, now
	if l.typed != first && l.findFrom(max(l.at, 0), l.typed) {
		return
	}
	if strings.Trim(l.typed, first) == "" {
		l.findFrom(l.at+1, first)
	}
}

// findFrom selects the first item from n on that begins with a prefix, around the end of the list.
func (l *menuList) findFrom(n int, prefix string) bool {
	for i := range l.rows {
		n := (n + i) % len(l.rows)
		if item := l.rows[n].item; !item.Disabled && strings.HasPrefix(strings.ToLower(item.Label), prefix) {
			l.selectRow(n)
			return true
		}
	}
	return false
}

// trigger carries out the selected item.
func (l *menuList) trigger() {
	if l.at >= 0 && l.at < len(l.rows) && !Repeats() {
		l.rows[l.at].Tapped(nil)
	}
}

// menuRow is one item.
type menuRow struct {
	widget.BaseWidget
	list   *menuList
	item   *fyne.MenuItem
	number int
	done   func()
}

// Tapped carries out the action of the item.
func (r *menuRow) Tapped(*fyne.PointEvent) {
	if r.item.Disabled {
		return
	}
	r.done()
	if r.item.Action != nil {
		r.item.Action()
	}
}

// MouseIn implements desktop.Hoverable.
func (r *menuRow) MouseIn(*desktop.MouseEvent) {
	if !r.item.Disabled {
		r.list.mark(r.number)
	}
}

// MouseMoved implements desktop.Hoverable.
func (r *menuRow) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (r *menuRow) MouseOut() {}

// CreateRenderer implements fyne.Widget.
func (r *menuRow) CreateRenderer() fyne.WidgetRenderer {
	v := &menuRowRenderer{r: r, back: canvas.NewRectangle(nil), mark: canvas.NewText("✓", nil), label: NewLabel(r.item.Label, TextSize, Ink)}
	v.back.CornerRadius = 4
	v.Refresh()
	return v
}

type menuRowRenderer struct {
	r     *menuRow
	back  *canvas.Rectangle
	mark  *canvas.Text
	label *Label
}

const menuRowHeight, menuMarkWidth = 32, 30

func (v *menuRowRenderer) Destroy() {}

func (v *menuRowRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{v.back, v.mark, v.label}
}

func (v *menuRowRenderer) MinSize() fyne.Size {
	return fyne.NewSize(menuMarkWidth+v.label.MinSize().Width+16, menuRowHeight)
}

func (v *menuRowRenderer) Layout(size fyne.Size) {
	Put(v.back, 4, 0, size.Width-8, size.Height)
	m := v.mark.MinSize()
	Put(v.mark, 10, (size.Height-m.Height)/2, m.Width, m.Height)
	Put(v.label, menuMarkWidth, 0, size.Width-menuMarkWidth-8, size.Height)
}

func (v *menuRowRenderer) Refresh() {
	r := v.r
	v.back.FillColor = nil
	if r.list.at == r.number {
		v.back.FillColor = Color(Selection)
	}
	ink := Ink
	if r.item.Disabled {
		ink = Muted
	}
	v.mark.TextSize, v.mark.Color, v.mark.Hidden = TextSize, Color(Accent), !r.item.Checked
	v.label.Color = ink
	v.label.Refresh()
	v.back.Refresh()
	canvas.Refresh(r)
}
