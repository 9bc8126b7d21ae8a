package library

import (
	"context"
	"fmt"

	"soberano/app/ui"
	"soberano/models/registry"
)

// attach adds the vision encoder of the card to the model to which it belongs. If there are several such models, the user chooses one.
func (c *card) attach(ctx context.Context, serial int) {
	entries, _ := c.im.Shelf.List() // broken entries are shown on the Models page
	fitting, err := c.im.Fitting(c.path, entries)
	if ctx.Err() != nil {
		return
	}
	switch {
	case err != nil:
		c.post(serial, func() { c.failed(err) })
	case len(fitting) == 0:
		c.post(serial, c.homeless)
	case len(fitting) == 1:
		c.attachTo(ctx, serial, fitting[0])
	default:
		c.post(serial, func() { c.choose(fitting) })
	}
}

// homeless says that the library has no model to which the vision encoder belongs.
func (c *card) homeless() {
	c.alone = true
	c.problem(ui.Problem{Title: fmt.Sprintf("%s belongs to no model in the library.", c.name()),
		Why: "It lets a chat model see images. Add the model with which it was published: then it is found."}, "")
}

// tryAgain looks for the models of the vision encoders that belonged to none, after a model was added.
func (im *Importer) tryAgain() {
	for _, c := range im.cards {
		if c.alone {
			c.alone = false
			c.again()
		}
	}
}

// choose asks to which of several models the vision encoder belongs.
func (c *card) choose(fitting []registry.Entry) {
	c.ended = true
	var list []*ui.Button
	for _, e := range fitting {
		list = append(list, ui.NewButton(ui.Plain, e.Title, func() { c.restart(e) }))
	}
	list = append(list, ui.NewButton(ui.Quiet, "Close", c.close))
	c.show(c.frame(c.name(), "", buttons("This file lets a chat model see images. With which model was it published?", list...)))
}

// restart adds the vision encoder to a model that the user has chosen.
func (c *card) restart(e registry.Entry) {
	c.serial++
	serial := c.serial
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel, c.ended = cancel, false
	c.show(c.frame(c.name(), "", c.line, c.bar, buttons("", ui.NewButton(ui.Plain, "Cancel", c.close))))
	c.im.running.Add(1)
	go func() {
		defer c.im.running.Done()
		defer cancel()
		c.attachTo(ctx, serial, e)
	}()
}

// attachTo adds the vision encoder to a model: linked if the model is linked, otherwise copied.
func (c *card) attachTo(ctx context.Context, serial int, e registry.Entry) {
	how := registry.Copy
	if e.Linked {
		how = registry.Link
	}
	got, err := c.im.Shelf.Attach(ctx, e.Name, c.path, how, c.meter(serial))
	switch {
	case ctx.Err() != nil:
	case err != nil:
		c.post(serial, func() { c.failed(err) })
	default:
		c.post(serial, func() { c.attached(got) })
	}
}

// attached shows that a model can see images.
func (c *card) attached(e registry.Entry) {
	c.ended = true
	c.im.Attached(e)
	note := "The file stays where it is."
	if !e.Linked {
		note = "A copy is in the library."
	}
	c.show(c.frame(e.Title+" can see images.", "", buttons(c.name()+" belongs to it. "+note, ui.NewButton(ui.Plain, "Close", c.close))))
}
