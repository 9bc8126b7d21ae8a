package shell

import (
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"

	"soberano/asr/audio"
)

// filesChanged shows in the sidebar how many files are being transcribed or waiting.
func (d *Shell) filesChanged() {
	d.side.waiting = d.files.Waiting()
	d.side.showWaiting()
}

func (d *Shell) focus(f fyne.Focusable) {
	if f == nil {
		d.window.Canvas().Unfocus()
		return
	}
	d.window.Canvas().Focus(f)
}

func (d *Shell) chooseAudio() {
	d.chooseFile(audio.Extensions(), func(path string) {
		d.show(filesPage)
		d.files.Add([]string{path})
	})
}

// chooseFile shows a dialog for choosing a file with one of the extensions, and calls chosen with its path.
func (d *Shell) chooseFile(extensions []string, chosen func(path string)) {
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
		chosen(filepath.FromSlash(r.URI().Path()))
	}, d.window)
	var list []string
	for _, e := range extensions {
		list = append(list, e, strings.ToUpper(e))
	}
	f.SetFilter(storage.NewExtensionFileFilter(list))
	f.Resize(fyne.NewSize(760, 520))
	f.Show()
}
