package ui

import (
	"fmt"
	"image/color"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"pgregory.net/rapid"
)

// paragraphs returns lazy paragraphs whose guessed heights are wrong; built counts those that were built.
func paragraphs(n int, built *int) (list []fyne.CanvasObject) {
	for i := range n {
		list = append(list, NewLazy(func(float32) float32 { return 30 }, func() fyne.CanvasObject {
			*built++
			return Text(strings.Repeat("some words ", 1+i*7%83), TextSize, Ink)
		}))
	}
	return list
}

// After any scrolling and any change what is seen is drawn in its place, and hardly anything else is built or known to Fyne.
func TestThreadShowsWhatIsSeen(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	rapid.Check(t, func(rt *rapid.T) {
		built := 0
		th := NewThread()
		w := test.NewWindow(th.Object)
		defer w.Close()
		w.SetPadded(false)
		w.Resize(fyne.NewSize(600, 400))
		th.Set(rapid.Bool().Draw(rt, "end"), paragraphs(rapid.IntRange(0, 300).Draw(rt, "count"), &built)...)
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 6).Draw(rt, "step") {
			case 0:
				th.scroll.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, rapid.Float32Range(-3000, 3000).Draw(rt, "by"))})
			case 1:
				w.Resize(fyne.NewSize(rapid.Float32Range(200, 900).Draw(rt, "width"), rapid.Float32Range(200, 600).Draw(rt, "height")))
			case 2:
				th.Add(Text("one more", TextSize, Ink))
				if !th.AtBottom() {
					rt.Fatal("what was added is not seen")
				}
			case 3:
				th.Page(rapid.Float32Range(-1, 1).Draw(rt, "page"))
			case 4:
				if n := len(th.objects); n > 0 {
					o := th.objects[rapid.IntRange(0, n-1).Draw(rt, "reveal")]
					th.Reveal(o)
					if y := o.Position().Y - th.scroll.Offset.Y; y < -1 || y >= th.size.Height {
						rt.Fatalf("what was revealed stands at %v of %v", y, th.size.Height)
					}
				}
			case 5:
				if n := len(th.objects); n > 0 {
					th.Remove(th.objects[rapid.IntRange(0, n-1).Draw(rt, "remove")])
				}
			case 6:
				th.Changed(rapid.Bool().Draw(rt, "follow"))
			}
			checkThread(rt, th)
		}
	})
}

func checkThread(t *rapid.T, th *Thread) {
	known := map[fyne.CanvasObject]bool{}
	for _, o := range th.body.Objects {
		known[o] = true
	}
	_, width := th.column()
	y, top := float32(threadTop), th.scroll.Offset.Y
	if top < 0 || top > max(0, th.total()-th.size.Height)+1 {
		t.Fatalf("scrolled to %v of %v", top, th.total())
	}
	for i, o := range th.objects {
		h := HeightFor(o, width)
		if seen := y+h > top+1 && y < top+th.size.Height-1; seen && !known[o] {
			t.Fatalf("object %d at %v…%v is not drawn; the window shows %v…%v", i, y, y+h, top, top+th.size.Height)
		}
		if far := y+h < top-2*nearby || y > top+th.size.Height+2*nearby; far && known[o] {
			t.Fatalf("object %d at %v…%v is drawn; the window shows %v…%v", i, y, y+h, top, top+th.size.Height)
		}
		if l, ok := o.(*Lazy); known[o] && (o.Position().Y != y || o.Size() != fyne.NewSize(width, h) || ok && l.built == nil) {
			t.Fatalf("object %d stands at %v, %v, want %v, %v", i, o.Position(), o.Size(), y, h)
		}
		y += h + threadGap
	}
}

// Scrolling up through objects that turn out taller than guessed moves what is in the window by as much as the wheel turns.
func TestThreadDoesNotJump(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	built := 0
	th := NewThread()
	w := test.NewTempWindow(t, th.Object)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(600, 400))
	th.Set(true, paragraphs(300, &built)...)
	if built > 20 {
		t.Errorf("%d of 300 objects were built to show the last", built)
	}
	for i := range 200 {
		o := th.objects[th.at(th.scroll.Offset.Y+200)]
		was := o.Position().Y - th.scroll.Offset.Y
		th.scroll.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, 30)})
		if now := o.Position().Y - th.scroll.Offset.Y; now < was+28 || now > was+32 {
			t.Fatalf("step %d: the wheel moves what is seen by %v instead of 30; at %v of %v", i, now-was, th.scroll.Offset.Y, th.total())
		}
	}
}

// Of a column of thousands Fyne knows those that are seen, at the places that they have in the column.
func TestStackKnowsWhatIsSeen(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	s := NewStack(5)
	for i := range 3000 {
		s.Objects = append(s.Objects, Text(strings.Repeat("some words ", 1+i%30), TextSize, Ink))
	}
	s.Resize(fyne.NewSize(300, s.HeightFor(300)))
	for _, top := range []float32{0, 5000, s.Size().Height - 400} {
		s.See(top, top+400)
		y, known := float32(0), map[fyne.CanvasObject]bool{}
		for _, o := range test.WidgetRenderer(s).Objects() {
			known[o] = true
		}
		if len(known) > 60 {
			t.Errorf("%d objects are known", len(known))
		}
		for i, o := range s.Objects {
			h := HeightFor(o, 300)
			if seen := y+h > top && y < top+400; seen && (!known[o] || o.Position().Y != y || o.Size().Height != h) {
				t.Fatalf("object %d stands at %v with height %v, want %v and %v; known: %v", i, o.Position().Y, o.Size().Height, y, h, known[o])
			}
			y += h + 5
		}
	}
}

// The caret changes twice a second, and rests when nothing was typed for a while; typing wakes it.
func TestBlink(t *testing.T) {
	test.NewTempApp(t)
	var waiting []func()
	Later = func(after time.Duration, f func()) {
		if after <= 0 || after > blinkTime {
			t.Errorf("the caret waits for %v", after)
		}
		waiting = append(waiting, f)
	}
	t.Cleanup(func() { Later = nil })
	var b blink
	changes := 0
	b.show = func(bool) { changes++ }
	b.start()
	b.start() // a second key
	changes = 0
	ticks := 0
	for at := blinkTime; len(waiting) > 0; at += blinkTime {
		b.touched = time.Now().Add(-at)
		now := waiting
		waiting = nil
		for _, f := range now {
			f()
		}
		if ticks++; len(waiting) > 1 || ticks > 100 {
			t.Fatalf("after %d ticks %d are waited for", ticks, len(waiting))
		}
	}
	if want := int(blinkLong / blinkTime); changes < want-1 || changes > want+1 || !b.on {
		t.Errorf("%d changes, want %d; visible: %v", changes, want, b.on)
	}
	b.start()
	if len(waiting) != 1 {
		t.Error("typing does not wake the caret")
	}
	b.stop()
	b.on = false
	if waiting[0](); b.on || len(waiting) != 1 {
		t.Error("the caret blinks without the focus")
	}
}

// After a minute out of sight Fyne drops the renderers of widgets, and makes new ones without a layout. They look as before.
func TestWidgetsAreDrawnAgain(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: Light})
	detailed := NewButton(Plain, "Label", nil)
	detailed.Detail = "detail"
	entry := NewText()
	entry.SetText("some words\nand more")
	widgets := []fyne.Widget{NewBox(Surface, Line, 8, 4, 4, Text("in a box", TextSize, Ink)), NewLabel("label", TextSize, Ink), detailed,
		NewButton(Place, "place", nil), NewFill(Line, 3, 4), NewBar(20, 5, Part{0.5, Accent}), NewCheck("check", nil), entry,
		NewStack(4, Text("one", TextSize, Ink), Text("two", TextSize, Ink)), Text("text", TextSize, Ink),
		NewLazy(func(float32) float32 { return 20 }, func() fyne.CanvasObject { return Text("lazy", TextSize, Ink) })}
	for _, w := range widgets {
		test.NewTempWindow(t, w).Resize(fyne.NewSize(150, 60))
		drawn := func(r fyne.WidgetRenderer) (list []string) {
			for _, o := range r.Objects() {
				list = append(list, fmt.Sprintf("%T %v %v %v", o, o.Position(), o.Size(), o.Visible()))
			}
			return list
		}
		was, again := drawn(test.WidgetRenderer(w)), drawn(w.CreateRenderer())
		if len(was) == 0 || !slices.Equal(was, again) {
			t.Errorf("%T was drawn as\n%s\nand is drawn as\n%s", w, strings.Join(was, "\n"), strings.Join(again, "\n"))
		}
	}
}

// A change of the theme reaches what Fyne does not know at that time.
func TestThemeReachesWhatIsNotSeen(t *testing.T) {
	app := test.NewTempApp(t)
	app.Settings().SetTheme(Theme{Mode: Light})
	th := NewThread()
	test.NewTempWindow(t, th.Object).Resize(fyne.NewSize(600, 400))
	built := 0
	th.Set(false, paragraphs(100, &built)...)
	first := th.objects[0].(*Lazy).built.(*Flow)
	ink := func() color.Color {
		return test.WidgetRenderer(first).Objects()[0].(*canvas.Text).Color
	}
	was := ink()
	th.Page(100)
	app.Settings().SetTheme(Theme{Mode: Dark})
	th.Page(-100)
	if now := ink(); now == was || now != Color(Ink) {
		t.Errorf("the ink is %v, want %v", now, Color(Ink))
	}
}
