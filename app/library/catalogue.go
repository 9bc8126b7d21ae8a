package library

import (
	"strings"

	"fyne.io/fyne/v2"

	"soberano/app/choice"
	"soberano/app/ui"
	"soberano/models"
	"soberano/models/catalogue"
	"soberano/models/registry"
)

// privacy says what a download tells to whom.
const privacy = "learns the address of this computer and which model you fetch. Nothing that you write or say is sent."

// catalogueObjects returns the view of the models that can be downloaded.
func (p *Page) catalogueObjects(entries []registry.Entry) (list []owned) {
	list = append(list, owned{"", p.backButton()}, owned{"", ui.Text("Models to download", ui.TitleSize, ui.Ink)})
	list = append(list, owned{"allowed", p.permission()})
	for _, kind := range []registry.Kind{registry.Chat, registry.Speech} {
		title := ui.NewLabel(headings[kind], ui.SmallSize, ui.Muted).Strong()
		list = append(list, owned{"", ui.Spacer(1, 2)}, owned{"", title})
		for _, m := range p.Catalogue.Models() {
			if m.Info.Kind == kind {
				list = append(list, owned{"get " + m.Name, p.offer(m, entries)})
			}
		}
	}
	return list
}

// permission says what downloads need, and takes the permission back.
func (p *Page) permission() fyne.CanvasObject {
	words := "A download is the only thing for which Soberano opens a connection. You are asked before the first one."
	if !p.Allowed() {
		return ui.Text(words, ui.TextSize, ui.Muted)
	}
	words = "A download is the only thing for which Soberano opens a connection. You have allowed it: " + strings.Join(p.hosts(), ", ") + " " + privacy
	return ui.NewColumn(8, ui.Text(words, ui.TextSize, ui.Muted), ui.NewRow(0, nil, ui.NewButton(ui.Plain, "Allow no more downloads", func() {
		p.Allow(false)
		for _, t := range p.transfers {
			if t.state == running || t.state == waiting {
				p.pause(t)
			}
		}
		p.Refresh()
	})))
}

// hosts returns the computers that have the models.
func (p *Page) hosts() (list []string) {
	known := map[string]bool{}
	for _, m := range p.Catalogue.Models() {
		if !known[m.Host()] {
			known[m.Host()] = true
			list = append(list, m.Host())
		}
	}
	return list
}

// offer returns the box of a model that can be downloaded.
func (p *Page) offer(m catalogue.Model, entries []registry.Entry) fyne.CanvasObject {
	title := ui.NewLabel(m.Info.Title, ui.TextSize, ui.Ink).Strong().Shrink(80)
	parts := []fyne.CanvasObject{ui.NewRow(12, title, title, ui.NewLabel(models.Size(m.Info.Bytes)+" · "+m.Info.Licence, ui.SmallSize, ui.Muted)),
		ui.Text(m.Purpose, ui.TextSize, ui.Ink)}
	if m.Info.Kind == registry.Chat {
		parts = append(parts, p.fit(m.Info))
	}
	return ui.NewBox(ui.Surface, ui.Line, 12, 16, 14, ui.NewColumn(4, append(parts, p.getting(m, entries)...)...))
}

// fit says in a line whether a model fits into the free memory.
func (p *Page) fit(i registry.Info) fyne.CanvasObject {
	m := estimate(i, p.Context(), p.KV(), p.Free())
	color := ui.Muted
	if m.Free > 0 && m.Sum() > m.Free {
		color = ui.Record
	}
	return ui.Text(m.Short(), ui.SmallSize, color)
}

// getting shows the download of a model: its button, its progress, or that the library has the model.
func (p *Page) getting(m catalogue.Model, entries []registry.Entry) []fyne.CanvasObject {
	t := p.transferOf(m)
	if e, ok := m.In(entries); ok && (t == nil || t.state == paused) {
		return []fyne.CanvasObject{ui.Spacer(1, 4), p.owned(e)}
	}
	row := func(note string, list ...*ui.Button) []fyne.CanvasObject {
		return []fyne.CanvasObject{ui.Spacer(1, 4), buttons(note, list...)}
	}
	start := func(kind ui.Kind, label string) *ui.Button {
		return ui.NewButton(kind, label, func() { p.consent(m) })
	}
	switch {
	case p.asks == "get "+m.Name:
		return []fyne.CanvasObject{ui.Spacer(1, 4), p.askConsent(m)}
	case t == nil:
		return row("", start(ui.Plain, "Download"))
	case p.asks == "discard "+m.Name && (t.state == paused || t.state == failed):
		return []fyne.CanvasObject{ui.Spacer(1, 4), p.question("Delete the "+models.Size(t.partial)+" that have arrived? The next download then begins anew.", func() { p.discard(t) })}
	}
	forget := ui.NewButton(ui.Plain, "Delete what has arrived", func() { p.ask("discard " + m.Name) })
	switch t.state {
	case running:
		return []fyne.CanvasObject{ui.Spacer(1, 2), t.line, t.bar, ui.Spacer(1, 4), buttons("", ui.NewButton(ui.Plain, "Pause", func() { p.pause(t) }))}
	case waiting:
		return row("Waiting for the download before it.", ui.NewButton(ui.Plain, "Pause", func() { p.pause(t) }))
	case deleting:
		return row("Deleting…")
	case failed:
		return append([]fyne.CanvasObject{ui.Text(t.words(), ui.SmallSize, ui.Record)}, row("", append(append([]*ui.Button{start(ui.Primary, "Try again")}, remains(t, forget)...), ui.NewButton(ui.Plain, "Close", func() { p.rest(t); p.Refresh() }))...)...)
	}
	return row("Paused. "+models.SizeOf(t.partial, m.Info.Bytes)+" are here.", append([]*ui.Button{start(ui.Primary, "Continue")}, remains(t, forget)...)...)
}

// remains returns the button that deletes what has arrived, if anything has.
func remains(t *transfer, forget *ui.Button) []*ui.Button {
	if t.partial == 0 {
		return nil
	}
	return []*ui.Button{forget}
}

// owned says that the library has a model, and puts it to use.
func (p *Page) owned(e registry.Entry) fyne.CanvasObject {
	have := ui.NewButton(ui.Plain, "In the library", nil)
	have.Disable()
	list := []*ui.Button{have}
	if choice.Uses(e.Kind) && e.Runs && !p.InUse(e) {
		list = append(list, ui.NewButton(ui.Plain, useFor[e.Kind], func() { p.Use(e); p.Refresh() }))
	}
	return buttons("", list...)
}

// consent downloads a model, after the person has allowed the connection.
func (p *Page) consent(m catalogue.Model) {
	if p.Allowed() {
		p.download(m)
		return
	}
	p.ask("get " + m.Name)
}

// askConsent asks whether the connection for downloads is allowed; the button that opens none comes first.
func (p *Page) askConsent(m catalogue.Model) fyne.CanvasObject {
	words := "May Soberano open a connection to download models? " + strings.Join(p.hosts(), ", ") + " " + privacy + " This model has the licence " + m.Info.Licence + "; its page is " + strings.TrimPrefix(m.Page(), "https://") + "."
	return ui.NewColumn(8, ui.Text(words, ui.TextSize, ui.Ink), buttons("",
		ui.NewButton(ui.Primary, "No connection", func() { p.ask("") }),
		ui.NewButton(ui.Plain, "Allow and download", func() {
			p.asks = ""
			p.Allow(true)
			p.download(m)
		})))
}

// transferCards returns the downloads that are under way, for the list of the library's models.
func (p *Page) transferCards() (list []owned) {
	for _, t := range p.transfers {
		if t.state == paused {
			continue
		}
		title := ui.NewLabel(t.model.Info.Title, ui.TextSize, ui.Ink).Strong().Shrink(80)
		head := ui.NewRow(12, title, title, ui.NewLabel(models.Size(t.model.Info.Bytes), ui.SmallSize, ui.Muted))
		list = append(list, owned{"get " + t.model.Name, ui.NewBox(ui.Surface, ui.Line, 12, 16, 14, ui.NewColumn(4, append([]fyne.CanvasObject{head}, p.getting(t.model, nil)...)...))})
	}
	return list
}
