package library

import (
	"context"
	"errors"
	"slices"
	"strings"

	"fyne.io/fyne/v2"

	"soberano/app/markdown"
	"soberano/app/problem"
	"soberano/app/ui"
	"soberano/models"
	"soberano/models/registry"
)

// Records is the part of a library that keeps what a person sets for a model. Its methods are called from any goroutine.
type Records interface {
	Alias(name, alias string, move bool) (registry.Entry, error)
	Unalias(name, alias string) (registry.Entry, error)
	SetStage(name string, to registry.Stage) (registry.Entry, error)
	SetCard(name, text string) error
	Lineage(name string) (*registry.Node, []string, error)
	SHA256(ctx context.Context, name string, progress func(done, total int64)) (registry.Entry, error)
}

// detail is the view of one model: its memory, its names, its stage, from which models it came, the text about it, its files.
type detail struct {
	name     string
	read     bool // card, root and children are set
	card     string
	root     *registry.Node
	children []string // names of models that came from it
	about    *markdown.View
	busy     bool                 // a change is being stored
	failed   error                // of the last change
	taken    *registry.TakenError // an alias that another model has
	alias    *ui.Entry            // of a new name
	text     *ui.Entry            // of the card while it is edited; nil: it is shown
	base     string               // the card of which that was made
	other    bool                 // the card is another one than base: both are shown
	convert  *conversion          // nil: its choices were not shown yet
}

func (p *Page) openDetails(name string) {
	d := p.details[name]
	if d == nil || !d.edited() && !d.converts() { // a text that was begun is kept
		d = &detail{name: name, alias: p.newEntry(ui.NewEntry(), "smollm2:135m-q4")}
		d.alias.OnSubmitted = func(string) { p.addAlias(d, false) }
		p.details[name] = d
	}
	p.turn(view{details: name})
	p.look(d)
}

// newEntry returns e with the keys of the page.
func (p *Page) newEntry(e *ui.Entry, placeholder string) *ui.Entry {
	e.SetPlaceHolder(placeholder)
	e.OnShortcut = p.Shortcut
	e.OnKey = func(k *fyne.KeyEvent) bool {
		if k.Name == fyne.KeyEscape || k.Name == fyne.KeyPageUp || k.Name == fyne.KeyPageDown {
			ui.UnusedKey(e, k)
			return true
		}
		return false
	}
	return e
}

// readRecords returns from which models a model came, which came from it, and its card.
func readRecords(r Records, name string) (root *registry.Node, children []string, card string, err error) {
	root, children, err = r.Lineage(name)
	if err == nil && root.Model != nil {
		card, err = root.Model.Card()
	}
	return root, children, card, err
}

// look reads the card and the lineage of a model.
func (p *Page) look(d *detail) {
	p.running.Add(1)
	go func() {
		defer p.running.Done()
		root, children, card, err := readRecords(p.Shelf, d.name)
		p.Post(func() {
			d.read, d.root, d.children = true, root, children
			if err == nil {
				p.setCard(d, card)
			}
			if err != nil {
				d.failed = err
			}
			p.Refresh()
		})
	}()
}

// change stores what a person has set for a model.
func (p *Page) change(d *detail, store func(Records) error, done func()) {
	if d.busy {
		return
	}
	d.busy, d.failed, d.taken = true, nil, nil
	p.Refresh()
	p.running.Add(1)
	go func() {
		defer p.running.Done()
		err := store(p.Shelf)
		p.Post(func() {
			d.busy = false
			if d.failed = err; err == nil {
				done()
				p.look(d)
			}
			if other, ok := errors.AsType[*changedError](err); ok {
				d.failed = nil
				p.setCard(d, other.card)
			}
			if taken, ok := errors.AsType[*registry.TakenError](err); ok {
				d.taken = taken
			}
			p.Refresh()
		})
	}()
}

// addAlias gives the model the name in the entry; with move it is taken from the model that has it.
func (p *Page) addAlias(d *detail, move bool) {
	alias := strings.TrimSpace(d.alias.Text)
	if alias == "" {
		return
	}
	p.change(d, func(r Records) error {
		_, err := r.Alias(d.name, alias, move)
		return err
	}, func() { d.alias.SetText("") })
}

// detailObjects returns the view of a model; nil if the library does not have it any more.
func (p *Page) detailObjects(entries []registry.Entry, name string) []owned {
	i, d := slices.IndexFunc(entries, func(e registry.Entry) bool { return e.Name == name }), p.details[name]
	if i < 0 || d == nil {
		return nil
	}
	e := entries[i]
	list := []owned{{"", p.backButton()}, {"", ui.Text(e.Title, ui.TitleSize, ui.Ink)}, {"", ui.Text(describe(e.Info, p.Context()), ui.SmallSize, ui.Muted)}}
	if seal := problem.Seal(e.Info); seal != "" {
		list = append(list, owned{"", ui.Text(seal, ui.SmallSize, ui.Ink)})
	}
	if e.Warning != "" {
		list = append(list, owned{"", ui.Text(models.PrintableLines(e.Warning), ui.SmallSize, ui.Ink)})
	}
	if d.failed != nil {
		list = append(list, owned{"failed", p.changeFailed(d)})
	}
	section := func(owner, title string, objects ...fyne.CanvasObject) {
		objects = append([]fyne.CanvasObject{ui.NewLabel(title, ui.TextSize, ui.Ink).Strong()}, objects...)
		list = append(list, owned{"", ui.NewRule()}, owned{owner, ui.NewColumn(8, objects...)})
	}
	if e.Kind == registry.Chat && e.Runs {
		m := estimate(e.Info, p.Context(), p.KV(), p.Free())
		section("memory", "Will it fit?", ui.NewBar(100, 10, m.Bar()...), ui.Text(m.Text(), ui.SmallSize, ui.Muted))
	}
	section("names", "Names", p.names(d, e)...)
	section("stage", "Stage", p.stages(d, e)...)
	if d.read {
		section("lineage", "Lineage", p.lineage(d)...)
		section("card", "About this model", p.cardOf(d)...)
	}
	if e.Runs && p.missing[e.Name] == nil {
		section("convert", "Convert", p.conversion(d, e)...)
	}
	section("files", "Files", p.files(d, e)...)
	return list
}

// changeFailed says why a change was not stored.
func (p *Page) changeFailed(d *detail) fyne.CanvasObject {
	words := ui.Text(problem.Text(d.failed), ui.TextSize, ui.Record)
	if d.taken == nil {
		return words
	}
	return ui.NewColumn(8, words, buttons("", ui.NewButton(ui.Plain, "Take it from "+models.Printable(d.taken.Name), func() { p.addAlias(d, true) })))
}

// names shows how the model is called, on the command line and by other programs.
func (p *Page) names(d *detail, e registry.Entry) []fyne.CanvasObject {
	list := []fyne.CanvasObject{ui.Text("On the command line and for other programs it is called "+models.Printable(e.Name)+". Further names can have a tag behind a colon.", ui.SmallSize, ui.Muted)}
	for _, a := range e.Aliases {
		name := ui.NewLabel(models.Printable(a.Name), ui.TextSize, ui.Ink).Shrink(80)
		remove := ui.NewButton(ui.Quiet, "Remove "+models.Printable(a.Name), func() {
			p.change(d, func(r Records) error {
				_, err := r.Unalias(d.name, a.Name)
				return err
			}, func() {})
		})
		list = append(list, ui.NewRow(12, name, name, remove))
	}
	add := ui.NewButton(ui.Plain, "Add the name", func() { p.addAlias(d, false) })
	return append(list, ui.NewRow(12, d.alias, d.alias, add))
}

// stages shows the stage of a model and moves it.
func (p *Page) stages(d *detail, e registry.Entry) []fyne.CanvasObject {
	words := "Models can be moved from development over staging to production, and archived. This one is in no stage."
	if e.Stage != "" {
		words = "This model is in the stage " + models.Printable(string(e.Stage)) + "."
	}
	var moves []*ui.Button
	for _, to := range e.Stage.Moves() {
		moves = append(moves, ui.NewButton(ui.Plain, "Move to "+string(to), func() {
			p.change(d, func(r Records) error {
				_, err := r.SetStage(d.name, to)
				return err
			}, func() {})
		}))
	}
	return []fyne.CanvasObject{buttons(words, moves...)}
}

// files shows where the files are, and the hashes by which they are known in public.
// files names the files of a model, with the SHA-256 that the page they are from may show too. That of a linked one is worked out on request.
func (p *Page) files(d *detail, e registry.Entry) []fyne.CanvasObject {
	var list []fyne.CanvasObject
	for _, f := range e.Files {
		words := models.Printable(e.FilePath(f)) + " · " + models.Size(f.Bytes)
		if f.SHA256 != "" {
			words += " · SHA-256 " + models.Printable(f.SHA256)
		}
		list = append(list, ui.Text(words, ui.SmallSize, ui.Muted))
	}
	row := []*ui.Button{ui.NewButton(ui.Plain, "Show the file", func() { p.ShowFile(e.Path()) })}
	if p.missing[e.Name] == nil && slices.ContainsFunc(e.Files, func(f registry.Stored) bool { return f.SHA256 == "" }) {
		hash := ui.NewButton(ui.Plain, "Work out the SHA-256", func() {
			p.change(d, func(r Records) error {
				_, err := r.SHA256(p.ctx, d.name, nil)
				return err
			}, func() {})
		})
		if d.busy {
			hash.Disable()
		}
		row = append(row, hash)
	}
	return append(list, buttons("", row...))
}
