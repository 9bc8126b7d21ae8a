package shell

import (
	"fyne.io/fyne/v2"

	"soberano/app/ui"
)

// place lays out the window.
func (d *Shell) place(size fyne.Size) {
	d.keepPlaceLater()
	narrow := size.Width < 700
	if narrow != d.narrow {
		d.narrow = narrow
		d.open = false
		d.chat.SetNarrow(narrow)
		d.pageHead.setNarrow(narrow)
	}
	left := float32(sideWidth)
	if narrow {
		left = 0
	}
	if narrow && !d.open {
		d.side.object.Hide()
	} else {
		d.side.object.Show()
	}
	if narrow && d.open {
		d.scrim.Show()
	} else {
		d.scrim.Hide()
	}
	ui.Put(d.side.object, 0, 0, sideWidth, size.Height)
	ui.Put(d.scrim, 0, 0, size.Width, size.Height)
	ui.Put(d.chat.Object, left, 0, size.Width-left, size.Height)
	head := d.pageHead.object.MinSize().Height
	foot := d.bar.place(left, size)
	ui.Put(d.pageHead.object, left, 0, size.Width-left, head)
	for page, p := range map[string]fyne.CanvasObject{filesPage: d.files.Object, modelsPage: d.models.Object, settingsPage: d.settings.Object, trashPage: d.trash.pane.Object} {
		top := head + d.placeNotices(page, left, head, size.Width-left)
		ui.Put(p, left, top, size.Width-left, max(0, size.Height-top-foot))
	}
}

// placeNotices lays out the notices above a page, and returns the height that they take.
func (d *Shell) placeNotices(page string, left, top, width float32) float32 {
	const side, gap = 24, 12
	o := d.notices[page].Object
	w := min(ui.ColumnWidth, width-2*side)
	h := ui.HeightFor(o, w)
	ui.Put(o, left+(width-w)/2, top+gap, w, h)
	if h == 0 || d.page != page {
		return 0
	}
	return h + gap
}

// fold shows or hides the sidebar in a narrow window.
func (d *Shell) fold(open bool) {
	d.open = open
	d.place(d.Object.Size())
	d.refocus()
}
