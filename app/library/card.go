package library

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/ui"
	"soberano/models"
	"soberano/models/registry"
)

// card shows one import:
//
//	"Looking at it…" ──▶ recognised: facts, memory, progress ──▶ ready: "Use now"
//	   └──────────────┴──▶ a problem: why, and what to do
//
// Its fields are used by the UI goroutine only.
type card struct {
	im     *Importer
	path   string
	how    registry.How
	object *fyne.Container // contains the box, which is replaced
	keys   keyboard
	cancel context.CancelFunc
	serial int // number of the latest run; results of earlier runs are ignored

	info  registry.Info
	known bool // info is set
	use   bool // use the model as soon as it is ready
	done  bool // the model is in the library
	began time.Time
	line  *ui.Label
	bar   *ui.Bar
}

func (c *card) name() string { return models.Printable(filepath.Base(c.path)) }

// show replaces the content of the card.
func (c *card) show(o fyne.CanvasObject) {
	c.keys.add("", o)
	c.keys.swap(func() {
		c.object.Objects = []fyne.CanvasObject{o}
		c.im.arrange()
	})
}

func (c *card) close() {
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
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel, c.began = cancel, time.Time{}
	c.line, c.bar = ui.NewLabel("Looking at it…", ui.SmallSize, ui.Muted).Shrink(80), ui.NewBar(100, 10)
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
	e, err := c.im.Shelf.Import(ctx, c.path, how, registry.ImportOptions{}, c.meter(serial))
	switch {
	case err == nil && ctx.Err() != nil && !had[e.Name]:
		c.undo(e)
	case ctx.Err() != nil:
	case err != nil:
		c.post(serial, func() { c.failed(err) })
	default:
		c.post(serial, func() { c.ready(e, had[e.Name]) })
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
	if info.Kind == registry.Chat {
		list = append(list, c.useWhenReady())
	}
	below := append(c.facts(), ui.Spacer(1, 2), c.line, c.bar, ui.Spacer(1, 2), buttons(note, list...))
	c.show(c.frame(info.Title, Size(info.Bytes), below...))
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
	list := []fyne.CanvasObject{ui.Text(describe(c.info), ui.SmallSize, ui.Muted)}
	if c.info.Kind == registry.Chat {
		m := estimate(c.info, c.im.Context(), c.im.Free())
		list = append(list, ui.NewBar(100, 10, m.Bar()...), ui.Text(m.Text(), ui.SmallSize, ui.Muted))
		if !c.info.Template {
			list = append(list, ui.Text("The file has no chat template: ChatML is used.", ui.SmallSize, ui.Muted))
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

// ready offers the model for use; old says that it was in the library before.
func (c *card) ready(e registry.Entry, old bool) {
	c.done = true
	c.im.Added(e)
	if c.use {
		c.im.Use(e)
		c.close()
		return
	}
	if e.Kind == registry.Speech && !old {
		c.im.Use(e)
	}
	list := []*ui.Button{ui.NewButton(ui.Plain, "Close", c.close)}
	if !c.im.InUse(e) {
		list = append(list, ui.NewButton(ui.Primary, "Use now", func() { c.im.Use(e); c.close() }))
	}
	c.show(c.frame(e.Title, Size(e.Bytes), ui.Text(describe(e.Info), ui.SmallSize, ui.Muted), ui.Spacer(1, 2), buttons(c.note(e, old), list...)))
}

// note says where the model is stored and what it is used for.
func (c *card) note(e registry.Entry, old bool) string {
	state := "ready to use."
	switch {
	case !c.im.InUse(e):
	case e.Kind == registry.Speech:
		state = "is used for dictation."
	default:
		state = "is used for chat."
	}
	switch {
	case old && c.how == registry.Copy && e.Linked:
		return "The library has this model already, linked to " + e.Path() + ". To keep a copy instead, remove it on the Models page and drop it again."
	case old:
		return "The library has this model already, as " + e.Name + ", and it is " + strings.TrimPrefix(state, "is ")
	}
	return "It is in the library and " + state
}

func (c *card) failed(err error) {
	p := explain(c.name(), err)
	switch {
	case errors.Is(err, models.ErrUnknownFormat):
	case errors.Is(err, models.ErrCorrupt):
		p.Actions = append(p.Actions, ui.Action{Label: "Check again", Do: c.again})
	default:
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
	p.Actions = append(p.Actions, ui.Action{Label: "Choose another file", Do: func() { c.close(); c.im.ChooseFile() }},
		ui.Action{Label: "Show the file", Do: func() { c.im.ShowFile(c.path) }},
		ui.Action{Label: "Copy details", Do: func() { c.im.Copy(c.path + "\n" + models.PrintableLines(details)) }},
		ui.Action{Label: "Close", Do: c.close})
	c.show(p.Card())
}
