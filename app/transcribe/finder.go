package transcribe

import (
	"fmt"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
)

type finder struct {
	v       *View
	object  *fyne.Container
	entry   *ui.Entry
	count   *ui.Label
	matches []match
	first   map[int]int // segment → its first index in matches
	at      int         // index of the present match; -1: none
}

func newFinder(v *View) *finder {
	f := &finder{v: v, entry: ui.NewEntry(), count: ui.NewLabel("", ui.SmallSize, ui.Muted), at: -1}
	f.entry.SetPlaceHolder("Find in this transcript")
	f.entry.OnShortcut = v.page.Shortcut
	f.entry.OnChanged = func(string) { f.search() }
	f.entry.OnSubmitted = func(string) { f.step(1) }
	f.entry.OnKey = func(k *fyne.KeyEvent) bool {
		switch k.Name {
		case fyne.KeyEscape:
			v.Escape()
		case fyne.KeyDown:
			f.step(1)
		case fyne.KeyUp:
			f.step(-1)
		default:
			return false
		}
		return true
	}
	f.object = ui.NewRow(8, f.entry, f.entry, f.count,
		ui.NewButton(ui.Plain, "Previous", func() { f.step(-1) }), ui.NewButton(ui.Plain, "Next", func() { f.step(1) }),
		ui.NewButton(ui.Quiet, "Close", func() { f.end(); v.page.Focus(v.list) }))
	f.object.Hide()
	return f
}

// findWide is the maximum width of the line.
const findWide = 600

// Find opens the line for finding, above the transcript, or moves the focus to it.
func (v *View) Find() {
	if !v.shown() {
		return
	}
	v.list.commit()
	v.tell("")
	v.finder.object.Show()
	v.finder.search()
	v.layout()
	v.page.Focus(v.finder.entry)
}

// end hides the line and removes the marks from the text.
func (f *finder) end() {
	f.object.Hide()
	f.matches, f.first, f.at = nil, nil, -1
	f.entry.SetText("")
	f.v.layout()
	f.v.list.rows.Redraw()
}

// search finds the text of the entry, and goes to the first match from the cursor on.
func (f *finder) search() {
	if !f.object.Visible() {
		return
	}
	f.look()
	for i, m := range f.matches {
		if f.at < 0 || m.segment < f.v.list.cursor {
			f.at = i
		}
		if m.segment >= f.v.list.cursor {
			f.at = i
			break
		}
	}
	f.show()
}

// again repeats the search after the texts have changed, and keeps the present match.
func (f *finder) again() {
	if f.object.Visible() && f.entry.Text != "" {
		at := f.at
		f.look()
		f.at = min(at, len(f.matches)-1)
		f.say()
	}
}

func (f *finder) look() {
	texts := make([]string, len(f.v.segments))
	for i, g := range f.v.segments {
		texts[i] = g.Text
	}
	f.matches, f.first, f.at = find(texts, f.entry.Text), map[int]int{}, -1
	for i := len(f.matches) - 1; i >= 0; i-- {
		for k := f.matches[i].segment; k <= f.matches[i].last; k++ {
			f.first[k] = i
		}
	}
}

// step goes to the next match or the previous one; the first follows the last.
func (f *finder) step(by int) {
	if n := len(f.matches); n > 0 {
		f.at = (f.at + by + n) % n
		f.show()
	}
}

func (f *finder) show() {
	f.say()
	if f.at >= 0 {
		l := f.v.list
		l.cursor = f.matches[f.at].segment
		l.rows.Reveal(l.cursor)
	}
	f.v.list.rows.Redraw()
}

func (f *finder) say() {
	words := ""
	switch {
	case f.entry.Text == "":
	case len(f.matches) == 0:
		words = "Nothing found"
	default:
		words = fmt.Sprintf("%d of %d", f.at+1, len(f.matches))
	}
	f.count.Set(words)
	f.object.Refresh()
	f.v.layout()
}

// spans returns a segment's text with the matches marked.
func (f *finder) spans(i int, text string) []ui.Span {
	n, ok := f.first[i]
	if !ok {
		return []ui.Span{{Text: text}}
	}
	var spans []ui.Span
	from := 0
	for ; n < len(f.matches) && f.matches[n].segment <= i; n++ {
		begin, end := f.matches[n].within(i, text)
		if end > len(text) || begin < from || begin > end {
			break
		}
		spans = append(spans, ui.Span{Text: text[from:begin]})
		mark := ui.Span{Text: text[begin:end], Mark: ui.Line}
		if n == f.at {
			mark.Mark, mark.Color = ui.Accent, ui.OnAccent
		}
		spans = append(spans, mark)
		from = end
	}
	return append(spans, ui.Span{Text: text[from:]})
}
