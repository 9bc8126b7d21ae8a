package shell

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"soberano/app/settings"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/app/voice"
	"soberano/asr"
	"soberano/asr/mic"
	"soberano/models"
)

func (s *stage) recording() {
	s.t.Helper()
	s.q.until(s.t, "recording", func() bool { return s.chat.Talk.State() == voice.Recording })
}

func (s *stage) silent() {
	s.t.Helper()
	s.q.until(s.t, "the end of dictation", func() bool { return s.chat.Talk.State() == voice.Idle })
}

// The text goes into the chat in which the dictation was begun, even if another one is open by then.
func TestTextGoesToItsChat(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.fill()
	s.ready()
	first := s.side.list.rows[1].hit.Conversation
	s.openChat(first)
	s.chat.Composer.Entry.SetText("Dear Ada,")
	s.chat.Composer.Entry.SetCaret(9)
	s.chat.Talk.Press()
	s.recording()
	s.fakeSpeech.segments <- asr.Segment{Text: "how are you", Stable: 3, Language: "en"}
	s.q.until(t, "the partial words", func() bool { return strings.Contains(s.words(), "how\n are you") })
	s.shot("dictation-stable-light")
	s.openChat(s.side.list.rows[2].hit.Conversation)
	if strings.Contains(s.words(), "how\n are you") {
		t.Error("the words are shown in another chat")
	}
	s.fakeSpeech.segments <- asr.Segment{Text: "how are you today", Language: "en"}
	s.fakeSpeech.segments <- asr.Segment{Text: "How are you today?", Language: "en", Final: true}
	s.chat.Talk.Finish()
	s.silent()
	if got := s.chat.Composer.Entry.Text; strings.Contains(got, "How are") {
		t.Errorf("the words are in another chat: %q", got)
	}
	s.openChat(first)
	if got := s.chat.Composer.Entry.Text; got != "Dear Ada, How are you today? and that is all." {
		t.Errorf("the chat's draft is %q", got)
	}
}

// Holding Ctrl+Space ends when the keys are released, whatever had the focus before, also a button.
func TestHeldOnAButton(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	s.show(filesPage)
	s.win.Canvas().Focus(s.side.newChat)
	s.side.newChat.Tapped(nil)
	if s.win.Canvas().Focused() != fyne.Focusable(s.chat.Composer.Entry) {
		t.Fatalf("after New chat %T has the keyboard", s.win.Canvas().Focused())
	}
	for _, page := range []string{chatPage, filesPage} {
		s.show(page)
		s.win.Canvas().Focus(s.side.newChat)
		s.spoke = time.Time{}
		for range 20 { // the keys repeat
			s.shortcut(control(fyne.KeySpace))
		}
		s.recording()
		time.Sleep(500 * time.Millisecond)
		up := &fyne.KeyEvent{Name: fyne.KeySpace}
		switch f := s.win.Canvas().Focused().(type) { // what Fyne's window does with a key
		case nil:
			s.chat.SpeakKey(up, false)
		case desktop.Keyable:
			f.KeyUp(up)
		default:
			t.Fatalf("%T has the keyboard: no key is let go", f)
		}
		if s.chat.Talk.State() == voice.Recording {
			t.Error("it goes on recording")
		}
		s.silent()
	}
	s.renameChat(store.Conversation{Title: "A"})
	s.win.Canvas().FocusNext()
	s.spoke = time.Time{}
	if _, ok := s.win.Canvas().Focused().(desktop.Keyable); ok {
		t.Fatal("no button of the dialog has the keyboard")
	}
	s.shortcut(control(fyne.KeySpace))
	s.recording()
	s.chat.Talk.Finish()
	s.silent()
}

// Hesitations are left out and spoken line ends are written, according to the settings.
func TestWording(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	say := func() string {
		s.chat.Composer.Entry.SetText("")
		s.chat.Talk.Press()
		s.recording()
		s.fakeSpeech.segments <- asr.Segment{Text: "Um, dear Ada, new line.", Language: "en", Final: true}
		s.chat.Talk.Finish()
		s.silent()
		return s.chat.Composer.Entry.Text
	}
	if got := say(); got != "Um, dear Ada,\nand that is all." {
		t.Errorf("by default: %q", got)
	}
	v := s.values.Values()
	v.Fillers, v.Literal = true, true
	s.change(v)
	if got := say(); got != "Dear Ada, new line. and that is all." {
		t.Errorf("the other way: %q", got)
	}
}

// A speech model whose files are gone has nothing to do with the microphone.
func TestDictationWithoutItsFiles(t *testing.T) {
	s := newStage(t, t.TempDir(), smol, base)
	s.ready()
	s.chat.Talk.Press()
	s.recording()
	s.fakeSpeech.fail <- models.NotReadable("/drive/whisper/model.bin", os.ErrNotExist)
	s.q.until(t, "the card", func() bool { return strings.Contains(s.words(), "Dictation failed.") })
	s.expect(s.words(), "Choose a model")
	if strings.Contains(s.words(), "Choose a microphone") {
		t.Error("another microphone is offered")
	}
	s.tap("Choose a model")
	if s.page != modelsPage {
		t.Errorf("page %s", s.page)
	}
}

func TestDictationFails(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		dir := t.TempDir()
		s := newStage(t, dir, smol, base)
		s.dress(m)
		s.ready()
		s.chat.Talk.Press()
		s.recording()
		time.Sleep(100 * time.Millisecond)
		s.fakeSpeech.fail <- errors.New("asr: the machine ran out of memory")
		s.q.until(t, "the card", func() bool { return strings.Contains(s.words(), "Dictation failed.") })
		s.expect(s.shot("dictation-failed-"+string(m)), "The machine ran out of memory.", "The recording (", "is kept.", "Try again")
		s.tap("Try again")
		s.silent()
		if got := s.chat.Composer.Entry.Text; got != "and that is all." {
			t.Errorf("tried again: %q", got)
		}
		if strings.Contains(s.words(), "Dictation failed.") {
			t.Error("the card stays")
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "dictation", "*")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// leave creates the file of a dictation that was interrupted by a kill; it contains speech without text.
func leave(t *testing.T, dir string) {
	t.Helper()
	leaveAs(t, dir, "20260101-120000-1.wav")
}

func leaveAs(t *testing.T, dir, name string) {
	t.Helper()
	wav, err := os.ReadFile(filepath.Join("..", "..", "asr", "testdata", "audio", "goforward.wav"))
	if err != nil {
		t.Fatal(err)
	}
	head := append([]byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00land\x08\x00\x00\x00"), make([]byte, 8)...)
	head = binary.LittleEndian.AppendUint32(append(head, "data"...), 0)
	path := filepath.Join(dir, "dictation", name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, append(head, wav[44:]...), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestDictationOfEarlierRun(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		dir := t.TempDir()
		leave(t, dir)
		s := newStage(t, dir, smol, base)
		s.dress(m)
		s.ready()
		s.q.until(t, "the card", func() bool { return strings.Contains(s.words(), "A dictation was not transcribed.") })
		s.expect(s.shot("dictation-left-"+string(m)), "3 seconds of speech are kept", "Transcribe it here", "Delete it")
		s.tap("Delete it")
		s.expect(s.shot("dictation-left-question-"+string(m)), "Delete 3 seconds of speech that were not transcribed? This can't be undone.")
		s.tap("Cancel")
		s.expect(s.words(), "Transcribe it here")
		s.tap("Transcribe it here")
		s.silent()
		if got := s.chat.Composer.Entry.Text; got != "and that is all." {
			t.Errorf("written down: %q", got)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "dictation", "*")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// With keys pressed in another program, the text is pasted there and not into the chat.
func TestDictationElsewhere(t *testing.T) {
	dir := t.TempDir()
	if err := settings.Save(dir, settings.Values{Hotkey: "Ctrl+Alt+D"}); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, dir, smol, base)
	s.ready()
	if len(s.grabbed) != 1 || s.grabbed[0] != "Ctrl+Alt+D" {
		t.Fatalf("grabbed %q", s.grabbed)
	}
	s.elsewhere = true
	s.keys[0]()
	s.recording()
	s.fakeSpeech.segments <- asr.Segment{Text: "Hello.", Language: "en"}
	s.fakeSpeech.segments <- asr.Segment{Text: "Hello.", Language: "en", Final: true}
	s.q.until(t, "the words", func() bool { return len(s.signs) > 1 })
	time.Sleep(500 * time.Millisecond) // long enough to count as held
	s.keys[1]()
	s.silent()
	if got := <-s.pasted; got != "Hello. and that is all. " || s.chat.Composer.Entry.Text != "" {
		t.Errorf("pasted %q; the chat has %q", got, s.chat.Composer.Entry.Text)
	}
	if got := strings.Join(s.signs, "|"); got != "Listening…|Hello.|Writing the last words…|" {
		t.Errorf("the sign said %q", got)
	}
	s.elsewhere = false // now the window itself has the focus, so the text goes into the chat
	s.keys[0]()
	s.recording()
	time.Sleep(500 * time.Millisecond)
	s.keys[1]()
	s.silent()
	if got := s.chat.Composer.Entry.Text; got != "and that is all." || len(s.pasted) > 0 {
		t.Errorf("the chat has %q", got)
	}
	if len(s.signs) != 4 {
		t.Errorf("a sign over Soberano's own window: %q", s.signs)
	}
	s.elsewhere, s.pasteErr = true, errors.New("the active window did not accept the text")
	reply := make(chan string, 1)
	ask := func(line, want string) {
		t.Helper()
		go func() { reply <- s.socket(line) }()
		s.q.until(t, "a reply", func() bool { return len(reply) > 0 })
		if got := <-reply; got != want {
			t.Errorf("%q is answered with %q", line, got)
		}
	}
	if got := s.socket("sing"); got != "this Soberano does not understand sing" {
		t.Errorf("answered %q", got)
	}
	ask("finish", "nothing is being dictated")
	ask("toggle", "recording, for the active window")
	s.recording()
	ask("finish", "finishing")
	s.silent()
	<-s.pasted
	ask("toggle", "recording, for the active window")
	s.recording()
	ask("toggle", "finishing")
	s.silent()
	s.q.until(t, "the card", func() bool { return strings.Contains(s.words(), "could not be inserted into the other program") })
	s.expect(s.shot("dictation-not-taken-light"), "The active window did not accept the text.", "“and that is all.”", "Copy the text", "Insert it into the chat")
}

// What is dictated goes into the entry that has the focus: that of a dialog with Ctrl+Space, that of the settings with the keys for any
// program. If it is closed meanwhile, the text goes to the chat, which says so.
func TestDictationIntoOtherEntries(t *testing.T) {
	dir := t.TempDir()
	if err := settings.Save(dir, settings.Values{Hotkey: "Ctrl+Alt+D"}); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, dir, smol, base)
	s.ready()
	c := s.window.Canvas()
	dictate := func(press func()) {
		t.Helper()
		s.spoke = time.Time{}
		press()
		s.recording()
	}
	stop := func() { s.chat.Talk.Finish(); s.silent() }
	s.ask("Rename this chat", "The letter", func(string) {})
	e := s.asking.(*ui.Entry)
	dictate(func() { e.TypedShortcut(control(fyne.KeySpace)) })
	if c.Focused() != e || s.chat.Target() != "into the entry that is being edited" {
		t.Errorf("%T has the focus; the words go %s", c.Focused(), s.chat.Target())
	}
	s.fakeSpeech.segments <- asr.Segment{Text: "and that"}
	s.q.until(t, "the partial words", func() bool {
		return slices.Contains(s.signs, "and that") && strings.Contains(s.words(), "and that")
	})
	if e.Text != "The letter" {
		t.Errorf("the entry has the partial words: %q", e.Text)
	}
	stop()
	if last := s.signs[len(s.signs)-1]; last != "" || strings.Contains(strings.ReplaceAll(s.words(), "and that is all.", ""), "and that") {
		t.Errorf("after the dictation the overlay says %q:\n%s", last, s.words())
	}
	if e.Text != "The letter and that is all." || s.chat.Composer.Entry.Text != "" {
		t.Errorf("the dialog has %q, the chat %q", e.Text, s.chat.Composer.Entry.Text)
	}
	s.dismiss()
	s.ask("Rename this chat", "", func(string) {})
	dictate(func() { s.asking.TypedShortcut(control(fyne.KeySpace)) })
	s.dismiss()
	stop()
	if got := s.chat.Composer.Entry.Text; got != "and that is all." || !strings.Contains(s.words(), "The entry for which it was meant is closed.") {
		t.Errorf("after the dialog was closed the chat has %q", got)
	}
	s.show(settingsPage)
	var words *ui.Entry
	for range 40 { // to the user's own words
		if e, ok := c.Focused().(*ui.Entry); ok && strings.HasPrefix(e.PlaceHolder, "Dashwood") {
			words = e
			break
		}
		c.FocusNext()
	}
	if words == nil {
		t.Fatal("the entry for the user's own words is not reached")
	}
	dictate(s.keys[0])
	s.fakeSpeech.segments <- asr.Segment{Text: "and that"}
	s.q.until(t, "the partial words", func() bool { return strings.Contains(s.words(), "into the entry that is being edited: and that") })
	time.Sleep(500 * time.Millisecond)
	s.keys[1]()
	s.silent()
	if words.Text != "and that is all." || s.chat.Composer.Entry.Text != "and that is all." {
		t.Errorf("the settings have %q, the chat %q", words.Text, s.chat.Composer.Entry.Text)
	}
}

// If another program has reserved the keys, the settings page says so. Choosing other keys releases the previous ones.
func TestHotkeyTaken(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.show(settingsPage)
	v := s.values.Values()
	for _, c := range []struct {
		keys string
		held int
	}{{"Ctrl+Alt+D", 1}, {"F9", 0}, {"Ctrl+Alt+D", 1}, {"", 0}} {
		v.Hotkey = c.keys
		s.change(v)
		if len(s.grabbed) != c.held {
			t.Errorf("%q: %q are held", c.keys, s.grabbed)
		}
		s.q.settle()
		if taken := strings.Contains(s.words(), "Another program uses F9 already"); taken != (c.keys == "F9") {
			t.Errorf("%q: the settings page says\n%s", c.keys, s.words())
		}
		if c.keys == "F9" {
			s.shot("hotkey-taken-light")
		}
	}
}

// Speech of an earlier run is deleted after a question.
func TestDictationOfEarlierRunIsDeleted(t *testing.T) {
	dir := t.TempDir()
	leave(t, dir)
	s := newStage(t, dir, smol, base)
	s.ready()
	s.q.until(t, "the card", func() bool { return strings.Contains(s.words(), "A dictation was not transcribed.") })
	s.tap("Delete it")
	s.tap("Delete")
	if left, _ := filepath.Glob(filepath.Join(dir, "dictation", "*")); len(left) > 0 || strings.Contains(s.words(), "A dictation was not transcribed.") {
		t.Errorf("left: %v; shown:\n%s", left, s.words())
	}
}

// Spoken words are stored as soon as they are final, and the audio is there until then: a kill of the program loses neither. Words for
// another program are kept as audio until they are pasted.
func TestSpokenWordsSurviveAKill(t *testing.T) {
	dir := t.TempDir()
	s := newStage(t, dir, smol, base)
	s.ready()
	tapes := func() []string {
		left, err := filepath.Glob(filepath.Join(dir, "dictation", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	stored := func() string {
		c, err := s.store.Conversation(s.chat.Conversation())
		if err != nil {
			t.Fatal(err)
		}
		return c.Draft
	}
	close(s.speaking("And so, my fellow Americans,", "ask not what"))
	if got := stored(); got != "And so, my fellow Americans," {
		t.Errorf("stored is %q", got)
	}
	s.chat.Talk.Finish()
	s.silent()
	if got, left := stored(), tapes(); got != "And so, my fellow Americans, and that is all." || len(left) > 0 {
		t.Errorf("stored is %q; the audio is in %v", got, left)
	}
	unlock := s.lock(t)
	s.chat.Composer.Entry.SetText("")
	s.chat.Talk.Press()
	s.recording()
	s.chat.Talk.Finish()
	s.silent()
	if left := tapes(); len(left) != 1 {
		t.Errorf("the words could not be stored, and the audio is in %v", left)
	}
	unlock()
	s.chat.SaveDraft()
	if got, left := stored(), tapes(); got != "and that is all." || len(left) > 0 {
		t.Errorf("stored is %q; the audio is in %v", got, left)
	}
	s.elsewhere, s.pasteErr = true, errors.New("the active window did not accept the text")
	s.keysDown()
	s.recording()
	s.chat.Talk.Finish()
	s.silent()
	s.q.until(t, "the card", func() bool { return strings.Contains(s.words(), "could not be inserted into the other program") })
	if left := tapes(); len(left) != 1 {
		t.Errorf("the words were not pasted, and the audio is in %v", left)
	}
	s.tap("Copy the text")
	if left := tapes(); len(left) > 0 {
		t.Errorf("the words were copied, and the audio is in %v", left)
	}
}

// A key that is held does one thing: what gets the focus by it does nothing more.
func TestHeldKeyActsOnce(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.fill()
	s.ready()
	c := s.win.Canvas()
	hold := func(k fyne.KeyName) { s.press(k, 5) }
	draft := "A draft that nobody sends."
	s.chat.Composer.Entry.SetText(draft)
	open := s.chat.Conversation()
	s.newChat("")
	s.deleteChat(store.Conversation{ID: open})
	s.show(trashPage)
	s.tabTo("Restore")
	hold(fyne.KeyReturn)
	if got := s.chat.Composer.Entry.Text; s.page != chatPage || got != draft || s.texts() != "" {
		t.Errorf("on page %s the entry holds %q, sent is %q", s.page, got, s.texts())
	}
	s.chat.Composer.Entry.SetText("A question")
	s.tabTo("Send")
	hold(fyne.KeyReturn)
	if !s.chat.Busy() {
		t.Error("Send and then Stop were pressed")
	}
	s.chat.Focus(c)
	s.chat.Talk.Press()
	s.chat.Talk.Release()
	s.recording()
	hold(fyne.KeyEscape)
	s.q.until(t, "the end of the answer", func() bool { return !s.chat.Busy() })
	if s.chat.Talk.State() != voice.Recording {
		t.Error("Esc stopped the answer and then discarded the dictation")
	}
	s.chat.Talk.Discard()
	s.chooseModel()
	hold(fyne.KeyReturn)
	if c.Overlays().Top() != nil {
		t.Error("the menu is still or again open")
	}
	c.Focus(s.chat.Header.Model)
	hold(fyne.KeyReturn)
	if c.Overlays().Top() == nil {
		t.Error("the menu was opened and closed")
	}
}

// A double click on Send sends the message and does not stop its answer; a later click does.
func TestSendByDoubleClick(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.chat.Composer.Entry.SetText("A question")
	button := s.chat.Composer.Send
	test.Tap(button)
	test.Tap(button)
	s.q.settle()
	if !s.chat.Busy() {
		t.Fatal("the answer was stopped")
	}
	s.say("An answer")
	time.Sleep(450 * time.Millisecond)
	s.tap("Stop")
	s.q.until(t, "the end of the answer", func() bool { return !s.chat.Busy() })
}

// Each card of a dictation is about its own audio: one that failed without any offers no other to be tried again, and goes away with the
// next dictation; two of equal length have a card each. While a dictation is running, another one is not tried again, and its card stays.
func TestCardsOfDictations(t *testing.T) {
	dir := t.TempDir()
	leaveAs(t, dir, "20260101-120000-1.wav")
	leaveAs(t, dir, "20260101-130000-1.wav")
	s := newStage(t, dir, smol, base)
	s.ready()
	cards := func(words string) int { return strings.Count(s.words(), words) }
	s.q.until(t, "the cards", func() bool { return cards("A dictation was not transcribed.") == 2 })
	s.noMic = mic.ErrNone
	s.chat.Talk.Press()
	s.q.until(t, "the error", func() bool { return cards("No microphone was found.") == 1 })
	if words := s.words(); strings.Contains(words, "Try again") || strings.Contains(words, "is kept.") {
		t.Errorf("shown is\n%s", words)
	}
	s.noMic = nil
	s.chat.Talk.Press()
	s.recording()
	if cards("No microphone was found.") != 0 {
		t.Error("the error stays while the microphone works")
	}
	s.tap("Transcribe it here")
	s.expect(s.words(), "Finish the dictation that is running first.")
	if cards("A dictation was not transcribed.") != 2 {
		t.Errorf("shown is\n%s", s.words())
	}
	s.chat.Talk.Finish()
	s.silent()
	for n := 1; n >= 0; n-- {
		s.tap("Transcribe it here")
		s.silent()
		if got := cards("A dictation was not transcribed."); got != n {
			t.Errorf("%d cards, want %d", got, n)
		}
	}
	if got := s.chat.Composer.Entry.Text; strings.Count(got, "and that is all.") != 3 {
		t.Errorf("the entry holds %q", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "dictation", "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A microphone that gives nothing is told of while the dictation goes on, and no more once it gives sound.
func TestNoSoundYet(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	s.chat.Talk.Press()
	s.chat.Talk.Release()
	s.recording()
	s.chat.Talk.OnProblem(&mic.Error{Kind: mic.Muted, Device: "Headset"}, nil)
	const card = "The dictation goes on, without any sound so far."
	s.expect(s.words(), card, "No sound comes from “Headset”; it may be muted.")
	s.sounds(0)
	s.expect(s.words(), card)
	s.sounds(0.01)
	if w := s.words(); strings.Contains(w, card) || strings.Contains(w, "No sound comes") || s.chat.Talk.State() != voice.Recording {
		t.Errorf("after a sound\n%s", w)
	}
	s.chat.Talk.Finish()
	s.silent()
	s.chat.Talk.OnProblem(&mic.Error{Kind: mic.Muted, Device: "Headset"}, nil)
	s.expect(s.words(), "Dictation failed.", "No sound comes from “Headset”")
}
