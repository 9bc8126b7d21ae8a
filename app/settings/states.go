package settings

import (
	"fyne.io/fyne/v2"

	"soberano/app/host"
	"soberano/app/problem"
	"soberano/app/ui"
	"soberano/models"
)

// kept is what the computed states of chats take on disk.
type kept struct {
	bytes  int64
	err    error
	known  bool // it was measured
	serial int  // number of the latest measurement
}

// statesTitle is the title of the choice for the computed states of chats.
const statesTitle = "Keep what was computed for chats"

// states shows whether what the model has computed for chats is kept between starts, what it takes, and the button that removes it.
func (p *Page) states(set func(func())) fyne.CanvasObject {
	v := &p.Values
	options := []option[int64]{{"Off", -1}}
	for n := int64(host.MostStates); n <= 16*host.MostStates; n *= 4 {
		value := n
		if n == host.MostStates {
			value = 0
		}
		options = append(options, option[int64]{"Up to " + models.Size(n), value})
	}
	parts := []fyne.CanvasObject{row(p, statesTitle, "After a restart of the program a long chat goes on at once: the model does not read it again. Kept are files of the chats that were used last. They reveal what was said, as the chats themselves do; "+
		"only you can read them, and each is deleted when its chat is. Without them nothing is lost but time. Nothing is kept of chats with images, of encrypted models and of models that run on a graphics card.",
		with(options, v.States, "Up to "+models.Size(v.States)), v.States, func(n int64) { set(func() { v.States = n }) })}
	switch k := p.kept; {
	case k.err != nil:
		parts = append(parts, ui.Text("What they take can't be read: "+problem.Text(k.err), ui.SmallSize, ui.Record))
	case k.known && k.bytes == 0:
		parts = append(parts, ui.Text("Nothing is kept now.", ui.SmallSize, ui.Ink))
	case k.known:
		remove := ui.NewButton(ui.Plain, "Delete now", p.DeleteStates)
		p.controls[statesTitle+" delete"] = remove
		parts = append(parts, ui.Text("Kept now: "+models.Size(k.bytes)+".", ui.SmallSize, ui.Ink), ui.NewRow(0, nil, remove))
	}
	return ui.NewColumn(4, parts...)
}

// measureStates measures what is kept, which can take a moment, and draws the page if that has changed.
func (p *Page) measureStates() {
	p.kept.serial++
	serial := p.kept.serial
	go func() {
		n, err := p.StatesBytes()
		p.Post(func() {
			if now := (kept{n, err, true, serial}); serial == p.kept.serial && (!p.kept.known || n != p.kept.bytes || err != nil || p.kept.err != nil) {
				p.kept = now
				p.draw()
			}
		})
	}()
}
