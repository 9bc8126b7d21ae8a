package chat

import (
	"errors"
	"image"
	"slices"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"soberano/app/host"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/app/voice"
	"soberano/engine"
	"soberano/models/registry"
)

// Window is what a Screen needs from the window around it.
type Window interface {
	ui.Window
	OpenLink(url string, at fyne.Position)
	GoBack()    // does what Esc does: it closes what covers the page, or else calls Screen.Escape
	OpenChats() // shows the list of conversations where the sidebar is hidden
	// NewChat opens a conversation without messages; text and images, if any, are put into its draft.
	NewChat(text string, images []store.Image)
	// ShowPicture shows an image above everything else; file is its file.
	ShowPicture(name string, m image.Image, file []byte)
	ChooseModel()
	ImportFile()        // asks for a model file
	ChatsChanged()      // the list of conversations has changed
	AllStored()         // what could not be stored has been
	Talked(*voice.Talk) // dictation has begun or ended
}

// Config holds what a Screen needs.
type Config struct {
	Window
	Store  *store.Store  // for the goroutines that write answers
	Work   *store.Worker // for the UI goroutine
	Runner *Runner
	Talk   *voice.Talk // nil: no microphone
	// Look finds out whether a model can see images; it is called from any goroutine. nil: no model can.
	Look func(registry.Entry) host.Sight
	// ClipboardImage returns the file of the image in the clipboard, nil if there is none; it is called from any goroutine. nil: images
	// can't be pasted here.
	ClipboardImage func() ([]byte, error)
	// ClipboardText returns the text in the clipboard, also what follows a NUL character; it is called from any goroutine. nil: there is no
	// such function here.
	ClipboardText func() (string, error)
	// Overflow returns what is done with a conversation that is longer than the context; nil: it is refused.
	Overflow func() engine.Overflow
	Every    time.Duration // the interval between two repaints of an answer; 0: 50 ms
	Retry    time.Duration // after which what could not be stored is tried again; 0: 5 s
	Folder   string        // of the store
}

// Screen is the page of the conversation that is open; it connects the parts of this package and holds their state.
type Screen struct {
	Config
	Object   *fyne.Container
	Header   *Header
	Composer *Composer
	Panels   *fyne.Container // cards above the composer: the screen's own, and those of other packages
	thread   *ui.Thread

	conversation store.Conversation
	messages     []store.Message
	jobs         map[int64]*job
	shown        *answer           // of the job of this conversation
	answers      map[int64]*answer // those on the screen, by turn
	asked        map[int64]*asked  // messages of the user on the screen, by ID
	trial        fyne.CanvasObject
	told         map[string]string // see missing
	running      sync.WaitGroup
	draft        string // of this conversation, as stored
	unstored     unstored
	unkept       map[int64][]func()  // called when the draft of a conversation is stored; see voice.Place
	editing      *editing            // the message of the user that is being changed; nil: none
	edits        map[int64]*leftEdit // of conversations that are not open
	remark       string              // below the entry; see Say
	pending      *pending            // the message that waits for the last words of a dictation; nil: none
	spots        []*spot             // places for the words of dictations that are running or can be tried again
	hold         hold
	images       images
	about        about
	pictures     *pictures
	thumbnails   thumbnails
	sight        sight
	clicked      time.Time // the latest click on Send
	retrying     *time.Timer
	closeUnsaved func() // closes the card that something could not be stored
	ended        int    // number of answers that have ended
	notices      *ui.Notices
	panels       *container.Scroll // shows Panels
	typing       *ui.Soon          // stores the draft
	closed       bool
}

// New returns a screen without a conversation; Open shows one.
func New(c Config) *Screen {
	if c.Every == 0 {
		c.Every = 50 * time.Millisecond
	}
	if c.Retry == 0 {
		c.Retry = retryTime
	}
	s := &Screen{Config: c, jobs: map[int64]*job{}, asked: map[int64]*asked{}, told: map[string]string{}, unstored: newUnstored(), unkept: map[int64][]func(){}, edits: map[int64]*leftEdit{}, closeUnsaved: func() {},
		thread: ui.NewThread(), images: newImages(), about: about{kept: map[int64][]ui.Problem{}}, pictures: &pictures{file: c.Store.Picture}}
	s.Header = NewHeader(c.OpenChats, c.ChooseModel)
	s.typing = &ui.Soon{Post: c.Post, Do: s.SaveDraft}
	s.Composer = NewComposer(c.Talk, s.sendOrStop, s.Send, func() { s.Relayout() })
	s.notices = ui.NewNotices(func() { s.Relayout(); s.keepFocus() })
	s.Panels = &fyne.Container{Layout: &ui.Column{Gap: 8, Left: outline, Right: outline, Top: outline, Bottom: outline}, Objects: []fyne.CanvasObject{s.notices.Object}}
	s.panels = container.NewVScroll(s.Panels)
	s.thread.Selection.Copy = c.Copy
	e := s.Composer.Entry
	e.OnShortcut, e.OnKey = s.shortcut, s.key
	e.OnChanged = s.typed
	e.OnKeyDown, e.OnKeyUp = s.keyDown, s.keyUp
	s.Object = &fyne.Container{Layout: &ui.Arrange{Min: fyne.NewSize(320, 300), Place: s.place},
		Objects: []fyne.CanvasObject{s.thread.Object, s.panels, s.Composer.Object, s.Header.Object}}
	s.listen()
	s.Status(c.Runner.Status())
	return s
}

func (s *Screen) listen() {
	t := s.Talk
	if t == nil {
		return
	}
	t.OnState = func(state voice.State) {
		if state == voice.Idle {
			s.Say("")
		}
		if state == voice.Idle && s.pending != nil && !s.hold.ending { // the dictation was discarded
			s.unsend()
		}
		s.talkChanged(state)
		s.showTalk()
		s.hints(s.Runner.Status())
		s.Talked(t)
	}
	t.OnLevel = func(l float32, d time.Duration) { s.Composer.strip.Level(t, l, d) }
	t.Begin = func() voice.Place { return s.newSpot() }
}

// Relayout repeats the layout, for example after the composer has grown.
func (s *Screen) Relayout() {
	s.place(s.Object.Size())
}

func (s *Screen) place(size fyne.Size) {
	if size.Width == 0 {
		return
	}
	side := float32(24)
	if size.Width < 560 {
		side = 12
	}
	w := min(ui.ColumnWidth, size.Width-2*side)
	x := (size.Width - w) / 2
	ui.Put(s.Header.Object, 0, 0, size.Width, headerHeight)
	s.Composer.Fit(w)
	h := s.Composer.Object.HeightFor(w)
	y := size.Height - h - 20
	ui.Put(s.Composer.Object, x, y, w, h)
	y = s.placePanels(x, y, w)
	ui.Put(s.thread.Object, 0, headerHeight, size.Width, y-headerHeight-8)
}

// The cards above the composer take at most this share of the height of the conversation, and this height in a low window.
const (
	mostPanels  = 0.5
	leastPanels = 200
)

// outline is the space around the cards that their outlines need, so that the scrolled column does not cut them off.
const outline = 2

// placePanels lays out the cards with their bottom edge above y, and returns the upper end of the space that they take. If there
// is not enough space for all, older notices are left out; what still needs more space can be scrolled.
func (s *Screen) placePanels(x, y, width float32) float32 {
	width += 2 * outline
	p := ui.HeightFor(s.Panels, width)
	if p <= 2*outline {
		s.panels.Hide()
		return y
	}
	s.panels.Show()
	s.Panels.Layout.(*ui.Column).SetWidth(width)
	most := min(max(leastPanels, (y-headerHeight)*mostPanels), max(0, y-headerHeight-60))
	s.notices.Fit(func() bool { p = ui.HeightFor(s.Panels, width); return p <= most })
	p = min(p, most)
	ui.Put(s.panels, x-outline, y-p-10, width, p)
	s.panels.Refresh()
	return y - p - 10
}

// Raise shows an object of Panels above the others.
func (s *Screen) Raise(o fyne.CanvasObject) {
	list := slices.DeleteFunc(slices.Clone(s.Panels.Objects), func(x fyne.CanvasObject) bool { return x == o })
	s.Panels.Objects = append([]fyne.CanvasObject{o}, list...)
	s.Relayout()
	s.panels.ScrollToTop()
}

// SetNarrow adapts the screen to a window without the sidebar.
func (s *Screen) SetNarrow(on bool) { s.Header.SetNarrow(on) }

// Focus puts the cursor into the entry. Fyne drops the renderer of an object that was hidden for a minute, and then finds
// nothing to focus inside it until it is drawn again.
func (s *Screen) Focus(c fyne.Canvas) {
	s.Composer.Object.Refresh()
	c.Focus(s.Composer.Entry)
}

// keepFocus moves the focus into the entry if the object that had it is not shown any more, so that typing goes somewhere.
func (s *Screen) keepFocus() {
	c := fyne.CurrentApp().Driver().CanvasForObject(s.Object)
	if c == nil || !ui.Shown(c, s.Object) || c.Overlays().Top() != nil {
		return
	}
	if o, ok := c.Focused().(fyne.CanvasObject); ok && !ui.Shown(c, o) {
		s.Focus(c)
	}
}

// Status shows the state of the model.
func (s *Screen) Status(status Status) {
	s.Header.SetStatus(status)
	s.showContext()
	j := s.jobs[s.conversation.ID]
	s.Composer.SetRunning(j != nil)
	s.showTalk()
	s.hints(status)
	if j != nil {
		s.repaint(j)
	}
	if len(s.messages) == 0 && j == nil && s.conversation.ID != 0 {
		s.thread.Set(false, s.welcome())
		s.trial = nil
	}
	s.showBroken(status)
	s.showRemark()
}

func (s *Screen) showContext() {
	used := 0
	for _, m := range s.messages {
		used = max(used, m.Tokens)
	}
	of := s.Runner.Status().Info.Context
	if j := s.jobs[s.conversation.ID]; j != nil {
		p := j.look()
		used = max(used, p.usage.Prompt+p.usage.Generated)
		if p.usage.Context > 0 {
			of = p.usage.Context
		}
	}
	s.Header.SetContext(used, of)
}

// typed stores the draft within ui.SoonTime, even while the user keeps typing.
func (s *Screen) typed(text string) {
	if !s.thread.Selection.Empty() {
		s.thread.Selection.Clear()
	}
	s.Composer.Fit(s.Composer.Object.Size().Width)
	s.typing.Start()
}

// kept reports a change that could not be stored, unless the changed object was deleted.
func (s *Screen) kept(err error) {
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		s.unsaved(err)
	}
}

// Busy reports whether an answer is being written in any conversation.
func (s *Screen) Busy() bool { return len(s.jobs) > 0 }

// Close ends all answers and dictations, and stores their text.
func (s *Screen) Close() (err error) {
	if s.closed {
		return nil
	}
	if s.Talk != nil {
		err = s.Talk.Close()
	}
	s.SaveDraft()
	s.storeAgain(s.kept)
	s.closed = true
	if s.retrying != nil {
		s.retrying.Stop()
	}
	for _, j := range s.jobs {
		j.closing.Store(true)
		j.cancel()
	}
	s.running.Wait()
	return err
}
