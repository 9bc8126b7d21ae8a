package transcribe

import (
	"fmt"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/models"
)

// card shows a file in the queue.
type card struct {
	page   *Page
	object *ui.Box
	title  *ui.Label
	right  *ui.Label
	line   *ui.Flow
	bar    *ui.Bar
	space  fyne.CanvasObject
	row    *fyne.Container
	remove *ui.Button // shown while the file waits, when it is the only button
	list   map[string]*ui.Button
	t      store.Transcript
}

func newCard(p *Page) *card {
	c := &card{page: p, title: ui.NewLabel("", ui.TextSize, ui.Ink).Strong().Shrink(80), right: ui.NewLabel("", ui.SmallSize, ui.Muted),
		line: ui.Text("", ui.SmallSize, ui.Muted), bar: ui.NewBar(100, 10), row: &fyne.Container{Layout: &ui.Wrap{Gap: 10}}, list: map[string]*ui.Button{}}
	c.space, c.remove = ui.Spacer(1, 2), ui.NewButton(ui.Quiet, "Remove", func() { c.tapped("Remove") })
	c.object = ui.NewBox(ui.Surface, ui.Line, 12, 16, 14, ui.NewColumn(6, ui.NewRow(12, c.title, c.title, c.right, c.remove), c.line, c.bar, c.space, c.row))
	return c
}

// show shows the state of the file; place is its position in the queue.
func (c *card) show(t store.Transcript, place int) {
	c.t = t
	c.title.Set(models.Printable(t.Title))
	aside := ""
	if t.Length > 0 {
		aside = long(t.Length)
	}
	ink, words, stroke := ui.Muted, "", ui.Line
	switch t.State {
	case store.Waiting:
		aside = "waiting"
		if place > 1 {
			aside = fmt.Sprintf("waiting, number %d", place)
		}
	case store.Failed:
		ink, stroke, words = ui.Ink, ui.Record, wrong(t)
		if t.Segments > 0 {
			words += fmt.Sprintf(" The text up to %s is kept.", clock(t.Heard))
			c.do("Try again", "Open", "Show the file", "Copy details", "Remove")
		} else if t.Problem.Hopeless() {
			c.do("Remove", "Show the file", "Copy details", "Try again")
		} else {
			c.do("Try again", "Show the file", "Copy details", "Remove")
		}
	case store.Stopped:
		words = "Stopped."
		if t.Segments > 0 {
			words = fmt.Sprintf("Stopped at %s. The text so far is kept.", clock(t.Heard))
			c.do("Continue", "Open", "Remove")
		} else {
			c.do("Continue", "Remove")
		}
	default:
		words = "Opening the file…"
		if c.page.Queue.Blocked() != nil {
			words = "Waiting."
			if t.Segments > 0 {
				words = fmt.Sprintf("Waiting. The text up to %s is kept.", clock(t.Heard))
			}
		}
		if _, _, several := tracksOf(t); several {
			c.do("Cancel", "Open", "Tracks")
		} else {
			c.do("Cancel", "Open")
		}
	}
	c.aside(aside)
	c.line.Set(ui.Span{Text: words, Color: ink})
	waits := t.State == store.Waiting
	c.line.Hidden, c.space.(*fyne.Container).Hidden, c.row.Hidden, c.remove.Hidden = waits, waits, waits, !waits
	c.bar.Hidden = t.State != store.Partial
	c.object.SetStroke(stroke, 1)
	c.progress()
}

// aside sets the text after the title, and shows whether the file is translated.
func (c *card) aside(words string) {
	if c.t.Translate {
		words = strings.TrimSuffix(intoEnglish+" · "+words, " · ")
	}
	c.right.Set(words)
}

const intoEnglish = "into English"

// do sets the buttons. A button that was there before is kept, so that it keeps the focus.
func (c *card) do(labels ...string) {
	c.row.Objects = nil
	for i, label := range labels {
		b := c.list[label]
		if b == nil {
			b = ui.NewButton(ui.Plain, label, func() { c.tapped(label) })
			c.list[label] = b
		}
		kind := ui.Plain
		if i == 0 && (label == "Try again" || label == "Continue") {
			kind = ui.Primary
		}
		if b.Kind != kind {
			b.Kind = kind
			b.Refresh()
		}
		c.row.Add(b)
	}
}

func (c *card) tapped(label string) {
	p, t := c.page, c.t
	switch label {
	case "Cancel":
		p.do(func() error { return p.Queue.Stop(t) }, "It could not be stopped")
	case "Try again", "Continue":
		p.do(func() error { return p.Queue.Again(t) }, "It could not be started again")
	case "Open":
		p.open(t.ID)
	case "Tracks":
		p.Menu(p.tracks(t), c.list[label])
	case "Remove":
		p.remove(t)
	case "Show the file":
		p.ShowFile(t.Path)
	case "Copy details":
		p.Copy(models.PrintableLines(t.Path + "\n" + t.Note))
	}
}

// progress shows the progress of the file, if it is being transcribed.
func (c *card) progress() {
	id, now := c.page.Queue.Now()
	if id != c.t.ID || c.t.State != store.Partial {
		return
	}
	if now.Length > 0 {
		c.aside(long(now.Length))
	}
	c.line.Set(ui.Span{Text: now.Text(), Color: ui.Muted})
	c.bar.Set(ui.Part{Share: float32(now.Share()), Color: ui.Accent})
}

// past is the row of a finished transcript.
type past struct {
	widget.BaseWidget
	page             *Page
	t                store.Transcript
	hovered, focused bool
}

func newPast(p *Page, t store.Transcript) *past {
	r := &past{page: p, t: t}
	r.ExtendBaseWidget(r)
	return r
}

// Transcript returns the ID in the store.
func (r *past) Transcript() int64 { return r.t.ID }

// Tapped opens the transcript.
func (r *past) Tapped(*fyne.PointEvent) { r.page.open(r.t.ID) }

// TypedKey opens or deletes the transcript.
func (r *past) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		r.pressed()
	case fyne.KeyDelete:
		if !ui.Repeats() {
			r.page.removeRow(r)
		}
	case fyne.KeySpace: // TypedRune follows
	default:
		ui.UnusedKey(r, k)
	}
}

// TypedRune opens the transcript on Space; see ui.Button.
func (r *past) TypedRune(c rune) {
	if c == ' ' {
		r.pressed()
		return
	}
	ui.UnusedRune(r, c)
}

// pressed is a tap by a key.
func (r *past) pressed() {
	if !ui.Repeats() {
		r.Tapped(nil)
	}
}

// FocusGained implements fyne.Focusable.
func (r *past) FocusGained() { r.focused = true; r.Refresh(); ui.GotFocus(r) }

// FocusLost implements fyne.Focusable.
func (r *past) FocusLost() { r.focused = false; r.Refresh() }

// MouseIn implements desktop.Hoverable.
func (r *past) MouseIn(*desktop.MouseEvent) { r.hovered = true; r.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (r *past) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (r *past) MouseOut() { r.hovered = false; r.Refresh() }

// Cursor implements desktop.Cursorable.
func (r *past) Cursor() desktop.Cursor { return desktop.PointerCursor }

// CreateRenderer implements fyne.Widget.
func (r *past) CreateRenderer() fyne.WidgetRenderer {
	facts := []string{}
	if r.t.Length > 0 {
		facts = append(facts, long(r.t.Length))
	}
	if r.t.Translate {
		facts = append(facts, intoEnglish)
	}
	facts = append(facts, date(r.t.Created, time.Now()))
	words := r.t.Snippet
	if words == "" {
		words = "No words were recognized."
	}
	v := &pastRenderer{r: r, back: canvas.NewRectangle(nil), title: ui.NewLabel(models.Printable(r.t.Title), ui.TextSize, ui.Ink).Strong().Shrink(80),
		facts: ui.NewLabel(strings.Join(facts, " · "), ui.SmallSize, ui.Muted), words: ui.NewLabel(strings.TrimSpace(words), ui.SmallSize, ui.Muted).Shrink(80)}
	v.Refresh()
	return v
}

type pastRenderer struct {
	r                   *past
	back                *canvas.Rectangle
	title, facts, words *ui.Label
}

func (v *pastRenderer) Destroy()           {}
func (v *pastRenderer) MinSize() fyne.Size { return fyne.NewSize(160, 56) }
func (v *pastRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{v.back, v.title, v.facts, v.words}
}

func (v *pastRenderer) Layout(size fyne.Size) {
	const side = 16
	ui.Put(v.back, 0, 0, size.Width, size.Height)
	f := v.facts.MinSize()
	ui.Put(v.facts, size.Width-side-f.Width, 10, f.Width, 18)
	ui.Put(v.title, side, 8, size.Width-2*side-f.Width-12, 20)
	ui.Put(v.words, side, 30, size.Width-2*side, 18)
}

func (v *pastRenderer) Refresh() {
	r := v.r
	v.back.FillColor, v.back.StrokeColor, v.back.StrokeWidth, v.back.CornerRadius = ui.Color(ui.Surface), ui.Color(ui.Line), 1, 10
	if r.hovered {
		v.back.FillColor = ui.Color(ui.Hover)
	}
	if r.focused {
		v.back.StrokeColor, v.back.StrokeWidth = ui.Color(ui.Accent), 2
	}
	v.Layout(r.Size())
	for _, l := range []*ui.Label{v.title, v.facts, v.words} {
		l.Refresh()
	}
	canvas.Refresh(r)
}
