package ui

import "time"

// SoonTime is how long typed text is in memory only.
const SoonTime = 500 * time.Millisecond

// Soon calls a function shortly after the first of several changes, for example to store what is being typed even while the typing
// goes on. Its methods are for the UI goroutine.
type Soon struct {
	Post  func(func()) // runs a function later on the UI goroutine
	Do    func()
	timer *time.Timer
}

// Start calls s.Do after SoonTime, unless that is going to happen already.
func (s *Soon) Start() {
	if s.timer != nil {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(SoonTime, func() {
		s.Post(func() {
			if s.timer == timer {
				s.timer = nil
				s.Do()
			}
		})
	})
	s.timer = timer
}

// Stop takes back what Start has begun.
func (s *Soon) Stop() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}
