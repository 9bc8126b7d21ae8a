package shell

// The tests draw every state in both themes to build/screens, for inspection by a person, and check that the words of each state
// are shown.

import (
	"errors"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"soberano/app/chat"
	"soberano/app/settings"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/app/voice"
	"soberano/asr"
	"soberano/engine"
	"soberano/models"
	"soberano/models/registry"
)

// shot draws the window into a file, and returns its words.
func (s *stage) shot(name string) string {
	s.t.Helper()
	s.q.settle()
	if testing.Short() { // under the race detector a picture takes seconds
		return s.words()
	}
	dir := filepath.Join("..", "..", "build", "screens")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		s.t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, name+".png"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	fast := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := fast.Encode(f, s.win.Canvas().Capture()); err != nil {
		s.t.Fatal(err)
	}
	return s.words()
}

// tap taps the visible button with that label.
func (s *stage) tap(label string) {
	s.t.Helper()
	var found *ui.Button
	s.walk(func(o fyne.CanvasObject) {
		if b, ok := o.(*ui.Button); ok && b.Label == label {
			found = b
		}
	})
	if found == nil {
		s.t.Fatalf("there is no button %q in:\n%s", label, s.words())
	}
	test.Tap(found)
}

// walk visits all visible objects.
func (s *stage) walk(visit func(fyne.CanvasObject)) {
	var walk func(o fyne.CanvasObject)
	walk = func(o fyne.CanvasObject) {
		if !o.Visible() {
			return
		}
		visit(o)
		switch o := o.(type) {
		case *fyne.Container:
			for _, c := range o.Objects {
				walk(c)
			}
		case fyne.Widget:
			for _, c := range test.WidgetRenderer(o).Objects() {
				walk(c)
			}
		}
	}
	walk(s.Object)
	for _, o := range s.win.Canvas().Overlays().List() {
		walk(o)
	}
}

// words returns all visible texts, one on each line.
func (s *stage) words() string {
	var list []string
	s.walk(func(o fyne.CanvasObject) {
		if t, ok := o.(*canvas.Text); ok {
			list = append(list, t.Text)
		}
	})
	return strings.Join(list, "\n")
}

func (s *stage) expect(words string, want ...string) {
	s.t.Helper()
	flat := strings.Join(strings.Fields(words), " ")
	for _, w := range want {
		if !strings.Contains(flat, w) {
			s.t.Errorf("%q is not shown in:\n%s", w, words)
		}
	}
}

// fill creates a typical history of conversations.
func (s *stage) fill() {
	s.t.Helper()
	for _, title := range []string{"Notes from the Tuesday call", "Explain photosynthesis simply", "Names for a sailing boat", "Letter to the landlord"} {
		c, err := s.store.New()
		if err == nil {
			_, err = s.store.Append(store.Message{Conversation: c.ID, Role: store.User, Content: title})
		}
		if err == nil {
			_, err = s.store.Append(store.Message{Conversation: c.ID, Role: store.Assistant, Content: "An answer about " + title + ".", Model: "SmolLM2 135M", Tokens: 40})
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	s.newChat("")
}

const answerText = "Use **slices.SortFunc** with a comparison on the field you care about. It sorts in place and needs no extra type:\n\n" +
	"```go\nslices.SortFunc(people, func(a, b Person) int {\n    return cmp.Compare(a.Age, b.Age) // youngest first\n})\n```\n\n" +
	"For a stable order among equal ages, use **slices.SortStableFunc** instead. If you need the oldest first, swap the two arguments of **cmp.Compare**"

const everything = "# Everything at once\n\nA paragraph with **bold**, *italic*, ***both***, `code`, ~~struck~~ and a [link](https://go.dev/doc). Ünïcödé, 漢字かな, العربية, emoji 👍.\n\n" +
	"## Lists\n\n1. first\n2. second with a longer text that runs over the end of its line so that one sees how the next line stands below it, and on\n   - nested\n   - again\n     - deeper\n10. tenth\n\n- [x] done\n- [ ] open\n\n" +
	"> A quote that says something\n> over two lines.\n\n---\n\n| Name | Age | Remark |\n|:-----|----:|:------:|\n| Ada | 36 | wrote the first program, and much else that would take a wider column |\n| Bob | 7 | – |\n\n" +
	"```python\ndef f(x: int) -> str:\n    \"\"\"Doc.\"\"\"\n    return f\"{x:>10}\"  # a comment with a very long line that has to wrap somewhere because it is much too long for the column\n```\n\n```\nplain text\n```\n\nA_very_long_word_" + "without_any_space_in_it_" + "without_any_space_in_it_without_any_space_in_it_without_any_space_in_it_at_all.\n"

// closeCards closes the cards of imports.
func (s *stage) closeCards() {
	s.t.Helper()
	s.tap("Close")
}

func themes(t *testing.T, f func(t *testing.T, mode ui.Mode)) {
	for _, m := range []ui.Mode{ui.Light, ui.Dark} {
		t.Run(string(m), func(t *testing.T) { f(t, m) })
	}
}

func (s *stage) dress(m ui.Mode) {
	v := s.values.Values()
	v.Theme = m
	s.change(v)
}

func TestStates(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		name := func(s string) string { return s + "-" + string(m) }
		t.Run("empty", func(t *testing.T) {
			s := newStage(t, "", smol, base)
			s.dress(m)
			s.fill()
			s.ready()
			s.expect(s.shot(name("empty")), "What can I help with?", "Everything stays on this computer.", "SmolLM2 135M", "Q4_1 · included", "offline", "often wrong", "2,048 tokens", "Today", "Letter to the landlord")
		})
		t.Run("no model", func(t *testing.T) {
			s := newStage(t, "")
			s.dress(m)
			s.expect(s.shot(name("no-model")), "No model yet", "Drop a model file (GGUF)", "Choose a file")
			s.send("Hello, are you there?")
			s.expect(s.shot(name("no-model-asked")), "Hello, are you there?", "Your message is answered when a model is ready.")
		})
		t.Run("loading", func(t *testing.T) {
			hold := make(chan struct{})
			s := newStage(t, "")
			s.hold = hold
			s.dress(m)
			s.use(smol)
			s.send("Are you ready?")
			s.expect(s.shot(name("loading")), "Loading SmolLM2 135M…", "loading…")
			close(hold)
			s.ready()
			s.say("Yes.")
			close(s.model.words)
			s.q.until(t, "the kept message to be answered", func() bool { return !s.chat.Busy() })
			s.expect(s.words(), "Yes.", "Copy answer")
		})
		t.Run("streaming", func(t *testing.T) {
			s := newStage(t, "", smol, base)
			s.dress(m)
			s.fill()
			s.ready()
			s.send("How do I sort people by age in Go, youngest first?")
			for _, w := range strings.SplitAfter(answerText, " ") {
				s.say(w)
			}
			s.q.until(t, "the last word", func() bool {
				return strings.Contains(s.words(), "cmp.Compare") && strings.Contains(s.words(), "arguments")
			})
			s.expect(s.shot(name("streaming")), "118 tokens a second", "Stop (Esc)", "slices.SortFunc", "go", "Copy", "of 2,048")
			s.say(".\n\nThat is all.")
			close(s.model.words)
			s.q.until(t, "the end", func() bool { return !s.chat.Busy() })
			s.expect(s.shot(name("done")), "That is all.", "Copy answer")
		})
		t.Run("markdown", func(t *testing.T) {
			s := newStage(t, "", smol)
			s.dress(m)
			s.ready()
			s.send("Show me everything")
			s.say(everything)
			close(s.model.words)
			s.q.until(t, "the end", func() bool { return !s.chat.Busy() })
			s.win.Resize(fyne.NewSize(1200, 1500))
			s.expect(s.shot(name("markdown")), "Everything at once", "nested", "Ada")
		})
		t.Run("broken", func(t *testing.T) {
			s := newStage(t, "", smol)
			s.ready()
			s.dress(m)
			s.fail["qwen3"] = models.Corrupt("qwen3-4b.gguf", "is cut short: tensor \"blk.17.ffn_up.weight\" should end at byte 1,911,234,560, but the file has 1,610,612,736 bytes")
			s.use(registry.Entry{Name: "qwen3", Info: qwen})
			s.q.until(t, "the failure", func() bool { return s.runner.Status().Phase == chat.Broken && len(s.q) == 0 })
			s.expect(s.shot(name("broken-empty")), "This model could not be loaded.", "Choose another model")
			s.send("Please write a short letter to my landlord about the heating that has not worked since Monday.")
			s.expect(s.shot(name("broken")), "This model could not be loaded.", "is cut short", "Download it again.", "Try again", "Choose another model", "Show the file", "Copy details", "Write a message. It is answered when a model is ready.")
		})
		t.Run("full", func(t *testing.T) {
			s := newStage(t, "", smol)
			s.dress(m)
			s.ready()
			s.model.reason = engine.ContextFull
			s.send("Tell me a very long story")
			s.say("Once upon a time")
			close(s.model.words)
			s.q.until(t, "the end", func() bool { return !s.chat.Busy() })
			s.expect(s.shot(name("full")), "This conversation is full.", "2,048 tokens", "New chat")
		})
		t.Run("shortened", func(t *testing.T) {
			s := newStage(t, "", smol)
			s.dress(m)
			s.ready()
			s.model.dropped = 900
			s.change(settings.Values{LongChats: engine.DropMiddle})
			s.send("Tell me more")
			s.say("Once upon a time")
			close(s.model.words)
			s.q.until(t, "the end", func() bool { return !s.chat.Busy() })
			s.expect(s.shot(name("shortened")), "without its oldest messages")
		})
		t.Run("wordless", func(t *testing.T) {
			s := newStage(t, "", smol)
			s.dress(m)
			s.ready()
			s.send("The capital of France is")
			s.say("\n")
			close(s.model.words)
			s.q.until(t, "the end", func() bool { return !s.chat.Busy() })
			words := s.shot(name("wordless"))
			s.expect(words, "The model gave an empty answer.", "Try again")
			if strings.Contains(words, "Copy answer") {
				t.Error("there is nothing to copy")
			}
		})
		t.Run("too long", func(t *testing.T) {
			s := newStage(t, "", smol)
			s.dress(m)
			s.ready()
			s.model.err = &engine.ContextError{Prompt: 2707, Context: 2048}
			s.send(strings.Repeat("A long message that goes on and on. ", 300))
			s.q.until(t, "the end", func() bool { return !s.chat.Busy() })
			s.expect(s.shot(name("too-long")), "Your message does not fit.", "2,707 tokens", "New chat with this message", "Show all 10,")
			c, err := s.store.Conversation(s.chat.Conversation())
			if err != nil {
				t.Fatal(err)
			}
			s.newChat("")
			s.openChat(c)
			s.expect(s.shot(name("too-long-again")), "Your message does not fit.", "2,707 tokens", "SmolLM2 135M can read 2,048", "New chat with this message")
			s.tap("New chat with this message")
			if got := s.chat.Composer.Entry.Text; !strings.HasPrefix(got, "A long message") {
				t.Errorf("the new chat's entry holds %q", got)
			}
			s.shot(name("long-draft"))
		})
		t.Run("failed", func(t *testing.T) {
			s := newStage(t, "", smol)
			s.dress(m)
			s.ready()
			s.model.err = errors.New("the template of this model refuses the conversation: roles must alternate")
			s.send("Hello")
			s.q.until(t, "the end", func() bool { return !s.chat.Busy() })
			s.expect(s.shot(name("failed")), "This answer failed.", "The template of this model refuses", "Try again")
			s.model.err = nil
			s.tap("Try again")
			s.say("Hello to you.")
			close(s.model.words)
			s.q.until(t, "the second answer", func() bool { return !s.chat.Busy() })
			if w := s.words(); strings.Contains(w, "failed") || !strings.Contains(w, "Hello to you.") {
				t.Errorf("after trying again:\n%s", w)
			}
		})
		t.Run("dictating", func(t *testing.T) {
			s := newStage(t, "", smol, base)
			s.dress(m)
			s.fill()
			s.ready()
			s.chat.Composer.Entry.SetText("Please write a short letter to my landlord about the heating")
			s.chat.Composer.Entry.SetCaret(len("Please write a short letter to my landlord about the heating"))
			s.chat.Talk.Press()
			s.q.until(t, "recording", func() bool { return s.chat.Talk.State() == voice.Recording })
			s.fakeSpeech.segments <- asr.Segment{Text: "that has not worked since", Language: "en"}
			s.q.until(t, "partial words", func() bool { return strings.Contains(s.words(), "that has not worked since") })
			s.q.until(t, "the time", func() bool { return strings.Contains(s.words(), "0:01 · English") })
			s.expect(s.shot(name("dictating")), "release to finish · Esc discards", "· English")
			s.fakeSpeech.segments <- asr.Segment{Text: "that has not worked since Monday.", Language: "en", Final: true}
			s.chat.Talk.Finish()
			s.q.until(t, "the end of dictation", func() bool { return s.chat.Talk.State() == voice.Idle })
			want := "Please write a short letter to my landlord about the heating that has not worked since Monday. and that is all."
			if got := s.chat.Composer.Entry.Text; got != want {
				t.Errorf("the entry holds %q, want %q", got, want)
			}
		})
		t.Run("no microphone", func(t *testing.T) {
			s := newStage(t, "", smol, base)
			s.dress(m)
			s.ready()
			s.noMic = errors.New("no microphone was found; plug one in, or allow one in the system's sound settings, and try again")
			s.chat.Talk.Press()
			s.chat.Talk.Release()
			s.q.until(t, "the card", func() bool { return strings.Contains(s.words(), "Dictation failed.") })
			s.expect(s.shot(name("no-microphone")), "No microphone was found", "Choose a microphone")
		})
		t.Run("drop", func(t *testing.T) {
			s := newStage(t, "", smol, base)
			s.dress(m)
			s.fill()
			s.ready()
			s.dropped([]fyne.URI{fileURI("/models/Qwen3-4B-Instruct-Q4_K_M.gguf")})
			s.q.until(t, "progress", func() bool { return strings.Contains(s.words(), "Checking 64%") })
			s.expect(s.shot(name("drop")), "Qwen3 4B Instruct", "4.0 billion parameters", "32,768 tokens of context", "Apache-2.0", "Memory: model 2.", "The file stays where it is.", "Copy instead", "Cancel")
			s.shelf.gate <- struct{}{}
			s.q.until(t, "the end of the import", func() bool { return strings.Contains(s.words(), "Use for chat") })
			s.expect(s.shot(name("dropped")), "Added to the library. SmolLM2 135M is used for chat.")
		})
		t.Run("odd drops", func(t *testing.T) {
			s := newStage(t, "", smol, base)
			s.dress(m)
			s.ready()
			s.dropped([]fyne.URI{fileURI("/home/ada/notes.pdf")})
			s.q.until(t, "the answer", func() bool { return strings.Contains(s.words(), "is not a model file") })
			s.expect(s.shot(name("drop-unknown")), "notes.pdf is not a model file.", "Soberano runs GGUF and APR files", "Choose another file")
			s.closeCards()
			s.dropped([]fyne.URI{fileURI("/models/cut.gguf")})
			s.q.until(t, "the answer", func() bool { return strings.Contains(s.words(), "could not be added") })
			s.expect(s.shot(name("drop-cut")), "cut.gguf is cut short", "Download it again.", "Try again")
			s.closeCards()
			s.dropped([]fyne.URI{fileURI("/models/other.gguf")})
			s.q.until(t, "the answer", func() bool { return strings.Contains(s.words(), "can't be run") })
			s.expect(s.shot(name("drop-unsupported")), "Falcon 7B can't be run by this version.", "falcon")
		})
		t.Run("pages", func(t *testing.T) {
			bad := registry.Entry{Name: "bad", Info: qwen, Linked: true}
			s := newStage(t, "", smol, base, bad)
			s.shelf.broken = []error{errors.New("gemma is a broken entry of the library: entry.json can't be read")}
			s.dress(m)
			s.ready()
			s.show(modelsPage)
			s.expect(s.shot(name("models")), "Models", "For chat", "For dictation", "In use", "Use for chat", "linked", "included", "broken entry")
			s.show(settingsPage)
			s.expect(s.shot(name("settings")), "Theme", "Microphone", "Dictation language", "Processor cores", "Ctrl+Space")
		})
		t.Run("small windows", func(t *testing.T) {
			s := newStage(t, "", smol, base)
			s.dress(m)
			s.fill()
			s.ready()
			s.send("How do I sort people by age in Go, youngest first?")
			s.say(answerText)
			close(s.model.words)
			s.q.until(t, "the end", func() bool { return !s.chat.Busy() })
			s.win.Resize(fyne.NewSize(900, 600))
			s.shot(name("900x600"))
			s.win.Resize(fyne.NewSize(560, 640))
			if w := s.shot(name("narrow")); strings.Contains(w, "Search all chats") || !strings.Contains(w, "Chats") {
				t.Errorf("the side does not fold away:\n%s", w)
			}
			s.fold(true)
			s.expect(s.shot(name("narrow-side")), "New chat", "Letter to the landlord")
			s.show(modelsPage)
			s.shot(name("narrow-models"))
		})
		t.Run("menus and focus", func(t *testing.T) {
			s := newStage(t, "", smol, registry.Entry{Name: "qwen3", Info: qwen}, base)
			s.dress(m)
			s.fill()
			s.ready()
			s.chooseModel()
			s.expect(s.shot(name("model-menu")), "Qwen3 4B Instruct Q4_K_M", "Add a model file…")
			s.win.Canvas().Overlays().Top().Hide()
			s.win.Canvas().Focus(s.side.list)
			s.side.list.TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
			s.shot(name("focus-list"))
			s.press(fyne.KeyDelete, 0)
			s.expect(s.shot(name("deleted")), "is deleted.", "Undo")
			s.side.search.SetText("PHOTOSYN")
			s.q.until(t, "the search", func() bool { return len(s.side.list.rows) == 1 })
			s.expect(s.shot(name("search")), "Explain photosynthesis simply")
			s.side.search.SetText("zebra")
			s.q.until(t, "the search", func() bool { return len(s.side.list.rows) == 0 })
			s.expect(s.shot(name("search-nothing")), "Nothing found")
		})
	})
}
