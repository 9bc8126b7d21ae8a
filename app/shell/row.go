package shell

import (
	"strings"
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
	selected         bool
	hovered          bool
	modifier         fyne.KeyModifier // of the latest press of the mouse
}

func newRow(l *list, h store.Hit) *row {
	r := &row{list: l, hit: h}
	r.ExtendBaseWidget(r)
	return r
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

// MouseDown implements desktop.Mouseable.
func (r *row) MouseDown(m *desktop.MouseEvent) { r.modifier = m.Modifier }

// MouseUp implements desktop.Mouseable.
func (r *row) MouseUp(*desktop.MouseEvent) {}

// Tapped opens the conversation, or its menu if the tap is on the dots. With Ctrl or Shift it selects.
func (r *row) Tapped(e *fyne.PointEvent) {
	modifier := r.modifier
	r.modifier = 0
	switch {
	case modifier&fyne.KeyModifierShift != 0:
		r.list.selectTo(r)
		r.list.take(r)
		return
	case modifier&fyne.KeyModifierShortcutDefault != 0:
		r.list.toggle(r)
		r.list.take(r)
		return
	}
	r.list.unselect()
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
	case r.selected:
		v.back.FillColor = ui.Color(ui.Selection)
	case r.chosen:
		v.back.FillColor = ui.Color(ui.Tint)
	case r.hovered:
		v.back.FillColor = ui.Color(ui.Hover)
	}
	if r.atCursor {
		v.back.StrokeColor, v.back.StrokeWidth = ui.Color(ui.Accent), 2
	}
	v.mark.FillColor, v.mark.CornerRadius = ui.Color(ui.Line), 3
	v.title.Text, v.title.Bold = r.hit.Name(), r.chosen
	v.found.Text = r.hit.Snippet
	v.dots.TextSize, v.dots.Color = 16, ui.Color(ui.Muted)
	v.dots.Hidden = !r.hovered && !r.chosen
	v.title.Refresh()
	v.found.Refresh()
	v.Layout(r.Size())
	canvas.Refresh(r)
}
