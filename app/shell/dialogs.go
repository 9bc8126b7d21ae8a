package shell

// Fyne's dialogs, with what they lack: Escape closes them, and a whole path that is typed for
// a file leads to its folder.

import (
	"errors"
	"io"
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/widget"

	"soberano/app/ui"
)

// dismiss closes the dialog or menu on top, as Cancel does; false: there is none.
func (d *Shell) dismiss() bool {
	top := d.window.Canvas().Overlays().Top()
	if top == nil {
		return false
	}
	top.Hide()
	return true
}

// dialogEntry is an entry in a dialog, which has the keyboard there.
func (d *Shell) dialogEntry(text string) *ui.Entry {
	e := ui.NewEntry()
	e.SetText(text)
	e.ToEnd()
	e.OnKey = func(k *fyne.KeyEvent) bool { return k.Name == fyne.KeyEscape && d.dismiss() }
	return e
}

// ask asks for a name, beginning with the one that is there.
func (d *Shell) ask(title, now string, then func(string)) {
	e := d.dialogEntry(now)
	f := dialog.NewForm(title, "Rename", "Cancel", []*widget.FormItem{widget.NewFormItem("Name", e)}, func(ok bool) {
		if ok {
			then(e.Text)
		}
	}, d.window)
	f.Resize(fyne.NewSize(400, 160))
	f.Show()
	d.window.Canvas().Focus(e)
}

// saveFile asks where to, beginning in a folder ("": the last one) and with a name, writes
// there, and says where that was. It says nothing if the person cancels.
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
	s.SetFileName(fileName(name))
	if l, err := storage.ListerForURI(storage.NewFileURI(dir)); dir != "" && err == nil {
		s.SetLocation(l)
	}
	s.Resize(fyne.NewSize(760, 520))
	s.Show()
	d.ourEntry(s)
}

// ourEntry puts an entry of ours in the place of the one for the file's name, which would
// glue a whole path to the folder and does not hear Escape.
func (d *Shell) ourEntry(s *dialog.FileDialog) {
	own, ok := d.window.Canvas().Focused().(*widget.Entry)
	top, isPopUp := d.window.Canvas().Overlays().Top().(*widget.PopUp)
	if !ok || !isPopUp {
		return // another Fyne; its dialog is usable as it is
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
	own.OnChanged = func(text string) { // also by a click on a file
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

// lead goes to the folder of a whole path, and leaves the name; false, with the reason in the
// title, if there is no such folder.
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

// visit calls f for everything in containers.
func visit(o fyne.CanvasObject, f func(fyne.CanvasObject)) {
	f(o)
	if c, ok := o.(*fyne.Container); ok {
		for _, x := range c.Objects {
			visit(x, f)
		}
	}
}
