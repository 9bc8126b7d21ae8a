package shell

import (
	"context"
	"errors"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"soberano/app/problem"
	"soberano/app/ui"
	"soberano/models/apr"
	"soberano/models/registry"
)

// passwordEntry is an entry whose text is not shown, and can't be copied nor dictated. It is Fyne's, of which only Escape is taken.
type passwordEntry struct {
	widget.Entry
	escape func()
}

func newPasswordEntry(escape func()) *passwordEntry {
	e := &passwordEntry{escape: escape}
	e.Password, e.PlaceHolder = true, "Password"
	e.ExtendBaseWidget(e)
	return e
}

// TypedKey takes Escape.
func (e *passwordEntry) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		e.escape()
		return
	}
	e.Entry.TypedKey(k)
}

// passwordDialog asks for the password of an encrypted model, until it is right or the person closes it. The password is kept nowhere.
type passwordDialog struct {
	d      *Shell
	unlock func([]byte) error
	over   chan bool // gets whether the model is unlocked, and then nothing
	entry  *passwordEntry
	note   *ui.Flow
	open   *ui.Button
	trying bool
	popUp  *widget.PopUp
}

// askPassword asks for the password of the model of an entry; it is a host.AskPassword.
func (d *Shell) askPassword(ctx context.Context, e registry.Entry, unlock func([]byte) error) bool {
	p := &passwordDialog{d: d, unlock: unlock, over: make(chan bool, 1)}
	d.Post(func() {
		if ctx.Err() == nil {
			p.show(e.Title)
		} else {
			p.end(false)
		}
	})
	select {
	case unlocked := <-p.over:
		return unlocked
	case <-ctx.Done():
		d.Post(p.close)
		return false
	}
}

func (p *passwordDialog) show(title string) {
	p.entry = newPasswordEntry(p.close)
	p.entry.OnSubmitted = func(string) { p.try() }
	p.note = ui.Text("Its file is encrypted. The password is not stored.", ui.SmallSize, ui.Muted)
	p.open = ui.NewButton(ui.Primary, "Open the model", p.try)
	p.popUp = p.d.modal(&fyne.Container{Layout: &ui.Column{Gap: 12, Left: 12, Right: 12, Top: 8, Bottom: 8}, Objects: []fyne.CanvasObject{
		ui.NewFlow(ui.Span{Text: "Password of " + title, Bold: true}), p.entry, p.note,
		&fyne.Container{Layout: &ui.Wrap{Gap: 10}, Objects: []fyne.CanvasObject{p.open, ui.NewButton(ui.Plain, "Cancel", p.close)}}}})
	p.d.asking = p.entry
	p.d.dismissed[p.popUp] = func() { p.end(false) }
	p.d.window.Canvas().Focus(p.entry)
}

// say shows words below the entry.
func (p *passwordDialog) say(words string) {
	p.note.Set(ui.Span{Text: words, Color: ui.Muted})
	p.popUp.Resize(dialogSize(p.popUp.Content, p.d.window.Canvas()))
}

// end tells askPassword the outcome, once.
func (p *passwordDialog) end(unlocked bool) {
	select {
	case p.over <- unlocked:
	default:
	}
}

// close closes the dialog.
func (p *passwordDialog) close() {
	if p.popUp == nil || !p.popUp.Visible() {
		return
	}
	delete(p.d.dismissed, p.popUp)
	p.entry.Text = ""
	p.popUp.Hide()
	p.d.refocus()
	p.end(false)
}

// try tries what was typed, in the background, since that takes a moment by design.
func (p *passwordDialog) try() {
	if p.trying || p.entry.Text == "" {
		return
	}
	p.trying = true
	password := []byte(p.entry.Text)
	p.entry.Disable()
	p.open.Disable()
	p.say("Trying the password…")
	go func() {
		err := p.unlock(password)
		clear(password)
		p.d.Post(func() { p.tried(err) })
	}()
}

func (p *passwordDialog) tried(err error) {
	p.trying = false
	if err == nil {
		p.end(true)
		p.close()
		return
	}
	p.entry.Enable()
	p.entry.SetText("")
	p.open.Enable()
	words := problem.Text(err)
	if errors.Is(err, apr.ErrWrongPassword) {
		words = "This password is wrong. Please type it again."
	}
	p.say(words)
	p.d.window.Canvas().Focus(p.entry)
}
