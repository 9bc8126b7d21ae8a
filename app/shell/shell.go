// Package shell is the whole content of the window: the sidebar, the page beside it, and the connections between the store, the
// models and the screens. It uses fyne.App and fyne.Window but creates neither, so tests can run it in memory.
//
//	╭ side ──────╮╭ page: chat, Transcribe, Models … ╮
//	│ New chat   ││ header                         │
//	│ Search     ││ thread                         │
//	│ Today …    ││ cards                          │
//	│ Models     ││ composer                       │
//	╰────────────╯╰────────────────────────────────╯
package shell

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"soberano/app/chat"
	"soberano/app/choice"
	"soberano/app/host"
	"soberano/app/library"
	"soberano/app/problem"
	"soberano/app/settings"
	"soberano/app/store"
	"soberano/app/transcribe"
	"soberano/app/ui"
	"soberano/app/voice"
	"soberano/engine"
	"soberano/models"
	"soberano/models/registry"
)

// Machine is what the shell needs from the system; package window provides the real one.
type Machine struct {
	Data           string // the data folder
	Version        string // of the program
	Shelf          library.Shelf
	Catalogue      library.Catalogue // of models that can be downloaded; nil: none
	Host           *host.Host        // the host of Chats and Speech; the shell closes it
	Chats          chat.Models
	Speech         *host.Models[Speech]
	OpenAudio      func(ctx context.Context, path string, track int) (transcribe.Audio, error)
	Play           func(transcribe.Audio) (transcribe.Speaker, error) // nil: this build can't play sound
	OpenMic        func(name string) (voice.Microphone, error)        // nil: this build does not support microphones
	Microphones    func() ([]string, error)
	OpenPath       func(path string) error // shows a file in the system's file manager
	OpenURL        func(url string) error
	Post           func(func())                                                          // nil: fyne.Do
	Outside        *Outside                                                              // dictation into other programs; nil: none
	Quit           func()                                                                // closes the window; nil: it is closed directly
	Look           func(registry.Entry) host.Sight                                       // finds out whether a chat model can see images; nil: none can
	Fitting        func(path string, entries []registry.Entry) ([]registry.Entry, error) // the models to which a vision encoder belongs
	ClipboardText  func() (string, error)                                                // the whole text in the clipboard; nil: this system has no such function
	ClipboardImage func() ([]byte, error)                                                // the file of the image in the clipboard; nil: this system can't paste images
	Place          func() (place settings.Place, known bool)                             // where the window is; nil: not known
	Worker         func(s *store.Store, post func(func())) *store.Worker                 // nil: store.NewWorker
	Retry          time.Duration                                                         // after which a store that could not be opened is saved again; 0: saveTime
}

// Shell is the content of one window.
type Shell struct {
	Machine
	Object         fyne.CanvasObject
	app            fyne.App
	window         fyne.Window
	store          *store.Store
	work           *store.Worker // uses the store for the UI goroutine
	saving         *time.Timer   // until the store is saved again
	closeLeaving   []func()      // close the cards that closing the window would lose something
	closeStore     []func()      // close the cards that nothing is saved; nil: it is
	opening        opening
	values         *settings.Current
	api            localAPI
	runner         *chat.Runner
	chat           *chat.Screen
	side           *side
	importers      map[string]*library.Importer // by page: the cards of files that were dropped there
	notices        map[string]*ui.Notices       // by page, except the chat's
	models         *library.Page
	settings       *settings.Page
	files          *transcribe.Page
	sorting        sync.WaitGroup         // for the sorting of dropped files
	soundless      bool                   // that card says that there is no sound so far
	thrown         *discarded             // the dictation that was discarded last; nil: it can't be brought back
	dictationError func()                 // closes the card of the latest dictation that failed, if nothing of it can be tried again
	speechMissing  []func()               // close the notices that there is no speech model
	keptCards      map[*voice.Kept]func() // close the cards of dictations that can be transcribed again
	trash          *trash
	bar            *talkBar
	gone           []store.Conversation         // deleted, as long as the sidebar offers to undo it
	dialog         fyne.CanvasObject            // the latest one of this program
	asking         textEntry                    // in the dialog; nil: it asks for no text
	dismissed      map[fyne.CanvasObject]func() // called when a dialog is closed
	passing        *ui.Passing                  // removes the message in the sidebar
	page           string                       // "chat", "transcribe", "models", "settings", "trash"
	shows          int                          // number of calls of show
	pageHead       *pageHead
	scrim          *scrim
	narrow         bool
	open           bool // the sidebar is shown in a narrow window
	spoke          time.Time
	ungrab         func()      // releases the keys for dictation
	placing        *time.Timer // until the place of the window is stored
	socket         io.Closer   // of `soberano dictate --toggle`
	mu             sync.Mutex  // guards speech and speechOK
	speech         registry.Entry
	speechOK       bool
	closed         bool
	leaving        bool // Settle was called, and Close follows
}

// Pages.
const (
	chatPage     = "chat"
	filesPage    = "transcribe"
	modelsPage   = "models"
	settingsPage = "settings"
	trashPage    = "trash"
)

// New creates the content of w and starts to open the models. Problems found while opening are shown in the window; New returns an
// error only if there is nothing to show.
func New(app fyne.App, w fyne.Window, m Machine) (*Shell, error) {
	if m.Post == nil {
		m.Post = fyne.Do
	}
	post := m.Post
	d := &Shell{Machine: m, app: app, window: w, page: chatPage, keptCards: map[*voice.Kept]func(){}, dismissed: map[fyne.CanvasObject]func(){}}
	d.Post = func(f func()) {
		post(func() {
			if !d.closed {
				f()
			}
		})
	}
	if d.Quit == nil {
		d.Quit = w.Close
	}
	if d.Retry == 0 {
		d.Retry = saveTime
	}
	if d.Worker == nil {
		d.Worker = store.NewWorker
	}
	var notes []error
	values, err := settings.Load(m.Data)
	if err != nil {
		notes = append(notes, err)
	}
	d.values = settings.NewCurrent(m.Data, values)
	if values.Memory != 0 {
		d.Host.SetBudget(values.Memory)
	}
	if err := d.Host.LimitStates(values.States); err != nil {
		notes = append(notes, err)
	}
	d.setTheme()
	path := filepath.Join(m.Data, "conversations.db")
	if d.store, err = store.Open(path); err != nil {
		if d.store, err = store.Copy(path, err); err != nil {
			return nil, err
		}
	}
	d.work = d.Worker(d.store, d.Post)
	d.build()
	d.work.Do(func(s *store.Store) error {
		return errors.Join(s.Purge(time.Now().Add(-store.TrashTime)), d.keepStates(s))
	}, func(err error) {
		if err != nil {
			d.notice("Something went wrong while starting.", err)
		}
	})
	d.tellStore()
	for _, err := range notes {
		d.notice("Something went wrong while starting.", err)
	}
	d.start()
	return d, nil
}

func (d *Shell) build() {
	f := frame{d}
	d.runner = chat.NewRunner(d.Chats, func(s chat.Status) { d.Post(func() { d.status(s) }) })
	d.Host.TellGPU(d.gpuFailed)
	d.Host.TellMoved(d.moved)
	d.Host.SetAskPassword(d.askPassword)
	var talk *voice.Talk
	if d.OpenMic != nil {
		talk = voice.New(voice.Config{Window: voiceFrame{f}, Tapes: filepath.Join(d.Data, "dictation")})
		talk.OnProblem, talk.OnDiscard, talk.OnUnclear = d.dictationFailed, d.discarded, d.notUnderstood
	}
	d.side = newSide(d.store, d.work, d.Post)
	d.passing = ui.NewPassing(d.Post)
	d.chat = chat.New(chat.Config{Window: chatFrame{f}, Folder: d.Data, Store: d.store, Work: d.work, Runner: d.runner, Talk: talk,
		Look: d.Look, Overflow: func() engine.Overflow { return d.values.Values().LongChats }, ClipboardImage: d.ClipboardImage, ClipboardText: d.ClipboardText})
	c := library.Config{Window: libraryFrame{f}, Models: libraryFrame{f}, Shelf: d.Shelf, Catalogue: d.Catalogue}
	d.models = library.NewPage(c)
	im := library.NewImporter(c)
	d.importers = map[string]*library.Importer{chatPage: im, modelsPage: im.Another()}
	d.importers[modelsPage].Listed = d.models.Listed
	d.models.Take = d.importers[modelsPage].Take
	im.Raised = func() { d.chat.Raise(im.Cards) }
	d.importers[modelsPage].Raised = func() { d.models.Scroll(-1e6) }
	d.settings = settings.NewPage(settings.Config{Window: settingsFrame{f}, Values: d.values.Values(), Cores: runtime.NumCPU(),
		NoMicrophone: d.Microphones == nil, Data: d.Data})
	if host.GPUBuilt {
		d.settings.GPUs = d.Host.GPUs
	}
	d.files = transcribe.NewPage(transcribe.Config{Window: filesFrame{f}, Choices: filesFrame{f}, Machine: filesFrame{f},
		Store: d.store, Work: d.work, Languages: settings.Spoken(), Silent: d.Play == nil})
	d.trash = newTrash(d)
	d.bar = newTalkBar(d)
	if talk != nil {
		d.bar.watch(d, talk)
		d.chat.Composer.Entry.OnKeyDown = func(k *fyne.KeyEvent) { d.speakKey(k, true) }
	}
	d.chat.Panels.Add(d.importers[chatPage].Cards)
	d.models.Cards.Add(d.importers[modelsPage].Cards)
	d.notices = map[string]*ui.Notices{}
	for _, page := range []string{filesPage, modelsPage, settingsPage, trashPage} {
		d.notices[page] = ui.NewNotices(func() { d.place(d.Object.Size()); d.refocus() })
	}
	d.wireSide()
	d.pageHead = newPageHead(func() { d.fold(true) }, func() { d.show(chatPage) })
	d.scrim = newScrim(func() { d.fold(false) })
	d.scrim.Hide()
	d.Object = &fyne.Container{Layout: &ui.Arrange{Min: fyne.NewSize(420, 320), Place: d.place, Focused: d.focused}, Objects: []fyne.CanvasObject{d.chat.Object,
		d.notices[filesPage].Object, d.notices[modelsPage].Object, d.notices[settingsPage].Object, d.notices[trashPage].Object,
		d.files.Object, d.models.Object, d.settings.Object, d.trash.pane.Object, d.bar.object, d.pageHead.object, d.scrim, d.side.object}}
	d.window.SetContent(d.Object)
	d.switchAPI()
	d.window.SetOnDropped(func(_ fyne.Position, uris []fyne.URI) { d.dropped(uris) })
	d.window.Canvas().SetOnTypedKey(d.typedKey)
	d.window.Canvas().SetOnTypedRune(d.typedRune)
	for _, s := range editing {
		d.window.Canvas().AddShortcut(s, d.typedShortcut)
	}
	for _, s := range selecting {
		d.window.Canvas().AddShortcut(s, d.selectShortcut)
	}
	if c, ok := d.window.Canvas().(desktop.Canvas); ok {
		c.SetOnKeyDown(func(k *fyne.KeyEvent) { d.speakKey(k, true) })
		c.SetOnKeyUp(func(k *fyne.KeyEvent) { d.speakKey(k, false) })
	}
	for _, s := range shortcuts {
		d.window.Canvas().AddShortcut(s, func(s fyne.Shortcut) { d.shortcut(s) })
	}
}

func (d *Shell) wireSide() {
	v := d.side
	v.newChat.OnTapped = func() { d.newChat("") }
	v.files.OnTapped = func() { d.show(filesPage) }
	v.models.OnTapped, v.settings.OnTapped = func() { d.show(modelsPage) }, func() { d.show(settingsPage) }
	v.trash.OnTapped = func() { d.show(trashPage) }
	v.onError = func(err error) { d.notice("The conversations could not be read.", err) }
	v.search.OnShortcut = d.shortcut
	v.search.OnSubmitted = func(string) { d.window.Canvas().Focus(v.list) }
	v.search.OnKey = func(k *fyne.KeyEvent) bool {
		switch k.Name {
		case fyne.KeyEscape:
			v.search.SetText("")
			d.leaveSide()
		case fyne.KeyDown:
			d.window.Canvas().Focus(v.list)
		default:
			return false
		}
		return true
	}
	v.list.onOpen, v.list.onMenu, v.list.onDelete, v.list.onRename = d.openHit, d.chatMenu, d.deleteChat, d.renameChat
	v.list.onEscape = d.leaveSide
	v.list.onSelect, v.list.onDeleteMany = d.selected, d.askDelete
	v.list.onKey = d.speakKey
}

// start shows the latest conversation and opens the models in the background.
func (d *Shell) start() {
	d.show(chatPage)
	d.emptyChat((*store.Store).Start, "")
	entries, broken := d.Shelf.List()
	for _, err := range broken {
		d.notice("One model in the library can't be read.", err)
	}
	d.setSpeech(entries)
	d.recover()
	d.listenOutside()
	e, ok := pick(entries, registry.Chat, d.values.Values().ChatModel)
	if ok {
		d.runner.Use(e, d.chatSettings(e))
	}
	for _, kind := range []registry.Kind{registry.Chat, registry.Speech} {
		d.tellReplaced(entries, kind)
	}
	d.files.Queue.Kick()
}

// pick returns the model of a kind to use, of those that this version can run: the one with the given name, or else an included one, or
// else the first.
func pick(entries []registry.Entry, kind registry.Kind, name string) (registry.Entry, bool) {
	return choice.Pick(entries, kind, name, host.Available(), func(e registry.Entry) bool { return e.Runs })
}

// chatSettings returns the settings for a chat model, whose own context may be shorter than the chosen one.
func (d *Shell) chatSettings(e registry.Entry) host.Settings {
	v := d.values.Values()
	o := host.Settings{Context: v.Context, Threads: v.Threads, KV: v.KV, GPU: v.GPUUse()}
	if e.Context > 0 && o.Context > e.Context {
		o.Context = e.Context
	}
	return o
}

// show changes the page.
func (d *Shell) show(page string) {
	d.page = page
	d.shows++
	if page != filesPage {
		d.files.Leave()
	}
	if page != modelsPage {
		d.models.Leave()
	}
	if page != chatPage { // the list names a chat by its draft
		d.chat.SaveDraft()
		d.side.refresh()
	}
	set := func(o fyne.CanvasObject, on bool) {
		if on {
			o.Show()
		} else {
			o.Hide()
		}
	}
	set(d.chat.Object, page == chatPage)
	set(d.files.Object, page == filesPage)
	set(d.models.Object, page == modelsPage)
	set(d.settings.Object, page == settingsPage)
	set(d.trash.pane.Object, page == trashPage)
	set(d.pageHead.object, page != chatPage)
	for p, n := range d.notices {
		set(n.Object, page == p && len(n.Object.Objects) > 0)
	}
	d.side.files.SetChosen(page == filesPage)
	d.side.models.SetChosen(page == modelsPage)
	d.side.settings.SetChosen(page == settingsPage)
	d.side.trash.SetChosen(page == trashPage)
	switch page {
	case filesPage:
		d.pageHead.set("Transcribe files")
		d.files.Refresh()
	case modelsPage:
		d.pageHead.set("Models")
		d.models.Refresh()
	case settingsPage:
		d.pageHead.set("Settings")
		d.settings.Values = d.values.Values()
		d.settings.Refresh()
	case trashPage:
		d.pageHead.set("Trash")
		d.trash.refresh()
	default:
		d.chat.Relayout()
	}
	d.markOpen()
	d.showTalk()
	d.fold(false)
}

// markOpen marks the open conversation in the list while its page is shown.
func (d *Shell) markOpen() {
	open := int64(0)
	if d.page == chatPage {
		open = d.chat.Conversation()
	}
	d.side.list.choose(open)
}

func (d *Shell) cardsChanged() {
	if d.page == modelsPage {
		d.models.Refresh()
	}
	d.chat.Relayout()
	d.refocus()
}

// notice shows an error on the page on which it happened.
func (d *Shell) notice(title string, err error) (close func()) {
	return d.report(ui.Problem{Title: title, Why: problem.Text(err), Actions: []ui.Action{{Label: "Copy details", Do: func() { d.copy(models.PrintableLines(err.Error())) }}}})
}

// report shows a card on the present page until it is closed.
func (d *Shell) report(p ui.Problem) (close func()) {
	if n := d.notices[d.page]; n != nil {
		return n.Show(p)
	}
	return d.chat.Notice(p)
}

// Close ends all activities, stores their results, and closes the models.
func (d *Shell) Close() error {
	if d.closed {
		return nil
	}
	d.work.Flush() // the screens keep what could not be stored
	d.closed = true
	if d.ungrab != nil {
		d.ungrab()
	}
	var err error
	if d.socket != nil {
		err = d.socket.Close()
	}
	if d.placing != nil {
		d.placing.Stop()
	}
	if d.saving != nil {
		d.saving.Stop()
	}
	d.passing.Stop()
	d.side.close()
	err = errors.Join(err, d.chat.Close())
	for _, im := range d.importers {
		im.Close()
	}
	d.sorting.Wait()
	err = errors.Join(err, d.api.end())
	d.files.End()
	d.models.Close()
	d.runner.Close()
	d.work.Do((*store.Store).Save, func(error) {}) // if it fails, a card has said so all the time
	err = errors.Join(err, d.work.Close())         // this waits until all requested work is stored
	return errors.Join(err, d.Host.Close(), d.store.Close())
}
