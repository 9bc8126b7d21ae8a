package shell

import (
	"time"

	"soberano/app/problem"
	"soberano/app/store"
	"soberano/app/ui"
)

// saveTime is the interval in which a copy of the chats in memory is saved.
const saveTime = 5 * time.Second

// saving writes the chats into their file as soon as that is possible and again after each change, where the window shows a copy of
// them, since the file could not be written at the start.
type saving struct {
	d     *Shell
	timer *time.Timer
	close func() // closes the card that they are not saved; nil: it is not shown
}

// watch shows the card about the chats, and begins to save them if that is possible at all.
func (s *saving) watch(n problem.Problem) {
	s.show(n)
	if s.d.store.Saves() {
		s.later()
	}
}

func (s *saving) show(n problem.Problem) {
	if s.close == nil {
		s.close = s.d.chat.Notice(ui.Problem{Title: n.Words().Title, Why: n.Text(), Actions: storeActions(s.d, n)})
	}
}

func (s *saving) later() {
	s.timer = time.AfterFunc(saveTime, func() { s.d.Post(s.save) })
}

func (s *saving) save() {
	store.Ask(s.d.work, (*store.Store).Save, func(did bool, err error) {
		switch {
		case err != nil:
			s.show(s.d.store.Notice())
		case did && s.close != nil:
			s.close()
			s.close = nil
		}
		s.later()
	})
}

// end saves no more.
func (s *saving) end() {
	if s.timer != nil {
		s.timer.Stop()
	}
}
