package library

// The Models page: what is in the library, and what can be done with each.

import (
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
	keys    keyboard
	says    map[string]string // beneath a model: how its check went
	asks    string            // the model, or the broken entry, that is about to be removed
	checks  map[string]*check
	ills    map[string]error // models whose files are not where they were
	looking bool             // for ills
	running sync.WaitGroup
}

// NewPage is the page; Refresh fills it.
func NewPage(c Config) *Page {
	p := &Page{Config: c, pane: look.NewPane(), Cards: look.NewColumn(8), says: map[string]string{}, checks: map[string]*check{}}
	p.Object = p.pane.Object
	return p
}

var headings = map[registry.Kind]string{registry.Chat: "For chat", registry.Speech: "For dictation"}

// Refresh reads the library again.
func (p *Page) Refresh() {
	entries, broken := p.Shelf.List()
	p.draw(entries, broken)
	p.examine(entries)
}

func (p *Page) draw(entries []registry.Entry, broken []error) {
	var list []fyne.CanvasObject
	add := func(owner string, objects ...fyne.CanvasObject) {
		for _, o := range objects {
			p.keys.add(owner, o)
			list = append(list, o)
		}
	}
	if look.HeightFor(p.Cards, look.ColumnWidth) > 0 {
		list = append(list, p.Cards) // its buttons keep their own focus
	}
	if len(entries)+len(broken) == 0 {
		add("", p.empty()...)
	} else {
		add("", look.Text("Drop a GGUF file (chat) or a Whisper model (speech) anywhere on this window. The file stays where it is.", look.TextSize, look.Muted), p.addButton())
	}
	for _, err := range broken {
		name, card := p.brokenCard(err)
		add("broken "+name, card)
	}
	for _, kind := range []registry.Kind{registry.Chat, registry.Speech} {
		title := []fyne.CanvasObject{look.Spacer(1, 2), look.NewLabel(headings[kind], look.SmallSize, look.Muted).Strong()}
		for _, e := range entries {
			if e.Kind == kind {
				add("", title...)
				add(e.Name, p.row(e))
				title = nil
			}
		}
	}
	p.keys.swap(func() { p.pane.Keep(list...) })
}

func (p *Page) addButton() fyne.CanvasObject {
	return look.NewRow(12, nil, look.NewButton(look.Primary, "Add a model", p.ChooseFile))
}

// empty is what the page says before there is any model.
func (p *Page) empty() []fyne.CanvasObject {
	line := look.Text("No model yet", look.TitleSize, look.Ink)
	line.Align = fyne.TextAlignCenter
	note := look.Text("Drop a GGUF file (chat) or a Whisper model (speech) anywhere on this window. The file stays where it is.", look.TextSize, look.Muted)
	note.Align = fyne.TextAlignCenter
	return []fyne.CanvasObject{look.Spacer(1, 80), line, note, &fyne.Container{Layout: middle{}, Objects: []fyne.CanvasObject{look.NewButton(look.Primary, "Add a model", p.ChooseFile)}}}
}

// middle centres one thing in the width.
type middle struct{}

func (middle) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize() }
func (middle) Layout(o []fyne.CanvasObject, s fyne.Size) {
	m := o[0].MinSize()
	look.Put(o[0], (s.Width-m.Width)/2, 0, m.Width, m.Height)
}

// row is one model.
func (p *Page) row(e registry.Entry) fyne.CanvasObject {
	title := look.NewLabel(e.Title, look.TextSize, look.Ink).Strong().Shrink(80)
	right := Size(e.Bytes)
	if e.Linked {
		right += " · linked"
	}
	if e.Included {
		right += " · included"
	}
	parts := []fyne.CanvasObject{look.NewRow(12, title, title, look.NewLabel(right, look.SmallSize, look.Muted)),
		look.Text(describe(e.Info), look.SmallSize, look.Muted)}
	if !e.Runs {
		parts = append(parts, look.Text("It can't be run by this version. "+sentence(e.Reason), look.SmallSize, look.Record))
	}
	if err := p.ills[e.Name]; err != nil {
		parts = append(parts, look.Text(reason(err), look.SmallSize, look.Record))
	}
	if c := p.checks[e.Name]; c != nil {
		parts = append(parts, look.Spacer(1, 2), c.line, c.bar)
	} else if s := p.says[e.Name]; s != "" {
		parts = append(parts, look.Text(s, look.SmallSize, look.Ink))
	}
	parts = append(parts, look.Spacer(1, 4), p.actions(e))
	stroke := look.Line
	if p.InUse(e) {
		stroke = look.Accent
	}
	return look.NewBox(look.Surface, stroke, 12, 16, 14, look.NewColumn(4, parts...))
}

// actions are the buttons of a model; while it is about to be removed, the question.
func (p *Page) actions(e registry.Entry) fyne.CanvasObject {
	if p.asks == e.Name {
		words := "Remove it and delete its files from the library?"
		if e.Linked {
			words = "Take it out of the library? The file stays where it is."
		}
		return p.question(words, func() { p.remove(e) })
	}
	row := &fyne.Container{Layout: &look.Wrap{Gap: 10}}
	switch {
	case !e.Runs || p.ills[e.Name] != nil && !p.InUse(e):
	case p.InUse(e):
		b := look.NewButton(look.Plain, "In use", nil)
		b.Disable()
		row.Add(b)
	default:
		row.Add(look.NewButton(look.Primary, "Use now", func() { p.Use(e); p.Refresh() }))
	}
	if c := p.checks[e.Name]; c != nil {
		row.Add(look.NewButton(look.Plain, "Cancel the check", c.cancel))
	} else {
		row.Add(look.NewButton(look.Plain, "Check", func() { p.verify(e) }))
	}
	row.Add(look.NewButton(look.Plain, "Show the file", func() { p.ShowFile(e.Path()) }))
	row.Add(look.NewButton(look.Plain, "Remove", func() { p.ask(e.Name) }))
	return row
}

// question asks before something is removed; to keep it comes first.
func (p *Page) question(words string, remove func()) fyne.CanvasObject {
	row := &fyne.Container{Layout: &look.Wrap{Gap: 10}, Objects: []fyne.CanvasObject{
		look.NewButton(look.Primary, "Keep it", func() { p.ask("") }), look.NewButton(look.Plain, "Remove it", remove)}}
	return look.NewColumn(8, look.Text(words, look.TextSize, look.Ink), row)
}

func (p *Page) ask(name string) {
	p.asks = name
	p.keys.anew = true
	p.Refresh()
}

func (p *Page) remove(e registry.Entry) {
	p.asks = ""
	if c := p.checks[e.Name]; c != nil {
		c.cancel()
	}
	p.OnRemoved(e) // first: on some systems an open file can't be deleted
	delete(p.says, e.Name)
	if err := p.Shelf.Remove(e.Name); err != nil {
		p.says[e.Name] = sentence(err.Error())
	}
	p.Refresh()
}

// Close ends the checks that run.
func (p *Page) Close() {
	for _, c := range p.checks {
		c.cancel()
	}
	p.running.Wait()
}
