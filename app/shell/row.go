package shell

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"soberano/app/store"
	"soberano/app/ui"
)

// mostRows is the number of conversations that are listed; a search finds the others, too.
const mostRows = 300

// rowHeight is the height of a row with a title, foundHeight that of one with text found by a search.
const rowHeight, foundHeight = 34, 50

// row shows one conversation.
type row struct {
	widget.BaseWidget
	list             *list
	hit              store.Hit
	chosen, atCursor bool
	hovered          bool
}

func newRow(l *list, h store.Hit) *row {
	r := &row{list: l, hit: h}
	r.ExtendBaseWidget(r)
	return r
}

func (r *row) title() string {
	if r.hit.Title == "" {
		return "New chat"
	}
	return r.hit.Title
}

// marked returns where in the line of found text the words begin and end that were searched for. They are not marked in a line
// that runs from right to left, where positions follow other rules.
func (r *row) marked() (from, to float32) {
	text, at := r.hit.Snippet, r.hit.Marked
	if at.To > len(text) || strings.ContainsFunc(text, func(c rune) bool {
		return unicode.In(c, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko)
	}) {
		return 0, 0
	}
	width := func(text string) float32 { return ui.NewLabel(text, ui.SmallSize, ui.Muted).MinSize().Width }
	return width(text[:at.From]), width(text[:at.To])
}

// Tapped opens the conversation, or its menu if the tap is on the dots.
func (r *row) Tapped(e *fyne.PointEvent) {
	if e.Position.X > r.Size().Width-32 { // also if the row has come under the pointer without a movement of it
		r.list.onMenu(r.hit.Conversation, e.AbsolutePosition)
		return
	}
	r.list.onOpen(r.hit)
}

// TappedSecondary opens the menu.
func (r *row) TappedSecondary(e *fyne.PointEvent) {
	r.list.onMenu(r.hit.Conversation, e.AbsolutePosition)
}

// MouseIn implements desktop.Hoverable.
func (r *row) MouseIn(*desktop.MouseEvent) { r.hovered = true; r.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (r *row) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (r *row) MouseOut() { r.hovered = false; r.Refresh() }

// Cursor implements desktop.Cursorable.
func (r *row) Cursor() desktop.Cursor { return desktop.PointerCursor }

// CreateRenderer implements fyne.Widget.
func (r *row) CreateRenderer() fyne.WidgetRenderer {
	v := &rowRenderer{r: r, back: canvas.NewRectangle(nil), title: ui.NewLabel("", ui.TextSize, ui.Ink),
		found: ui.NewLabel("", ui.SmallSize, ui.Muted), mark: canvas.NewRectangle(nil), dots: canvas.NewText("⋯", nil)}
	v.Refresh()
	return v
}

type rowRenderer struct {
	r            *row
	back, mark   *canvas.Rectangle // mark is behind the words that a search has found
	title, found *ui.Label
	dots         *canvas.Text
}

func (v *rowRenderer) Destroy() {}

func (v *rowRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{v.back, v.mark, v.title, v.found, v.dots}
}

func (v *rowRenderer) MinSize() fyne.Size {
	if v.r.hit.Snippet != "" {
		return fyne.NewSize(80, foundHeight)
	}
	return fyne.NewSize(80, rowHeight)
}

func (v *rowRenderer) Layout(size fyne.Size) {
	ui.Put(v.back, 0, 0, size.Width, size.Height)
	w := size.Width - 20
	if v.dots.Visible() {
		w -= 22
	}
	ui.Put(v.title, 10, 0, w, rowHeight)
	ui.Put(v.found, 10, rowHeight-9, size.Width-20, 18)
	from, to := v.r.marked()
	to = min(to, size.Width-20)
	v.mark.Hidden = from >= to
	ui.Put(v.mark, 10+from, rowHeight-9, max(0, to-from), 18)
	ui.Put(v.dots, size.Width-26, (rowHeight-20)/2, 16, 20)
}

func (v *rowRenderer) Refresh() {
	r := v.r
	v.back.FillColor, v.back.StrokeColor, v.back.StrokeWidth, v.back.CornerRadius = nil, nil, 0, 8
	switch {
	case r.chosen:
		v.back.FillColor = ui.Color(ui.Tint)
	case r.hovered:
		v.back.FillColor = ui.Color(ui.Hover)
	}
	if r.atCursor {
		v.back.StrokeColor, v.back.StrokeWidth = ui.Color(ui.Accent), 2
	}
	v.mark.FillColor, v.mark.CornerRadius = ui.Color(ui.Line), 3
	v.title.Text, v.title.Bold = r.title(), r.chosen
	v.found.Text = r.hit.Snippet
	v.dots.TextSize, v.dots.Color = 16, ui.Color(ui.Muted)
	v.dots.Hidden = !r.hovered && !r.chosen
	v.title.Refresh()
	v.found.Refresh()
	v.Layout(r.Size())
	canvas.Refresh(r)
}

// list is the widget with the rows of all conversations under "Today", "Yesterday", …; it has the keyboard focus for all of them.
type list struct {
	widget.BaseWidget
	pane    *ui.Pane
	hits    []store.Hit
	found   bool // the hits are results of a search
	rows    []*row
	chosen  int64
	cursor  int // the row selected with the keyboard
	focused bool
	pressed bool // Delete went down and has not been obeyed yet

	onOpen   func(store.Hit)
	onMenu   func(store.Conversation, fyne.Position)
	onDelete func(store.Conversation)
	onRename func(store.Conversation)
	onEscape func()
	onKey    func(k *fyne.KeyEvent, down bool)
}

func newList() *list {
	l := &list{pane: ui.NewPane()}
	l.pane.Pad(12, 12, 0, 8, 1)
	l.ExtendBaseWidget(l)
	return l
}

// Contents implements ui.Holder.
func (l *list) Contents() []fyne.CanvasObject { return []fyne.CanvasObject{l.pane.Object} }

// CreateRenderer implements fyne.Widget.
func (l *list) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(l.pane.Object) }

// set shows conversations, under headings for the days unless they are results of a search. While the list has the focus the cursor
// stays on its conversation, or in its place if that is gone; otherwise it is on the chosen one.
func (l *list) set(hits []store.Hit, searched bool, now time.Time) {
	l.hits, l.found = hits, searched
	var objects []fyne.CanvasObject
	at := l.chosen
	if l.focused && l.cursor < len(l.rows) {
		at = l.rows[l.cursor].hit.ID
	}
	l.rows = l.rows[:0]
	heading := ""
	for i, h := range hits {
		if i == mostRows {
			objects = append(objects, ui.Text("Search to find older chats.", ui.SmallSize, ui.Muted))
			break
		}
		if d := day(h.Updated, now); !searched && d != heading {
			heading = d
			objects = append(objects, headingOf(d, len(objects) > 0))
		}
		r := newRow(l, h)
		l.rows = append(l.rows, r)
		objects = append(objects, r)
	}
	if len(hits) == 0 && searched {
		objects = append(objects, headingOf("Nothing found", false))
	}
	l.cursor = min(l.cursor, max(0, len(l.rows)-1))
	l.to(at)
	l.pane.Keep(objects...)
	l.mark()
}

// drop removes a conversation that is about to be deleted, so that the next press of Delete is about the next one.
func (l *list) drop(id int64, now time.Time) {
	l.set(slices.DeleteFunc(slices.Clone(l.hits), func(h store.Hit) bool { return h.ID == id }), l.found, now)
}

func headingOf(words string, gap bool) fyne.CanvasObject {
	label := ui.NewLabel(words, ui.SmallSize, ui.Muted)
	top := float32(4)
	if gap {
		top = 10
	}
	return &fyne.Container{Layout: &ui.Column{Left: 8, Top: top, Bottom: 4}, Objects: []fyne.CanvasObject{label}}
}

// day returns the heading for a time.
func day(t, now time.Time) string {
	start := func(t time.Time) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, now.Location())
	}
	switch days := int(start(now).Sub(start(t.In(now.Location()))).Hours()+12) / 24; {
	case days <= 0:
		return "Today"
	case days == 1:
		return "Yesterday"
	case days < 7:
		return "This week"
	case days < 31:
		return "This month"
	case t.Year() == now.Year():
		return t.Format("January")
	}
	return t.Format("January 2006")
}

// choose highlights the row of a conversation. While the list has the focus the cursor stays where it is.
func (l *list) choose(id int64) {
	l.chosen = id
	if !l.focused {
		l.to(id)
	}
	l.mark()
}

// to moves the cursor to a conversation, if it is listed.
func (l *list) to(id int64) {
	for i, r := range l.rows {
		if r.hit.ID == id {
			l.cursor = i
		}
	}
}

func (l *list) mark() {
	for i, r := range l.rows {
		chosen, at := r.hit.ID == l.chosen, l.focused && i == l.cursor
		if r.chosen != chosen || r.atCursor != at {
			r.chosen, r.atCursor = chosen, at
			r.Refresh()
		}
	}
}

// Disabled reports whether there is no row that could have the focus.
func (l *list) Disabled() bool { return len(l.rows) == 0 }

// Enable does nothing; with Disabled and Disable it makes the list a fyne.Disableable, which gets no focus while it is disabled.
func (l *list) Enable() {}

// Disable is described at Enable.
func (l *list) Disable() {}

// FocusGained implements fyne.Focusable.
func (l *list) FocusGained() {
	l.focused = true
	l.mark()
	if l.cursor < len(l.rows) {
		l.pane.Reveal(l.rows[l.cursor])
	}
}

// FocusLost implements fyne.Focusable.
func (l *list) FocusLost() { l.focused, l.pressed = false, false; l.mark() }

// KeyDown implements desktop.Keyable. Unlike TypedKey it is not called again while a key is held.
func (l *list) KeyDown(k *fyne.KeyEvent) {
	l.pressed = k.Name == fyne.KeyDelete
	l.onKey(k, true)
}

// KeyUp implements desktop.Keyable.
func (l *list) KeyUp(k *fyne.KeyEvent) { l.onKey(k, false) }

// TypedRune opens the conversation on Space; see ui.Button.
func (l *list) TypedRune(r rune) {
	if r == ' ' && len(l.rows) > 0 {
		l.onOpen(l.rows[l.cursor].hit)
		return
	}
	ui.UnusedRune(l, r)
}

// TypedKey moves the cursor, and opens, renames or deletes the conversation, or opens its menu.
func (l *list) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		l.onEscape()
		return
	}
	if len(l.rows) == 0 {
		ui.UnusedKey(l, k)
		return
	}
	switch c := l.rows[l.cursor].hit.Conversation; k.Name {
	case fyne.KeyDown:
		l.move(1)
	case fyne.KeyUp:
		l.move(-1)
	case fyne.KeyReturn, fyne.KeyEnter:
		l.onOpen(l.rows[l.cursor].hit)
	case fyne.KeyDelete:
		if l.pressed {
			l.pressed = false
			l.onDelete(c)
		}
	case fyne.KeyF2:
		l.onRename(c)
	case desktop.KeyMenu:
		row := l.rows[l.cursor]
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(row)
		l.onMenu(c, at.AddXY(row.Size().Width-32, rowHeight))
	case fyne.KeySpace: // TypedRune follows
	default:
		ui.UnusedKey(l, k)
	}
}

func (l *list) move(by int) {
	l.cursor = max(0, min(len(l.rows)-1, l.cursor+by))
	l.mark()
	l.pane.Reveal(l.rows[l.cursor])
}
