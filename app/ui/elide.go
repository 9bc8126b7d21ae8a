package ui

import "fyne.io/fyne/v2"

// mostLabel is the length in bytes from which a text of one line is cut: more does not fit on any screen.
const mostLabel = 1000

// labelled returns what is drawn of a text of one line.
func labelled(m *meter, text string) string {
	if len(text) > mostLabel {
		text = text[:runeStart(text, mostLabel)] + "…"
	}
	return m.draw(text)
}

// Drawable returns a text of one line for a widget of Fyne's own: without runes that no font has, each of which costs Fyne up to
// 20 ms, and not longer than a screen is wide.
func Drawable(text string) string { return labelled(meterFor(fyne.TextStyle{}, TextSize), text) }

// runeStart returns the last offset up to at at which a rune starts.
func runeStart(text string, at int) int {
	for at > 0 && at < len(text) && text[at]&0xc0 == 0x80 {
		at--
	}
	return at
}

// measure returns the size of a text of one line.
func measure(text string, size float32, style fyne.TextStyle) fyne.Size {
	m := meterFor(style, size)
	return fyne.NewSize(m.width(labelled(m, text)), textHeight(size, style))
}

// textHeight returns the height of every text in a style.
func textHeight(size float32, style fyne.TextStyle) float32 {
	return fyne.MeasureText(" ", size, style).Height
}

// elide returns a text of one line as it is drawn, shortened with an ellipsis where it is wider than width.
func elide(text string, width, size float32, style fyne.TextStyle) string {
	m := meterFor(style, size)
	text = labelled(m, text)
	if width <= 0 || m.width(text) <= width+1 {
		return text
	}
	cut := 0
	for _, s := range m.stops(text) {
		if s.x+m.width("…") > width {
			break
		}
		cut = s.at
	}
	return text[:cut] + "…"
}
