package shell

import (
	"context"
	"image"
	"io"
	"iter"

	"fyne.io/fyne/v2"

	"soberano/app/host"
	"soberano/app/settings"
	"soberano/app/store"
	"soberano/app/transcribe"
	"soberano/app/ui"
	"soberano/app/voice"
	"soberano/asr"
	"soberano/asr/wording"
	"soberano/engine"
	"soberano/models/registry"
)

// frame is the part of the shell that all screens use; the types below implement the interface of one screen each.
type frame struct{ d *Shell }

func (f frame) Post(fn func())                { f.d.Post(fn) }
func (f frame) Copy(text string)              { f.d.copy(text) }
func (f frame) ShowFile(path string)          { f.d.showFile(path) }
func (f frame) Shortcut(s fyne.Shortcut) bool { return f.d.shortcut(s) }

// chatFrame implements chat.Window.
type chatFrame struct{ frame }

func (f chatFrame) GoBack()                                   { f.d.escape() }
func (f chatFrame) OpenLink(url string, at fyne.Position)     { f.d.openLink(url, at) }
func (f chatFrame) OpenChats()                                { f.d.fold(true) }
func (f chatFrame) NewChat(text string, images []store.Image) { f.d.newChat(text, images...) }
func (f chatFrame) ShowPicture(name string, m image.Image, file []byte) {
	f.d.showPicture(name, m, file)
}
func (f chatFrame) ChooseModel()         { f.d.chooseModel() }
func (f chatFrame) ImportFile()          { f.d.chooseModelFile() }
func (f chatFrame) ChatsChanged()        { f.d.listChanged() }
func (f chatFrame) AllStored()           { f.d.allStored() }
func (f chatFrame) Talked(t *voice.Talk) { f.d.talked(t) }

// voiceFrame implements voice.Window.
type voiceFrame struct{ frame }

func (f voiceFrame) Params() asr.Params     { return f.d.dictationParams() }
func (f voiceFrame) Words() wording.Options { return f.d.dictationWords() }

func (f voiceFrame) Open() (voice.Microphone, error) {
	return f.d.OpenMic(f.d.values.Values().Microphone)
}

func (f voiceFrame) Listen(ctx context.Context, src asr.Live, p asr.Params) iter.Seq2[asr.Segment, error] {
	return f.d.listen(ctx, src, p)
}

// libraryFrame implements library.Window and library.Models.
type libraryFrame struct{ frame }

func (f libraryFrame) ChooseFile()                                     { f.d.chooseModelFile() }
func (f libraryFrame) Changed()                                        { f.d.cardsChanged() }
func (f libraryFrame) Use(e registry.Entry)                            { f.d.use(e) }
func (f libraryFrame) InUse(e registry.Entry) bool                     { return f.d.inUse(e) }
func (f libraryFrame) Added(e registry.Entry)                          { f.d.added(e) }
func (f libraryFrame) Attached(registry.Entry)                         { f.d.chat.LookAgain() }
func (f libraryFrame) Removing(e registry.Entry)                       { f.d.removing(e) }
func (f libraryFrame) Removed(e registry.Entry)                        { f.d.removed(e) }
func (f libraryFrame) Lacking(k registry.Kind) bool                    { return f.d.lacking(k) }
func (f libraryFrame) InUseFor(k registry.Kind) (registry.Entry, bool) { return f.d.inUseFor(k) }
func (f libraryFrame) KV() engine.KV                                   { return f.d.values.Values().KV }
func (f libraryFrame) Allowed() bool                                   { return f.d.values.Values().Downloads }
func (f libraryFrame) Allow(on bool)                                   { f.d.set(func(v *settings.Values) { v.Downloads = on }) }
func (f libraryFrame) Downloading(on bool)                             { f.d.chat.Header.Downloading(on) }
func (f libraryFrame) Context() int                                    { return f.d.values.Values().Context }
func (f libraryFrame) Free() int64                                     { return host.Available() }

func (f libraryFrame) Fitting(path string, entries []registry.Entry) ([]registry.Entry, error) {
	return f.d.Fitting(path, entries)
}

func (f libraryFrame) Release(ctx context.Context, e registry.Entry) error {
	return f.d.Host.Remove(ctx, e)
}

// settingsFrame implements settings.Window.
type settingsFrame struct{ frame }

func (f settingsFrame) Microphones() ([]string, error) { return f.d.Microphones() }
func (f settingsFrame) Device() string                 { return f.d.runner.Status().Info.Device }
func (f settingsFrame) Layers() int                    { return f.d.runner.Status().Entry.Layers }
func (f settingsFrame) Change(v settings.Values)       { f.d.change(v) }
func (f settingsFrame) API() settings.API              { return f.d.api.state() }
func (f settingsFrame) StatesBytes() (int64, error)    { return f.d.Host.StatesBytes() }
func (f settingsFrame) DeleteStates()                  { f.d.deleteStates() }

// filesFrame implements transcribe.Window, transcribe.Choices and transcribe.Machine.
type filesFrame struct{ frame }

func (f filesFrame) Changed()                                            { f.d.filesChanged() }
func (f filesFrame) ChooseFile()                                         { f.d.chooseAudio() }
func (f filesFrame) ShowModels()                                         { f.d.show(modelsPage) }
func (f filesFrame) Focus(w fyne.Focusable)                              { f.d.focus(w) }
func (f filesFrame) Menu(m *fyne.Menu, below fyne.CanvasObject)          { ui.ShowMenuBelow(m, below) }
func (f filesFrame) Ask(title, now string, then func(string))            { f.d.ask(title, now, then) }
func (f filesFrame) Language() string                                    { return f.d.values.Values().FilesLanguage }
func (f filesFrame) Translate() bool                                     { return f.d.values.Values().FilesTranslate }
func (f filesFrame) Words() []string                                     { return f.d.values.Values().Vocabulary() }
func (f filesFrame) Chosen() (registry.Entry, error)                     { return f.d.chosenSpeech() }
func (f filesFrame) ModelTitle(name string) string                       { return f.d.modelTitles()(name) }
func (f filesFrame) Play(a transcribe.Audio) (transcribe.Speaker, error) { return f.d.Play(a) }

func (f filesFrame) Save(dir, name string, write func(io.Writer) error, done func(path string, err error)) {
	f.d.saveFile(dir, name, write, done)
}

func (f filesFrame) SetLanguage(code string) {
	f.d.set(func(v *settings.Values) { v.FilesLanguage = code })
}

func (f filesFrame) SetTranslate(on bool) {
	f.d.set(func(v *settings.Values) { v.FilesTranslate = on })
}

func (f filesFrame) Speech(ctx context.Context) (transcribe.Speech, error) {
	return f.d.openSpeech(ctx)
}

func (f filesFrame) Open(ctx context.Context, path string, track int) (transcribe.Audio, error) {
	return f.d.OpenAudio(ctx, path, track)
}
