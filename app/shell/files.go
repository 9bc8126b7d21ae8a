package shell

import (
	"fmt"
	"path/filepath"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"

	"soberano/asr/audio"
)

// filesChanged shows in the sidebar how many files are being transcribed or waiting.
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

// audioEndings returns the file extensions offered in the dialog for choosing a recording.
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
