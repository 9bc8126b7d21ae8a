package library

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/choice"
	"soberano/app/problem"
	"soberano/app/ui"
	"soberano/models"
	"soberano/models/registry"
)

// card shows one import:
//
//	"Reading the file…" ──▶ recognised: facts, memory, progress ──▶ ready: what is in use, "Use for chat"
//	   └─────────────────┴──▶ a problem: why, and what to do
//
// Its fields are used by the UI goroutine only.
type card struct {
	im      *Importer
	path    string
	options registry.ImportOptions // its name in another program, if it is a model of that
	how     registry.How
	object  *fyne.Container // contains the box, which is replaced
	keys    keyboard
	cancel  context.CancelFunc
	serial  int // number of the latest run; results of earlier runs are ignored

	info  registry.Info
	known bool           // info is set
	use   bool           // use the model as soon as it is ready
	ended bool           // the import has ended: the model is in the library, or there is a problem
	entry registry.Entry // of the model, once it is in the library
	had   bool           // it was there before
	alone bool           // a vision encoder that belongs to no model of the library
	began time.Time
	line  *ui.Label
	bar   *ui.Bar

	passing *ui.Passing // closes the card of a model that was added
}

func (c *card) name() string { return models.Printable(cmp.Or(c.options.Title, filepath.Base(c.path))) }

// show replaces the content of the card.
func (c *card) show(o fyne.CanvasObject) {
	c.keys.add("", o)
	c.keys.swap(func() {
		c.object.Objects = []fyne.CanvasObject{o}
		c.im.arrange()
	})
}

func (c *card) close() {
	c.passing.Stop()
	c.cancel()
	c.serial++
	c.im.remove(c)
}

// frame returns the box of a card: a title with text at its right, and objects below it.
func (c *card) frame(title, right string, below ...fyne.CanvasObject) *ui.Box {
	t := ui.NewLabel(title, ui.TextSize, ui.Ink).Strong().Shrink(80)
	head := ui.NewRow(12, t, t, ui.NewLabel(right, ui.SmallSize, ui.Muted))
	return ui.NewBox(ui.Surface, ui.Line, 12, 16, 14, ui.NewColumn(6, append([]fyne.CanvasObject{head}, below...)...))
}

// buttons returns a note with buttons below it.
func buttons(note string, list ...*ui.Button) fyne.CanvasObject {
	row := &fyne.Container{Layout: &ui.Wrap{Gap: 10}}
	for _, b := range list {
		row.Add(b)
	}
	if note == "" {
		return row
	}
	return ui.NewColumn(8, ui.Text(note, ui.SmallSize, ui.Muted), row)
}

// start recognises the file and then imports it.
func (c *card) start() {
	c.serial++
	serial, how := c.serial, c.how
	c.ended = false
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel, c.began = cancel, time.Time{}
	c.line, c.bar = ui.NewLabel("Reading the file…", ui.SmallSize, ui.Muted).Shrink(80), ui.NewBar(100, 10)
	if !c.known {
		c.show(c.frame(c.name(), "", c.line, buttons("", ui.NewButton(ui.Plain, "Cancel", c.close))))
	}
	c.im.running.Add(1)
	go func() {
		defer c.im.running.Done()
		defer cancel()
		c.run(ctx, serial, how)
	}()
}

// post runs f on the UI goroutine, unless the card was closed or restarted meanwhile.
func (c *card) post(serial int, f func()) {
	c.im.Post(func() {
		if c.serial == serial {
			f()
		}
	})
}

func (c *card) run(ctx context.Context, serial int, how registry.How) {
	info, err := c.im.Shelf.Inspect(c.path)
	if err != nil {
		c.post(serial, func() { c.failed(err) })
		return
	}
	if info.Kind == registry.Vision {
		c.attach(ctx, serial)
		return
	}
	c.post(serial, func() { c.recognised(info) })
	if !info.Runs {
		return
	}
	select { // one import at a time: two would only compete for the same disk
	case c.im.turn <- struct{}{}:
		defer func() { <-c.im.turn }()
	case <-ctx.Done():
		return
	}
	had := c.im.names()
	e, err := c.im.Shelf.Import(ctx, c.path, how, c.options, c.meter(serial))
	switch {
	case err == nil && ctx.Err() != nil && !had[e.Name]:
		c.undo(e)
	case ctx.Err() != nil:
	case err != nil:
		c.post(serial, func() { c.failed(err) })
	default:
		lacking := c.im.Lacking(e.Kind)
		c.post(serial, func() { c.ready(e, had[e.Name], lacking) })
	}
}

// meter returns a function that shows progress, at most ten times a second.
func (c *card) meter(serial int) func(done, total int64) {
	var last time.Time
	return func(done, total int64) {
		if now := time.Now(); now.Sub(last) > 100*time.Millisecond || done == total {
			last = now
			c.post(serial, func() { c.progress(done, total) })
		}
	}
}

// undo removes a model whose import ended at the moment in which it was cancelled.
func (c *card) undo(e registry.Entry) {
	if err := c.im.Shelf.Remove(e.Name); err != nil {
		c.im.Post(func() { c.im.Added(e) }) // it stays, and is shown like any other model
	}
}

// recognised shows the kind of the file while it is checked or copied.
func (c *card) recognised(info registry.Info) {
	c.info, c.known = info, true
	if !info.Runs {
		c.problem(unusable(info), info.Reason)
		return
	}
	c.line.Text = "Waiting for the other model…"
	note, other := "The file stays where it is.", ui.NewButton(ui.Plain, "Copy instead", func() { c.switchTo(registry.Copy) })
	if c.how == registry.Copy {
		note, other = "A copy goes into the library.", ui.NewButton(ui.Plain, "Link instead", func() { c.switchTo(registry.Link) })
	}
	list := []*ui.Button{other, ui.NewButton(ui.Plain, "Cancel", c.close)}
	if choice.Uses(info.Kind) {
		list = append([]*ui.Button{c.useWhenReady()}, list...)
	}
	below := append(c.facts(), ui.Spacer(1, 2), c.line, c.bar, ui.Spacer(1, 2), buttons(note, list...))
	c.show(c.frame(cmp.Or(c.options.Title, info.Title), models.Size(info.Bytes), below...))
}

func (c *card) useWhenReady() *ui.Button {
	b := ui.NewButton(ui.Primary, "Use when ready", nil)
	b.OnTapped = func() {
		c.use = true
		b.Disable()
		b.SetLabel("Will be used")
	}
	if c.use {
		b.OnTapped()
	}
	return b
}

// facts returns the lines that describe the model and the memory that it needs.
func (c *card) facts() []fyne.CanvasObject {
	list := described(c.info, c.im.Context())
	if c.info.Kind == registry.Chat {
		m := estimate(c.info, c.im.Context(), c.im.KV(), c.im.Free())
		list = append(list, ui.NewBar(100, 10, m.Bar()...), ui.Text(m.Text(), ui.SmallSize, ui.Muted))
		if !c.info.Template {
			list = append(list, ui.Text("The file does not say in which form messages are given to the model (it has no chat template): a common form is used (ChatML), and answers may look odd.", ui.SmallSize, ui.Muted))
		}
		if c.info.Warning != "" {
			list = append(list, ui.Text(c.info.Warning, ui.SmallSize, ui.Muted))
		}
	}
	return list
}

func (c *card) progress(done, total int64) {
	if total <= 0 {
		return
	}
	if c.began.IsZero() {
		c.began = time.Now()
	}
	verb := "Checking"
	if c.how == registry.Copy {
		verb = "Copying"
	}
	c.line.Set(progressText(verb, done, total, time.Since(c.began)))
	c.bar.Set(ui.Part{Share: float32(done) / float32(total), Color: ui.Accent})
}

func (c *card) switchTo(how registry.How) {
	c.cancel()
	c.how = how
	c.start()
}

// ready shows that the model is in the library; had says that it was there before. The model is used at once if the user wants
// that, or if no model of its kind can be used (lacking). Otherwise the one in use stays, until the user chooses another.
func (c *card) ready(e registry.Entry, had, lacking bool) {
	c.ended, c.entry, c.had = true, e, had
	if c.use || lacking {
		c.im.Use(e)
	}
	c.im.Added(e)
	c.im.tryAgain()
	switch {
	case c.im.Listed != nil && !had:
		c.close()
		c.im.Listed(e)
	case c.use:
		c.close()
	default:
		c.showReady()
		c.passing.Start(c.object, c.close)
	}
}

// showReady shows the model and which one is in use.
func (c *card) showReady() {
	e := c.entry
	list := []*ui.Button{ui.NewButton(ui.Plain, "Close", c.close)}
	if choice.Uses(e.Kind) && !c.im.InUse(e) {
		list = append([]*ui.Button{ui.NewButton(ui.Primary, useFor[e.Kind], func() { c.im.Use(e); c.close() })}, list...)
	}
	c.show(c.frame(e.Title, models.Size(e.Bytes), append(described(e.Info, c.im.Context()), ui.Spacer(1, 2), buttons(c.note(), list...))...))
}

// described returns the line of describe, and one about encryption and signature.
func described(i registry.Info, context int) []fyne.CanvasObject {
	list := []fyne.CanvasObject{ui.Text(describe(i, context), ui.SmallSize, ui.Muted)}
	if seal := problem.Seal(i); seal != "" {
		list = append(list, ui.Text(seal, ui.SmallSize, ui.Muted))
	}
	return list
}

// commandLine says what uses the models of a kind that the window does not use.
var commandLine = map[registry.Kind]string{
	registry.Embedding: "It makes embeddings of texts and can't chat; on the command line, soberano embed uses it.",
	registry.Reranker:  "It ranks documents and can't chat; on the command line, soberano rerank uses it.",
}

// note says where the model is stored and which model is in use.
func (c *card) note() string {
	e := c.entry
	text := "Added to the library."
	if c.had {
		text = "The library has this model already, as " + e.Name + "."
	}
	if c.had && c.how == registry.Copy && e.Linked {
		text = "The library has this model already, linked to " + e.Path() + ". To keep a copy instead, remove it on the Models page and drop it again."
	}
	now, any := c.im.InUseFor(e.Kind)
	switch {
	case !choice.Uses(e.Kind):
		text += " " + commandLine[e.Kind]
	case c.im.InUse(e):
		text += " It is used for " + purpose[e.Kind] + "."
	case any:
		text += " " + now.Title + " is used for " + purpose[e.Kind] + "."
	}
	return text
}

func (c *card) failed(err error) {
	p := explain(c.name(), err)
	if !errors.Is(err, models.ErrUnknownFormat) {
		p.Actions = append(p.Actions, ui.Action{Label: "Try again", Do: c.again})
	}
	if c.how == registry.Copy {
		p.Actions = append(p.Actions, ui.Action{Label: "Link instead", Do: func() { c.how = registry.Link; c.again() }})
	}
	c.problem(p, err.Error())
}

func (c *card) again() {
	c.known = false
	c.start()
}

func (c *card) problem(p ui.Problem, details string) {
	c.ended = true
	p.Actions = append(p.Actions, ui.Action{Label: "Choose another file", Do: func() { c.close(); c.im.ChooseFile() }},
		ui.Action{Label: "Show the file", Do: func() { c.im.ShowFile(c.path) }},
		ui.Action{Label: "Copy details", Do: func() { c.im.Copy(c.path + "\n" + models.PrintableLines(details)) }},
		ui.Action{Label: "Close", Do: c.close})
	c.show(p.Card())
}
