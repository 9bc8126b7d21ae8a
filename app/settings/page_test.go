package settings

// The tests show the page in memory: a choice reaches Change, and every state is drawn to build/screens.

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"fyne.io/fyne/v2"

	"soberano/app/choice"
	"soberano/app/host"
	"soberano/app/ui"
	"soberano/app/ui/uitest"
	"soberano/asr/mic"
	"soberano/engine"
)

type stage struct {
	*uitest.Stage
	*Page
	heard  []Values
	mics   []string
	micErr error
	api    API
	copied []string
	states atomic.Int64 // bytes on disk
}

func newStage(t *testing.T, v Values, mode ui.Mode, micErr error) *stage {
	t.Helper()
	s := &stage{Stage: uitest.New(t, "settings", mode), mics: []string{"Built-in microphone", "USB headset"}, micErr: micErr}
	s.Page = NewPage(Config{Window: frame{s.Stage, s}, Values: v, Cores: 8, Hotkeys: []string{"Ctrl+Alt+D", "F9"}, Data: "/home/ada/.local/share/soberano"})
	s.Show(s.Object)
	s.Refresh()
	for range 2 { // the microphones, and what is kept of chats
		(<-s.Q)()
	}
	return s
}

// frame is the window around the page.
type frame struct {
	*uitest.Stage
	s *stage
}

func (frame) Device() string                { return "AVX2, 4 threads" }
func (frame) Layers() int                   { return 24 }
func (f frame) Copy(text string)            { f.s.copied = append(f.s.copied, text) }
func (f frame) API() API                    { return f.s.api }
func (frame) ShowFile(string)               {}
func (frame) Shortcut(fyne.Shortcut) bool   { return false }
func (f frame) StatesBytes() (int64, error) { return f.s.states.Load(), nil }
func (f frame) DeleteStates()               { f.s.states.Store(0); f.s.Refresh() }
func (f frame) Change(v Values)             { f.s.heard = append(f.s.heard, v) }

func (f frame) Microphones() ([]string, error) {
	if f.s.micErr != nil {
		return nil, f.s.micErr
	}
	return f.s.mics, nil
}

// TestAPI checks that the server for other programs is off until it is switched on, and that its state is shown as it is.
func TestAPI(t *testing.T) {
	s := newStage(t, Values{}, ui.Light, nil)
	choice := s.controls[apiTitle].(*ui.Choice)
	if choice.SelectedIndex() != 0 || s.controls[apiTitle+" key"] != nil {
		t.Errorf("the server is not off: %d", choice.SelectedIndex())
	}
	choice.SetSelectedIndex(1)
	if n := len(s.heard); n == 0 || !s.heard[n-1].API {
		t.Fatalf("%+v", s.heard)
	}
	s.api = API{URL: "http://127.0.0.1:11500", Key: "sob-key"}
	s.draw()
	for _, name := range []string{" address", " key"} {
		s.controls[apiTitle+name].(*ui.Button).Tapped(nil)
	}
	if strings.Join(s.copied, " ") != "http://127.0.0.1:11500 sob-key" {
		t.Errorf("copied %q", s.copied)
	}
	s.Shot("api-on")
	s.api = API{Failed: "Another program uses the address."}
	s.draw()
	if s.controls[apiTitle+" key"] != nil {
		t.Error("a server that does not answer shows a key")
	}
	s.Shot("api-taken")
}

// TestKeptStates checks that the page says what is kept of chats, passes on how much may be, and that a button deletes it.
func TestKeptStates(t *testing.T) {
	s := newStage(t, Values{}, ui.Light, nil)
	s.Expect("Nothing is kept now.")
	if s.controls[statesTitle+" delete"] != nil {
		t.Error("nothing can be deleted")
	}
	refresh := func() {
		s.Refresh()
		for range 2 {
			(<-s.Q)()
		}
	}
	s.states.Store(123_456_789)
	refresh()
	s.Expect("Kept now: 123 MB.")
	s.Win.Resize(fyne.NewSize(944, 1900))
	s.Shot("states")
	for i, want := range []int64{-1, 0, 4e9, 16e9} {
		s.controls[statesTitle].(*ui.Choice).SetSelectedIndex((i + 1) % 4) // so that it changes
		s.controls[statesTitle].(*ui.Choice).SetSelectedIndex(i)
		if got := s.heard[len(s.heard)-1].States; got != want {
			t.Errorf("choice %d: %d bytes, not %d", i, got, want)
		}
	}
	s.controls[statesTitle+" delete"].(*ui.Button).Tapped(nil)
	for range 2 {
		(<-s.Q)()
	}
	s.Expect("Nothing is kept now.")
}

func (s *stage) selects() (list []*ui.Choice) {
	s.Walk(func(o fyne.CanvasObject) {
		if x, ok := o.(*ui.Choice); ok {
			list = append(list, x)
		}
	})
	return list
}

// Each choice changes its own value and no other.
func TestChoices(t *testing.T) {
	s := newStage(t, Values{Theme: ui.System, Models: choice.Models{ChatModel: "qwen3"}}, ui.Light, nil)
	choices := []string{"Dark", "USB headset", "German", "Yes", "No", "Ctrl+Alt+D", "8,192 tokens", "Leave out the oldest messages", "3", "4 bits", "Off"}
	for i, words := range choices {
		s.selects()[i].SetSelected(words)
	}
	var want []Values
	v := Values{}
	for _, change := range []func(){func() { v.Theme = ui.Dark }, func() { v.Microphone = "USB headset" }, func() { v.Language = "de" }, func() { v.Fillers = true },
		func() { v.Literal = true }, func() { v.Hotkey = "Ctrl+Alt+D" }, func() { v.Context = 8192 }, func() { v.LongChats = engine.DropMiddle }, func() { v.Threads = 3 }, func() { v.KV = engine.KVQ4 }, func() { v.GPU = host.GPUOff }} {
		change()
		want = append(want, v)
	}
	if len(s.heard) != len(want) {
		t.Fatalf("heard %+v", s.heard)
	}
	for i := range want {
		want[i].ChatModel = "qwen3"
		if s.heard[i] != want[i] {
			t.Errorf("%d: heard %+v, want %+v", i, s.heard[i], want[i])
		}
	}
	s.Refresh()
	(<-s.Q)()
	for i, words := range choices {
		if got := s.selects()[i].Selected; got != words {
			t.Errorf("drawn again, choice %d shows %q, want %q", i, got, words)
		}
	}
	for i, first := range []string{"Same as system", "System default", "Detect automatically", "No", "Yes", "Off", "Automatic", "Say so and stop", "Automatic", "8 bits", "Automatic"} {
		s.selects()[i].SetSelected(first)
	}
	if got := s.heard[len(s.heard)-1]; got != (Values{Theme: ui.System, Models: choice.Models{ChatModel: "qwen3"}}) {
		t.Errorf("all back, but %+v", got)
	}
}

// A value from the file is kept and shown, even if it is not one of the usual options.
func TestUnusualValues(t *testing.T) {
	s := newStage(t, Values{Theme: ui.Light, Microphone: "Old webcam", Language: "tlh", Hotkey: "Hyper+F13", Context: 5000, Threads: 99, GPU: "7", GPUDevice: "3", CPUExperts: true}, ui.Light, nil)
	for i, want := range []string{"Light", "Old webcam (not connected)", "tlh", "No", "Yes", "Hyper+F13", "5,000 tokens", "Say so and stop", "99", "8 bits", "Number 3", "7", "On the processor"} {
		if got := s.selects()[i].Selected; got != want {
			t.Errorf("choice %d shows %q, want %q", i, got, want)
		}
	}
	if len(s.heard) != 0 {
		t.Errorf("drawing has changed the settings: %+v", s.heard)
	}
}

// A listing that returns late does not replace a newer one.
func TestLateListing(t *testing.T) {
	s := newStage(t, Values{}, ui.Light, nil)
	s.Refresh()
	s.Refresh()
	a, b := <-s.Q, <-s.Q
	s.listed(s.serial, []string{"New one"}, nil)
	serial := s.serial
	s.serial++ // both are outdated by this
	a()
	b()
	if len(s.Page.mics) != 1 || s.Page.mics[0] != "New one" || serial+1 != s.serial {
		t.Errorf("the page knows %v", s.Page.mics)
	}
}

func TestLanguages(t *testing.T) {
	s := newStage(t, Values{}, ui.Light, nil)
	options := s.selects()[2].Options
	if len(options) != len(whisper)+1 || len(options) != 101 {
		t.Errorf("%d languages", len(options)-1)
	}
	for _, o := range options {
		if len(o) < 3 {
			t.Errorf("the language %q has no name", o)
		}
	}
}

func TestStates(t *testing.T) {
	for _, mode := range []ui.Mode{ui.Light, ui.Dark} {
		s := newStage(t, Values{Theme: mode, Language: "de", Microphone: "USB headset"}, mode, nil)
		for _, want := range []string{"Theme", "Microphone", "Dictation language", "Leave out “um” and “uh”", "Dictate in any program", "Context length", "Processor cores", "Your data", "/home/ada/.local/share/soberano", "Ctrl+Space"} {
			if !strings.Contains(s.Words(), want) {
				t.Errorf("%q is not shown in:\n%s", want, s.Words())
			}
		}
		s.Shot(string(mode))
		s.Win.Canvas().Focus(s.selects()[1])
		s.Win.Resize(fyne.NewSize(600, 704))
		s.Shot("narrow-" + string(mode))
		s.Win.Resize(fyne.NewSize(944, 704))
		s.selects()[2].Tapped(nil)
		s.Shot("open-" + string(mode))
	}
	s := newStage(t, Values{}, ui.Light, mic.ErrNone)
	if !strings.Contains(s.Words(), "No microphone was found. Plug one in") {
		t.Errorf("shown is:\n%s", s.Words())
	}
	s.Shot("no-microphones")
}

// The user's own words are stored a moment after they were typed, or when the entry loses the focus.
func TestYourWords(t *testing.T) {
	s := newStage(t, Values{Words: "Kraków"}, ui.Light, nil)
	var e *ui.Entry
	s.Walk(func(o fyne.CanvasObject) {
		if x, ok := o.(*ui.Entry); ok {
			e = x
		}
	})
	if e == nil || e.Text != "Kraków" {
		t.Fatalf("the entry is %+v", e)
	}
	e.SetText("Kraków, Jon Dashwoode")
	e.SetText("Kraków, Jon Dashwoode\nSmolLM2,, ")
	if len(s.heard) != 0 {
		t.Errorf("kept at once: %+v", s.heard)
	}
	(<-s.Q)()
	if len(s.heard) != 1 || fmt.Sprint(s.heard[0].Vocabulary()) != "[Kraków Jon Dashwoode SmolLM2]" {
		t.Errorf("kept %+v", s.heard)
	}
	e.SetText("")
	e.FocusLost()
	if len(s.heard) != 2 || s.heard[1].Vocabulary() != nil {
		t.Errorf("kept %+v", s.heard)
	}
	s.Shot("your-words")
}

// A megabyte of words is stored; of more the page says that it is not, and leaves it in the entry.
func TestVeryManyWords(t *testing.T) {
	s := newStage(t, Values{}, ui.Light, nil)
	var e *ui.Entry
	s.Walk(func(o fyne.CanvasObject) {
		if x, ok := o.(*ui.Entry); ok {
			e = x
		}
	})
	megabyte := strings.Repeat("x", mostName+1) + "," + strings.Repeat("Dashwood, ", 100_000)
	e.Insert(megabyte)
	e.FocusLost()
	if len(s.heard) != 1 || s.heard[0].Words != megabyte || len(s.heard[0].Vocabulary()) != mostNames || s.heard[0].Vocabulary()[0] != "Dashwood" {
		t.Fatalf("kept %d times", len(s.heard))
	}
	dir := t.TempDir()
	if err := Save(dir, s.heard[0]); err != nil {
		t.Fatal(err)
	}
	if v, err := Load(dir); err != nil || v.Words != megabyte {
		t.Errorf("loaded %d bytes: %v", len(v.Words), err)
	}
	if strings.Contains(s.Words(), "too long") {
		t.Error("a megabyte is said to be too long")
	}
	e.Insert(megabyte + megabyte)
	e.FocusLost()
	s.Refresh()
	s.Expect("too long to be stored")
	if len(e.Text) != 3*len(megabyte) || len(s.heard) != 1 {
		t.Errorf("%d bytes are left, kept %d times", len(e.Text), len(s.heard))
	}
}
