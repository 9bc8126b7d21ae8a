package markdown

import (
	"fyne.io/fyne/v2"

	"soberano/app/ui"
)

// codeBox is a code block with what its fence says, mostly the language, and a button that copies it:
//
//	╭ go ─────────────── Copy ╮
//	│ slices.SortFunc(people, │
//	╰─────────────────────────╯
type codeBox struct {
	box      *ui.Box
	flow     *ui.Flow
	language string
	text     string
	open     bool
}

func newCodeBox(language string, onCopy func(string)) *codeBox {
	c := &codeBox{language: language, flow: ui.NewFlow()}
	c.flow.TextSize, c.flow.Preserve = 13, true
	name := ui.NewLabel(language, ui.SmallSize, ui.Muted).Shrink(40)
	if language == "" {
		name.Text = "text"
	}
	head := []fyne.CanvasObject{name}
	if onCopy != nil {
		copied := ui.NewButton(ui.Quiet, "Copy", nil)
		copied.OnTapped = func() { onCopy(c.text); copied.SetLabel("Copied") }
		head = append(head, copied)
	}
	top := &fyne.Container{Layout: &ui.Column{Left: 12, Right: 6, Top: 3, Bottom: 3}, Objects: []fyne.CanvasObject{ui.NewRow(8, name, head...)}}
	code := &fyne.Container{Layout: &ui.Column{Left: 12, Right: 12, Top: 10, Bottom: 10}, Objects: []fyne.CanvasObject{c.flow}}
	c.box = ui.NewBox(ui.Code, ui.Line, 10, 0, 0, ui.NewColumn(0, top, ui.NewRule(), code))
	return c
}

func (c *codeBox) set(text string, open bool) {
	c.text, c.open = text, open
	c.flow.Set(ui.Span{Text: text, Mono: true})
	c.flow.OnSee = c.colour
}

// colour colours the code when it is seen for the first time.
func (c *codeBox) colour() {
	c.flow.OnSee = nil
	if spans := highlight(c.language, c.text, c.open); len(spans) > 1 {
		from, to := c.flow.Selected()
		c.flow.Set(spans...)
		c.flow.Select(from, to) // it is the same text
	}
}

// table returns a table; the text of wide cells wraps:
//
//	│ Name │  Age │
//	├──────┼──────┤
//	│ Ada  │   36 │
func (v *View) table(b Block) (fyne.CanvasObject, *tableLayout) {
	t := &tableLayout{right: b.rightToLeft()}
	var objects []fyne.CanvasObject
	for _, row := range b.Blocks {
		t.columns = max(t.columns, len(row.Cells))
	}
	for r, row := range b.Blocks {
		for i := range t.columns {
			f := v.flow(nil)
			if i < len(row.Cells) {
				f.Spans = row.Cells[i]
			}
			f.Heavy, f.RTL = r == 0, t.right
			if i < len(b.Align) {
				f.Align = b.Align[i]
			}
			t.cells = append(t.cells, f)
			objects = append(objects, f)
		}
		if r < len(b.Blocks)-1 {
			rule := ui.NewRule()
			t.rules = append(t.rules, rule)
			objects = append(objects, rule)
		}
	}
	return ui.NewBox("", ui.Line, 10, 0, 0, &fyne.Container{Layout: t, Objects: objects}), t
}

type tableLayout struct {
	columns int
	cells   []*ui.Flow
	rules   []*ui.Fill
	width   float32
	right   bool // the first column is at the right
}

const cellX, cellY = 12, 7

// widths gives each column its natural width. Where they don't all fit, wide columns share the width that is left.
func (t *tableLayout) widths(width float32) []float32 {
	w := make([]float32, t.columns)
	var sum float32
	for i, c := range t.cells {
		w[i%t.columns] = max(w[i%t.columns], c.NaturalWidth()+2*cellX+2)
	}
	for _, v := range w {
		sum += v
	}
	if sum <= width {
		for i := range w {
			w[i] += (width - sum) / float32(t.columns)
		}
		return w
	}
	// Columns narrower than an even share keep their width; the others share the rest.
	free, wide := width, t.columns
	done := make([]bool, t.columns)
	for changed := true; changed; {
		changed = false
		for i, v := range w {
			if !done[i] && v <= free/float32(wide) {
				done[i], changed = true, true
				free, wide = free-v, wide-1
			}
		}
	}
	for i := range w {
		if !done[i] {
			w[i] = free / float32(max(1, wide))
		}
	}
	return w
}

func (t *tableLayout) place(width float32, put bool) float32 {
	if t.columns == 0 {
		return 0
	}
	w := t.widths(width)
	var y float32
	for r := 0; r*t.columns < len(t.cells); r++ {
		row := t.cells[r*t.columns : (r+1)*t.columns]
		var h float32
		for i, c := range row {
			h = max(h, c.HeightFor(w[i]-2*cellX)+2*cellY)
		}
		var x float32
		for i, c := range row {
			left := x + cellX
			if t.right {
				left = width - x - w[i] + cellX
			}
			if put {
				ui.Put(c, left, y+cellY, w[i]-2*cellX, h-2*cellY)
			}
			x += w[i]
		}
		y += h
		if r < len(t.rules) {
			if put {
				ui.Put(t.rules[r], 0, y, width, 1)
			}
			y++
		}
	}
	return y
}

func (t *tableLayout) HeightFor(_ []fyne.CanvasObject, width float32) float32 {
	return t.place(width, false)
}

func (t *tableLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	t.width = size.Width
	t.place(size.Width, true)
}

func (t *tableLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	w := float32(t.columns) * (24 + 2*cellX)
	return fyne.NewSize(min(w, 200), t.place(max(w, t.width), false))
}
