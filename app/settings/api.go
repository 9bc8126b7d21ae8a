package settings

import (
	"fyne.io/fyne/v2"

	"soberano/app/ui"
)

// API is the state of the server for other programs.
type API struct {
	URL     string // under which it answers; "": it does not
	Key     string
	Network bool   // other machines reach it
	Failed  string // why it does not answer though it is switched on; "": it has not failed
}

// apiTitle is the title of the choice for the server.
const apiTitle = "Local API"

// api shows the switch of the server for other programs, and while it answers its address and key.
func (p *Page) api(set func(func())) fyne.CanvasObject {
	v, now := &p.Values, p.API()
	note := "Other programs on this computer can use the models over HTTP, in the forms of the APIs of OpenAI, Anthropic, Ollama and text-generation-inference, if they have the key."
	parts := []fyne.CanvasObject{row(p, apiTitle, note, []option[bool]{{"Off", false}, {"On", true}}, v.API, func(on bool) { set(func() { v.API = on }) })}
	switch {
	case now.Failed != "":
		parts = append(parts, ui.Text(now.Failed, ui.SmallSize, ui.Record))
	case now.URL != "":
		address := ui.NewButton(ui.Plain, "Copy the address", func() { p.Copy(now.URL) })
		key := ui.NewButton(ui.Plain, "Copy the key", func() { p.Copy(now.Key) })
		p.controls[apiTitle+" address"], p.controls[apiTitle+" key"] = address, key
		parts = append(parts, ui.Text("Address: "+now.URL+" (for programs made for OpenAI: "+now.URL+"/v1). Key: "+now.Key, ui.SmallSize, ui.Ink), ui.NewRow(8, nil, address, key))
		if now.Network {
			parts = append(parts, ui.Text("Other computers in the network reach this address. What they send is not encrypted.", ui.SmallSize, ui.Record))
		}
	case v.API:
		parts = append(parts, ui.Text("Starting…", ui.SmallSize, ui.Muted))
	}
	return ui.NewColumn(4, parts...)
}
