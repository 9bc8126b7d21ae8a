package settings

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"

	"soberano/app/host"
	"soberano/app/problem"
	"soberano/app/ui"
	"soberano/asr"
	"soberano/engine"
	"soberano/models"
)

// Window is what the page needs from the window around it.
type Window interface {
	ui.Window
	Microphones() ([]string, error) // the names; it may take a moment, and is called from any goroutine
	Device() string                 // the name of the device on which the chat model runs; "": none is open
	Layers() int                    // the number of layers of the chat model; 0: none is open
	Change(Values)                  // applies other settings
	API() API                       // the state of the server for other programs
	StatesBytes() (int64, error)    // what the computed states of chats take on disk; it may take a moment, and is called from any goroutine
	DeleteStates()                  // removes them, and draws the page anew when they are gone
}

// Config holds what the page needs and shows.
type Config struct {
	Window
	Values       Values
	Cores        int
	NoMicrophone bool     // this build does not support microphones
	Hotkeys      []string // the combinations that can be chosen, such as "Ctrl+Alt+D"; nil: not supported on this system
	NoHotkey     string   // why the chosen combination does not work at present
	Languages    []string // codes of the languages that the speech model supports; empty: all of Whisper's
	Data         string   // the data folder, to be shown
	// GPUs returns the graphics cards and what is known of them. It may take a moment, and is called from any goroutine. nil: this build uses none.
	GPUs func() ([]host.GPU, error)
}

// Page is the Settings page: a row for each choice, with a line that explains it.
type Page struct {
	Config
	Object fyne.CanvasObject
	pane   *ui.Pane
	mics   []string   // from the last listing
	known  bool       // a listing has ended
	micErr error      // the error of the last listing
	serial int        // number of the latest listing
	typed  *ui.Soon   // stores what is typed
	gpus   []host.GPU // from the last listing
	gpuErr error      // the error of the last listing
	kept   kept       // on disk, when the page was refreshed

	controls map[string]fyne.Focusable // what is drawn, by title
	entry    *ui.Entry                 // of the user's words; the same in all drawings
	tooLong  *ui.Flow                  // says that they are not stored
}

// NewPage returns the page; Refresh fills it.
func NewPage(c Config) *Page {
	c.Values.check()
	p := &Page{Config: c, pane: ui.NewPane(), controls: map[string]fyne.Focusable{}}
	p.Object = p.pane.Object
	p.entry = p.newEntry()
	p.tooLong = ui.Text("This is too long to be stored: at most 2 MB.", ui.SmallSize, ui.Record)
	p.tooLong.Hide()
	return p
}

// Scroll scrolls by a share of the height of the page.
func (p *Page) Scroll(share float32) { p.pane.Page(share) }

// option is one value of a choice: the text that is shown and the value that is kept.
type option[T comparable] struct {
	words string
	value T
}

// row shows a choice with its title and a line that explains it.
func row[T comparable](p *Page, title, note string, options []option[T], now T, chosen func(T)) fyne.CanvasObject {
	words := make([]string, len(options))
	for i, o := range options {
		words[i] = o.words
	}
	s := ui.NewChoice(words, nil)
	if i := slices.IndexFunc(options, func(o option[T]) bool { return o.value == now }); i >= 0 {
		s.SetSelectedIndex(i)
	}
	s.OnChanged = func(string) {
		chosen(options[s.SelectedIndex()].value)
		if p.controls[title] != fyne.Focusable(s) { // the page was drawn anew while the menu was open
			p.draw()
		}
	}
	p.controls[title] = s
	name := ui.NewFlow(ui.Span{Text: title, Bold: true}) // which wraps in a narrow window
	wide := &fyne.Container{Layout: wide{}, Objects: []fyne.CanvasObject{s.Frame}}
	parts := []fyne.CanvasObject{ui.NewRow(12, name, name, wide)}
	if note != "" {
		parts = append(parts, ui.Text(note, ui.SmallSize, ui.Muted))
	}
	return ui.NewColumn(4, parts...)
}

// wide is a layout that makes a choice wide enough for its texts.
type wide struct{}

func (wide) Layout(o []fyne.CanvasObject, s fyne.Size) { ui.Put(o[0], 0, 0, s.Width, s.Height) }
func (wide) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(200, o[0].MinSize().Height)
}

// Refresh draws the page and lists graphics cards and microphones again, which can take a moment.
func (p *Page) Refresh() {
	p.draw()
	p.measureStates()
	if p.GPUs != nil {
		go func() {
			list, err := p.GPUs()
			p.Post(func() { p.gpusListed(list, err) })
		}()
	}
	if p.NoMicrophone {
		return
	}
	p.serial++
	serial := p.serial
	go func() {
		names, err := p.Microphones()
		p.Post(func() { p.listed(serial, names, err) })
	}()
}

// listed shows the result of a listing, unless a newer one was started.
func (p *Page) listed(serial int, names []string, err error) {
	if serial == p.serial {
		p.mics, p.micErr, p.known = names, err, true
		p.draw()
	}
}

// draw shows all choices anew. A choice that has the focus passes it on to the new one of the same title.
func (p *Page) draw() {
	v := &p.Values
	set := func(f func()) { f(); p.Change(*v) }
	title := p.focusedTitle()
	p.controls = map[string]fyne.Focusable{}
	list := []fyne.CanvasObject{
		row(p, "Theme", "", []option[ui.Mode]{{"Same as system", ui.System}, {"Light", ui.Light}, {"Dark", ui.Dark}}, v.Theme,
			func(m ui.Mode) { set(func() { v.Theme = m }) }),
	}
	if !p.NoMicrophone {
		list = append(list, ui.NewRule(), p.microphones(set), ui.NewRule(),
			row(p, "Dictation language", "Recognition is more reliable when the language is chosen.", p.languages(), v.Language,
				func(l string) { set(func() { v.Language = l }) }))
		list = append(list, p.dictation(set)...)
	}
	list = append(list, ui.NewRule(), p.words(title == wordsTitle))
	list = append(list, ui.NewRule(),
		row(p, "Context length", "How much of a conversation the model reads at once, in tokens: a token is a short word or a piece of a longer one. More tokens use more memory. A change loads the model again.", lengths(v.Context), v.Context, func(n int) { set(func() { v.Context = n }) }),
		ui.NewRule(),
		row(p, "Long chats", "What is done when a chat no longer fits into the context. An answer for which messages were left out says so; the chat itself keeps them all.",
			[]option[engine.Overflow]{{"Say so and stop", ""}, {"Leave out the oldest messages", engine.DropMiddle}}, v.LongChats, func(o engine.Overflow) { set(func() { v.LongChats = o }) }),
		ui.NewRule(),
		row(p, "Processor cores", "How many cores of the processor work on an answer. A change loads the model again.", threads(p.Cores, v.Threads), v.Threads, func(n int) { set(func() { v.Threads = n }) }),
		ui.NewRule(),
		row(p, "Precision of what was read", "How exactly the processor keeps what the model has read of a chat. Fewer bits use less memory, 4 of them at the cost of worse answers. A change loads the model again.",
			[]option[engine.KV]{{"8 bits", ""}, {"16 bits", engine.KVF16}, {"4 bits", engine.KVQ4}}, v.KV, func(k engine.KV) { set(func() { v.KV = k }) }),
		ui.NewRule(),
		p.cards(set), ui.NewRule(), p.api(set), ui.NewRule(), p.states(set), ui.NewRule(), p.data(), ui.NewRule(), keys())
	p.pane.Keep(list...)
	p.fit()
	if c := p.controls[title]; c != nil && title != "" {
		fyne.CurrentApp().Driver().CanvasForObject(p.Object).Focus(c)
	}
}

// focusedTitle returns the title of the control that has the focus; "" if none has it.
func (p *Page) focusedTitle() string {
	c := fyne.CurrentApp().Driver().CanvasForObject(p.Object)
	if c == nil || c.Focused() == nil {
		return ""
	}
	for title, control := range p.controls {
		if control == c.Focused() {
			return title
		}
	}
	return ""
}

// data says where the user's data are.
func (p *Page) data() fyne.CanvasObject {
	show := ui.NewButton(ui.Plain, "Show the folder", func() { p.ShowFile(p.Data) })
	p.controls["Your data"] = show
	return ui.NewColumn(6, ui.NewLabel("Your data", ui.TextSize, ui.Ink).Strong(),
		ui.Text("Conversations, models and settings are in "+p.Data+". Deleted chats and transcripts stay in the trash for 30 days. Nothing that you write or say leaves this computer.", ui.SmallSize, ui.Muted),
		ui.NewRow(0, nil, show))
}

// mostWordRows is the number of rows up to which the entry for the user's words grows.
const mostWordRows = 12

// newEntry returns the entry for the user's own words. A change is stored within ui.SoonTime, and not at once, since it writes a
// file, or when the entry loses the focus.
func (p *Page) newEntry() *ui.Entry {
	e := ui.NewText()
	e.SetText(p.Values.Words)
	e.SetPlaceHolder("Dashwood, Kraków, SmolLM2")
	e.OnShortcut = p.Shortcut
	e.OnKey = func(k *fyne.KeyEvent) bool {
		if k.Name == fyne.KeyEscape || k.Name == fyne.KeyPageUp || k.Name == fyne.KeyPageDown {
			ui.UnusedKey(e, k)
			return true
		}
		return false
	}
	keep := func() {
		if e.Text != p.Values.Words && len(e.Text) <= mostWords {
			p.Values.Words = e.Text
			p.Change(p.Values)
		}
	}
	p.typed = &ui.Soon{Post: p.Post, Do: keep}
	e.OnChanged = func(string) {
		p.fit()
		p.typed.Start()
	}
	e.OnFocus = func(on bool) {
		if !on {
			keep()
		}
	}
	return e
}

// fit gives the entry the number of rows of its text.
func (p *Page) fit() {
	rows := 2
	if w := p.entry.Size().Width; w > 40 {
		rows = max(2, min(mostWordRows, p.entry.Rows(w)))
	}
	p.entry.SetMinRowsVisible(rows)
	p.tooLong.Hidden = len(p.entry.Text) <= mostWords
	p.pane.Changed(false)
}

// words shows the entry for the user's own words, which dictation and recordings use. While it is being written in, its text is
// newer than that of the settings.
func (p *Page) words(writing bool) fyne.CanvasObject {
	e := p.entry
	if e.Text != p.Values.Words && !writing && len(e.Text) <= mostWords {
		e.SetText(p.Values.Words)
	}
	p.controls[wordsTitle] = e
	return ui.NewColumn(4, ui.NewLabel(wordsTitle, ui.TextSize, ui.Ink).Strong(),
		ui.Text("Names and terms, spelled as you write them, separated by commas. Dictation and transcription recognise them more reliably. A few dozen at most.", ui.SmallSize, ui.Muted),
		ui.NewBox("", ui.Line, 8, 1, 1, e), p.tooLong)
}

const wordsTitle = "Your words"

// dictation shows how spoken words are written, and where.
func (p *Page) dictation(set func(func())) []fyne.CanvasObject {
	v := &p.Values
	list := []fyne.CanvasObject{ui.NewRule(),
		row(p, "Leave out “um” and “uh”", "And other filler sounds, in English, German, French and some other languages.",
			[]option[bool]{{"No", false}, {"Yes", true}}, v.Fillers, func(b bool) { set(func() { v.Fillers = b }) }),
		ui.NewRule(),
		row(p, "“New line” and “new paragraph” are commands", "Spoken with a short pause before and after, they begin a new line or paragraph. Otherwise they are written as words.",
			[]option[bool]{{"Yes", false}, {"No", true}}, v.Literal, func(b bool) { set(func() { v.Literal = b }) })}
	if p.Hotkeys == nil {
		return list
	}
	keys := []option[string]{{"Off", ""}}
	for _, k := range p.Hotkeys {
		keys = append(keys, option[string]{k, k})
	}
	note := "Hold these keys, or press them once to start and once to stop, and what you say is typed into the active window. A desktop shortcut for “soberano dictate --toggle” does the same."
	if p.NoHotkey != "" {
		note = p.NoHotkey
	}
	return append(list, ui.NewRule(),
		row(p, "Dictate in any program", note, with(keys, v.Hotkey, v.Hotkey), v.Hotkey, func(k string) { set(func() { v.Hotkey = k }) }))
}

func (p *Page) microphones(set func(func())) fyne.CanvasObject {
	v := &p.Values
	options := []option[string]{{"System default", ""}}
	for _, n := range p.mics {
		options = append(options, option[string]{n, n})
	}
	note := ""
	if p.micErr != nil {
		note = problem.Text(p.micErr)
	}
	if v.Microphone != "" && !slices.Contains(p.mics, v.Microphone) {
		words := v.Microphone
		if p.known {
			words += " (not connected)"
		}
		options = append(options, option[string]{words, v.Microphone})
	}
	return row(p, "Microphone", note, options, v.Microphone, func(m string) { set(func() { v.Microphone = m }) })
}

func (p *Page) languages() []option[string] {
	codes := p.Languages
	if len(codes) == 0 {
		codes = whisper
	}
	options := []option[string]{{"Detect automatically", ""}}
	for _, c := range codes {
		options = append(options, option[string]{asr.LanguageName(c), c})
	}
	slices.SortStableFunc(options[1:], func(a, b option[string]) int { return strings.Compare(a.words, b.words) })
	return with(options, p.Values.Language, asr.LanguageName(p.Values.Language))
}

// Spoken returns the codes of all languages that can be spoken.
func Spoken() []string { return whisper }

// whisper are the languages of Whisper's multilingual models.
var whisper = strings.Fields(`en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no
	th ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc
	ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue`)

func lengths(now int) []option[int] {
	options := []option[int]{{"Automatic", 0}}
	for n := 2048; n <= 131072; n *= 2 {
		options = append(options, option[int]{models.Grouped(n) + " tokens", n})
	}
	return with(options, now, models.Grouped(now)+" tokens")
}

func threads(cores, now int) []option[int] {
	options := []option[int]{{"Automatic", 0}}
	for n := 1; n <= min(cores, 64); n++ {
		options = append(options, option[int]{strconv.Itoa(n), n})
	}
	return with(options, now, fmt.Sprint(now))
}

// with adds the present value to the options, if it is not among them.
func with[T comparable](options []option[T], now T, words string) []option[T] {
	if !slices.ContainsFunc(options, func(o option[T]) bool { return o.value == now }) {
		options = append(options, option[T]{words, now})
	}
	return options
}

// keys lists the keyboard shortcuts.
func keys() fyne.CanvasObject {
	list := []fyne.CanvasObject{ui.NewLabel("Keys", ui.TextSize, ui.Ink).Strong()}
	for _, k := range [][2]string{{"Ctrl+N", "New chat"}, {"Ctrl+K", "Search all chats"}, {"Ctrl+M", "Choose a model"}, {"Ctrl+L", "Models"}, {"Ctrl+T", "Transcribe files"},
		{"Ctrl+,", "Settings"}, {"Ctrl+O", "Add a model file; on the Transcribe page, a recording"}, {"Ctrl+I", "Add an image to the message"}, {"Ctrl+Space", "Dictate: hold, or press to start and stop"}, {"Enter", "Send the message; Shift+Enter starts a new line"},
		{"Esc", "Stop the answer, or discard the dictation; otherwise go back"}, {"Tab, Shift+Tab", "Next and previous button, entry or list"},
		{"Space, Enter", "Press the button that has the focus"}, {"Page Up, Page Down", "Scroll"}, {"F2, Delete, Menu", "In the list of chats: rename, delete, all actions"},
		{"Ctrl/Shift+click", "In the list of chats: select several; Shift+↑ ↓ does the same"},
		{"Space, Ctrl+F, F2", "In a transcript: play or pause, find, edit a line"}, {"Ctrl+Z, Ctrl+Y", "Undo and redo, also edits of a transcript and its deletion"}} {
		name := ui.NewLabel(k[0], ui.SmallSize, ui.Ink)
		box := &fyne.Container{Layout: keyWidth{}, Objects: []fyne.CanvasObject{name}}
		what := ui.Text(k[1], ui.SmallSize, ui.Muted)
		list = append(list, ui.NewRow(8, what, box, what))
	}
	return ui.NewColumn(5, list...)
}

type keyWidth struct{}

func (keyWidth) Layout(o []fyne.CanvasObject, s fyne.Size) { ui.Put(o[0], 0, 0, s.Width, s.Height) }
func (keyWidth) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(130, o[0].MinSize().Height)
}
