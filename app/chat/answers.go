package chat

import (
	"context"
	"slices"
	"time"

	"fyne.io/fyne/v2"

	"soberano/app/markdown"
	"soberano/app/store"
	"soberano/app/ui"
	"soberano/engine/vision"
)

// unanswered stands for the answer to a question that has none.
func unanswered(question store.Message) store.Message {
	return store.Message{Conversation: question.Conversation, Turn: question.Turn, Role: store.Assistant, State: store.Partial}
}

// answerTo shows an answer, or the job that is writing another one in its place.
func (s *Screen) answerTo(m store.Message, j *job) fyne.CanvasObject {
	a := s.newAnswer()
	s.answers[m.Turn] = a
	if j != nil && j.turn() == m.Turn {
		s.shown = a
		return a.object
	}
	a.lazy = ui.NewLazy(func(width float32) float32 { return ui.GuessLines(m.Content, width) + footHeight }, func() fyne.CanvasObject {
		if !a.filled {
			s.finished(a, m, markdown.Parse(m.Content))
		}
		return a.object
	})
	return a.lazy
}

// ask starts a job that writes an answer in the place of old, which may be the one that stands for none.
func (s *Screen) ask(old store.Message) {
	ctx, cancel := context.WithCancel(context.Background())
	j := &job{conversation: old.Conversation, cancel: cancel, old: old, saved: time.Now(), sight: s.Look,
		picture: func(hash string) (*vision.Image, error) { return s.pictures.get(hash, nil) },
		message: store.Message{Conversation: old.Conversation, Turn: old.Turn, Role: store.Assistant}}
	if s.Overflow != nil {
		j.overflow = s.Overflow()
	}
	s.jobs[j.conversation] = j
	if j.conversation == s.conversation.ID {
		s.shown = s.answers[old.Turn]
	}
	s.Status(s.Runner.Status())
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		defer cancel()
		j.run(ctx, s.Runner, s.Store, s.Every, func() { s.Post(func() { j.paint(func() { s.repaint(j) }) }) })
	}()
}

// repaint shows the progress of a job, or its finished answer.
func (s *Screen) repaint(j *job) {
	if s.closed || s.jobs[j.conversation] != j {
		return
	}
	p := j.look()
	here := j.conversation == s.conversation.ID && s.shown != nil
	follow := here && s.thread.AtBottom()
	if p.saveErr != nil {
		s.unsaved(p.saveErr)
	}
	if p.stage == ended {
		delete(s.jobs, j.conversation)
		s.ended++
		s.done(j, p, here)
	} else if here {
		s.shown.running(p, s.Runner.Status())
		s.showContext()
	}
	if here {
		s.thread.Changed(follow)
	}
}

// done shows the answer of a job that has ended. An answer that could not be stored is kept.
func (s *Screen) done(j *job, p progress, here bool) {
	defer s.ChatsChanged()
	m, blocks := p.result(j.old)
	if p.saveErr != nil {
		s.unstored.answers[j.conversation] = append(s.unstored.answers[j.conversation], &unstoredAnswer{message: m})
	}
	if !here {
		return
	}
	a := s.shown
	s.shown = nil
	s.Say("")
	s.put(m)
	s.finished(a, m, blocks)
	s.Status(s.Runner.Status())
	s.keepFocus()
}

// put adds an answer to the messages, in the place of the one in its turn.
func (s *Screen) put(m store.Message) {
	for i, have := range s.messages {
		if have.Turn != m.Turn {
			continue
		}
		if have.Role == store.Assistant {
			s.messages[i] = m
			return
		}
		if i+1 == len(s.messages) || s.messages[i+1].Turn != m.Turn {
			s.messages = slices.Insert(s.messages, i+1, m)
			return
		}
	}
}

// Stop ends the answer that is being written in this conversation.
func (s *Screen) Stop() {
	if j := s.jobs[s.conversation.ID]; j != nil {
		j.cancel()
	}
}

// StopIn ends the answer that is being written in a conversation, and keeps a message that waits for its last words from being sent.
func (s *Screen) StopIn(conversation int64) {
	if s.pendingIn(conversation) != nil {
		s.unsend()
	}
	if j := s.jobs[conversation]; j != nil {
		j.cancel()
	}
}

// again asks once more for an answer. The new one is shown in its place, whatever was said after it; the old one is kept.
func (s *Screen) again(old store.Message) {
	if s.conversation.ID != old.Conversation || s.answers[old.Turn] == nil || s.busy(old.Conversation) {
		return
	}
	s.ask(old)
	s.thread.Changed(false)
}

// other shows an earlier (-1) or later (1) answer of a turn in the place of m.
func (s *Screen) other(m store.Message, by int) {
	store.Ask(s.Work, func(db *store.Store) (store.Message, error) { return db.Other(m.ID, by) }, func(other store.Message, err error) {
		if err != nil {
			s.kept(err)
			return
		}
		a := s.answers[other.Turn]
		if other.Conversation != s.conversation.ID || a == nil || a == s.shown {
			return
		}
		s.put(other)
		s.finished(a, other, markdown.Parse(other.Content))
		s.thread.Changed(false)
	})
}

// newWith starts a conversation with the question of a turn, which does not fit into this one.
func (s *Screen) newWith(turn int64) {
	for _, m := range s.messages {
		if m.ID == turn {
			s.NewChat(m.Content, m.Images)
		}
	}
}
