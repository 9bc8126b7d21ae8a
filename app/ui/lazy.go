package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"
)

// Lazy is an object that is built when it is about to be seen for the first time; until then it has the height that guess
// returns.
type Lazy struct {
	widget.BaseWidget
	guess func(width float32) float32
	build func() fyne.CanvasObject
	built fyne.CanvasObject
	width float32 // for which guess returned:
	least float32
}

// NewLazy returns an object that build will build.
func NewLazy(guess func(width float32) float32, build func() fyne.CanvasObject) *Lazy {
	l := &Lazy{guess: guess, build: build}
	l.ExtendBaseWidget(l)
	return l
}

// GuessLines estimates the height of wrapped text without measuring it.
func GuessLines(text string, width float32) float32 {
	const wide = 7.5 // about the average width of a letter
	lines, x := float32(1), float32(0)
	for _, r := range text {
		switch {
		case r == '\n':
			lines, x = lines+1, 0
			continue
		case r >= 0x2e80:
			x += wide
		}
		if x += wide; x > width {
			lines, x = lines+1, 0
		}
	}
	return lines * lineHeight(TextSize)
}

// Content returns the object, built if it was not yet.
func (l *Lazy) Content() fyne.CanvasObject {
	if l.built == nil {
		l.built = l.build()
	}
	return l.built
}

// HeightFor returns the height of the object, or the estimate.
func (l *Lazy) HeightFor(width float32) float32 {
	if l.built == nil {
		if l.width != width {
			l.width, l.least = width, l.guess(width)
		}
		return l.least
	}
	return HeightFor(l.built, width)
}

// MinSize has the height at the present width.
func (l *Lazy) MinSize() fyne.Size { return fyne.NewSize(48, l.HeightFor(max(48, l.Size().Width))) }

// See implements Seer.
func (l *Lazy) See(top, below float32) {
	if l.built != nil {
		See(l.built, top, below)
	}
}

// Contents implements Holder.
func (l *Lazy) Contents() []fyne.CanvasObject {
	if l.built == nil {
		return nil
	}
	return []fyne.CanvasObject{l.built}
}

// Refresh refreshes the object.
func (l *Lazy) Refresh() {
	if l.built != nil {
		l.built.Refresh()
	}
	l.BaseWidget.Refresh()
}

// CreateRenderer implements fyne.Widget.
func (l *Lazy) CreateRenderer() fyne.WidgetRenderer {
	l.ExtendBaseWidget(l)
	return widget.NewSimpleRenderer(l.Content())
}
