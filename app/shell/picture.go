package shell

import (
	"bytes"
	"image"
	"io"
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"soberano/app/ui"
	"soberano/engine/vision"
	"soberano/models"
)

// showPicture shows an image as large as the window allows, until Esc, a click on it, or Close.
func (d *Shell) showPicture(name string, m image.Image, file []byte) {
	c := d.window.Canvas()
	const beside, below = 64, 128 // around the image
	most := fyne.NewSize(max(48, c.Size().Width-beside), max(48, c.Size().Height-below))
	b := m.Bounds()
	p := ui.NewPicture(b.Dx(), b.Dy(), most, func() { d.dismiss() })
	p.Set(m)
	title := ui.NewLabel(name, ui.TextSize, ui.Ink).Strong().Shrink(60)
	head := ui.NewRow(12, title, title, ui.NewButton(ui.Plain, "Save a copy", func() { d.savePicture(name, file) }),
		ui.NewButton(ui.Plain, "Close", func() { d.dismiss() }))
	shown := &fyne.Container{Layout: &ui.Column{Most: p.MinSize().Width}, Objects: []fyne.CanvasObject{p}}
	content := &fyne.Container{Layout: &ui.Column{Gap: 12, Left: 12, Right: 12, Top: 8, Bottom: 8}, Objects: []fyne.CanvasObject{head, shown}}
	pop := widget.NewModalPopUp(content, c)
	width := min(max(p.MinSize().Width+24, 360), c.Size().Width-16)
	pop.Resize(fyne.NewSize(width, ui.HeightFor(content, width)))
	pop.Show()
	c.Focus(p)
}

// chooseImage asks for an image for the message that is being written.
func (d *Shell) chooseImage() {
	d.chooseFile(vision.Extensions, func(path string) { d.attach([]string{path}, true) })
}

// savePicture asks for a place for a copy of an image.
func (d *Shell) savePicture(name string, file []byte) {
	d.dismiss()
	if filepath.Ext(name) == "" {
		name += "." + vision.Format(file)
	}
	d.saveFile("", name, func(w io.Writer) error { _, err := io.Copy(w, bytes.NewReader(file)); return err }, func(path string, err error) {
		if err != nil {
			d.notice("The image could not be saved.", err)
			return
		}
		d.hush()
		d.tell("Saved as " + models.Printable(path))
	})
}
