package shell

// What the Transcribe page needs from the window: dialogs, menus, the choices it remembers,
// and the one opened speech model that dictation and files share.

import (
	"fmt"
	"path/filepath"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/widget"

	"soberano/app/settings"
	"soberano/app/transcribe"
	"soberano/app/voice"
	"soberano/asr"
	"soberano/models/registry"
)

// Speech is an opened speech model: *asr.Model, or a scripted one in tests. It may be used by
// several goroutines; they take turns window by window.
type Speech interface {
	voice.Recogniser
	transcribe.Recogniser
}

// shared opens speech models, each once for all who want it with the same options, and closes
// it when the last of them has.
type shared struct {
	open func(registry.Entry, asr.Options) (Speech, error)
	mu   sync.Mutex // held while a model is opened or closed
	have []*lent
}

// lent is a model and by how many it is used.
type lent struct {
	Speech
	name  string
	o     asr.Options
	users int
}

func (s *shared) take(e registry.Entry, o asr.Options) (Speech, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.have {
		if l.name == e.Name && l.o == o {
			l.users++
			return &handle{Speech: l.Speech, from: s, lent: l}, nil
		}
	}
	m, err := s.open(e, o)
	if err != nil {
		return nil, err
	}
	l := &lent{Speech: m, name: e.Name, o: o, users: 1}
	s.have = append(s.have, l)
	return &handle{Speech: m, from: s, lent: l}, nil
}

// handle is one user's hold of a model.
type handle struct {
	Speech
	from *shared
	lent *lent
	once sync.Once
}

// Close lets go of the model.
func (h *handle) Close() (err error) {
	h.once.Do(func() {
		s := h.from
		s.mu.Lock()
		defer s.mu.Unlock()
		if h.lent.users--; h.lent.users > 0 {
			return
		}
		for i, l := range s.have {
			if l == h.lent {
				s.have = append(s.have[:i], s.have[i+1:]...)
				break
			}
		}
		err = h.lent.Speech.Close()
	})
	return err
}

func (d *Shell) filesLanguage() string { return d.values.Values().FilesLanguage }

func (d *Shell) chooseFilesLanguage(code string) {
	d.set(func(v *settings.Values) { v.FilesLanguage = code })
}

func (d *Shell) filesTranslate() bool { return d.values.Values().FilesTranslate }

func (d *Shell) chooseFilesTranslate(on bool) {
	d.set(func(v *settings.Values) { v.FilesTranslate = on })
}

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
	f.SetFilter(storage.NewExtensionFileFilter(transcribe.Endings()))
	f.Resize(fyne.NewSize(760, 520))
	f.Show()
}
