package transcribe

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"soberano/app/ui"
)

// list is the widget that shows all segments and has the keyboard focus for them.
//
//	click on a time, or Enter   plays from there        Space          plays and pauses
//	click on the text, or F2    edits it                Page Up, Down  scroll
//	↑ ↓                         move the cursor         Esc            one step back
type list struct {
	widget.BaseWidget
	v       *View
	rows    *ui.Long
	entry   *ui.Entry // the entry in which a segment is edited
	cursor  int       // the segment selected with the keyboard
	playing int       // the segment that is being played; -1: none
	editing int       // -1: none
	typing  *ui.Soon  // stores the text of the entry while it is written
	stored  string    // the text of the edited segment that was stored last
	focused bool
	wide    float32 // the average width of a letter
	line    float32 // the height of a line of text
	times   float32 // the width of the column of times
}

func newList(v *View) *list {
	l := &list{v: v, rows: ui.NewLong(), entry: ui.NewText(), playing: -1, editing: -1, line: ui.NewFlow().LineHeight()}
	l.rows.Ends, l.rows.Most = 12, ui.ColumnWidth+timeRoom
	l.rows.Count = func() int { return len(v.segments) }
	l.rows.Height, l.rows.Guess = l.height, l.guess
	l.rows.New = func() fyne.CanvasObject { return newSegment(l) }
	l.rows.Fill = func(i int, o fyne.CanvasObject) { o.(*segment).fill(i) }
	l.entry.OnShortcut = l.shortcut
	l.entry.OnSend = func() { l.commit(); v.page.Focus(l) }
	l.entry.OnChanged = func(string) {
		if l.editing >= 0 {
			l.typing.Start()
			// even out of sight the entry has the focus, so it must be filled again
			l.rows.Changed(l.editing)
			if !l.rows.InSight(l.editing) {
				l.rows.Reveal(l.editing)
			}
		}
	}
	l.entry.OnFocus = func(on bool) {
		if !on {
			l.commit()
		}
	}
	l.entry.OnKey = func(k *fyne.KeyEvent) bool {
		if k.Name != fyne.KeyEscape {
			return false
		}
		l.discard()
		return true
	}
	l.typing = &ui.Soon{Post: v.page.Post, Do: func() {
		if l.editing >= 0 {
			l.store(l.editing, oneLine(l.entry.Text))
		}
	}}
	l.ExtendBaseWidget(l)
	return l
}

// shortcut handles the shortcuts in the entry: where nothing in it can be undone, the edit before is.
func (l *list) shortcut(s fyne.Shortcut) bool {
	if _, undo := s.(*fyne.ShortcutUndo); undo && !l.entry.CanUndo() {
		l.discard()
		l.v.Undo()
		return true
	}
	return l.v.page.Shortcut(s)
}

// begin shows the transcript that was just opened.
func (l *list) begin() {
	l.cursor, l.playing, l.editing = 0, -1, -1
	l.times = fyne.MeasureText(clock(l.v.length()), ui.SmallSize, fyne.TextStyle{}).Width + 12
	l.rows.Reload()
}

const (
	timeRoom = 76 // the minimum width of the column of times
	rowPad   = 6  // space above and below the text
	boxPad   = 8  // the padding of an entry
)

func (l *list) textLeft() float32 { return max(timeRoom, l.times+8) }

func (l *list) height(i int, width float32) float32 {
	room := width - l.textLeft() - 2*boxPad
	if i == l.editing {
		return l.entry.HeightOf(l.entry.Rows(width-l.textLeft()-boxPad+4)) + 2*rowPad
	}
	text, _ := shownText(l.v.segments[i])
	return ui.Text(text, ui.TextSize, ui.Ink).HeightFor(room) + 2*rowPad
}

// guess estimates the height without measuring text: it uses the average width of a letter, and twice that width for scripts
// that are written without spaces.
func (l *list) guess(i int, width float32) float32 {
	if l.wide == 0 {
		const some = "the quick brown fox jumps over the lazy dog and so on "
		l.wide = fyne.MeasureText(some, ui.TextSize, fyne.TextStyle{}).Width / float32(len(some))
	}
	var w float32
	text, _ := shownText(l.v.segments[i])
	for _, r := range text {
		if r >= 0x2e80 {
			w += l.wide
		}
		w += l.wide
	}
	lines := float32(int(1.04*w/max(60, width-l.textLeft()-2*boxPad))) + 1
	return lines*l.line + 2*rowPad
}

// Contents implements ui.Holder.
func (l *list) Contents() []fyne.CanvasObject { return []fyne.CanvasObject{l.rows} }

// CreateRenderer implements fyne.Widget.
func (l *list) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(l.rows) }

// playingAt marks the segment that is being played, and keeps it visible.
func (l *list) playingAt(at time.Duration, on bool) {
	was, now := l.playing, -1
	if on || at > 0 {
		now = l.v.at(at)
	}
	if was == now {
		return
	}
	follow := on && (was < 0 || l.rows.InSight(was)) && l.editing < 0
	l.playing = now
	l.redraw(was, now)
	if follow && now >= 0 {
		l.rows.Reveal(now)
	}
}

func (l *list) redraw(rows ...int) {
	for _, i := range rows {
		if i >= 0 && i < len(l.v.segments) {
			l.rows.Changed(i)
		}
	}
}

// edit replaces a segment's text by the entry.
func (l *list) edit(i int) {
	l.commit()
	if i < 0 || i >= len(l.v.segments) {
		return
	}
	was := l.cursor
	l.cursor = i
	l.rows.Reveal(i)
	l.entry.SetText(l.v.segments[i].Text)
	l.editing, l.stored = i, l.v.segments[i].Text
	l.redraw(was, i)
	l.v.page.Focus(l.entry)
}

// caret places the caret of the entry where the text was clicked.
func (l *list) caret(at fyne.Position) {
	click := &desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: at.AddXY(boxPad, boxPad)}, Button: desktop.MouseButtonPrimary}
	l.entry.MouseDown(click)
	l.entry.MouseUp(click)
}

// store stores a text of the segment that is edited, unless it was stored last.
func (l *list) store(i int, text string) {
	if text != l.stored {
		l.stored = text
		l.v.store(i, text)
	}
}

// commit stores the text of the entry.
func (l *list) commit() { l.stop(true) }

// discard ends the editing without a change.
func (l *list) discard() {
	l.stop(false)
	l.v.page.Focus(l)
}

func (l *list) stop(keep bool) {
	i := l.editing
	if i < 0 {
		return
	}
	l.editing = -1
	l.typing.Stop()
	if keep {
		l.v.edit(i, oneLine(l.entry.Text))
	}
	l.store(i, l.v.segments[i].Text)
	l.redraw(i)
}

// Disabled reports whether there is no segment that could have the focus.
func (l *list) Disabled() bool { return len(l.v.segments) == 0 }

// Enable does nothing; with Disabled and Disable it makes the list a fyne.Disableable, which gets no focus while it is disabled.
func (l *list) Enable() {}

// Disable is described at Enable.
func (l *list) Disable() {}

// FocusGained implements fyne.Focusable.
func (l *list) FocusGained() {
	l.focused = true
	l.rows.Reveal(l.cursor)
	l.redraw(l.cursor)
}

// FocusLost implements fyne.Focusable.
func (l *list) FocusLost() { l.focused = false; l.redraw(l.cursor) }

// TypedRune implements fyne.Focusable; the list takes no text.
func (l *list) TypedRune(rune) {}

// TypedKey moves the cursor, plays and edits.
func (l *list) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyDown:
		l.move(l.cursor + 1)
	case fyne.KeyUp:
		l.move(l.cursor - 1)
	case fyne.KeyHome:
		l.move(0)
	case fyne.KeyEnd:
		l.move(len(l.v.segments) - 1)
	case fyne.KeyPageDown:
		l.rows.Page(0.9)
	case fyne.KeyPageUp:
		l.rows.Page(-0.9)
	case fyne.KeySpace:
		if !ui.Repeats() {
			l.v.PlayPause()
		}
	case fyne.KeyReturn, fyne.KeyEnter:
		if l.cursor < len(l.v.segments) && !ui.Repeats() {
			l.v.PlayFrom(l.v.segments[l.cursor].Start)
		}
	case fyne.KeyF2:
		l.edit(l.cursor)
	case fyne.KeyEscape:
		if !ui.Repeats() {
			l.v.Escape()
		}
	default:
		ui.UnusedKey(l, k)
	}
}

// move selects a segment.
func (l *list) move(to int) {
	was := l.cursor
	l.cursor = max(0, min(len(l.v.segments)-1, to))
	l.rows.Reveal(l.cursor)
	l.redraw(was, l.cursor)
}

// segment is the row of one segment.
type segment struct {
	widget.BaseWidget
	l    *list
	i    int
	back *canvas.Rectangle
	time *moment
	text *ui.Flow
}

func newSegment(l *list) *segment {
	s := &segment{l: l, back: canvas.NewRectangle(nil), text: ui.NewFlow()}
	s.time = newMoment(func() {
		was := l.cursor
		l.cursor = s.i
		l.redraw(was, s.i)
		l.v.page.Focus(l)
		l.v.PlayFrom(l.v.segments[s.i].Start)
	})
	s.text.OnTap = func(at fyne.Position) { l.edit(s.i); l.caret(at) }
	s.ExtendBaseWidget(s)
	return s
}

// fill shows a segment.
func (s *segment) fill(i int) {
	l := s.l
	s.i = i
	g := l.v.segments[i]
	s.time.set(clock(g.Start))
	if text, note := shownText(g); note {
		s.text.Set(ui.Span{Text: text, Color: ui.Muted})
	} else {
		s.text.Set(l.v.finder.spans(i, text)...)
	}
	s.back.CornerRadius, s.back.FillColor, s.back.StrokeColor, s.back.StrokeWidth = 8, nil, nil, 0
	if i == l.playing {
		s.back.FillColor = ui.Color(ui.Tint)
	}
	if i == l.cursor && l.focused {
		s.back.StrokeColor, s.back.StrokeWidth = ui.Color(ui.Accent), 1.5
	}
	s.Refresh()
}

// Contents implements ui.Holder.
func (s *segment) Contents() []fyne.CanvasObject {
	if s.edited() {
		return []fyne.CanvasObject{s.back, s.time, s.l.entry}
	}
	return []fyne.CanvasObject{s.back, s.time, s.text}
}

// edited reports whether the entry is in this row. A row out of sight keeps its index, and several may have the same one.
func (s *segment) edited() bool { return s.i == s.l.editing && s.Visible() }

// CreateRenderer implements fyne.Widget.
func (s *segment) CreateRenderer() fyne.WidgetRenderer { return &segmentRenderer{s} }

type segmentRenderer struct{ s *segment }

func (r *segmentRenderer) Destroy()           {}
func (r *segmentRenderer) MinSize() fyne.Size { return fyne.NewSize(120, 24) }

func (r *segmentRenderer) Objects() []fyne.CanvasObject { return r.s.Contents() }

func (r *segmentRenderer) Layout(size fyne.Size) {
	s := r.s
	left := s.l.textLeft()
	ui.Put(s.back, 0, 1, size.Width, size.Height-2)
	ui.Put(s.time, boxPad, rowPad, left-boxPad, 21)
	if s.edited() {
		ui.Put(s.time, boxPad, rowPad+boxPad, left-boxPad, 21)
		ui.Put(s.l.entry, left, rowPad, size.Width-left-boxPad+4, size.Height-2*rowPad)
		return
	}
	ui.Put(s.text, left+boxPad, rowPad, size.Width-left-2*boxPad, size.Height-2*rowPad)
}

func (r *segmentRenderer) Refresh() {
	r.Layout(r.s.Size())
	r.s.back.Refresh()
	canvas.Refresh(r.s)
}

// moment is a time that starts the playback when it is clicked.
type moment struct {
	widget.BaseWidget
	text    *canvas.Text
	hovered bool
	tapped  func()
}

func newMoment(tapped func()) *moment {
	m := &moment{text: canvas.NewText("", nil), tapped: tapped}
	m.ExtendBaseWidget(m)
	return m
}

func (m *moment) set(words string) {
	m.text.Text = words
	m.Refresh()
}

// Tapped starts the playback.
func (m *moment) Tapped(*fyne.PointEvent) { m.tapped() }

// MouseIn implements desktop.Hoverable.
func (m *moment) MouseIn(*desktop.MouseEvent) { m.hovered = true; m.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (m *moment) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (m *moment) MouseOut() { m.hovered = false; m.Refresh() }

// Cursor implements desktop.Cursorable.
func (m *moment) Cursor() desktop.Cursor { return desktop.PointerCursor }

// CreateRenderer implements fyne.Widget.
func (m *moment) CreateRenderer() fyne.WidgetRenderer { return &momentRenderer{m} }

type momentRenderer struct{ m *moment }

func (r *momentRenderer) Destroy()                     {}
func (r *momentRenderer) MinSize() fyne.Size           { return r.m.text.MinSize() }
func (r *momentRenderer) Objects() []fyne.CanvasObject { return []fyne.CanvasObject{r.m.text} }

func (r *momentRenderer) Layout(size fyne.Size) {
	h := r.m.text.MinSize().Height
	ui.Put(r.m.text, 0, (size.Height-h)/2, size.Width, h)
}

func (r *momentRenderer) Refresh() {
	t := r.m.text
	t.TextSize, t.Color, t.TextStyle = ui.SmallSize, ui.Color(ui.Accent), fyne.TextStyle{Bold: r.m.hovered}
	r.Layout(r.m.Size())
	t.Refresh()
}
