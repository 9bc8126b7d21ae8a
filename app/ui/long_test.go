package ui

import (
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"pgregory.net/rapid"
)

// column returns a Long of paragraphs whose guessed heights are wrong.
func column(texts *[]string) *Long {
	l := NewLong()
	l.Count = func() int { return len(*texts) }
	l.Height = func(i int, w float32) float32 { return Text((*texts)[i], TextSize, Ink).HeightFor(w) }
	l.Guess = func(i int, w float32) float32 { return 30 }
	l.New = func() fyne.CanvasObject { return Text("", TextSize, Ink) }
	l.Fill = func(i int, o fyne.CanvasObject) { o.(*Flow).Set(Span{Text: (*texts)[i]}) }
	return l
}

// After any scrolling and any change the visible rows are drawn without gaps and with their correct heights, and no other
// rows are drawn.
func TestLongShowsWhatIsInSight(t *testing.T) {
	test.NewTempApp(t)
	rapid.Check(t, func(rt *rapid.T) {
		var texts []string
		for range rapid.IntRange(1, 300).Draw(rt, "rows") {
			texts = append(texts, strings.Repeat("some words ", 1+len(texts)*7%23))
		}
		l := column(&texts)
		w := test.NewWindow(l)
		defer w.Close()
		w.SetPadded(false)
		w.Resize(fyne.NewSize(600, 400))
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 8).Draw(rt, "step") {
			case 0:
				l.scroll.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, rapid.Float32Range(-3000, 3000).Draw(rt, "by"))})
			case 1:
				row := rapid.IntRange(0, len(texts)-1).Draw(rt, "row")
				l.Reveal(row)
				if !l.InSight(row) || l.Row(row) == nil {
					rt.Fatalf("row %d is not in sight", row)
				}
			case 2:
				w.Resize(fyne.NewSize(rapid.Float32Range(200, 900).Draw(rt, "width"), 400))
			case 3:
				row := rapid.IntRange(0, len(texts)-1).Draw(rt, "row")
				texts[row] = strings.Repeat("other words ", rapid.IntRange(0, 40).Draw(rt, "words"))
				l.Changed(row)
			case 4:
				texts = append(texts, "one more")
				l.Grown(rapid.Bool().Draw(rt, "follow"))
			case 5:
				l.Page(rapid.Float32Range(-1, 1).Draw(rt, "page"))
			case 6: // fewer rows; any of the methods may be the first to notice
				rows := len(texts)
				texts = texts[:rapid.IntRange(1, rows).Draw(rt, "left")]
				switch rapid.IntRange(0, 4).Draw(rt, "by") {
				case 0:
					w.Resize(fyne.NewSize(600, rapid.Float32Range(200, 500).Draw(rt, "height")))
				case 1:
					l.Changed(rapid.IntRange(-1, rows).Draw(rt, "changed"))
				case 2:
					l.Reveal(rapid.IntRange(-1, rows).Draw(rt, "revealed"))
				case 3:
					l.Grown(true)
				}
				l.Redraw()
			case 7:
				w.Resize(fyne.NewSize(600, rapid.Float32Range(200, 500).Draw(rt, "height")))
			case 8:
				texts = texts[:rapid.IntRange(1, len(texts)).Draw(rt, "left")]
				l.Reload()
			}
			check(rt, l, texts)
		}
	})
}

func check(t *rapid.T, l *Long, texts []string) {
	top, bottom := l.scroll.Offset.Y, l.scroll.Offset.Y+l.size.Height
	y, visible := l.Ends, 0
	for i := range texts {
		o := l.Row(i)
		h := l.heights[i]
		inSight := y+h > top+1 && y < bottom-1
		if inSight != (o != nil) && (inSight || y+h < top-1 || y > bottom+1) {
			t.Fatalf("row %d at %v…%v, the viewport is %v…%v, drawn: %v", i, y, y+h, top, bottom, o != nil)
		}
		if o != nil {
			visible++
			if !o.Visible() || o.Position().Y != y || o.Size().Height != l.Height(i, l.width) || o.(*Flow).Spans[0].Text != texts[i] {
				t.Fatalf("row %d stands at %v with height %v, want %v and %v", i, o.Position().Y, o.Size().Height, y, l.Height(i, l.width))
			}
		}
		y += h
	}
	drawn := 0
	for _, o := range l.body.Objects {
		if o.Visible() {
			drawn++
		}
	}
	if drawn != visible {
		t.Fatalf("%d objects are drawn for %d rows", drawn, visible)
	}
}

// A scroll step through ten thousand rows costs about as much as one through ten.
func TestLongIsSmooth(t *testing.T) {
	test.NewTempApp(t)
	texts := make([]string, 10_000)
	for i := range texts {
		texts[i] = strings.Repeat("a word or two ", 1+i%17)
	}
	l := column(&texts)
	w := test.NewTempWindow(t, l)
	w.Resize(fyne.NewSize(700, 700))
	began := time.Now()
	const steps = 500
	for range steps {
		l.scroll.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, -400)})
	}
	each := time.Since(began) / steps
	t.Logf("%v a step, %d objects", each, len(l.body.Objects))
	if each > 50*time.Millisecond || len(l.body.Objects) > 60 {
		t.Errorf("%v a step, %d objects", each, len(l.body.Objects))
	}
}
