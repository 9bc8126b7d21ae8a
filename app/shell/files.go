package shell

// What the Transcribe page needs from the window: dialogs, menus, and the choices it remembers.

import (
	"fmt"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/widget"

	"soberano/asr/audio"
)

// filesChanged shows in the side how many files are under way.
func (d *Shell) filesChanged() {
	label := "Transcribe files"
	if n := d.files.Waiting(); n > 0 {
		label = fmt.Sprintf("Transcribe files · %d", n)
	}
	d.side.files.SetLabel(label)
}

func (d *Shell) focus(f fyne.Focusable) {
	if f == nil {
		d.window.Canvas().Unfocus()
		return
	}
	d.window.Canvas().Focus(f)
}

// menuBelow opens a menu under a button.
func (d *Shell) menuBelow(m *fyne.Menu, b fyne.CanvasObject) {
	at := d.app.Driver().AbsolutePositionForObject(b)
	widget.ShowPopUpMenuAtPosition(m, d.window.Canvas(), at.AddXY(0, b.Size().Height+4))
}

// audioEndings are the names of files that a person is offered to choose a recording from.
func audioEndings() (list []string) {
	for _, e := range audio.Extensions() {
		list = append(list, e, strings.ToUpper(e))
	}
	return list
}

func (d *Shell) chooseAudio() {
	f := dialog.NewFileOpen(func(r fyne.URIReadCloser, err error) {
		if err == nil && r == nil {
			return // cancelled
		}
		if err == nil {
			err = r.Close()
		}
		if err != nil {
			d.notice("The file could not be opened.", err)
			return
		}
		d.show(filesPage)
		d.files.Add([]string{filepath.FromSlash(r.URI().Path())})
	}, d.window)
	f.SetFilter(storage.NewExtensionFileFilter(audioEndings()))
	f.Resize(fyne.NewSize(760, 520))
	f.Show()
}
