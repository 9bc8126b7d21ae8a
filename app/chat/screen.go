package chat

import (
	"errors"
	"strings"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/app/voice"
)

// Window is what a Screen needs from the window around it.
type Window interface {
	ui.Window
	OpenLink(url string, at fyne.Position)
	GoBack()             // does what Esc does: it closes what covers the page, or else calls Screen.Escape
	OpenChats()          // shows the list of conversations where the sidebar is hidden
	NewChat(text string) // opens a conversation without messages; text, if any, is put into the entry
	ChooseModel()
	ImportFile()        // asks for a model file
	ChatsChanged()      // the list of conversations has changed
	Talked(*voice.Talk) // dictation has begun or ended
}

// Config holds what a Screen needs.
type Config struct {
	Window
	Store  *store.Store  // for the goroutines that write answers
	Work   *store.Worker // for the UI goroutine
	Runner *Runner
	Talk   *voice.Talk   // nil: no microphone
	Every  time.Duration // the interval between two repaints of an answer; 0: 50 ms
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
	pending      *pending // the message that waits for the last words of a dictation; nil: none
	ended        int      // number of answers that have ended
	notices      *ui.Notices
	panels       *container.Scroll // shows Panels
	draftTimer   *time.Timer
	closed       bool
}

// New returns a screen without a conversation; Open shows one.
func New(c Config) *Screen {
	if c.Every == 0 {
		c.Every = 50 * time.Millisecond
	}
	s := &Screen{Config: c, jobs: map[int64]*job{}, asked: map[int64]*asked{}, told: map[string]string{}, unstored: newUnstored(), thread: ui.NewThread()}
	s.Header = NewHeader(c.OpenChats, c.ChooseModel)
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
		if state == voice.Idle && s.pending != nil { // the dictation was discarded
			s.unsend()
		}
		s.showTalk()
		s.hints(s.Runner.Status())
		s.Talked(t)
	}
	t.OnLevel = func(l float32, d time.Duration) { s.Composer.strip.Level(t, l, d) }
	t.Begin = func() voice.Place {
		return &spot{screen: s, conversation: s.conversation.ID, title: s.conversation.Title}
	}
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

// outline is the space around the cards that their outlines need, so that the scrolled column does not cut them off.
const outline = 2

// placePanels lays out the cards with their bottom edge above y, and returns the upper end of the space that they take. If there
// is not enough space for all, they can be scrolled.
func (s *Screen) placePanels(x, y, width float32) float32 {
	width += 2 * outline
	p := ui.HeightFor(s.Panels, width)
	if p <= 2*outline {
		s.panels.Hide()
		return y
	}
	s.panels.Show()
	s.Panels.Layout.(*ui.Column).SetWidth(width)
	p = min(p, max(0, y-headerHeight-60))
	ui.Put(s.panels, x-outline, y-p-10, width, p)
	s.panels.Refresh()
	return y - p - 10
}

// Conversation returns the ID of the open conversation.
func (s *Screen) Conversation() int64 { return s.conversation.ID }

// Open shows a conversation and its draft. messages must have been read after SaveDraft, and no answer may have ended since; see
// Ended.
func (s *Screen) Open(c store.Conversation, messages []store.Message) {
	s.SaveDraft()
	s.adopt(c)
	same := c.ID == s.conversation.ID // in this case the text of the entry is newer than c
	s.conversation, s.messages = c, messages
	if !same {
		clear(s.told)
		s.draft = c.Draft
		draft := c.Draft
		if p := s.pendingIn(c.ID); p != nil { // which is a part of the stored draft
			draft = p.rest
			delete(s.unstored.drafts, c.ID)
		}
		s.Composer.Entry.SetText(s.unstored.take(c.ID, draft))
		s.Composer.Entry.ToEnd()
		s.showWords()
		s.showTalk()
	}
	for _, a := range s.unstored.answers[c.ID] {
		s.put(a.message)
	}
	s.show()
	s.storeAnswers(c.ID)
}

// Ended returns the number of answers that have ended.
func (s *Screen) Ended() int { return s.ended }

// show builds the list of messages again.
func (s *Screen) show() {
	s.shown, s.trial = nil, nil
	s.Header.SetTitle(s.conversation.Title)
	j := s.jobs[s.conversation.ID]
	s.answers, s.asked = map[int64]*answer{}, map[int64]*asked{}
	var turns []fyne.CanvasObject
	for i, m := range s.messages {
		if m.Role == store.Assistant {
			turns = append(turns, s.answerTo(m, j))
			continue
		}
		s.asked[m.ID] = s.bubble(m.Content)
		turns = append(turns, s.asked[m.ID].object)
		if i+1 == len(s.messages) || s.messages[i+1].Turn != m.Turn {
			turns = append(turns, s.answerTo(unanswered(m), j))
		}
	}
	if len(turns) == 0 {
		s.thread.Set(false, s.welcome())
	} else {
		s.thread.Set(true, turns...)
	}
	if j != nil {
		s.repaint(j)
	}
	s.Status(s.Runner.Status())
	s.keepFocus()
}

// Renamed shows a new title.
func (s *Screen) Renamed(title string) {
	s.conversation.Title = title
	s.Header.SetTitle(title)
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

// typed stores the draft within half a second, even while the user keeps typing.
func (s *Screen) typed(text string) {
	if !s.thread.Selection.Empty() {
		s.thread.Selection.Clear()
	}
	s.Composer.Fit(s.Composer.Object.Size().Width)
	if s.draftTimer != nil {
		return
	}
	s.draftTimer = time.AfterFunc(500*time.Millisecond, func() { s.Post(s.SaveDraft) })
}

// kept reports a change that could not be stored, unless the changed object was deleted.
func (s *Screen) kept(err error) {
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		s.unsaved(err)
	}
}

// shortcut gets the shortcuts in the entry first. What is selected in the conversation is copied if nothing is in the entry, and all
// of it is selected if the entry is empty.
func (s *Screen) shortcut(c fyne.Shortcut) bool {
	e, above := s.Composer.Entry, s.thread.Selection
	switch c.(type) {
	case *fyne.ShortcutCopy:
		return e.SelectedText() == "" && above.CopySelected()
	case *fyne.ShortcutSelectAll:
		if e.Text == "" {
			above.SelectAll()
			return true
		}
		return false
	}
	return s.Shortcut(c)
}

// Select carries out the shortcuts for copying and selecting in the conversation.
func (s *Screen) Select(c fyne.Shortcut) {
	switch c.(type) {
	case *fyne.ShortcutCopy:
		s.thread.Selection.CopySelected()
	case *fyne.ShortcutSelectAll:
		s.thread.Selection.SelectAll()
	}
}

func (s *Screen) key(k *fyne.KeyEvent) bool {
	switch k.Name {
	case fyne.KeyEscape:
		s.GoBack()
	case fyne.KeyPageUp:
		s.thread.Page(-0.9)
	case fyne.KeyPageDown:
		s.thread.Page(0.9)
	default:
		return false
	}
	return true
}

func (s *Screen) keyDown(k *fyne.KeyEvent) { s.SpeakKey(k, true) }
func (s *Screen) keyUp(k *fyne.KeyEvent)   { s.SpeakKey(k, false) }

// SpeakKey handles a key that goes down or up anywhere in the window: holding Ctrl+Space is like holding the microphone button.
func (s *Screen) SpeakKey(k *fyne.KeyEvent, down bool) {
	if s.Talk == nil {
		return
	}
	switch {
	case down && k.Name == fyne.KeySpace && Control():
		s.Talk.Press()
	case !down && (k.Name == fyne.KeySpace || k.Name == desktop.KeyControlLeft || k.Name == desktop.KeyControlRight):
		s.Talk.Release()
	}
}

// Control reports whether a Ctrl key is down.
func Control() bool {
	d, ok := fyne.CurrentApp().Driver().(desktop.Driver)
	return ok && d.CurrentKeyModifiers()&fyne.KeyModifierControl != 0
}

// sendOrStop is called by the button.
func (s *Screen) sendOrStop() {
	if s.jobs[s.conversation.ID] != nil {
		s.Stop()
		return
	}
	s.Send()
}

// Send sends the text of the entry, after the last words of a dictation into it. It does nothing while an answer is being written
// or a message waits for its last words: the text stays in the entry.
func (s *Screen) Send() {
	id, text := s.conversation.ID, strings.TrimSpace(s.Composer.Entry.Text)
	switch {
	case id == 0 || s.jobs[id] != nil || s.pendingIn(id) != nil:
	case s.dictating(id):
		s.sendLater()
	case text != "":
		s.append(id, text)
		s.Composer.Entry.SetText("")
		s.SaveDraft()
	}
}

// append stores a message and then requests its answer.
func (s *Screen) append(conversation int64, text string) {
	m := store.Message{Conversation: conversation, Role: store.User, Content: text}
	store.Ask(s.Work, func(db *store.Store) (store.Message, error) { return db.Append(m) }, func(m store.Message, err error) { s.sent(m, err) })
}

// sent requests the answer to a stored message; a message that could not be stored is put back into the entry.
func (s *Screen) sent(m store.Message, err error) {
	if err != nil {
		s.unsaved(err)
		s.putBack(m)
		return
	}
	here := m.Conversation == s.conversation.ID
	if here {
		if len(s.messages) == 0 {
			s.thread.Set(true)
			if s.conversation.Title == "" {
				s.Renamed(store.Title(m.Content))
			}
		}
		s.messages = append(s.messages, m)
		s.asked[m.ID] = s.bubble(m.Content)
		s.thread.Add(s.asked[m.ID].object)
	}
	if here {
		s.thread.Add(s.answerTo(unanswered(m), nil))
	}
	if s.jobs[m.Conversation] == nil {
		s.ask(unanswered(m))
	}
	s.ChatsChanged()
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
	s.storeAgain()
	s.closed = true
	for _, j := range s.jobs {
		j.closing.Store(true)
		j.cancel()
	}
	s.running.Wait()
	return err
}
