package shell

import (
	"errors"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/app/voice"
	"soberano/asr"
)

// speaking begins a dictation of which the last words wait until the result is closed.
func (s *stage) speaking(final, partial string) (release chan struct{}) {
	s.t.Helper()
	s.fakeSpeech.hold = make(chan struct{})
	s.chat.Focus(s.win.Canvas())
	s.chat.Talk.Press()
	s.chat.Talk.Release()
	s.recording()
	if final != "" {
		s.fakeSpeech.segments <- asr.Segment{Text: final, Language: "en", Final: true}
	}
	s.fakeSpeech.segments <- asr.Segment{Text: partial, Language: "en"}
	s.q.until(s.t, "the words", func() bool { return strings.Contains(s.words(), partial) })
	return s.fakeSpeech.hold
}

// sent waits until the open chat has messages, and returns them.
func (s *stage) sent() string {
	s.t.Helper()
	s.q.until(s.t, "the message", func() bool { return s.texts() != "" })
	return s.texts()
}

// Enter while dictating waits for the last words, and then sends the whole message. What is typed meanwhile is the next message.
func TestEnterWhileDictating(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol, base)
		s.dress(m)
		s.ready()
		release := s.speaking("And so, my fellow Americans,", "ask not what")
		s.shot("dictating-order-" + string(m))
		s.press(fyne.KeyReturn, 0)
		if got := s.texts(); got != "" || s.chat.Composer.Entry.Text != "" {
			t.Errorf("sent: %s; the entry holds %q", got, s.chat.Composer.Entry.Text)
		}
		s.expect(s.words(), "And so, my fellow Americans,", "Sent when the last words are written · Esc cancels")
		s.shot("dictating-sent-" + string(m))
		s.press(fyne.KeyReturn, 3) // nothing more happens
		s.chat.Composer.Entry.SetText("and the next")
		close(release)
		if got := s.sent(); got != "And so, my fellow Americans, and that is all." {
			t.Errorf("sent: %s", got)
		}
		s.answer("Yes.")
		if got := s.chat.Composer.Entry.Text; got != "and the next" {
			t.Errorf("the entry holds %q", got)
		}
		if got := s.texts(); got != "And so, my fellow Americans, and that is all. | Yes." {
			t.Errorf("sent: %s", got)
		}
	})
}

// The button, and words of which none is final yet.
func TestSendWithPartialWordsOnly(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	s.chat.Composer.Entry.SetText("")
	release := s.speaking("", "and that is")
	s.tap("Send")
	s.q.settle()
	if got := s.texts(); got != "" {
		t.Errorf("sent: %s", got)
	}
	close(release)
	if got := s.sent(); got != "and that is all." {
		t.Errorf("sent: %s", got)
	}
}

// The words go where the cursor was.
func TestSendWithWordsInTheMiddle(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	s.chat.Composer.Entry.SetText("Dear Ada, bye")
	s.chat.Composer.Entry.SetCaret(len("Dear Ada,"))
	release := s.speaking("", "and that is")
	s.press(fyne.KeyReturn, 0)
	close(release)
	if got := s.sent(); got != "Dear Ada, and that is all. bye" {
		t.Errorf("sent: %s", got)
	}
}

// Esc keeps the message: it is in the entry with all its words.
func TestEscapeWhileSending(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	release := s.speaking("And so, my fellow Americans,", "ask not what")
	s.press(fyne.KeyReturn, 0)
	s.press(fyne.KeyEscape, 0)
	if got := s.chat.Composer.Entry.Text; got != "And so, my fellow Americans," {
		t.Errorf("after Esc the entry holds %q", got)
	}
	close(release)
	s.silent()
	if got := s.chat.Composer.Entry.Text; got != "And so, my fellow Americans, and that is all." || s.texts() != "" {
		t.Errorf("the entry holds %q; sent: %s", got, s.texts())
	}
}

// If the last words can't be had, nothing is sent, and the message stays in the entry.
func TestDictationFailsWhileSending(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	s.speaking("And so, my fellow Americans,", "ask not what")
	time.Sleep(100 * time.Millisecond) // for sound that can be tried again
	s.press(fyne.KeyReturn, 0)
	s.chat.Composer.Entry.SetText("typed since")
	s.fakeSpeech.fail <- errors.New("asr: the machine ran out of memory")
	s.silent()
	s.q.settle()
	if got := s.chat.Composer.Entry.Text; got != "And so, my fellow Americans,\n\ntyped since" || s.texts() != "" {
		t.Errorf("the entry holds %q; sent: %s", got, s.texts())
	}
	s.expect(s.words(), "Dictation failed.", "Try again")
}

// The message is sent in its chat, also when another one is open by then, and each keeps its own draft.
func TestSendFromAnotherChat(t *testing.T) {
	s := newStageOf(t, "", true, smol, base)
	first, second := s.twoChats(t)
	s.model.words = make(chan string)
	release := s.speaking("And so, my fellow Americans,", "ask not what")
	s.press(fyne.KeyReturn, 0)
	s.chat.Composer.Entry.SetText("the next message")
	s.reopen(t, first)
	if strings.Contains(s.words(), "fellow Americans") {
		t.Error("the message is shown in another chat")
	}
	s.chat.Composer.Entry.SetText("another draft")
	s.reopen(t, second)
	s.expect(s.words(), "And so, my fellow Americans,")
	if got := s.chat.Composer.Entry.Text; got != "the next message" {
		t.Errorf("the entry holds %q", got)
	}
	s.reopen(t, first)
	close(release)
	s.q.until(t, "the message", func() bool {
		m, err := s.store.Messages(second)
		return err == nil && len(m) > 0 && m[0].Content == "And so, my fellow Americans, and that is all."
	})
	s.answer("Yes.")
	if got := s.chat.Composer.Entry.Text; got != "another draft" {
		t.Errorf("the first chat's entry holds %q", got)
	}
	s.reopen(t, second)
	if got := s.chat.Composer.Entry.Text; got != "the next message" {
		t.Errorf("the second chat's entry holds %q", got)
	}
}

// Deleting the chat, discarding the dictation and closing the window keep the message as a draft.
func TestPendingMessageIsNotLost(t *testing.T) {
	for name, end := range map[string]func(*stage){
		"deleted": func(s *stage) {
			s.deleteChat(store.Conversation{ID: s.chat.Conversation()})
			s.tap("Undo")
		},
		"discarded": func(s *stage) { s.chat.Talk.Discard() },
		"closed": func(s *stage) {
			dir := s.Data
			if err := s.Close(); err != nil {
				s.t.Fatal(err)
			}
			*s = *newStage(s.t, dir, smol, base)
			s.ready()
			s.openChat(s.side.list.rows[0].hit.Conversation)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, "", smol, base)
			s.ready()
			s.speaking("And so, my fellow Americans,", "ask not what")
			s.press(fyne.KeyReturn, 0)
			end(s)
			s.q.settle()
			if got := s.chat.Composer.Entry.Text; got != "And so, my fellow Americans," || s.texts() != "" {
				t.Errorf("the entry holds %q; sent: %s", got, s.texts())
			}
			if s.chat.Talk.State() != voice.Idle {
				close(s.fakeSpeech.hold)
				s.silent()
			}
		})
	}
}
