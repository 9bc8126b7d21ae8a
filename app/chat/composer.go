package chat

import (
	"slices"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
	"soberano/app/voice"
)

// Composer is the input area: an entry that grows with its text, the partial text of a dictation below it, the microphone and
// Send or Stop below that. The images of the message, and a message that waits for its last words, are above the entry.
//
//	╭ [image] photo.jpg   Remove
//	│ Please write a short letter
//	│ that has not worked since …            (partial words, in italics)
//	│ ▮▮▯▮▮▯▮ 0:04 · English   release to finish        (mic)  [Send]
//	╰
type Composer struct {
	Object  *ui.Box
	Entry   *ui.Entry
	Send    *ui.Button
	mic     *voice.Button
	strip   *voice.Strip
	partial *ui.Flow
	images  *fyne.Container // of the message
	pending *ui.Flow
	remark  *ui.Flow
	hint    *ui.Label
	rows    int
	resized func() // called when the height has changed
	running bool
}

const mostRows = 8

// NewComposer returns an empty composer; press is called by its button, send by the Enter key. If talk is nil, there is no
// microphone.
func NewComposer(talk *voice.Talk, press, send func(), resized func()) *Composer {
	c := &Composer{Entry: ui.NewText(), strip: voice.NewStrip(), partial: ui.NewFlow(), pending: ui.NewFlow(), remark: ui.Text("", ui.SmallSize, ui.Ink), resized: resized,
		hint: ui.NewLabel("", ui.SmallSize, ui.Muted).Shrink(40), rows: 1}
	c.images = &fyne.Container{Layout: &ui.Wrap{Gap: 8}, Hidden: true}
	c.Send = ui.NewButton(ui.Primary, "Send", press)
	c.Entry.OnSend = send
	c.Entry.OnFocus = func(on bool) {
		if on {
			c.Object.SetStroke(ui.Accent, 1.5)
		} else {
			c.Object.SetStroke(ui.Line, 1)
		}
	}
	c.Entry.SetMinRowsVisible(1)
	c.partial.Hide()
	c.pending.Preserve = true
	c.pending.Hide()
	c.remark.Hide()
	c.strip.Object.Hide()
	c.Entry.Bare = true
	left := &fyne.Container{Layout: &stackTall{}, Objects: []fyne.CanvasObject{c.hint, c.strip.Object}}
	row := []fyne.CanvasObject{left}
	if talk != nil {
		c.mic = voice.NewButton(talk.Press, talk.Release)
		row = append(row, c.mic)
	}
	row = append(row, c.Send)
	words := func(f fyne.CanvasObject) fyne.CanvasObject {
		return &fyne.Container{Layout: &ui.Column{Left: 8, Right: 8}, Objects: []fyne.CanvasObject{f}}
	}
	bottom := &fyne.Container{Layout: &ui.Column{Left: 8}, Objects: []fyne.CanvasObject{ui.NewRow(10, left, row...)}}
	c.Object = ui.NewBox(ui.Surface, ui.Line, 14, 6, 8, ui.NewColumn(4, words(c.pending), words(c.images), c.Entry, words(c.partial), words(c.remark), bottom))
	return c
}

// stackTall is a layout of objects on top of each other, of which only one is visible.
type stackTall struct{}

func (stackTall) Layout(o []fyne.CanvasObject, size fyne.Size) {
	for _, x := range o {
		ui.Put(x, 0, 0, size.Width, size.Height)
	}
}

func (stackTall) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(40, 38) }

// SetRunning shows Stop instead of Send while an answer is written.
func (c *Composer) SetRunning(on bool) {
	c.running = on
	label := "Send"
	if on {
		label = "Stop"
	}
	c.Send.SetLabel(label)
}

// SetHints sets the hint in the empty entry and the hint below it.
func (c *Composer) SetHints(placeholder, hint string) {
	if c.Entry.PlaceHolder != placeholder {
		c.Entry.SetPlaceHolder(placeholder)
	}
	c.hint.Set(hint)
}

// Fit gives the entry the number of rows that its text needs at that width.
func (c *Composer) Fit(width float32) {
	if width <= 0 {
		return
	}
	if rows := min(mostRows, c.Entry.Rows(width-2*c.Object.PadX)); rows != c.rows {
		c.rows = rows
		c.Entry.SetMinRowsVisible(rows)
		c.resized()
	}
}

// Insert inserts words at the caret, in the place of what is selected, with spaces around them where they are needed.
func (c *Composer) Insert(text string) { InsertWords(c.Entry, text) }

// InsertWords is Composer.Insert for any entry.
func InsertWords(e *ui.Entry, text string) {
	from, to := e.Selection()
	e.Insert(between(lastRune(e.Text[:from]), text, firstRune(e.Text[to:])))
}

// InsertAt is Insert for the place of a mark.
func (c *Composer) InsertAt(m *ui.Mark, text string) {
	before, after := c.Entry.Text[:m.At()], c.Entry.Text[m.At():]
	c.Entry.InsertAt(m, between(lastRune(before), text, firstRune(after)))
}

// ShowTalk shows the state of dictation, and where its words go if that is not into the entry.
func (c *Composer) ShowTalk(t *voice.Talk, target string) {
	c.mic.SetState(t.State())
	c.strip.Target = target
	if t.State() == voice.Idle {
		c.strip.Object.Hide()
		c.hint.Show()
	} else {
		c.strip.Object.Show()
		c.hint.Hide()
	}
	c.strip.Show(t)
	c.Object.Refresh()
}

// SetPartial shows text that may still change after the first stable bytes.
func (c *Composer) SetPartial(text string, stable int) {
	c.showWords(c.partial, ui.Span{Text: text[:stable], Color: ui.Ink}, unsure(text[stable:]))
}

// SetPending shows a message that waits for its last words, with the partial text of these where they belong.
func (c *Composer) SetPending(before, partial, after string, on bool) {
	c.strip.Sending = on
	if partial != "" {
		partial = between(lastRune(before), partial, firstRune(after))
	}
	c.showWords(c.pending, ui.Span{Text: before, Color: ui.Ink}, unsure(partial), ui.Span{Text: after, Color: ui.Ink})
}

// SetRemark shows a sentence below the entry; "" hides it.
func (c *Composer) SetRemark(words string) {
	c.showWords(c.remark, ui.Span{Text: words, Color: ui.Ink})
}

// thumb is a small image of the message, with what it is called and the function that removes it.
type thumb struct {
	picture fyne.CanvasObject
	caption string
	remove  func()
}

// SetImages shows the images of the message, and a text beside them.
func (c *Composer) SetImages(list []thumb, words string) {
	if len(list) == 0 && words == "" && !c.images.Visible() {
		return
	}
	c.images.Objects = nil
	for _, t := range list {
		const indent = 6 // of the label of a button
		name := &fyne.Container{Layout: &ui.Column{Left: indent}, Objects: []fyne.CanvasObject{ui.NewLabel(t.caption, ui.SmallSize, ui.Ink).Shrink(140)}}
		about := ui.NewColumn(2, name, ui.NewRow(0, nil, ui.NewButton(ui.Quiet, "Remove", t.remove)))
		c.images.Add(ui.NewBox(ui.Surface, ui.Line, 8, 6, 6, ui.NewRow(4, nil, t.picture, about)))
	}
	if words != "" {
		c.images.Add(ui.NewLabel(words, ui.SmallSize, ui.Muted))
	}
	c.images.Hidden = len(c.images.Objects) == 0
	c.images.Refresh()
	c.resized()
}

// unsure returns a span of text that may still change.
func unsure(text string) ui.Span { return ui.Span{Text: text, Italic: true, Color: ui.Muted} }

// showWords shows a text, or hides it if it is empty.
func (c *Composer) showWords(f *ui.Flow, spans ...ui.Span) {
	was := f.Visible()
	spans = slices.DeleteFunc(spans, func(s ui.Span) bool { return s.Text == "" })
	if len(spans) == 0 {
		f.Hide()
	} else {
		f.Set(spans...)
		f.Show()
	}
	if was || len(spans) > 0 {
		c.resized()
	}
}
