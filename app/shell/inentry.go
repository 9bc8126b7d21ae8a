package shell

import (
	"cmp"
	"strings"

	"soberano/app/chat"
	"soberano/app/ui"
	"soberano/app/voice"
)

// inEntry writes dictated text into an entry outside the chat, such as that of a dialog or of the settings; it implements voice.Place.
type inEntry struct {
	d     *Shell
	entry *ui.Entry
	told  bool // that the words go to the chat
}

// entryPlace returns the place of the entry that has the focus; nil if none has, or that of the chat.
func (d *Shell) entryPlace() voice.Place {
	e, ok := d.window.Canvas().Focused().(*ui.Entry)
	if !ok || e == d.chat.Composer.Entry {
		return nil
	}
	return &inEntry{d: d, entry: e}
}

// Partial shows the text in the chat, in the bar below other pages, and on the overlay, which stands above dialogs: it may still change,
// so the entry does not get it.
func (p *inEntry) Partial(text string, stable int) {
	d := p.d
	d.chat.Composer.SetPartial(text, stable)
	d.bar.partial(text)
	if d.signs() && d.chat.Talk.State() == voice.Recording {
		d.Outside.Sign(cmp.Or(strings.ReplaceAll(text, "\n", " "), "Listening…"), true)
	}
}

// Final inserts text at the caret. If the entry is not shown any more, the text goes to the chat.
func (p *inEntry) Final(text string, kept func()) {
	if !ui.Shown(p.d.window.Canvas(), p.entry) {
		p.d.chat.Take(text, kept)
		if !p.told {
			p.told = true
			p.d.report(ui.Problem{Title: "What was dictated is in the message of the chat.", Why: "The entry for which it was meant is closed."})
		}
		return
	}
	chat.InsertWords(p.entry, text)
	kept()
}

// End does nothing.
func (p *inEntry) End() {}

// Target says where the words go.
func (p *inEntry) Target() string { return "into the entry that is being edited" }
