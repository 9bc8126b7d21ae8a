package ui

import (
	"image/color"
	"math"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"pgregory.net/rapid"
)

// luminance and contrast follow the definitions of WCAG 2.2.
func luminance(c color.NRGBA) float64 {
	lin := func(v uint8) float64 {
		x := float64(v) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*lin(c.R) + 0.7152*lin(c.G) + 0.0722*lin(c.B)
}

func contrast(a, b color.NRGBA) float64 {
	x, y := luminance(a), luminance(b)
	if x < y {
		x, y = y, x
	}
	return (x + 0.05) / (y + 0.05)
}

func TestContrast(t *testing.T) {
	for name, p := range map[string]palette{"light": light, "dark": dark} {
		for ink, surfaces := range pairs {
			for _, s := range surfaces {
				if c := contrast(p[ink], p[s]); c < 4.5 {
					t.Errorf("%s: %s on %s is %.2f : 1, less than 4.5", name, ink, s, c)
				}
			}
		}
	}
}

func TestPalettesHaveTheSameNames(t *testing.T) {
	for n := range light {
		if _, ok := dark[n]; !ok {
			t.Errorf("%s is missing in dark", n)
		}
	}
	if len(light) != len(dark) {
		t.Errorf("%d and %d colours", len(light), len(dark))
	}
}

// A click, Space and Enter change a Check unless it is disabled; Set does not call OnChanged.
func TestCheck(t *testing.T) {
	test.NewTempApp(t)
	var told []bool
	c := NewCheck("Translate to English", func(on bool) { told = append(told, on) })
	w := test.NewTempWindow(t, c)
	test.Tap(c)
	w.Canvas().Focus(c)
	c.TypedRune(' ')
	for _, k := range []fyne.KeyName{fyne.KeySpace, fyne.KeyReturn, fyne.KeyA} {
		c.TypedKey(&fyne.KeyEvent{Name: k})
	}
	c.Set(false, true)
	c.Set(true, false)
	test.Tap(c)
	c.TypedRune(' ')
	if !slices.Equal(told, []bool{true, false, true}) || !c.Checked || !c.Disabled() {
		t.Errorf("told %v; checked: %v, disabled: %v", told, c.Checked, c.Disabled())
	}
}

// No line is wider than the given width, and breaking loses nothing but spaces.
func TestFlowBreaks(t *testing.T) {
	test.NewTempApp(t)
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab WMmil.,-\n漢字かな。é́👍")), 0, 120, -1).Draw(rt, "text")
		cut := rapid.IntRange(0, len(text)).Draw(rt, "cut")
		for cut > 0 && cut < len(text) && text[cut]&0xc0 == 0x80 {
			cut--
		}
		f := NewFlow(Span{Text: text[:cut]}, Span{Text: text[cut:], Bold: true})
		width := float32(rapid.IntRange(30, 400).Draw(rt, "width"))
		if h := f.HeightFor(width); h < f.LineHeight() {
			rt.Fatalf("height %v", h)
		}
		var got strings.Builder
		for _, l := range f.wrapped.lines {
			for _, r := range f.wrapped.runs(l, f.wrapped.trimmed(l)) {
				got.WriteString(text[r.start:r.end])
				if r.x+r.w > width+2 && len([]rune(strings.TrimSpace(r.Text))) > 2 {
					rt.Fatalf("%q ends at %v, the width is %v", r.Text, r.x+r.w, width)
				}
			}
		}
		bare := func(s string) string { return strings.NewReplacer(" ", "", "\n", "").Replace(s) }
		if bare(got.String()) != bare(text) {
			rt.Fatalf("got %q of %q", got.String(), text)
		}
	})
}

func TestEntryInsertsAtTheCursor(t *testing.T) {
	test.NewTempApp(t)
	e := NewText()
	w := test.NewTempWindow(t, e)
	w.Resize(fyne.NewSize(300, 100))
	e.SetText("hello world")
	e.SetCaret(5)
	e.Insert(" dear")
	if e.Text != "hello dear world" || e.Caret() != 10 {
		t.Fatalf("got %q, cursor at %d", e.Text, e.Caret())
	}
	sent := 0
	e.OnSend = func() { sent++ }
	e.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	e.KeyDown(&fyne.KeyEvent{Name: "LeftShift"})
	e.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if sent != 1 || e.Text != "hello dear\n world" {
		t.Fatalf("sent %d times, text %q", sent, e.Text)
	}
}

// After a minute out of sight Fyne drops the renderer of a widget. When it is shown again it looks the same.
func TestFlowIsDrawnAgain(t *testing.T) {
	test.NewTempApp(t)
	f := Text("31 min · English · whisper-base", SmallSize, Muted)
	test.NewTempWindow(t, f).Resize(fyne.NewSize(120, 90))
	drawn := func(r fyne.WidgetRenderer) (words []string) {
		for _, o := range r.Objects() {
			words = append(words, o.(*canvas.Text).Text)
		}
		return words
	}
	was, now := drawn(test.WidgetRenderer(f)), drawn(f.CreateRenderer())
	if len(was) < 2 || !slices.Equal(now, was) {
		t.Errorf("drawn was %q, drawn is %q", was, now)
	}
}
