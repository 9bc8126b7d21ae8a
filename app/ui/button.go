package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// Kind says how prominent a button is.
type Kind int

// The kinds.
const (
	Plain   Kind = iota // with an outline
	Primary             // the main action of a screen
	Quiet               // label only, for secondary actions
	Place               // label only, left-aligned, as wide as its container; Chosen tints it
)

// Button is a button that is operated by a click, or by Space or Enter when it has the focus. Fyne's own button has no
// outlined style. Every button has a label; an icon alone is used for the microphone only.
type Button struct {
	widget.BaseWidget
	Label    string
	Kind     Kind
	Detail   string // text after the label, smaller
	Light    bool   // the label is not bold
	Icon     fyne.Resource
	Chosen   bool
	OnTapped func()

	focused, hovered, disabled bool
}

// NewButton returns a button that calls tapped.
func NewButton(kind Kind, label string, tapped func()) *Button {
	b := &Button{Label: label, Kind: kind, OnTapped: tapped}
	b.ExtendBaseWidget(b)
	return b
}

// SetLabel changes the label.
func (b *Button) SetLabel(label string) {
	if b.Label != label {
		b.Label = label
		b.Refresh()
	}
}

// SetChosen tints a button of kind Place.
func (b *Button) SetChosen(on bool) {
	if b.Chosen != on {
		b.Chosen = on
		b.Refresh()
	}
}

// Disable makes the button ignore input until Enable is called.
func (b *Button) Disable() { b.setDisabled(true) }

// Enable ends the effect of Disable.
func (b *Button) Enable() { b.setDisabled(false) }

// Disabled reports whether the button ignores input.
func (b *Button) Disabled() bool { return b.disabled }

func (b *Button) setDisabled(on bool) {
	if b.disabled != on {
		b.disabled = on
		b.Refresh()
	}
}

// Tapped calls OnTapped.
func (b *Button) Tapped(*fyne.PointEvent) {
	if !b.disabled && b.OnTapped != nil {
		b.OnTapped()
	}
}

// FocusGained implements fyne.Focusable.
func (b *Button) FocusGained() { b.focused = true; b.Refresh(); GotFocus(b) }

// FocusLost implements fyne.Focusable.
func (b *Button) FocusLost() { b.focused = false; b.Refresh() }

// TypedRune calls OnTapped on Space. The key press alone would be too early: if it moved the focus to an entry, the space would
// be typed there.
func (b *Button) TypedRune(r rune) {
	if r == ' ' {
		b.pressed()
		return
	}
	UnusedRune(b, r)
}

// TypedKey calls OnTapped on Enter.
func (b *Button) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		b.pressed()
	case fyne.KeySpace: // TypedRune follows
	default:
		UnusedKey(b, e)
	}
}

// pressed is a tap by a key.
func (b *Button) pressed() {
	if !Repeats() {
		b.Tapped(nil)
	}
}

// MouseIn implements desktop.Hoverable.
func (b *Button) MouseIn(*desktop.MouseEvent) { b.hovered = true; b.Refresh() }

// MouseMoved implements desktop.Hoverable.
func (b *Button) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (b *Button) MouseOut() { b.hovered = false; b.Refresh() }

// Cursor implements desktop.Cursorable.
func (b *Button) Cursor() desktop.Cursor {
	if b.disabled {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

// CreateRenderer implements fyne.Widget.
func (b *Button) CreateRenderer() fyne.WidgetRenderer {
	b.ExtendBaseWidget(b)
	r := &buttonRenderer{b: b, back: canvas.NewRectangle(nil), text: canvas.NewText("", nil), more: canvas.NewText("", nil)}
	r.Refresh()
	return r
}

type buttonRenderer struct {
	b    *Button
	back *canvas.Rectangle
	text *canvas.Text
	more *canvas.Text
	icon *canvas.Image
}

func (r *buttonRenderer) Destroy() {}

func (r *buttonRenderer) Objects() []fyne.CanvasObject {
	if r.icon != nil {
		return []fyne.CanvasObject{r.back, r.text, r.more, r.icon}
	}
	return []fyne.CanvasObject{r.back, r.text, r.more}
}

// padding returns the space at each side of the label, and the height of the button.
func (b *Button) padding() (side, height float32) {
	switch b.Kind {
	case Quiet:
		return 6, 24
	case Place:
		return 10, 34
	}
	return 14, 36
}

func (r *buttonRenderer) MinSize() fyne.Size {
	side, height := r.b.padding()
	w := measure(r.b.Label, r.text.TextSize, r.text.TextStyle).Width + 2*side
	if r.b.Detail != "" {
		w += r.more.MinSize().Width + 8
	}
	if r.icon != nil {
		w += 26
	}
	return fyne.NewSize(w, height)
}

func (r *buttonRenderer) Layout(size fyne.Size) {
	Put(r.back, 0, 0, size.Width, size.Height)
	side, _ := r.b.padding()
	m := measure(r.b.Label, r.text.TextSize, r.text.TextStyle)
	x := (size.Width - m.Width) / 2
	end := size.Width
	if r.b.Detail != "" {
		d := r.more.MinSize()
		x, end = side, size.Width-d.Width-side-6
		Put(r.more, min(x+m.Width+8, end+6), (size.Height-d.Height)/2, d.Width, d.Height)
	}
	if r.b.Kind == Place {
		x = side
		if r.icon != nil {
			Put(r.icon, x, (size.Height-16)/2, 16, 16)
			x += 26
		}
	}
	r.text.Text = elide(r.b.Label, end-x-2, r.text.TextSize, r.text.TextStyle)
	Put(r.text, max(x, 2), (size.Height-m.Height)/2, m.Width, m.Height)
}

func (r *buttonRenderer) Refresh() {
	b := r.b
	r.text.TextSize = TextSize
	r.text.TextStyle = fyne.TextStyle{Bold: b.Kind != Place && b.Kind != Quiet && !b.Light || b.Chosen}
	if b.Kind == Quiet {
		r.text.TextSize = SmallSize
	}
	r.back.CornerRadius = 8
	fill, stroke, ink := r.colors()
	r.back.FillColor, r.back.StrokeColor, r.back.StrokeWidth = Color(fill), Color(stroke), 1
	if fill == "" {
		r.back.FillColor = nil
	}
	if stroke == "" {
		r.back.StrokeColor, r.back.StrokeWidth = nil, 0
	}
	if b.focused {
		r.back.StrokeColor, r.back.StrokeWidth = Color(Accent), 2
		if b.Kind == Primary {
			r.back.StrokeColor = Color(Ink)
		}
	}
	r.text.Color, r.text.Text = Color(ink), b.Label
	r.more.Text, r.more.TextSize, r.more.Color = labelled(meterFor(fyne.TextStyle{}, SmallSize), b.Detail), SmallSize, Color(Muted)
	r.icon = nil
	if b.Icon != nil {
		r.icon = canvas.NewImageFromResource(theme.NewColoredResource(b.Icon, ink))
		r.icon.FillMode = canvas.ImageFillContain
	}
	r.Layout(b.Size())
	canvas.Refresh(b)
}

func (r *buttonRenderer) colors() (fill, stroke, ink fyne.ThemeColorName) {
	b := r.b
	switch b.Kind {
	case Primary:
		if b.disabled {
			return Line, "", Ink
		}
		return Accent, "", OnAccent
	case Quiet, Place:
		ink = Ink
		if b.Kind == Quiet {
			ink = Muted
		}
		switch {
		case b.Chosen:
			fill = Tint
		case b.hovered && !b.disabled:
			fill = Hover
		}
		return fill, "", ink
	}
	ink = Ink
	if b.disabled {
		ink = Muted
	}
	if b.hovered && !b.disabled {
		return Hover, Line, ink
	}
	return Surface, Line, ink
}
