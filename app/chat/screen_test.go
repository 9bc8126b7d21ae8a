package chat

import (
	"image"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/app/voice"
)

// The entry gets the focus even if nothing around it has been drawn, as after a minute out of sight.
func TestFocusBeforeItIsDrawn(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(ui.Theme{Mode: ui.Light})
	db, err := store.Memory()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := New(Config{Window: frame{}, Store: db, Work: store.Inline(db), Runner: NewRunner(nil, func(Status) {})})
	w := test.NewTempWindow(t, &fyne.Container{Objects: []fyne.CanvasObject{s.Object}})
	s.Focus(w.Canvas())
	if w.Canvas().Focused() != fyne.Focusable(s.Composer.Entry) {
		t.Errorf("%T has the keyboard", w.Canvas().Focused())
	}
}

// frame is a window that does nothing.
type frame struct{}

func (frame) Post(f func())                           { f() }
func (frame) Copy(string)                             {}
func (frame) ShowFile(string)                         {}
func (frame) Shortcut(fyne.Shortcut) bool             { return false }
func (frame) OpenLink(string, fyne.Position)          {}
func (frame) OpenChats()                              {}
func (frame) NewChat(string, []store.Image)           {}
func (frame) ShowPicture(string, image.Image, []byte) {}
func (frame) ChooseModel()                            {}
func (frame) ImportFile()                             {}
func (frame) ChatsChanged()                           {}
func (frame) AllStored()                              {}
func (frame) GoBack()                                 {}
func (frame) Talked(*voice.Talk)                      {}
