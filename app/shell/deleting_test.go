package shell

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"soberano/app/store"
	"soberano/app/ui/uitest"
	"soberano/app/voice"
)

// draftOf returns the stored draft of a chat, which may be deleted.
func (s *stage) draftOf(id int64) (draft string) {
	s.t.Helper()
	if err := s.database(s.store.Path()).QueryRow(`SELECT draft FROM conversations WHERE id = ?`, id).Scan(&draft); err != nil {
		s.t.Fatal(err)
	}
	return draft
}

// Deleting the chat into which a dictation goes ends the recording. All its words are in the draft of that chat, wherever they arrive,
// and in no other one.
func TestDeleteWhileDictating(t *testing.T) {
	const all = "And so, my fellow Americans, and that is all."
	for name, c := range map[string]struct {
		leave   func(s *stage, other store.Conversation)
		early   bool // Undo comes before the last words
		pending bool // the message waits for its last words
	}{
		"open":         {},
		"undone early": {early: true},
		"in another chat": {leave: func(s *stage, other store.Conversation) {
			s.openChat(other)
			s.flush()
		}},
		"on another page": {leave: func(s *stage, _ store.Conversation) { s.show(modelsPage) }},
		"to be sent":      {pending: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStageOf(t, "", true, smol, base)
			s.fill()
			s.ready()
			s.q.until(t, "the chats", func() bool { return len(s.side.list.rows) == 5 })
			s.newChat("another draft")
			s.flush()
			chat, other := s.side.list.rows[1].hit.Conversation, s.side.list.rows[2].hit.Conversation
			empty, others := s.chat.Conversation(), s.draftOf(other.ID)
			s.openChat(chat)
			s.flush()
			release := s.speaking("And so, my fellow Americans,", "ask not what")
			if c.pending {
				s.press(fyne.KeyReturn, 0)
			}
			if c.leave != nil {
				c.leave(s, other)
			}
			s.deleteChat(chat)
			if s.chat.Talk.State() != voice.Finishing {
				t.Errorf("the recording goes on: state %v", s.chat.Talk.State())
			}
			s.flush()
			s.flush()
			s.expect(s.words(), "into the deleted chat “")
			if c.early {
				s.tap("Undo")
				s.flush()
				if strings.Contains(s.words(), "deleted chat") {
					t.Error("the restored chat is said to be deleted")
				}
			}
			close(release)
			s.silent()
			s.chat.SaveDraft()
			s.flush()
			if got := []string{s.draftOf(empty), s.draftOf(other.ID), s.draftOf(chat.ID)}; got[0] != "another draft" || got[1] != others || got[2] != all {
				t.Errorf("the drafts are %q", got)
			}
			if !c.early {
				s.tap("Undo")
				s.flush()
			}
			s.q.until(t, "the chat", func() bool { return s.chat.Conversation() == chat.ID })
			if got := s.chat.Composer.Entry.Text; got != all {
				t.Errorf("after Undo the entry holds %q", got)
			}
		})
	}
}

// Words for a chat that is not open and whose draft can't be stored are kept for that chat, and are not in the open one.
func TestWordsForAnotherChatThatCannotBeStored(t *testing.T) {
	s := newStageOf(t, "", true, smol, base)
	first, second := s.twoChats(t)
	s.reopen(t, first)
	s.chat.Talk.Press()
	s.chat.Talk.Release()
	s.recording()
	s.reopen(t, second)
	unlock := s.lock(t)
	s.chat.Talk.Finish()
	s.silent()
	s.flush()
	if got := s.chat.Composer.Entry.Text; got != "" {
		t.Errorf("the open chat holds %q", got)
	}
	unlock()
	s.reopen(t, first)
	if got := s.chat.Composer.Entry.Text; got != "and that is all." {
		t.Errorf("the chat holds %q", got)
	}
}

// The dictation into a chat that is deleted for good is deleted with it.
func TestEraseWhileDictating(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.fill()
	s.ready()
	s.openChat(s.side.list.rows[1].hit.Conversation)
	s.speaking("And so,", "ask not what")
	s.deleteChat(s.side.list.rows[1].hit.Conversation)
	before := s.chat.Composer.Entry.Text
	s.show(trashPage)
	s.tap("Empty the trash")
	s.tap("Delete for good")
	close(s.fakeSpeech.hold)
	s.silent()
	if got := s.chat.Composer.Entry.Text; got != before {
		t.Errorf("the entry holds %q", got)
	}
}

// A chat that is deleted while it answers is left at once, and what is typed before the store answers is in the new chat.
func TestDeletedChatIsLeftAtOnce(t *testing.T) {
	s := newStageOf(t, "", true, smol, base)
	s.ready()
	s.q.until(t, "the first chat", func() bool { return s.chat.Conversation() != 0 })
	s.send("Tell me something")
	s.say("Something", " about boats")
	s.q.until(t, "the words", func() bool { return strings.Contains(s.words(), "about boats") })
	s.flush()
	old := s.chat.Conversation()
	s.chat.Focus(s.win.Canvas())
	release := s.block()
	s.deleteChat(store.Conversation{ID: old, Title: "Boats"})
	if w := s.words(); strings.Contains(w, "about boats") || strings.Contains(w, "Stop") {
		t.Errorf("the deleted chat is shown:\n%s", w)
	}
	uitest.TypeRunes(s.win.Canvas(), "one ")
	ended := s.chat.Ended()
	s.q.until(t, "the end of the answer", func() bool { return s.chat.Ended() > ended })
	uitest.TypeRunes(s.win.Canvas(), "two")
	release()
	s.q.until(t, "the new chat", func() bool { return s.chat.Conversation() != 0 })
	if got := s.chat.Composer.Entry.Text; got != "one two" || s.chat.Conversation() == old {
		t.Errorf("chat %d holds %q", s.chat.Conversation(), got)
	}
	if got := s.draftOf(old); got != "" {
		t.Errorf("the deleted chat has the draft %q", got)
	}
}

// If an answer ends while another chat is being opened, what was typed meanwhile is in the chat that is opened.
func TestTypedWhileAnAnswerEnds(t *testing.T) {
	s := newStageOf(t, "", true, smol, base)
	first, second := s.twoChats(t)
	s.reopen(t, first)
	s.model.words = make(chan string)
	s.send("Tell me something")
	s.say("Something")
	s.flush()
	s.chat.Composer.Entry.SetText("first draft")
	s.chat.Composer.Entry.ToEnd()
	release := s.block()
	s.openChat(store.Conversation{ID: second})
	s.chat.Focus(s.win.Canvas())
	uitest.TypeRunes(s.win.Canvas(), " typed")
	close(s.model.words)
	ended := s.chat.Ended()
	s.q.until(t, "the end of the answer", func() bool { return s.chat.Ended() > ended })
	release()
	s.q.until(t, "the second chat", func() bool { return s.chat.Conversation() == second })
	if got := s.chat.Composer.Entry.Text; !strings.HasSuffix(got, " typed") {
		t.Errorf("the second chat holds %q", got)
	}
	s.flush()
	if got := s.draftOf(first); got != "first draft" {
		t.Errorf("the first chat has the draft %q", got)
	}
}

// A chat that comes under the resting pointer when another one is deleted has its menu, too.
func TestMenuOfARowThatMoved(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.fill()
	s.ready()
	open := s.chat.Conversation()
	row := s.side.list.rows[1]
	at := fyne.NewPos(row.Size().Width-16, 10)
	s.deleteChat(row.hit.Conversation)
	s.side.list.rows[1].Tapped(&fyne.PointEvent{Position: at, AbsolutePosition: at})
	if s.win.Canvas().Overlays().Top() == nil || s.chat.Conversation() != open {
		t.Errorf("the click opens chat %d and no menu", s.chat.Conversation())
	}
}

// Esc closes what covers the conversation before it discards a dictation, also while the entry has the focus.
func TestEscapeClosesWhatIsOpen(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	s.win.Resize(fyne.NewSize(560, 640))
	c := s.win.Canvas()
	for what, open := range map[string]func(){
		"the chats":             func() { s.fold(true) },
		"the chats, the search": func() { s.fold(true); c.Focus(s.side.search) },
		"the chats, a button":   func() { s.fold(true); c.Focus(s.side.models) },
		"a menu":                s.chooseModel,
		"a dialog":              func() { s.renameChat(store.Conversation{Title: "A"}) },
	} {
		s.chat.Focus(c)
		s.chat.Talk.Press()
		s.chat.Talk.Release()
		s.recording()
		open()
		s.press(fyne.KeyEscape, 0)
		if s.open || c.Overlays().Top() != nil || s.chat.Talk.State() != voice.Recording {
			t.Errorf("%s: after Esc the list is open: %v, it records: %v", what, s.open, s.chat.Talk.State() == voice.Recording)
		}
		s.press(fyne.KeyEscape, 0)
		if s.chat.Talk.State() != voice.Idle {
			t.Errorf("%s: the second Esc does not discard the dictation", what)
		}
	}
}

// While an answer is written and a dictation runs, Esc is named at the one thing that it does: it stops the answer.
func TestEscapeIsNamedOnce(t *testing.T) {
	for name, elsewhere := range map[string]bool{"dictated here": false, "dictated into another chat": true} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, "", smol, base)
			s.fill()
			s.ready()
			s.openChat(s.side.list.rows[1].hit.Conversation)
			dictate := func() {
				s.chat.Talk.Press()
				s.chat.Talk.Release()
				s.recording()
			}
			if elsewhere {
				dictate()
				s.openChat(s.side.list.rows[2].hit.Conversation)
			}
			s.send("Tell me something")
			s.say("Something")
			s.q.until(t, "the answer", func() bool { return strings.Contains(s.words(), "Something") })
			if !elsewhere {
				s.expect(s.words(), "Stop (Esc)")
				dictate()
			}
			if w := s.shot("escape-once-light"); !strings.Contains(w, "Stop (Esc)") || strings.Contains(w, "Esc discards") || !strings.Contains(w, "click to finish") {
				t.Errorf("shown is\n%s", w)
			}
			s.press(fyne.KeyEscape, 0)
			s.q.until(t, "the end of the answer", func() bool { return !s.chat.Busy() })
			if s.chat.Talk.State() != voice.Recording {
				t.Error("the dictation is discarded")
			}
			if w := s.words(); strings.Contains(w, "(Esc)") || !strings.Contains(w, "Esc discards") {
				t.Errorf("after the answer\n%s", w)
			}
			s.press(fyne.KeyEscape, 0)
			if s.chat.Talk.State() != voice.Idle {
				t.Error("the second Esc does not discard the dictation")
			}
		})
	}
}
