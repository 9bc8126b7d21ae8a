package settings

import (
	"fmt"
	"slices"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"soberano/app/look"
	"soberano/asr"
	"soberano/models"
)

// Config is what the page needs from the window around it.
type Config struct {
	Values      Values
	Cores       int
	Microphones func() ([]string, error) // nil: this build has none
	Languages   []string                 // codes that the speech model knows; empty: a common few
	OnChange    func(Values)
	Data        string // the folder, to be shown
	ShowData    func()
}

// Page is the Settings page.
type Page struct {
	Config
	Object fyne.CanvasObject
	pane   *look.Pane
}

// NewPage is the page; Refresh fills it.
func NewPage(c Config) *Page {
	p := &Page{Config: c, pane: look.NewPane()}
	p.Object = p.pane.Object
	return p
}

// option is a line of a choice: what is shown and what is kept.
type option[T comparable] struct {
	words string
	value T
}

// row is a choice with its name and a line on what it does.
func row[T comparable](title, note string, options []option[T], now T, chosen func(T)) fyne.CanvasObject {
	words := make([]string, len(options))
	for i, o := range options {
		words[i] = o.words
	}
	s := widget.NewSelect(words, nil)
	if i := slices.IndexFunc(options, func(o option[T]) bool { return o.value == now }); i >= 0 {
		s.SetSelectedIndex(i)
	}
	s.OnChanged = func(string) { chosen(options[s.SelectedIndex()].value) }
	name := look.NewLabel(title, look.TextSize, look.Ink).Strong().Shrink(60)
	wide := &fyne.Container{Layout: wide{}, Objects: []fyne.CanvasObject{s}}
	parts := []fyne.CanvasObject{look.NewRow(12, name, name, wide)}
	if note != "" {
		parts = append(parts, look.Text(note, look.SmallSize, look.Muted))
	}
	return look.NewColumn(4, parts...)
}

// wide gives a choice room for its words.
type wide struct{}

func (wide) Layout(o []fyne.CanvasObject, s fyne.Size) { look.Put(o[0], 0, 0, s.Width, s.Height) }
func (wide) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(200, o[0].MinSize().Height)
}

// Refresh reads the microphones again.
func (p *Page) Refresh() {
	v := &p.Values
	set := func(f func()) { f(); p.OnChange(*v) }
	list := []fyne.CanvasObject{
		row("Colours", "", []option[look.Mode]{{"As the system", look.System}, {"Light", look.Light}, {"Dark", look.Dark}}, v.Theme,
			func(m look.Mode) { set(func() { v.Theme = m }) }),
	}
	if p.Microphones != nil {
		list = append(list, look.NewRule(), p.microphones(set), look.NewRule(),
			row("Language of dictation", "What is said is heard more surely when the language is chosen.", p.languages(), v.Language,
				func(l string) { set(func() { v.Language = l }) }))
	}
	list = append(list, look.NewRule(),
		row("Length of a conversation", "More tokens take more memory. The model is loaded again.", lengths(v.Context), v.Context, func(n int) { set(func() { v.Context = n }) }),
		look.NewRule(),
		row("Threads", "How many cores work on an answer. The model is loaded again.", threads(p.Cores, v.Threads), v.Threads, func(n int) { set(func() { v.Threads = n }) }),
		look.NewRule(),
		look.NewColumn(6, look.NewLabel("Your data", look.TextSize, look.Ink).Strong(),
			look.Text("Conversations, models and settings are in "+p.Data+". Deleted chats are removed for good a day later. Nothing leaves this computer.", look.SmallSize, look.Muted),
			look.NewRow(0, nil, look.NewButton(look.Plain, "Show the folder", p.ShowData))),
		look.NewRule(), keys())
	p.pane.Set(false, list...)
}

func (p *Page) microphones(set func(func())) fyne.CanvasObject {
	v := &p.Values
	options := []option[string]{{"The system's choice", ""}}
	names, err := p.Microphones()
	for _, n := range names {
		options = append(options, option[string]{n, n})
	}
	note := ""
	if err != nil {
		note = "No microphone can be used now: " + err.Error() + "."
	}
	if v.Microphone != "" && !slices.Contains(names, v.Microphone) {
		options = append(options, option[string]{v.Microphone + " (not there now)", v.Microphone})
	}
	return row("Microphone", note, options, v.Microphone, func(m string) { set(func() { v.Microphone = m }) })
}

func (p *Page) languages() []option[string] {
	codes := p.Languages
	if len(codes) == 0 {
		codes = []string{"en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "tr", "zh", "ja"}
	}
	options := []option[string]{{"Heard from the audio", ""}}
	for _, c := range codes {
		options = append(options, option[string]{asr.LanguageName(c), c})
	}
	slices.SortStableFunc(options[1:], func(a, b option[string]) int {
		if a.words < b.words {
			return -1
		}
		return 1
	})
	return options
}

func lengths(now int) []option[int] {
	options := []option[int]{{"The program's choice", 0}}
	for n := 2048; n <= 131072; n *= 2 {
		options = append(options, option[int]{models.Grouped(n) + " tokens", n})
	}
	return with(options, now, models.Grouped(now)+" tokens")
}

func threads(cores, now int) []option[int] {
	options := []option[int]{{"The program's choice", 0}}
	for n := 1; n <= min(cores, 64); n++ {
		options = append(options, option[int]{strconv.Itoa(n), n})
	}
	return with(options, now, fmt.Sprint(now))
}

// with adds what the file says, if it is not among the options.
func with(options []option[int], now int, words string) []option[int] {
	if !slices.ContainsFunc(options, func(o option[int]) bool { return o.value == now }) {
		options = append(options, option[int]{words, now})
	}
	return options
}

// keys lists what the keyboard does.
func keys() fyne.CanvasObject {
	list := []fyne.CanvasObject{look.NewLabel("Keys", look.TextSize, look.Ink).Strong()}
	for _, k := range [][2]string{{"Ctrl+N", "New chat"}, {"Ctrl+K", "Search all chats"}, {"Ctrl+M", "Choose a model"}, {"Ctrl+L", "Models"},
		{"Ctrl+,", "Settings"}, {"Ctrl+O", "Add a model file"}, {"Ctrl+Space", "Speak: hold, or press to start and stop"}, {"Enter", "Send; Shift+Enter begins a new line"},
		{"Esc", "Discard what is being said, or stop the answer"}, {"Page Up, Page Down", "Scroll"}} {
		name := look.NewLabel(k[0], look.SmallSize, look.Ink)
		box := &fyne.Container{Layout: keyWidth{}, Objects: []fyne.CanvasObject{name}}
		what := look.NewLabel(k[1], look.SmallSize, look.Muted).Shrink(60)
		list = append(list, look.NewRow(8, what, box, what))
	}
	return look.NewColumn(5, list...)
}

type keyWidth struct{}

func (keyWidth) Layout(o []fyne.CanvasObject, s fyne.Size) { look.Put(o[0], 0, 0, s.Width, s.Height) }
func (keyWidth) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(130, o[0].MinSize().Height)
}
