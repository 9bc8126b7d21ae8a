package shell

import (
	"cmp"
	"fmt"
	"slices"

	"fyne.io/fyne/v2"

	"soberano/app/chat"
	"soberano/app/choice"
	"soberano/app/problem"
	"soberano/app/settings"
	"soberano/app/ui"
	"soberano/models"
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
		items = append(items, fyne.NewMenuItem("Cancel loading", func() { d.runner.Drop(); d.choiceChanged() }))
	}
	items = append(items, fyne.NewMenuItem("Add a model file…", d.chooseModelFile), fyne.NewMenuItem("All models", func() { d.show(modelsPage) }))
	ui.ShowMenuBelow(fyne.NewMenu("", items...), d.chat.Header.Model)
}

// use makes a model the chosen one of its kind.
func (d *Shell) use(e registry.Entry) {
	d.remember(e)
	d.putToUse(e)
	d.choiceChanged()
}

// remember stores which model of its kind is the chosen one.
func (d *Shell) remember(e registry.Entry) {
	d.set(func(v *settings.Values) { *chosen(v, e.Kind) = e.Name })
}

// chosen returns the setting for the chosen model of a kind.
func chosen(v *settings.Values, kind registry.Kind) *string {
	if kind == registry.Speech {
		return &v.SpeechModel
	}
	return &v.ChatModel
}

// putToUse makes a model the one in use, without storing the choice.
func (d *Shell) putToUse(e registry.Entry) {
	if e.Kind == registry.Chat {
		d.runner.Use(e, d.chatSettings(e))
		return
	}
	d.mu.Lock()
	d.speech, d.speechOK = e, true
	d.mu.Unlock()
	d.files.Queue.Kick()
}

// choiceChanged shows everywhere which models are in use.
func (d *Shell) choiceChanged() {
	for _, im := range d.importers {
		im.Refresh()
	}
	if d.page == modelsPage {
		d.models.Refresh()
	}
}

// inUseFor returns the model of a kind that is in use. It is called from any goroutine.
func (d *Shell) inUseFor(kind registry.Kind) (registry.Entry, bool) {
	if !choice.Uses(kind) {
		return registry.Entry{}, false
	}
	if kind == registry.Speech {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.speech, d.speechOK
	}
	s := d.runner.Status()
	return s.Entry, s.Phase != chat.NoModel
}

func (d *Shell) inUse(e registry.Entry) bool {
	now, any := d.inUseFor(e.Kind)
	return any && now.Name == e.Name
}

// lacking reports whether no model of a kind is in use, or one that can't be used: only then a new one is used without being
// asked for. It reads from the disk, and is called from any goroutine.
func (d *Shell) lacking(kind registry.Kind) bool {
	if !choice.Uses(kind) {
		return false
	}
	e, any := d.inUseFor(kind)
	return !any || !e.Runs || kind == registry.Chat && d.runner.Status().Phase == chat.Broken || e.Saved() && e.Check() != nil
}

// modelTitles returns a function that gives a model's title for its name in the library; of a model that was removed it gives the
// name.
func (d *Shell) modelTitles() func(name string) string {
	entries, _ := d.Shelf.List() // broken entries are shown on the Models page
	titles := map[string]string{}
	for _, e := range entries {
		titles[e.Name] = e.Title
	}
	return func(name string) string { return cmp.Or(titles[name], name) }
}

// added shows a new model on the Models page, and stores which model of its kind is in use: without that the new one could be
// taken at the next start.
func (d *Shell) added(e registry.Entry) {
	if now, any := d.inUseFor(e.Kind); any && *chosen(new(d.values.Values()), e.Kind) == "" {
		d.remember(now)
	}
	if e.Kind == registry.Speech {
		d.speechFound()
	}
	if d.page == modelsPage {
		d.models.Refresh()
	}
}

// tellReplaced says that the chosen model of a kind can't be used, and which one is used instead.
func (d *Shell) tellReplaced(entries []registry.Entry, kind registry.Kind) {
	name := *chosen(new(d.values.Values()), kind)
	now, any := d.inUseFor(kind)
	if name == "" || any && now.Is(name) {
		return
	}
	purpose := map[registry.Kind]string{registry.Chat: "chat", registry.Speech: "dictation"}[kind]
	p := ui.Problem{Title: fmt.Sprintf("The model that you chose for %s can't be used.", purpose), Why: fmt.Sprintf("“%s” is not in the library any more.", models.Printable(name))}
	for _, e := range entries {
		if e.Is(name) && !e.Runs {
			p.Why = fmt.Sprintf("This version can't run %s. %s", models.Printable(e.Title), problem.Sentence(e.Reason))
		}
	}
	p.Actions = []ui.Action{{Label: "All models", Do: func() { d.show(modelsPage) }}}
	done := func() {}
	if any {
		p.Why += " " + now.Title + " is used instead."
		p.Actions = append([]ui.Action{{Label: "Keep using " + now.Title, Do: func() { done(); d.remember(now) }}}, p.Actions...)
	}
	done = d.report(p)
}

// removing ends the use of a model that is about to be removed.
func (d *Shell) removing(e registry.Entry) {
	switch {
	case !d.inUse(e):
		return
	case e.Kind == registry.Chat:
		d.runner.Drop()
	default:
		d.mu.Lock()
		d.speech, d.speechOK = registry.Entry{}, false
		d.mu.Unlock()
	}
	d.choiceChanged()
}

// removed puts another model of the library in the place of one that was in use, as the next start would.
func (d *Shell) removed(e registry.Entry) {
	entries, _ := d.Shelf.List() // broken entries are shown on the Models page
	gone := !slices.ContainsFunc(entries, func(o registry.Entry) bool { return o.Is(e.Name) })
	if gone && e.Is(*chosen(new(d.values.Values()), e.Kind)) {
		d.set(func(v *settings.Values) { *chosen(v, e.Kind) = "" })
	}
	if gone { // it may have taken the place of another one that was removed at the same time
		d.removing(e)
	}
	if _, any := d.inUseFor(e.Kind); !any && choice.Uses(e.Kind) {
		if other, ok := pick(entries, e.Kind, *chosen(new(d.values.Values()), e.Kind)); ok {
			d.putToUse(other)
		}
	}
	d.choiceChanged()
}
