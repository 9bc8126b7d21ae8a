package shell

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"soberano/app/chat"
	"soberano/app/settings"
	"soberano/models/registry"
)

// chooseModel opens the model menu under the header's button.
func (d *Shell) chooseModel() {
	d.show(chatPage)
	entries, _ := d.Shelf.List() // broken entries are shown on the Models page
	var items []*fyne.MenuItem
	for _, e := range entries {
		if e.Kind != registry.Chat || !e.Runs {
			continue
		}
		label := e.Title
		if m := chat.Marks(e); m != "" {
			label += "   " + m
		}
		item := fyne.NewMenuItem(label, func() { d.use(e) })
		item.Checked = d.inUse(e)
		items = append(items, item)
	}
	if len(items) > 0 {
		items = append(items, fyne.NewMenuItemSeparator())
	}
	if d.runner.Status().Phase == chat.Loading {
		items = append(items, fyne.NewMenuItem("Cancel loading", d.runner.Drop))
	}
	items = append(items, fyne.NewMenuItem("Add a model file…", d.chooseFile), fyne.NewMenuItem("All models", func() { d.show(modelsPage) }))
	b := d.chat.Header.Model
	at := d.app.Driver().AbsolutePositionForObject(b)
	widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", items...), d.window.Canvas(), at.AddXY(0, b.Size().Height+4))
}

// use makes a model the chosen one of its kind.
func (d *Shell) use(e registry.Entry) {
	if e.Kind == registry.Speech {
		d.set(func(v *settings.Values) { v.SpeechModel = e.Name })
		d.mu.Lock()
		d.speech, d.speechOK = e, true
		d.mu.Unlock()
		d.files.Queue.Kick()
	} else {
		d.set(func(v *settings.Values) { v.ChatModel = e.Name })
		d.runner.Use(e, d.chatSettings(e))
	}
	if d.page == modelsPage {
		d.models.Refresh()
	}
}

func (d *Shell) inUse(e registry.Entry) bool {
	if e.Kind == registry.Speech {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.speechOK && d.speech.Name == e.Name
	}
	s := d.runner.Status()
	return s.Phase != chat.NoModel && s.Entry.Name == e.Name
}

func (d *Shell) added(e registry.Entry) {
	if d.page == modelsPage {
		d.models.Refresh()
	}
	if e.Kind == registry.Chat && d.runner.Status().Phase == chat.NoModel {
		d.use(e) // the first model is used at once
	}
}

// removing ends the choice of a model that is about to be removed.
func (d *Shell) removing(e registry.Entry) {
	if !d.inUse(e) {
		return
	}
	if e.Kind == registry.Chat {
		d.runner.Drop()
		return
	}
	d.mu.Lock()
	d.speech, d.speechOK = registry.Entry{}, false
	d.mu.Unlock()
}
