package ui

import "fyne.io/fyne/v2"

// Action is a button's label and its function.
type Action struct {
	Label string
	Do    func()
}

// Problem is an error as it is shown to the user: what happened, why, and actions that help. The technical details are
// available through "Copy details".
type Problem struct {
	Title   string
	Why     string
	Actions []Action // the first one is recommended
	About   any      // tells it from other problems with the same words; nil: nothing does
}

// Card returns the problem as a box.
func (p Problem) Card() *Box {
	title := NewFlow(Span{Text: p.Title, Bold: true})
	parts := []fyne.CanvasObject{title}
	if p.Why != "" {
		parts = append(parts, NewFlow(Span{Text: p.Why}))
	}
	if len(p.Actions) > 0 {
		parts = append(parts, Spacer(1, 4), NewButtons(p.Actions))
	}
	return NewBox(Surface, Record, 10, 16, 14, NewColumn(2, parts...))
}

// brief returns a problem without actions as a low box, with a button beside the title that closes it.
func (p Problem) brief(close func()) *Box {
	title := NewFlow(Span{Text: p.Title, Bold: true})
	parts := []fyne.CanvasObject{NewRow(12, title, title, NewButton(Quiet, "Close", close))}
	if p.Why != "" {
		parts = append(parts, NewFlow(Span{Text: p.Why}))
	}
	return NewBox(Surface, Record, 10, 16, 12, NewColumn(2, parts...))
}

// NewButtons returns a row of buttons that wraps; the first is Primary.
func NewButtons(actions []Action) fyne.CanvasObject {
	row := &fyne.Container{Layout: &Wrap{Gap: 10}}
	for i, a := range actions {
		kind := Plain
		if i == 0 {
			kind = Primary
		}
		row.Add(NewButton(kind, a.Label, a.Do))
	}
	return row
}

// Wrap is a layout that places objects side by side, and continues on further lines where they don't fit.
type Wrap struct {
	Gap   float32
	width float32
}

func (w *Wrap) place(objects []fyne.CanvasObject, width float32, put bool) float32 {
	var x, y, tall float32
	var line []fyne.CanvasObject
	end := func() {
		for _, o := range line {
			if put { // vertically centred in the line
				o.Move(fyne.NewPos(o.Position().X, y+(tall-o.Size().Height)/2))
			}
		}
		line = line[:0]
	}
	for _, o := range objects {
		if !o.Visible() {
			continue
		}
		m := o.MinSize()
		if x > 0 && x+m.Width > width {
			end()
			x, y, tall = 0, y+tall+w.Gap, 0
		}
		if put {
			Put(o, x, y, min(m.Width, max(width, 1)), m.Height)
		}
		line = append(line, o)
		x, tall = x+m.Width+w.Gap, max(tall, m.Height)
	}
	end()
	return y + tall
}

// HeightFor returns the height of all lines.
func (w *Wrap) HeightFor(objects []fyne.CanvasObject, width float32) float32 {
	return w.place(objects, width, false)
}

// Layout places the children.
func (w *Wrap) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	w.width = size.Width
	w.place(objects, size.Width, true)
}

// MinSize is that of the widest child.
func (w *Wrap) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var width float32
	for _, o := range objects {
		if o.Visible() {
			width = max(width, o.MinSize().Width)
		}
	}
	return fyne.NewSize(width, w.place(objects, max(w.width, width), false))
}
