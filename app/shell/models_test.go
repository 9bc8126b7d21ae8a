package shell

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"soberano/app/chat"
	"soberano/app/choice"
	"soberano/app/settings"
	"soberano/app/ui"
	"soberano/models/registry"
)

const tinyEnglish, qwen4 = "/models/ggml-tiny.en.bin", "/models/Qwen3-4B.gguf"

// add drops a model file and waits until it is in the library.
func (s *stage) add(path string) {
	s.t.Helper()
	s.dropped([]fyne.URI{fileURI(path)})
	s.q.until(s.t, "progress", func() bool { return strings.Contains(s.words(), "Checking 64%") })
	s.shelf.gate <- struct{}{}
	s.q.until(s.t, "the model", func() bool { return strings.Contains(s.words(), "Added to the library.") })
}

// kept returns the stored settings.
func (s *stage) kept() settings.Values {
	s.t.Helper()
	v, err := settings.Load(s.Data)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// Dropping a second model adds it and nothing else: dictation and chat keep theirs, also after the next start. The card says which
// model is in use and offers the new one.
func TestDroppedModelDoesNotTakeOver(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		mine := registry.Entry{Name: "my-whisper", Info: base.Info}
		mine.Title = "My Whisper"
		s := newStage(t, "", smol, mine)
		s.dress(m)
		s.ready()
		s.add(tinyEnglish)
		s.expect(s.shot("second-speech-"+string(m)), "Whisper tiny.en", "English only", "Added to the library. My Whisper is used for dictation.", "Use for dictation")
		if e, err := s.chosenSpeech(); err != nil || e.Name != mine.Name {
			t.Errorf("dictation uses %s, %v", e.Name, err)
		}
		if v := s.kept(); v.SpeechModel != mine.Name {
			t.Errorf("the next start may take another model than %s: %+v", mine.Name, v)
		}
		s.tap("Use for dictation")
		if e, err := s.chosenSpeech(); err != nil || e.Title != "Whisper tiny.en" || s.kept().SpeechModel != e.Name {
			t.Errorf("chosen, but dictation uses %s, %v", e.Name, err)
		}
	})
}

// A first model is used at once, and one that is dropped while the model in use can't be opened.
func TestFirstModelIsUsed(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.add(tinyEnglish)
	s.expect(s.words(), "Added to the library. It is used for dictation.")
	if e, err := s.chosenSpeech(); err != nil || e.Title != "Whisper tiny.en" {
		t.Errorf("dictation uses %s, %v", e.Name, err)
	}
	damaged := smol
	damaged.Name = "damaged"
	s = newStage(t, "", damaged)
	s.q.until(t, "the failure", func() bool { return s.runner.Status().Phase == chat.Broken && len(s.q) == 0 })
	s.add(qwen4)
	s.expect(s.words(), "Added to the library. It is used for chat.")
	s.q.until(t, "the model", func() bool { return s.runner.Status().Phase == chat.Ready })
}

// The card which says that there is no speech model closes when there is one.
func TestSpeechModelIsFound(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.chat.Talk.Press()
	s.q.until(t, "the card", func() bool { return strings.Contains(s.words(), "There is no speech model yet.") })
	s.add(tinyEnglish)
	if words := s.words(); strings.Contains(words, "There is no speech model yet.") || !strings.Contains(words, "It is used for dictation.") {
		t.Errorf("after a model was added:\n%s", words)
	}
}

// When the model in use is removed, another one of the library is used.
func TestRemovedModelIsReplaced(t *testing.T) {
	mine := registry.Entry{Name: "my-whisper", Info: base.Info}
	s := newStage(t, "", smol, registry.Entry{Name: "qwen3", Info: qwen}, base, mine)
	s.ready()
	s.use(mine)
	s.models.Models.Removing(mine)
	if err := s.shelf.Remove(mine.Name); err != nil {
		t.Fatal(err)
	}
	s.models.Models.Removed(mine)
	if e, err := s.chosenSpeech(); err != nil || e.Name != base.Name {
		t.Errorf("dictation uses %s, %v", e.Name, err)
	}
}

// removeFirst removes the first model on the Models page there.
func (s *stage) removeFirst() {
	s.t.Helper()
	before, _ := s.shelf.List()
	s.tapFirst("Remove")
	s.tap("Remove it")
	s.q.until(s.t, "the removal", func() bool {
		now, _ := s.shelf.List()
		return len(now) < len(before) && !strings.Contains(s.words(), "Removing…")
	})
}

// After the model in use was removed, the Models page says which one is used instead, or that there is none, until another choice is
// made or another page is shown. The row of the open chat is not marked while that page is shown.
func TestPageNamesSuccessor(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		mine := registry.Entry{Name: "qwen3", Info: qwen}
		s := newStage(t, "", mine, smol)
		s.dress(m)
		s.fill()
		s.use(mine)
		s.ready()
		s.send("Tell me something")
		s.say("Something")
		s.show(modelsPage)
		s.removeFirst()
		s.ready()
		s.expect(s.shot("successor-"+string(m)), "Qwen3 4B Instruct was removed. SmolLM2 135M is used for chat instead.")
		for _, r := range s.side.list.rows {
			if r.chosen {
				t.Errorf("%q is marked as open beside the Models page", r.hit.Name())
			}
		}
		s.show(chatPage)
		if !slices.ContainsFunc(s.side.list.rows, func(r *row) bool { return r.chosen }) {
			t.Error("the open chat is not marked")
		}
		s.show(modelsPage)
		if words := s.words(); strings.Contains(words, "was removed") {
			t.Errorf("after another page was shown:\n%s", words)
		}
		s.removeFirst()
		s.expect(s.shot("no-successor-"+string(m)), "SmolLM2 135M was removed. No other model for chat can be used: add one.")
		s.use(smol)
		s.ready()
		if words := s.words(); strings.Contains(words, "was removed") {
			t.Errorf("after another model was chosen:\n%s", words)
		}
	})
}

// Of two models that are removed at the same time none is used afterwards.
func TestTwoModelsAreRemoved(t *testing.T) {
	mine := registry.Entry{Name: "qwen3", Info: qwen}
	s := newStage(t, "", mine, smol)
	s.use(mine)
	s.ready()
	for _, e := range []registry.Entry{mine, smol} {
		s.models.Models.Removing(e)
	}
	for _, e := range []registry.Entry{mine, smol} {
		if err := s.shelf.Remove(e.Name); err != nil {
			t.Fatal(err)
		}
		s.models.Models.Removed(e)
		s.q.settle()
	}
	if e, any := s.inUseFor(registry.Chat); any {
		t.Errorf("%s is used, which was removed", e.Name)
	}
}

// A card stays on the page on which its file was dropped, and shows what is in use after a choice elsewhere.
func TestCardsStayOnTheirPage(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	s.add(qwen4)
	s.expect(s.words(), "SmolLM2 135M is used for chat.", "Use for chat")
	s.show(modelsPage)
	if w := s.words(); strings.Contains(w, "Added to the library.") || strings.Count(w, "Qwen3 4B Instruct") != 1 {
		t.Errorf("the card followed to the Models page:\n%s", w)
	}
	s.tap("Use for chat")
	s.show(chatPage)
	s.expect(s.words(), "It is used for chat.")
	if strings.Contains(s.words(), "Use for chat") {
		t.Errorf("what is in use is offered:\n%s", s.words())
	}
	s.show(modelsPage)
	s.dropped([]fyne.URI{fileURI("/models/cut.gguf")})
	s.q.until(t, "the error", func() bool { return strings.Contains(s.words(), "cut.gguf could not be added.") })
	s.show(chatPage)
	if strings.Contains(s.words(), "cut.gguf") {
		t.Error("an error of the Models page followed to the chat")
	}
}

// An error is shown on the page on which it happened, until it is closed there; several are closed together.
func TestErrorsStayOnTheirPage(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol, base)
		s.dress(m)
		s.ready()
		for _, page := range []string{settingsPage, modelsPage, filesPage} {
			s.show(page)
			s.OpenPath = func(string) error { return errors.New("no file manager could be started on " + page) }
			s.showFile("/data")
			s.OpenPath = func(string) error { return errors.New("a second reason") }
			s.showFile("/data")
			s.expect(s.shot("error-on-"+page+"-"+string(m)), "The folder could not be shown.", "on "+page, "a second reason", "Close all 2")
			for _, other := range []string{chatPage, settingsPage, modelsPage, filesPage} {
				if s.show(other); other != page && strings.Contains(s.words(), "on "+page) {
					t.Errorf("the error of %s is shown on %s", page, other)
				}
			}
			s.show(page)
			s.expect(s.words(), "on "+page)
			s.tap("Close all 2")
			if strings.Contains(s.words(), "could not be shown") {
				t.Errorf("on %s errors stay", page)
			}
		}
	})
}

// If the chosen model is not in the library any more, the start says so and which one is used instead.
func TestChosenModelIsGone(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		dir := t.TempDir()
		if err := settings.Save(dir, settings.Values{Theme: m, Models: choice.Models{ChatModel: "my-model", SpeechModel: base.Name}}); err != nil {
			t.Fatal(err)
		}
		s := newStage(t, dir, smol, base)
		s.ready()
		s.expect(s.shot("chosen-gone-"+string(m)), "The model that you chose for chat can't be used.", "“my-model” is not in the library any more. SmolLM2 135M is used instead.")
		if strings.Contains(s.words(), "chose for dictation") {
			t.Error("the speech model is said to be gone")
		}
		s.tap("Keep using SmolLM2 135M")
		if v := s.kept(); v.ChatModel != smol.Name || strings.Contains(s.words(), "my-model") {
			t.Errorf("chosen is %q; shown:\n%s", v.ChatModel, s.words())
		}
	})
}

// A chosen model that was removed in the window is not missed at the next start.
func TestChosenModelIsRemoved(t *testing.T) {
	dir := t.TempDir()
	mine := registry.Entry{Name: "mine", Info: qwen}
	s := newStage(t, dir, mine, smol, base)
	s.ready()
	s.use(mine)
	s.ready()
	s.show(modelsPage)
	s.tapFirst("Remove")
	s.tap("Remove it")
	s.q.until(t, "the removal", func() bool {
		left, _ := s.shelf.List()
		return len(left) == 2
	})
	s.q.until(t, "the other model", func() bool { return s.kept().ChatModel == "" && len(s.q) == 0 })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = newStage(t, dir, smol, base)
	s.ready()
	if strings.Contains(s.words(), "that you chose") {
		t.Errorf("shown:\n%s", s.words())
	}
}
