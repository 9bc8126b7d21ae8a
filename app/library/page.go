package library

// The Models page: what is in the library, and what can be done with each.

import (
	"context"
	"fmt"
	"sync"

	"fyne.io/fyne/v2"

	"soberano/app/look"
	"soberano/models/registry"
)

// Page lists the models.
type Page struct {
	Config
	Object  fyne.CanvasObject
	Cards   *fyne.Container // imports under way, while this page is shown
	pane    *look.Pane
	says    map[string]string // beneath a model: how its check went
	asks    string            // the model that is about to be removed
	cancel  map[string]context.CancelFunc
	running sync.WaitGroup
}

// NewPage is the page; Refresh fills it.
func NewPage(c Config) *Page {
	p := &Page{Config: c, pane: look.NewPane(), Cards: look.NewColumn(8), says: map[string]string{}, cancel: map[string]context.CancelFunc{}}
	p.Object = p.pane.Object
	return p
}

var headings = map[registry.Kind]string{registry.Chat: "For chat", registry.Speech: "For dictation"}

// Refresh reads the library again.
func (p *Page) Refresh() {
	entries, broken := p.Shelf.List()
	var list []fyne.CanvasObject
	if look.HeightFor(p.Cards, look.ColumnWidth) > 0 {
		list = append(list, p.Cards)
	}
	add := look.NewRow(12, nil, look.NewButton(look.Primary, "Add a model", p.ChooseFile))
	list = append(list, look.Text("Drop a GGUF file (chat) or a Whisper folder (speech) anywhere on this window. The file stays where it is.", look.TextSize, look.Muted), add)
	for _, err := range broken {
		list = append(list, look.Problem{Title: "One model in the library can't be read.", Why: sentence(err.Error()),
			Actions: []look.Action{{Label: "Copy details", Do: func() { p.Copy(err.Error()) }}}}.Card())
	}
	for _, kind := range []registry.Kind{registry.Chat, registry.Speech} {
		first := true
		for _, e := range entries {
			if e.Kind != kind {
				continue
			}
			if first {
				list = append(list, look.Spacer(1, 2), look.NewLabel(headings[kind], look.SmallSize, look.Muted).Strong())
				first = false
			}
			list = append(list, p.row(e))
		}
	}
	if len(entries) == 0 {
		list = append(list, look.Spacer(1, 24), look.Text("There is no model in the library yet.", look.TextSize, look.Ink))
	}
	p.pane.Keep(list...)
}

func (p *Page) row(e registry.Entry) fyne.CanvasObject {
	title := look.NewLabel(e.Title, look.TextSize, look.Ink).Strong().Shrink(80)
	right := Size(e.Bytes)
	if e.Included {
		right += " · included"
	} else if e.Linked {
		right += " · linked"
	}
	parts := []fyne.CanvasObject{look.NewRow(12, title, title, look.NewLabel(right, look.SmallSize, look.Muted)),
		look.Text(describe(e.Info), look.SmallSize, look.Muted)}
	if !e.Runs {
		parts = append(parts, look.Text("It can't be run by this version. "+sentence(e.Reason), look.SmallSize, look.Record))
	}
	if s := p.says[e.Name]; s != "" {
		parts = append(parts, look.Text(s, look.SmallSize, look.Ink))
	}
	parts = append(parts, look.Spacer(1, 4), p.actions(e))
	stroke := look.Line
	if p.InUse(e) {
		stroke = look.Accent
	}
	return look.NewBox(look.Surface, stroke, 12, 16, 14, look.NewColumn(4, parts...))
}

func (p *Page) actions(e registry.Entry) fyne.CanvasObject {
	row := &fyne.Container{Layout: &look.Wrap{Gap: 10}}
	if p.asks == e.Name {
		words := "Remove it and delete its files from the library?"
		if e.Linked {
			words = "Take it out of the library? The file stays where it is."
		}
		row.Add(look.NewButton(look.Primary, "Keep", func() { p.ask("") }))
		row.Add(look.NewButton(look.Plain, "Remove", func() { p.remove(e) }))
		return look.NewColumn(8, look.Text(words, look.TextSize, look.Ink), row)
	}
	switch {
	case !e.Runs:
	case p.InUse(e):
		b := look.NewButton(look.Plain, "In use", nil)
		b.Disable()
		row.Add(b)
	default:
		row.Add(look.NewButton(look.Primary, "Use now", func() { p.Use(e); p.Refresh() }))
	}
	if cancel := p.cancel[e.Name]; cancel != nil {
		row.Add(look.NewButton(look.Plain, "Cancel the check", cancel))
	} else {
		row.Add(look.NewButton(look.Plain, "Check", func() { p.verify(e) }))
	}
	row.Add(look.NewButton(look.Plain, "Show the file", func() { p.ShowFile(e.Path()) }))
	row.Add(look.NewButton(look.Plain, "Remove", func() { p.ask(e.Name) }))
	return row
}

func (p *Page) ask(name string) {
	p.asks = name
	p.Refresh()
}

func (p *Page) remove(e registry.Entry) {
	p.asks = ""
	if cancel := p.cancel[e.Name]; cancel != nil {
		cancel()
	}
	p.OnRemoved(e) // first: on some systems an open file can't be deleted
	if err := p.Shelf.Remove(e.Name); err != nil {
		p.says[e.Name] = sentence(err.Error())
	}
	p.Refresh()
}

// verify compares the files with the hashes that were taken at the import.
func (p *Page) verify(e registry.Entry) {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel[e.Name], p.says[e.Name] = cancel, "Checking…"
	p.Refresh()
	p.running.Add(1)
	go func() {
		defer p.running.Done()
		defer cancel()
		last := int64(-1)
		err := p.Shelf.Verify(ctx, e.Name, func(done, total int64) {
			if total > 0 && 20*done/total != last {
				last = 20 * done / total
				p.Post(func() { p.checking(e, done, total) })
			}
		})
		stopped := ctx.Err() != nil
		p.Post(func() { p.checked(e, err, stopped) })
	}()
}

func (p *Page) checking(e registry.Entry, done, total int64) {
	if p.cancel[e.Name] != nil {
		p.says[e.Name] = fmt.Sprintf("Checking %d%% of %s", 100*done/total, Size(total))
		p.Refresh()
	}
}

func (p *Page) checked(e registry.Entry, err error, stopped bool) {
	delete(p.cancel, e.Name)
	switch {
	case stopped:
		delete(p.says, e.Name)
	case err != nil:
		p.says[e.Name] = sentence(err.Error())
	default:
		p.says[e.Name] = "Whole: every file is as it was when it was added."
	}
	p.Refresh()
}

// Close ends the checks that run.
func (p *Page) Close() {
	for _, cancel := range p.cancel {
		cancel()
	}
	p.running.Wait()
}
