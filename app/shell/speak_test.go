package shell

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/app/voice"
	"soberano/asr"
)

// A recording is seen on every page, with where its words go, and can be stopped there.
func TestRecordingIsSeenEverywhere(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol, base)
		s.dress(m)
		s.fill()
		s.ready()
		s.openChat(s.side.list.rows[1].hit.Conversation)
		title := s.side.list.rows[1].hit.Title
		for _, page := range []string{filesPage, modelsPage, settingsPage, trashPage} {
			s.chat.Composer.Entry.SetText("")
			s.chat.Talk.Press()
			s.chat.Talk.Release()
			s.recording()
			s.fakeSpeech.segments <- asr.Segment{Text: "words that", Language: "en"}
			s.show(page)
			s.q.until(t, "the time", func() bool { return strings.Contains(s.words(), " · English") })
			s.expect(s.shot("recording-"+page+"-"+string(m)), "Recording into the chat “"+title+"”.", "Stop", "Show the chat")
			s.tap("Stop")
			if s.chat.Talk.State() == voice.Recording {
				t.Fatalf("%s: it goes on recording", page)
			}
			s.silent()
			if w := s.words(); strings.Contains(w, "Recording into") || s.page != page {
				t.Errorf("%s: after the end the page %s says\n%s", page, s.page, w)
			}
			s.show(chatPage)
			if got := s.chat.Composer.Entry.Text; got != "and that is all." {
				t.Errorf("%s: the entry holds %q", page, got)
			}
		}
		s.win.Resize(fyne.NewSize(560, 640))
		s.chat.Talk.Press()
		s.chat.Talk.Release()
		s.recording()
		s.show(modelsPage)
		s.shot("recording-narrow-" + string(m))
		s.tap("Show the chat")
		if s.page != chatPage {
			t.Errorf("the page is %s", s.page)
		}
		s.chat.Talk.Finish()
		s.silent()
	})
}

// In another chat the composer says where the words go, and ends the recording.
func TestRecordingInAnotherChat(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.fill()
	s.ready()
	first := s.side.list.rows[1].hit.Conversation
	s.openChat(first)
	s.chat.Talk.Press()
	s.chat.Talk.Release()
	s.recording()
	s.openChat(s.side.list.rows[2].hit.Conversation)
	s.expect(s.shot("recording-other-chat-light"), "into the chat “"+first.Title+"” · click to finish · Esc discards")
	s.openChat(first)
	if strings.Contains(s.words(), "into the chat") {
		t.Error("in its own chat the recording says where its words go")
	}
	s.chat.Talk.Press()
	s.silent()
}

// A chat without a message is called as the list calls it, also after words were dictated into it.
func TestRecordingIntoADraft(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	first := s.chat.Conversation()
	s.chat.Composer.Entry.SetText("A letter")
	s.newChat("")
	second := s.chat.Conversation()
	s.chat.Talk.Press()
	s.chat.Talk.Release()
	s.recording()
	s.openChat(store.Conversation{ID: first})
	s.expect(s.words(), "into the chat “New chat”")
	s.openChat(store.Conversation{ID: second})
	s.chat.Composer.Entry.SetText("Dear neighbour")
	s.chat.Composer.Entry.ToEnd()
	s.openChat(store.Conversation{ID: first})
	s.expect(s.words(), "into the chat “Draft: Dear neighbour”")
	s.fakeSpeech.segments <- asr.Segment{Text: "across the hall,", Language: "en", Final: true}
	s.q.until(t, "the name with the words", func() bool { return strings.Contains(s.words(), "into the chat “Draft: Dear neighbour across…”") })
	s.q.until(t, "the name in the list", func() bool {
		return slices.ContainsFunc(s.side.list.rows, func(r *row) bool { return r.hit.Name() == "Draft: Dear neighbour across the hall," })
	})
	s.show(filesPage)
	s.expect(s.words(), "Recording into the chat “Draft: Dear neighbour across…”.")
	s.openChat(store.Conversation{ID: second})
	s.show(trashPage)
	s.fakeSpeech.segments <- asr.Segment{Text: "the wall,", Language: "en", Final: true}
	s.q.until(t, "the name of the open chat in the list", func() bool {
		return slices.ContainsFunc(s.side.list.rows, func(r *row) bool { return strings.HasSuffix(r.hit.Name(), "across the hall, the wall,") })
	})
	s.openChat(store.Conversation{ID: first})
	s.deleteChat(store.Conversation{ID: second, Draft: "Dear neighbour across the hall,"})
	s.expect(s.words(), "“Draft: Dear neighbour across the hall,” is deleted.")
	s.show(trashPage)
	s.expect(s.words(), "Draft: Dear neighbour across the hall,")
	s.chat.Talk.Discard()
	s.silent()
}

// Ctrl+Space on a page without an entry shows the chat, into which the words go; when it ends a recording it stays on the page.
func TestSpeakOnAnotherPage(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	for _, page := range []string{filesPage, modelsPage, settingsPage, trashPage} {
		for name, focus := range map[string]fyne.Focusable{"a button": s.side.models, "the search": s.side.search, "the list": s.side.list} {
			s.show(page)
			s.win.Canvas().Focus(focus)
			s.spoke = time.Time{}
			if focus == fyne.Focusable(s.side.list) { // it gets the keys itself, and the shortcut comes after them
				s.showEntry()
				s.chat.Talk.Press()
			}
			s.shortcut(control(fyne.KeySpace))
			if s.page != chatPage || s.win.Canvas().Focused() != fyne.Focusable(s.chat.Composer.Entry) {
				t.Errorf("%s, %s: the page is %s, %T has the keyboard", page, name, s.page, s.win.Canvas().Focused())
			}
			s.recording()
			s.chat.Talk.Release() // a click: it goes on
			s.show(page)
			s.win.Canvas().Focus(s.side.models)
			s.spoke = time.Time{}
			s.shortcut(control(fyne.KeySpace))
			if s.page != page || s.chat.Talk.State() == voice.Recording {
				t.Errorf("%s, %s: the page is %s, the recording goes on: %v", page, name, s.page, s.chat.Talk.State() == voice.Recording)
			}
			s.silent()
		}
	}
}

// On another page the entry of the chat, which is not seen, gets no keys: Esc leads back and discards nothing, Enter sends nothing.
func TestKeysDoNotReachTheHiddenEntry(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	for _, page := range []string{filesPage, modelsPage, settingsPage, trashPage} {
		s.show(chatPage)
		s.chat.Composer.Entry.SetText("a draft")
		s.chat.Focus(s.win.Canvas())
		s.chat.Talk.Press()
		s.chat.Talk.Release()
		s.recording()
		s.show(page)
		s.press(fyne.KeyReturn, 0)
		s.press(fyne.KeyEscape, 0)
		if s.page != chatPage || s.chat.Talk.State() != voice.Recording || s.texts() != "" {
			t.Errorf("%s: the page is %s, it records: %v, sent: %s", page, s.page, s.chat.Talk.State() == voice.Recording, s.texts())
		}
		s.chat.Talk.Discard()
	}
}
