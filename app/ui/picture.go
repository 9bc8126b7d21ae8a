package ui

import (
	"image"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// Picture shows an image with rounded corners. It has its size before the image is there. It is operated by a click, or by Space or
// Enter when it has the focus.
type Picture struct {
	widget.BaseWidget
	OnTapped func()

	size    fyne.Size
	image   image.Image
	words   string // shown while there is no image
	focused bool
}

// NewPicture returns a picture of width × height pixels, scaled down to fit into most, without its image.
func NewPicture(width, height int, most fyne.Size, tapped func()) *Picture {
	p := &Picture{OnTapped: tapped, size: Fitted(width, height, most)}
	p.ExtendBaseWidget(p)
	return p
}

// Fitted returns the size of an image of width × height pixels that is scaled down to fit into most. Neither side is less than 24, so
// that a narrow image can be seen.
func Fitted(width, height int, most fyne.Size) fyne.Size {
	w, h := float32(max(1, width)), float32(max(1, height))
	scale := min(1, most.Width/w, most.Height/h)
	const least = 24
	return fyne.NewSize(min(most.Width, max(least, w*scale)), min(most.Height, max(least, h*scale)))
}

// Set shows the image.
func (p *Picture) Set(m image.Image) {
	p.image, p.words = m, ""
	p.Refresh()
}

// SetWords shows a text in the place of the image.
func (p *Picture) SetWords(words string) {
	p.image, p.words = nil, words
	p.Refresh()
}

// Shown returns the image; nil if it is not there yet.
func (p *Picture) Shown() image.Image { return p.image }

// MinSize is the size at which the image is shown.
func (p *Picture) MinSize() fyne.Size { return p.size }

// Tapped calls OnTapped.
func (p *Picture) Tapped(*fyne.PointEvent) {
	p.OnTapped()
}

// FocusGained implements fyne.Focusable.
func (p *Picture) FocusGained() { p.focused = true; p.Refresh(); GotFocus(p) }

// FocusLost implements fyne.Focusable.
func (p *Picture) FocusLost() { p.focused = false; p.Refresh() }

// TypedRune calls OnTapped on Space; see Button.TypedRune.
func (p *Picture) TypedRune(r rune) {
	if r == ' ' {
		p.Tapped(nil)
		return
	}
	UnusedRune(p, r)
}

// TypedKey calls OnTapped on Enter.
func (p *Picture) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		p.Tapped(nil)
	case fyne.KeySpace: // TypedRune follows
	default:
		UnusedKey(p, e)
	}
}

// Cursor implements desktop.Cursorable.
func (p *Picture) Cursor() desktop.Cursor { return desktop.PointerCursor }

// CreateRenderer implements fyne.Widget.
func (p *Picture) CreateRenderer() fyne.WidgetRenderer {
	p.ExtendBaseWidget(p)
	r := &pictureRenderer{p: p, back: canvas.NewRectangle(nil), shown: canvas.NewImageFromImage(nil), outline: canvas.NewRectangle(nil),
		words: NewFlow(Span{})}
	r.shown.FillMode, r.shown.CornerRadius = canvas.ImageFillContain, pictureRadius
	r.words.TextSize, r.words.Align = SmallSize, fyne.TextAlignCenter
	r.Refresh()
	return r
}

const pictureRadius = 8

type pictureRenderer struct {
	p       *Picture
	back    *canvas.Rectangle // behind a narrow image, and while there is none
	shown   *canvas.Image
	words   *Flow
	outline *canvas.Rectangle // of the focus
}

func (r *pictureRenderer) Destroy() {}

func (r *pictureRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.back, r.shown, r.words, r.outline}
}

func (r *pictureRenderer) MinSize() fyne.Size { return r.p.size }

func (r *pictureRenderer) Layout(size fyne.Size) {
	Put(r.back, 0, 0, size.Width, size.Height)
	Put(r.shown, 0, 0, size.Width, size.Height)
	h := r.words.HeightFor(size.Width - 8)
	Put(r.words, 4, max(0, (size.Height-h)/2), size.Width-8, h)
	Put(r.outline, 0, 0, size.Width, size.Height)
}

func (r *pictureRenderer) Refresh() {
	p := r.p
	r.back.FillColor, r.back.CornerRadius = Color(Hover), pictureRadius
	r.shown.Image, r.shown.Hidden = p.image, p.image == nil
	r.words.Hidden = p.words == ""
	if p.words != "" {
		r.words.Set(Span{Text: p.words, Color: Muted})
	}
	r.outline.CornerRadius, r.outline.StrokeWidth, r.outline.StrokeColor = pictureRadius, 2, Color(Accent)
	r.outline.Hidden = !p.focused
	r.Layout(p.Size())
	r.shown.Refresh()
	canvas.Refresh(p)
}
