package ui

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"pgregory.net/rapid"
)

// visual returns the pieces of a text from left to right, as they are drawn, one line below the other.
func visual(f *Flow) string {
	var lines []string
	for _, l := range f.wrapped.lines {
		var parts []string
		for _, r := range f.wrapped.runs(l, f.wrapped.trimmed(l)) {
			parts = append(parts, r.Text)
		}
		lines = append(lines, strings.Join(parts, "|"))
	}
	return strings.Join(lines, "\n")
}

func TestTwoWayOrder(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	for text, want := range map[string]string{
		"plain 123":          "plain 123",
		"שלום":               "שלום",
		"אבג 11,000 דהו":     "דהו| |11,000|אבג ",
		"abc אבג 12 דהו xyz": "abc |דהו| |12|אבג | xyz",
		"abc (אבג) xyz":      "abc (|אבג|) xyz",
		"אבג (abc) דהו":      "דהו| |(|abc|)|אבג ",
		"אבג\nabc\nדהו 1":    "אבג\nabc\n1|דהו ",
		"עמוד 25%":           "25%|עמוד ",
		"12:30 בצהריים":      "בצהריים| |12:30",
		"(123) abc":          "(123) abc",
		"البحر 11,000 متر":   "متر| |11,000|البحر ",
		"\u202eabc":          "\u202e|c|b|a",
	} {
		f := NewFlow(Span{Text: text})
		f.Resize(fyne.NewSize(400, f.HeightFor(400)))
		if got := visual(f); strings.ReplaceAll(got, "|", "") != strings.ReplaceAll(want, "|", "") {
			t.Errorf("%q is drawn as %q, not as %q", text, got, want)
		}
	}
	f := NewFlow(Span{Text: "אבג "}, Span{Text: "(a) = 1", Mono: true}, Span{Text: " דהו!"})
	f.Resize(fyne.NewSize(400, f.HeightFor(400)))
	if got := visual(f); !strings.Contains(got, "|(a) = 1|") {
		t.Errorf("code in the text is divided: %q", got)
	}
}

// Paragraphs from right to left end at the right edge, the others begin at the left one.
func TestTwoWayAlignment(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	f := NewFlow(Span{Text: "abc אבג\nאבג abc דהו אבג abc דהו אבג abc דהו\n12"})
	f.Resize(fyne.NewSize(120, f.HeightFor(120)))
	if len(f.wrapped.lines) < 4 {
		t.Fatalf("the text has %d lines", len(f.wrapped.lines))
	}
	for i, l := range f.wrapped.lines {
		runs := f.wrapped.runs(l, f.wrapped.trimmed(l))
		last := runs[len(runs)-1]
		left, right := runs[0].x, last.x+last.w
		if i == 0 || i == len(f.wrapped.lines)-1 {
			if left != 0 {
				t.Errorf("line %d begins at %v", i, left)
			}
		} else if right < 119.9 || right > 120.1 || left < 0 {
			t.Errorf("line %d reaches from %v to %v", i, left, right)
		}
	}
}

// What is drawn at a place of a line is found there, and all of a text is drawn.
func TestTwoWayOffsets(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	rapid.Check(t, func(rt *rapid.T) {
		text := someText(rt, "text", 120)
		f := NewFlow(Span{Text: text + "ש"}, Span{Text: "code", Mono: true}, Span{Text: " סוף", Bold: true})
		width := float32(rapid.IntRange(60, 400).Draw(rt, "width"))
		f.Resize(fyne.NewSize(width, f.HeightFor(width)))
		w := f.wrapped
		for i, l := range w.lines {
			end := w.trimmed(l)
			covered := 0
			runs := w.runs(l, end)
			for k := range runs {
				r := &runs[k]
				covered += r.end - r.start
				stops := r.meter.stops(w.text[r.start:r.end])
				for j := 1; j < len(stops); j++ {
					from, to := stops[j-1], stops[j]
					if to.x-from.x < 2 {
						continue
					}
					x := r.at(from.x + (to.x-from.x)*0.25) // nearer to the beginning of the letter
					if got := f.OffsetAt(fyne.NewPos(x, (float32(i)+0.5)*f.LineHeight())); got != r.start+from.at {
						rt.Fatalf("at %v of line %d of %q is offset %d, not %d", x, i, text, got, r.start+from.at)
					}
				}
			}
			if covered != end-l.start {
				rt.Fatalf("line %d of %q: %d of %d bytes are drawn", i, text, covered, end-l.start)
			}
		}
	})
}

// In an entry, the arrow keys move the caret as they point, in a paragraph from right to left too.
func TestArrowsInTextFromRightToLeft(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	e := NewText()
	e.Resize(fyne.NewSize(300, 100))
	e.SetText("אבג\nabc")
	for _, c := range []struct {
		from int
		key  fyne.KeyName
		to   int
	}{{0, fyne.KeyLeft, 2}, {4, fyne.KeyLeft, 6}, {4, fyne.KeyRight, 2}, {8, fyne.KeyLeft, 7}, {8, fyne.KeyRight, 9}} {
		e.SetCaret(c.from)
		before := e.caretPosition()
		if e.TypedKey(&fyne.KeyEvent{Name: c.key}); e.Caret() != c.to || (e.caretPosition().X < before.X) != (c.key == fyne.KeyLeft) {
			t.Errorf("%s at %d leads to %d, from %v to %v", c.key, c.from, e.Caret(), before, e.caretPosition())
		}
	}
}
