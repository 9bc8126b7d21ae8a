package markdown

import (
	"fyne.io/fyne/v2"

	"soberano/app/ui"
)

// fold shows what a model wrote while it was thinking: a button, and below it the text, once the button was clicked. The text is
// parsed only while it is shown.
type fold struct {
	view    *View
	block   Block
	writing bool // more of the thought is coming
	open    bool
	button  *ui.Button
	text    *View
	column  *fyne.Container
}

func (v *View) newFold() *fold {
	f := &fold{view: v, text: NewView()}
	f.text.OnLink, f.text.OnCopy, f.text.Selection, f.text.Whole = v.link, v.OnCopy, v.Selection, v.Whole
	f.button = ui.NewButton(ui.Quiet, "", f.toggle)
	f.column = ui.NewColumn(6, ui.NewRow(0, nil, f.button))
	return f
}

// set shows a thought; with open, the answer is still being written, and this is its end.
func (f *fold) set(b Block, open bool) {
	f.block, f.writing = b, open
	f.button.SetLabel(f.label())
	if f.open {
		f.text.Set(Parse(b.Text), open)
	}
}

func (f *fold) label() string {
	switch {
	case f.writing && !f.block.Done && f.open:
		return "Thinking… · hide"
	case f.writing && !f.block.Done:
		return "Thinking… · show"
	case f.open:
		return "Hide the thoughts"
	}
	return "Show the thoughts"
}

func (f *fold) toggle() {
	f.open = !f.open
	f.column.Objects = f.column.Objects[:1:1]
	if f.open {
		f.column.Objects = append(f.column.Objects, quoted(f.text, false))
	}
	f.set(f.block, f.writing)
	f.view.separate()
	f.column.Refresh()
	if f.view.OnFold != nil {
		f.view.OnFold()
	}
}
