package shell

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"soberano/app/search"
	"soberano/app/store"
	"soberano/app/ui"
)

// The words that a search has found are marked where they stand in the line.
func TestFoundWordsAreMarked(t *testing.T) {
	test.NewTempApp(t)
	width := func(text string) float32 { return ui.NewLabel(text, ui.SmallSize, ui.Muted).MinSize().Width }
	r := newRow(nil, store.Hit{Snippet: "in the o\ufb03ce of", Marked: search.Range{From: 7, To: 13}})
	v := test.WidgetRenderer(r).(*rowRenderer)
	v.Layout(fyne.NewSize(300, foundHeight))
	if at, wide := v.mark.Position().X, v.mark.Size().Width; v.mark.Hidden || at != 10+width("in the ") || wide != width("in the o\ufb03ce")-width("in the ") {
		t.Errorf("marked from %v, %v wide", at, wide)
	}
	for _, hit := range []store.Hit{{}, {Snippet: "in the office", Marked: search.Range{}}, {Snippet: "שלום office", Marked: search.Range{From: 9, To: 15}}} {
		v := test.WidgetRenderer(newRow(nil, hit)).(*rowRenderer)
		if v.Layout(fyne.NewSize(300, foundHeight)); !v.mark.Hidden {
			t.Errorf("%+v: something is marked", hit)
		}
	}
}
