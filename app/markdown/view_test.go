package markdown

import (
	"reflect"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"pgregory.net/rapid"

	"soberano/app/ui"
)

const sample = "# Title\n\nA paragraph with **bold** words, `code` and [a link](https://go.dev).\n\n1. one\n2. two\n   - nested\n\n```go\nfunc f() int {\n\treturn 1 // one\n}\n```\n\n> quoted\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n---\n\nThe end.\n"

// drawn lists all texts with their positions.
func drawn(o fyne.CanvasObject, at fyne.Position) (list []any) {
	at = at.Add(o.Position())
	switch o := o.(type) {
	case *canvas.Text:
		list = append(list, [3]any{at, o.Text, o.TextStyle})
	case *fyne.Container:
		for _, c := range o.Objects {
			list = append(list, drawn(c, at)...)
		}
	case fyne.Widget:
		for _, c := range test.WidgetRenderer(o).Objects() {
			list = append(list, drawn(c, at)...)
		}
	}
	return list
}

// An answer that arrives in pieces ends up drawn in the same way as a whole one.
func TestViewStreamedIsWhole(t *testing.T) {
	test.NewTempApp(t)
	show := func(v *View) {
		v.Resize(fyne.NewSize(500, v.HeightFor(500)))
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := strings.Repeat(sample, rapid.IntRange(1, 2).Draw(rt, "times"))
		v := NewView()
		var s Stream
		show(v)
		for rest := text; rest != ""; {
			n := min(len(rest), rapid.IntRange(1, 90).Draw(rt, "piece"))
			s.Add(rest[:n])
			rest = rest[n:]
			v.Set(s.Blocks(), true)
			show(v)
		}
		v.Set(s.Finish(), false)
		show(v)
		whole := NewView()
		whole.Set(Parse(text), false)
		show(whole)
		if got, want := drawn(v, fyne.Position{}), drawn(whole, fyne.Position{}); !reflect.DeepEqual(got, want) {
			rt.Fatalf("drawn\n%v\nwant\n%v", got, want)
		}
	})
}

func TestFrozenBlocksKeepTheirWidgets(t *testing.T) {
	test.NewTempApp(t)
	v := NewView()
	v.Set(Parse(sample+"more"), true)
	before := append([]fyne.CanvasObject(nil), v.column.Objects...)
	v.Set(Parse(sample+"more words"), true)
	for i, o := range before {
		if v.column.Objects[i] != o {
			t.Errorf("block %d was built again", i)
		}
	}
	if v.caret != v.shown[len(v.shown)-1].flow || !v.caret.Caret {
		t.Error("the caret is not at the end")
	}
	v.Set(Parse(sample+"more words"), false)
	if v.caret != nil {
		t.Error("the caret is left after the end")
	}
}

func TestLinksAreFoundWhereTheyAre(t *testing.T) {
	test.NewTempApp(t)
	v := NewView()
	got := ""
	v.OnLink = func(url string, _ fyne.Position) { got = url }
	v.Set(Parse("[go](https://go.dev) and text"), false)
	test.NewTempWindow(t, v).Resize(fyne.NewSize(400, 60))
	f := v.shown[0].flow
	f.Tapped(&fyne.PointEvent{Position: fyne.NewPos(4, 8)})
	if got != "https://go.dev" {
		t.Errorf("tapping the link gave %q", got)
	}
	got = ""
	f.Tapped(&fyne.PointEvent{Position: fyne.NewPos(80, 8)})
	if got != "" {
		t.Errorf("tapping the text gave %q", got)
	}
}

// Measures a repaint of an answer of 12,000 characters, which happens 20 times a second while it streams.
func BenchmarkRepaint(b *testing.B) {
	test.NewTempApp(b)
	v := NewView()
	var s Stream
	for s.source.Len() < 12000 {
		s.Add(sample)
	}
	s.Add("The paragraph that is being written ")
	v.Set(s.Blocks(), true)
	v.Resize(fyne.NewSize(700, v.HeightFor(700)))
	for b.Loop() {
		s.Add("word ")
		if b.N%200 == 0 {
			s.Add("\n\n")
		}
		v.Set(s.Blocks(), true)
		v.Resize(fyne.NewSize(700, v.HeightFor(700)))
	}
}

func TestHighlightKeepsEveryCharacter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		code := rapid.StringOf(rapid.RuneFrom([]rune("func if x()\"'/*#<>{}\n\t 0123é漢"))).Draw(rt, "code")
		language := rapid.SampledFrom([]string{"go", "python", "js", "html", "bash", "json", "c", "", "nonsense"}).Draw(rt, "language")
		var got strings.Builder
		for _, s := range highlight(language, code, false) {
			got.WriteString(s.Text)
			if !s.Mono {
				rt.Fatal("code that is not monospaced")
			}
		}
		if got.String() != code {
			rt.Fatalf("%s: got %q of %q", language, got.String(), code)
		}
	})
	if spans := highlight("go", "func f() {} // x", false); len(spans) < 3 || spans[0].Color != ui.CodeKeyword {
		t.Errorf("got %+v", spans)
	}
}

// However deep a list is nested, each text in it is inside the window and wide enough to be read.
func TestNestedListsAreReadable(t *testing.T) {
	test.NewTempApp(t)
	deep := ""
	for i := range 100 {
		deep += strings.Repeat("  ", i) + "- level\n"
	}
	for _, width := range []float32{320, 720} {
		v := NewView()
		v.Set(Parse(deep), false)
		v.Resize(fyne.NewSize(width, v.HeightFor(width)))
		levels := 0
		var walk func(o fyne.CanvasObject, x float32)
		walk = func(o fyne.CanvasObject, x float32) {
			x += o.Position().X
			switch o := o.(type) {
			case *ui.Flow:
				n := strings.Count(o.Text(0, o.Len()), "level")
				if levels += n; n > 0 && (o.Size().Width < 60 || x < 0 || x+o.Size().Width > width+1) {
					t.Errorf("a text reaches from %v to %v of %v", x, x+o.Size().Width, width)
				}
			case *fyne.Container:
				for _, k := range o.Objects {
					walk(k, x)
				}
			case *ui.Stack:
				for _, k := range o.Objects {
					walk(k, x)
				}
			}
		}
		walk(v.column, 0)
		if levels != 100 {
			t.Errorf("%d of 100 levels are shown", levels)
		}
	}
}
