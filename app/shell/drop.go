package shell

import (
	"path/filepath"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"

	"soberano/app/filekind"
)

// dropped takes what was let go over the window: recordings are written down, the rest are
// models. To tell them apart the files are looked into, which on a slow disk takes a while.
func (d *Shell) dropped(uris []fyne.URI) {
	var paths []string
	for _, u := range uris {
		if u.Scheme() == "file" {
			paths = append(paths, filepath.FromSlash(u.Path()))
		}
	}
	if len(paths) == 0 {
		return
	}
	d.sorting.Add(1)
	go func() {
		defer d.sorting.Done()
		sorted := filekind.Sort(paths)
		d.Post(func() { d.take(sorted) })
	}()
}

// take puts recordings into the queue and models into the library. Of what is neither, the
// page where recordings are says so, if it is shown or there are some; else the library does.
func (d *Shell) take(s filekind.Sorted) {
	if len(s.Recordings) > 0 {
		d.show(filesPage)
		d.files.Add(s.Recordings)
	}
	rest := s.Models
	if d.page == filesPage {
		d.files.Refuse(s.Neither)
	} else {
		rest = append(rest, s.Neither...)
	}
	if len(rest) == 0 {
		return
	}
	if d.page == settingsPage || d.page == filesPage {
		d.show(chatPage)
	}
	d.importer.Drop(rest)
}

func (d *Shell) chooseFile() {
	f := dialog.NewFileOpen(func(r fyne.URIReadCloser, err error) {
		if err != nil {
			d.notice("The file could not be opened.", err)
			return
		}
		if r == nil {
			return // cancelled
		}
		path := r.URI().Path()
		if err := r.Close(); err != nil {
			d.notice("The file could not be opened.", err)
			return
		}
		d.importer.Drop([]string{filepath.FromSlash(path)})
	}, d.window)
	f.SetFilter(storage.NewExtensionFileFilter(filekind.ModelExtensions))
	f.Resize(fyne.NewSize(760, 520))
	f.Show()
}

func (d *Shell) chooseFolder() {
	f := dialog.NewFolderOpen(func(l fyne.ListableURI, err error) {
		if err != nil {
			d.notice("The folder could not be opened.", err)
		} else if l != nil {
			d.importer.Drop([]string{filepath.FromSlash(l.Path())})
		}
	}, d.window)
	f.Resize(fyne.NewSize(760, 520))
	f.Show()
}
