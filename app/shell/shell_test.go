package shell

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"soberano/app/chat"
	"soberano/app/host"
	"soberano/app/settings"
	"soberano/app/store"
	"soberano/app/voice"
	"soberano/models/registry"
)

// Closing during an answer keeps the text so far; the next start shows it and the text that was typed and not sent.
func TestCloseAndStartAgain(t *testing.T) {
	dir := t.TempDir()
	s := newStage(t, dir, smol, base)
	s.ready()
	s.send("Tell me something")
	s.say("Something", " about boats")
	s.q.until(t, "the words", func() bool { return strings.Contains(s.words(), "about boats") })
	s.chat.Composer.Entry.SetText("and then")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !s.model.closed.Load() {
		t.Error("the model was not closed")
	}

	s = newStage(t, dir, smol, base)
	s.ready()
	s.expect(s.words(), "Tell me something")
	s.openChat(s.side.list.rows[len(s.side.list.rows)-1].hit.Conversation)
	s.expect(s.words(), "Something about boats", "Stopped.", "Try again")
	if got := s.chat.Composer.Entry.Text; got != "and then" {
		t.Errorf("the draft is %q", got)
	}
}

// When a draft is shown again, the cursor is behind it, however many lines it has, so that speech and typing continue it.
func TestTheCursorStandsBehindTheDraft(t *testing.T) {
	for _, draft := range []string{"Dear Ada,", "Dear Ada,\n\nhow are", strings.Repeat("a draft that is wrapped ", 40) + "here", ""} {
		dir := t.TempDir()
		s := newStage(t, dir, smol, base)
		s.ready()
		s.chat.Composer.Entry.SetText(draft)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = newStage(t, dir, smol, base)
		e := s.chat.Composer.Entry
		if e.Text != draft || e.Caret() != len(draft) {
			t.Errorf("the cursor is at %d of %d of %q", e.Caret(), len(draft), e.Text)
		}
		s.win.Resize(fyne.NewSize(500, 700))
		s.chat.Composer.Insert("there")
		if want := strings.TrimSpace(draft + " there"); !strings.EqualFold(e.Text, want) {
			t.Errorf("with a word more it is %q", e.Text)
		}
	}
}

// Speech that was being dictated when the window is closed is in the draft afterwards.
func TestCloseDuringDictation(t *testing.T) {
	dir := t.TempDir()
	s := newStage(t, dir, smol, base)
	s.ready()
	s.send("Tell me something")
	close(s.model.words)
	s.q.until(t, "the answer", func() bool { return !s.chat.Busy() })
	s.chat.Talk.Press()
	s.q.until(t, "recording", func() bool { return s.chat.Talk.State() == voice.Recording })
	settled := false
	s.Settle(func() { settled = true })
	s.q.until(t, "the last words", func() bool { return settled })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = newStage(t, dir, smol, base)
	s.openChat(s.side.list.rows[len(s.side.list.rows)-1].hit.Conversation)
	if got := s.chat.Composer.Entry.Text; got != "and that is all." {
		t.Errorf("the draft is %q", got)
	}
}

// A question that a kill left without an answer can be asked again.
func TestUnansweredQuestion(t *testing.T) {
	s := newStage(t, "", smol)
	c, err := s.store.New()
	if err == nil {
		_, err = s.store.Append(store.Message{Conversation: c.ID, Role: store.User, Content: "Why is the sky blue?"})
	}
	if err != nil {
		t.Fatal(err)
	}
	s.ready()
	s.openChat(c)
	s.expect(s.shot("unanswered"), "Why is the sky blue?", "Not answered.")
	s.tap("Try again")
	s.say("Light scatters.")
	close(s.model.words)
	s.q.until(t, "the answer", func() bool { return !s.chat.Busy() })
	words := s.words()
	s.expect(words, "Light scatters.", "Copy answer")
	if strings.Contains(words, "Not answered.") {
		t.Error("the answered question is said to be without answer")
	}
}

// Opening the conversation that is open already does not change the text being typed.
func TestSameChatKeepsTheEntry(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.chat.Composer.Entry.SetText("hello world")
	s.openChat(store.Conversation{ID: s.chat.Conversation()})
	if got := s.chat.Composer.Entry.Text; got != "hello world" {
		t.Errorf("the entry holds %q", got)
	}
}

// The button stops an answer, whatever text is in the entry.
func TestStopWithText(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.send("Tell me something")
	s.say("Something")
	s.q.until(t, "the word", func() bool { return strings.Contains(s.words(), "Something") })
	s.chat.Composer.Entry.SetText("and then")
	s.tap("Stop")
	s.q.until(t, "the end", func() bool { return !s.chat.Busy() })
	if got := s.chat.Composer.Entry.Text; got != "and then" {
		t.Errorf("the entry holds %q", got)
	}
}

func TestNothingIsLeftRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	s := newStage(t, "", smol, base)
	s.ready()
	s.send("Tell me something")
	s.say("Something")
	s.chat.Talk.Press()
	s.dropped([]fyne.URI{fileURI("/models/Qwen3-4B.gguf")})
	s.q.until(t, "progress", func() bool { return strings.Contains(s.words(), "Checking 64%") })
	done := make(chan error)
	go func() { done <- s.Close() }()
	for open := true; open; {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			open = false
		case <-s.q:
		}
	}
	for end := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<18)
			t.Fatalf("%d goroutines before, %d after\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		}
	}
}

func TestDamagedConversations(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "conversations.db"), []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, dir, smol)
	s.ready()
	s.expect(s.words(), "Your earlier conversations could not be read.", "conversations.damaged-", "Show the folder")
}

func TestDeleteAndUndo(t *testing.T) {
	s := newStage(t, "", smol)
	s.fill()
	s.ready()
	first := s.side.list.rows[1].hit
	s.openChat(first.Conversation)
	s.deleteChat(first.Conversation)
	if w := s.words(); strings.Count(w, first.Title) != 1 { // the title appears only in "… is deleted."
		t.Errorf("after deleting:\n%s", w)
	}
	s.tap("Undo")
	s.expect(s.words(), "An answer about "+first.Title)
	if s.chat.Conversation() != first.ID {
		t.Error("the chat that was brought back is not open")
	}
}

func TestShortcuts(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.fill()
	s.ready()
	press := func(k fyne.KeyName) {
		s.chat.Composer.Entry.TypedShortcut(&desktop.CustomShortcut{KeyName: k, Modifier: fyne.KeyModifierControl})
	}
	press(fyne.KeyL)
	if s.page != modelsPage {
		t.Errorf("Ctrl+L shows %s", s.page)
	}
	s.escape()
	press(fyne.KeyComma)
	if s.page != settingsPage {
		t.Errorf("Ctrl+, shows %s", s.page)
	}
	s.openChat(s.side.list.rows[1].hit.Conversation)
	old := s.chat.Conversation()
	press(fyne.KeyN)
	if s.page != chatPage || s.chat.Conversation() == old {
		t.Error("Ctrl+N begins no new chat")
	}
	press(fyne.KeyK)
	if s.win.Canvas().Focused() != fyne.Focusable(s.side.search) {
		t.Error("Ctrl+K does not go to the search")
	}
	press(fyne.KeyM)
	if s.win.Canvas().Overlays().Top() == nil {
		t.Error("Ctrl+M opens no menu")
	}
}

func TestEscapeStopsTheAnswer(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.send("Tell me something")
	s.say("Something")
	s.q.until(t, "the word", func() bool { return strings.Contains(s.words(), "Something") })
	s.chat.Composer.Entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	s.q.until(t, "the end", func() bool { return !s.chat.Busy() })
	m, err := s.store.Messages(s.chat.Conversation())
	if err != nil || len(m) != 2 || m[1].State != store.Stopped || m[1].Content != "Something" {
		t.Fatalf("%v: %+v", err, m)
	}
}

// An answer continues while another conversation is open, and is complete after returning to its own.
func TestAnswerInAnotherChat(t *testing.T) {
	s := newStage(t, "", smol)
	s.fill()
	s.ready()
	s.send("A question")
	s.say("One")
	asked := s.chat.Conversation()
	s.openChat(s.side.list.rows[2].hit.Conversation)
	s.say(" two", " three")
	if strings.Contains(s.words(), "One two") {
		t.Error("the answer is shown in the wrong chat")
	}
	c, err := s.store.Conversation(asked)
	if err != nil {
		t.Fatal(err)
	}
	s.openChat(c)
	s.q.until(t, "the words", func() bool { return strings.Contains(s.words(), "One two three") })
	s.say(" four")
	close(s.model.words)
	s.q.until(t, "the end", func() bool { return !s.chat.Busy() })
	s.expect(s.words(), "One two three four", "Copy answer")
}

// Two conversations are answered at the same time, and each has its own Stop.
func TestTwoAnswersAtOnce(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.send("The first question")
	s.say("One")
	first := s.chat.Conversation()
	s.newChat("")
	s.send("The second question")
	s.q.until(t, "both to be asked", func() bool { return len(s.model.asked) == 2 })
	second := s.chat.Conversation()
	if second == first {
		t.Fatal("there is no second chat")
	}
	s.expect(s.words(), "The second question", "Reading…", "Stop (Esc)")
	s.tap("Stop (Esc)")
	s.q.until(t, "the second to end", func() bool { return !strings.Contains(s.words(), "Stop (Esc)") })
	s.say(" two") // only the first model call is still running
	c, err := s.store.Conversation(first)
	if err != nil {
		t.Fatal(err)
	}
	s.openChat(c)
	s.expect(s.words(), "The first question", "Stop (Esc)")
	close(s.model.words)
	s.q.until(t, "the first to end", func() bool { return !s.chat.Busy() })
	s.expect(s.words(), "One two", "Copy answer")
	for id, want := range map[int64]store.State{first: store.Complete, second: store.Stopped} {
		m, err := s.store.Messages(id)
		if err != nil || len(m) == 0 {
			t.Fatalf("%v: %+v", err, m)
		}
		if got := m[len(m)-1]; got.Role == store.Assistant && got.State != want {
			t.Errorf("chat %d: the answer is %s, want %s", id, got.State, want)
		}
	}
}

// A model that does not fit into the memory allowed by the settings is refused with the numbers; after the limit was raised, the
// question is answered.
func TestModelMemory(t *testing.T) {
	dir := t.TempDir()
	if err := settings.Save(dir, settings.Values{Memory: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, dir, smol)
	s.q.until(t, "the refusal", func() bool { return s.runner.Status().Phase == chat.Broken && len(s.q) == 0 })
	s.expect(s.words(), "This model could not be loaded.", "SmolLM2 135M", "memory", "Try again", "Choose another model")
	s.send("Tell me something")
	s.Host.SetBudget(host.Unlimited)
	s.tap("Try again")
	s.say("Something")
	close(s.model.words)
	s.q.until(t, "the answer", func() bool { return !s.chat.Busy() })
	s.expect(s.words(), "Something", "Copy answer")
}

func TestRemovedModelIsLetGo(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.show(modelsPage)
	s.tap("Remove")
	s.tap("Remove it")
	s.q.until(t, "the model to be removed", func() bool { return strings.Contains(s.words(), "No model yet") })
	if !s.model.closed.Load() || s.runner.Status().Phase != chat.NoModel || len(s.shelf.removed) != 1 {
		t.Errorf("closed: %v, removed: %v", s.model.closed.Load(), s.shelf.removed)
	}
	s.expect(s.words(), "No model yet")
}

func TestDays(t *testing.T) {
	now := time.Date(2026, 3, 29, 12, 0, 0, 0, time.Local)
	for back, want := range map[time.Duration]string{0: "Today", 11 * time.Hour: "Today", 13 * time.Hour: "Yesterday", 3 * 24 * time.Hour: "This week",
		12 * 24 * time.Hour: "This month", 60 * 24 * time.Hour: "January", 200 * 24 * time.Hour: "September 2025"} {
		if got := day(now.Add(-back), now); got != want {
			t.Errorf("%v ago is %q, want %q", back, got, want)
		}
	}
}

func TestPick(t *testing.T) {
	off := registry.Entry{Name: "off", Info: registry.Info{Kind: registry.Chat}}
	if _, ok := pick([]registry.Entry{off, base}, registry.Chat, ""); ok {
		t.Error("a model that does not run was picked")
	}
	mine := registry.Entry{Name: "mine", Info: qwen}
	if e, ok := pick([]registry.Entry{mine, off, base, smol}, registry.Chat, "mine"); !ok || e.Name != "mine" {
		t.Errorf("picked %q", e.Name)
	}
	if e, ok := pick([]registry.Entry{mine, off, base, smol}, registry.Chat, "gone"); !ok || e.Name != smol.Name {
		t.Errorf("picked %q", e.Name)
	}
}
