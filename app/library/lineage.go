package library

import (
	"fyne.io/fyne/v2"

	"soberano/app/ui"
	"soberano/models"
	"soberano/models/registry"
)

// branch is a row of a drawn tree: lines lead to it from the row above, with which it is connected.
//
//	Qwen3 4B, mine
//	├─ quantized from Qwen3-4B-f16           Details
//	│  └─ fine-tuned from Qwen/Qwen3-4B-Base
//	└─ …
type branch struct {
	open   []bool // for each level above the row: another row of that level follows
	last   bool   // no other row of its level follows
	object fyne.CanvasObject
	lines  []fyne.CanvasObject
}

const (
	branchStep   = 24 // from one level to the next
	branchHeight = 36
)

func newBranch(open []bool, last bool, o fyne.CanvasObject) fyne.CanvasObject {
	b := &branch{open: open, last: last, object: o}
	objects := []fyne.CanvasObject{o}
	for range len(open) + 2 {
		line := ui.NewFill(ui.Line, 1, 1)
		b.lines = append(b.lines, line)
		objects = append(objects, line)
	}
	return &fyne.Container{Layout: &ui.Arrange{Min: fyne.NewSize(200, branchHeight), Place: b.place}, Objects: objects}
}

func (b *branch) place(size fyne.Size) {
	x := func(level int) float32 { return float32(level*branchStep + 6) }
	for level, open := range b.open {
		height := float32(0)
		if open {
			height = size.Height
		}
		ui.Put(b.lines[level], x(level), 0, 1, height)
	}
	own, middle := len(b.open), size.Height/2
	height := size.Height
	if b.last {
		height = middle
	}
	ui.Put(b.lines[own], x(own), 0, 1, height)
	ui.Put(b.lines[own+1], x(own), middle, branchStep-10, 1)
	left := x(own) + branchStep - 4
	m := b.object.MinSize()
	ui.Put(b.object, left, (size.Height-m.Height)/2, size.Width-left, m.Height)
}

// lineage draws from which models a model came, and lists those that came from it.
func (p *Page) lineage(d *detail) (list []fyne.CanvasObject) {
	if d.root == nil || len(d.root.Parents)+len(d.children) == 0 {
		return []fyne.CanvasObject{ui.Text("It is not known from which model it came, and none in the library came from it.", ui.SmallSize, ui.Muted)}
	}
	rows := []fyne.CanvasObject{ui.NewLabel(models.Printable(d.name), ui.TextSize, ui.Ink).Strong().Shrink(80)}
	var draw func(n *registry.Node, open []bool)
	draw = func(n *registry.Node, open []bool) {
		for i, parent := range n.Parents {
			last := i == len(n.Parents)-1
			words := string(parent.Relation) + " from " + parent.Name
			if parent.How != "" {
				words += " (" + parent.How + ")"
			}
			name := ""
			if parent.Saved && parent.Model != nil {
				name = parent.Model.Name
			}
			rows = append(rows, newBranch(open, last, p.relative(words, name)))
			draw(parent, append(open[:len(open):len(open)], !last))
		}
	}
	draw(d.root, nil)
	if len(d.root.Parents) > 0 {
		list = append(list, ui.NewColumn(0, rows...))
	}
	if len(d.children) > 0 {
		rows := []fyne.CanvasObject{ui.Text("From it came:", ui.SmallSize, ui.Muted)}
		for i, name := range d.children {
			rows = append(rows, newBranch(nil, i == len(d.children)-1, p.relative(name, name)))
		}
		list = append(list, ui.NewColumn(0, rows...))
	}
	return list
}

// relative returns the words about a related model, with a button that leads to it if it is in the library by that name.
func (p *Page) relative(words, name string) fyne.CanvasObject {
	label := ui.NewLabel(models.Printable(words), ui.SmallSize, ui.Ink).Shrink(80)
	if name == "" {
		return ui.NewRow(12, label, label)
	}
	return ui.NewRow(12, label, label, ui.NewButton(ui.Quiet, "Details of "+models.Printable(name), func() { p.openDetails(name) }))
}
