package markdown

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"soberano/app/ui"
)

// A copy is the text as it is shown: lists with their marks, code with its indentation, the cells of a table in columns.
func TestCopiedText(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(ui.Theme{Mode: ui.Light})
	for source, want := range map[string]string{
		"# Title\n\nOne **bold** word\nand a [link](https://go.dev).\n\nTwo": "Title\n\nOne bold word\nand a link.\n\nTwo",
		"- a\n- b\n  - c\n    1. d\n    2. e\n- [x] f":                       "• a\n• b\n  • c\n    1. d\n    2. e\n☑ f",
		"10. a\n\n    b\n\n11. c":                                            "10. a\n\n    b\n\n11. c",
		"```go\nfunc f() {\n\treturn\n\n}\n```\n\nthen":                      "func f() {\n\treturn\n\n}\n\nthen",
		"|a|b|\n|-|-|\n|1|2|\n|3|4|":                                         "a\tb\n1\t2\n3\t4",
		"> q\n>\n> r\n\n---\n\ns":                                            "q\n\nr\n\ns",
		"\\[\na_1 \\\\\n- b\n\\]":                                            "\\[\na_1 \\\\\n- b\n\\]",
		"<think>\nhidden\n</think>\n\nshown":                                 "shown",
		"مرحبا 123\n\n- أهلا":                                                "مرحبا 123\n\n• أهلا",
	} {
		s := &ui.Selector{}
		v := NewView()
		v.Selection = s
		v.Set(Parse(source), false)
		s.Roots = ui.Below(v)
		w := test.NewTempWindow(t, v)
		w.Resize(fyne.NewSize(400, 300))
		s.SelectAll()
		if got := s.Text(); got != want {
			t.Errorf("%q\n got %q\nwant %q", source, got, want)
		}
	}
}

// The text of a thought is copied while it is shown.
func TestOpenThoughtIsCopied(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(ui.Theme{Mode: ui.Light})
	s := &ui.Selector{}
	v := NewView()
	v.Selection = s
	changed := 0
	v.OnFold = func() { changed++ }
	v.Set(Parse("<think>\nwell, *1*\n\n2\n</think>\n\nshown"), false)
	s.Roots = ui.Below(v)
	test.NewTempWindow(t, v).Resize(fyne.NewSize(400, 300))
	closed := v.HeightFor(400)
	test.Tap(v.shown[0].fold.button)
	if s.SelectAll(); s.Text() != "well, 1\n\n2\n\nshown" || changed != 1 || v.HeightFor(400) < closed+40 {
		t.Errorf("%q is copied, %d changes, height %v after %v", s.Text(), changed, v.HeightFor(400), closed)
	}
	test.Tap(v.shown[0].fold.button)
	if s.SelectAll(); s.Text() != "shown" || v.HeightFor(400) != closed {
		t.Errorf("%q is copied, height %v after %v", s.Text(), v.HeightFor(400), closed)
	}
}

// While a thought is being written, its button says so; it stays open or folded, and what is selected stays selected.
func TestThoughtThatIsBeingWritten(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(ui.Theme{Mode: ui.Light})
	s := &ui.Selector{}
	v := NewView()
	v.Selection = s
	s.Roots = ui.Below(v)
	test.NewTempWindow(t, v).Resize(fyne.NewSize(400, 300))
	var stream Stream
	add := func(text string, open bool) *fold {
		stream.Add(text)
		blocks := stream.Blocks()
		if !open {
			blocks = stream.Finish()
		}
		v.Set(blocks, open)
		s.Show()
		return v.shown[0].fold
	}
	f := add("<think>\nFirst", true)
	if f.button.Label != "Thinking… · show" || f.open {
		t.Errorf("the button says %q", f.button.Label)
	}
	test.Tap(f.button)
	s.Select(f.text.shown[0].flow, 0, 5)
	if add(" thing.\n\nSecond", true) != f || f.button.Label != "Thinking… · hide" || len(f.text.shown) != 2 {
		t.Errorf("the button says %q over %d paragraphs", f.button.Label, len(f.text.shown))
	}
	if add("\n</think>\n\nThe answer", true) != f || f.button.Label != "Hide the thoughts" || !f.open {
		t.Errorf("the button says %q", f.button.Label)
	}
	if add(" is here.", false) != f || s.Text() != "First" {
		t.Errorf("%q is selected", s.Text())
	}
	if from, to := f.text.shown[0].flow.Selected(); from != 0 || to != 5 {
		t.Errorf("%d to %d is marked", from, to)
	}
}
