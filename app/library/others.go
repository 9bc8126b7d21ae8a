package library

import (
	"cmp"
	"fmt"

	"fyne.io/fyne/v2"

	"soberano/app/filekind"
	"soberano/app/ui"
	"soberano/models"
	"soberano/models/registry"
)

// others are the models of other programs, which the page offers:
//
//	"Find models of other programs" ──▶ searching ──▶ a row for each that the library does not have: "Add"
type others struct {
	searching, searched bool
	offers              []offer
	failed              error // what could not be searched
}

// offer is a model of another program.
type offer struct {
	filekind.Found
	info registry.Info
}

// title returns what the program calls the model, or what its file does.
func (o offer) title() string { return models.Printable(cmp.Or(o.Name, o.info.Title)) }

// objects returns what the page shows of them; empty says that it shows no model.
func (o *others) objects(p *Page, empty bool) []fyne.CanvasObject {
	heading := ui.NewLabel("Models of other programs", ui.SmallSize, ui.Muted).Strong()
	switch {
	case p.Take == nil:
		return nil
	case o.searching:
		return []fyne.CanvasObject{ui.Spacer(1, 2), heading, ui.Text("Searching…", ui.SmallSize, ui.Muted)}
	case !o.searched:
		return []fyne.CanvasObject{ui.Spacer(1, 2), first(p, empty)}
	}
	list := []fyne.CanvasObject{ui.Spacer(1, 2), heading}
	for _, each := range o.offers {
		list = append(list, p.offered(each))
	}
	if len(o.offers) == 0 {
		list = append(list, ui.Text("Ollama, LM Studio, Hugging Face, GPT4All, Jan and llama.cpp have no model in their usual places that runs and is not in the library.", ui.SmallSize, ui.Muted))
	}
	if o.failed != nil {
		list = append(list, ui.Text("Not all places could be searched: "+models.Printable(o.failed.Error())+".", ui.SmallSize, ui.Muted))
	}
	row := &fyne.Container{Layout: &ui.Wrap{Gap: 10}}
	if n := len(o.offers); n > 1 {
		row.Add(ui.NewButton(ui.Plain, fmt.Sprintf("Add all %d", n), func() { p.take(o.offers...) }))
	}
	row.Add(ui.NewButton(ui.Plain, "Search again", p.find))
	return append(list, row)
}

// first returns the button that starts the first search. It stands below the button that adds a model, which is centred on an empty page.
func first(p *Page, empty bool) fyne.CanvasObject {
	find := ui.NewButton(ui.Plain, "Find models of other programs", p.find)
	if empty {
		return &fyne.Container{Layout: middle{}, Objects: []fyne.CanvasObject{find}}
	}
	return ui.NewRow(12, nil, find)
}

// offered returns the row of a model.
func (p *Page) offered(o offer) fyne.CanvasObject {
	title := ui.NewLabel(o.title(), ui.TextSize, ui.Ink).Strong().Shrink(80)
	return ui.NewBox(ui.Surface, ui.Line, 12, 16, 14, ui.NewColumn(4,
		ui.NewRow(12, title, title, ui.NewLabel(o.Program+" · "+models.Size(o.info.Bytes), ui.SmallSize, ui.Muted)),
		ui.Text(describe(o.info, p.Context()), ui.SmallSize, ui.Muted), ui.Spacer(1, 4),
		ui.NewRow(12, nil, ui.NewButton(ui.Plain, "Add", func() { p.take(o) }))))
}

// find searches for models of other programs.
func (p *Page) find() {
	if p.others.searching {
		return
	}
	p.others = others{searching: true}
	p.Refresh()
	p.running.Add(1)
	go func() {
		defer p.running.Done()
		found, err := filekind.Elsewhere()
		list := p.lacking(found)
		p.Post(func() {
			p.others = others{searched: true, offers: list, failed: err}
			p.Refresh()
		})
	}()
}

// lacking returns those of the models that run and are not in the library. It reads from the disk.
func (p *Page) lacking(found []filekind.Found) (list []offer) {
	entries, _ := p.Shelf.List() // broken entries are shown on the page
	for _, f := range found {
		if p.ctx.Err() != nil {
			return nil
		}
		if _, have := registry.Holding(entries, f.Path); have || f.Error != "" {
			continue
		}
		info, err := p.Shelf.Inspect(f.Path)
		if err == nil && info.Runs && info.Kind != registry.Vision {
			list = append(list, offer{f, info})
		}
	}
	return list
}

// take imports models, which are then no longer offered.
func (p *Page) take(list ...offer) {
	var found []filekind.Found
	taken := map[string]bool{}
	for _, o := range list {
		found, taken[o.Path] = append(found, o.Found), true
	}
	var left []offer
	for _, o := range p.others.offers {
		if !taken[o.Path] {
			left = append(left, o)
		}
	}
	p.others.offers = left
	p.Take(found)
	p.Refresh()
}
