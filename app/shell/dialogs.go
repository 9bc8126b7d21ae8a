package shell

import (
	"errors"
	"io"
	"math"
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/widget"

	"soberano/app/store"
	"soberano/app/ui"
)

// dismiss closes the topmost dialog or menu like Cancel; it returns false if there is none.
func (d *Shell) dismiss() bool {
	top := d.window.Canvas().Overlays().Top()
	if top == nil {
		return false
	}
	top.Hide()
	d.refocus()
	if f := d.dismissed[top]; f != nil {
		delete(d.dismissed, top)
		f()
	}
	return true
}

// textEntry is an entry of a dialog.
type textEntry interface {
	fyne.CanvasObject
	fyne.Focusable
	fyne.Shortcutable
}

// dialogEntry returns an entry for a dialog, in which it has the focus.
func (d *Shell) dialogEntry(text string) *ui.Entry {
	e := ui.NewEntry()
	e.SetText(text)
	e.ToEnd()
	e.OnKey = func(k *fyne.KeyEvent) bool { return k.Name == fyne.KeyEscape && d.dismiss() }
	e.OnShortcut = func(s fyne.Shortcut) bool {
		c, ok := s.(*desktop.CustomShortcut)
		return ok && c.KeyName == fyne.KeySpace && d.shortcut(s) // dictation
	}
	return e
}

// ask asks for a name; now is the initial text. Enter in the entry, or the first button, ends it with the text.
func (d *Shell) ask(title, now string, then func(string)) {
	e := d.dialogEntry(now)
	c := d.window.Canvas()
	done := func() {
		d.dismiss()
		then(e.Text)
	}
	e.OnSubmitted = func(string) { done() }
	content := &fyne.Container{Layout: &ui.Column{Gap: 12, Left: 12, Right: 12, Top: 8, Bottom: 8}, Objects: []fyne.CanvasObject{
		ui.NewFlow(ui.Span{Text: title, Bold: true}), e,
		ui.NewButtons([]ui.Action{{Label: "Rename", Do: done}, {Label: "Cancel", Do: func() { d.dismiss() }}})}}
	d.modal(content)
	d.asking = e
	c.Focus(e)
}

// inDialog brings the focus back into a dialog of this program that has lost it by a click beside it, and returns the entry that gets
// what is typed; nil if there is none.
func (d *Shell) inDialog() textEntry {
	c := d.window.Canvas()
	top := c.Overlays().Top()
	switch {
	case top == nil || top != d.dialog || c.Focused() != nil:
	case d.asking != nil && ui.Shown(c, d.asking):
		c.Focus(d.asking)
		return d.asking
	default:
		c.FocusNext()
	}
	return nil
}

// confirm asks a question before something is done that can't be undone; label is the button that does it.
func (d *Shell) confirm(title, question, label string, then func()) {
	buttons := ui.NewButtons([]ui.Action{{Label: "Cancel", Do: func() { d.dismiss() }}, {Label: label, Do: func() {
		d.dismiss()
		then()
	}}})
	d.modal(&fyne.Container{Layout: &ui.Column{Gap: 12, Left: 12, Right: 12, Top: 8, Bottom: 8}, Objects: []fyne.CanvasObject{
		ui.NewLabel(title, ui.TextSize, ui.Ink).Strong(), ui.Text(question, ui.TextSize, ui.Ink), buttons}})
	d.window.Canvas().FocusNext() // Cancel
}

// modal shows a dialog.
func (d *Shell) modal(content fyne.CanvasObject) *widget.PopUp {
	c := d.window.Canvas()
	p := widget.NewModalPopUp(content, c)
	p.Resize(dialogSize(content, c))
	p.Show()
	d.dialog, d.asking = p, nil
	return p
}

// dialogSize returns the size of a dialog.
func dialogSize(content fyne.CanvasObject, c fyne.Canvas) fyne.Size {
	width := min(400, c.Size().Width-32)
	height := 2 * float32(math.Ceil(float64(ui.HeightFor(content, width)/2))) // even, so that the dialog is drawn at whole pixels
	return fyne.NewSize(width, height)
}

// saveFile asks for a file with Fyne's dialog, starting in dir ("": the last folder) with a proposed name, writes the file, and
// calls done with its path. It calls nothing if the user cancels.
func (d *Shell) saveFile(dir, name string, write func(io.Writer) error, done func(path string, err error)) {
	s := dialog.NewFileSave(func(w fyne.URIWriteCloser, err error) {
		if w == nil && err == nil {
			return // cancelled
		}
		path := name
		if w != nil {
			path = filepath.FromSlash(w.URI().Path())
		}
		if err == nil {
			err = errors.Join(write(w), w.Close())
		}
		done(path, err)
	}, d.window)
	s.SetFileName(store.FileName(name, "Untitled"))
	if l, err := storage.ListerForURI(storage.NewFileURI(dir)); dir != "" && err == nil {
		s.SetLocation(l)
	}
	s.Resize(fyne.NewSize(760, 520))
	s.Show()
	d.ourEntry(s)
}

// ourEntry replaces the dialog's entry for the file's name by an ui.Entry. Fyne's entry would append a whole path to the folder,
// and does not pass on Escape.
func (d *Shell) ourEntry(s *dialog.FileDialog) {
	own, ok := d.window.Canvas().Focused().(*widget.Entry)
	top, isPopUp := d.window.Canvas().Overlays().Top().(*widget.PopUp)
	if !ok || !isPopUp {
		return // a different version of Fyne; its dialog is usable without the replacement
	}
	var place *container.Scroll
	var buttons []*widget.Button
	visit(top.Content, func(o fyne.CanvasObject) {
		switch o := o.(type) {
		case *container.Scroll:
			if o.Content == fyne.CanvasObject(own) {
				place = o
			}
		case *widget.Button:
			buttons = append(buttons, o)
		}
	})
	var save *widget.Button
	for _, b := range buttons {
		if b.Importance == widget.HighImportance {
			save = b
		}
	}
	if place == nil || save == nil {
		return
	}
	e := d.dialogEntry(own.Text)
	changed, tapped := own.OnChanged, save.OnTapped
	own.OnChanged = func(text string) { // also called after a click on a file
		changed(text)
		if e.Text != text {
			e.SetText(text)
		}
	}
	e.OnChanged = own.SetText
	save.OnTapped = func() {
		if d.lead(s, e) {
			tapped()
		}
	}
	e.OnSubmitted = func(string) {
		if !save.Disabled() {
			save.OnTapped()
		}
	}
	place.Content = e
	place.Refresh()
	d.window.Canvas().Focus(e)
}

// lead changes to the folder of a whole path, and leaves the name in the entry. If there is no such folder it returns false and
// shows the reason in the title.
func (d *Shell) lead(s *dialog.FileDialog, e *ui.Entry) bool {
	if !filepath.IsAbs(e.Text) {
		return true
	}
	dir, name := filepath.Split(e.Text)
	l, err := storage.ListerForURI(storage.NewFileURI(filepath.Clean(dir)))
	switch {
	case err != nil:
		s.SetTitleText("There is no folder " + dir)
		return false
	case name == "":
		s.SetTitleText("A name for the file is missing")
		return false
	}
	s.SetLocation(l)
	e.SetText(name)
	return true
}

// visit calls f for all objects in containers.
func visit(o fyne.CanvasObject, f func(fyne.CanvasObject)) {
	f(o)
	if c, ok := o.(*fyne.Container); ok {
		for _, x := range c.Objects {
			visit(x, f)
		}
	}
}
