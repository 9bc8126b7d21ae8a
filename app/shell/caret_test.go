package shell

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/app/ui/uitest"
	"soberano/asr"
)

// click clicks into the entry of the chat.
func (s *stage) click(x, y float32) {
	e := s.chat.Composer.Entry
	m := &desktop.MouseEvent{Button: desktop.MouseButtonPrimary, PointEvent: fyne.PointEvent{Position: fyne.NewPos(x, y)}}
	e.MouseDown(m)
	e.MouseUp(m)
}

// heard gives final words to the running dictation, and waits until they are in the entry.
func (s *stage) heard(words string) {
	s.t.Helper()
	before := s.chat.Composer.Entry.Text
	s.fakeSpeech.segments <- asr.Segment{Text: words, Language: "en", Final: true}
	s.q.until(s.t, "the words", func() bool { return s.chat.Composer.Entry.Text != before })
}

// dictate begins a dictation at an offset of a draft.
func (s *stage) dictate(draft string, at int) {
	s.t.Helper()
	s.chat.Focus(s.win.Canvas())
	s.chat.Composer.Entry.SetText(draft)
	s.chat.Composer.Entry.SetCaret(at)
	s.chat.Talk.Press()
	s.chat.Talk.Release()
	s.recording()
}

// The words of a dictation stay together where it was begun, whatever is clicked and typed meanwhile, and what is typed stays where it
// was typed.
func TestClickWhileDictating(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol, base)
		s.dress(m)
		s.ready()
		s.dictate("Dear Ada, bye", len("Dear Ada,"))
		s.heard("One two")
		s.click(8, 8)
		uitest.TypeRunes(s.win.Canvas(), "Oh, d")
		s.press(fyne.KeyDelete, 0)
		s.heard("three")
		s.shot("dictating-elsewhere-" + string(m))
		s.chat.Composer.Entry.ToEnd()
		uitest.TypeRunes(s.win.Canvas(), "!")
		s.heard("four.")
		if got := s.chat.Composer.Entry.Text; got != "Oh, dear Ada, One two three four. bye!" {
			t.Errorf("the entry holds %q", got)
		}
		if e := s.chat.Composer.Entry; e.Caret() != len(e.Text) {
			t.Errorf("the caret is at %d of %d", e.Caret(), len(e.Text))
		}
		s.press(fyne.KeyReturn, 0)
		if got := s.sent(); got != "Oh, dear Ada, One two three four. and that is all. bye!" {
			t.Errorf("sent: %s", got)
		}
	})
}

// A selection that is made while dictating is not replaced by the words; one that was there when the dictation was begun is, once.
func TestSelectionWhileDictating(t *testing.T) {
	s := newStage(t, "", smol, base)
	s.ready()
	e := s.chat.Composer.Entry
	s.dictate("one two three", len("one"))
	e.SelectAll()
	s.heard("and a half")
	if e.Text != "one and a half two three" || e.SelectedText() != e.Text {
		t.Errorf("the entry holds %q, selected is %q", e.Text, e.SelectedText())
	}
	s.chat.Talk.Discard()
	s.silent()
	e.SetText("nothing of this")
	e.SelectAll()
	s.chat.Talk.Press()
	s.chat.Talk.Release()
	s.recording()
	s.heard("Something")
	s.heard("else.")
	if e.Text != "Something else." {
		t.Errorf("the entry holds %q", e.Text)
	}
}

// The place is kept while another chat is open, and after the way back.
func TestPlaceOfADictationInAnotherChat(t *testing.T) {
	s := newStageOf(t, "", true, smol, base)
	first, second := s.twoChats(t)
	s.reopen(t, first)
	s.dictate("Dear Ada, bye", len("Dear Ada,"))
	s.heard("one")
	s.reopen(t, second)
	for _, words := range []string{"two", "three"} {
		s.fakeSpeech.segments <- asr.Segment{Text: words, Language: "en", Final: true}
	}
	s.q.until(t, "the words", func() bool { s.flush(); return s.draftOf(first) == "Dear Ada, one two three bye" })
	s.reopen(t, first)
	s.click(8, 8)
	s.heard("four")
	s.chat.Talk.Finish()
	s.silent()
	if got := s.chat.Composer.Entry.Text; got != "Dear Ada, one two three four and that is all. bye" {
		t.Errorf("the entry holds %q", got)
	}
}

// Words that arrive while another chat is being opened are in the chat in which they were dictated, and what is typed meanwhile is in
// the one that is opened.
func TestWordsWhileAChatOpens(t *testing.T) {
	for name, sending := range map[string]bool{"written": false, "sent": true} {
		t.Run(name, func(t *testing.T) {
			s := newStageOf(t, "", true, smol, base)
			first, second := s.twoChats(t)
			s.reopen(t, first)
			s.dictate("Dear Ada,", len("Dear Ada,"))
			if sending {
				s.fakeSpeech.hold = make(chan struct{})
				s.press(fyne.KeyReturn, 0)
			}
			release := s.block()
			s.openChat(store.Conversation{ID: second})
			uitest.TypeRunes(s.win.Canvas(), "typed")
			if sending {
				close(s.fakeSpeech.hold)
			} else {
				s.fakeSpeech.segments <- asr.Segment{Text: "how are you", Language: "en", Final: true}
				s.chat.Talk.Finish()
			}
			s.silent()
			uitest.TypeRunes(s.win.Canvas(), " more")
			release()
			s.q.until(t, "the second chat", func() bool { return s.chat.Conversation() == second })
			s.flush()
			s.flush()
			if got := s.chat.Composer.Entry.Text; got != "typed more" {
				t.Errorf("the opened chat holds %q", got)
			}
			want := "Dear Ada, how are you and that is all."
			if sending {
				want = ""
				s.q.until(t, "the message", func() bool {
					m, err := s.store.Messages(first)
					return err == nil && len(m) > 2 && m[2].Content == "Dear Ada, and that is all."
				})
			}
			if got := s.draftOf(first); got != want {
				t.Errorf("the first chat has the draft %q", got)
			}
		})
	}
}

// What is typed and sent while a new chat is being created is sent there.
func TestEnterWhileAChatOpens(t *testing.T) {
	s := newStageOf(t, "", true, smol)
	first, second := s.twoChats(t)
	s.model.words = make(chan string)
	s.reopen(t, first)
	s.chat.Composer.Entry.SetText("a draft")
	s.chat.Composer.Entry.ToEnd()
	s.chat.Focus(s.win.Canvas())
	release := s.block()
	s.shortcut(control(fyne.KeyN))
	uitest.TypeRunes(s.win.Canvas(), "Hello again")
	s.press(fyne.KeyReturn, 0)
	release()
	s.q.until(t, "the message", func() bool { return s.chat.Conversation() == second && s.texts() != "" })
	if got := s.texts(); got != "Hello again" || s.chat.Composer.Entry.Text != "" {
		t.Errorf("sent: %s; the entry holds %q", got, s.chat.Composer.Entry.Text)
	}
	if got := s.draftOf(first); got != "a draft" {
		t.Errorf("the first chat has the draft %q", got)
	}
	s.answer("Hi.")
}
