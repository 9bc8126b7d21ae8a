package library

// The card of a dropped model, from "Looking at it…" to "Use now".

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/look"
	"soberano/models"
	"soberano/models/registry"
)

// card is one import; its fields are touched by the UI goroutine only.
type card struct {
	im     *Importer
	path   string
	how    registry.How
	object *fyne.Container // holds the box, which is replaced
	cancel context.CancelFunc
	serial int // of the latest run; what an older one says is not heard

	info  registry.Info
	known bool // info is there
	use   bool // as soon as it is ready
	began time.Time
	line  *look.Label
	bar   *look.Bar
}

func (c *card) show(o fyne.CanvasObject) {
	c.object.Objects = []fyne.CanvasObject{o}
	c.im.Changed()
}

func (c *card) close() {
	c.cancel()
	c.serial++
	c.im.remove(c)
}

func (c *card) name() string { return filepath.Base(c.path) }

// frame is the box of a card: a title with something at its right, and what is below.
func (c *card) frame(title, right string, below ...fyne.CanvasObject) *look.Box {
	t := look.NewLabel(title, look.TextSize, look.Ink).Strong().Shrink(80)
	head := look.NewRow(12, t, t, look.NewLabel(right, look.SmallSize, look.Muted))
	return look.NewBox(look.Surface, look.Line, 12, 16, 14, look.NewColumn(6, append([]fyne.CanvasObject{head}, below...)...))
}

// buttons is a note with buttons at its right, or above them where it is narrow.
func buttons(note string, list ...*look.Button) fyne.CanvasObject {
	row := &fyne.Container{Layout: &look.Wrap{Gap: 10}}
	for _, b := range list {
		row.Add(b)
	}
	if note == "" {
		return row
	}
	return look.NewColumn(8, look.Text(note, look.SmallSize, look.Muted), row)
}

// start looks at the file, then imports it.
func (c *card) start() {
	c.serial++
	serial := c.serial
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	c.line, c.bar = look.NewLabel("Looking at it…", look.SmallSize, look.Muted).Shrink(80), look.NewBar(100, 10)
	if !c.known {
		c.show(c.frame(c.name(), "", c.line, buttons("", look.NewButton(look.Plain, "Cancel", c.close))))
	}
	c.im.running.Add(1)
	go func() {
		defer c.im.running.Done()
		defer cancel()
		c.run(ctx, serial)
	}()
}

// post runs f on the UI goroutine, unless the card was closed or begun again.
func (c *card) post(serial int, f func()) {
	c.im.Post(func() {
		if c.serial == serial {
			f()
		}
	})
}

func (c *card) run(ctx context.Context, serial int) {
	how := c.how
	info, err := c.im.Inspect(c.path)
	if err != nil {
		c.post(serial, func() { c.failed(err) })
		return
	}
	c.post(serial, func() { c.recognised(info) })
	if !info.Runs {
		return
	}
	select { // one at a time: two would only take turns on the same disk
	case c.im.turn <- struct{}{}:
		defer func() { <-c.im.turn }()
	case <-ctx.Done():
		return
	}
	var last time.Time
	e, err := c.im.Shelf.Import(ctx, c.path, how, registry.ImportOptions{}, func(done, total int64) {
		if now := time.Now(); now.Sub(last) > 100*time.Millisecond || done == total {
			last = now
			c.post(serial, func() { c.progress(done, total) })
		}
	})
	switch {
	case ctx.Err() != nil:
	case err != nil:
		c.post(serial, func() { c.failed(err) })
	default:
		c.post(serial, func() { c.ready(e) })
	}
}

// recognised shows what the file is while it is checked or copied.
func (c *card) recognised(info registry.Info) {
	c.info, c.known = info, true
	if !info.Runs {
		c.unusable()
		return
	}
	c.line.Text = "Waiting for the other model…"
	note, other := "The file stays where it is.", look.NewButton(look.Plain, "Copy instead", func() { c.switchTo(registry.Copy) })
	if c.how == registry.Copy {
		note, other = "A copy goes into the library.", look.NewButton(look.Plain, "Link instead", func() { c.switchTo(registry.Link) })
	}
	list := []*look.Button{other, look.NewButton(look.Plain, "Cancel", c.close)}
	if info.Kind == registry.Chat {
		use := look.NewButton(look.Primary, "Use when ready", nil)
		use.OnTapped = func() {
			c.use = true
			use.Disable()
			use.SetLabel("Will be used")
		}
		if c.use {
			use.OnTapped()
		}
		list = append(list, use)
	}
	below := append(c.facts(), look.Spacer(1, 2), c.line, c.bar, look.Spacer(1, 2), buttons(note, list...))
	c.show(c.frame(info.Title, Size(info.Bytes), below...))
}

// facts are the lines on what the model is and what it takes.
func (c *card) facts() []fyne.CanvasObject {
	list := []fyne.CanvasObject{look.Text(describe(c.info), look.SmallSize, look.Muted)}
	if c.info.Kind == registry.Chat {
		m := estimate(c.info, c.im.Context(), c.im.Free())
		list = append(list, look.NewBar(100, 10, m.Bar()...), look.Text(m.Text(), look.SmallSize, look.Muted))
		if !c.info.Template {
			list = append(list, look.Text("The file has no chat template: ChatML is used.", look.SmallSize, look.Muted))
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
	share := float64(done) / float64(total)
	verb := "Checking"
	if c.how == registry.Copy {
		verb = "Copying"
	}
	text := fmt.Sprintf("%s %.0f%% · %s of %s", verb, 100*share, short(done), short(total))
	if past := time.Since(c.began); past > time.Second && share > 0 && share < 1 {
		left := time.Duration(float64(past) * (1 - share) / share)
		text += fmt.Sprintf(" · %s left", left.Round(time.Second))
	}
	c.line.Set(text)
	c.bar.Set(look.Part{Share: float32(share), Color: look.Accent})
}

func (c *card) switchTo(how registry.How) {
	c.cancel()
	c.how, c.began = how, time.Time{}
	c.start()
}

func (c *card) ready(e registry.Entry) {
	c.im.OnAdded(e)
	if c.use {
		c.im.Use(e)
		c.close()
		return
	}
	note, list := "It is in the library and ready to use.", []*look.Button{look.NewButton(look.Plain, "Close", c.close)}
	switch {
	case e.Kind == registry.Speech:
		c.im.Use(e)
		note = "It is in the library and is used for dictation."
	case c.im.InUse(e):
		note = "It is in the library and is used for chat."
	default:
		list = append(list, look.NewButton(look.Primary, "Use now", func() { c.im.Use(e); c.close() }))
	}
	c.show(c.frame(e.Title, Size(e.Bytes), look.Text(describe(e.Info), look.SmallSize, look.Muted), look.Spacer(1, 2), buttons(note, list...)))
}

// unusable says why a sound file can't be run.
func (c *card) unusable() {
	c.problem(look.Problem{Title: fmt.Sprintf("%s can't be run by this version.", c.info.Title),
		Why: sentence(c.info.Reason) + " Choose a model of another family or quantization. The file has not been changed."}, c.info.Reason)
}

func (c *card) failed(err error) {
	p := look.Problem{Title: c.name() + " could not be added.", Why: sentence(err.Error())}
	var file *models.FileError
	switch {
	case errors.Is(err, models.ErrUnknownFormat):
		p.Title = c.name() + " is not a model file."
		p.Why = "Soberano runs GGUF files (chat) and Whisper folders in CTranslate2 form (speech). Drop one of those."
	case errors.As(err, &file):
		p.Why = sentence(strings.TrimSuffix(file.Error(), "; "+file.Advice))
		if file.Advice != "" {
			p.Why += " " + sentence(file.Advice)
		}
	}
	if errors.Is(err, models.ErrCorrupt) {
		p.Actions = append(p.Actions, look.Action{Label: "Check again", Do: func() { c.known = false; c.start() }})
	}
	c.problem(p, err.Error())
}

func (c *card) problem(p look.Problem, details string) {
	p.Actions = append(p.Actions, look.Action{Label: "Choose another file", Do: func() { c.close(); c.im.ChooseFile() }},
		look.Action{Label: "Show the file", Do: func() { c.im.ShowFile(c.path) }},
		look.Action{Label: "Copy details", Do: func() { c.im.Copy(c.path + "\n" + details) }},
		look.Action{Label: "Close", Do: c.close})
	c.show(p.Card())
}

// sentence gives an error's text a capital letter, unless it begins with a file's name,
// and a full stop.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	if word, _, _ := strings.Cut(s, " "); !strings.ContainsAny(word, ".:/_") {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
