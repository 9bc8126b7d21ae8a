package library

import (
	"errors"
	"strings"

	"fyne.io/fyne/v2"

	"soberano/app/markdown"
	"soberano/app/ui"
)

// changedError reports that the card of a model is another one than when it was read: it was changed elsewhere.
type changedError struct{ card string }

func (e *changedError) Error() string { return "the text about the model was changed elsewhere" }

// storeCard stores text as the card of a model, unless that is another one than base. The error is then a *changedError.
func storeCard(r Records, name, base, text string) error {
	_, _, now, err := readRecords(r, name)
	switch {
	case err != nil:
		return err
	case now != base && now != text:
		return &changedError{now}
	}
	return r.SetCard(name, text)
}

// joined returns the text that a person has edited, with the one that was stored meanwhile below it.
func joined(text, other string) string { return strings.TrimRight(text, "\n") + "\n\n---\n\n" + other }

// edited reports whether the card is edited, and differs from what it was.
func (d *detail) edited() bool { return d.text != nil && d.text.Text != d.base }

// setCard shows a card that was read. If another one has been edited, both are shown.
func (p *Page) setCard(d *detail, card string) {
	d.card, d.about = card, p.rendered(card)
	switch {
	case d.text == nil:
	case d.edited():
		d.other = card != d.base
	case card != d.base:
		d.text.SetText(card)
		d.base = card
	}
}

// shownCard is the number of bytes of a card that are shown; cards can be as long as a book.
const shownCard = 20_000

// rendered returns the view of a card.
func (p *Page) rendered(card string) *markdown.View {
	if rest, ok := strings.CutPrefix(card, "---\n"); ok { // metadata for programs
		if _, text, ended := strings.Cut(rest, "\n---\n"); ended {
			card = text
		}
	}
	if len(card) > shownCard {
		card = strings.ToValidUTF8(card[:shownCard], "") + "…\n\n*The text is longer. “Edit the text” has all of it.*"
	}
	v := markdown.NewView()
	v.OnCopy = p.Copy
	v.Set(markdown.Parse(card), false)
	return v
}

// cardOf shows the text about a model, or the entry in which it is edited.
func (p *Page) cardOf(d *detail) []fyne.CanvasObject {
	if d.text != nil {
		save := ui.NewButton(ui.Primary, "Save", func() {
			text, base := d.text.Text, d.base
			if d.other { // the person has seen the other one
				base = d.card
			}
			p.change(d, func(r Records) error { return storeCard(r, d.name, base, text) }, func() {
				d.text = nil
				p.setCard(d, text)
			})
		})
		if d.other {
			return p.bothCards(d, save)
		}
		return []fyne.CanvasObject{d.text,
			buttons("Markdown. If nothing is written here, the text that came with the model is shown again.", save, ui.NewButton(ui.Plain, "Cancel", func() {
				d.text = nil
				p.keys.anew = true
				p.Refresh()
			}))}
	}
	edit := ui.NewButton(ui.Plain, "Edit the text", func() {
		d.text = p.newEntry(ui.NewText(), "What this model is good for")
		d.text.SetText(d.card)
		d.base, d.other = d.card, false
		d.text.SetMinRowsVisible(12)
		p.Refresh()
		fyne.CurrentApp().Driver().CanvasForObject(p.Object).Focus(d.text)
	})
	if d.card == "" {
		return []fyne.CanvasObject{buttons("There is no text about this model.", edit)}
	}
	return []fyne.CanvasObject{d.about, buttons("", edit)}
}

// bothCards shows the card that is edited and, below it, the one that was stored elsewhere meanwhile.
func (p *Page) bothCards(d *detail, save *ui.Button) []fyne.CanvasObject {
	join := ui.NewButton(ui.Plain, "Put the other below mine", func() {
		d.text.SetText(joined(d.text.Text, d.card))
		d.base, d.other = d.card, false
		p.Refresh()
	})
	take := ui.NewButton(ui.Plain, "Use the other", func() {
		d.text = nil
		p.keys.anew = true
		p.Refresh()
	})
	save.SetLabel("Save mine")
	return []fyne.CanvasObject{d.text,
		buttons("This text was changed elsewhere while you edited it, and nothing is overwritten yet. Yours is above, the other one is below.", save, join, take), d.about}
}

// Unsaved returns a function that stores the texts about models that are being edited, to be called from any goroutine; nil if there are none. A text that was
// changed elsewhere meanwhile is stored below the edited one.
func (p *Page) Unsaved() func() error {
	type text struct{ base, text string }
	texts := map[string]text{}
	for _, d := range p.details {
		if d.edited() {
			texts[d.name] = text{d.base, d.text.Text}
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return func() (err error) {
		for name, t := range texts {
			failed := storeCard(p.Shelf, name, t.base, t.text)
			if other, ok := errors.AsType[*changedError](failed); ok {
				if failed = nil; !strings.Contains(other.card, t.text) {
					failed = storeCard(p.Shelf, name, other.card, joined(t.text, other.card))
				}
			}
			err = errors.Join(err, failed)
		}
		return err
	}
}
