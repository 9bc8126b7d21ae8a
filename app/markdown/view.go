package markdown

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"soberano/app/ui"
)

// View shows blocks as widgets in a column. Set compares the new blocks with those shown: an equal block keeps its widget, a
// block of the same kind gets new text in its widget, and only the others are built again. A frozen block therefore costs
// nothing while the next one is written.
type View struct {
	widget.BaseWidget
	OnLink func(url string, at fyne.Position)
	OnCopy func(text string)
	OnFold func() // called after a thought was opened or closed, which changes the height

	Selection *ui.Selector  // of which the texts are a part; nil: they can't be selected
	Whole     func() string // the answer, for its menu

	column *ui.Stack
	shown  []*node
	caret  *ui.Flow
}

// node is a block with its widgets.
type node struct {
	block  Block
	object fyne.CanvasObject
	flow   *ui.Flow  // of a Paragraph or Heading
	code   *codeBox  // of Code
	column *ui.Stack // of a block with Blocks
	below  []*node
	fold   *fold        // of a Thought
	cells  *tableLayout // of a Table
	mark   *ui.Flow     // of an Item
}

// NewView returns an empty view.
func NewView() *View {
	v := &View{column: ui.NewStack(10)}
	v.ExtendBaseWidget(v)
	return v
}

// Set shows the blocks. With open, the last block is still being written, and a caret is shown at its end.
func (v *View) Set(blocks []Block, open bool) {
	v.update(&v.shown, v.column, blocks, open)
	v.moveCaret(open)
	v.separate()
	v.column.Place()
}

// HeightFor returns the height of all blocks at that width.
func (v *View) HeightFor(width float32) float32 { return v.column.HeightFor(width) }

// Contents implements ui.Holder.
func (v *View) Contents() []fyne.CanvasObject { return []fyne.CanvasObject{v.column} }

// Refresh refreshes the blocks.
func (v *View) Refresh() {
	v.column.Refresh()
	v.BaseWidget.Refresh()
}

// See implements ui.Seer.
func (v *View) See(top, below float32) { v.column.See(top, below) }

// CreateRenderer implements fyne.Widget.
func (v *View) CreateRenderer() fyne.WidgetRenderer {
	v.ExtendBaseWidget(v)
	return widget.NewSimpleRenderer(v.column)
}

func (v *View) moveCaret(open bool) {
	var last *ui.Flow
	if open {
		last = lastFlow(v.shown)
	}
	if v.caret != last {
		if v.caret != nil {
			v.caret.SetCaret(false)
		}
		v.caret = last
	}
	if last != nil {
		last.SetCaret(true)
	}
}

func lastFlow(nodes []*node) *ui.Flow {
	if len(nodes) == 0 {
		return nil
	}
	n := nodes[len(nodes)-1]
	switch {
	case n.flow != nil:
		return n.flow
	case n.code != nil:
		return n.code.flow
	}
	return lastFlow(n.below)
}

func (v *View) update(nodes *[]*node, column *ui.Stack, blocks []Block, open bool) {
	var next []*node
	for i, b := range blocks {
		last := open && i == len(blocks)-1
		var n *node
		if i < len(*nodes) && v.keep((*nodes)[i], b, last) {
			n = (*nodes)[i]
		} else {
			n = v.build(b, last)
		}
		next = append(next, n)
	}
	*nodes = next
	column.Objects = column.Objects[:0:0]
	for _, n := range next {
		column.Objects = append(column.Objects, n.object)
	}
}

// keep shows b in the widget of n, and reports whether that was possible.
func (v *View) keep(n *node, b Block, open bool) bool {
	if n.block.Equal(b) && (n.code == nil || n.code.open == open) && (n.fold == nil || n.fold.writing == open) {
		return true
	}
	if n.block.Kind != b.Kind || n.block.Level != b.Level || n.block.Language != b.Language ||
		n.block.Ordered != b.Ordered || n.block.Start != b.Start || n.block.Tight != b.Tight || n.block.Task != b.Task {
		return false
	}
	if n.column != nil && n.block.rightToLeft() != b.rightToLeft() {
		return false
	}
	switch {
	case n.flow != nil:
		n.flow.Set(b.Spans...)
	case n.code != nil:
		n.code.set(b.Text, open)
	case n.fold != nil:
		n.fold.set(b, open)
	case n.column != nil && b.Kind != List:
		v.update(&n.below, n.column, b.Blocks, open)
		n.column.Place()
	case n.column != nil:
		v.updateList(n, b, open)
		n.column.Place()
	default:
		return false
	}
	n.block = b
	return true
}

func (v *View) build(b Block, open bool) *node {
	n := &node{block: b}
	switch b.Kind {
	case Heading:
		n.flow = v.flow(b.Spans)
		n.flow.Heavy = true
		n.flow.TextSize = []float32{20, 18, 16, 14, 14, 14}[min(max(b.Level, 1), 6)-1]
		n.object = n.flow
	case Code:
		n.code = newCodeBox(b.Language, v.OnCopy)
		v.selectable(n.code.flow)
		n.code.set(b.Text, open)
		n.object = n.code.box
	case List:
		n.column = ui.NewStack(8)
		if b.Tight {
			n.column.Gap = 4
		}
		v.updateList(n, b, open)
		n.object = n.column
	case Quote:
		n.column = ui.NewStack(8)
		v.update(&n.below, n.column, b.Blocks, open)
		n.object = quoted(n.column, b.rightToLeft())
	case Table:
		n.object, n.cells = v.table(b)
	case Thought:
		n.fold = v.newFold()
		n.fold.set(b, open)
		n.object = n.fold.column
	case Rule:
		n.object = ui.NewColumn(0, ui.Spacer(1, 6), ui.NewRule(), ui.Spacer(1, 6))
	default:
		n.flow = v.flow(b.Spans)
		n.object = n.flow
	}
	return n
}

func (v *View) flow(spans []ui.Span) *ui.Flow {
	f := ui.NewFlow(spans...)
	f.OnLink = v.link
	return v.selectable(f)
}

func (v *View) link(url string, at fyne.Position) {
	if v.OnLink != nil {
		v.OnLink(url, at)
	}
}

// updateList shows the items of a list; each is a mark and a column of blocks.
func (v *View) updateList(n *node, b Block, open bool) {
	var below []*node
	n.column.Objects = n.column.Objects[:0:0]
	for i, item := range b.Blocks {
		last := open && i == len(b.Blocks)-1
		var k *node
		if i < len(n.below) && v.keep(n.below[i], item, last) {
			k = n.below[i]
		} else {
			k = &node{block: item, column: ui.NewStack(4)}
			v.update(&k.below, k.column, item.Blocks, last)
			k.mark = v.selectable(newMark(mark(b, item, i), b.rightToLeft()))
			k.object = listed(k.mark, k.column, b.rightToLeft())
		}
		below = append(below, k)
		n.column.Objects = append(n.column.Objects, k.object)
	}
	n.below = below
}

func mark(list, item Block, i int) string {
	switch {
	case item.Task == "done":
		return "☑"
	case item.Task == "open":
		return "☐"
	case list.Ordered:
		return fmt.Sprintf("%d.", list.Start+i)
	}
	return "•"
}

func newMark(mark string, right bool) *ui.Flow {
	m := ui.Text(mark, ui.TextSize, ui.Muted)
	m.RTL, m.Align = right, fyne.TextAlignTrailing
	return m
}

// listed places a mark at the left of a column, or at its right.
func listed(mark *ui.Flow, content fyne.CanvasObject, right bool) fyne.CanvasObject {
	w := mark.NaturalWidth()
	l := &indent{by: max(26, w+10), gap: 8, least: w + 4, right: right, mark: w}
	return &fyne.Container{Layout: l, Objects: []fyne.CanvasObject{mark, content}}
}

// quoted places a vertical line at the left of a column, or at its right.
func quoted(content fyne.CanvasObject, right bool) fyne.CanvasObject {
	bar := ui.NewFill(ui.Line, 3, 1)
	bar.Radius = 1.5
	return &fyne.Container{Layout: &indent{by: 15, gap: 12, least: 6, right: right, mark: 3}, Objects: []fyne.CanvasObject{bar, content}}
}

// indent is a layout of two children: a mark, by wide with the gap behind it but at least least, and the content at its right;
// with right, the mark, mark wide, is at the right of the content.
type indent struct {
	by, gap, least, mark, width float32
	right                       bool
}

// narrow is the width below which text is indented no further than its mark needs.
const narrow = 200

// left returns the indentation of the content in that width.
func (l *indent) left(width float32) float32 { return max(l.least, min(l.by, width-narrow)) }

func (l *indent) HeightFor(o []fyne.CanvasObject, width float32) float32 {
	return max(ui.HeightFor(o[1], max(24, width-l.left(width))), o[0].MinSize().Height)
}

func (l *indent) Layout(o []fyne.CanvasObject, size fyne.Size) {
	l.width = size.Width
	left := l.left(size.Width)
	gap := l.gap * min(1, left/l.by)
	if l.right {
		ui.Put(o[0], size.Width-left+gap, 0, l.mark, size.Height)
		ui.Put(o[1], 0, 0, size.Width-left, size.Height)
		return
	}
	ui.Put(o[0], 0, 0, left-gap, size.Height)
	ui.Put(o[1], left, 0, size.Width-left, size.Height)
}

func (l *indent) MinSize(o []fyne.CanvasObject) fyne.Size {
	w := l.least + o[1].MinSize().Width
	return fyne.NewSize(w, l.HeightFor(o, max(w, l.width)))
}
