package shell

import (
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"soberano/app/store"
	"soberano/app/ui"
)

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

	picked map[int64]bool // the conversations that are selected
	anchor int64          // from which Shift selects
	shift  bool           // a Shift key is down

	onOpen   func(store.Hit)
	onMenu   func(store.Conversation, fyne.Position)
	onDelete func(store.Conversation)
	onRename func(store.Conversation)
	onEscape func()
	onKey    func(k *fyne.KeyEvent, down bool)

	onSelect     func([]store.Conversation) // the selection has changed
	onDeleteMany func([]store.Conversation)
}

func newList() *list {
	l := &list{pane: ui.NewPane(), picked: map[int64]bool{}}
	l.pane.Pad(12, 12, 0, 8, 1)
	l.pane.Steady = true
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
	l.keepPicked()
	l.mark()
}

// drop removes conversations that are about to be deleted, so that the next press of Delete is about the next one.
func (l *list) drop(ids []int64, now time.Time) {
	l.set(slices.DeleteFunc(slices.Clone(l.hits), func(h store.Hit) bool { return slices.Contains(ids, h.ID) }), l.found, now)
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
		chosen, at, selected := r.hit.ID == l.chosen, l.focused && i == l.cursor, l.picked[r.hit.ID]
		if r.chosen != chosen || r.atCursor != at || r.selected != selected {
			r.chosen, r.atCursor, r.selected = chosen, at, selected
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
func (l *list) FocusLost() { l.focused, l.shift = false, false; l.mark() }

// KeyDown implements desktop.Keyable.
func (l *list) KeyDown(k *fyne.KeyEvent) {
	l.shift = l.shift || shiftKey(k)
	l.onKey(k, true)
}

// KeyUp implements desktop.Keyable.
func (l *list) KeyUp(k *fyne.KeyEvent) {
	l.shift = l.shift && !shiftKey(k)
	l.onKey(k, false)
}

func shiftKey(k *fyne.KeyEvent) bool {
	return k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight
}

// TypedRune opens the conversation on Space; see ui.Button.
func (l *list) TypedRune(r rune) {
	if r == ' ' && len(l.rows) > 0 {
		l.open()
		return
	}
	ui.UnusedRune(l, r)
}

// open opens the conversation at the cursor.
func (l *list) open() {
	if !ui.Repeats() {
		l.onOpen(l.rows[l.cursor].hit)
	}
}

// TypedKey moves the cursor, and opens, renames or deletes the conversation, or opens its menu.
func (l *list) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		if !ui.Repeats() && !l.unselect() {
			l.onEscape()
		}
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
		l.open()
	case fyne.KeyDelete:
		if !ui.Repeats() {
			l.delete(c)
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

// move moves the cursor; with Shift it selects from where it was.
func (l *list) move(by int) {
	from := l.rows[l.cursor]
	l.cursor = max(0, min(len(l.rows)-1, l.cursor+by))
	if l.shift {
		if len(l.picked) == 0 {
			l.anchor = from.hit.ID
		}
		l.selectTo(l.rows[l.cursor])
	}
	l.mark()
	l.pane.Reveal(l.rows[l.cursor])
}
