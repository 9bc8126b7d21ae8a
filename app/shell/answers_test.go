package shell

import (
	"strings"
	"testing"

	"soberano/app/store"
	"soberano/app/ui"
	"soberano/engine"
)

// answer lets the model answer with words, and waits for the end.
func (s *stage) answer(words ...string) {
	s.t.Helper()
	s.say(words...)
	close(s.model.words)
	s.q.until(s.t, "the end of the answer", func() bool { return !s.chat.Busy() })
	s.model.words = make(chan string)
}

// texts returns the messages of the open chat that the store shows.
func (s *stage) texts() string {
	s.t.Helper()
	messages, err := s.store.Messages(s.chat.Conversation())
	if err != nil {
		s.t.Fatal(err)
	}
	var list []string
	for _, m := range messages {
		list = append(list, m.Content)
	}
	return strings.Join(list, " | ")
}

// asked returns the messages that the model was given last.
func (s *stage) asked() string {
	var r engine.Request
	for len(s.model.asked) > 0 {
		r = <-s.model.asked
	}
	var list []string
	for _, m := range r.Messages {
		list = append(list, m.Content)
	}
	return strings.Join(list, " | ")
}

// Try again asks again for the answer under which it stands, whatever was said after it. The question gets the messages before it;
// the later ones stay. The replaced answer can be shown again, also after the chat was opened again.
func TestTryAgainUnderAnEarlierAnswer(t *testing.T) {
	themes(t, func(t *testing.T, m ui.Mode) {
		s := newStage(t, "", smol)
		s.dress(m)
		s.ready()
		s.send("Write a story")
		s.say("Once upon")
		s.chat.Stop()
		s.q.until(t, "the stop", func() bool { return !s.chat.Busy() })
		s.send("Hello")
		s.answer("Hello to you.")
		s.asked()
		s.tapFirst("Try again")
		s.say("There was")
		s.q.until(t, "the new words", func() bool { return strings.Contains(s.words(), "There was") })
		s.expect(s.shot("again-writing-"+string(m)), "Write a story Edit There was", "Stop (Esc) Hello Edit Hello to you.")
		s.answer(" a ship.")
		if got := s.asked(); got != "Write a story" {
			t.Errorf("the model was asked %q", got)
		}
		s.expect(s.shot("again-done-"+string(m)), "There was a ship. Copy answer Try again Answer 2 of 2 Earlier answer Hello Edit Hello to you.")
		if got := s.texts(); got != "Write a story | There was a ship. | Hello | Hello to you." {
			t.Errorf("stored: %s", got)
		}
		s.tap("Earlier answer")
		s.expect(s.shot("again-earlier-"+string(m)), "Once upon Copy answer Stopped. Try again Answer 1 of 2 Later answer Hello Edit Hello to you.")
		c := store.Conversation{ID: s.chat.Conversation()}
		s.newChat("")
		s.openChat(c)
		s.expect(s.words(), "Once upon Copy answer Stopped. Try again Answer 1 of 2 Later answer Hello Edit Hello to you.")
		s.tap("Later answer")
		if got := s.texts(); got != "Write a story | There was a ship. | Hello | Hello to you." {
			t.Errorf("stored: %s", got)
		}
		s.asked()
		s.send("Bye")
		s.answer("Bye.")
		if got := s.asked(); got != "Write a story | There was a ship. | Hello | Hello to you. | Bye" {
			t.Errorf("the model was asked %q", got)
		}
	})
}

// What the engine tells apart as a thought is folded while it is written and later, stored between marks, and not sent back to the
// model with the next question.
func TestThoughtsOfTheEngine(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.send("Is it far?")
	s.say("(thinks) Two ", "(thinks) miles.")
	s.q.until(t, "the thought", func() bool { return strings.Contains(s.words(), "Thinking… · show") })
	s.answer("No.")
	s.expect(s.words(), "Is it far? Edit Show the thoughts No. Copy answer")
	if got := s.texts(); got != "Is it far? | <think>\nTwo miles.\n</think>\n\nNo." {
		t.Errorf("stored: %q", got)
	}
	s.asked()
	s.send("Sure?")
	s.answer("Yes.")
	if got := s.asked(); got != "Is it far? | No. | Sure?" {
		t.Errorf("the model was asked %q", got)
	}
}

// Leaving the chat while an earlier answer is tried again, and coming back, shows the new one in its place.
func TestTryAgainInAnotherChat(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.send("Write a story")
	s.say("Once")
	s.chat.Stop()
	s.q.until(t, "the stop", func() bool { return !s.chat.Busy() })
	s.send("Hello")
	s.answer("Hello to you.")
	c := store.Conversation{ID: s.chat.Conversation()}
	s.tapFirst("Try again")
	s.say("There")
	s.newChat("")
	s.say(" was")
	s.openChat(c)
	s.q.until(t, "the new words", func() bool { return strings.Contains(s.words(), "There was") })
	s.expect(s.words(), "Write a story Edit There was", "Stop (Esc) Hello Edit Hello to you.")
	s.newChat("")
	s.answer(" a ship.")
	s.openChat(c)
	s.expect(s.words(), "There was a ship. Copy answer Try again Answer 2 of 2 Earlier answer Hello Edit Hello to you.")
}

// A question without an answer can be asked again, whatever was said after it, and an answer that was stopped before its first word.
func TestTryAgainWithoutAnAnswer(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	c, err := s.store.New()
	for _, text := range []string{"A question", "Another question"} {
		if err == nil {
			_, err = s.store.Append(store.Message{Conversation: c.ID, Role: store.User, Content: text})
		}
	}
	if err == nil {
		_, err = s.store.Append(store.Message{Conversation: c.ID, Role: store.Assistant, Content: "Another answer."})
	}
	if err != nil {
		t.Fatal(err)
	}
	s.openChat(c)
	s.expect(s.words(), "A question Edit Not answered. Try again Another question Edit Another answer.")
	s.tapFirst("Try again")
	s.q.until(t, "the question", func() bool { return len(s.model.asked) > 0 })
	s.chat.Stop()
	s.q.until(t, "the stop", func() bool { return !s.chat.Busy() })
	s.expect(s.words(), "A question Edit Stopped. Try again Another question Edit Another answer.")
	s.newChat("")
	s.openChat(c)
	s.expect(s.words(), "A question Edit Stopped. Try again Another question Edit Another answer.")
	s.tapFirst("Try again")
	s.answer("An answer.")
	s.expect(s.words(), "A question Edit An answer. Copy answer", "Another question Edit Another answer.")
	if got := s.texts(); got != "A question | An answer. | Another question | Another answer." {
		t.Errorf("stored: %s", got)
	}
}

// Trying again and stopping before the first word leaves the answer as it was.
func TestTryAgainAndStop(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.send("Write a story")
	s.say("Once upon")
	s.chat.Stop()
	s.q.until(t, "the stop", func() bool { return !s.chat.Busy() })
	s.tapFirst("Try again")
	s.q.until(t, "the question", func() bool { return len(s.model.asked) == 2 })
	s.tap("Stop (Esc)")
	s.q.until(t, "the stop", func() bool { return !s.chat.Busy() })
	s.expect(s.words(), "Once upon Copy answer Stopped. Try again")
	if got := s.texts(); got != "Write a story | Once upon" || strings.Contains(s.words(), "Answer 1") {
		t.Errorf("stored: %s; shown:\n%s", got, s.words())
	}
}

// No new chat is offered for a message that would not fit there either, unless earlier questions without answers belong to it.
func TestMessageTooLongAlone(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.model.err = &engine.ContextError{Prompt: 2707, Message: 2600, Context: 2048}
	s.send("The long message")
	s.q.until(t, "the failure", func() bool { return !s.chat.Busy() })
	s.expect(s.words(), "Your message is too long.", "alone has 2,600 tokens", "Choose another model")
	if strings.Contains(strings.ToLower(s.words()), "new chat with") || strings.Contains(s.words(), "Start a new chat") {
		t.Errorf("a new chat is offered:\n%s", s.words())
	}
	s.send("A short one")
	s.q.until(t, "the second failure", func() bool { return !s.chat.Busy() })
	s.expect(s.words(), "Your message does not fit.", "New chat with this message")
}

// "New chat with this message" takes the message that did not fit, whatever was said after it.
func TestNewChatWithAnEarlierMessage(t *testing.T) {
	s := newStage(t, "", smol)
	s.ready()
	s.model.err = &engine.ContextError{Prompt: 2707, Context: 2048}
	s.send("The long message")
	s.q.until(t, "the failure", func() bool { return !s.chat.Busy() })
	s.model.err = nil
	s.send("A short one")
	s.answer("Yes.")
	s.tap("New chat with this message")
	if got := s.chat.Composer.Entry.Text; got != "The long message" {
		t.Errorf("the new chat's entry holds %q", got)
	}
}
