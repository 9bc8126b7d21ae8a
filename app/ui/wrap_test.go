package ui

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"pgregory.net/rapid"
)

var letters = []rune("abcXYZ WMmil.,-fi\t  \n漢字かな。é́👍👨‍👩‍👧ไทยשלוםعربي٣0123\u200d\ufe0f")

func someText(t *rapid.T, name string, most int) string {
	return rapid.StringOfN(rapid.RuneFrom(letters), 0, most, -1).Draw(t, name)
}

// Our widths are those with which Fyne draws.
func TestWidthsAreFynes(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	rapid.Check(t, func(rt *rapid.T) {
		style := fyne.TextStyle{Bold: rapid.Bool().Draw(rt, "bold"), Monospace: rapid.Bool().Draw(rt, "mono")}
		size := float32(rapid.IntRange(9, 30).Draw(rt, "size"))
		m := meterFor(style, size)
		text := m.draw(strings.NewReplacer("\n", "", "\t", "").Replace(someText(rt, "text", 40)))
		want := float32(0) // emoji of several runes are drawn by themselves, in their own font
		m.set.pieces(text, func(from, to int, emoji bool) {
			if emoji {
				want += m.width(text[from:to])
			} else {
				want += fyne.MeasureText(text[from:to], size, style).Width
			}
		})
		if got := m.width(text); got < want-0.6 || got > want+0.6 {
			rt.Fatalf("%q is %v wide, Fyne says %v", text, got, want)
		}
		stops := m.stops(text)
		if last := stops[len(stops)-1]; last.at != len(text) || last.x < m.width(text)-0.6 || last.x > m.width(text)+0.6 {
			rt.Fatalf("%q ends at %v, its width is %v", text, last, m.width(text))
		}
	})
}

// After any change the lines are those of the whole text broken anew.
func TestReplacedIsWhole(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Repeat(someText(rt, "text", 60), rapid.IntRange(1, 40).Draw(rt, "times"))
		width := float32(rapid.IntRange(30, 400).Draw(rt, "width"))
		w := wrap([]Span{{Text: text}}, 14, true, false)
		w.breakAt(width)
		for range 4 {
			cut := func(name string, least int) int {
				at := rapid.IntRange(least, len(w.text)).Draw(rt, name)
				for at > least && at < len(w.text) && w.text[at]&0xc0 == 0x80 {
					at--
				}
				return at
			}
			from := cut("from", 0)
			to := cut("to", from)
			w.replace(from, to, someText(rt, "with", 30))
			whole := wrap([]Span{{Text: w.text}}, 14, true, false)
			whole.breakAt(width)
			if !slices.Equal(w.lines, whole.lines) {
				rt.Fatalf("%q at %v\n got %v\nwant %v", w.text, width, w.lines, whole.lines)
			}
		}
	})
}

// Runes that no font has do not reach Fyne, which would search all fonts for each of them.
func TestRunesWithoutFontAreReplaced(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	const text = "a\U000e1234b\ue123\u4e00\x1b[0m"
	button := NewButton(Plain, text, nil)
	button.Detail = text
	screen := NewColumn(0, NewFlow(Span{Text: text}, Span{Text: text, Mono: true}), NewLabel(text, TextSize, Ink), button)
	test.NewTempWindow(t, screen).Resize(fyne.NewSize(400, 300))
	texts := 0
	var visit func(fyne.CanvasObject)
	visit = func(o fyne.CanvasObject) {
		switch o := o.(type) {
		case *canvas.Text:
			texts++
			m := meterFor(o.TextStyle, o.TextSize)
			for _, r := range o.Text {
				if m.set.find(r) == nil {
					t.Errorf("%q holds %U, which no font has", o.Text, r)
				}
			}
		case *fyne.Container:
			for _, c := range o.Objects {
				visit(c)
			}
		case fyne.Widget:
			for _, c := range test.WidgetRenderer(o).Objects() {
				visit(c)
			}
		}
	}
	visit(screen)
	if texts < 5 {
		t.Errorf("only %d texts were found", texts)
	}
}

// A place in the text and its position on the screen lead to each other.
func TestOffsetsAndPositions(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	rapid.Check(t, func(rt *rapid.T) {
		text := someText(rt, "text", 200)
		f := NewFlow(Span{Text: text}, Span{Text: "code", Mono: true}, Span{Text: " end", Bold: true})
		f.Align = rapid.SampledFrom([]fyne.TextAlign{fyne.TextAlignLeading, fyne.TextAlignCenter}).Draw(rt, "align")
		width := float32(rapid.IntRange(40, 400).Draw(rt, "width"))
		f.Resize(fyne.NewSize(width, f.HeightFor(width)))
		before := fyne.NewPos(0, 0)
		for _, l := range f.wrapped.lines {
			if f.wrapped.twoWay() { // see TestTwoWayOffsets
				break
			}
			for _, at := range append([]int{l.start}, f.wrapped.stopsOf(line{l.start, f.wrapped.trimmed(l), l.next, l.w})...) {
				p := f.PositionOf(at)
				if p.Y < before.Y || p.Y == before.Y && p.X < before.X {
					rt.Fatalf("offset %d stands at %v, behind %v", at, p, before)
				}
				before = p
				if got := f.PositionOf(f.OffsetAt(p.AddXY(0.01, 3))); got.Y == p.Y && (got.X < p.X-3.1 || got.X > p.X+3.1) { // 3: before code
					rt.Fatalf("offset %d stands at %v, where offset %d is found, which stands at %v", at, p, f.OffsetAt(p), got)
				}
			}
		}
		if f.Text(0, f.Len()) != text+"code end" {
			rt.Fatalf("the text is %q", f.Text(0, f.Len()))
		}
	})
}
