package library

import (
	"context"
	"sync"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/choice"
	"soberano/app/filekind"
	"soberano/app/problem"
	"soberano/app/ui"
	"soberano/models"
	"soberano/models/registry"
)

// Page is the Models page: it lists the models in the library, with the actions for each.
type Page struct {
	Config
	Object  fyne.CanvasObject
	Cards   *fyne.Container // imports that are running, while this page is shown
	pane    *ui.Pane
	keys    keyboard
	says    map[string]string            // by model: the result of its verification, or that it was added
	rows    map[string]fyne.CanvasObject // the models that are listed
	asks    string                       // the model or broken entry for which removal is being confirmed
	checks  map[string]*check
	missing map[string]error                 // the errors of models whose files are missing
	results map[string]registry.Verification // of the last verifications
	looking bool                             // examine is running
	running sync.WaitGroup

	// Take imports models of other programs; nil: they are not offered.
	Take   func([]filekind.Found)
	others others

	successors map[registry.Kind]successor

	view      view
	details   map[string]*detail // those that were opened, by model
	transfers []*transfer        // downloads, in the order in which they were asked for
	sought    bool               // what earlier downloads have left was looked for

	going  map[string]bool // models that are being removed
	ctx    context.Context // the context of removals
	cancel context.CancelFunc
}

// view is what the page shows.
type view struct {
	catalogue bool   // the models that can be downloaded, instead of those of the library
	details   string // one model, by its name
}

// owned is an object of the page with the name under which its buttons keep the focus.
type owned struct {
	owner string
	fyne.CanvasObject
}

// dropWords says what can be added.
const dropWords = "Drop a GGUF or APR file or a folder of Hugging Face (chat), or a Whisper model (speech), anywhere on this window. The file stays where it is."

// NewPage returns the page; Refresh fills it.
func NewPage(c Config) *Page {
	p := &Page{Config: c, pane: ui.NewPane(), Cards: ui.NewColumn(8), says: map[string]string{}, checks: map[string]*check{}, going: map[string]bool{}, details: map[string]*detail{}, successors: map[registry.Kind]successor{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.Object = p.pane.Object
	return p
}

// The words for what the models of a kind are used for.
var (
	headings = map[registry.Kind]string{registry.Chat: "For chat", registry.Speech: "For dictation and recordings",
		registry.Embedding: "For embeddings, on the command line", registry.Reranker: "For ranking documents, on the command line"}
	purpose = map[registry.Kind]string{registry.Chat: "chat", registry.Speech: "dictation"}
	useFor  = map[registry.Kind]string{registry.Chat: "Use for chat", registry.Speech: "Use for dictation"}
)

// Refresh reads the library again.
func (p *Page) Refresh() {
	entries, broken := p.Shelf.List()
	p.draw(entries, broken)
	p.examine(entries)
	p.leftovers()
}

func (p *Page) draw(entries []registry.Entry, broken []error) {
	var list []fyne.CanvasObject
	p.rows = map[string]fyne.CanvasObject{}
	add := func(owner string, objects ...fyne.CanvasObject) {
		for _, o := range objects {
			p.keys.add(owner, o)
			list = append(list, o)
		}
	}
	if ui.HeightFor(p.Cards, ui.ColumnWidth) > 0 {
		list = append(list, p.Cards) // these buttons keep their own focus
	}
	if other := p.other(entries); other != nil {
		for _, o := range other {
			add(o.owner, o.CanvasObject)
		}
		p.keys.swap(func() { p.pane.Keep(list...) })
		return
	}
	if len(entries)+len(broken) == 0 {
		add("", p.empty()...)
	} else {
		add("", ui.Text(dropWords, ui.TextSize, ui.Muted), p.addButton())
	}
	for _, o := range p.transferCards() {
		add(o.owner, o.CanvasObject)
	}
	for _, err := range broken {
		name, card := p.brokenCard(err)
		add("broken "+name, card)
	}
	for _, kind := range []registry.Kind{registry.Chat, registry.Speech, registry.Embedding, registry.Reranker} {
		title := []fyne.CanvasObject{ui.Spacer(1, 2), ui.NewLabel(headings[kind], ui.SmallSize, ui.Muted).Strong()}
		if words := p.succession(kind); words != "" {
			add("", append(title, ui.Text(words, ui.TextSize, ui.Ink))...)
			title = nil
		}
		for _, e := range entries {
			if e.Kind == kind {
				add("", title...)
				p.rows[e.Name] = p.row(e)
				add(e.Name, p.rows[e.Name])
				title = nil
			}
		}
	}
	add("others", p.others.objects(p, len(entries)+len(broken) == 0)...)
	p.keys.swap(func() { p.pane.Keep(list...) })
}

// other returns the objects of another view than the list of models; nil: the list is shown.
func (p *Page) other(entries []registry.Entry) (list []owned) {
	switch {
	case p.view.catalogue:
		return p.catalogueObjects(entries)
	case p.view.details != "":
		list = p.detailObjects(entries, p.view.details)
	}
	if list == nil {
		p.view = view{}
	}
	return list
}

func (p *Page) addButton() fyne.CanvasObject {
	list := []*ui.Button{ui.NewButton(ui.Primary, "Add a model", p.ChooseFile)}
	if p.Catalogue != nil {
		list = append(list, ui.NewButton(ui.Plain, "Download models", p.openCatalogue))
	}
	return buttons("", list...)
}

func (p *Page) openCatalogue() { p.turn(view{catalogue: true}) }

// turn shows another view from its top.
func (p *Page) turn(v view) {
	p.view, p.asks = v, ""
	p.keys.anew = true
	p.Refresh()
	p.pane.Top()
}

// Back returns to the list of models from another view; false: it is shown.
func (p *Page) Back() bool {
	if p.view == (view{}) {
		return false
	}
	p.turn(view{})
	return true
}

func (p *Page) backButton() fyne.CanvasObject {
	return ui.NewRow(0, nil, ui.NewButton(ui.Plain, "All models", func() { p.Back() }))
}

// empty returns the content of the page without any model.
func (p *Page) empty() []fyne.CanvasObject {
	line := ui.Text("No model yet", ui.TitleSize, ui.Ink)
	line.Align = fyne.TextAlignCenter
	note := ui.Text(dropWords, ui.TextSize, ui.Muted)
	note.Align = fyne.TextAlignCenter
	list := []fyne.CanvasObject{ui.Spacer(1, 80), line, note, &fyne.Container{Layout: middle{}, Objects: []fyne.CanvasObject{ui.NewButton(ui.Primary, "Add a model", p.ChooseFile)}}}
	if p.Catalogue != nil {
		list = append(list, &fyne.Container{Layout: middle{}, Objects: []fyne.CanvasObject{ui.NewButton(ui.Plain, "Download models", p.openCatalogue)}})
	}
	return list
}

// middle is a layout that centres one object horizontally.
type middle struct{}

func (middle) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize() }
func (middle) Layout(o []fyne.CanvasObject, s fyne.Size) {
	m := o[0].MinSize()
	ui.Put(o[0], (s.Width-m.Width)/2, 0, m.Width, m.Height)
}

// row returns the row of one model.
func (p *Page) row(e registry.Entry) fyne.CanvasObject {
	title := ui.NewLabel(e.Title, ui.TextSize, ui.Ink).Strong().Shrink(80)
	right := models.Size(e.Bytes)
	if e.Linked {
		right += " · linked"
	}
	if e.Stage != "" {
		right += " · " + models.Printable(string(e.Stage))
	}
	if e.Included {
		right += " · included"
	}
	parts := append([]fyne.CanvasObject{ui.NewRow(12, title, title, ui.NewLabel(right, ui.SmallSize, ui.Muted))}, described(e.Info, p.Context())...)
	if names := e.OtherNames(); names != "" {
		parts = append(parts, ui.Text("Called "+models.Printable(e.Name)+", also "+names+".", ui.SmallSize, ui.Muted))
	}
	if !e.Runs {
		parts = append(parts, ui.Text("It can't be run by this version. "+problem.Sentence(e.Reason), ui.SmallSize, ui.Record))
	}
	if err := p.missing[e.Name]; err != nil {
		parts = append(parts, ui.Text(problem.Text(err), ui.SmallSize, ui.Record))
	}
	if c := p.checks[e.Name]; c != nil {
		parts = append(parts, ui.Spacer(1, 2), c.line, c.bar)
	} else if s := p.says[e.Name]; s != "" {
		parts = append(parts, ui.Text(s, ui.SmallSize, ui.Ink))
	} else if v, known := p.results[e.Name]; known {
		parts = append(parts, ui.Text(resultText(v), ui.SmallSize, ui.Muted))
	}
	parts = append(parts, ui.Spacer(1, 4), p.actions(e))
	stroke := ui.Line
	if p.InUse(e) {
		stroke = ui.Accent
	}
	return ui.NewBox(ui.Surface, stroke, 12, 16, 14, ui.NewColumn(4, parts...))
}

// actions returns the buttons of a model, or the question while its removal is being confirmed.
func (p *Page) actions(e registry.Entry) fyne.CanvasObject {
	if p.asks == e.Name {
		words := "Remove it and delete its files from the library?"
		if e.Linked {
			words = "Take it out of the library? The file stays where it is."
		}
		return p.question(words, func() { p.remove(e) })
	}
	row := &fyne.Container{Layout: &ui.Wrap{Gap: 10}}
	if p.going[e.Name] {
		return row
	}
	switch {
	case !e.Runs || p.missing[e.Name] != nil && !p.InUse(e):
	case p.InUse(e):
		b := ui.NewButton(ui.Plain, "In use", nil)
		b.Disable()
		row.Add(b)
	case choice.Uses(e.Kind):
		row.Add(ui.NewButton(ui.Primary, useFor[e.Kind], func() { p.Use(e); p.Refresh() }))
	}
	row.Add(ui.NewButton(ui.Plain, "Details", func() { p.openDetails(e.Name) }))
	if c := p.checks[e.Name]; c != nil {
		row.Add(ui.NewButton(ui.Plain, "Cancel", c.cancel))
	} else {
		row.Add(ui.NewButton(ui.Plain, "Verify", func() { p.verify(e) }))
	}
	row.Add(ui.NewButton(ui.Plain, "Remove", func() { p.ask(e.Name) }))
	return row
}

// question asks before something is removed; the button that keeps it comes first.
func (p *Page) question(words string, remove func()) fyne.CanvasObject {
	row := &fyne.Container{Layout: &ui.Wrap{Gap: 10}, Objects: []fyne.CanvasObject{
		ui.NewButton(ui.Primary, "Keep it", func() { p.ask("") }), ui.NewButton(ui.Plain, "Remove it", remove)}}
	return ui.NewColumn(8, ui.Text(words, ui.TextSize, ui.Ink), row)
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
	used := p.InUse(e)
	p.Removing(e)
	p.going[e.Name], p.says[e.Name] = true, "Removing…"
	p.running.Add(1)
	go func() {
		defer p.running.Done()
		err := p.delete(e)
		p.Post(func() { p.removed(e, used, err) })
	}()
	p.Refresh()
}

// patience is how long the removal of a model waits while the model is still in use.
const patience = 10 * time.Second

// delete closes a model and removes it from the library.
func (p *Page) delete(e registry.Entry) error {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := p.Release(ctx, e); err != nil { // on some systems an open file can't be deleted
		return err
	}
	return p.Shelf.Remove(e.Name)
}

// Listed scrolls to a model that was just added.
func (p *Page) Listed(e registry.Entry) {
	p.says[e.Name] = "Added to the library."
	p.Refresh()
	if row := p.rows[e.Name]; row != nil {
		p.pane.Reveal(row)
	}
}

// Scroll scrolls by a share of the height of the page.
func (p *Page) Scroll(share float32) { p.pane.Page(share) }

// Close ends the running checks and removals.
func (p *Page) Close() {
	p.cancel()
	for _, c := range p.checks {
		c.cancel()
	}
	p.running.Wait()
}
